"""Whether what a board reads in every pass of the safety loop fits its period. Nothing is opened.

The loop has one thread. Converters that a held pilot leads convert beside each other, each one's conversions in series. A burst, and a
conversion on a chip that no pilot leads, hold up everything. Sources: TI SBAS444, SBAS473, Microchip DS21298 (unverified); rates: `drivers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.config.reader import shown

if TYPE_CHECKING:
    from controller.config.board import DeviceSection

# One conversion: the 10 % of the chip's oscillator and its wake-up are in it. Its three word calls, at 100 kHz.
CONVERSION_MS: Mapping[str, float] = {"ads1115": 1000 / 860 * 1.1 + 0.025, "ads1015": 1000 / 3300 * 1.1 + 0.025}
TRANSFER_MS = (38 + 47 + 47) / 100
# A sample of a burst: three bytes, and what the kernel needs between two. 95 samples at 1 MHz are 4 ms.
SAMPLE_BITS, SAMPLE_GAP_MS = 24, 0.018
LOOP_SHARE = 0.75  # of a period that reading may take; the rest is for the program


@dataclass(frozen=True, slots=True)
class _Chip:
    """A converter on an I2C bus of the kernel. pilots: those that lead it. users: what else reads it."""

    adc: DeviceSection
    pilots: list[DeviceSection]
    users: list[DeviceSection]

    @property
    def once_ms(self) -> float:
        return CONVERSION_MS[self.adc.type]

    @property
    def conversions(self) -> int:
        """In a pass. Of the channels that take turns behind a pilot one is converted: it has at least its low plateau."""
        return len(self.pilots) + 1 if self.pilots else len(self.users)

    @property
    def series_ms(self) -> float:
        return self.conversions * (self.once_ms + TRANSFER_MS)


def check_pass_time(devices: list[DeviceSection], period_ms: int) -> Iterator[str]:
    """Yield a mistake for what does not fit."""
    limit_ms = LOOP_SHARE * period_ms
    chips = _chips(devices)
    led = [chip for chip in chips if chip.pilots]
    slow = [chip for chip in led if chip.series_ms > limit_ms]
    for chip in slow:
        hint = "give each a converter of its own" if len(chip.pilots) > 1 else _longer(chip.series_ms)
        yield (
            f"{chip.pilots[-1].where} adc = {shown(chip.adc.name)}: {chip.conversions} conversions in series take "
            f"{chip.series_ms:.1f} ms of a period of {period_ms}, at most {limit_ms:.1f}; {hint}"
        )
    bursts = [each for each in devices if each.family == "pilot_sense" and each.type == "sar_burst"]
    burst_ms = sum(burst_time_ms(each) for each in bursts)
    alone_ms = sum(chip.series_ms for chip in chips if not chip.pilots)
    led_ms = sum(chip.conversions for chip in led) * TRANSFER_MS + max((chip.once_ms for chip in led), default=0.0)
    whole_ms = burst_ms + alone_ms + led_ms
    if slow or whole_ms <= limit_ms:
        return
    rule = f"of a period of {period_ms}, at most {limit_ms:.1f}; {_longer(whole_ms)}"
    if bursts:
        parts = f"bursts {burst_ms:.1f}, conversions {alone_ms + led_ms:.1f}"
        yield f"{bursts[-1].where} samples = {bursts[-1].settings.samples}: a pass reads for {whole_ms:.1f} ms ({parts}) {rule}"
    else:
        last = chips[-1].adc
        yield f"{last.where} bus = {shown(last.settings.bus)}: its converters take {whole_ms:.1f} ms {rule}"


def burst_time_ms(sense: DeviceSection) -> float:
    settings = sense.settings
    return float(settings.samples * (SAMPLE_BITS / settings.speed_hz * 1000 + SAMPLE_GAP_MS))


def _chips(devices: list[DeviceSection]) -> list[_Chip]:
    buses = {each.name for each in devices if each.family == "bus" and each.type == "smbus"}
    found = []
    for adc in (each for each in devices if each.family == "adc" and each.type in CONVERSION_MS):
        if adc.settings.bus in buses:
            users = [each for each in devices if getattr(each.settings, "adc", None) == adc.name]
            pilots = [each for each in users if each.family == "pilot_sense"]
            found.append(_Chip(adc, pilots, users))
    return found


def _longer(needed_ms: float) -> str:
    return f"period_ms = {-int(-needed_ms / LOOP_SHARE // 1)} in [board]"
