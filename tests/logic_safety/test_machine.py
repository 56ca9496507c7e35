"""Scenes of the whole machine, each showing one thing that no sequence of the standard shows: mostly found missing by `make mutants`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.logic.contactor import MirrorWatch
from controller.logic.evse import (
    ContactorState,
    EvseFacts,
    LimitContact,
    LockState,
    Measurements,
    Permit,
    PilotOutput,
    PilotState,
    PlugState,
)
from controller.logic.inputs import Inputs, Level, Mirror
from controller.logic.lock import Motion
from controller.logic.pilot import EvseConfig, Outputs, PilotMachine, Supply
from controller.logic.reasons import Reason
from hil.search.canonical import EPOCH_S
from hil.search.world import Event, World

SOCKET = EvseConfig(1, has_rcd=True)
TESTED = EvseConfig(1, has_rcd=True, has_rcd_test=True)
PERIOD_S = 0.010


class Scene(World):
    """What happens, in order; a number is a wait in seconds. No invariant may break in any scene."""

    def play(self, *happenings: Event | float) -> Scene:
        for each in happenings:
            self.happen(each if isinstance(each, Event) else Event("wait", each))
            assert self.breaches == []
        return self

    def until(self, condition: object, within_s: float = 60.0) -> float:
        began = self.now
        assert self.run(within_s, condition), (self.machine.supply, self.machine.blocked_by)
        assert self.breaches == []
        return self.now - began

    @property
    def faults(self) -> tuple[str, ...]:
        return self.machine.faults.ids

    def told(self, reason: Reason) -> bool:
        return bool(self.machine.against & reason.bit)


B, C, PERMIT = Event("line", "B"), Event("line", "C"), Event("permit", (16.0, "r1"))
WITHDRAW, RESET, PERIOD = Event("withdraw"), Event("reset"), Event("period")


def plugged(config: EvseConfig = SOCKET) -> Scene:
    return Scene(config).play(6.0, B, 1.0)


def charging(config: EvseConfig = SOCKET) -> Scene:
    scene = plugged(config).play(PERMIT, C, 2.0)
    assert scene.machine.supply is Supply.CLOSED
    return scene


# --- before the first pass, and defaults ----------------------------------------------------------------------------------


def test_a_machine_that_has_made_no_pass_yet_is_due_at_once_and_allows_nothing() -> None:
    machine = PilotMachine(SOCKET, 50.0)
    assert machine.deadline() == pytest.approx(50.0 + PERIOD_S)
    assert machine.allowed_a == 0.0 and machine.signalled_a == 0.0
    assert machine.supply is Supply.UNPROVEN and machine.against == 0 and not machine.diode_seen_good


def test_a_machine_that_has_made_no_pass_yet_tells_that_it_knows_nothing() -> None:
    assert PilotMachine(SOCKET, 50.0, "run").facts(50.0) == EvseFacts(
        1, "run", 50.0, PilotState.INVALID, PlugState.UNKNOWN, 0, PilotOutput.X1, None, 0.0, None, None,
        ContactorState.UNKNOWN, LockState.UNLOCKED, None, None,
    )  # fmt: skip


def test_what_a_board_file_does_not_say_is_32_a_in_three_phases_with_a_lock() -> None:
    config = EvseConfig(1)
    assert (config.hardware_max_a, config.phases, config.has_lock, config.cable_a) == (32.0, 3, True, None)
    assert not (config.has_ventilation or config.has_rcd or config.has_rcd_test or config.has_temperature)
    assert not (config.has_phase_sense or config.switches_phases or config.unlocks_without_mains)
    assert (config.phase_wait_s, config.wake_up, config.rcd_outputs) == (60.0, None, 1)
    assert (config.period_s, config.longest_lease_s) == (0.010, 2.0)


def test_what_is_driven_before_anything_is_decided_is_nothing() -> None:
    assert Outputs() == Outputs(False, 1, PilotOutput.X1, None, Motion.REST, False)


# --- offering ---------------------------------------------------------------------------------------------------------------


def test_a_low_plateau_of_the_first_50_ms_of_pwm_shows_no_diode() -> None:
    scene = plugged().play(C, 1.0, PERMIT)
    assert scene.machine.outputs.pilot is PilotOutput.X2
    began = scene.now
    scene.until(lambda: scene.machine.diode_seen_good)
    assert scene.now - began == pytest.approx(0.050, abs=PERIOD_S / 2)


def test_fresh_pwm_wants_to_see_the_diode_again_also_of_a_vehicle_that_never_left_c() -> None:
    scene = charging().play(WITHDRAW, 12.0)
    scene.play(Event("low", -8.8), PERMIT, 20.0)
    assert scene.machine.cycles == 1 and scene.faults == ("pilot_diode",)


def test_without_pwm_no_current_is_signalled() -> None:
    scene = charging()
    assert scene.machine.signalled_a == pytest.approx(16.0, abs=0.01)
    scene.play(WITHDRAW)
    assert scene.machine.outputs.duty_pct is None and scene.machine.signalled_a == 0.0


def test_a_duty_that_rose_waits_5_s_and_one_that_fell_does_not() -> None:
    scene = charging().play(10.0, Event("permit", (8.0, "r1")))
    assert scene.machine.signalled_a == pytest.approx(8.0, abs=0.01)
    scene.play(PERMIT)
    assert scene.machine.signalled_a == pytest.approx(16.0, abs=0.01)
    scene.play(Event("permit", (8.0, "r1")), PERMIT)
    assert scene.until(lambda: scene.machine.signalled_a > 15.0) == pytest.approx(5.0, abs=0.05)


def test_while_the_contactor_closes_nothing_blocks_it() -> None:
    scene = plugged().play(PERMIT, C)
    scene.until(lambda: scene.machine.supply is Supply.CLOSING)
    assert scene.machine.blocked_by == ()


# --- the rules' own times --------------------------------------------------------------------------------------------------


def test_nothing_closes_for_5_s_after_a_start_whatever_ran_before_may_have_opened_just_then() -> None:
    scene = Scene(SOCKET).play(C, 0.8, PERMIT)
    scene.until(lambda: scene.is_closed)
    assert scene.now - EPOCH_S == pytest.approx(5.0, abs=PERIOD_S / 2)


def test_after_f_the_line_has_20_ms_to_settle_before_a_sample_counts() -> None:
    scene = plugged().play(Event("estop", Level.YES))
    scene.until(lambda: scene.machine.outputs.pilot is PilotOutput.X1)
    assert scene.until(lambda: not scene.machine.plateau.is_blind) == pytest.approx(0.020 + 0.100, abs=PERIOD_S / 2)


def test_a_contactor_closes_again_5_s_after_it_opened() -> None:
    scene = charging().play(B)
    opened = scene.until(lambda: not scene.is_closed, 0.1)
    assert opened <= 0.020
    fell = scene.now
    scene.play(C)
    scene.until(lambda: scene.is_closed)
    assert scene.now - fell == pytest.approx(5.0, abs=0.015)


def test_an_error_locks_out_for_30_s_after_it_cleared() -> None:
    scene = plugged().play(PERMIT, 1.0, Event("mains_absent", Level.YES), 7.0, Event("mains_absent", Level.NO))
    cleared = scene.now
    scene.until(lambda: scene.machine.outputs.pilot is PilotOutput.X2)
    assert scene.now - cleared == pytest.approx(30.0, abs=0.015)


def test_the_seventh_close_waits_until_the_first_is_ten_minutes_ago() -> None:
    scene = plugged().play(PERMIT)
    closed = []
    for _ in range(7):
        scene.play(C)
        scene.until(lambda: scene.is_closed, 700.0)
        closed.append(scene.now)
        scene.play(B, 1.0)
    assert closed[5] - closed[0] < 60.0
    assert closed[6] - closed[0] == pytest.approx(600.0, abs=1.0)


def test_a_vehicle_that_goes_on_asking_is_opened_6_s_after_the_pwm_went() -> None:
    scene = charging().play(WITHDRAW)
    assert scene.until(lambda: not scene.is_closed) == pytest.approx(6.0, abs=PERIOD_S / 2)
    assert scene.machine.under_load_opens == 1


def test_a_cable_that_cannot_be_read_is_a_fault_a_second_after_it_was_plugged_in() -> None:
    scene = Scene(SOCKET).play(6.0, Event("cable", 20.0), B)
    plugged_in = scene.until(lambda: scene.machine.plug is PlugState.PLUGGED)
    assert plugged_in < 0.2
    assert scene.until(lambda: scene.faults == ("proximity",)) == pytest.approx(1.0, abs=PERIOD_S / 2)


@pytest.mark.parametrize(("after_s", "within_s"), [(0.6, 0.8), (1.3, 3.8)])
def test_a_pilot_lost_within_a_second_of_the_opening_was_lost_under_power(after_s: float, within_s: float) -> None:
    scene = charging().play(B, after_s, Event("line", "E"))
    took = scene.until(lambda: scene.faults == ("pilot_short",))
    assert within_s - 0.8 <= took <= within_s


def test_a_mirror_proves_an_open_contactor_by_two_readings() -> None:
    watch = MirrorWatch(0.0)
    proven = []
    for tick in range(6):
        watch.observed(Mirror.OPEN if tick > 1 else Mirror.CLOSED, tick / 100)
        proven.append(watch.is_proven_open)
    assert proven == [False, False, False, False, True, True]


# --- faults -----------------------------------------------------------------------------------------------------------------


def test_f_is_shown_for_300_ms_and_nothing_else_is_concluded_from_it() -> None:
    scene = charging().play(Event("estop", Level.YES))
    assert scene.machine.outputs.pilot is PilotOutput.F
    assert scene.machine.facts(scene.now).pilot is PilotState.INVALID, "F is our own: of the vehicle nothing is seen"
    assert scene.until(lambda: scene.machine.outputs.pilot is PilotOutput.X1) == pytest.approx(0.300, abs=PERIOD_S / 2)
    for _ in range(100):
        scene.play(PERIOD)
        assert scene.faults == ("emergency_stop",) and scene.machine.supply is Supply.FAULTED
        assert not scene.told(Reason.WAKING)


@pytest.mark.parametrize("line", ["B", "C", "D"])
@pytest.mark.parametrize("has_ventilation", [True, False])
def test_a_standing_fault_is_not_left_whatever_the_vehicle_does(line: str, has_ventilation: bool) -> None:
    scene = Scene(EvseConfig(1, has_ventilation=has_ventilation)).play(
        6.0, B, 1.0, PERMIT, Event("mains_absent", Level.YES)
    )
    for _ in range(100):
        scene.play(Event("line", line), PERIOD)
        assert scene.machine.supply is Supply.FAULTED


@pytest.mark.parametrize("name", ["estop_pressed", "mains_absent", "rcd_tripped", "rcd_error", "locked"])
def test_a_protection_input_that_cannot_be_read_opens_at_once(name: str) -> None:
    scene = charging()
    if name in ("rcd_tripped", "locked"):
        scene.happen(Event("rcd" if name == "rcd_tripped" else "bolt", Level.UNKNOWN))
    else:
        setattr(scene.channel.inputs, name, Level.UNKNOWN)
        scene.happen(PERIOD)
    assert not scene.is_closed and scene.faults == ("input_unreadable",)


@pytest.mark.parametrize(
    ("line", "fault"), [("E", "pilot_short"), ("F", "pilot_reversed"), ("nowhere", "pilot_invalid")]
)
def test_a_pilot_lost_under_power_is_one_fault_that_stands_without_a_break(line: str, fault: str) -> None:
    scene = charging()
    scene.play(Event("line", line))
    scene.until(lambda: scene.faults != (), 0.5)
    for _ in range(500):
        scene.play(PERIOD)
        assert scene.faults == (fault,)
    scene.play(C, 1.0)
    assert scene.faults == ()


@pytest.mark.parametrize(
    ("line", "fault"), [("E", "pilot_short"), ("F", "pilot_reversed"), ("nowhere", "pilot_invalid")]
)
def test_a_pilot_lost_with_the_contactor_open_is_a_fault_after_3_s(line: str, fault: str) -> None:
    scene = plugged()
    scene.play(Event("line", line), 2.9)
    assert scene.faults == () and scene.told(Reason.PILOT_UNUSABLE)
    scene.play(0.4)
    assert scene.faults == (fault,)


def test_a_sense_that_stops_is_a_fault_at_once_under_power_and_after_3_s_without() -> None:
    scene = plugged().play(Event("sense", False), 3.0)
    assert scene.faults == ()
    scene.play(0.3)
    assert scene.faults == ("pilot_unread",)
    scene = charging().play(Event("sense", False), 0.2)
    for _ in range(500):
        scene.play(PERIOD)
        assert scene.faults == ("pilot_unread",)


@pytest.mark.parametrize("works", [False, None])
def test_a_low_plateau_that_is_not_sampled_under_pwm_is_a_fault_after_a_second(works: bool | None) -> None:
    scene = charging().play(Event("sense_low", works))
    took = scene.until(lambda: scene.faults == ("pilot_unread",), 2.0)
    assert took == pytest.approx(1.0, abs=0.02) if works is False else took <= PERIOD_S
    assert not scene.is_closed


@pytest.mark.parametrize(
    ("low_v", "fault"),
    [
        (-13.1, "pilot_diode"), (-10.9, "pilot_diode"), (-8.8, "pilot_diode"), (-2.4, "pilot_diode"), (-1.3, "pilot_diode"),
        (-1.1, "pilot_pwm"), (0.0, "pilot_pwm"), (5.0, "pilot_pwm"),
    ],
)  # fmt: skip
def test_a_low_plateau_that_is_none_is_no_diode_or_no_pwm(low_v: float, fault: str) -> None:
    scene = charging().play(Event("low", low_v))
    assert scene.until(lambda: scene.faults == (fault,), 2.0) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("off_pct", [5.1, -5.1, 46.6])
def test_a_duty_that_is_not_the_driven_one_opens_after_a_second(off_pct: float) -> None:
    scene = charging().play(Event("duty", 0.0), 10.0)
    assert scene.is_closed and scene.faults == ()
    scene.play(Event("duty", off_pct))
    assert scene.until(lambda: scene.faults == ("pilot_duty",), 2.0) == pytest.approx(1.0, abs=0.02)
    assert not scene.is_closed and scene.machine.outputs.pilot is PilotOutput.X1


@pytest.mark.parametrize("off_pct", [4.9, -4.9, None])
def test_a_duty_within_five_points_is_the_driven_one(off_pct: float | None) -> None:
    scene = charging().play(Event("duty", off_pct), 30.0)
    assert scene.is_closed and scene.faults == ()


def test_nothing_closes_on_a_wrong_duty() -> None:
    scene = plugged().play(Event("duty", 20.0), PERMIT, C)
    assert scene.until(lambda: scene.faults == ("pilot_duty",), 5.0) >= 1.0
    assert scene.machine.cycles == 0


def test_a_reading_from_before_the_duty_changed_accuses_nobody() -> None:
    scene = charging().play(Event("duty", 0.0), 10.0)
    scene.play(Event("permit", (8.0, "r1")))
    assert scene.channel.inputs.duty_pct is not None
    scene.play(10.0)
    assert scene.is_closed and scene.faults == ()


def test_a_moment_of_a_wrong_duty_is_forgotten() -> None:
    scene = charging().play(Event("duty", 20.0), 0.9, Event("duty", 0.0), 0.5, Event("duty", 20.0), 0.9)
    assert scene.is_closed and scene.faults == ()


def test_a_wild_sample_says_nothing_of_the_diode() -> None:
    scene = charging().play(Event("low", -8.8), 0.5)
    scene.play(Event("line", "E"), C)  # in between the low plateau reads -12 V
    assert scene.until(lambda: scene.faults == ("pilot_diode",), 2.0) == pytest.approx(0.48, abs=0.02)


# --- the lock ---------------------------------------------------------------------------------------------------------------


def test_a_lock_that_was_to_open_stays_open_when_the_station_dies() -> None:
    scene = plugged().play(PERMIT, Event("wish", False), 3.0)
    assert scene.machine.lock.state is LockState.UNLOCKED
    scene.play(Event("lose"), 3.0)
    assert scene.machine.lock.state is LockState.UNLOCKED


@pytest.mark.parametrize("ends", [Event("withdraw"), Event("lose"), Event("line", "A")])
def test_a_wrong_voltage_is_forgotten_with_the_permit_whose_renewals_told_it(ends: Event) -> None:
    """Nobody measures any more: a fault that waited for a right voltage would stand for ever, and refuse every card."""
    scene = charging().play(Event("measure", (1.0, 150.0)))
    scene.until(lambda: scene.faults == ("under_voltage",), 10.0)
    scene.play(20.0)
    assert scene.faults == ("under_voltage",) and not scene.is_closed
    scene.play(ends, 1.0)
    assert scene.faults == ()


def test_a_wrong_voltage_that_the_board_senses_itself_stands_without_a_permit() -> None:
    scene = charging(replace(SOCKET, has_phase_sense=True)).play(Event("sensed", (1.0, 280.0)))
    scene.until(lambda: scene.faults == ("over_voltage",), 10.0)
    scene.play(Event("withdraw"), 30.0)
    assert scene.faults == ("over_voltage",)
    scene.play(Event("sensed", (0.0, 230.0)))
    assert scene.until(lambda: scene.faults == (), 10.0) == pytest.approx(5.0, abs=0.05)


def test_a_jammed_lock_tries_again_when_its_fault_is_reset() -> None:
    scene = Scene(SOCKET).play(6.0, Event("bolt", Level.NO), B, 10.0)
    assert scene.faults == ("lock_jammed",) and scene.machine.outputs.motion is Motion.REST
    assert scene.machine.fault_reset("lock_jammed")
    scene.play(PERIOD)
    assert scene.faults == () and scene.machine.outputs.motion is Motion.LOCK


# --- the self-test ----------------------------------------------------------------------------------------------------------


def test_a_self_test_that_was_disturbed_concludes_nothing_and_is_done_again() -> None:
    scene = Scene(TESTED)
    scene.until(lambda: scene.machine.self_test.is_line_active)
    scene.play(Event("mains_absent", Level.YES), 5.0)
    assert not scene.machine.self_test.is_running
    assert scene.machine.self_test.passed_at_s is None and not scene.machine.self_test.has_failed
    scene.play(Event("mains_absent", Level.NO), 5.0)
    assert scene.machine.self_test.passed_at_s is not None


def test_an_error_line_that_is_active_during_the_self_tests_pulse_is_the_tests_own() -> None:
    scene = Scene(TESTED)
    scene.until(lambda: scene.machine.self_test.is_line_active)
    scene.play(Event("rcd_error", Level.YES), 0.2)
    assert scene.faults == ()
    scene.play(Event("rcd_error", Level.NO), 5.0)
    assert scene.faults == () and scene.machine.self_test.passed_at_s is not None
    scene.play(Event("rcd_error", Level.YES))
    assert scene.faults == ("rcd_error",)


def test_where_there_is_no_test_line_nothing_waits_for_a_self_test() -> None:
    scene = Scene(SOCKET).play(B, 0.5, PERMIT)
    assert scene.until(lambda: scene.machine.outputs.pilot is PilotOutput.X2) <= 2 * PERIOD_S


# --- reasons ----------------------------------------------------------------------------------------------------------------

SCENES = {
    Reason.FAULT: lambda: plugged().play(Event("mains_absent", Level.YES)),
    Reason.NO_VEHICLE: lambda: Scene(SOCKET).play(6.0),
    Reason.PILOT_UNUSABLE: lambda: plugged().play(Event("line", "nowhere"), 1.0),
    Reason.NO_PERMIT: plugged,
    Reason.LEASE_EXPIRED: lambda: charging().play(Event("hang"), 3.0),
    Reason.STATION_LOST: lambda: charging().play(Event("lose")),
    Reason.PERMIT_BELOW_6_A: lambda: plugged().play(Event("permit", (5.0, "r1"))),
    Reason.CABLE_OR_BOARD_BELOW_6_A: lambda: Scene(EvseConfig(1, hardware_max_a=5.0)).play(6.0, B, 1.0, PERMIT),
    Reason.CABLE_UNKNOWN: lambda: Scene(SOCKET).play(6.0, Event("cable", 20.0), B, 0.3),
    Reason.UNLOCK_WISHED: lambda: plugged().play(PERMIT, Event("wish", False)),
    Reason.AFTER_ERROR: lambda: plugged().play(Event("mains_absent", Level.YES), Event("mains_absent", Level.NO), 1.0),
    Reason.SELF_TEST: lambda: Scene(TESTED).play(1.0),
    Reason.NOT_PROVEN_OPEN: lambda: plugged().play(Event("mirror", Mirror.CLOSED)),
    Reason.DUTY_PACED: lambda: plugged().play(PERMIT, WITHDRAW, PERMIT, 1.0),
    Reason.NO_VENTILATION: lambda: plugged().play(PERMIT, Event("line", "D"), 1.0),
    Reason.VEHICLE_NOT_ASKING: lambda: plugged().play(PERMIT, 1.0),
    Reason.DIODE_NOT_SEEN: lambda: plugged().play(C, 1.0, PERMIT),
    Reason.NOT_LOCKED: lambda: plugged().play(PERMIT, C, Event("bolt", Level.NO), 1.0),
    Reason.RECLOSE_PACED: lambda: charging().play(B, 0.5, C, 1.0),
    Reason.ASKING_TOO_SHORT: lambda: plugged().play(C, 1.0, Event("line", "E"), C, PERMIT),
}  # fmt: skip


@pytest.mark.parametrize("reason", SCENES, ids=lambda reason: reason.name)
def test_each_reason_is_told_where_it_holds(reason: Reason) -> None:
    scene = SCENES[reason]()
    assert scene.told(reason)
    if reason.text:
        assert reason.text in scene.machine.blocked_by


def test_of_a_contactor_that_is_closed_no_reason_is_told() -> None:
    assert charging().machine.against == 0 and charging().machine.blocked_by == ()


# --- what a certifier measures with a stop-watch or a voltmeter -----------------------------------------------------------


@pytest.mark.parametrize("low_v", [-13.0, -11.0])
def test_a_low_plateau_at_the_edge_of_its_band_shows_the_diode(low_v: float) -> None:
    scene = plugged().play(Event("low", low_v), PERMIT, C, 2.0)
    assert scene.is_closed and scene.faults == ()


def test_without_mains_for_half_a_second_the_cable_is_let_go_and_not_before() -> None:
    scene = plugged(replace(SOCKET, unlocks_without_mains=True)).play(1.0)
    assert scene.machine.lock.state is LockState.LOCKED
    scene.play(Event("mains_absent", Level.YES), 0.48, Event("mains_absent", Level.NO), 0.1)
    assert scene.machine.lock.state is LockState.LOCKED
    scene.play(Event("mains_absent", Level.YES))
    unlocks = scene.until(lambda: scene.machine.outputs.motion is Motion.UNLOCK)
    assert unlocks == pytest.approx(0.5, abs=PERIOD_S / 2)


def test_a_permit_that_came_before_the_line_was_seen_is_dropped_where_nobody_is_plugged_in() -> None:
    """Else the next vehicle would charge on the record of the one that left while nobody looked (rule 5)."""
    machine, inputs = PilotMachine(SOCKET, 50.0), Inputs(high_v=12.0, mirror=Mirror.OPEN)
    assert machine.permit_renewed(Permit(1, 16.0, 3, "r1"), 50.0)
    for tick in range(3):
        inputs.high_at_s = now = 50.0 + tick * PERIOD_S
        machine.step(inputs, now)
    assert machine.plug is PlugState.UNPLUGGED and machine.permit is None


@pytest.mark.parametrize("contact", LimitContact)
def test_the_contact_that_limits_the_station_is_told_as_it_is_read(contact: LimitContact) -> None:
    scene = plugged()
    scene.channel.inputs.limit_active = {
        LimitContact.INACTIVE: Level.NO,
        LimitContact.ACTIVE: Level.YES,
        LimitContact.UNREADABLE: Level.UNKNOWN,
    }[contact]
    scene.play(PERIOD)
    assert scene.machine.facts(scene.now).limit_contact is contact


# --- what the station says -----------------------------------------------------------------------------------------------


def test_a_renewal_of_a_vehicle_that_left_is_ignored_until_another_is_plugged_in() -> None:
    scene = charging().play(Event("line", "A"), 1.0)
    machine, spent = scene.machine, Permit(1, 16.0, 3, "r1")
    assert not machine.permit_renewed(spent, scene.now) and machine.permit is None
    other = replace(spent, charging_record_id="r2")
    assert machine.permit_renewed(other, scene.now) and machine.permit == other
    scene = charging().play(Event("line", "A"), 1.0, B, 1.0)
    assert scene.machine.permit is not None and scene.machine.permit.charging_record_id == "r1"


def test_a_permit_may_come_before_the_vehicle_does() -> None:
    scene = Scene(SOCKET).play(6.0, PERMIT, 10.0, C)
    scene.until(lambda: scene.is_closed, 2.0)


def test_a_renewal_is_worth_a_pass_where_more_than_the_lease_is_new() -> None:
    machine, permit = plugged().machine, Permit(1, 16.0, 3, "r1")
    measured = replace(permit, measurements=Measurements((1.0,) * 3, (230.0,) * 3, 0.0))
    given = (permit, permit, replace(permit, max_current_a=8.0), measured, measured)
    assert [machine.permit_renewed(each, EPOCH_S + 10.0) for each in given] == [True, False, True, True, True]


@pytest.mark.parametrize("lease_s", [0.5, 2.0, 9.0])
def test_a_lease_lasts_as_long_as_it_says_and_never_longer_than_2_s(lease_s: float) -> None:
    machine = PilotMachine(SOCKET, 50.0)
    machine.permit_renewed(Permit(1, 16.0, 3, "r1", lease_s), 50.0)
    assert machine.permit_until_s == 50.0 + min(lease_s, 2.0)
    machine.step(Inputs(), 50.0 + min(lease_s, 2.0) - 0.001)
    assert machine.permit is not None
    machine.step(Inputs(), 50.0 + min(lease_s, 2.0))
    assert machine.permit is None


@pytest.mark.parametrize(
    ("ends", "reason", "later"),
    [
        (WITHDRAW, Reason.NO_PERMIT, Reason.NO_PERMIT),
        (Event("lose"), Reason.STATION_LOST, Reason.NO_PERMIT),
        (Event("hang"), Reason.LEASE_EXPIRED, Reason.LEASE_EXPIRED),
    ],
)
def test_why_there_is_no_permit_is_told_and_is_not_the_station_once_it_is_back(
    ends: Event, reason: Reason, later: Reason
) -> None:
    scene = charging().play(ends, 3.0)
    assert scene.told(reason)
    scene.machine.station_returned()
    scene.play(PERIOD)
    told = [each for each in (Reason.NO_PERMIT, Reason.STATION_LOST, Reason.LEASE_EXPIRED) if scene.told(each)]
    assert told == [later]


def test_a_start_with_a_vehicle_plugged_in_waits_for_a_permit_and_misses_no_station() -> None:
    scene = Scene(SOCKET).play(B, 6.0)
    assert scene.told(Reason.NO_PERMIT) and not scene.told(Reason.STATION_LOST)


def test_a_cable_that_was_kept_for_its_owner_is_let_go_when_the_station_dies() -> None:
    scene = plugged().play(PERMIT, Event("wish", True), Event("line", "A"), 3.0)
    assert scene.machine.lock.state is LockState.LOCKED
    scene.play(Event("lose"), 3.0)
    assert scene.machine.lock.state is LockState.UNLOCKED


# --- what a technician resets ---------------------------------------------------------------------------------------------


def test_a_reset_of_another_fault_gives_a_jammed_lock_no_further_try() -> None:
    scene = Scene(SOCKET).play(6.0, Event("bolt", Level.NO), B, 10.0, Event("rcd", Level.YES), Event("rcd", None))
    assert scene.faults == ("lock_jammed", "rcd_trip")
    assert scene.machine.fault_reset("rcd_trip")
    scene.play(PERIOD)
    assert scene.faults == ("lock_jammed",) and scene.machine.outputs.motion is Motion.REST


def test_a_reset_of_a_lock_that_is_not_jammed_gives_it_no_further_try() -> None:
    scene = Scene(SOCKET).play(6.0, Event("bolt", Level.NO), B)
    scene.until(lambda: scene.machine.outputs.motion is Motion.LOCK)
    scene.play(2.0)
    assert not scene.machine.fault_reset("lock_jammed")
    assert scene.until(lambda: scene.faults == ("lock_jammed",)) == pytest.approx(5 * 0.6 + 4 * 0.5 - 2.0, abs=0.02)


def test_a_failed_self_test_stands_until_it_is_reset_itself_and_is_done_again_then() -> None:
    scene = Scene(TESTED).play(Event("rcd", Level.NO))
    scene.until(lambda: scene.faults == ("rcd_self_test",))
    scene.play(Event("estop", Level.YES))
    assert not scene.machine.fault_reset("emergency_stop"), "it is still pressed"
    scene.play(Event("estop", Level.NO), Event("rcd", None), 5.0)
    assert scene.machine.fault_reset("emergency_stop")
    scene.play(10.0)
    assert scene.faults == ("rcd_self_test",) and scene.machine.self_test.has_failed
    assert scene.machine.fault_reset("rcd_self_test")
    scene.play(5.0)
    assert scene.faults == () and scene.machine.self_test.passed_at_s is not None


def test_a_broken_invariant_opens_and_latches_until_it_is_reset() -> None:
    scene = charging()
    scene.machine.invariant_broken()
    scene.play(PERIOD)
    assert not scene.is_closed and scene.machine.outputs.pilot is PilotOutput.F
    scene.play(60.0)
    assert scene.faults == ("invariant",) and not scene.is_closed
    assert scene.machine.fault_reset("invariant") and scene.faults == ()


def test_a_loop_that_stalled_opens_and_begins_anew() -> None:
    scene = charging().play(Event("stall"))
    assert not scene.is_closed and scene.faults == ("loop_stalled",)
    scene.play(PERIOD)
    assert scene.faults == ()
    assert scene.until(lambda: scene.is_closed) == pytest.approx(30.0, abs=0.1)


def test_a_permit_that_ended_leaves_no_lease_behind() -> None:
    machine = PilotMachine(SOCKET, 50.0)
    machine.permit_renewed(Permit(1, 16.0, 3, "r1"), 50.0)
    machine.permit_withdrawn()
    assert machine.permit_until_s == float("-inf")


def test_a_contactor_that_never_closed_broke_no_load() -> None:
    scene = plugged().play(Event("mirror", Mirror.OPEN), PERMIT, C)
    scene.until(lambda: scene.machine.supply is Supply.CLOSING)
    took = scene.until(lambda: scene.faults == ("contactor_stuck_open",))
    assert took == pytest.approx(0.100 + 0.250, abs=0.015)
    assert (scene.machine.cycles, scene.machine.under_load_opens) == (1, 0)


@pytest.mark.parametrize("line", ["C", "D"])
def test_a_break_while_the_vehicle_asks_is_one_under_load(line: str) -> None:
    scene = plugged(replace(SOCKET, has_ventilation=True)).play(PERMIT, Event("line", line), 2.0)
    assert scene.is_closed
    scene.play(Event("estop", Level.YES))
    assert not scene.is_closed and scene.machine.under_load_opens == 1


def test_a_vehicle_that_asked_is_woken_only_once_it_sleeps_under_a_new_pwm() -> None:
    scene = charging(replace(SOCKET, wake_up=PilotOutput.E)).play(B, 60.0)
    assert scene.machine.outputs.pilot is PilotOutput.X2
    scene.play(WITHDRAW, 10.0, PERMIT)
    scene.until(lambda: scene.machine.outputs.pilot is PilotOutput.X2)
    slept = scene.until(lambda: scene.machine.outputs.pilot is PilotOutput.E)
    assert slept == pytest.approx(30.0, abs=PERIOD_S / 2)


def test_phases_stand_for_a_vehicle_whatever_a_later_permit_says_where_the_board_does_not_switch_under_way() -> None:
    scene = charging().play(WITHDRAW, B, 10.0, Event("permit", (16.0, "r1", 1)), C)
    scene.until(lambda: scene.is_closed)
    assert scene.machine.cycles == 2 and scene.machine.outputs.phases == 3
    scene.play(Event("line", "A"), 10.0, B, 1.0, C)
    scene.until(lambda: scene.is_closed)
    assert scene.machine.outputs.phases == 1


@pytest.mark.parametrize(("wake_up", "line"), [(None, "B"), (PilotOutput.E, "D")])
def test_nobody_is_woken_where_the_board_does_not_say_so_or_who_waits_for_ventilation(
    wake_up: PilotOutput | None, line: str
) -> None:
    scene = plugged(replace(SOCKET, wake_up=wake_up)).play(PERMIT, Event("line", line), 29.0)
    for _ in range(500):
        scene.play(PERIOD)
        assert scene.machine.supply is Supply.OFFERING and scene.machine.outputs.pilot is PilotOutput.X2


def test_a_sense_that_stops_while_f_is_shown_is_told_once_the_line_should_be_seen_again() -> None:
    scene = charging().play(Event("estop", Level.YES), Event("sense", False))
    while scene.machine.outputs.pilot is PilotOutput.F:
        assert scene.faults == ("emergency_stop",)
        scene.play(PERIOD)
    scene.play(0.5)
    assert scene.faults == ("emergency_stop", "pilot_unread")
