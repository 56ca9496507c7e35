"""Phase currents (and voltages) as direct voltages on a converter's channels (family phase_sense).

A current transformer with its burden, or a voltage divider, behind a rectifier with smoothing or an RMS-to-DC converter gives one
steady voltage a phase. One channel is taken a pass, in turn, so that a converter of its own holds up no pass for long; on the pilot's
converter the channels share its spare time.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import DeviceSilent, ImplausibleReading, PhaseReading, setting
from drivers.bus import Buses

_BELOW_ZERO_V = 0.1  # a rectified signal is not negative: more than this is a wiring mistake


class RmsPhaseSense:
    """Implements `controller.hal.PhaseSense`."""

    @dataclass(frozen=True)
    class Settings:
        adc: str = setting("Name of the converter.")
        current_channels: tuple[int, ...] = setting("Channels of the phase currents, L1 first.", low=0, high=7)
        amps_per_volt: float = setting("Current for one volt at the converter.", low=0.1, high=1000, unit="A/V")
        zero_v: float = setting("What the converter sees without current.", default=0.0, low=0, high=3, unit="V")
        voltage_channels: tuple[int, ...] = setting(
            "Channels of the phase voltages, L1 first.", default=(), low=0, high=7
        )
        volts_per_volt: float = setting(
            "Mains volts for one volt at the converter.", default=100.0, low=1, high=1000, unit="V/V"
        )

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._device = f"phase sense of {where}"
        self._adc = buses.adc(settings.adc, where)
        self._turns = [*settings.current_channels, *settings.voltage_channels]
        for channel in self._turns:
            self._adc.follow(channel, f"{where} channel {channel}")
        self._turn = 0
        self._taken: dict[int, tuple[float, float]] = {}  # channel: volts, when

    def read(self) -> PhaseReading:
        channel = self._turns[self._turn]
        self._turn = (self._turn + 1) % len(self._turns)
        sample = self._adc.latest(channel)
        if sample is not None:
            if sample.volts < self._settings.zero_v - _BELOW_ZERO_V:
                self._taken.pop(channel, None)
                raise ImplausibleReading(
                    self._device,
                    f"channel {channel} is at {sample.volts:.3f} V, below its zero",
                    "check the rectifier's polarity and `zero_v`",
                )
            self._taken[channel] = (sample.volts, sample.at_s)
        if len(self._taken) < len(self._turns):
            raise DeviceSilent(self._device, "has not sampled every channel yet")
        settings = self._settings
        return PhaseReading(
            tuple(self._of(each, settings.amps_per_volt, settings.zero_v) for each in settings.current_channels),
            tuple(self._of(each, settings.volts_per_volt, 0.0) for each in settings.voltage_channels),
            min(at_s for _, at_s in self._taken.values()),
        )

    def _of(self, channel: int, scale: float, zero_v: float) -> float:
        return max(0.0, (self._taken[channel][0] - zero_v) * scale)
