"""Percentiles by nearest rank, and which of them so many readings can tell."""

from __future__ import annotations

import pytest

from hil.measure.percentiles import Distribution, key_of


@pytest.mark.parametrize(
    ("readings", "percent", "value"),
    [
        ([7.0], 50.0, 7.0),
        ([7.0], 99.999, 7.0),
        ([1.0, 2.0], 50.0, 1.0),
        ([2.0, 1.0, 3.0], 50.0, 2.0),
        (range(1, 101), 99.0, 99),
        (range(1, 101), 99.9, 100),
        (range(1, 1001), 99.9, 999),
        (range(1, 10_001), 99.99, 9999),
        (range(1, 100_001), 99.999, 99_999),
        ([5.0] * 99 + [80.0], 99.0, 5.0),
        ([5.0] * 98 + [80.0] * 2, 99.0, 80.0),
    ],
)
def test_a_percentile_is_the_least_reading_that_so_many_do_not_exceed(
    readings: list[float], percent: float, value: float
) -> None:
    assert Distribution.of(readings).at(percent) == value


@pytest.mark.parametrize(
    ("count", "supported"),
    [
        (1, ()),
        (2, (50.0,)),
        (99, (50.0,)),
        (100, (50.0, 99.0)),
        (999, (50.0, 99.0)),
        (2000, (50.0, 99.0, 99.9)),
        (9_999, (50.0, 99.0, 99.9)),
        (10_000, (50.0, 99.0, 99.9, 99.99)),
        (100_000, (50.0, 99.0, 99.9, 99.99, 99.999)),
    ],
)
def test_a_percentile_is_told_only_with_a_reading_beyond_it(count: int, supported: tuple[float, ...]) -> None:
    assert Distribution([(1.0, count)]).supported() == supported


def test_counted_readings_and_single_ones_are_the_same_distribution() -> None:
    counted = Distribution([(3, 1), (1, 2), (9, 0), (1, 1)])
    single = Distribution.of([1, 3, 1, 1])
    assert len(counted) == len(single) == 4
    assert [counted.at(p) for p in (50.0, 75.0, 76.0)] == [single.at(p) for p in (50.0, 75.0, 76.0)] == [1, 1, 3]
    assert counted.greatest == 3


def test_no_readings_tell_nothing() -> None:
    assert Distribution([]).supported() == ()
    with pytest.raises(IndexError):
        Distribution([]).at(50.0)


@pytest.mark.parametrize(("percent", "key"), [(50.0, "p50"), (99.0, "p99"), (99.99, "p99_99"), (99.999, "p99_999")])
def test_a_percentile_has_a_name_for_a_figure(percent: float, key: str) -> None:
    assert key_of(percent) == key
