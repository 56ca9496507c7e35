"""Every limit has a name. What is offered is the least of them; `why` tells which binds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MIN_CURRENT_A = 6.0  # IEC 61851-1: nothing less can be offered


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many amperes per phase. name: `board`, `cable`, `site`, `profile`… why: plain words with the source.

    phases: at most so many, None where the limit does not say.
    """

    name: str
    current_a: float
    why: str
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What all limits together allow. binding: the least (the first named, where several are equal).

    current_a: 0 or at least 6, rounded down to 0.1 A.
    """

    current_a: float
    phases: int
    binding: Limit
    limits: tuple[Limit, ...]

    @property
    def is_offered(self) -> bool:
        return self.current_a >= MIN_CURRENT_A


def offer(limits: Iterable[Limit], phases: int) -> Offer:
    """Return the least of the limits. At least one limit must be given: the board always has one. phases: of the EVSE."""
    all_limits = tuple(limits)
    binding = min(all_limits, key=lambda limit: limit.current_a)
    current_a = math.floor(binding.current_a * 10 + 1e-6) / 10
    few = min((limit.phases for limit in all_limits if limit.phases is not None), default=phases)
    return Offer(current_a if current_a >= MIN_CURRENT_A else 0.0, min(phases, few), binding, all_limits)


def share(total_a: float, claimants: Sequence[int], wants: Mapping[int, float]) -> dict[int, float]:
    """Divide a current that several EVSEs share, so that their sum never exceeds it.

    claimants: EVSE ids, who came first before who came later. wants: what each could take at most. Where there are not 6 A for
    each, those who came last get nothing; what one cannot take goes to the others.
    """
    serves = list(claimants[: int((total_a + 1e-6) // MIN_CURRENT_A)])
    shares = dict.fromkeys(claimants, 0.0)
    left = total_a
    for place, evse_id in enumerate(sorted(serves, key=lambda each: wants[each])):
        even = left / (len(serves) - place)
        shares[evse_id] = min(even, wants[evse_id])
        left -= shares[evse_id]
    return shares
