"""Pilot duty and the current it tells the EV, both ways (IEC 61851-1:2017 Table A.8; hardware-facts of public code)."""

from __future__ import annotations

import math

LEAST_A = 6.0  # below it nothing can be told: steady X1
LINEAR_A = 51.0  # end of the 0.6 A/% range
STEEP_A = 52.5  # begin of the 2.5 A/% range; between the two the lower one is told
MOST_A = 80.0
LEAST_DUTY_PCT = 10.0
MOST_DUTY_PCT = 96.0
_STEPS_PER_PCT = 100  # 0.01 % is 0.1 us at 1 kHz, finer than the 5 us the standard asks of the pulse width
_EPSILON = 1e-9  # 6 / 0.6 must not fall below 10 % by a rounding error


def duty_for_current(current_a: float) -> float | None:
    """Return the duty in percent that tells `current_a`, rounded down, or None where X1 must be driven instead (< 6 A).

    Never in (0, 10) %: basic signalling only. NaN tells nothing.
    """
    if not current_a >= LEAST_A:
        return None
    if current_a <= LINEAR_A:
        duty = current_a / 0.6
    elif current_a < STEEP_A:
        duty = LINEAR_A / 0.6
    else:
        duty = min(current_a, MOST_A) / 2.5 + 64.0
    return math.floor(duty * _STEPS_PER_PCT + _EPSILON) / _STEPS_PER_PCT


def current_for_duty(duty_pct: float) -> float:
    """Return the amperes an EV reads from a duty; 0 where it may draw nothing (or must ask digitally)."""
    if duty_pct < 8.0 or duty_pct > 97.0 or math.isnan(duty_pct):
        return 0.0
    if duty_pct < 10.0:
        return LEAST_A
    if duty_pct <= 85.0:
        return duty_pct * 0.6
    if duty_pct <= 96.0:
        return (duty_pct - 64.0) * 2.5
    return MOST_A
