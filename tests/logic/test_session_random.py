"""The session machine under random events: what must hold whatever happens in whatever order.

`Drive` audits every effect: a permit only with a committed record, authorisation, plug and safety process; each transaction
exactly one STARTED and at most one ENDED, and never two open at once; deadlines that end.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controller.logic import session_events as to
from controller.logic.evse import ContactorState, PilotState, PlugState
from controller.logic.records import Basis, ChargingState, StopReason, Trigger
from controller.logic.session import Stage
from controller.logic.transaction import TxPoint
from controller.logic.values import IdToken
from tests.logic.driving import ANNA, BERT, FREE, Drive, rules

TOKENS = st.sampled_from([ANNA, BERT, IdToken("04ffEE11")])
POINTS = st.lists(st.sampled_from([p.value for p in TxPoint]), max_size=6, unique=True).map(",".join)


class Sessions(RuleBasedStateMachine):
    drive: Drive

    @initialize(start=POINTS, stop=POINTS, flags=st.tuples(*[st.booleans()] * 5))
    def begin(self, start: str, stop: str, flags: tuple[bool, ...]) -> None:
        side, unlock, invalid, required, tethered = flags
        self.drive = Drive(
            rules(
                start,
                stop,
                stop_on_ev_side_disconnect=side,
                unlock_on_ev_side_disconnect=unlock,
                stop_on_invalid_id=invalid,
                max_energy_on_invalid_wh=100,
                authorization_required=required,
                is_tethered=tethered,
            )
        )
        self.register = 1000

    @rule(
        pilot=st.sampled_from(PilotState),
        contactor=st.sampled_from(ContactorState),
        plug=st.sampled_from(PlugState),
        replugs=st.integers(0, 1),
        faults=st.sampled_from([(), (), (), ("rcd_trip",), ("under_voltage",), ("reader_lost",)]),
    )
    def facts(
        self,
        pilot: PilotState,
        contactor: ContactorState,
        plug: PlugState,
        replugs: int,
        faults: tuple[str, ...],
    ) -> None:
        count = self.drive.facts.plug_count + replugs
        self.drive.see(pilot=pilot, contactor=contactor, plug=plug, plug_count=count, faults=faults)

    @rule()
    def sane_plug_in_and_charge(self) -> None:
        self.drive.see(faults=())
        self.drive.plug_in()
        self.drive.charge()

    @rule()
    def unplug(self) -> None:
        before = self.drive.machine.authorization
        stays = self.drive.machine.billed is not None or not self.drive.machine.is_plugged
        self.drive.unplug()
        if before is not None and not stays:
            assert self.drive.machine.authorization is None

    @rule(run=st.sampled_from(["run-1", "run-2"]))
    def safety_restarts(self, run: str) -> None:
        self.drive.send(to.SafetyLost())
        self.drive.see(run_id=run)

    @rule()
    def safety_dies(self) -> None:
        self.drive.send(to.SafetyLost())

    @rule(token=TOKENS, accepted=st.booleans(), group=st.sampled_from([None, "g"]))
    def swipe(self, token: IdToken, accepted: bool, group: str | None) -> None:
        self.drive.swipe(token, accepted=accepted, group=group)

    @rule(token=TOKENS)
    def swipe_without_answer(self, token: IdToken) -> None:
        self.drive.send(to.TokenPresented(token))

    @rule(token=TOKENS, ask=st.sampled_from(to.AskFor), accepted=st.booleans(), master=st.booleans())
    def stray_answer(self, token: IdToken, ask: to.AskFor, accepted: bool, master: bool) -> None:
        self.drive.send(to.AuthorizationAnswered(token, ask, accepted, is_master=master))

    @rule(token=TOKENS)
    def moved_answer(self, token: IdToken) -> None:
        self.drive.send(to.AuthorizationAnswered(token, to.AskFor.START, True, is_moved=True))

    @rule(token=TOKENS)
    def answer_moved(self, token: IdToken) -> None:
        self.drive.send(to.AnswerMoved(token, "EVSE 2"))

    @rule(token=TOKENS, authorize=st.booleans())
    def remote_start(self, token: IdToken, authorize: bool) -> None:
        self.drive.send(to.RemoteStartAsked(token, 1, None, authorize))

    @rule(reason=st.sampled_from(StopReason), ends=st.booleans())
    def stop(self, reason: StopReason, ends: bool) -> None:
        self.drive.send(to.StopAsked(Trigger.REMOTE_STOP, reason, ends))
        assert self.drive.permit is None or self.drive.machine.authorization is not None

    @precondition(lambda self: self.drive.started)
    @rule(token=TOKENS, accepted=st.booleans(), data=st.data())
    def judged(self, token: IdToken, accepted: bool, data: st.DataObject) -> None:
        transaction = data.draw(st.sampled_from(self.drive.started))
        self.drive.send(to.TokenJudged(transaction, token, accepted))

    @rule(more=st.integers(-50, 500), power=st.sampled_from([0.0, 50.0, 7000.0]))
    def meter(self, more: int, power: float) -> None:
        self.register += more
        self.drive.send(to.RegisterRead(self.register, power))

    @rule(amps=st.sampled_from([0.0, 5.9, 6.0, 16.0]))
    def offer(self, amps: float) -> None:
        self.drive.send(to.OfferChanged(amps))

    @rule(is_open=st.booleans(), is_brief=st.booleans())
    def gate(self, is_open: bool, is_brief: bool) -> None:
        self.drive.send(to.GateChanged(is_open, "closed", is_brief))

    @rule(occupied=st.booleans())
    def bay(self, occupied: bool) -> None:
        self.drive.send(to.BayChanged(occupied))

    @rule(seconds=st.sampled_from([0.1, 3.0, 11.0, 61.0, 3600.0]))
    def wait(self, seconds: float) -> None:
        self.drive.wait(seconds)

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "drive"):
            return
        machine = self.drive.machine
        assert isinstance(machine.stage, Stage)
        assert (machine.billed.id if machine.billed else None) in {None, *self.drive.started}
        if machine.billed is not None:
            assert machine.billed.id not in self.drive.ended
        if machine.billed is not None and machine.stage is not Stage.ENDING:
            assert machine.billed.reported_state is machine.charging_state, "a changed charging state was not reported"
        if not machine.is_plugged:
            assert machine.charging_state is ChargingState.IDLE
        if not machine.in_use and not machine.is_plugged and machine.stage is Stage.FREE:
            opened = sum(isinstance(e, to.OpenSession) for e in self.drive.effects)
            closed = sum(isinstance(e, to.CloseSession) for e in self.drive.effects)
            assert opened - closed == (1 if machine.session_id else 0)


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def _stages() -> Iterator[tuple[str, Drive]]:
    free = Drive()
    yield "free", free
    asking = Drive()
    asking.send(to.TokenPresented(ANNA))
    yield "asking", asking
    ahead = Drive()
    ahead.swipe()
    yield "awaiting EV", ahead
    plugged = Drive()
    plugged.plug_in()
    yield "awaiting driver", plugged
    running = Drive()
    running.plug_in()
    running.swipe()
    running.charge()
    yield "authorized", running
    ending = Drive()
    ending.plug_in()
    ending.swipe()
    ending.charge()
    ending.send(to.TokenPresented(ANNA))
    yield "ending", ending
    finished = Drive()
    finished.plug_in()
    finished.swipe()
    finished.swipe()
    yield "finished", finished


EVENTS: list[to.SessionEvent] = [
    to.SafetyLost(),
    to.TokenPresented(ANNA),
    to.TokenPresented(BERT),
    to.AuthorizationAnswered(ANNA, to.AskFor.START, True),
    to.AuthorizationAnswered(BERT, to.AskFor.START, True, is_moved=True),
    to.AuthorizationAnswered(BERT, to.AskFor.STOP, True, is_master=True),
    to.AnswerMoved(ANNA, "EVSE 2"),
    to.RemoteStartAsked(ANNA, 1, None, True),
    to.RemoteStartAsked(BERT, 1, "g", False),
    to.StopAsked(Trigger.REMOTE_STOP, StopReason.REMOTE),
    to.StopAsked(Trigger.RESET_COMMAND, StopReason.IMMEDIATE_RESET, True),
    to.TokenJudged("tx-1", ANNA, False),
    to.RegisterRead(5, 0.0),
    to.OfferChanged(0.0),
    to.GateChanged(False, "closed"),
    to.GateChanged(False, "in a moment", is_brief=True),
    to.HandedOver(to.Handover("session-8", to.Authorization(BERT, Basis.CSMS), None)),
    to.PlugSpent(FREE),
    to.BayChanged(True),
    to.CableReleased(),
    to.RulesChanged(rules("EVConnected", "EVConnected")),
]


@pytest.mark.parametrize(("stage", "event"), list(product([s.value for s in Stage], EVENTS)), ids=str)
def test_every_event_is_defined_in_every_stage(stage: str, event: to.SessionEvent) -> None:
    drive = dict(_stages())[stage]
    assert drive.machine.stage.value == stage
    drive.send(event)
    drive.wait(120.0)
