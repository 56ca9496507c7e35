"""The two plateaus of a pilot out of a burst of samples that is not in step with its PWM. Pure.

1. Sorted, the samples are split at their largest gap, if that is 4 V or more: PWM; else the line is steady.
2. A plateau's value is the median of its side; what was taken on an edge lies in between and does not move a median. Five hits must be within
   0.6 V of it: three of five agree by chance where noise looks like a vehicle.
3. Each plateau must be quiet: a median deviation of 0.3 V or more is no plateau.
4. The duty is told from whole periods, from the first rising edge to the last: wherever a burst begins and ends, and however many periods
   it holds, it is wrong by less than one sample a period.

The rate must not be commensurate with 1 kHz, or samples fall on the same places of each period: the reason for 4 periods and an odd count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

GAP_V = 4.0
HITS = 5
QUIET_V = 0.3
NEAR_V = 0.6  # of a plateau's value: a hit


@dataclass(frozen=True, slots=True)
class Plateaus:
    """high_v: the upper one, or the steady line. low_v: the lower one, as high_v where the line is steady. duty_pct: None there, and where
    the burst holds no whole period.
    """

    high_v: float
    low_v: float
    duty_pct: float | None


class NoPlateau(ValueError):
    """The samples are not those of a pilot: noise, a slow edge, or too few hits."""


def plateaus_of(volts: Sequence[float]) -> Plateaus:
    """Raises NoPlateau. volts: at least ten, at the pilot, in the order in which they were taken."""
    ordered = sorted(volts)
    gap, split = max(
        ((above - below, place) for place, (below, above) in enumerate(pairwise(ordered), 1)),
        default=(0.0, 0),
    )
    if gap < GAP_V:
        steady = _quiet(ordered, "the steady line")
        return Plateaus(steady, steady, None)
    low, high = ordered[:split], ordered[split:]
    if min(len(low), len(high)) < HITS:
        raise NoPlateau(f"{len(high)} hits above and {len(low)} below the gap of {gap:.1f} V: fewer than {HITS}")
    duty_pct = _duty_pct([value >= high[0] for value in volts])
    return Plateaus(_quiet(high, "the high plateau"), _quiet(low, "the low plateau"), duty_pct)


def _duty_pct(is_high: Sequence[bool]) -> float | None:
    rises = [place for place in range(1, len(is_high)) if is_high[place] and not is_high[place - 1]]
    if len(rises) < 2:
        return None
    first, last = rises[0], rises[-1]
    return 100.0 * sum(is_high[first:last]) / (last - first)


def _quiet(volts: Sequence[float], what: str) -> float:
    """volts: sorted, not empty. Returns their median (the upper one of two)."""
    middle = volts[len(volts) // 2]
    deviation = sorted(abs(each - middle) for each in volts)[len(volts) // 2]
    if deviation >= QUIET_V:
        raise NoPlateau(f"{what} moves by {deviation:.2f} V around {middle:+.1f} V")
    hits = sum(abs(each - middle) < NEAR_V for each in volts)
    if hits < HITS:
        raise NoPlateau(f"{what} has {hits} hits around {middle:+.1f} V: fewer than {HITS}")
    return middle
