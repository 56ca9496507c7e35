"""Samples, when they are due, and what a silent meter leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.logic.metering import MeterHealth, Register, next_aligned, next_periodic, samples
from controller.logic.values import Measurand, MeterReading, Sample, SampleContext
from hil.virtual import EPOCH

M = Measurand
READING = MeterReading(
    5.0, (230.0, 231.0, 229.0), (10.0, 9.5, 9.0), 6555.0, 123456, 7, (2300.0, 2194.5, 2061.0), 50.01, 0.99
)


def of(*measurands: Measurand, reading: MeterReading | None = READING) -> list[tuple[float, str, str | None]]:
    found = samples(reading, measurands, SampleContext.SAMPLE_PERIODIC, offered_a=16.0, phases=3)
    return [(s.value, s.unit, s.phase) for s in found]


@pytest.mark.ocpp("2.0.1", "J02.FR.03", "J02.FR.04", "J02.FR.06")
def test_each_measurand_with_its_unit_and_phases() -> None:
    assert of(M.ENERGY_IMPORT) == [(123456, "Wh", None)]
    assert of(M.CURRENT_IMPORT) == [(10.0, "A", "L1"), (9.5, "A", "L2"), (9.0, "A", "L3")]
    assert of(M.VOLTAGE)[0] == (230.0, "V", "L1-N")
    assert of(M.POWER_IMPORT)[:2] == [(6555.0, "W", None), (2300.0, "W", "L1")]
    assert of(M.CURRENT_OFFERED, M.POWER_OFFERED) == [(16.0, "A", None), (11040.0, "W", None)]
    assert of(M.ENERGY_EXPORT, M.FREQUENCY, M.POWER_FACTOR) == [(7, "Wh", None), (50.01, "Hz", None), (0.99, "", None)]


def test_the_context_is_told() -> None:
    found = samples(READING, [M.ENERGY_IMPORT], SampleContext.TRANSACTION_END, offered_a=0, phases=1)
    assert found == (Sample(M.ENERGY_IMPORT, 123456, "Wh", SampleContext.TRANSACTION_END),)


def test_what_the_meter_does_not_have_is_left_out() -> None:
    bare = MeterReading(5.0, (230.0,), (6.0,), 1380.0, 5)
    assert of(M.ENERGY_EXPORT, M.FREQUENCY, M.POWER_FACTOR, reading=bare) == []
    assert of(*M, reading=None) == [(11040.0, "W", None), (16.0, "A", None)]


@pytest.mark.ocpp("2.0.1", "J02.FR.11")
def test_periodic_samples_come_whole_intervals_after_the_start() -> None:
    assert next_periodic(100.0, 60, 100.0) == 160.0
    assert next_periodic(100.0, 60, 159.9) == 160.0
    assert next_periodic(100.0, 60, 160.0) == 220.0
    assert next_periodic(100.0, 60, 1000.0) == 1060.0
    assert next_periodic(100.0, 0, 100.0) is None


@pytest.mark.ocpp("2.0.1", "J01.FR.14")
def test_aligned_samples_are_spaced_from_midnight() -> None:
    noon = EPOCH.replace(hour=12)
    assert next_aligned(noon, 900) == noon + timedelta(seconds=900)
    assert next_aligned(noon - timedelta(seconds=1), 900) == noon
    assert next_aligned(EPOCH.replace(hour=23, minute=59), 50_000) == EPOCH.replace(hour=0) + timedelta(days=1)
    assert next_aligned(noon, 0) is None


def test_a_register_never_goes_backwards_while_it_is_billed() -> None:
    register = Register()
    assert not register.refusal(100, 0.0, is_billed=True) and not register.refusal(100, 1.0, is_billed=True)
    assert register.refusal(99, 2.0, is_billed=True) == "its register went back from 100 to 99 Wh"
    assert register.wh == 100
    assert not register.refusal(5, 3.0, is_billed=False) and register.wh == 5


def test_a_register_leaps_by_no_more_than_can_flow_while_it_is_billed() -> None:
    register = Register()
    assert not register.refusal(100, 1000.0, is_billed=True)
    assert not register.refusal(1100, 1000.0, is_billed=True)
    assert register.refusal(2101, 1000.0, is_billed=True) == "its register leapt from 1100 to 2101 Wh"
    assert not register.refusal(102_100, 4600.0, is_billed=True), "an hour later 100 kWh more may be true"
    assert not register.refusal(4_294_967_295, 4601.0, is_billed=False), "an idle EVSE goes on from there"


def test_a_meter_is_lost_after_three_polls_and_ten_seconds() -> None:
    health = MeterHealth(0.0)
    assert not health.has_answered
    health.answered(100.0)
    for at in (101.0, 102.0, 103.0):
        health.failed("silent")
        assert not health.is_lost(at)
    assert health.is_lost(110.0) and health.problem == "silent"
    assert health.limit_a(110.0, is_billed=False) == 6.0
    assert health.limit_a(161.0, is_billed=False) == 0.0
    assert health.limit_a(110.0, is_billed=True) == 0.0
    health.answered(170.0)
    assert health.limit_a(170.0, is_billed=True) is None


def test_one_bad_frame_changes_nothing() -> None:
    health = MeterHealth(0.0)
    health.answered(0.0)
    health.failed("bad checksum")
    assert health.limit_a(30.0, is_billed=True) is None
