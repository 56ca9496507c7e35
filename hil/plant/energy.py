"""Energy as the exact integral of a power that changes in steps."""

from __future__ import annotations

import math


class EnergyIntegral:
    """Wh since the beginning. What is added between two steps does not depend on how often anybody looked."""

    def __init__(self, start_wh: float, now: float) -> None:
        self._base_wh = start_wh
        self._since_s = now
        self.power_w = 0.0

    def at(self, now: float) -> float:
        return self._base_wh + self.power_w * (now - self._since_s) / 3600.0

    def set_power(self, power_w: float, now: float) -> None:
        if power_w != self.power_w:
            self._base_wh = self.at(now)
            self._since_s = now
            self.power_w = power_w

    def reaches(self, energy_wh: float) -> float:
        """Return when the integral will be `energy_wh` if the power stays; inf if never."""
        if self.power_w <= 0.0:
            return math.inf
        return self._since_s + max(0.0, energy_wh - self._base_wh) * 3600.0 / self.power_w
