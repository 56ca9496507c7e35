"""An analogue voltage over time, told by its last change: a step, then an exponential that ends at a target."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Curve:
    """`before_v` until `at_s`, there a step to `start_v`, then towards `towards_v` with time constant `tau_s`, but no farther than `target_v`.

    tau_s: 0 means that the target is reached at once. Times are monotonic seconds.
    """

    before_v: float
    start_v: float
    target_v: float
    at_s: float
    tau_s: float
    towards_v: float

    @classmethod
    def steady(cls, volts: float, at_s: float = 0.0) -> Curve:
        return cls(volts, volts, volts, at_s, 0.0, volts)

    def value(self, now_s: float) -> float:
        if now_s < self.at_s:
            return self.before_v
        if self.tau_s <= 0.0 or self.start_v == self.target_v:
            return self.target_v
        volts = self.towards_v + (self.start_v - self.towards_v) * math.exp((self.at_s - now_s) / self.tau_s)
        return max(volts, self.target_v) if self.start_v > self.target_v else min(volts, self.target_v)

    def reaches_s(self, within_v: float = 0.0) -> float:
        """Return when the target is this near; inf for one that is only approached."""
        if self.tau_s <= 0.0 or abs(self.start_v - self.target_v) <= within_v:
            return self.at_s
        left = abs(self.target_v - self.towards_v) + within_v
        return math.inf if left == 0.0 else self.at_s + self.tau_s * math.log(abs(self.start_v - self.towards_v) / left)

    def mean(self, begin_s: float, end_s: float) -> float:
        """Return the average over a window: what a delta-sigma converter gives. A window of no length is a point."""
        if end_s <= begin_s:
            return self.value(begin_s)
        if begin_s >= self.at_s and (self.tau_s <= 0.0 or self.start_v == self.target_v):
            return self.target_v
        split = min(max(self.at_s, begin_s), end_s)
        before = self.before_v * (split - begin_s)
        return (before + self._integral(split, end_s)) / (end_s - begin_s)

    def scaled(self, factor: float, offset: float) -> Curve:
        """Return the same curve behind a linear circuit: volts times `factor` plus `offset`."""
        return Curve(
            self.before_v * factor + offset,
            self.start_v * factor + offset,
            self.target_v * factor + offset,
            self.at_s,
            self.tau_s,
            self.towards_v * factor + offset,
        )

    def _integral(self, begin_s: float, end_s: float) -> float:
        if self.tau_s <= 0.0 or end_s <= begin_s:
            return self.target_v * (end_s - begin_s)
        there = min(max(self.reaches_s(), begin_s), end_s)
        moving = self.towards_v * (there - begin_s) + self.tau_s * (self._free(begin_s) - self._free(there))
        return moving + self.target_v * (end_s - there)

    def _free(self, now_s: float) -> float:
        """The exponential's distance from where it goes."""
        return (self.start_v - self.towards_v) * math.exp((self.at_s - now_s) / self.tau_s)
