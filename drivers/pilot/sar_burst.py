"""The pilot by a SAR converter (MCP3208, MCP3008) that is read in bursts over SPI (family pilot_sense).

Each pass takes one burst of some four PWM periods in one call of the kernel: 95 samples at about 24 kSPS are 4 ms, in which the kernel
clocks and this process sleeps. No hold circuit is needed, and a PWM that stopped is seen at once, as a line that is steady; so is one with another
duty than the driven one.
With few hits on a short plateau this front end is for duties of 10 to 85 %: the board file's limit is 51 A.

Sources: Microchip DS21298 (MCP3204/3208), DS21295 (MCP3004/3008), include/uapi/linux/spi/spidev.h (unverified).
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import DeviceGone, ImplausibleReading, PilotReading, setting
from drivers.bus import Buses
from drivers.pilot.plateaus import NoPlateau, plateaus_of

_BYTES = 3


@dataclass(frozen=True, slots=True)
class Chip:
    """bits: of a result. shift: zeros behind start bit, single-ended bit and channel, so that the result ends with the third byte."""

    bits: int
    shift: int

    def command(self, channel: int) -> bytes:
        """Return the three bytes that ask for a single-ended channel."""
        return ((0b11000 | channel) << self.shift).to_bytes(_BYTES, "big")

    def value(self, answer: bytes) -> int:
        return (answer[1] << 8 | answer[2]) & (1 << self.bits) - 1


CHIPS = {"mcp3208": Chip(12, 14), "mcp3008": Chip(10, 12)}


class SarBurst:
    """Implements `controller.hal.PilotSense`."""

    @dataclass(frozen=True)
    class Settings:
        chip: str = setting("Kind of converter.", default="mcp3208", choices=tuple(CHIPS))
        bus: str = setting("Name of the SPI bus.", default="spi")
        channel: int = setting("Channel of the pilot, after its divider.", low=0, high=7)
        speed_hz: int = setting("Clock of the bus.", default=1_000_000, low=500_000, high=2_000_000, unit="Hz")
        samples: int = setting("Samples in a burst, odd.", default=95, low=47, high=159)
        reference_v: float = setting("Reference of the converter.", default=3.3, low=2.0, high=5.5, unit="V")
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
        self._chip = CHIPS[settings.chip]
        self._device = f"{settings.chip.upper()} of {where}"
        self._monotonic = buses.monotonic
        self._spi = buses.spi(settings.bus, where, settings.speed_hz)
        self._command = self._chip.command(settings.channel)
        self._volts_per_bit = settings.reference_v / (1 << self._chip.bits)

    def begin(self) -> None:
        """Nothing to start: the burst is one call."""

    def collect(self) -> PilotReading:
        """Take a burst. Raises DeviceGone, ImplausibleReading for what is no pilot."""
        begun = self._monotonic()
        try:
            answers = self._spi.burst(self._command, self._settings.samples)
        except OSError as error:
            hint = "check SCLK, MOSI, MISO, CE and the converter's supply"
            raise DeviceGone(self._device, f"does not answer: {error}", hint) from error
        raw = [self._chip.value(answers[at : at + _BYTES]) for at in range(0, len(answers), _BYTES)]
        top = (1 << self._chip.bits) - 1
        if all(value == 0 for value in raw) or all(value == top for value in raw):
            hint = "MISO is open or shorted, or the converter has no supply"
            raise ImplausibleReading(self._device, f"every sample is {raw[0]}", hint)
        try:
            found = plateaus_of([self._pilot_v(value) for value in raw])
        except NoPlateau as error:
            raise ImplausibleReading(
                self._device, str(error), "the pilot driver's edges, the divider, a wire that floats"
            ) from error
        return PilotReading(found.high_v, begun, found.low_v, begun, found.duty_pct)

    def _pilot_v(self, raw: int) -> float:
        return raw * self._volts_per_bit * self._settings.scale - self._settings.offset_v
