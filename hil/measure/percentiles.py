"""Percentiles of many readings, and which of them so many readings can tell."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

WANTED = (50.0, 99.0, 99.9, 99.99, 99.999)


class Distribution:
    """Readings as (value, how often) pairs, in any order; a value may come more than once."""

    def __init__(self, counted: Iterable[tuple[float, int]]) -> None:
        pairs = sorted((value, count) for value, count in counted if count)
        self._values = [value for value, _ in pairs]
        self._up_to = list(accumulate(count for _, count in pairs))

    @classmethod
    def of(cls, readings: Iterable[float]) -> Distribution:
        return cls((reading, 1) for reading in readings)

    def __len__(self) -> int:
        return self._up_to[-1] if self._up_to else 0

    @property
    def greatest(self) -> float:
        """Raises IndexError without readings."""
        return self._values[-1]

    def at(self, percent: float) -> float:
        """Return the least reading that at least `percent` of all do not exceed (nearest rank). Raises IndexError without any."""
        rank = max(1, math.ceil(len(self) * percent / 100.0 - 1e-9))
        return self._values[bisect_left(self._up_to, rank)]

    def beyond(self, percent: float) -> float:
        """Return how many of these readings lie beyond a percentile."""
        return round(len(self) * (100.0 - percent) / 100.0, 6)

    def supports(self, percent: float) -> bool:
        """Whether at least one reading lies beyond it; with fewer, it would be another name for the greatest."""
        return self.beyond(percent) >= 1.0

    def supported(self) -> tuple[float, ...]:
        return tuple(percent for percent in WANTED if self.supports(percent))


def key_of(percent: float) -> str:
    """Return how a percentile is named in a figure: p50, p99_99."""
    return f"p{percent:g}".replace(".", "_")
