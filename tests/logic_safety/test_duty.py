"""Duty and current, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.logic.duty import current_for_duty, duty_for_current


@pytest.mark.parametrize(
    ("amps", "duty"),
    [
        (0.0, None),
        (5.99, None),
        (-3.0, None),
        (float("nan"), None),
        (6.0, 10.0),
        (10.0, 16.66),
        (16.0, 26.66),
        (32.0, 53.33),
        (51.0, 85.0),
        (51.5, 85.0),
        (52.49, 85.0),
        (52.5, 85.0),
        (63.0, 89.2),
        (80.0, 96.0),
        (200.0, 96.0),
    ],
)
def test_duty_for_current(amps: float, duty: float | None) -> None:
    assert duty_for_current(amps) == (None if duty is None else pytest.approx(duty))


@pytest.mark.parametrize(
    ("duty", "amps"),
    [
        (0.0, 0.0),
        (2.9, 0.0),
        (5.0, 0.0),
        (7.5, 0.0),
        (8.0, 6.0),
        (9.9, 6.0),
        (10.0, 6.0),
        (50.0, 30.0),
        (85.0, 51.0),
        (85.01, 52.525),
        (96.0, 80.0),
        (96.5, 80.0),
        (97.1, 0.0),
        (100.0, 0.0),
    ],
)
def test_current_for_duty(duty: float, amps: float) -> None:
    assert current_for_duty(duty) == pytest.approx(amps)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_current_makes_a_duty_that_promises_more_or_is_not_allowed(amps: float) -> None:
    duty = duty_for_current(amps)
    if duty is None:
        assert not amps >= 6.0
    else:
        assert 10.0 <= duty <= 96.0
        assert current_for_duty(duty) <= amps + 1e-9


@given(st.floats(6.0, 80.0), st.floats(6.0, 80.0))
def test_more_current_never_makes_less_duty(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert (duty_for_current(low) or 0.0) <= (duty_for_current(high) or 0.0)
