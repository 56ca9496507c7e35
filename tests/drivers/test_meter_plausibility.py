"""What a meter may and may not say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.logic.values import MeterReading
from drivers.meter.plausibility import EnergyWatch, complaint_about

GOOD = MeterReading(5.0, (230.0, 231.0, 229.0), (16.0, 16.0, 16.0), 11_000.0, 5000, 0, (), 50.0, 1.0)


@pytest.mark.parametrize(
    "reading",
    [
        GOOD,
        replace(GOOD, voltage_v=(230.0, 0.0, 230.0)),
        replace(GOOD, voltage_v=(0.0,) * 3, frequency_hz=0.0),
        replace(GOOD, current_a=(-5.0, 0.0, 0.0), power_w=-1000.0),
        replace(GOOD, frequency_hz=None),
        replace(GOOD, voltage_v=(265.0,) * 3),
    ],
)
def test_what_can_be_is_believed(reading: MeterReading) -> None:
    assert complaint_about(reading) is None


@pytest.mark.parametrize(
    ("reading", "complaint"),
    [
        (replace(GOOD, voltage_v=(230.0, 2300.0, 230.0)), "voltage 2300 V is outside 0..600 V"),
        (replace(GOOD, voltage_v=(-230.0,) * 3), "voltage -230 V"),
        (replace(GOOD, voltage_v=(float("inf"),)), "voltage inf V"),
        (replace(GOOD, current_a=(16000.0, 0.0, 0.0)), "current 16000 A is above 1000 A"),
        (replace(GOOD, power_w=1e9), "power 1e+09 W"),
        (replace(GOOD, energy_import_wh=-1), "energy register -1 Wh is negative"),
        (replace(GOOD, frequency_hz=500.0), "frequency 500 Hz"),
    ],
)
def test_what_cannot_be_is_named(reading: MeterReading, complaint: str) -> None:
    assert complaint in str(complaint_about(reading))


def test_a_register_that_falls_is_refused_and_does_not_count() -> None:
    watch = EnergyWatch()
    assert watch.complaint_about(5000, 0.0) is None
    assert watch.complaint_about(4999, 1.0) == "energy register fell from 5000 to 4999 Wh"
    assert watch.complaint_about(5000, 2.0) is None


def test_one_leap_is_refused_and_forgotten() -> None:
    watch = EnergyWatch()
    watch.complaint_about(5000, 0.0)
    assert watch.complaint_about(900_000, 1.0) == "energy register leapt from 5000 to 900000 Wh"
    assert watch.complaint_about(5003, 2.0) is None


def test_a_leap_that_the_next_poll_confirms_is_believed() -> None:
    watch = EnergyWatch()
    watch.complaint_about(5000, 0.0)
    assert watch.complaint_about(900_000, 1.0) is not None
    assert watch.complaint_about(900_001, 2.0) is None
    assert watch.complaint_about(5003, 3.0) is not None


def test_two_different_leaps_do_not_confirm_each_other() -> None:
    watch = EnergyWatch()
    watch.complaint_about(5000, 0.0)
    assert watch.complaint_about(900_000, 1.0) is not None
    assert watch.complaint_about(700_000, 2.0) is not None


def test_a_long_gap_explains_a_rise() -> None:
    watch = EnergyWatch()
    watch.complaint_about(5000, 0.0)
    assert watch.complaint_about(5000 + 22_000 * 5, 5 * 3600.0) is None


@given(st.integers(0, 10**7), st.integers(1, 20), st.integers(0, 10**7))
def test_one_wrong_register_is_never_accepted_and_costs_no_other(start_wh: int, place: int, wrong_wh: int) -> None:
    watch = EnergyWatch()
    true = [start_wh + 10 * at_s for at_s in range(22)]
    shown = [*true[:place], wrong_wh, *true[place + 1 :]]
    accepted = [watch.complaint_about(wh, float(at_s)) is None for at_s, wh in enumerate(shown)]
    is_plausible = true[place - 1] <= wrong_wh <= true[place + 1]
    if is_plausible or not true[place - 1] <= wrong_wh <= true[place - 1] + 2000:
        assert accepted == [*[True] * place, is_plausible, *[True] * (21 - place)]


def test_a_meter_that_was_exchanged_is_believed_when_it_says_so_twice() -> None:
    watch = EnergyWatch()
    watch.complaint_about(5000, 0.0)
    assert watch.complaint_about(7, 1.0) == "energy register fell from 5000 to 7 Wh"
    assert watch.complaint_about(8, 2.0) is None
    assert watch.complaint_about(8, 3.0) is None
