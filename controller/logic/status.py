"""The connector's status as a projection: computed from what is true, never stored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controller.logic.records import ChargingState
from controller.logic.session import Stage


class ConnectorStatus(StrEnum):
    """The projection both versions report from. 1.6 names; 2.x folds the middle five into Occupied."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything a status is made of.

    in_use: a driver's business is under way that a change of availability must not interrupt. ev_has_left: authorised, with a
    transaction that goes on without its EV. fault: the worst stopping one, or `safety_lost`; empty where none. is_operative:
    the persistent setting of station, EVSE and connector together. awaits_reset: a pending reset takes free EVSEs out of service.
    """

    stage: Stage
    charging_state: ChargingState
    in_use: bool
    is_operative: bool
    ev_has_left: bool = False
    fault: str = ""
    awaits_reset: bool = False
    is_reserved: bool = False


_OF_STATE = {
    ChargingState.CHARGING: ConnectorStatus.CHARGING,
    ChargingState.SUSPENDED_EV: ConnectorStatus.SUSPENDED_EV,
    ChargingState.SUSPENDED_EVSE: ConnectorStatus.SUSPENDED_EVSE,
}


def connector_status(seen: Seen) -> ConnectorStatus:
    """Return the status to report."""
    if seen.fault:
        return ConnectorStatus.FAULTED
    if not seen.in_use and not seen.is_operative:
        return ConnectorStatus.UNAVAILABLE  # G03.FR.05: a running transaction is finished first
    if seen.ev_has_left:
        return ConnectorStatus.SUSPENDED_EV  # 1.6 §4.9, StopTransactionOnEVSideDisconnect = false
    match seen.stage:
        case Stage.AUTHORIZED:
            return _OF_STATE.get(seen.charging_state, ConnectorStatus.PREPARING)
        case Stage.ENDING | Stage.FINISHED:
            return ConnectorStatus.FINISHING
        case Stage.ASKING | Stage.AWAITING_EV | Stage.AWAITING_DRIVER:
            return ConnectorStatus.PREPARING
        case Stage.FREE if seen.in_use:
            return ConnectorStatus.PREPARING  # a transaction by the parking bay
    if seen.is_reserved:
        return ConnectorStatus.RESERVED
    return ConnectorStatus.UNAVAILABLE if seen.awaits_reset else ConnectorStatus.AVAILABLE  # B12, scenario 3a
