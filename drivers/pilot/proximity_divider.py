"""The proximity resistor of a socket outlet, as the lower half of a divider on a converter's channel (family proximity)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from controller.hal import DeviceSilent, ProximityReading, setting
from drivers.bus import Buses

_OPEN_ABOVE = 0.98  # of the supply: no plug


class ProximityDivider:
    """Reads PP to PE; the channel takes turns with others of its converter."""

    @dataclass(frozen=True)
    class Settings:
        adc: str = setting("Name of the converter.")
        channel: int = setting("Channel of the proximity contact.", low=0, high=3)
        pull_up_ohm: float = setting(
            "Resistor from the supply to the contact.", default=1000.0, low=100, high=10000, unit="ohm"
        )
        supply_v: float = setting("Supply of the divider.", default=3.3, low=1.8, high=5.5, unit="V")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._where = where
        self._adc = buses.adc(settings.adc, where)
        self._adc.follow(settings.channel, f"{where} channel")

    def read(self) -> ProximityReading:
        sample = self._adc.latest(self._settings.channel)
        if sample is None:
            raise DeviceSilent(f"proximity contact of {self._where}", "has not been sampled yet")
        return ProximityReading(self._resistance_ohm(sample.volts), sample.at_s)

    def _resistance_ohm(self, volts: float) -> float:
        supply_v = self._settings.supply_v
        if volts >= supply_v * _OPEN_ABOVE:
            return math.inf
        return max(0.0, volts) * self._settings.pull_up_ohm / (supply_v - max(0.0, volts))
