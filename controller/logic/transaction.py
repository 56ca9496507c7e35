"""When a transaction begins and ends, as a pure policy over what is true of a charging session.

Rules (OCPP 2.0.1 Part 2, E01, E06 and 2.6.6 with the errata of 2025-09):

* Each value of TxStartPoint names a fact. The first of them that comes true while no transaction runs starts exactly one.
* A fact that was true when a transaction began or ended is spent: it starts nothing more until it has been false again
  (a car that stays plugged in after a local stop does not begin a second transaction by TxStartPoint = EVConnected).
* No energy goes past all transactions: where every value of TxStartPoint is spent and somebody authorises anew, PowerPathClosed
  starts one.
* Each value of TxStopPoint names a fact that must stay true: the first that turns false ends the transaction. A fact that
  was never true in the transaction cannot turn false.
* PowerPathClosed is EVConnected and Authorized, whatever the relay does. As a stop point it equals EVConnected, Authorized.
* A transaction that nobody is authorised for, without an EV and with an empty bay, ends whatever TxStopPoint says: nothing could end
  it any more, and the next driver would be taken for its own.
* DataSigned means nothing as a stop point (E06.FR.05 is deleted).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from controller.logic.records import ChargingState


class TxPoint(StrEnum):
    """Values of TxStartPoint and TxStopPoint, in the order in which they come about in an ordinary session."""

    PARKING_BAY_OCCUPANCY = "ParkingBayOccupancy"
    EV_CONNECTED = "EVConnected"
    AUTHORIZED = "Authorized"
    DATA_SIGNED = "DataSigned"
    POWER_PATH_CLOSED = "PowerPathClosed"
    ENERGY_TRANSFER = "EnergyTransfer"


@dataclass(frozen=True, slots=True)
class TxFacts:
    """What is true of a session at one moment."""

    bay_occupied: bool = False
    ev_connected: bool = False
    authorized: bool = False
    data_signed: bool = False
    energy_flows: bool = False

    def holds(self, point: TxPoint) -> bool:
        match point:
            case TxPoint.PARKING_BAY_OCCUPANCY:
                return self.bay_occupied
            case TxPoint.EV_CONNECTED:
                return self.ev_connected
            case TxPoint.AUTHORIZED:
                return self.authorized
            case TxPoint.DATA_SIGNED:
                return self.data_signed
            case TxPoint.POWER_PATH_CLOSED:
                return self.ev_connected and self.authorized
            case TxPoint.ENERGY_TRANSFER:
                return self.energy_flows

    @property
    def is_abandoned(self) -> bool:
        return not (self.bay_occupied or self.ev_connected or self.authorized)

    def held(self) -> frozenset[TxPoint]:
        return frozenset(point for point in TxPoint if self.holds(point))


@dataclass(frozen=True, slots=True)
class TxPolicy:
    """TxStartPoint and TxStopPoint."""

    start: frozenset[TxPoint]
    stop: frozenset[TxPoint]

    @classmethod
    def parse(cls, start: str, stop: str) -> TxPolicy:
        """Read the variables' comma separated lists. Raises ValueError naming the value that is none."""
        return cls(_members("TxStartPoint", start), _members("TxStopPoint", stop))

    def starting_point(self, facts: TxFacts, spent: frozenset[TxPoint]) -> TxPoint | None:
        """Return the point that starts a transaction now, or None. Call only while none runs (E01.FR.01-06)."""
        for point in TxPoint:
            if point in self.start and point not in spent and facts.holds(point):
                return point
        last_resort = TxPoint.POWER_PATH_CLOSED
        if self.start and self.start <= spent and last_resort not in spent and facts.holds(last_resort):
            return last_resort
        return None

    def stopping_point(self, before: TxFacts, after: TxFacts) -> TxPoint | None:
        """Return the point by which a running transaction ends, or None (E06.FR.01-04, E06.FR.06, E06.FR.07)."""
        for point in TxPoint:
            if point in self.stop and any(
                before.holds(part) and not after.holds(part) for part in _STOPS_WITH.get(point, (point,))
            ):
                return point
        return None

    @property
    def ends_with_authorization(self) -> bool:
        return bool(self.stop & {TxPoint.AUTHORIZED, TxPoint.POWER_PATH_CLOSED})

    @property
    def ends_with_plug(self) -> bool:
        return bool(self.stop & {TxPoint.EV_CONNECTED, TxPoint.POWER_PATH_CLOSED})


