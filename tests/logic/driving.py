"""Drives one session machine as its shell would, and keeps the books that an auditor would check."""

from __future__ import annotations

import dataclasses
from itertools import count

from controller.logic import session_events as to
from controller.logic.evse import ContactorState, EvseFacts, LockState, PilotOutput, PilotState, PlugState
from controller.logic.records import Basis, EventKind, StopReason
from controller.logic.session import Session
from controller.logic.session_events import RecordEvent, SessionEffect, SessionEvent, SessionRules
from controller.logic.transaction import TxPoint, TxPolicy
from controller.logic.values import IdToken

ANNA = IdToken("04AABBCC")
BERT = IdToken("04DDEEFF")

FREE = EvseFacts(
    evse_id=1,
    run_id="run-1",
    at_s=0.0,
    pilot=PilotState.A,
    plug=PlugState.UNPLUGGED,
    plug_count=0,
    output=PilotOutput.X1,
    duty_pct=None,
    signalled_a=0.0,
    high_v=12.0,
    low_v=None,
    contactor=ContactorState.OPEN,
    lock=LockState.UNLOCKED,
    cable_a=None,
    record_id=None,
)


def policy(start: str = "PowerPathClosed", stop: str = "Authorized,EVConnected") -> TxPolicy:
    return TxPolicy.parse(start, stop)


def rules(start: str = "PowerPathClosed", stop: str = "Authorized,EVConnected", **changes: object) -> SessionRules:
    fatal = (("rcd_trip", StopReason.GROUND_FAULT), ("emergency_stop", StopReason.EMERGENCY_STOP))
    base = SessionRules(policy=policy(start, stop), fatal_faults=fatal, suspending_faults=frozenset({"under_voltage"}))
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


class CountingIds:
    def __init__(self) -> None:
        self._counts = {kind: count(1) for kind in ("session", "record", "tx")}

    def session(self) -> str:
        return f"session-{next(self._counts['session'])}"

    def record(self) -> str:
        return f"record-{next(self._counts['record'])}"

    def transaction(self) -> str:
        return f"tx-{next(self._counts['tx'])}"


class Drive:
    """A machine, the clock, the facts as they stand, and everything it asked for."""

    def __init__(self, setting: SessionRules | None = None, evse_id: int | None = 1) -> None:
        self.now = 100.0
        self.machine = Session(evse_id, setting or rules(), CountingIds())
        self.facts = FREE
        self.effects: list[SessionEffect] = []
        self.permit: str | None = None
        self.committed: dict[str, to.CommitRecord] = {}
        self.started: list[str] = []
        self.ended: list[str] = []
        self.auto_answer = True
        self.send(to.GateChanged(True))
        self.send(to.OfferChanged(16.0))
        if evse_id is not None:
            self.see()

    # --- what happens

    def send(self, event: SessionEvent) -> list[SessionEffect]:
        return self._perform(self.machine.handle(event, self.now))

    def see(self, **changes: object) -> list[SessionEffect]:
        changes.setdefault("output", PilotOutput.X2 if self.permit else PilotOutput.X1)
        self.facts = dataclasses.replace(self.facts, at_s=self.now, **changes)  # type: ignore[arg-type]
        return self.send(to.FactsSeen(self.facts))

    def plug_in(self) -> list[SessionEffect]:
        return self.see(plug=PlugState.PLUGGED, pilot=PilotState.B, plug_count=self.facts.plug_count + 1)

    def unplug(self) -> list[SessionEffect]:
        return self.see(plug=PlugState.UNPLUGGED, pilot=PilotState.A, contactor=ContactorState.OPEN)

    def charge(self) -> list[SessionEffect]:
        return self.see(pilot=PilotState.C) + self.see(contactor=ContactorState.CLOSED)

    def open_contactor(self) -> list[SessionEffect]:
        return self.see(pilot=PilotState.B) + self.see(contactor=ContactorState.OPEN)

    def swipe(self, token: IdToken = ANNA, *, accepted: bool = True, group: str | None = None) -> list[SessionEffect]:
        found = self.send(to.TokenPresented(token))
        for ask in [e for e in found if isinstance(e, to.Authorize)]:
            found = found + self.send(
                to.AuthorizationAnswered(
                    ask.id_token, ask.ask, accepted, Basis.CSMS, group, why="" if accepted else "Invalid"
                )
            )
        return found

    def wait(self, seconds: float) -> list[SessionEffect]:
        until, found = self.now + seconds, []
        while (due := self.machine.deadline()) is not None and due <= until:
            assert due >= self.now, "a deadline in the past was not dealt with"
            self.now = due
            found += self._perform(self.machine.on_deadline(due))
            assert self.machine.deadline() != due, "a deadline that was served must not come again"
        self.now = until
        return found

    # --- what is checked at every step

    def _perform(self, effects: list[SessionEffect]) -> list[SessionEffect]:
        for effect in effects:
            match effect:
                case to.CommitRecord(record_id=record_id):
                    assert record_id not in self.committed
                    self.committed[record_id] = effect
                case to.GrantPermit(record_id):
                    assert record_id in self.committed, "a permit named a record that is not committed"
                    self.permit = record_id
                case to.WithdrawPermit():
                    self.permit = None
                case to.RecordEvent():
                    self._audit(effect)
        self.effects += effects
        if self.permit is not None:
            assert self.machine.authorization is not None, "a permit stands without authorisation"
            assert self.machine.is_plugged and self.machine.is_linked
        assert self.machine.record_id == self.permit
        return effects

    def _audit(self, event: RecordEvent) -> None:
        open_now = set(self.started) - set(self.ended)
        if event.kind is EventKind.STARTED:
            assert event.transaction_id not in self.started and not open_now
            self.started.append(event.transaction_id)
            return
        assert event.transaction_id in open_now
        if event.kind is EventKind.ENDED:
            assert event.stopped_reason is not None
            self.ended.append(event.transaction_id)


def events_in(effects: list[SessionEffect]) -> list[RecordEvent]:
    return [effect for effect in effects if isinstance(effect, RecordEvent)]


__all__ = ["ANNA", "BERT", "FREE", "CountingIds", "Drive", "TxPoint", "events_in", "policy", "rules"]
