"""A thermistor as the lower half of a divider on a converter's channel (family temperature)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from controller.hal import DeviceSilent, ImplausibleReading, TemperatureReading, setting
from drivers.bus import Buses

_ZERO_C_K = 273.15
_OPEN_ABOVE = 0.995  # of the supply: a broken wire
_SHORT_BELOW = 0.005


class Ntc:
    """Reads degC by the beta equation; the channel takes turns with others of its converter."""

    @dataclass(frozen=True)
    class Settings:
        adc: str = setting("Name of the converter.")
        channel: int = setting("Channel of the thermistor.", low=0, high=3)
        pull_up_ohm: float = setting(
            "Resistor from the supply to the thermistor.", default=10000.0, low=100, high=1000000, unit="ohm"
        )
        supply_v: float = setting("Supply of the divider.", default=3.3, low=1.8, high=5.5, unit="V")
        nominal_ohm: float = setting(
            "The thermistor's resistance at 25 degC.", default=10000.0, low=100, high=1000000, unit="ohm"
        )
        beta_k: float = setting("The thermistor's B value.", default=3950.0, low=2000, high=6000, unit="K")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._device = f"temperature sensor of {where}"
        self._adc = buses.adc(settings.adc, where)
        self._adc.follow(settings.channel, f"{where} channel")

    def read(self) -> TemperatureReading:
        sample = self._adc.latest(self._settings.channel)
        if sample is None:
            raise DeviceSilent(self._device, "has not been sampled yet")
        share = sample.volts / self._settings.supply_v
        if not _SHORT_BELOW < share < _OPEN_ABOVE:
            what = "a short" if share <= _SHORT_BELOW else "a broken wire"
            raise ImplausibleReading(self._device, f"{sample.volts:.3f} V looks like {what}")
        return TemperatureReading(self._temperature_c(share), sample.at_s)

    def _temperature_c(self, share: float) -> float:
        settings = self._settings
        ohms = settings.pull_up_ohm * share / (1.0 - share)
        reciprocal = 1.0 / (25.0 + _ZERO_C_K) + math.log(ohms / settings.nominal_ohm) / settings.beta_k
        return 1.0 / reciprocal - _ZERO_C_K
