"""The monitors: a clean trace passes, and each invariant that can be judged is seen to fail on a planted breach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controller.logic.evse import PilotOutput, PilotState
from controller.logic.inputs import Level, Mirror
from controller.logic.invariants import INVARIANTS, NOT_JUDGED_HERE, Breach, Monitor, TracePoint, Watched
from controller.logic.lock import Motion
from controller.logic.plant_monitor import PlantMonitor

WATCHED = Watched(1, 32.0, has_lock=True, has_ventilation=False, has_rcd_test=True)
VENTED = Watched(1, 32.0, has_lock=True, has_ventilation=True, has_rcd_test=True)


class Trace:
    """A trace in which everything is right, changed here and there; a point every 10 ms."""

    def __init__(self, watched: Watched = WATCHED) -> None:
        self.monitor = Monitor(watched)
        self.found: list[Breach] = []
        self.now = 100.0
        self.frozen_sample = False
        self.point = TracePoint(
            pilot=PilotState.A, high_v=12.0, low_v=12.0, mirror=Mirror.OPEN, tested_at_s=0.0, cable_a=32, phases=3
        )

    def hold(self, seconds: float = 0.01, **changes: Any) -> Trace:
        for key, value in changes.items():
            setattr(self.point, key, value)
        for _ in range(round(seconds * 100)):
            self.now += 0.01
            self.point.at_s = self.now
            if not self.frozen_sample:
                self.point.high_at_s = self.point.low_at_s = self.now
            self.found += self.monitor.observe(self.point)
        return self

    def plugged(self) -> Trace:
        self.hold(1.0)
        return self.hold(1.0, pilot=PilotState.B, high_v=9.0, locked=Level.YES)

    def permitted(self) -> Trace:
        return self.hold(permit_until_s=1e9, permit_a=16.0, record_id="r1")

    def offering(self) -> Trace:
        self.plugged().permitted()
        return self.hold(1.0, output=PilotOutput.X2, duty_pct=26.66, signalled_a=15.99, low_v=-12.0)

    def asking(self) -> Trace:
        self.offering().hold(0.5, high_v=6.0)
        return self.hold(0.1, pilot=PilotState.C)

    def charging(self) -> Trace:
        self.asking().hold(0.03, closed=True)
        return self.hold(1.0, mirror=Mirror.CLOSED)

    def open(self) -> Trace:
        return self.hold(0.03, closed=False).hold(0.1, mirror=Mirror.OPEN)

    def dark(self) -> Trace:
        return self.hold(output=PilotOutput.X1, duty_pct=None, signalled_a=0.0)


def test_a_clean_session_breaks_nothing() -> None:
    trace = Trace().charging()
    trace.hold(6.0, duty_pct=20.0, signalled_a=12.0).hold(1.0, duty_pct=26.0, signalled_a=15.6)
    trace.hold(0.02, high_v=9.0).hold(0.03, pilot=PilotState.B, closed=False).hold(1.0, mirror=Mirror.OPEN)
    trace.hold(0.5, high_v=6.0).hold(6.0, pilot=PilotState.C).hold(0.03, closed=True).hold(5.0, mirror=Mirror.CLOSED)
    trace.dark().hold(5.9, permit_until_s=float("-inf"), permit_a=0.0, record_id="").open()
    trace.hold(1.0, pilot=PilotState.A, high_v=12.0).hold(0.4, motion=Motion.UNLOCK).hold(1.0, locked=Level.NO)
    assert trace.found == []


def high_level() -> Trace:
    """A session whose limit is told digitally, up to the close."""
    trace = Trace()
    trace.plugged().permitted()
    trace.hold(1.0, is_high_level=True, output=PilotOutput.X2, duty_pct=5.0, signalled_a=0.0, low_v=-12.0)
    trace.hold(0.5, high_v=6.0, signalled_a=16.0)
    return trace.hold(0.1, pilot=PilotState.C)


def high_level_charging() -> Trace:
    return high_level().hold(0.03, closed=True).hold(1.0, mirror=Mirror.CLOSED)


def test_a_clean_session_of_high_level_communication_breaks_nothing() -> None:
    trace = high_level_charging().hold(1.0, signalled_a=10.0).hold(0.01, permit_a=5.0, signalled_a=0.0)
    trace.hold(0.1, high_v=9.0).hold(0.03, pilot=PilotState.B, closed=False)
    trace.hold(0.1)
    assert [breach.invariant for breach in trace.found if breach.invariant in (2, 12, 13)] == []


@pytest.mark.parametrize(
    ("invariant", "told", "make"),
    [
        (2, "duty 5 %", lambda: high_level().hold(0.01, duty_pct=26.66).hold(closed=True)),
        (12, "told digitally", lambda: high_level_charging().hold(permit_a=10.0)),
        (12, "told digitally", lambda: high_level_charging().hold(thermal_a=10.0)),
        (12, "told digitally", lambda: high_level_charging().hold(cable_a=13)),
        (13, "told 0 A", lambda: high_level_charging().hold(permit_a=5.0, signalled_a=5.0)),
        (13, "duty is 5 %", lambda: high_level_charging().hold(duty_pct=26.66)),
        (13, "duty is 5 %", lambda: high_level_charging().hold(duty_pct=None)),
    ],
)
def test_the_high_level_form_of_an_invariant_is_seen_to_fail(
    invariant: int, told: str, make: Callable[[], Trace]
) -> None:
    assert any(breach.invariant == invariant and told in breach.detail for breach in make().found)


def test_five_percent_without_high_level_communication_stays_a_breach() -> None:
    trace = high_level_charging().hold(is_high_level=False)
    assert {breach.invariant for breach in trace.found} == {13}


def _many_closes(trace: Trace) -> None:
    trace.charging()
    for _ in range(6):
        trace.open().hold(6.0).hold(0.03, closed=True).hold(1.0, mirror=Mirror.CLOSED)


PLANTED: dict[str, tuple[int, Callable[[Trace], Any]]] = {
    "energised in B": (1, lambda t: t.charging().hold(pilot=PilotState.B)),
    "energised while invalid": (1, lambda t: t.charging().hold(pilot=PilotState.INVALID)),
    "closed without PWM": (2, lambda t: t.asking().dark().hold(6.0).hold(closed=True)),
    "closed in the pass that begins PWM": (
        2,
        lambda t: t.asking().dark().hold(1.0).hold(closed=True, output=PilotOutput.X2, duty_pct=26.66),
    ),
    "closed at 5 %": (2, lambda t: t.asking().hold(duty_pct=5.0).hold(closed=True)),
    "energised with a fault": (3, lambda t: t.charging().hold(faults=("pilot_diode",))),
    "diode never seen": (
        4,
        lambda t: (
            t.plugged()
            .permitted()
            .hold(1.0, output=PilotOutput.X2, duty_pct=26.66, signalled_a=15.99, low_v=-8.8)
            .hold(0.5, high_v=6.0)
            .hold(0.1, pilot=PilotState.C)
            .hold(closed=True)
        ),
    ),
    "diode seen before the last unplug": (
        4,
        lambda t: (
            t.asking()
            .hold(0.05, high_v=12.0, pilot=PilotState.A)
            .hold(1.0, high_v=6.0, low_v=-8.8, pilot=PilotState.C)
            .hold(closed=True)
        ),
    ),
    "diode seen under an earlier PWM": (
        4,
        lambda t: (
            t.asking()
            .dark()
            .hold(6.0)
            .hold(1.0, output=PilotOutput.X2, duty_pct=26.66, signalled_a=15.99, low_v=-8.8)
            .hold(closed=True)
        ),
    ),
    "D without ventilation": (5, lambda t: t.charging().hold(pilot=PilotState.D, high_v=3.0)),
    "slow after C to B": (6, lambda t: t.charging().hold(0.08, high_v=9.0)),
    "slow after an unplug": (6, lambda t: t.charging().hold(0.08, high_v=12.0)),
    "opened, but late": (6, lambda t: (t.charging().hold(high_v=9.0), setattr(t, "now", t.now + 0.07), t.open())),
    "shorted for long": (7, lambda t: t.charging().hold(0.6, high_v=0.0)),
    "between bands for long": (7, lambda t: t.charging().hold(0.6, high_v=-5.0)),
    "X1 for 7 s": (8, lambda t: t.charging().dark().hold(7.0)),
    "C without power or reason": (9, lambda t: t.asking().hold(3.2, is_explained=False)),
    "C for 400 ms": (10, lambda t: t.offering().hold(0.4, high_v=6.0).hold(pilot=PilotState.C, closed=True)),
    "old sample": (11, lambda t: (t.charging(), setattr(t, "frozen_sample", True), t.hold(0.2))),
    "more than the permit": (12, lambda t: t.charging().hold(permit_a=10.0)),
    "more than the cable": (12, lambda t: t.charging().hold(cable_a=13)),
    "more than the board": (12, lambda t: t.charging().hold(permit_a=63.0, cable_a=63, signalled_a=40.0)),
    "more than warmth allows": (12, lambda t: t.charging().hold(thermal_a=10.0)),
    "PWM below 6 A": (13, lambda t: t.charging().hold(permit_a=5.0)),
    "duty 5 %": (13, lambda t: t.charging().hold(duty_pct=5.0)),
    "duty 98 %": (13, lambda t: t.charging().hold(duty_pct=98.0)),
    "two raises in 4 s": (
        14,
        lambda t: t.charging().hold(6.0, duty_pct=12.0).hold(4.0, duty_pct=13.0).hold(duty_pct=14.0),
    ),
    "PWM again after 1 s": (
        14,
        lambda t: t.offering().dark().hold(1.0).hold(output=PilotOutput.X2, duty_pct=26.66),
    ),
    "closed after the lease": (15, lambda t: t.asking().hold(permit_until_s=0.0, closed=True)),
    "closed without a record": (15, lambda t: t.asking().hold(record_id="", closed=True)),
    "energised unlocked": (16, lambda t: t.charging().hold(locked=Level.NO)),
    "energised with an unknown lock": (16, lambda t: t.charging().hold(locked=Level.UNKNOWN)),
    "energised without a rating": (16, lambda t: t.charging().hold(cable_a=None)),
    "unlocking under power": (16, lambda t: t.charging().hold(motion=Motion.UNLOCK)),
    "unlocking unproven": (16, lambda t: t.charging().hold(closed=False, motion=Motion.UNLOCK)),
    "welded and silent": (17, lambda t: t.charging().hold(0.5, closed=False)),
    "stuck open and on": (17, lambda t: t.asking().hold(0.5, closed=True)),
    "stuck open, told, still on": (
        17,
        lambda t: t.asking().hold(0.5, closed=True, faults=("contactor_stuck_open",)),
    ),
    "phases under power": (18, lambda t: t.charging().hold(phases=1)),
    "phases under PWM": (18, lambda t: t.offering().hold(phases=1)),
    "RCD ignored": (19, lambda t: t.charging().hold(0.08, rcd_tripped=Level.YES, faults=("rcd_trip",))),
    "RCD not latched": (19, lambda t: t.plugged().hold(rcd_tripped=Level.YES)),
    "self-test too old": (20, lambda t: t.asking().hold(tested_at_s=100.0 - 24 * 3600.0, closed=True)),
    "self-test never": (20, lambda t: t.asking().hold(tested_at_s=None, closed=True)),
    "self-test under power": (20, lambda t: t.charging().hold(is_testing=True)),
    "closed again after 3 s": (21, lambda t: t.charging().open().hold(3.0).hold(closed=True)),
    "seven closes": (21, _many_closes),
    "over-current ignored": (22, lambda t: t.charging().hold(14.0, drawn_a=20.0)),
    "PWM without a lease": (24, lambda t: t.charging().hold(permit_until_s=0.0)),
    "no lease for 7 s": (24, lambda t: t.charging().dark().hold(7.0, permit_until_s=0.0)),
    "no weld check": (24, lambda t: t.asking().hold(mirror=Mirror.UNKNOWN).hold(closed=True)),
    "energised at start": (24, lambda t: t.hold(closed=True)),
    "advertising at start": (24, lambda t: t.permitted() and Trace().hold() and t.hold(output=PilotOutput.X2)),
    "e-stop ignored": (26, lambda t: t.charging().hold(0.08, estop_pressed=Level.YES, faults=("emergency_stop",))),
    "e-stop unreadable": (26, lambda t: t.charging().hold(0.08, estop_pressed=Level.UNKNOWN)),
    "e-stop not latched": (26, lambda t: t.plugged().hold(estop_pressed=Level.YES)),
    "mains ignored": (26, lambda t: t.charging().hold(0.08, mains_absent=Level.YES)),
}


@pytest.mark.parametrize("name", [name for name in PLANTED if name != "advertising at start"])
def test_a_planted_breach_is_seen(name: str) -> None:
    number, plant = PLANTED[name]
    trace = Trace()
    plant(trace)
    assert number in {breach.invariant for breach in trace.found}, trace.found


def test_advertising_at_the_start_is_seen() -> None:
    trace = Trace()
    trace.hold(output=PilotOutput.X2, duty_pct=20.0, permit_until_s=1e9, permit_a=16.0)
    assert 24 in {breach.invariant for breach in trace.found}


def test_a_kick_needs_a_complete_pass_just_before_it() -> None:
    trace = Trace().hold()
    assert trace.monitor.kicked(trace.now) == []
    assert [breach.invariant for breach in trace.monitor.kicked(trace.now)] == [23]
    trace.hold()
    assert [breach.invariant for breach in trace.monitor.kicked(trace.now + 0.2)] == [23]


def test_an_exception_must_leave_the_contactor_open_and_a_register_never_falls() -> None:
    monitor = Monitor(WATCHED)
    assert monitor.excepted(1.0, closed=False) == []
    assert [breach.invariant for breach in monitor.excepted(1.0, closed=True)] == [25]
    assert monitor.registered(100, 1.0) == [] and monitor.registered(100, 2.0) == []
    assert [breach.invariant for breach in monitor.registered(99, 3.0)] == [25]


def test_every_invariant_is_judged_and_what_is_not_says_why() -> None:
    judged = {number for number, _ in PLANTED.values()} | {23, 25}
    assert judged == set(INVARIANTS) == set(range(1, 27))
    assert all(reason for reason in NOT_JUDGED_HERE.values()) and NOT_JUDGED_HERE.keys() <= INVARIANTS.keys()


def test_a_breach_that_stands_is_told_once() -> None:
    trace = Trace().charging().hold(1.0, pilot=PilotState.B)
    assert [breach.invariant for breach in trace.found].count(1) == 1
    assert "EVSE 1" in str(trace.found[0])


def test_ventilation_where_there_is_some_allows_d() -> None:
    trace = Trace(VENTED).charging().hold(1.0, pilot=PilotState.D, high_v=3.0)
    assert trace.found == []


# --- from outside -------------------------------------------------------------------------------------------------------


def _charged() -> PlantMonitor:
    monitor = PlantMonitor((1, 2))
    assert monitor.advertising(1, True, 0.0) + monitor.vehicle(1, "C", 1.0) + monitor.contact(1, True, 2.0) == []
    return monitor


FROM_OUTSIDE: dict[str, tuple[int, float, Callable[[PlantMonitor], list[Breach]]]] = {
    "unplugged": (6, 0.1, lambda m: m.vehicle(1, "A", 10.0)),
    "stopped asking": (6, 0.1, lambda m: m.vehicle(1, "B", 10.0)),
    "shorted": (7, 0.54, lambda m: m.vehicle(1, "E", 10.0)),
    "dark": (8, 6.54, lambda m: m.advertising(1, False, 10.0)),
    "residual current": (19, 0.09, lambda m: m.residual(1, True, 10.0)),
    "no kicks": (23, 0.29, lambda m: m.kicked(10.0)),
    "safety killed": (24, 0.29, lambda m: m.safety_died(10.0)),
    "station killed": (24, 6.54, lambda m: m.station_died(10.0)),
    "station hangs": (24, 8.54, lambda m: m.station_died(10.0, hangs=True)),
    "emergency": (26, 0.09, lambda m: m.emergency(True, 10.0)),
}


@pytest.mark.parametrize("name", FROM_OUTSIDE)
def test_a_contact_that_stays_closed_too_long_is_seen_from_outside(name: str) -> None:
    number, limit_s, happen = FROM_OUTSIDE[name]
    monitor = _charged()
    assert happen(monitor) == []
    assert monitor.check(10.0 + limit_s - 0.01) == []
    assert [breach.invariant for breach in monitor.check(10.0 + limit_s + 0.01)] == [number]
    assert monitor.check(20.0) == []  # once


@pytest.mark.parametrize("name", FROM_OUTSIDE)
def test_a_contact_that_opens_in_time_is_no_breach(name: str) -> None:
    _number, limit_s, happen = FROM_OUTSIDE[name]
    monitor = _charged()
    found = happen(monitor) + monitor.contact(1, False, 10.0 + limit_s - 0.001)
    found += monitor.advertising(1, False, 10.0 + limit_s - 0.001)
    assert found + monitor.check(100.0) == []


@pytest.mark.parametrize("name", [name for name in FROM_OUTSIDE if name not in ("dark", "no kicks")])
def test_a_contact_that_closes_while_it_must_be_open_is_seen_from_outside(name: str) -> None:
    number, _limit_s, happen = FROM_OUTSIDE[name]
    monitor = PlantMonitor((1, 2))
    assert happen(monitor) == [] and monitor.contact(1, True, 10.02) == [], "it was on its way"
    monitor.contact(1, False, 10.05)
    assert number in {breach.invariant for breach in monitor.contact(1, True, 19.0)}


def test_a_contact_that_closes_again_too_soon_is_seen_from_outside() -> None:
    monitor = _charged()
    assert monitor.contact(1, False, 10.0) == []
    assert [breach.invariant for breach in monitor.contact(1, True, 14.0)] == [21]


def test_a_dead_safety_process_must_not_advertise() -> None:
    monitor = PlantMonitor((1,))
    monitor.advertising(1, True, 0.0)
    monitor.safety_died(10.0)
    assert [breach.invariant for breach in monitor.check(10.5)] == [24]


def test_while_the_process_is_dead_only_the_hardware_is_judged_and_then_the_program_again() -> None:
    monitor = _charged()
    monitor.vehicle(1, "B", 10.0)
    monitor.safety_died(10.01)
    assert monitor.check(10.25) == []
    monitor.safety_started(11.0)
    assert monitor.check(11.09) == []
    assert [breach.invariant for breach in monitor.check(11.2)] == [6]
