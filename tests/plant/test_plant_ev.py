"""How the EV behaves: the willing car, and each of its misbehaviours."""

import itertools

import pytest

from hil.plant.ev import offered_a

DUTY_TABLE = [
    (2.9, 0), (5, 0), (7.5, 0), (8, 6), (9.9, 6), (10, 6), (16 / 0.6, 16), (85, 51), (86, 55), (96, 80), (97, 80), (97.5, 0)
]  # fmt: skip


@pytest.mark.parametrize(("duty", "amps"), DUTY_TABLE)
def test_duty_offers_the_amperes_of_the_table(duty, amps):
    assert offered_a(duty) == pytest.approx(amps)


def test_willing_ev_asks_on_a_valid_duty_and_draws_the_offer(station):
    station.start().plant.verb("plug_in", evse=1)
    assert station.after(10).load == "B"  # X1: it waits
    station.offer(16).after(3)
    assert station.load == "C"
    assert station.amps == (0, 0, 0)  # nothing flows before the contactor closes
    station.close().after(5)
    assert station.amps == pytest.approx((16, 0, 0))


@pytest.mark.parametrize("duty", [5.0, 7.5, 98.0])
def test_willing_ev_ignores_a_duty_that_offers_nothing(station, duty):
    station.start().plant.verb("plug_in", evse=1)
    station.plant.pwm(1, duty)
    assert station.after(60).load == "B"


@pytest.mark.parametrize(("offer", "draw"), [(10, 10), (32, 20), (6, 6)])
def test_ev_follows_a_new_offer_within_five_seconds_up_to_its_limit(station, offer, draw):
    station.charging(16, max_a=20, phases=3)
    station.offer(offer).after(5)
    assert station.amps == pytest.approx((draw, draw, draw))


def test_offer_that_changes_every_second_is_still_followed(station):
    station.charging(16)
    for amps in (10, 11, 12, 13, 14, 15):
        station.offer(amps).after(1)
    assert station.amps[0] >= 10 and station.amps[0] != 16


def test_ev_stops_and_opens_s2_within_three_seconds_of_x1(station):
    station.charging(16)
    at = station.plant.now
    station.offer(0).after(3)
    assert station.load == "B"
    stopped, opened = station.edges("current")[-1], station.edges("ev")[-1]
    assert at < stopped[0] < opened[0] <= at + 3


def test_slow_ev_still_keeps_the_limits(station):
    station.start().plant.verb("plug_in", evse=1, ev={"slow": True})
    station.offer(16).after(10)
    station.close().after(5)
    assert station.amps[0] == pytest.approx(16)
    station.offer(10).after(4.5)
    assert station.amps[0] == pytest.approx(16)
    station.after(0.5)
    assert station.amps[0] == pytest.approx(10)
    assert station.offer(0).after(3).load == "B"


def test_contactor_that_opens_under_load_just_takes_the_current_away(station):
    station.charging(16)
    station.open().after(0.05)
    assert station.amps == (0, 0, 0)
    assert station.load == "C"
    assert station.close().after(0.5).amps == (0, 0, 0)  # its charger starts anew
    station.after(5)
    assert station.amps[0] == pytest.approx(16)


def test_ev_that_ignores_pwm_off_keeps_drawing_until_it_is_cut_off(station):
    station.charging(16, ignores_pwm_off=True)
    station.offer(0).after(20)
    assert (station.load, station.amps[0]) == ("C", pytest.approx(16))
    station.open().after(0.05)
    assert station.amps[0] == 0


def test_ev_without_s2_asks_as_soon_as_it_is_plugged_in(station):
    station.start().plant.verb("plug_in", evse=1, ev={"no_s2": True})
    assert station.load == "C"
    station.close().after(10)
    assert station.amps[0] == 0  # no offer: it draws nothing
    station.offer(10).after(5)
    assert station.amps[0] == pytest.approx(10)


@pytest.mark.parametrize(("gap_s", "wakes"), [(4.0, True), (2.0, False)])
def test_sleepy_ev_wakes_only_after_three_seconds_without_pilot(station, gap_s, wakes):
    station.start().plant.verb("plug_in", evse=1, ev={"sleepy": True})
    station.offer(16).after(40)
    assert station.load == "B"
    station.plant.cp_enable(1, False)
    station.after(gap_s)
    station.plant.cp_enable(1, True)
    station.offer(0).after(0.75)
    assert station.offer(16).after(5).load == ("C" if wakes else "B")


def test_ev_stops_asking_when_full_having_taken_exactly_its_capacity(station):
    station.charging(16, capacity_kwh=10, soc_pct=90)
    station.after(3600)
    assert station.load == "B"
    assert station.energy_wh == pytest.approx(1000.0, abs=1e-6)
    assert station.plant.verb("state")["evses"][0]["ev"]["soc_pct"] == pytest.approx(100.0)


def test_ev_with_ventilation_asks_with_d(station):
    station.charging(16, ventilation=True)
    assert station.load == "D"


def test_bcb_toggles_before_the_ev_stays_in_c(station):
    station.charging(16, bcb=3)
    loads = [value for _, value in station.edges("ev")]
    assert loads == ["B", "C", "B", "C", "B", "C", "B", "C"]
    times = [at for at, _ in station.edges("ev")][1:]
    assert all(0.2 <= later - earlier <= 0.4 for earlier, later in itertools.pairwise(times))


def test_imbalance_scales_each_phase(station):
    station.charging(16, phases=3, imbalance=[1.0, 0.5, 0.25])
    assert station.amps == pytest.approx((16, 8, 4))


def test_pause_lets_it_return_to_b_and_resume_lets_it_go_on(station):
    station.charging(16)
    station.plant.verb("pause", evse=1)
    assert station.after(4).load == "B"
    station.plant.verb("resume", evse=1)
    assert station.after(7).load == "C"
    assert station.amps[0] == pytest.approx(16)


def test_forced_ev_does_what_it_is_told_until_resume(station):
    station.charging(16)
    station.plant.verb("ev", evse=1, pilot="C", draw_a=25.0, phases=2)
    assert station.amps == pytest.approx((25, 25, 0))
    station.plant.verb("ev", evse=1, pilot="B")
    assert (station.load, station.amps) == ("B", (0, 0, 0))
    station.plant.verb("resume", evse=1)
    station.after(10)
    assert station.amps == pytest.approx((16, 16, 0))


def test_over_current_draws_more_than_offered_until_cleared(station):
    station.charging(16)
    station.plant.verb("fault", evse=1, kind="over_current")
    assert station.amps[0] == pytest.approx(16 * 1.3 + 1)
    station.plant.verb("fault", evse=1, kind="over_current", clear=True)
    assert station.after(5).amps[0] == pytest.approx(16)


def test_one_phase_evse_feeds_one_phase_of_a_three_phase_ev(tethered_station):
    tethered_station.charging(16, phases=3)
    assert tethered_station.amps == pytest.approx((16, 0, 0))
