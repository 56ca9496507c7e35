"""The small machines beside what their rules say of a whole history: reckoned anew at each moment, with no state of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.logic.contactor import MirrorWatch
from controller.logic.evse import ContactorState
from controller.logic.inputs import Level, Mirror
from controller.logic.lock import LockMachine, Motion, Wanted
from controller.logic.rcd import SelfTest, Step

TICK_S = 0.010
EPSILON_S = 1e-6


def at(tick: int) -> float:
    return 100.0 + tick * TICK_S


# --- the mirror contact ---------------------------------------------------------------------------------------------------


@dataclass
class MirrorHistory:
    """Every reading since the start, and every change of the command."""

    readings: list[tuple[int, Mirror]] = field(default_factory=list)
    commands: list[tuple[int, bool]] = field(default_factory=lambda: [(0, False)])

    @property
    def command(self) -> tuple[int, bool]:
        return self.commands[-1]

    def since(self, tick: int) -> list[tuple[int, Mirror]]:
        """Readings after a command given at a tick: it is given at the end of its pass."""
        return [
            (t, mirror) for t, mirror in self.readings if t > tick or (tick == 0 and t == 0 and len(self.commands) == 1)
        ]

    def claims(self) -> dict[str, object]:
        told_at, closed = self.command
        now, mirror = self.readings[-1]
        expected = Mirror.CLOSED if closed else Mirror.OPEN
        under = self.since(told_at)
        agrees = mirror is expected
        run = now  # since when this very reading has stood
        for t, seen in reversed(self.readings):
            if seen is not mirror:
                break
            run = t
        differing = None  # since when it has differed, after settling
        for t, seen in under:
            if seen is expected:
                differing = None
            elif differing is None and at(t) >= at(told_at) + 0.100 - EPSILON_S:
                differing = t
        long = differing is not None and at(now) >= at(differing) + 0.250 - EPSILON_S
        was_closed = closed and any(seen is Mirror.CLOSED for _, seen in under)
        held = at(now) >= at(run) + 0.020 - EPSILON_S
        open_since = max(run, told_at)
        return {
            "is_welded": long and mirror is Mirror.CLOSED and not closed,
            "is_stuck_open": long and mirror is Mirror.OPEN and closed,
            "is_proven_closed": agrees and closed,
            "was_proven_closed": was_closed,
            "is_dropped": was_closed and mirror is Mirror.OPEN and held,
            "is_proven_open": agrees and not closed and at(now) >= at(open_since) + 0.020 - EPSILON_S,
            "long_unknown": long and mirror is Mirror.UNKNOWN,
        }


STEPS = st.lists(
    st.tuples(
        st.sampled_from((1, 1, 1, 2, 3, 9, 10, 11, 24, 25, 26)),
        st.sampled_from(tuple(Mirror)),
        st.sampled_from((None, None, None, True, False)),
    ),
    min_size=1,
    max_size=40,
)


# it dropped, and then the command went: nothing is claimed of the new one
_DROPPED = [(1, Mirror.OPEN, True), (1, Mirror.CLOSED, None), *[(1, Mirror.OPEN, None)] * 3, (1, Mirror.OPEN, False)]


@given(STEPS)
@example(_DROPPED)
@settings(max_examples=300)
def test_the_mirror_says_what_its_whole_history_says(steps: list[tuple[int, Mirror, bool | None]]) -> None:
    watch, history, tick = MirrorWatch(at(0)), MirrorHistory(), 0
    assert watch.state is ContactorState.UNKNOWN
    assert not (watch.is_proven_open or watch.is_proven_closed or watch.was_proven_closed or watch.is_dropped)
    assert not (watch.is_welded or watch.is_stuck_open or watch.is_unreadable)
    unreadable = False
    for wait, mirror, command in steps:
        tick += wait
        watch.observed(mirror, at(tick))
        history.readings.append((tick, mirror))
        claims = history.claims()
        is_long = bool(claims.pop("long_unknown"))
        unreadable = mirror is Mirror.UNKNOWN and (is_long or unreadable)
        assert {name: getattr(watch, name) for name in claims} == claims
        assert watch.is_unreadable is unreadable
        assert watch.state is _state(claims, history.command[1], watch.state)
        if command is not None:
            watch.commanded(command, at(tick))
            if command is not history.command[1]:
                history.commands.append((tick, command))
                assert not (
                    watch.is_proven_open or watch.is_proven_closed or watch.was_proven_closed or watch.is_dropped
                )
                assert watch.state is not (ContactorState.OPEN if command else ContactorState.CLOSED)


def _state(claims: dict[str, object], closed: bool, shown: ContactorState) -> ContactorState:
    """What the state must be; `shown` only where the rules leave open how an unproven one is called."""
    if claims["is_welded"]:
        return ContactorState.WELDED
    if claims["is_stuck_open"]:
        return ContactorState.STUCK_OPEN
    if closed:
        return ContactorState.CLOSED if claims["is_proven_closed"] else ContactorState.CLOSING
    if claims["is_proven_open"]:
        return ContactorState.OPEN
    assert shown in (ContactorState.OPENING, ContactorState.UNKNOWN, ContactorState.STUCK_OPEN)
    return shown


@given(STEPS, st.sampled_from(tuple(Mirror)))
@settings(max_examples=150)
def test_the_mirror_s_deadline_is_when_an_unchanged_mirror_next_says_something_else(
    steps: list[tuple[int, Mirror, bool | None]], last: Mirror
) -> None:
    watch, tick = MirrorWatch(at(0)), 0
    for wait, mirror, command in steps:
        tick += wait
        watch.observed(mirror, at(tick))
        if command is not None:
            watch.commanded(command, at(tick))
    tick += 1
    watch.observed(last, at(tick))
    for _ in range(60):
        before, due = _said(watch), watch.deadline(at(tick))
        tick += 1
        watch.observed(last, at(tick))
        assert _said(watch) == before or (due is not None and due <= at(tick) + EPSILON_S)


def _said(watch: MirrorWatch) -> tuple[object, ...]:
    return (
        watch.state, watch.is_welded, watch.is_stuck_open, watch.is_unreadable, watch.is_dropped, watch.is_proven_open,
        watch.is_proven_closed,
    )  # fmt: skip


# --- the lock -------------------------------------------------------------------------------------------------------------

LOCK_STEPS = st.lists(
    st.tuples(
        st.sampled_from((1, 5, 29, 30, 31, 50, 60, 61, 300)),
        st.sampled_from((Wanted.LOCKED, Wanted.LOCKED, Wanted.UNLOCKED, Wanted.AS_IT_IS)),
        st.sampled_from(tuple(Level)),
        st.booleans(),
        st.sampled_from((False, False, False, True)),
    ),
    min_size=1,
    max_size=30,
)


@given(LOCK_STEPS)
@settings(max_examples=200)
def test_the_lock_keeps_its_rules_whatever_is_wanted(steps: list[tuple[int, Wanted, Level, bool, bool]]) -> None:
    lock, tick = LockMachine(), 0
    moves: list[float] = []
    ended, motion, wanted, tries = -1e9, Motion.REST, Wanted.AS_IT_IS, 0
    for ticks, wish, feedback, may_unlock, retried in steps:
        if retried:
            lock.retry()
            tries = 0
        for _ in range(ticks):
            tick += 1
            now = at(tick)
            if wish is not wanted:
                wanted, tries, ended = wish, 0, -1e9
            lock.step(wish, feedback, may_unlock, now)
            reached = feedback is (Level.YES if wish is Wanted.LOCKED else Level.NO)
            if lock.motion is not Motion.REST and motion is Motion.REST:
                assert wish is not Wanted.AS_IT_IS and not reached
                assert lock.motion is (Motion.LOCK if wish is Wanted.LOCKED else Motion.UNLOCK)
                assert tries < 5 and now >= ended + 0.5 - EPSILON_S
                assert len([move for move in moves if move > now - 60.0 + EPSILON_S]) < 10
                moves.append(now)
                tries += 1
            if motion is not Motion.REST:
                lasted = now - moves[-1]
                if lock.motion is Motion.REST:
                    cut = motion is Motion.UNLOCK and not may_unlock
                    assert lasted >= 0.3 - EPSILON_S or cut
                    ended = (
                        -1e9
                        if reached and lasted >= 0.3 - EPSILON_S and wish is not Wanted.AS_IT_IS and not cut
                        else now
                    )
                elif lock.motion is motion and moves[-1] < now:
                    assert lasted < 0.6 - EPSILON_S
            if lock.motion is Motion.REST and reached and wish is not Wanted.AS_IT_IS:
                tries = 0
            assert not (lock.motion is Motion.UNLOCK and not may_unlock)
            motion = lock.motion


# --- the residual-current monitor's self-test --------------------------------------------------------------------------------


@given(
    trips_at=st.integers(1, 200),
    holds=st.integers(1, 250),
    error=st.booleans(),
)
@settings(max_examples=300)
def test_the_self_test_passes_exactly_within_its_times(trips_at: int, holds: int, error: bool) -> None:
    """trips_at, holds: ticks from the begin, of the trip. error: the error line is active when it is read."""
    test, begun = SelfTest(), at(0)
    test.start(begun)
    line = []
    for tick in range(1, 400):
        tripped = Level.YES if trips_at <= tick < trips_at + holds else Level.NO
        line.append(test.is_line_active)
        test.run(tripped, Level.YES if error else Level.NO, at(tick))
        if not test.is_running:
            break
    seen = max(trips_at, 26)  # the first pass that looks for it: after the pulse
    is_seen = trips_at + holds > 26 and trips_at <= 165 and seen <= 165
    released = max(trips_at + holds, seen + 41)
    passes = is_seen and not error and released <= 325
    assert not test.is_running and test.step is Step.RESTING
    assert line[:25] == [True] * 25 and not any(line[25:])
    assert (test.passed_at_s is not None) is passes and test.has_failed is not passes
    assert test.is_good(at(400)) is passes and not test.is_good(at(0) + 24 * 3600.0 + 5.0)
