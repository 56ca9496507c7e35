"""Chance for simulated lives: everything from one seed, each subject from a stream of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import TypeVar

T = TypeVar("T")

YEAR_S = 365.25 * 86400.0
VISITS_A_YEAR = 1500  # of both EVSEs together
_STAY_S = 4200.0  # what a visit takes, about


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

    def waiting(self, mean: float) -> float:
        """Return a duration until something that comes by chance, as often at any time as at another."""
        return self._random.expovariate(1.0 / mean)

    def one_of(self, *choices: T) -> T:
        return self._random.choice(choices)

    def weighed(self, weights: Mapping[T, float]) -> T:
        return self._random.choices(list(weights), list(weights.values()))[0]


@dataclass(frozen=True, slots=True)
class Pace:
    """How dense a simulated life is. sparser: by how much longer it is from one trouble or whim to the next. visits_a_year: at each
    EVSE, by chance; 0: the next visitor comes soon after the last. samples_s: TxUpdatedInterval; 0: by chance, and other values too.
    heartbeats_s: what the CSMS asks for. stays_s: how long who comes to charge stays, at least.
    """

    sparser: float = 1.0
    visits_a_year: float = 0.0
    samples_s: int = 0
    heartbeats_s: int = 300
    stays_s: float = 30.0

    def until_visit(self, dice: Dice) -> float:
        """Return how long, in seconds, an EVSE stands empty."""
        if not self.visits_a_year:
            return dice.lasting(3, 3600)
        return dice.waiting(YEAR_S / self.visits_a_year - _STAY_S)

    def until_next(self, dice: Dice, low_s: float, high_s: float) -> float:
        return self.sparser * dice.lasting(low_s, high_s)


CROWDED = Pace()


def calendar(samples_s: int) -> Pace:
    """Return the pace of ordinary years, with a meter sample every `samples_s` while charging."""
    return Pace(20.0, VISITS_A_YEAR / 2, samples_s, 3600, 300.0)
