"""What an EVSE shows to people, as a projection: computed from what is true, never stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from controller.logic.session import Stage
from controller.logic.status import ConnectorStatus


class Indication(StrEnum):
    """In the order of urgency: one light for several EVSEs shows the first of theirs."""

    CARD_REFUSED = "card_refused"  # for a moment
    CARD_ACCEPTED = "card_accepted"  # for a moment
    FAULT = "fault"
    CHECKING = "checking"  # a token was presented, its answer is awaited
    PLUG_IN = "plug_in"  # authorised, no vehicle yet
    WAITING_FOR_CARD = "waiting_for_card"  # plugged in, nobody authorised
    STARTING = "starting"  # authorised and plugged in, no energy has flowed
    FINISHED = "finished"  # over, still plugged in
    CHARGING = "charging"
    PAUSED = "paused"  # the station offers no current now: a limit, a profile, warmth
    PAUSED_BY_VEHICLE = "paused_by_vehicle"  # current is offered, the vehicle does not take it
    AVAILABLE = "available"
    OFFLINE = "offline"  # available; no CSMS is reached, whom the station knows charges all the same
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"  # out of service on purpose
    UPDATING = "updating"  # about to restart


_URGENCY = {each: place for place, each in enumerate(Indication)}


class CardOutcome(StrEnum):
    """What came of a token that was presented a moment ago."""

    NONE = "none"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Shown:
    """What an indicator is to show of one EVSE. power_w: that flows, None where unknown."""

    evse_id: int
    indication: Indication
    power_w: float | None = None


_OF_STATUS = {
    ConnectorStatus.AVAILABLE: Indication.AVAILABLE,
    ConnectorStatus.CHARGING: Indication.CHARGING,
    ConnectorStatus.SUSPENDED_EVSE: Indication.PAUSED,
    ConnectorStatus.SUSPENDED_EV: Indication.PAUSED_BY_VEHICLE,
    ConnectorStatus.FINISHING: Indication.FINISHED,
    ConnectorStatus.RESERVED: Indication.RESERVED,
    ConnectorStatus.UNAVAILABLE: Indication.UNAVAILABLE,
    ConnectorStatus.FAULTED: Indication.FAULT,
}
_PREPARING = {
    Stage.ASKING: Indication.CHECKING,
    Stage.AWAITING_EV: Indication.PLUG_IN,
    Stage.AUTHORIZED: Indication.STARTING,
}


def indication(
    status: ConnectorStatus, stage: Stage, lobby: Stage, card: CardOutcome, *, is_online: bool, is_restarting: bool
) -> Indication:
    """Return what one EVSE shows.

    lobby: stage of whoever came without an EVSE being known: it shows at every free one. card: of the last moment, at this EVSE or none.
    is_restarting: nothing begins any more, because the station is about to restart.
    """
    if card is not CardOutcome.NONE:
        return Indication.CARD_ACCEPTED if card is CardOutcome.ACCEPTED else Indication.CARD_REFUSED
    if is_restarting and status in (ConnectorStatus.AVAILABLE, ConnectorStatus.UNAVAILABLE):
        return Indication.UPDATING
    if status is ConnectorStatus.PREPARING:
        return _PREPARING.get(stage, Indication.WAITING_FOR_CARD)
    if status is ConnectorStatus.AVAILABLE:
        if lobby in (Stage.ASKING, Stage.AWAITING_EV):
            return _PREPARING[lobby]
        return Indication.AVAILABLE if is_online else Indication.OFFLINE
    return _OF_STATUS[status]


def most_urgent(shown: Iterable[Shown]) -> Indication:
    """Return what a light for all of them shows. At least one must be given."""
    return min((each.indication for each in shown), key=_URGENCY.__getitem__)
