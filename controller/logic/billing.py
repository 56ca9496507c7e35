"""The transaction of a session: what is open, how it ends, what its next event must tell. Used by `session.py` only.

Rules: exactly one STARTED and at most one ENDED for each id. A token is told once, in the first event after it was authorised
(E01.FR.10); where a CSMS had asked for the start, that event says RemoteStart and its id whatever else happened by then
(F01.FR.19, F02.FR.21). The stopped reason is the one that initiated the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.logic.records import ChargingState, EventKind, StopReason, Trigger
from controller.logic.session_events import Authorization, Billed, RecordEvent
from controller.logic.transaction import TxFacts, TxPoint, still_spent
from controller.logic.values import IdToken

_DEFAULT_TRIGGER = {
    TxPoint.PARKING_BAY_OCCUPANCY: Trigger.EV_DETECTED,
    TxPoint.EV_CONNECTED: Trigger.CABLE_PLUGGED_IN,
    TxPoint.AUTHORIZED: Trigger.AUTHORIZED,
    TxPoint.DATA_SIGNED: Trigger.SIGNED_DATA_RECEIVED,
}
_GENERIC = (Trigger.CHARGING_STATE_CHANGED, Trigger.ABNORMAL_CONDITION)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a transaction has begun; it is recorded when the contactor is open. until: monotonic, the latest.

    plug_key: the plug-in in which the end began, None where none was.
    """

    trigger: Trigger
    reason: StopReason
    id_token: IdToken | None
    until: float
    plug_key: tuple[str, int] | None


class Billing:
    def __init__(self) -> None:
        self.open: Billed | None = None
        self.ending: Ending | None = None
        self.stop_reason: StopReason | None = None  # what initiated the end, however long before it
        self._spent: frozenset[TxPoint] = frozenset()
        self._untold: Authorization | None = None

    @property
    def spent(self) -> frozenset[TxPoint]:
        return self._spent

    @property
    def is_running(self) -> bool:
        """A transaction is open and is not about to end."""
        return self.open is not None and self.ending is None

    def spend(self, points: frozenset[TxPoint]) -> None:
        self._spent |= points

    def follow(self, facts: TxFacts) -> None:
        self._spent = still_spent(self._spent, facts)

    def authorized(self, given: Authorization) -> None:
        self._untold = given
        self.stop_reason = None
        if self.open is not None:
            self.open = replace(self.open, id_token=given.id_token, group=given.group)

    def take_over(self, billed: Billed | None, given: Authorization | None) -> None:
        """Go on with a transaction that began elsewhere; where none did, its STARTED will name the authorisation."""
        self.open = billed
        self._untold = given if billed is None else None

    def forget(self) -> Billed | None:
        """Give the transaction away."""
        billed, self.open, self._untold = self.open, None, None
        return billed

    def authorization_ended(self, reason: StopReason) -> None:
        self._untold = None
        if self.is_running:
            self.stop_reason = self.stop_reason or reason

    def register_known(self, register_wh: int) -> None:
        if self.open is not None and self.open.start_register_wh is None:
            self.open = replace(self.open, start_register_wh=register_wh)

    def grouped(self, group: str | None) -> None:
        if self.open is not None:
            self.open = replace(self.open, group=group)

    def start(
        self, billed: Billed, point: TxPoint, facts: TxFacts, trigger: Trigger, state: ChargingState, session_id: str
    ) -> RecordEvent:
        self.open, self.stop_reason = billed, None
        self._spent = facts.held()
        if trigger in _GENERIC:
            trigger = _DEFAULT_TRIGGER.get(point, Trigger.CHARGING_STATE_CHANGED)
        return self._event(EventKind.STARTED, trigger, state, session_id)

    def update(self, trigger: Trigger, state: ChargingState, session_id: str, token: IdToken | None) -> RecordEvent:
        return self._event(EventKind.UPDATED, trigger, state, session_id, token)

    def finish(self, facts: TxFacts, plug_key: tuple[str, int] | None, session_id: str) -> RecordEvent:
        """Record the end. Only while one is under way."""
        ending = self.ending
        assert ending is not None
        state = ChargingState.EV_CONNECTED if facts.ev_connected else ChargingState.IDLE
        self._untold = None
        event = self._event(EventKind.ENDED, ending.trigger, state, session_id, ending.id_token)
        self.open = self.ending = self.stop_reason = None
        if ending.plug_key == plug_key:  # another car's plug-in has nothing spent yet
            self._spent = facts.held()
        return replace(event, stopped_reason=ending.reason)

    def _event(
        self, kind: EventKind, trigger: Trigger, state: ChargingState, session_id: str, token: IdToken | None = None
    ) -> RecordEvent:
        assert self.open is not None
        told, self._untold = self._untold, None
        self.open = replace(self.open, reported_state=state)
        return RecordEvent(
            transaction_id=self.open.id,
            session_id=session_id,
            kind=kind,
            trigger=Trigger.REMOTE_START if told is not None and told.is_remote else trigger,
            charging_state=state,
            id_token=told.id_token if told is not None else token,
            group=self.open.group if kind is EventKind.STARTED else None,
            remote_start_id=told.remote_start_id if told is not None else None,
        )
