"""What measured values mean: the right verdict, and the wire that is named."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from controller.bringup import judge
from controller.bringup.finding import Finding, Verdict
from controller.config import load_board
from controller.logic.evse import PilotState

EVSE = load_board("mock", Path("/run")).evses[0]
A, B, C = PilotState.A, PilotState.B, PilotState.C

CASES: dict[str, tuple[Finding, str]] = {
    "12 V": (judge.steady_high(EVSE, 12.0), ""),
    "a vehicle is there": (judge.steady_high(EVSE, 9.0), "state B: is something plugged in"),
    "a short": (judge.steady_high(EVSE, 0.1), "shorted to PE, or CP_EN does not connect it: GPIO17 (enable_pin)"),
    "stuck low": (
        judge.steady_high(EVSE, -12.0),
        "channel 0 of mock.toml [evse.1.pilot_driver]) does not drive it high",
    ),
    "off scale": (
        judge.steady_high(EVSE, 10.4),
        "scale, offset_v) of channel 0 (high_channel) of mock.toml [evse.1.pilot_sense]",
    ),
    "-12 V": (judge.steady_low(EVSE, judge.Line(0.0, -11.9)), ""),
    "-12 V, a burst": (judge.steady_low(EVSE, judge.Line(-11.9, -11.9)), ""),
    "-12 V, decoded": (judge.steady_low(EVSE, judge.Line(-12.0)), ""),
    "stuck high": (judge.steady_low(EVSE, judge.Line(12.0, 0.0)), "does not pull it low"),
    "no negative supply": (judge.steady_low(EVSE, judge.Line(0.0, 0.0)), "the -12 V supply is missing"),
    "half a supply": (judge.steady_low(EVSE, judge.Line(0.0, -8.0)), "the -12 V supply, divider"),
    "PWM": (judge.pulsed(EVSE, A, judge.Line(12.0, -12.0)), ""),
    "no PWM": (judge.pulsed(EVSE, A, judge.Line(12.0, 12.0)), "no PWM reaches the line"),
    "a weak negative": (judge.pulsed(EVSE, A, judge.Line(12.0, -9.0)), "the -12 V supply, or channel 1 (low_channel)"),
    "no low plateau": (judge.pulsed(EVSE, A, judge.Line(12.0, None)), "no low plateau is read: channel 1"),
    "PWM in B": (judge.pulsed(EVSE, B, judge.Line(9.0, -12.0)), ""),
    "duty": (judge.duty(EVSE, 50.0, judge.Line(12.0, -12.0, 51.2)), ""),
    "another duty": (judge.duty(EVSE, 50.0, judge.Line(12.0, -12.0, 43.0)), "the edges of the pilot driver"),
    "no diode": (judge.pulsed(EVSE, B, judge.Line(9.0, -8.8)), "diode is missing or shorted"),
    "still unplugged": (
        judge.with_vehicle(EVSE, B, 12.0),
        "reads as state A, not B: the adapter's switch, and the CP and PE",
    ),
    "asks already": (judge.with_vehicle(EVSE, B, 6.0), "reads as state C, not B"),
    "a bad contact": (judge.with_vehicle(EVSE, C, 7.5), "between the bands: CP and PE contacts"),
    "a cable's short": (judge.with_vehicle(EVSE, C, 0.0), "shorted to PE in the cable"),
    "asks": (judge.with_vehicle(EVSE, C, 6.0), ""),
    "no plug": (judge.unplugged_coding(EVSE, math.inf), ""),
    "a plug": (judge.unplugged_coding(EVSE, 220.0), "PP touching PE: channel 2 of mock.toml [evse.1.proximity]"),
    "a cable": (judge.plugged_coding(EVSE, 220.0), ""),
    "PP open": (judge.plugged_coding(EVSE, math.inf), "PP is open"),
    "PP shorted": (judge.plugged_coding(EVSE, 5.0), "a short from PP to PE"),
    "room": (judge.temperature(EVSE, 21.0), ""),
    "a broken sensor": (judge.temperature(EVSE, 90.0), "the sensor of mock.toml [evse.1.temperature]"),
    "three phases": (judge.voltages(EVSE, (230.0, 231.0, 229.0)), ""),
    "one is missing": (judge.voltages(EVSE, (230.0, 0.0, 229.0)), "L2: the supply's terminals"),
    "too few": (judge.voltages(EVSE, (230.0,)), "fewer phases than the board file"),
    "no load": (judge.currents(EVSE, (0.1, 0.0, 0.0)), ""),
    "on L1": (judge.currents(EVSE, (6.0, 0.0, 0.0)), ""),
    "on all": (judge.currents(EVSE, (6.0, 6.1, 5.9)), ""),
    "swapped": (judge.currents(EVSE, (0.0, 6.0, 0.0)), "current on L2: phase order"),
    "two of three": (judge.currents(EVSE, (6.0, 6.0, 0.0)), "current on L1, L2: phase order"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_value_is_judged_and_a_wrong_one_names_its_wire(name: str) -> None:
    finding, check = CASES[name]
    assert finding.is_bad is bool(check)
    assert check in finding.check and finding.measured and finding.expected


@pytest.mark.parametrize("finding", [judge.voltages(EVSE, ()), judge.currents(EVSE, ())])
def test_what_a_meter_does_not_measure_is_not_held_against_its_wiring(finding: Finding) -> None:
    assert finding.verdict is Verdict.NOT_BUILT and "this meter measures no" in finding.measured


def test_a_front_end_that_tells_no_duty_is_said_to_be_one() -> None:
    finding = judge.duty(EVSE, 50.0, judge.Line(12.0, -12.0))
    assert finding.verdict is Verdict.NOT_BUILT and "tells no duty" in finding.measured
