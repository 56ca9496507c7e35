"""The sequences of IEC 61851-1 Table A.6 and each protection, on the plant: what its own contact and pilot did, and when.

Every case runs ticked, as production does, and driven by deadlines, as simulations do. The monitor of the invariants raises in
every pass; the plant's monitor judges the plant's own contact.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from controller.hal import DeviceSilent
from controller.logic.evse import (
    ContactorState,
    FaultReset,
    LockState,
    LockWish,
    Measurements,
    PilotOutput,
    PilotState,
    PlugState,
)
from tests.safety.safety_world import PERIOD_S, SafetyWorld

Make = Callable[..., SafetyWorld]


@pytest.fixture(params=["ticked", "by deadlines"])
def make(request: pytest.FixtureRequest) -> Make:
    def make(**options: object) -> SafetyWorld:
        return SafetyWorld(ticked=request.param == "ticked", **options)

    return make


def time_until(world: SafetyWorld, condition: Callable[[], bool], within_s: float) -> float:
    began = world.now
    assert world.run(within_s, condition), f"not within {within_s} s: {world.facts()}"
    return world.now - began


def reset(world: SafetyWorld, fault_id: str, evse: int = 1) -> None:
    world.supervisor.receive(FaultReset(evse, fault_id), world.now)
    world.run(0.05)


def no_load(world: SafetyWorld, evse: int = 1) -> Callable[[], bool]:
    return lambda: not world.contact_closed(evse)


# --- plugging in, offering, closing -------------------------------------------------------------------------------------


def test_1_1_a_plug_is_locked_and_its_cable_read_before_anything_is_offered(make: Make) -> None:
    world = make()
    world.run(1.0)
    assert world.facts().plug is PlugState.UNPLUGGED and world.facts().contactor is ContactorState.OPEN
    world.verb("plug_in", evse=1, cable_a=20)
    world.run(1.0)
    facts = world.facts()
    assert (facts.pilot, facts.plug, facts.plug_count, facts.cable_a) == (PilotState.B, PlugState.PLUGGED, 1, 20)
    assert facts.lock is LockState.LOCKED and world.pilot_output() == "X1"
    assert any("no permit" in reason for reason in facts.blocked_by)


def test_3_1_and_4_pwm_follows_the_permit_and_the_contactor_the_vehicle(make: Make) -> None:
    world = make()
    world.run(1.0)
    world.verb("plug_in", evse=1)
    world.run(2.0)
    world.permit(amps=16.0)
    assert time_until(world, lambda: world.pilot_output() == pytest.approx(26.66), 3.0) < 0.1
    time_until(world, lambda: world.plant.evses[1].ev is not None and world.plant.evses[1].ev.load.value == "C", 5.0)
    assert time_until(world, world.contact_closed, 3.0) < 0.8
    world.run(1.0)
    assert world.facts().blocked_by == () and world.facts().contactor is ContactorState.CLOSED
    assert world.facts().cycles == 1 and world.facts().record_id == "record-1"


def test_1_2_and_3_2_a_vehicle_without_s2_gets_no_power_before_permit_and_pwm(make: Make) -> None:
    world = make()
    world.verb("plug_in", evse=1, ev={"no_s2": True})
    world.run(5.0)
    assert world.facts().pilot is PilotState.C and not world.commanded() and world.pilot_output() == "X1"
    world.permit()
    assert time_until(world, world.contact_closed, 3.0) < 1.0


def test_18_the_phases_of_the_first_permit_stand_until_the_vehicle_leaves(make: Make) -> None:
    world = make(phase_relay=True)
    world.verb("plug_in", evse=1, ev={"phases": 3})
    world.permit(phases=1)
    time_until(world, world.contact_closed, 10.0)
    world.permit(phases=3)
    world.run(10.0)
    assert world.contact_closed() and world.plant.evses[1].live_phases == {0}
    world.verb("unplug", evse=1)
    world.run(10.0)
    world.verb("plug_in", evse=1, ev={"phases": 3})
    world.permit(phases=3, record="record-2")
    time_until(world, world.contact_closed, 10.0)
    world.run(1.0)
    assert world.plant.evses[1].live_phases == {0, 1, 2}


def test_a_cable_caps_the_current_that_is_told(make: Make) -> None:
    world = make()
    world.verb("plug_in", evse=1, cable_a=13)
    world.permit(amps=32.0)
    world.run(2.0)
    assert world.facts().signalled_a == pytest.approx(13.0, abs=0.01) and world.facts().signalled_a <= 13.0


@pytest.mark.parametrize("ohm", [20.0, 3000.0])
def test_a_cable_whose_coding_is_wrong_is_offered_nothing(make: Make, ohm: float) -> None:
    world = make()
    world.verb("fault", evse=1, kind="pp_ohm", value=ohm)
    world.verb("plug_in", evse=1)
    world.permit()
    world.run(5.0)
    assert world.pilot_output() == "X1" and world.facts().faults == ("proximity",)
    assert "PP" in world.facts().blocked_by[0]
    world.verb("fault", evse=1, kind="pp_ohm", clear=True)
    time_until(world, world.contact_closed, 10.0)


def test_11_bcb_toggles_do_not_make_the_contactor_chatter(make: Make) -> None:
    world = make()
    world.run(1.0)
    world.verb("plug_in", evse=1, ev={"bcb": 5})
    world.permit()
    world.run(20.0)
    assert world.contact_closed() and world.facts().cycles == 1


def test_state_d_is_refused_without_ventilation_and_served_with_it(make: Make) -> None:
    refused = make()
    refused.verb("plug_in", evse=1, ev={"ventilation": True})
    refused.permit()
    refused.run(10.0)
    assert refused.facts().pilot is PilotState.D and refused.facts().cycles == 0
    assert any("ventilation" in reason for reason in refused.facts().blocked_by)
    served = make(has_ventilation=True)
    served.verb("plug_in", evse=1, ev={"ventilation": True})
    served.permit()
    time_until(served, served.contact_closed, 10.0)


def test_a_vehicle_that_turns_to_d_is_switched_off_within_60_ms(make: Make) -> None:
    world = make()
    world.charge()
    world.verb("ev", evse=1, pilot="D")
    began = world.now
    world.run(0.4, lambda: not world.commanded())
    assert not world.commanded() and world.now - began < 0.2  # the held plateau falls by itself for some 60 ms


# --- limits -------------------------------------------------------------------------------------------------------------


def test_5_a_lower_limit_is_told_at_once_and_a_higher_one_at_most_every_5_s(make: Make) -> None:
    world = make()
    world.charge()
    world.run(10.0)
    world.permit(amps=10.0)
    world.run(2 * PERIOD_S)
    assert world.facts().signalled_a == pytest.approx(10.0, abs=0.01)
    world.permit(amps=12.0)
    world.run(2 * PERIOD_S)
    world.permit(amps=14.0)
    assert world.facts().signalled_a == pytest.approx(12.0, abs=0.01)
    waited = time_until(world, lambda: world.facts().signalled_a > 13.0, 6.0)
    assert waited == pytest.approx(5.0, abs=0.05)
    assert world.contact_closed()


def test_13_a_limit_below_6_a_is_x1_and_the_vehicle_waits_plugged(make: Make) -> None:
    world = make()
    world.charge()
    world.permit(amps=5.9)
    world.run(2 * PERIOD_S)
    assert world.pilot_output() == "X1"
    time_until(world, no_load(world), 6.5)
    assert world.facts().faults == () and world.facts().lock is LockState.LOCKED
    assert any("6 A" in reason for reason in world.facts().blocked_by)
    world.run(10.0)
    world.permit(amps=8.0)
    time_until(world, world.contact_closed, 10.0)


# --- stopping -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pilot", ["B", "unplug"])
def test_8_and_2_2_the_contact_is_open_within_100_ms_of_leaving_c(make: Make, pilot: str) -> None:
    world = make(cable_a=32, has_lock=False)
    world.charge()
    if pilot == "B":
        world.verb("pause", evse=1)
        time_until(world, lambda: world.plant.evses[1].ev.load.value == "B", 10.0)
    else:
        world.verb("unplug", evse=1)
    assert time_until(world, lambda: not world.commanded(), 0.1) <= 0.060
    world.run(0.1)
    edges = [edge for edge in world.plant.evses[1].edges if edge.what in ("ev", "contact")]
    left = next(edge.at_s for edge in reversed(edges) if edge.what == "ev")
    opened = next(edge.at_s for edge in reversed(edges) if edge.what == "contact" and not edge.value)
    assert opened - left <= 0.100


def test_a_vehicle_that_pauses_and_asks_again_is_served_again_after_5_s(make: Make) -> None:
    world = make()
    world.charge()
    world.verb("pause", evse=1)
    time_until(world, no_load(world), 10.0)
    opened = world.now
    world.verb("resume", evse=1)
    time_until(world, world.contact_closed, 10.0)
    assert world.now - opened >= 5.0 - 0.03
    assert world.facts().cycles == 2


def test_21_a_vehicle_that_toggles_is_served_six_times_in_ten_minutes() -> None:
    world = SafetyWorld()
    world.charge()
    for _ in range(20):
        world.verb("pause", evse=1)
        world.run(6.0)
        world.verb("resume", evse=1)
        world.run(6.0)
    assert world.facts().cycles == 6
    assert any("6 times" in reason for reason in world.facts().blocked_by) and world.pilot_output() == "X1"
    world.run(600.0)
    assert world.facts().cycles == 7


def test_10_1_a_willing_vehicle_stops_by_itself_when_the_permit_is_withdrawn(make: Make) -> None:
    world = make()
    world.charge()
    world.withdraw()
    world.run(PERIOD_S)
    assert world.pilot_output() == "X1"
    assert time_until(world, no_load(world), 6.0) < 4.0
    assert world.facts().under_load_opens == 0


def test_10_2_a_vehicle_that_ignores_x1_is_opened_under_load_after_6_s(make: Make) -> None:
    world = make()
    world.charge(ignores_pwm_off=True)
    world.withdraw()
    assert time_until(world, lambda: not world.commanded(), 6.5) == pytest.approx(6.0, abs=0.02)
    assert world.facts().under_load_opens == 1 and world.facts().faults == ()


def test_2_1_an_unplugged_vehicle_frees_the_lock_and_takes_its_permit_along(make: Make) -> None:
    world = make()
    world.charge()
    world.verb("unplug", evse=1)
    world.run(3.0)
    facts = world.facts()
    assert (facts.plug, facts.lock, facts.record_id, facts.cable_a) == (
        PlugState.UNPLUGGED,
        LockState.UNLOCKED,
        None,
        None,
    )


def test_the_next_vehicle_does_not_charge_on_the_last_ones_word(make: Make) -> None:
    """The station died with the unplug: its last permit is still within its lease when another car is plugged in."""
    world = make(cable_a=32, has_lock=False)
    world.charge()
    world.station_lives = False
    world.verb("unplug", evse=1)
    world.run(0.2)
    world.verb("plug_in", evse=1)
    world.run(10.0)
    assert world.facts().cycles == 1 and world.facts().plug_count == 2


# --- the station goes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ignores", [False, True])
def test_24_a_killed_station_is_x1_at_once_and_open_within_6_5_s(make: Make, ignores: bool) -> None:
    world = make(evses=2)
    world.charge(ignores_pwm_off=ignores)
    world.charge(2, ignores_pwm_off=ignores)
    world.kill_station()
    world.run(2 * PERIOD_S)
    assert world.pilot_output(1) == world.pilot_output(2) == "X1"
    time_until(world, lambda: not world.commanded(1) and not world.commanded(2), 6.2)
    world.run(0.05)
    assert not world.contact_closed(1) and not world.contact_closed(2)
    assert world.facts().faults == () and any("station process" in reason for reason in world.facts().blocked_by)


@pytest.mark.parametrize("ignores", [False, True])
def test_24_a_hung_station_loses_its_lease_and_all_is_open_within_8_5_s(make: Make, ignores: bool) -> None:
    world = make()
    world.charge(ignores_pwm_off=ignores)
    world.hang_station()
    time_until(world, no_load(world), 8.1)
    assert any("renewing" in reason for reason in world.facts().blocked_by) and world.facts().faults == ()


def test_a_station_that_comes_back_resumes_after_every_check(make: Make) -> None:
    world = make()
    world.charge()
    world.kill_station()
    time_until(world, no_load(world), 6.5)
    opened = world.now
    world.return_station()
    time_until(world, world.contact_closed, 15.0)
    assert world.now - opened >= 5.0 - 0.03 and world.facts().cycles == 2


def test_a_lease_found_again_during_the_six_seconds_still_opens_first(make: Make) -> None:
    world = make()
    world.charge(ignores_pwm_off=True)
    world.kill_station()
    world.run(1.0)
    world.return_station()
    world.run(0.5)
    assert world.pilot_output() == "X1"
    time_until(world, no_load(world), 6.0)
    time_until(world, world.contact_closed, 10.0)


# --- the safety process goes --------------------------------------------------------------------------------------------


def test_24_a_killed_safety_process_is_open_and_dark_within_250_ms(make: Make) -> None:
    world = make()
    world.charge(ignores_pwm_off=True)
    world.kill_safety()
    world.run(0.3)
    assert not world.contact_closed() and not world.plant.observed.evses[1].is_advertising


def test_a_restarted_safety_process_starts_dark_and_checks_everything_again(make: Make) -> None:
    world = make()
    world.charge()
    world.kill_safety()
    world.run(1.0)
    world.restart_safety()
    assert not world.commanded() and world.pilot_output() == "X1"
    time_until(world, world.contact_closed, 15.0)
    assert world.facts().plug_count == 1 and world.facts().run_id == "run-2"


def test_a_vehicle_in_c_at_boot_is_not_energised_from_what_is_seen(make: Make) -> None:
    world = make()
    world.charge(ignores_pwm_off=True)
    world.kill_safety()
    world.run(1.0)
    world.station_lives = False
    world.restart_safety()
    world.run(30.0)
    assert world.facts().pilot is PilotState.C and not world.commanded() and world.facts().cycles == 0


# --- the pilot ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, "after_diode"])
def test_12_a_shorted_pilot_opens_and_is_told_and_recovers_after_30_s(make: Make, value: object) -> None:
    world = make()
    world.charge()
    world.verb("fault", evse=1, kind="cp_short", value=value)
    assert time_until(world, lambda: not world.commanded(), 1.0) <= 0.5
    world.run(0.5)
    assert world.facts().faults != () and world.pilot_output() == "X1"
    world.verb("fault", evse=1, kind="cp_short", clear=True)
    cleared = world.now
    time_until(world, world.contact_closed, 60.0)
    assert world.now - cleared >= 30.0
    assert world.facts().faults == ()


def test_4_a_vehicle_without_a_diode_gets_no_power(make: Make) -> None:
    world = make()
    world.run(1.0)
    world.verb("plug_in", evse=1)
    world.verb("fault", evse=1, kind="diode")
    world.permit()
    world.run(20.0)
    assert world.facts().cycles == 0 and world.facts().faults == ("pilot_diode",)
    world.verb("fault", evse=1, kind="diode", clear=True)
    world.verb("unplug", evse=1)
    world.run(5.0)
    assert world.facts().faults == ()


def test_a_diode_that_fails_under_power_opens_within_about_a_second(make: Make) -> None:
    world = make()
    world.charge()
    world.verb("fault", evse=1, kind="diode")
    assert time_until(world, lambda: not world.commanded(), 2.0) <= 1.2
    assert "pilot_diode" in world.facts().faults


# --- contactor, RCD, lock, emergency ------------------------------------------------------------------------------------


def test_17_a_weld_is_latched_and_keeps_the_plug_locked(make: Make) -> None:
    world = make(evses=2)
    world.charge()
    world.charge(2)
    world.verb("fault", evse=1, kind="weld")
    world.trusts_contactors = False  # the plant's contact does stay closed
    world.withdraw()
    world.run(8.0)
    assert world.facts().contactor is ContactorState.WELDED and world.facts().faults == ("contactor_welded",)
    world.verb("unplug", evse=1)
    world.run(10.0)
    assert world.facts().lock is LockState.LOCKED and world.facts().is_energised
    reset(world, "contactor_welded")
    assert world.facts().faults == ("contactor_welded",)
    world.verb("fault", evse=1, kind="weld", clear=True)
    world.run(1.0)
    assert world.facts().faults == ("contactor_welded",)
    reset(world, "contactor_welded")
    world.run(3.0)
    assert world.facts().faults == () and world.facts().lock is LockState.UNLOCKED
    assert world.contact_closed(2)


def test_17_a_contactor_that_does_not_close_is_told_apart_from_a_weld(make: Make) -> None:
    world = make()
    world.verb("fault", evse=1, kind="stuck_open")
    world.verb("plug_in", evse=1)
    world.permit()
    time_until(world, lambda: bool(world.facts().faults), 10.0)
    world.run(5.0)
    assert world.facts().faults == ("contactor_stuck_open",) and not world.commanded()
    assert world.facts().cycles == 1


def test_a_mirror_that_contradicts_itself_forbids_closing(make: Make) -> None:
    world = make()
    world.verb("fault", evse=1, kind="mirror", value="contradictory")
    world.verb("plug_in", evse=1)
    world.permit()
    world.run(10.0)
    assert world.facts().faults == ("mirror_unreadable",) and world.facts().cycles == 0


def test_19_a_residual_current_opens_at_once_and_latches(make: Make) -> None:
    world = make()
    world.charge()
    world.verb("fault", evse=1, kind="rcd")
    assert time_until(world, lambda: not world.commanded(), 0.1) <= 0.050
    world.verb("fault", evse=1, kind="rcd", clear=True)
    world.run(60.0)
    assert world.facts().faults == ("rcd_trip",) and not world.commanded()
    reset(world, "rcd_trip")
    assert world.facts().faults == ()
    assert time_until(world, world.contact_closed, 60.0) >= 29.0


def test_20_the_self_test_runs_at_start_and_after_each_session_and_guards_the_close(make: Make) -> None:
    world = make(has_rcd_test=True)
    world.run(0.5)
    assert world.machine().self_test.is_running
    time_until(world, lambda: world.machine().self_test.passed_at_s is not None, 5.0)
    first = world.machine().self_test.passed_at_s
    world.charge()
    world.verb("unplug", evse=1)
    world.run(6.0)
    assert world.machine().self_test.passed_at_s > first


@pytest.mark.parametrize("dies_after_s", [0.05, 0.2, 0.24, 0.3, 0.5, 0.7, 0.9, 1.2, 1.8, 2.0])
@pytest.mark.parametrize("dead_s", [0.3, 1.0, 1.6])
def test_20_a_self_test_cut_off_by_a_kill_trips_nothing_for_good(
    make: Make, dies_after_s: float, dead_s: float
) -> None:
    world = make(has_rcd_test=True)
    time_until(world, lambda: world.machine().outputs.rcd_test, 5.0)
    world.run(dies_after_s)
    world.kill_safety()
    world.run(dead_s)
    world.restart_safety()
    world.charge()
    assert world.facts().faults == ()


def test_19_a_trip_that_stands_at_the_start_is_a_fault(make: Make) -> None:
    world = make(has_rcd_test=True)
    world.kill_safety()
    world.verb("fault", evse=1, kind="rcd")
    world.restart_safety()
    world.run(5.0)
    assert world.facts().faults == ("rcd_trip",)


def test_20_a_self_test_older_than_a_day_is_repeated_before_a_close() -> None:
    world = SafetyWorld(has_rcd_test=True)
    world.run(25 * 3600.0)
    world.verb("plug_in", evse=1)
    world.permit()
    world.run(0.5)
    assert any("self-test" in reason for reason in world.facts().blocked_by)
    time_until(world, world.contact_closed, 20.0)
    assert world.machine().self_test.passed_at_s > world.now - 20.0


def test_20_a_dead_residual_monitor_is_found_and_nothing_closes(make: Make) -> None:
    world = make(has_rcd_test=True)
    world.verb("fault", evse=1, kind="rcd", value="dead")
    world.run(5.0)
    world.verb("plug_in", evse=1)
    world.permit()
    world.run(10.0)
    assert world.facts().faults == ("rcd_self_test",)
    assert world.facts().cycles == 0 and not world.commanded()


def test_26_emergency_stop_opens_at_once_and_latches_for_all(make: Make) -> None:
    world = make(evses=2)
    world.charge()
    world.charge(2)
    world.plant.station_faults["estop"] = True
    world.plant.resupply()
    world.plant.advance(world.now)
    assert time_until(world, lambda: not world.commanded(1) and not world.commanded(2), 0.1) <= 0.050
    del world.plant.station_faults["estop"]
    world.plant.resupply()
    world.run(60.0)
    assert "emergency_stop" in world.facts().faults and not world.commanded()
    reset(world, "emergency_stop")
    assert time_until(world, world.contact_closed, 60.0) >= 25.0
    assert not world.commanded(2)


def test_16_an_unlock_wish_stops_first_and_unlocks_only_when_open(make: Make) -> None:
    world = make()
    world.charge()
    world.supervisor.receive(LockWish(1, False), world.now)
    world.run(PERIOD_S)
    assert world.pilot_output() == "X1" and world.facts().lock is LockState.LOCKED
    time_until(world, lambda: world.facts().lock is LockState.UNLOCKED, 8.0)
    assert not world.contact_closed()
    world.run(10.0)
    assert not world.commanded() and any("unlocked" in reason for reason in world.facts().blocked_by)
    world.supervisor.receive(LockWish(1, True), world.now)
    time_until(world, world.contact_closed, 15.0)


def test_a_cable_is_kept_while_wished_after_the_vehicle_let_go_of_its_end(make: Make) -> None:
    world = make()
    world.charge()
    world.supervisor.receive(LockWish(1, True), world.now)
    world.verb("unplug", evse=1)
    world.run(10.0)
    assert not world.contact_closed() and world.facts().lock is LockState.LOCKED
    world.supervisor.receive(LockWish(1, False), world.now)
    assert time_until(world, lambda: world.facts().lock is LockState.UNLOCKED, 8.0) < 1.0


def test_the_lock_of_a_kept_cable_is_freed_when_its_owner_pulls_it_out(make: Make) -> None:
    world = make()
    world.charge()
    world.supervisor.receive(LockWish(1, True), world.now)
    world.verb("unplug", evse=1)
    world.run(5.0)
    assert world.facts().lock is LockState.LOCKED
    world.verb("fault", evse=1, kind="pp_ohm", value=1e9)
    assert time_until(world, lambda: world.facts().lock is LockState.UNLOCKED, 8.0) < 1.0


def test_a_kept_cable_is_let_go_when_the_station_dies(make: Make) -> None:
    world = make()
    world.charge()
    world.supervisor.receive(LockWish(1, True), world.now)
    world.verb("unplug", evse=1)
    world.run(2.0)
    world.supervisor.station_lost(world.now)
    time_until(world, lambda: world.facts().lock is LockState.UNLOCKED, 8.0)


@pytest.mark.parametrize(("amps", "within"), [(19.0, 14.0), (40.0, 2.0)])
def test_22_over_current_stops(make: Make, amps: float, within: float) -> None:
    world = make()
    world.charge()
    for _ in range(math.ceil(within)):
        world.permit(measurements=Measurements((amps, 1.0, 1.0), (230.0, 230.0, 230.0), 0.1))
        world.run(1.0)
    world.run(4.0)
    assert not world.commanded() and world.facts().faults[0].startswith("over_current")


def test_an_under_voltage_suspends_and_comes_back(make: Make) -> None:
    world = make()
    world.charge()
    world.permit(measurements=Measurements((1.0, 1.0, 1.0), (230.0, 150.0, 230.0), 0.0))
    time_until(world, lambda: world.pilot_output() == "X1", 7.0)
    assert world.facts().faults == ("under_voltage",)
    time_until(world, no_load(world), 6.5)
    world.permit(measurements=Measurements((0.0, 0.0, 0.0), (230.0, 230.0, 230.0), 0.0))
    time_until(world, world.contact_closed, 60.0)


def test_a_tethered_cable_has_no_lock_and_no_pp(make: Make) -> None:
    world = make(cable_a=20)
    world.charge()
    facts = world.facts()
    assert facts.lock is LockState.NONE and facts.cable_a == 20 and world.contact_closed()


def test_a_jammed_lock_gets_no_power(make: Make) -> None:
    world = make(wrap=lambda name, port: Unmoved(port) if name == "lock" else port)
    world.verb("plug_in", evse=1)
    world.permit()
    world.run(20.0)
    assert world.facts().faults == ("lock_jammed",) and world.facts().cycles == 0 and world.pilot_output() == "X1"


class Unmoved:
    """A lock whose motor is not connected."""

    def __init__(self, port: object) -> None:
        self.motions = 0

    def drive(self, motion: object) -> None:
        self.motions += 1

    def is_locked(self) -> bool:
        return False


# --- warmth, earth, sleepers, phases -----------------------------------------------------------------------------------------


def warm(world: SafetyWorld, temperature_c: float | None) -> None:
    clear = {"clear": True} if temperature_c is None else {"value": temperature_c}
    world.verb("fault", evse=1, kind="over_temperature", **clear)
    world.run(11.0)  # without other news the next look at the sensor may be 10 s away


@pytest.mark.parametrize(("amps", "within"), [(18.5, 7.2), (40.0, 1.2)])
def test_22_a_board_that_senses_currents_stops_without_any_meter(make: Make, amps: float, within: float) -> None:
    world = make(has_phase_sense=True)
    world.charge()
    world.run(20.0)
    assert world.contact_closed()
    world.verb("fault", evse=1, kind="over_current", value=amps)
    offering = world.pilot_output()
    stopped = time_until(world, lambda: world.pilot_output() != offering, 15.0)
    assert stopped == pytest.approx(within, abs=0.25)
    assert world.facts().faults[0].startswith("over_current")


def test_22_a_phase_sense_that_fails_leaves_the_judgement_to_the_meter(make: Make) -> None:
    world = make(has_phase_sense=True)
    world.charge()
    port = world.supervisor.channels[1].ports.phase_sense

    def fails() -> None:
        raise DeviceSilent("phase sense", "no answer")

    port.read = fails
    world.run(15.0)
    assert world.contact_closed()
    over = Measurements((40.0, 40.0, 40.0), (230.0,) * 3, 0.1)
    for _ in range(30):
        world.permit(measurements=over)
        world.run(0.1)
    assert world.facts().faults[0].startswith("over_current")


def test_warmth_lowers_the_offer_stops_at_71_and_gives_back_below_68(make: Make) -> None:
    world = make(has_temperature=True)
    world.charge()
    world.permit(amps=32.0)
    world.run(6.0)
    assert world.facts().signalled_a == pytest.approx(32.0, abs=0.1)
    warm(world, 67.0)
    assert world.facts().signalled_a == pytest.approx(21.0, abs=0.1) and world.contact_closed()
    assert (world.facts().temperature_c, world.facts().thermal_a) == (67.0, 21.0)
    warm(world, 70.0)  # 5 A: less than can be offered
    assert world.pilot_output() == "X1" and not world.contact_closed() and not world.facts().faults
    assert any("too warm" in reason for reason in world.facts().blocked_by)
    warm(world, 71.0)
    assert world.facts().faults == ("over_temperature",)
    warm(world, 68.5)
    assert world.facts().faults == ("over_temperature",) and not world.contact_closed()
    warm(world, 60.0)
    assert world.facts().faults == ()
    time_until(world, world.contact_closed, 20.0)
    assert world.facts().signalled_a == pytest.approx(32.0, abs=0.1)


def test_a_stop_for_warmth_gives_the_vehicle_its_time(make: Make) -> None:
    world = make(has_temperature=True)
    world.charge(ignores_pwm_off=True)
    world.verb("fault", evse=1, kind="over_temperature", value=80.0)
    stopped = time_until(world, lambda: world.pilot_output() == "X1", 11.0)
    assert stopped <= 10.1
    assert time_until(world, lambda: not world.contact_closed(), 7.0) == pytest.approx(6.0, abs=0.1)


def test_a_temperature_sensor_that_fails_is_never_taken_for_cold(make: Make) -> None:
    world = make(has_temperature=True)
    world.charge()
    port = world.supervisor.channels[1].ports.temperature

    def fails() -> None:
        raise DeviceSilent("temperature sensor", "no answer")

    port.read = fails
    world.permit(amps=15.0)  # something for a loop that only looks when something happens
    assert time_until(world, lambda: not world.contact_closed(), 20.0) == pytest.approx(10.0, abs=4.0)
    assert world.facts().faults == ("temperature_lost",) and world.facts().temperature_c is None


def test_a_lost_protective_earth_opens_at_once_and_waits_30_s(make: Make) -> None:
    world = make(earth_monitor=True)
    world.charge()
    world.verb("fault", evse=1, kind="ground")
    assert time_until(world, lambda: not world.commanded(), 0.1) <= 0.050
    assert "ground_lost" in world.facts().faults
    world.run(1.0)
    world.verb("fault", evse=1, kind="ground", clear=True)
    world.permit(record="record-2")
    assert time_until(world, world.contact_closed, 60.0) >= 29.0
    assert world.facts().faults == ()


@pytest.mark.parametrize("shown", [PilotOutput.E, PilotOutput.F])
def test_a_sleeping_vehicle_is_woken_once(make: Make, shown: PilotOutput) -> None:
    world = make(wake_up=shown)
    world.run(1.0)
    world.verb("plug_in", evse=1, ev={"sleepy": True})
    world.permit()
    offered = time_until(world, lambda: isinstance(world.pilot_output(), float), 5.0)
    woken = time_until(world, lambda: world.pilot_output() == shown.value, 40.0)
    assert woken == pytest.approx(30.0, abs=0.3) and offered < 2.0
    assert world.facts().plug is PlugState.UNKNOWN and any("waking" in reason for reason in world.facts().blocked_by)
    assert time_until(world, lambda: world.pilot_output() == "X1", 5.0) == pytest.approx(4.0, abs=0.05)
    assert time_until(world, lambda: isinstance(world.pilot_output(), float), 5.0) == pytest.approx(0.75, abs=0.2)
    time_until(world, world.contact_closed, 10.0)
    assert world.facts().plug_count == 1
    world.verb("pause", evse=1)
    world.run(120.0)
    assert isinstance(world.pilot_output(), float), "a vehicle that has asked before is full, not asleep"


@pytest.mark.parametrize("wake_up", [None, PilotOutput.E])
def test_a_vehicle_that_does_not_want_is_let_be(make: Make, wake_up: PilotOutput | None) -> None:
    world = make(wake_up=wake_up)
    world.run(1.0)
    world.verb("plug_in", evse=1)
    world.verb("pause", evse=1)
    world.permit()
    seen = []
    for _ in range(300):
        world.run(0.5)
        seen.append(world.pilot_output())
    shown = [output for output in seen if output in ("E", "F")]
    assert len(shown) in ((0,) if wake_up is None else (7, 8, 9)), "once, and only where the board says so"


def test_a_vehicle_that_leaves_while_it_is_woken_is_gone_afterwards(make: Make) -> None:
    world = make(wake_up=PilotOutput.F)
    world.run(1.0)
    world.verb("plug_in", evse=1, ev={"sleepy": True})
    world.permit()
    time_until(world, lambda: world.pilot_output() == "F", 40.0)
    world.permits.clear()
    world.verb("unplug", evse=1)
    world.run(6.0)
    assert world.facts().plug is PlugState.UNPLUGGED and world.facts().record_id is None


@pytest.mark.parametrize("ends", ["permit", "fault"])
def test_waking_ends_at_once_with_the_permit_and_with_a_fault(make: Make, ends: str) -> None:
    world = make(wake_up=PilotOutput.E)
    world.run(1.0)
    world.verb("plug_in", evse=1, ev={"sleepy": True})
    world.permit()
    time_until(world, lambda: world.pilot_output() == "E", 40.0)
    if ends == "permit":
        world.withdraw()
    else:
        world.verb("fault", kind="estop")
    world.run(0.02)
    assert world.pilot_output() == ("X1" if ends == "permit" else "F")


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1)])
@pytest.mark.parametrize("ev", [{}, {"ignores_pwm_off": True}])
def test_phases_are_switched_under_way_with_everything_open_and_a_pause(
    make: Make, before: int, after: int, ev: dict[str, object]
) -> None:
    world = make(phase_relay=True, switches_phases=True, phase_wait_s=20.0)
    world.verb("plug_in", evse=1, ev={"phases": 3, **ev})
    world.permit(phases=before)
    time_until(world, world.contact_closed, 20.0)
    world.run(10.0)
    assert len(world.plant.evses[1].live_phases) == before
    world.permit(phases=after)
    world.run(0.05)
    assert world.pilot_output() == "X1" and world.contact_closed(), "it gets its time to stop"
    opened = time_until(world, lambda: not world.contact_closed(), 7.0)
    assert opened <= 6.2
    began = time_until(world, lambda: isinstance(world.pilot_output(), float), 40.0)
    assert began >= 20.0 - 0.1
    time_until(world, world.contact_closed, 10.0)
    assert len(world.plant.evses[1].live_phases) == after
    assert world.facts().under_load_opens == (1 if ev else 0)


def test_phases_stand_where_the_board_does_not_switch_them(make: Make) -> None:
    world = make(phase_relay=True)
    world.verb("plug_in", evse=1, ev={"phases": 3})
    world.permit(phases=3)
    time_until(world, world.contact_closed, 20.0)
    world.permit(phases=1)
    world.run(30.0)
    assert world.contact_closed() and len(world.plant.evses[1].live_phases) == 3


def test_a_limit_below_6_a_switches_no_phases(make: Make) -> None:
    world = make(phase_relay=True, switches_phases=True, phase_wait_s=10.0)
    world.verb("plug_in", evse=1, ev={"phases": 3})
    world.permit(phases=3)
    time_until(world, world.contact_closed, 20.0)
    world.permit(amps=0.0, phases=1)
    world.run(30.0)
    world.permit(phases=3)
    time_until(world, world.contact_closed, 10.0)


def test_a_latched_fault_outlives_the_safety_process_and_needs_its_reset(make: Make) -> None:
    world = make()
    world.charge()
    world.verb("fault", kind="estop")
    world.run(1.0)
    world.kill_safety()
    world.verb("fault", kind="estop", clear=True)
    world.run(2.0)
    world.restart_safety()
    world.run(60.0)
    assert world.facts().faults == ("emergency_stop",) and not world.commanded()
    reset(world, "emergency_stop")
    time_until(world, world.contact_closed, 60.0)
