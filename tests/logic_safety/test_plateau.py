"""Pilot states from volts: bands, hysteresis, confirmation, age."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.logic.evse import PilotState
from controller.logic.plateau import HOLD_V, STRICT_V, Plateau, band_of

V = {"A": 12.0, "B": 9.0, "C": 6.0, "D": 3.0, "E": 0.0, "F": -12.0, "invalid": -5.0}


class Line:
    """A pilot line sampled every 10 ms."""

    def __init__(self, state: str | None = None) -> None:
        self.now = 10.0
        self.plateau = Plateau(self.now)
        if state is not None:
            self.hold(V[state], 1.0)

    def hold(self, volts: float, seconds: float) -> PilotState:
        for _ in range(round(seconds * 100)):
            self.now += 0.01
            self.plateau.sampled(volts, self.now, self.now)
        return self.plateau.state


@pytest.mark.parametrize(
    ("volts", "state"),
    [
        (13.0, "A"), (11.0, "A"), (10.99, "invalid"), (10.0, "B"), (8.0, "B"), (7.99, "invalid"), (7.0, "C"), (5.0, "C"),
        (4.5, "invalid"), (4.0, "D"), (2.0, "D"), (1.5, "invalid"), (1.0, "E"), (-1.0, "E"), (-5.0, "invalid"),
        (-11.0, "F"), (-13.0, "F"), (-13.1, "invalid"), (13.1, "invalid"), (math.nan, "invalid"), (math.inf, "invalid"),
    ],
)  # fmt: skip
def test_a_state_is_entered_on_its_strict_band_only(volts: float, state: str) -> None:
    assert band_of(volts) == PilotState(state)
    assert Line().hold(volts, 1.0) == PilotState(state)


@pytest.mark.parametrize("state", [state for state in PilotState if state is not PilotState.INVALID])
def test_a_state_is_kept_in_its_wider_band_and_left_beyond_it(state: PilotState) -> None:
    low, high = HOLD_V[state]
    assert low < STRICT_V[state][0] and high > STRICT_V[state][1]
    for volts in (low + 0.01, high - 0.01):
        assert Line(state.value).hold(volts, 5.0) is state
    for volts in (low - 0.01, high + 0.01):
        assert Line(state.value).hold(volts, 5.0) is not state


@pytest.mark.parametrize(
    ("state", "low", "high"),
    [("A", 10.2, 13.3), ("B", 7.2, 10.8), ("C", 4.2, 7.8), ("D", 1.2, 4.8), ("E", -1.3, 1.8), ("F", -13.3, -10.7)],
)
def test_a_state_is_left_03_v_beyond_the_middle_between_two_bands(state: str, low: float, high: float) -> None:
    """10.5 / 7.5 / 4.5 / 1.5 V; beyond the outer bands the same distance."""
    for inside, limit, outside in ((low + 0.001, low, low - 0.001), (high - 0.001, high, high + 0.001)):
        assert Line(state).hold(inside, 5.0) == PilotState(state)
        assert Line(state).hold(limit, 5.0) != PilotState(state)
        assert Line(state).hold(outside, 5.0) != PilotState(state)


@pytest.mark.parametrize(
    ("before", "seen", "held_ms", "confirmed_ms"),
    [
        ("B", "A", 10, 20),
        ("C", "A", 10, 20),
        ("D", "A", 10, 20),
        ("C", "B", 10, 20),
        ("D", "B", 10, 20),
        ("A", "B", 100, 110),
        ("B", "C", 500, 510),
        ("A", "C", 500, 510),
        ("B", "D", 500, 510),
        ("C", "D", 10, 20),
        ("C", "E", 100, 110),
        ("B", "E", 100, 110),
        ("C", "F", 100, 110),
        ("C", "invalid", 200, 210),
        ("B", "invalid", 200, 210),
        ("E", "C", 500, 510),
        ("invalid", "C", 500, 510),
    ],
)
def test_a_change_is_confirmed_after_its_time_and_not_before(
    before: str, seen: str, held_ms: int, confirmed_ms: int
) -> None:
    """The first of the readings is one period in, so the second of two readings is at 20 ms."""
    assert Line(before).hold(V[seen], held_ms / 1000) == PilotState(before)
    assert Line(before).hold(V[seen], confirmed_ms / 1000) == PilotState(seen)


def test_a_toggle_shorter_than_half_a_second_is_not_a_c() -> None:
    line = Line("B")
    for _ in range(5):
        assert line.hold(V["C"], 0.4) is PilotState.B
        assert line.hold(V["B"], 0.3) is PilotState.B


def test_the_same_sample_read_twice_is_one_reading() -> None:
    line = Line("C")
    for _ in range(5):
        line.plateau.sampled(9.0, line.now + 0.01, line.now + 0.02)
    assert line.plateau.state is PilotState.C


def test_readings_that_agree_on_nothing_are_invalid_after_200_ms_in_c() -> None:
    line = Line("C")
    for _ in range(11):
        line.hold(7.9, 0.01)
        line.hold(12.0, 0.01)
    assert line.plateau.state is PilotState.INVALID


def test_a_single_wild_sample_changes_nothing() -> None:
    line = Line("C")
    for wild in (12.0, 9.0, 0.0, -12.0, 50.0, math.nan):
        line.hold(wild, 0.01)
        assert line.hold(6.0, 0.05) is PilotState.C


def test_a_single_wild_sample_changes_nothing_also_right_after_the_state_was_confirmed() -> None:
    line = Line("B")
    assert line.hold(6.0, 0.50) is PilotState.B
    assert line.hold(6.0, 0.01) is PilotState.C
    assert line.hold(12.0, 0.01) is PilotState.C


def test_a_sample_older_than_150_ms_is_invalid_at_once_and_recovers() -> None:
    line = Line("C")
    line.plateau.sampled(6.0, line.now, line.now + 0.150)
    assert line.plateau.state is PilotState.C
    line.plateau.sampled(6.0, line.now, line.now + 0.151)
    assert line.plateau.state is PilotState.INVALID and line.plateau.is_stale
    assert line.plateau.deadline(line.now, line.now + 0.151) is None, "until a sample comes nothing changes any more"
    line.now += 0.5
    line.hold(9.0, 0.12)
    assert line.plateau.state is PilotState.B and not line.plateau.is_stale


def test_blinded_nothing_is_inferred_until_new_samples_confirm() -> None:
    line = Line("C")
    line.plateau.blind(line.now + 0.02)
    assert line.plateau.state is PilotState.INVALID and line.plateau.is_blind
    line.hold(12.0, 0.02)  # the first is from before
    assert line.plateau.is_blind
    line.hold(12.0, 0.02)
    assert line.plateau.state is PilotState.A and not line.plateau.is_blind


@pytest.mark.parametrize("is_stale", [False, True])
def test_blinded_nothing_is_left_of_what_was_seen_before(is_stale: bool) -> None:
    """Else a sense that stops while F is shown would be a fault at once, by the age of a state that is no longer known."""
    line = Line("C")
    if is_stale:
        line.plateau.sampled(6.0, line.now, line.now + 0.2)
    line.plateau.blind(line.now + 0.32)
    assert (line.plateau.is_stale, line.plateau.is_steady) == (False, False)
    assert line.plateau.since_s == line.plateau.held_since_s == line.now + 0.32


def test_blinded_a_reading_from_before_is_no_first_one_of_two() -> None:
    line = Line("C")
    line.hold(12.0, 0.01)
    line.plateau.blind(line.now)
    assert line.hold(12.0, 0.01) is PilotState.INVALID and line.plateau.is_blind
    assert line.hold(12.0, 0.01) is PilotState.A


@given(st.lists(st.tuples(st.floats(-20.0, 20.0), st.integers(1, 60)), max_size=30))
def test_c_is_never_confirmed_by_less_than_half_a_second_of_c(held: list[tuple[float, int]]) -> None:
    line = Line("B")
    in_band_s = 0.0
    for volts, samples in held:
        for _ in range(samples):
            before = line.plateau.state
            in_band_s = in_band_s + 0.01 if 1.2 < volts < 7.8 else 0.0
            state = line.hold(volts, 0.01)
            if state in (PilotState.C, PilotState.D) and before not in (PilotState.C, PilotState.D):
                assert in_band_s >= 0.5 - 1e-6


def test_two_voltages_at_one_instant_are_two_readings_of_no_time() -> None:
    """Only where time is simulated: a change must not be lost because a pass was made at the same instant."""
    line = Line("C")
    line.plateau.sampled(9.0, line.now, line.now)
    assert line.plateau.state is PilotState.C and line.plateau.deadline(line.now, line.now) == line.now + 0.01


@pytest.mark.parametrize("before", ["C", "D"])
@pytest.mark.parametrize("seen", ["A", "B"])
def test_one_reading_of_a_vehicle_that_left_counts_when_no_second_one_comes(before: str, seen: str) -> None:
    """Else a sense that stops right then would keep the contactor closed until the sample is stale (invariant 6: 60 ms)."""
    line = Line(before)
    line.hold(V[seen], 0.01)
    left = line.now
    line.plateau.sampled(V[seen], left, left + 0.040)
    assert line.plateau.state == PilotState(before)
    due = line.plateau.deadline(left, left + 0.040)
    assert due is not None and due <= left + 0.050
    line.plateau.sampled(V[seen], left, due)
    assert line.plateau.state == PilotState(seen)


@pytest.mark.parametrize(("before", "seen"), [("A", "B"), ("invalid", "B"), ("invalid", "A"), ("B", "C")])
def test_one_reading_of_anything_else_is_never_believed(before: str, seen: str) -> None:
    """Only what opens is: nobody is plugged in by a single reading."""
    line = Line(before)
    line.hold(V[seen], 0.01)
    line.plateau.sampled(V[seen], line.now, line.now + 0.149)
    assert line.plateau.state == PilotState(before)


def test_readings_that_agree_on_nothing_and_end_with_a_need_one_more_of_it() -> None:
    line = Line("invalid")
    line.hold(V["D"], 0.40)
    line.hold(V["C"], 0.30)
    assert line.hold(V["A"], 0.01) is PilotState.INVALID  # 700 ms that agreed on nothing
    assert line.hold(V["A"], 0.01) is PilotState.A


def test_a_pilot_that_turns_from_unusable_to_unread_is_unusable_since_before() -> None:
    line = Line("B")
    line.hold(V["invalid"], 1.0)
    since_s = line.plateau.since_s
    line.plateau.sampled(V["invalid"], line.now, line.now + 0.2)
    assert line.plateau.is_stale and line.plateau.since_s == since_s == pytest.approx(11.01)


@pytest.mark.parametrize("state", PilotState)
def test_every_state_but_an_invalid_one_is_steady_from_its_confirmation_on(state: PilotState) -> None:
    line = Line("E" if state is not PilotState.E else "F")
    while line.plateau.state is not state:
        line.hold(V[state.value], 0.01)
    assert line.plateau.is_steady is (state is not PilotState.INVALID)
    assert line.plateau.held_since_s == line.plateau.since_s


def test_readings_that_agree_on_nothing_begin_anew_with_the_last_of_them() -> None:
    """Also where no further sample is looked at before the deadline: else ticks and deadlines would differ."""
    line = Line("invalid")
    line.hold(V["D"], 0.40)
    line.hold(V["C"], 0.31)  # 700 ms that agreed on nothing
    began = line.now
    due = line.plateau.deadline(line.now, line.now)
    assert due == pytest.approx(began + 0.5)
    line.plateau.sampled(V["C"], due, due)
    assert line.plateau.state is PilotState.C


@pytest.mark.parametrize("before", ["C", "D"])
@pytest.mark.parametrize(("first", "second"), [("A", "B"), ("B", "A")])
def test_two_readings_that_both_say_the_vehicle_left_need_not_agree_on_how(
    before: str, first: str, second: str
) -> None:
    line = Line(before)
    line.hold(V[first], 0.01)
    assert line.hold(V[second], 0.01) == PilotState(second)


def test_two_readings_of_one_burst_are_one() -> None:
    line = Line("C")
    for seconds, expected in ((0.0, "C"), (0.004, "C"), (0.006, "B")):
        line.plateau.sampled(V["B"], line.now + 0.01 + seconds, line.now + 0.02)
        assert line.plateau.state == PilotState(expected)


def test_at_the_start_nothing_is_known_and_nothing_is_late() -> None:
    plateau = Plateau(10.0)
    assert plateau.state is PilotState.INVALID
    assert (plateau.is_stale, plateau.is_steady, plateau.is_blind) == (False, False, True)
    assert (plateau.since_s, plateau.held_since_s) == (10.0, 10.0)


def test_a_sample_older_than_the_last_one_says_nothing() -> None:
    line = Line("C")
    line.plateau.sampled(V["B"], line.now - 0.02, line.now)
    line.plateau.sampled(V["B"], line.now - 0.01, line.now)
    assert line.plateau.state is PilotState.C and line.plateau.is_steady
