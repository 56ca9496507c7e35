"""Contactor, one-shot, lock, RCD, proximity: what the hardware does by itself, with its times."""

import math

import pytest

from hil.plant import Plant, PlantError, PlantEvse
from hil.plant.contactor import MainContact
from hil.plant.lock import TRAVEL_S
from hil.plant.one_shot import HOLD_S


def test_contact_follows_the_coil_after_its_mechanical_delay(station):
    station.start().close()
    assert not station.after(0.015).is_closed
    assert station.after(0.030).is_closed
    assert not station.open().after(0.030).is_closed


def test_coil_that_is_released_before_the_armature_moved_moves_nothing():
    contact = MainContact(close_s=0.025, open_s=0.015)
    contact.energise(True, 0.0)
    contact.energise(False, 0.020)
    assert contact.deadline() is None
    contact.on_deadline(1.0)
    assert not contact.is_closed


@pytest.mark.parametrize(
    ("lie", "while_open", "while_closed"),
    [
        (None, (False, True), (True, False)),
        ("inverted", (True, False), (False, True)),
        ("open", (False, True), (False, True)),
        ("closed", (True, False), (True, False)),
        ("contradictory", (True, True), (True, True)),
    ],
)
def test_mirror_tells_the_contact_unless_it_lies(station, lie, while_open, while_closed):
    if lie:
        station.plant.verb("fault", evse=1, kind="mirror", value=lie)
    assert station.start().plant.mirror(1) == while_open
    assert station.close().after(0.1).plant.mirror(1) == while_closed


def test_weld_keeps_the_contact_closed_and_the_mirror_says_so(station):
    station.charging(16)
    station.plant.verb("fault", evse=1, kind="weld")
    station.open().after(1)
    assert station.is_closed and station.plant.mirror(1) == (True, False)
    station.plant.verb("fault", evse=1, kind="weld", clear=True)
    assert not station.after(0.1).is_closed


def test_weld_of_an_open_contact_closes_it(station):
    station.start().plant.verb("fault", evse=1, kind="weld")
    assert station.is_closed


def test_contact_that_is_stuck_open_does_not_close(station):
    station.start().plant.verb("fault", evse=1, kind="stuck_open")
    assert not station.close().after(1).is_closed
    station.plant.verb("fault", evse=1, kind="stuck_open", clear=True)
    assert station.after(0.1).is_closed


def test_without_kicks_the_one_shot_drops_relay_supply_and_pilot_and_the_contact_is_open_in_250_ms(station):
    station.charging(16)
    killed_at = station.plant.now
    station.plant.imply_kicks(False)
    station.after(HOLD_S - 0.001)
    assert station.plant.observed.evses[1].is_advertising
    station.after(0.002)
    assert not station.plant.observed.evses[1].is_advertising
    assert station.edges("relay_supply")[-1] == (pytest.approx(killed_at + HOLD_S), False)
    station.after(0.030)
    assert not station.is_closed
    assert station.edges("contact")[-1][0] <= killed_at + 0.250
    assert station.plant.verb("state")["one_shot"]["drops"] == 1


@pytest.mark.parametrize(("gap_s", "drops"), [(HOLD_S - 0.001, 0), (HOLD_S + 0.001, 1)])
def test_kicks_are_judged_by_their_own_time_stamps(plant, gap_s, drops):
    plant.kick(1000.0)
    plant.kick(1000.1)
    plant.kick(1000.1 + gap_s)
    assert plant.observed.drops == drops
    assert plant.observed.one_shot_alive


def test_kicks_that_are_told_late_but_were_made_in_time_drop_nothing(plant):
    for number in range(20):  # the bench was stopped for two seconds and now sees them all
        plant.kick(1000.0 + number * 0.1)
    plant.advance(1002.0)
    assert plant.observed.drops == 0


def test_before_the_first_kick_no_command_reaches_the_coil(plant):
    plant.contactor(1, True)
    plant.cp_enable(1, True)
    plant.pwm(1, 50.0)
    plant.advance(1001.0)
    assert not plant.observed.evses[1].contact_closed
    assert not plant.observed.evses[1].is_advertising
    plant.kick(1001.0)
    plant.advance(1001.1)
    assert plant.observed.evses[1].contact_closed


@pytest.mark.parametrize("fault", [{"kind": "estop"}, {"kind": "mains"}, {"evse": 1, "kind": "rcd"}])
def test_estop_mains_and_rcd_open_the_contact_in_hardware(station, fault):
    station.charging(16)
    station.plant.verb("fault", **fault)
    station.after(0.030)
    assert not station.is_closed and station.amps == (0, 0, 0)
    station.plant.verb("fault", **fault, clear=True)
    assert station.after(0.050).is_closed


def test_rcd_of_one_evse_leaves_the_other_alone(station, tethered_station):
    station.charging(16)
    tethered_station.charging(16)
    station.plant.verb("fault", evse=1, kind="rcd")
    station.after(0.1)
    assert (station.is_closed, tethered_station.is_closed) == (False, True)


def rcd_test_trips(plant: Plant, pulse_s: float) -> list[tuple[float, object]]:
    at = plant.now
    plant.rcd_test(1, True)
    plant.advance(at + pulse_s)
    plant.rcd_test(1, False)
    plant.advance(at + 5)
    return [(edge.at_s - at, edge.value) for edge in plant.observed.evses[1].edges if edge.what == "rcd"]


