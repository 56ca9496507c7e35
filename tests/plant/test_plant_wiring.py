"""The pilot and proximity circuits against hardware facts: volts per state, shorts, the hold circuit's settling."""

import math

import pytest

from drivers.mock.curve import Curve
from hil.plant.wiring import HOLD_TAU_S, Load, PeakHold, line_v

NOMINAL = [(Load.A, 12.0), (Load.B, 8.98), (Load.C, 6.0), (Load.D, 2.93)]
ACCEPTED = {Load.A: (11, 13), Load.B: (8, 10), Load.C: (5, 7), Load.D: (2, 4)}


@pytest.mark.parametrize(("load", "volts"), NOMINAL)
def test_high_plateau_of_each_state_is_in_its_accepted_band(load, volts):
    assert line_v(12.0, load) == pytest.approx(volts, abs=0.01)
    low, high = ACCEPTED[load]
    assert low < line_v(12.0, load) < high


@pytest.mark.parametrize("load", list(Load))
def test_low_plateau_is_the_generators_because_the_diode_blocks(load):
    assert line_v(-12.0, load) == -12.0


@pytest.mark.parametrize(("load", "volts"), [(Load.B, -8.8), (Load.C, -5.6), (Load.D, -2.4)])
def test_low_plateau_with_a_shorted_diode_shows_it(load, volts):
    assert line_v(-12.0, load, diode_shorted=True) == pytest.approx(volts, abs=0.05)
    assert line_v(12.0, load, diode_shorted=True) == pytest.approx(-volts, abs=0.05)


def test_a_dead_short_leaves_nothing_on_either_plateau():
    assert (line_v(12.0, Load.C, short_ohm=0.0), line_v(-12.0, Load.C, short_ohm=0.0)) == (0.0, 0.0)


def test_a_short_behind_the_diode_is_seen_on_the_high_plateau_only():
    assert -1 < line_v(12.0, Load.B, after_diode=True) < 1
    assert line_v(-12.0, Load.B, after_diode=True) == -12.0


def test_a_resistive_short_divides_with_the_source():
    assert line_v(12.0, Load.A, short_ohm=1000.0) == pytest.approx(6.0)


def test_hold_follows_outward_at_once_and_back_with_its_time_constant():
    hold = PeakHold(True, 6.0, 0.0)
    assert hold.drive(9.0, 1.0)
    assert hold.curve.value(1.0) == 9.0
    hold.drive(6.0, 2.0)
    assert hold.curve.value(2.0) == 9.0
    assert hold.curve.value(2.0 + HOLD_TAU_S / 4) == pytest.approx(9.0 * math.exp(-0.25))
    assert hold.curve.value(hold.settled_at()) == pytest.approx(6.0, abs=0.021)
    assert hold.curve.value(2.0 + HOLD_TAU_S) == 6.0  # the next pulse holds it there
    assert hold.settled_at() == pytest.approx(2.0 + HOLD_TAU_S * math.log(9.0 / 6.02))
    assert hold.curve.value(1.999) == 9.0  # what was there before the change


def test_hold_of_the_low_plateau_keeps_minus_twelve_for_a_while_after_the_pwm_stops():
    hold = PeakHold(False, -12.0, 0.0)
    hold.drive(9.0, 0.0)
    assert hold.curve.value(0.001) < -11.0
    hold.drive(-12.0, 0.5)
    assert hold.curve.value(0.5) == -12.0


@pytest.mark.parametrize(("up", "steady_v"), [(True, -12.0), (False, 12.0)])
def test_a_hold_does_not_see_a_steady_line_on_the_other_side_of_its_rest(up: bool, steady_v: float) -> None:
    hold = PeakHold(up, -steady_v, 0.0)
    hold.drive(steady_v, 1.0)
    assert hold.curve.value(1.0 + HOLD_TAU_S) == pytest.approx(-steady_v / math.e)
    assert hold.curve.value(3.0) == pytest.approx(0.0, abs=1e-6)
    assert not hold.drive(steady_v, 4.0) and hold.drive(-steady_v, 5.0) and hold.curve.value(5.0) == -steady_v


def test_same_plateau_again_is_no_news():
    hold = PeakHold(True, 6.0, 0.0)
    assert not hold.drive(6.0, 1.0)


@pytest.mark.parametrize("towards", [6.0, 0.0])
@pytest.mark.parametrize(
    ("begin", "end"), [(0.0, 0.1), (0.95, 1.05), (1.0, 1.2), (1.01, 1.012), (1.1, 1.2), (2.0, 2.0)]
)
def test_mean_of_a_curve_is_the_integral_over_the_window(begin, end, towards):
    curve = Curve(before_v=1.0, start_v=9.0, target_v=6.0, at_s=1.0, tau_s=0.047, towards_v=towards)
    steps = 20_000
    width = (end - begin) / steps
    by_sums = sum(curve.value(begin + (i + 0.5) * width) for i in range(steps)) / steps
    assert curve.mean(begin, end) == pytest.approx(by_sums, abs=1e-3)


def test_scaled_curve_is_the_scaled_value_at_any_time():
    curve = Curve(12.0, 9.0, -12.0, 1.0, 0.047, -13.0)
    for at in (0.5, 1.0, 1.01, 5.0):
        assert curve.scaled(1 / 8, 13.2 / 8).value(at) == pytest.approx((curve.value(at) + 13.2) / 8)
