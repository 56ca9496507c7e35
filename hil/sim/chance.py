"""Chance for simulated lives: everything from one seed, each subject from a stream of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of chance. name: what for, so that more draws of one subject change nothing for another."""

    def __init__(self, seed: int, name: str) -> None:
        self._random = Random(f"{seed}:{name}")

    def happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def between(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def lasting(self, low: float, high: float) -> float:
        """Return a duration between bounds, every order of magnitude as likely as another."""
        return math.exp(self._random.uniform(math.log(low), math.log(high)))

    def one_of(self, *choices: T) -> T:
        return self._random.choice(choices)

    def weighed(self, weights: Mapping[T, float]) -> T:
        return self._random.choices(list(weights), list(weights.values()))[0]