def test_rcd_self_test_trips_and_releases_in_the_specified_times(plant):
    tripped, released = rcd_test_trips(plant, 0.25)
    assert tripped[1] is True and tripped[0] <= 0.25 + 0.74
    assert released[1] is False
    assert 0.4 < released[0] - tripped[0] < 0.4 + 1.2


def test_rcd_self_test_ignores_a_pulse_that_is_too_short(plant):
    assert rcd_test_trips(plant, 0.1) == []


def test_dead_rcd_does_not_trip_in_its_self_test(plant):
    plant.verb("fault", evse=1, kind="rcd", value="dead")
    assert rcd_test_trips(plant, 0.25) == []


def test_rcd_error_is_an_output_of_its_own(plant):
    plant.verb("fault", evse=1, kind="rcd", value="error")
    assert plant.rcd(1) == (False, True)


def test_bolt_locks_after_its_travel_and_a_short_pulse_moves_it_part_of_the_way(plant):
    plant.lock(1, 1)
    plant.advance(plant.now + TRAVEL_S / 2)
    plant.lock(1, 0)
    plant.advance(plant.now + 1)
    assert not plant.lock_feedback(1)
    plant.lock(1, 1)
    plant.advance(plant.now + TRAVEL_S / 2)
    assert plant.lock_feedback(1)


def test_jammed_bolt_stays_where_it_is(plant):
    plant.verb("fault", evse=1, kind="lock_jam")
    plant.lock(1, 1)
    plant.advance(plant.now + 2)
    assert not plant.lock_feedback(1)
    plant.verb("fault", evse=1, kind="lock_jam", clear=True)
    plant.advance(plant.now + 1)
    assert plant.lock_feedback(1)


@pytest.mark.parametrize(("cable_a", "ohms"), [(13, 1500), (20, 680), (32, 220), (63, 100)])
def test_cable_shows_its_resistor_on_the_proximity_contact(plant, cable_a, ohms):
    assert plant.proximity_ohm(1) == math.inf
    plant.verb("plug_in", evse=1, cable_a=cable_a)
    assert plant.proximity_ohm(1) == ohms


def test_tethered_cable_has_no_proximity_resistor(plant):
    plant.verb("plug_in", evse=2)
    assert plant.proximity_ohm(2) == math.inf


def test_locked_cable_stays_in_the_socket_when_the_ev_leaves(plant):
    plant.verb("plug_in", evse=1)
    plant.lock(1, 1)
    plant.advance(plant.now + 1)
    assert plant.verb("unplug", evse=1) == {"cable_held": True}
    assert plant.proximity_ohm(1) == 220
    plant.lock(1, -1)
    plant.advance(plant.now + 1)
    assert plant.proximity_ohm(1) == math.inf


def test_plug_does_not_go_into_a_locked_empty_socket(plant):
    plant.lock(1, 1)
    plant.advance(plant.now + 1)
    with pytest.raises(PlantError, match="lock of `evse` 1"):
        plant.verb("plug_in", evse=1)


def test_phase_relay_adds_l2_and_l3():
    plant = Plant([PlantEvse(1, has_phase_relay=True)], 0.0)
    plant.imply_kicks(True)
    plant.cp_enable(1, True)
    plant.verb("plug_in", evse=1, ev={"phases": 3})
    plant.pwm(1, 20.0)
    plant.contactor(1, True)
    plant.advance(10.0)
    assert plant.observed.evses[1].current_a == pytest.approx((12, 0, 0))
    plant.phase_relay(1, True)
    plant.advance(20.0)
    assert plant.observed.evses[1].current_a == pytest.approx((12, 12, 12))
    plant.phase_relay(1, False)
    plant.advance(20.05)
    assert plant.observed.evses[1].current_a == pytest.approx((12, 0, 0))


def test_broken_earth_takes_pilot_and_proximity_away(station):
    station.start().plant.verb("plug_in", evse=1)
    station.after(1)
    assert station.plant.pilot(1)[0] == pytest.approx(8.98, abs=0.05)
    station.plant.verb("fault", evse=1, kind="ground")
    assert station.after(0.5).plant.pilot(1)[0] == pytest.approx(12.0)
    assert station.plant.proximity_ohm(1) == math.inf


def test_pilot_passes_through_c_and_d_on_its_way_to_a_short(station):
    """The hold circuit decays: a controller must confirm what it sees."""
    station.start().plant.verb("plug_in", evse=1)
    station.after(1).plant.verb("fault", evse=1, kind="cp_short")
    seen = []
    for _ in range(30):
        seen.append(station.after(0.01).plant.pilot(1)[0])
    assert any(5 < volts < 7 for volts in seen) and any(2 < volts < 4 for volts in seen)
    assert seen[-1] == pytest.approx(0, abs=0.1)


def test_power_cut_puts_every_output_to_its_boot_state_and_leaves_mechanics(station):
    station.charging(16)
    station.plant.lock(1, 1)
    station.after(1).plant.verb("power_cut")
    seen = station.plant.verb("state")["evses"][0]
    assert (seen["contactor_command"], seen["pilot_output"], seen["advertising"]) == (False, "E", False)
    assert seen["locked"] and seen["plugged"]
    assert station.after(0.05).is_closed is False
