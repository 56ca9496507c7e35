"""The parts around the machine: proximity, lock, mirror, self-test, protection, faults."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.logic.contactor import MirrorWatch
from controller.logic.evse import ContactorState, LockState, Measurements
from controller.logic.faults import FAULTS, ROWS, Clears, FaultBook, Severity, Stop
from controller.logic.inputs import Level, Mirror
from controller.logic.lock import LockMachine, Motion, Wanted
from controller.logic.protection import Protection
from controller.logic.proximity import Coding, Proximity, coding_of, rating_a
from controller.logic.rcd import SelfTest, Step

# --- proximity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ohm", "coding"),
    [
        (0.0, Coding.FAULT), (59.0, Coding.FAULT), (79.0, Coding.FAULT), (80.0, Coding.AMPS_63), (100.0, Coding.AMPS_63),
        (140.0, Coding.AMPS_63), (150.0, Coding.AMPS_32), (164.0, Coding.AMPS_32), (220.0, Coding.AMPS_32),
        (308.0, Coding.AMPS_32), (350.0, Coding.AMPS_20), (400.0, Coding.AMPS_20), (680.0, Coding.AMPS_20),
        (936.0, Coding.AMPS_20), (1000.0, Coding.AMPS_13), (1500.0, Coding.AMPS_13), (2460.0, Coding.AMPS_13),
        (3000.0, Coding.FAULT), (4500.0, Coding.FAULT), (4501.0, Coding.NONE), (math.inf, Coding.NONE),
        (math.nan, Coding.FAULT), (-5.0, Coding.FAULT),
    ],
)  # fmt: skip
def test_the_coding_of_a_resistance(ohm: float, coding: Coding) -> None:
    assert coding_of(ohm) is coding


@given(st.floats(80.0, 2460.0), st.floats(80.0, 2460.0))
def test_more_resistance_never_allows_more_current(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert (rating_a(coding_of(low), 3) or 0) >= (rating_a(coding_of(high), 3) or 0)


def test_a_hundred_ohm_is_63_a_in_three_phases_and_70_in_one() -> None:
    assert (rating_a(Coding.AMPS_63, 3), rating_a(Coding.AMPS_63, 1)) == (63, 70)
    assert rating_a(Coding.NONE, 3) is None and rating_a(Coding.FAULT, 3) is None


def _sampled(proximity: Proximity, *ohms: float, start: float = 0.0) -> float:
    at = start
    for ohm in ohms:
        at += 0.01
        proximity.sampled(ohm, at, is_plugged=True)
    return at


def test_three_samples_that_agree_latch_the_rating_until_it_is_unplugged() -> None:
    proximity = Proximity()
    proximity.plugged()
    at = _sampled(proximity, 220.0, 220.0)
    assert proximity.latched is None
    proximity.sampled(220.0, at, is_plugged=True)  # the same sample again
    assert proximity.latched is None
    at = _sampled(proximity, 225.0, start=at)
    assert proximity.latched is Coding.AMPS_32
    at = _sampled(proximity, 100.0, 100.0, start=at)
    assert not proximity.has_changed
    at = _sampled(proximity, 100.0, start=at)
    assert proximity.has_changed and proximity.latched is Coding.AMPS_32
    proximity.unplugged()
    assert proximity.latched is None and not proximity.has_changed


def test_no_rating_is_latched_from_a_fault_or_an_empty_socket() -> None:
    proximity = Proximity()
    proximity.plugged()
    _sampled(proximity, *[20.0] * 10, *[math.inf] * 10, *[3000.0] * 10)
    assert proximity.latched is None


# --- lock ---------------------------------------------------------------------------------------------------------------


class Bolt:
    """A lock whose bolt arrives `takes_s` after the motor was switched on; None: never."""

    def __init__(self, takes_s: float | None = 0.2) -> None:
        self.machine = LockMachine()
        self.takes_s = takes_s
        self.locked = False
        self.now = 0.0
        self.pulses: list[tuple[float, Motion, float]] = []
        self._began: float | None = None

    def run(self, wanted: Wanted, seconds: float, may_unlock: bool = True) -> LockState:
        machine = self.machine
        for _ in range(round(seconds * 100)):
            before = machine.motion
            machine.step(wanted, Level.YES if self.locked else Level.NO, may_unlock, self.now)
            if machine.motion is not before:
                if before is not Motion.REST and self._began is not None:
                    self.pulses.append((self._began, before, self.now - self._began))
                self._began = self.now if machine.motion is not Motion.REST else None
            if self._began is not None and self.takes_s is not None and self.now - self._began >= self.takes_s:
                self.locked = machine.motion is Motion.LOCK
            self.now += 0.01
        return machine.state


def test_a_pulse_lasts_300_ms_when_the_feedback_agrees_early() -> None:
    bolt = Bolt(0.2)
    assert bolt.run(Wanted.LOCKED, 2.0) is LockState.LOCKED
    assert [(motion, pytest.approx(0.30)) for _, motion, _ in bolt.pulses] == [(Motion.LOCK, bolt.pulses[0][2])]
    assert bolt.run(Wanted.UNLOCKED, 2.0) is LockState.UNLOCKED
    assert len(bolt.pulses) == 2


def test_a_lock_that_does_not_move_is_tried_five_times_and_then_jammed() -> None:
    bolt = Bolt(None)
    assert bolt.run(Wanted.LOCKED, 30.0) is LockState.JAMMED
    assert len(bolt.pulses) == 5
    assert all(0.3 <= length <= 0.601 for _, _, length in bolt.pulses)
    bolt.machine.retry()
    bolt.takes_s = 0.1
    assert bolt.run(Wanted.LOCKED, 3.0) is LockState.LOCKED


def test_at_most_ten_moves_in_a_minute_whatever_is_wanted() -> None:
    bolt = Bolt(0.1)
    for _ in range(40):
        bolt.run(Wanted.LOCKED, 1.0)
        bolt.run(Wanted.UNLOCKED, 1.0)
    starts = [at for at, _, _ in bolt.pulses]
    assert len(starts) > 10
    assert all(later - earlier >= 60.0 - 1e-3 for earlier, later in zip(starts, starts[10:], strict=False))


def test_nothing_unlocks_without_leave_and_a_pulse_ends_when_leave_ends() -> None:
    bolt = Bolt(0.2)
    bolt.run(Wanted.LOCKED, 2.0)
    assert bolt.run(Wanted.UNLOCKED, 5.0, may_unlock=False) is LockState.LOCKED
    bolt.run(Wanted.UNLOCKED, 0.1, may_unlock=True)
    assert bolt.machine.motion is Motion.UNLOCK
    bolt.run(Wanted.UNLOCKED, 0.01, may_unlock=False)
    assert bolt.machine.motion is Motion.REST


def test_a_pulse_that_is_no_longer_wanted_still_lasts_300_ms_and_no_longer() -> None:
    bolt = Bolt(None)
    bolt.run(Wanted.LOCKED, 0.1)
    bolt.run(Wanted.UNLOCKED, 2.0)
    [(_, motion, length)] = bolt.pulses
    assert motion is Motion.LOCK and length == pytest.approx(0.30, abs=0.011)


def test_an_unreadable_feedback_is_neither_locked_nor_unlocked() -> None:
    machine = LockMachine()
    machine.step(Wanted.AS_IT_IS, Level.UNKNOWN, True, 0.0)
    assert machine.state not in (LockState.LOCKED, LockState.UNLOCKED)


# --- mirror -------------------------------------------------------------------------------------------------------------


def _watch(watch: MirrorWatch, mirror: Mirror, start_s: float, seconds: float) -> float:
    now = start_s
    for _ in range(round(seconds * 100)):
        watch.observed(mirror, now)
        now += 0.01
    return now


def test_the_contactor_is_unknown_until_the_mirror_proves_it_open() -> None:
    watch = MirrorWatch(0.0)
    assert watch.state is ContactorState.UNKNOWN
    _watch(watch, Mirror.OPEN, 0.0, 0.05)
    assert watch.state is ContactorState.OPEN and watch.is_proven_open


@pytest.mark.parametrize(
    ("commanded", "mirror", "claim"),
    [
        (False, Mirror.CLOSED, "is_welded"),
        (True, Mirror.OPEN, "is_stuck_open"),
        (False, Mirror.UNKNOWN, "is_unreadable"),
        (True, Mirror.UNKNOWN, "is_unreadable"),
    ],
)
def test_a_mirror_that_differs_is_a_fault_350_ms_after_the_command(commanded: bool, mirror: Mirror, claim: str) -> None:
    watch = MirrorWatch(0.0)
    now = _watch(watch, Mirror.OPEN, 0.0, 0.5)
    if not commanded:
        watch.commanded(True, now)
        now = _watch(watch, Mirror.CLOSED, now, 0.5)
    watch.commanded(commanded, now)
    began = now
    while not getattr(watch, claim):
        watch.observed(mirror, now)
        now = round(now + 0.01, 6)
        assert now < began + 1.0
    assert 0.35 <= now - began <= 0.37
    assert not watch.is_proven_open


def test_a_mirror_that_bounces_for_less_is_none() -> None:
    watch = MirrorWatch(0.0)
    now = _watch(watch, Mirror.OPEN, 0.0, 0.5)
    for _ in range(5):
        now = _watch(watch, Mirror.CLOSED, now, 0.24)
        now = _watch(watch, Mirror.OPEN, now, 0.05)
    assert not watch.is_welded


def test_a_start_knows_nothing_of_the_contactor_until_the_mirror_proved_it_open() -> None:
    watch = MirrorWatch(0.0)
    seen = []
    for at_s in (0.0, 0.01, 0.019, 0.02):
        watch.observed(Mirror.OPEN, at_s)
        seen.append(watch.state)
    assert seen == [ContactorState.UNKNOWN] * 3 + [ContactorState.OPEN]


def test_a_contactor_that_stuck_open_is_not_opening_when_its_command_goes() -> None:
    watch = MirrorWatch(0.0)
    now = _watch(watch, Mirror.OPEN, 0.0, 1.0)
    watch.commanded(True, now)
    now = _watch(watch, Mirror.OPEN, now, 0.4)
    assert watch.is_stuck_open and watch.state is ContactorState.STUCK_OPEN
    watch.commanded(False, now)
    watch.observed(Mirror.OPEN, now + 0.01)
    assert watch.state is ContactorState.STUCK_OPEN
    watch.observed(Mirror.OPEN, now + 0.02)
    assert watch.state is ContactorState.OPEN


def test_a_contactor_that_dropped_is_due_again_when_it_counts_as_stuck_open() -> None:
    watch = MirrorWatch(0.0)
    watch.commanded(True, 0.0)
    watch.observed(Mirror.CLOSED, 1.0)
    watch.observed(Mirror.OPEN, 2.0)
    assert watch.deadline(2.0) == pytest.approx(2.02)
    watch.observed(Mirror.OPEN, 2.02)
    assert watch.is_dropped and watch.deadline(2.02) == pytest.approx(2.25)
    watch.observed(Mirror.OPEN, 2.25)
    assert watch.is_stuck_open


# --- RCD self-test ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trips", "releases", "error", "passes"),
    [
        (0.9, 2.5, Level.NO, True),
        (1.6, 3.2, Level.NO, True),
        (1.7, 3.0, Level.NO, False),  # too late
        (0.9, 3.4, Level.NO, False),  # does not release
        (0.9, 2.5, Level.YES, False),  # reports an error
        (99.0, 99.0, Level.NO, False),  # dead
        (-1.0, 99.0, Level.NO, False),  # always tripped
    ],
)
def test_the_self_test_sees_the_trip_come_and_go(trips: float, releases: float, error: Level, passes: bool) -> None:
    test = SelfTest()
    test.start(0.0)
    line = []
    for tick in range(500):
        now = tick / 100
        if test.is_running:
            line.append(test.is_line_active)
            test.run(Level.YES if trips <= now < releases else Level.NO, error, now)
    assert test.step is Step.RESTING
    assert (test.passed_at_s is not None, test.has_failed) == (passes, not passes)
    assert sum(line) in (25, 26)
    assert test.is_good(24 * 3600.0) is passes
    assert not test.is_good(24 * 3600.0 + 4.0)


@pytest.mark.parametrize(
    ("since", "until", "passes"), [(0.9, 1.26, True), (1.34, 9.0, True), (0.9, 1.34, False), (1.26, 1.34, False)]
)
def test_a_self_test_reads_the_error_line_400_ms_after_the_trip(since: float, until: float, passes: bool) -> None:
    test = SelfTest()
    test.start(0.0)
    for tick in range(500):
        now = tick / 100
        tripped = Level.YES if 0.9 <= now < 2.5 else Level.NO
        test.run(tripped, Level.YES if since <= now < until else Level.NO, now)
    assert (test.passed_at_s is not None, test.has_failed) == (passes, not passes)


@pytest.mark.parametrize(
    ("six", "thirty", "passes"),
    [
        ((0.9, 2.5), (1.5, 2.6), True),
        ((0.98, 3.2), (1.64, 3.24), True),
        ((1.0, 2.5), (1.5, 2.5), False),  # the 6 mA output too late
        ((0.9, 2.5), (1.7, 2.5), False),  # the 30 mA output too late
        ((0.9, 2.5), (9.0, 9.0), False),  # the 30 mA output dead
        ((9.0, 9.0), (0.9, 2.5), False),  # the 6 mA output dead
        ((0.9, 1.2), (1.5, 2.5), False),  # not both at a time
        ((0.9, 2.5), (1.5, 3.4), False),  # the 30 mA output does not release
    ],
)
def test_a_self_test_of_two_outputs_needs_both(
    six: tuple[float, float], thirty: tuple[float, float], passes: bool
) -> None:
    test = SelfTest(outputs=2)
    test.start(0.0)
    before = (Level.NO, Level.NO)
    for tick in range(500):
        now = tick / 100
        lines = [since <= now < until for since, until in (six, thirty)]
        tripped, partly = (Level.YES if holds else Level.NO for holds in (any(lines), lines[0] is not lines[1]))
        due = test.deadline()
        was = test.step
        test.run(tripped, Level.NO, now, partly)
        if test.step is not was and before == (tripped, partly):
            assert due is not None and abs(due - now) < 0.011  # nothing happens but at a deadline or by an input
        before = (tripped, partly)
    assert (test.passed_at_s is not None, test.has_failed) == (passes, not passes)


def test_a_disturbed_self_test_concludes_nothing() -> None:
    test = SelfTest()
    test.start(0.0)
    test.disturb()
    for tick in range(500):
        test.run(Level.NO, Level.NO, tick / 100)
    assert not test.is_running and test.passed_at_s is None and not test.has_failed


@pytest.mark.parametrize(
    ("trips", "releases", "settled_at"),
    [
        (99.0, 99.0, 1.65),  # nothing was unfinished
        (0.0, 0.8, 0.8),
        (0.6, 2.5, 2.5),
        (1.6, 3.2, 3.2),
        (0.0, 99.0, 3.25),  # this one is real
    ],
)
def test_a_start_lets_the_trip_of_an_unfinished_self_test_come_and_go(
    trips: float, releases: float, settled_at: float
) -> None:
    test = SelfTest(100.0)
    settled = []
    for tick in range(500):
        test.run(Level.YES if trips <= tick / 100 < releases else Level.NO, Level.NO, 100.0 + tick / 100)
        assert not test.is_line_active
        if not test.is_running:
            settled.append(tick / 100)
    assert settled[0] == pytest.approx(settled_at)
    assert test.passed_at_s is None and not test.has_failed


# --- protection ---------------------------------------------------------------------------------------------------------


def _drawn(protection: Protection, amps: float, signalled: float, start: float, seconds: float) -> float | None:
    """Return when over-current was claimed."""
    now = start
    for _ in range(round(seconds * 10)):
        protection.measured(Measurements((amps, 1.0, 1.0), (230.0,) * 3, 0.0), now)
        protection.judge(signalled, True, now)
        if protection.is_over_current or protection.is_far_over_current:
            return now - start
        now = round(now + 0.1, 6)
    return None


def test_a_bit_too_much_current_stops_after_7_s_and_far_too_much_opens_after_1_s() -> None:
    assert _drawn(Protection(3), 18.1, 16.0, 0.0, 20.0) is None  # (16 + 0.5) x 1.1 = 18.15
    assert _drawn(Protection(3), 18.2, 16.0, 0.0, 20.0) == pytest.approx(7.0)
    protection = Protection(3)
    assert _drawn(protection, 24.1, 16.0, 0.0, 20.0) == pytest.approx(1.0)
    assert protection.is_far_over_current


def test_a_vehicle_has_five_seconds_to_follow_a_lowered_duty() -> None:
    protection = Protection(3)
    assert _drawn(protection, 16.0, 16.0, 0.0, 5.0) is None
    assert _drawn(protection, 16.0, 10.0, 5.0, 20.0) == pytest.approx(6.0)


@pytest.mark.parametrize(("sensed", "metered"), [(40.0, 1.0), (1.0, 40.0)])
def test_the_worse_of_meter_and_sense_counts(sensed: float, metered: float) -> None:
    protection = Protection(3)
    for tick in range(20):
        now = tick / 10
        protection.sensed((sensed, 1.0, 1.0), (), now, now)
        protection.measured(Measurements((metered, 1.0, 1.0), (230.0,) * 3, 2.0), now)
        protection.judge(16.0, True, now)
    assert protection.is_far_over_current
    now = 20.0  # what both have said is stale by now
    protection.sensed((1.0,) * 3, (), now, now)
    protection.judge(16.0, True, now)
    assert not protection.is_far_over_current


def test_a_sense_that_stopped_counts_as_missing_after_ten_seconds() -> None:
    protection = Protection(3)
    claims = []
    for tick in range(150):
        now = tick / 10
        protection.sensed((40.0,), (300.0,), 3.0, now) if now >= 3.0 else None
        protection.judge(16.0, True, now)
        claims.append((protection.is_far_over_current, protection.is_over_voltage))
    assert claims[45] == (True, False) and claims[85] == (True, True)
    assert claims[131][0] is False


def test_a_stale_measurement_counts_as_missing() -> None:
    protection = Protection(3)
    protection.measured(Measurements((40.0,), (230.0,), 10.1), 0.0)
    protection.judge(16.0, True, 2.0)
    assert not protection.is_far_over_current
    protection.measured(Measurements((18.5,), (230.0,), 0.0), 0.0)
    for tick in range(200):
        protection.judge(16.0, True, tick / 10)
        assert tick < 70 or not protection.is_over_current or tick <= 100
    assert not protection.is_over_current


@pytest.mark.parametrize(("volts", "claim"), [(254.0, "is_over_voltage"), (195.0, "is_under_voltage")])
def test_voltage_outside_its_band_counts_after_5_s_until_it_was_inside_for_5(volts: float, claim: str) -> None:
    protection = Protection(3)
    history = []
    for tick in range(250):
        now = tick / 10
        value = volts if tick < 100 else 230.0
        protection.measured(Measurements((1.0,), (230.0, value, 230.0), 0.0), now)
        protection.judge(16.0, True, now)
        history.append(getattr(protection, claim))
    assert history.index(True) == 50
    assert len(history) - history[::-1].index(True) == 150


def test_only_the_evses_own_phases_are_judged() -> None:
    protection = Protection(1)
    for tick in range(100):
        protection.measured(Measurements((1.0, 90.0, 90.0), (230.0, 0.0, 0.0), 0.0), tick / 10)
        protection.judge(16.0, True, tick / 10)
    assert not (protection.is_far_over_current or protection.is_under_voltage)


# --- faults -------------------------------------------------------------------------------------------------------------

_ERROR_CODES = {
    "ConnectorLockFailure", "EVCommunicationError", "GroundFailure", "HighTemperature", "InternalError",
    "LocalListConflict", "NoError", "OtherError", "OverCurrentFailure", "OverVoltage", "PowerMeterFailure",
    "PowerSwitchFailure", "ReaderFailure", "ResetFailure", "UnderVoltage", "WeakSignal",
}  # fmt: skip


def test_every_fault_has_a_hint_and_codes_that_exist() -> None:
    assert len(FAULTS) == len(ROWS)
    for row in ROWS:
        assert row.error_code in _ERROR_CODES
        assert row.mrec == "" or (row.mrec.startswith("CX0") and len(row.mrec) == 5)
        assert len(row.hint) > 20 and len(f"{row.title}: {row.hint}") <= 400


def test_faults_clear_as_their_rows_say() -> None:
    for row in ROWS:
        book = FaultBook()
        book.report(row.id, True)
        assert book.ids == (row.id,) and book.is_open_demanded is (row.stops is Stop.OPEN)
        assert not book.reset(row.id), "its cause still stands"
        book.unplugged()
        assert book.has(row.id)
        book.report(row.id, False)
        assert book.has(row.id) is (row.clears is not Clears.BY_ITSELF)
        book.unplugged()
        assert book.has(row.id) is (row.clears is Clears.RESET)
        assert book.reset(row.id) is (row.clears is Clears.RESET)
        assert book.ids == () and not book.is_open_demanded


# The table told a second time, by what somebody may rely on. A row that is not here is judged by its own tests.
def _ids(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_KNOWN = _ids(
    "contactor_dropped contactor_stuck_open contactor_welded emergency_stop input_unreadable invariant ",
    "lock_jammed lock_lost loop_stalled mains_lost meter_lost mirror_unreadable output_failed ",
    "over_current over_current_high over_voltage pilot_diode pilot_duty pilot_invalid pilot_pwm pilot_reversed ",
    "pilot_short pilot_unread proximity proximity_changed rcd_error rcd_self_test rcd_trip reader_lost ",
    "safety_lost under_voltage ",
)
_OPENS = _ids(
    "contactor_dropped contactor_stuck_open contactor_welded emergency_stop input_unreadable invariant ",
    "lock_lost loop_stalled mains_lost mirror_unreadable output_failed over_current_high pilot_diode ",
    "pilot_duty pilot_invalid pilot_pwm pilot_reversed pilot_short pilot_unread proximity_changed rcd_error rcd_trip ",
)
_SUSPENDS = _ids("lock_jammed over_current over_voltage proximity rcd_self_test under_voltage ")
_RESET = _ids("contactor_stuck_open contactor_welded emergency_stop invariant rcd_self_test rcd_trip ")
_UNPLUG = _ids("lock_jammed lock_lost over_current over_current_high pilot_diode pilot_duty proximity_changed ")
_SHOWS_F = _ids(
    "contactor_stuck_open contactor_welded emergency_stop invariant lock_lost over_current_high ",
    "pilot_diode proximity_changed rcd_error rcd_trip ",
)
_NO_LOCKOUT = _ids("lock_jammed proximity ")
_DANGER = _ids(
    "contactor_welded emergency_stop invariant lock_lost output_failed over_current_high ",
    "proximity_changed rcd_error rcd_self_test rcd_trip safety_lost ",
)
_NOTICE = _ids("reader_lost ")


@pytest.mark.parametrize("fault_id", sorted(_KNOWN))
def test_what_a_fault_stops_shows_and_wants_before_it_clears(fault_id: str) -> None:
    row = FAULTS[fault_id]
    stops = Stop.OPEN if fault_id in _OPENS else Stop.SUSPEND if fault_id in _SUSPENDS else Stop.NOTHING
    clears = Clears.RESET if fault_id in _RESET else Clears.UNPLUG if fault_id in _UNPLUG else Clears.BY_ITSELF
    severity = Severity.DANGER if fault_id in _DANGER else Severity.NOTICE if fault_id in _NOTICE else Severity.FAULT
    assert (row.stops, row.clears, row.severity) == (stops, clears, severity)
    assert (row.shows_f, row.locks_out) == (fault_id in _SHOWS_F, fault_id not in _NO_LOCKOUT)
    assert row.is_latching is (fault_id in _RESET | _UNPLUG)


def test_two_faults_stop_what_either_of_them_stops() -> None:
    book = FaultBook()
    book.report("proximity", True)
    assert (book.is_open_demanded, book.is_suspended, book.shows_f, book.locks_out) == (False, True, False, False)
    book.report("rcd_trip", True)
    assert (book.is_open_demanded, book.is_suspended, book.shows_f, book.locks_out) == (True, True, True, True)
    before = book.version
    book.report("rcd_trip", True)
    assert book.version == before and book.ids == ("proximity", "rcd_trip")
    book.report("rcd_trip", False)
    assert book.has("rcd_trip") and book.reset("rcd_trip") and book.version > before
    assert (book.is_open_demanded, book.is_suspended, book.shows_f, book.locks_out) == (False, True, False, False)
    book.report("meter_lost", True)
    book.report("proximity", False)
    assert (book.is_open_demanded, book.is_suspended, book.shows_f, book.locks_out) == (False, False, False, False)


# --- the self-test, before its first and after its last ----------------------------------------------------------------------


def test_a_monitor_without_a_test_line_has_nothing_unfinished() -> None:
    test = SelfTest(None)
    assert test.step is Step.RESTING and not test.is_running and test.deadline() is None
    test.run(Level.YES, Level.NO, 0.0)
    assert test.step is Step.RESTING, "a trip that no test made is none of its own"


@pytest.mark.parametrize("began_s", [0.0, 7.0, 1e6])
def test_an_unfinished_test_is_waited_for_from_the_start_on(began_s: float) -> None:
    test = SelfTest(began_s)
    assert test.deadline() == pytest.approx(began_s + 1.65)
    test.run(Level.NO, Level.NO, began_s + 1.64)
    assert test.step is Step.SETTLING
    test.run(Level.NO, Level.NO, began_s + 1.65)
    assert test.step is Step.RESTING and test.passed_at_s is None and not test.has_failed


def test_a_test_that_something_disturbed_leaves_no_verdict_of_the_one_before() -> None:
    test = SelfTest()
    test.start(10.0)
    for at_s in (10.25, 11.65):
        test.run(Level.NO, Level.NO, at_s)
    assert test.has_failed and not test.is_running
    test.start(20.0)
    assert not test.has_failed, "the new one has not"
    test.disturb()
    for at_s in (20.25, 21.65):
        test.run(Level.NO, Level.NO, at_s)
    assert not test.has_failed and not test.is_running and test.passed_at_s is None
