"""How warm the enclosure may get: from 65 degC on less current, at 71 none until it has cooled.

Rules
1. What counts follows a rise at once, and a fall only beyond 3 K: a limit that swings would only tease the vehicle.
2. From 65 to 71 degC the current falls in a straight line, in whole amperes, from the hardware's most to nothing.
3. A sensor without a reading for 10 s, or with one that no enclosure has, is lost: it is never taken for cold.
"""

from __future__ import annotations

DERATE_C = 65.0
STOP_C = 71.0
RESTORE_K = 3.0
CREDIBLE_C = (-40.0, 125.0)
LOST_S = 10.0
TOLERANCE_S = 1e-6


class Thermal:
    """One sensor. temperature_c: the last credible reading, None before the first and once the sensor is lost."""

    __slots__ = ("_at_s", "_counts_c", "is_lost", "temperature_c")

    def __init__(self, now: float) -> None:
        self._at_s = now
        self._counts_c = float("-inf")
        self.temperature_c: float | None = None
        self.is_lost = False

    def sampled(self, temperature_c: float, at_s: float, now: float) -> None:
        """Take the newest reading (the same one again only grows old)."""
        if at_s > self._at_s and CREDIBLE_C[0] <= temperature_c <= CREDIBLE_C[1]:
            self._at_s = at_s
            self.temperature_c = temperature_c
            self._counts_c = max(temperature_c, min(self._counts_c, temperature_c + RESTORE_K))
        self.is_lost = now >= self._at_s + LOST_S - TOLERANCE_S
        if self.is_lost:
            self.temperature_c = None

    @property
    def is_too_warm(self) -> bool:
        return self._counts_c >= STOP_C

    def limit_a(self, most_a: float) -> float:
        """Return what may be offered where the hardware could take `most_a`, amperes; inf while warmth limits nothing."""
        if self._counts_c < DERATE_C:
            return float("inf")
        return float(max(0.0, most_a * (STOP_C - self._counts_c) / (STOP_C - DERATE_C)) // 1)

    def deadline(self, now: float) -> float | None:
        """Return when the sensor is lost with an unchanged input; None while it gives readings."""
        return None if self._at_s >= now - TOLERANCE_S else self._at_s + LOST_S
