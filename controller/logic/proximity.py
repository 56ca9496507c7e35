"""The cable's current rating from the proximity-pilot resistance (IEC 61851-1:2017 Annex B, bands unverified).

Rules
1. A resistance inside a band is that rating. Between two bands it is the lower rating of the two, never the higher; above the
   last band, below the first and where nothing is plugged there is no rating.
2. A rating is latched for the plug-in when three samples in a row agree.
3. While latched, three samples in a row of anything else are a change. The latch itself stays until the vehicle leaves.
"""

from __future__ import annotations

import math
from enum import Enum

SAMPLES = 3

EMPTY_ABOVE_OHM = 4500.0


class Coding(Enum):
    """What a PP resistance says. value: amperes, or 0 where no current is allowed."""

    AMPS_63 = 63
    AMPS_32 = 32
    AMPS_20 = 20
    AMPS_13 = 13
    NONE = 0  # no plug, or a plug without coding
    FAULT = -1  # shorted, or outside every band with no lower rating to fall back to


# The first row that the resistance is above. Where two bands leave a gap, the row of the lower rating begins at once.
_ABOVE_OHM: tuple[tuple[float, Coding], ...] = (
    (EMPTY_ABOVE_OHM, Coding.NONE),
    (2460.0, Coding.FAULT),  # undefined, and no lower rating to fall back to
    (936.0, Coding.AMPS_13),  # band 1100..2460
    (308.0, Coding.AMPS_20),  # band 400..936
    (140.0, Coding.AMPS_32),  # band 164..308
)
_LOWEST_OHM = 80.0  # 60..80 is undefined, below 60 shorted: nothing is allowed
_SINGLE_PHASE_63_A = 70


def coding_of(resistance_ohm: float) -> Coding:
    """Return the coding of a PP-PE resistance. Any number is allowed; NaN is a FAULT."""
    for above, coding in _ABOVE_OHM:
        if resistance_ohm > above:
            return coding
    return Coding.AMPS_63 if resistance_ohm >= _LOWEST_OHM else Coding.FAULT


def rating_a(coding: Coding, phases: int) -> int | None:
    """Return the amperes a coding allows (100 ohm is 63 A in three phases, 70 A in one), or None for no rating."""
    if coding is Coding.AMPS_63:
        return 63 if phases == 3 else _SINGLE_PHASE_63_A
    return coding.value if coding.value > 0 else None


class Proximity:
    """One plug-in's latch. latched: the coding in force, None before. has_changed: since it was latched. last: newest run's."""

    __slots__ = ("_at", "_count", "_ohm", "has_changed", "last", "latched")

    def __init__(self) -> None:
        self._at = float("-inf")
        self._ohm = math.inf
        self._count = 0
        self.last = Coding.NONE
        self.latched: Coding | None = None
        self.has_changed = False

    def sampled(self, resistance_ohm: float, at_s: float, *, is_plugged: bool) -> None:
        """Take the newest sample; the same one again counts once."""
        if at_s < self._at or (at_s == self._at and resistance_ohm == self._ohm):
            return
        self._at = at_s
        self._ohm = resistance_ohm
        coding = coding_of(resistance_ohm)
        self._count = self._count + 1 if coding is self.last else 1
        self.last = coding
        if not is_plugged or self._count < SAMPLES:
            return
        if self.latched is None:
            if coding.value > 0:
                self.latched = coding
        else:
            self.has_changed = coding is not self.latched

    def plugged(self) -> None:
        """A vehicle was plugged in: begin the three samples anew."""
        self._count = 0
        self.latched = None
        self.has_changed = False

    def unplugged(self) -> None:
        self.latched = None
        self.has_changed = False

    @property
    def is_empty(self) -> bool:
        """There is no plug in the socket: enough samples say so."""
        return self.last is Coding.NONE and self._count >= SAMPLES

    @property
    def is_settling(self) -> bool:
        """More samples of the same resistance would change something."""
        if self._count >= SAMPLES:
            return False
        return self.latched is None or self.last is not self.latched or self.has_changed