_STOPS_WITH: dict[TxPoint, tuple[TxPoint, ...]] = {
    TxPoint.POWER_PATH_CLOSED: (TxPoint.EV_CONNECTED, TxPoint.AUTHORIZED),
    TxPoint.DATA_SIGNED: (),
}


def still_spent(spent: frozenset[TxPoint], facts: TxFacts) -> frozenset[TxPoint]:
    """Return which spent points stay spent: those whose fact has not been false since."""
    return spent & facts.held()


def ocpp16_policy(*, stop_on_ev_side_disconnect: bool) -> TxPolicy:
    """The setting that behaves as OCPP 1.6 does (Part 2, Table 95).

    With StopTransactionOnEVSideDisconnect = false a 1.6 transaction outlives the plug, so that EVConnected is no stop point.
    """
    stop = {TxPoint.AUTHORIZED} | ({TxPoint.EV_CONNECTED} if stop_on_ev_side_disconnect else set())
    return TxPolicy(frozenset({TxPoint.POWER_PATH_CLOSED}), frozenset(stop))


def _members(variable: str, text: str) -> frozenset[TxPoint]:
    names: Iterable[str] = (name.strip() for name in text.split(",") if name.strip())
    points = set()
    for name in names:
        try:
            points.add(TxPoint(name))
        except ValueError:
            raise ValueError(f"TxCtrlr.{variable}: {name!r} is not one of {', '.join(TxPoint)}") from None
    return frozenset(points)


@dataclass(frozen=True, slots=True)
class Supply:
    """What decides the charging state of a connected EV.

    connected: EV and EVSE. authorized: authorisation stands. offers: we hold a permit for at least 6 A and nothing is
    faulted. signals: the EV is shown the PWM (it is not while a pause of our own lasts). asks: pilot C or D. closed: the contactor. flows: the meter sees energy (or there is none to ask).
    patience_over: the EV has had its time to react since we began to offer. previous: the state up to now, None before
    the first.
    """

    connected: bool
    authorized: bool
    offers: bool
    signals: bool
    asks: bool
    closed: bool
    flows: bool
    patience_over: bool
    previous: ChargingState | None


_UNDER_POWER = (ChargingState.CHARGING, ChargingState.SUSPENDED_EV, ChargingState.SUSPENDED_EVSE)


def charging_state(supply: Supply) -> ChargingState:
    """Return the state of the charging process (ChargingStateEnumType)."""
    if not supply.connected:
        return ChargingState.IDLE
    if not supply.authorized:
        # The card only asks for the end: until the contactor is open it has not come (Part 6, EVConnectedPostSession).
        is_ending = supply.closed and supply.previous in _UNDER_POWER
        return supply.previous if is_ending and supply.previous is not None else ChargingState.EV_CONNECTED
    if not supply.offers:
        return ChargingState.SUSPENDED_EVSE  # also where the EV has suspended, too
    if not supply.signals and supply.previous in _UNDER_POWER:
        return ChargingState.SUSPENDED_EVSE  # a pause after an opening or an error, a self-test, a switch of phases
    if supply.closed and supply.asks:
        return ChargingState.CHARGING if supply.flows else ChargingState.SUSPENDED_EV
    if supply.asks:  # self-tests, lock and contactor take their time, at most 3 s where nothing is in the way
        return ChargingState.SUSPENDED_EVSE if supply.patience_over else supply.previous or ChargingState.EV_CONNECTED
    if supply.patience_over or supply.previous in (ChargingState.CHARGING, ChargingState.SUSPENDED_EV):
        return ChargingState.SUSPENDED_EV
    if supply.previous is None or supply.previous is ChargingState.IDLE:
        return ChargingState.EV_CONNECTED
    return supply.previous
