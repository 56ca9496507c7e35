"""The enclosure's warmth: less current, none, and back again; a sensor that is not believed."""

from __future__ import annotations

import math

import pytest

from controller.logic.thermal import Thermal


def _after(*readings_c: float) -> Thermal:
    thermal = Thermal(0.0)
    for second, reading_c in enumerate(readings_c, 1):
        thermal.sampled(reading_c, float(second), float(second))
    return thermal


@pytest.mark.parametrize(
    ("readings_c", "limit_a", "stops"),
    [
        ((25.0,), math.inf, False),
        ((64.9,), math.inf, False),
        ((65.0,), 32, False),
        ((66.0,), 26, False),
        ((68.0,), 16, False),
        ((69.9,), 5, False),  # less than can be offered
        ((71.0,), 0, True),
        ((90.0,), 0, True),
        ((66.0, 63.1), 26, False),  # a fall of less than 3 K changes nothing
        ((66.0, 61.9), math.inf, False),
        ((68.0, 64.0), 21, False),  # as at 67
        ((71.0, 68.1), 0, True),
        ((71.0, 67.9), 0, False),  # no stop any more, but not yet enough for an offer
        ((71.0, 66.0), 10, False),
        ((71.0, 66.0, 70.0), 5, False),
        ((71.0, 25.0), math.inf, False),
    ],
)
def test_warmth_lowers_the_current_and_gives_it_back_3_k_later(
    readings_c: tuple[float, ...], limit_a: float, stops: bool
) -> None:
    thermal = _after(*readings_c)
    assert (thermal.limit_a(32.0), thermal.is_too_warm) == (limit_a, stops)


@pytest.mark.parametrize("reading_c", [-41.0, 126.0, math.nan, math.inf, -273.0])
def test_a_reading_that_no_enclosure_has_is_none(reading_c: float) -> None:
    thermal = _after(25.0)
    thermal.sampled(reading_c, 5.0, 5.0)
    assert (thermal.temperature_c, thermal.is_lost) == (25.0, False)
    thermal.sampled(reading_c, 11.0, 11.0)
    assert (thermal.temperature_c, thermal.is_lost) == (None, True)


def test_a_silent_sensor_is_lost_after_10_s_and_found_again() -> None:
    thermal = Thermal(0.0)
    thermal.sampled(25.0, float("-inf"), 9.9)
    assert not thermal.is_lost and thermal.deadline(9.9) == 10.0 and thermal.deadline(0.0) is None
    thermal.sampled(25.0, float("-inf"), 10.0)
    assert thermal.is_lost
    thermal.sampled(25.0, 12.0, 12.0)
    assert not thermal.is_lost and thermal.temperature_c == 25.0


def test_what_was_warm_stays_warm_while_the_sensor_is_lost() -> None:
    thermal = _after(71.0)
    thermal.sampled(25.0, 1.0, 60.0)
    assert thermal.is_too_warm and thermal.is_lost
