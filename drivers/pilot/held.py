"""Pilot plateaus from a track-and-hold or peak-hold front end on two channels of a converter (family pilot_sense)."""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import PilotReading, setting
from drivers.bus import Buses


class HeldPilot:
    """Reads the held high plateau on every pass and the low one in turn.

    A converter of the delta-sigma kind averages over a whole PWM period, so the plateaus must be held in hardware.
    """

    @dataclass(frozen=True)
    class Settings:
        adc: str = setting("Name of the converter.")
        high_channel: int = setting("Channel of the held high plateau.", low=0, high=3)
        low_channel: int = setting("Channel of the held low plateau.", low=0, high=3)
        scale: float = setting("Divider: pilot volts for one volt at the converter.", default=8.0, low=1, high=100)
        offset_v: float = setting(
            "Divider: what is subtracted; pilot = converter volts x scale - offset_v.",
            default=13.2,
            low=-50,
            high=50,
            unit="V",
        )

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._adc = buses.adc(settings.adc, where)
        self._adc.lead(settings.high_channel, f"{where} high_channel")
        self._adc.follow(settings.low_channel, f"{where} low_channel")

    def begin(self) -> None:
        self._adc.begin(self._settings.high_channel)

    def collect(self) -> PilotReading:
        high = self._adc.collect(self._settings.high_channel)
        low = self._adc.latest(self._settings.low_channel)
        if low is None:
            return PilotReading(self._pilot_v(high.volts), high.at_s, None, None)
        return PilotReading(self._pilot_v(high.volts), high.at_s, self._pilot_v(low.volts), low.at_s)

    def _pilot_v(self, adc_v: float) -> float:
        return adc_v * self._settings.scale - self._settings.offset_v
