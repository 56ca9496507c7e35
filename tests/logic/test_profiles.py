"""What one profile, and several of one purpose, allow at a moment."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from controller.logic.profiles import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
    active,
    next_change,
)
from hil.virtual import EPOCH

NOON = EPOCH + timedelta(hours=6)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def profile(**changes: object) -> ChargingProfile:
    given: dict[str, object] = {
        "id": 1,
        "purpose": ProfilePurpose.TX_DEFAULT,
        "kind": ProfileKind.ABSOLUTE,
        "stack_level": 0,
        "unit": RateUnit.A,
        "periods": (SchedulePeriod(0, 16.0), SchedulePeriod(60, 10.0)),
        "start": NOON,
    }
    return ChargingProfile(**{**given, **changes})  # type: ignore[arg-type]


def limit(*profiles: ChargingProfile, when: datetime, ready_at: datetime | None = None) -> float | None:
    found = active(profiles, when, ready_at)
    return found.period.limit if found is not None else None


@pytest.mark.ocpp("2.0.1", "K01.FR.11", "K01.FR.12", "K01.FR.30")
@pytest.mark.parametrize(
    ("when", "expected", "change"),
    [(-1, None, 0), (0, 16.0, 60), (59.9, 16.0, 60), (60, 10.0, 100), (99, 10.0, 100), (100, None, None)],
)
def test_absolute_schedule_with_a_duration(when: float, expected: float | None, change: float | None) -> None:
    one = profile(duration_s=100, periods=(*profile().periods, SchedulePeriod(100, 32.0)))
    assert limit(one, when=at(when)) == expected
    assert next_change([one], at(when), None) == (at(change) if change is not None else None)


@pytest.mark.ocpp("2.0.1", "K01.FR.10", "K01.FR.36", "K01.FR.37")
def test_validity_begins_with_valid_from_and_ends_before_valid_to() -> None:
    one = profile(valid_from=at(10), valid_to=at(20))
    assert [limit(one, when=at(t)) for t in (9.9, 10, 19.9, 20)] == [None, 16.0, 16.0, None]
    assert [next_change([one], at(t), None) for t in (9, 10, 20)] == [at(10), at(20), None]
    assert limit(profile(), when=at(10_000_000)) == 10.0


@pytest.mark.ocpp("2.0.1", "K01.FR.13")
@pytest.mark.parametrize(("recurrency", "days"), [(Recurrency.DAILY, 1), (Recurrency.WEEKLY, 7)])
def test_recurring_schedule_comes_again_and_falls_back_in_between(recurrency: Recurrency, days: int) -> None:
    one = profile(kind=ProfileKind.RECURRING, recurrency=recurrency, duration_s=3600)
    later = timedelta(days=3 * days)
    assert limit(one, when=at(30) + later) == 16.0
    assert limit(one, when=at(90) + later) == 10.0
    assert limit(one, when=at(3600) + later) is None
    assert next_change([one], at(3600) + later, None) == NOON + later + timedelta(days=days)
    assert limit(one, when=at(-1)) is None


@pytest.mark.ocpp("2.0.1", "K01.FR.41", "K01.FR.42")
def test_relative_schedule_counts_from_the_moment_the_evse_was_ready() -> None:
    one = profile(kind=ProfileKind.RELATIVE, start=None)
    assert limit(one, when=at(0)) is None
    assert limit(one, when=at(30), ready_at=at(0)) == 16.0
    assert limit(one, when=at(61), ready_at=at(0)) == 10.0


@pytest.mark.ocpp("2.0.1", "K01.FR.17")
def test_the_highest_stack_level_that_has_something_to_say_decides() -> None:
    low = profile(stack_level=1, periods=(SchedulePeriod(0, 20.0),))
    high = profile(id=2, stack_level=5, duration_s=60)
    assert limit(low, high, when=at(30)) == 16.0
    assert limit(high, low, when=at(60)) == 20.0
    assert next_change([low, high], at(30), None) == at(60)


@pytest.mark.ocpp("2.0.1", "K01.FR.45", "K01.FR.49", "K01.FR.50", "K01.FR.51")
@pytest.mark.parametrize(
    ("unit", "value", "asked", "phases", "switches", "expected"),
    [
        (RateUnit.A, 16.0, None, 3, False, 16.0),
        (RateUnit.A, 16.0, 1, 1, False, 16.0),
        (RateUnit.W, 11040.0, 3, 3, False, 16.0),
        (RateUnit.W, 11040.0, None, 3, False, 16.0),
        (RateUnit.W, 6900.0, None, 1, False, 10.0),
        (RateUnit.W, 2300.0, 1, 1, False, 10.0),
        (RateUnit.W, 2300.0, 3, 1, False, 10.0),
        (RateUnit.W, 3680.0, 1, 3, True, 16.0),
        (RateUnit.W, 6900.0, 1, 3, False, 10.0),
        (RateUnit.W, 0.0, None, 3, False, 0.0),
    ],
)
def test_watts_become_amperes(
    unit: RateUnit, value: float, asked: int | None, phases: int, switches: bool, expected: float
) -> None:
    found = active([profile(unit=unit, periods=(SchedulePeriod(0, value, asked),))], NOON, None)
    assert found is not None
    assert found.current_a(phases, can_switch_phases=switches) == pytest.approx(expected)
