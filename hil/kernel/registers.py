"""What the silicon would do behind the kernel's drivers: a GPIO chip, a PWM chip and a converter, register by register.

The first two are words in memory that the kernel took for a chip's; the converter is the register file of the kernel's
i2c-stub, which remembers what is written and does nothing by itself. `sample`, `take_over` and `serve` are called about every millisecond.

Sources: the kernel's drivers gpio-amdpt, pwm-lpss and Documentation/i2c/i2c-stub.rst.
"""

from __future__ import annotations

import math
from typing import Protocol

from drivers.mock.ads1115 import CONFIG, CONVERSION, POWER_ON_CONFIG, MockAds1115
from drivers.mock.pages import AnalogPage, GpioPage, Pull
from drivers.mock.pwm_directory import PERIOD_NS, Refusal, Wave

# gpio-amdpt, in words of four bytes. One bit for each line.
_DIRECTION, _INPUT, _OUTPUT = 0, 1, 2
LINES = 24

# pwm-lpss: one word for each channel.
PWM_CHANNELS = 4
_WORDS_PER_CHANNEL = 0x400 // 4
_ENABLE, _UPDATE = 1 << 31, 1 << 30
_BASE_UNIT_BITS, _CLOCK_HZ = 22, 19_200_000
_STEPS = 255
_TOLERANCE = 0.02  # 1 kHz ±2 %

_OS = 0x8000
_CONVERSION_S = 0.0013  # the chip's own, at 860 samples a second and 5 % slow; the driver waits a little less


class Words(Protocol):
    """Mapped memory, four bytes at a time."""

    def __getitem__(self, index: int, /) -> int: ...
    def __setitem__(self, index: int, value: int, /) -> None: ...


class GpioRegisters:
    """Carries levels between the chip's registers and a page of the mock bench, whose other side is the plant."""

    def __init__(self, words: Words, page: GpioPage) -> None:
        self._words = words
        self._page = page
        self._driven = 0
        self._outputs = 0

    def sample(self) -> None:
        """Put on the page what the kernel's driver drives, and into the registers what the plant drives."""
        outputs = self._words[_DIRECTION]
        driven = self._words[_OUTPUT] & outputs
        changed = (driven ^ self._driven) | (outputs ^ self._outputs)
        self._driven, self._outputs = driven, outputs
        levels = 0
        for line in range(LINES):
            if changed >> line & 1:
                self._page.write(line, bool(driven >> line & 1), bool(outputs >> line & 1), Pull.NONE)
            if not outputs >> line & 1:
                levels |= self._page.read(line) << line
        self._words[_INPUT] = levels


def take_over(words: Words) -> None:
    """Do what the PWM chip does at the end of a period: a new setting is in force, and its update bit is clear again."""
    for channel in range(PWM_CHANNELS):
        word = words[channel * _WORDS_PER_CHANNEL]
        if word & _UPDATE:
            words[channel * _WORDS_PER_CHANNEL] = word & ~_UPDATE


class PwmRegisters:
    """What the PWM chip's pins do. Takes the place of a PWM directory."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._last: list[tuple[float | None, bool]] = [(None, False)] * PWM_CHANNELS
        self.refusals: list[Refusal] = []  # the kernel refuses by itself, with an error

    def poll(self, now: float) -> list[Wave]:
        waves = []
        for channel in range(PWM_CHANNELS):
            wave = wave_of(self._words[channel * _WORDS_PER_CHANNEL])
            if wave != self._last[channel]:
                self._last[channel] = wave
                waves.append(Wave(channel, *wave, now))
        return waves

    def reset(self) -> None:
        """The registers are the kernel's: nothing to do."""

    def close(self) -> None:
        pass


def wave_of(word: int) -> tuple[float | None, bool]:
    """Return what a channel's pin does: duty in percent or None, and the steady level."""
    base_unit = word >> 8 & (1 << _BASE_UNIT_BITS) - 1
    if not word & _ENABLE or not base_unit:
        return None, False
    period_ns = 1e9 * (1 << _BASE_UNIT_BITS) / (base_unit * _CLOCK_HZ)
    if not math.isclose(period_ns, PERIOD_NS, rel_tol=_TOLERANCE):
        return None, False
    high = _STEPS - (word & 0xFF)
    return (None, high == _STEPS) if high in (0, _STEPS) else (100.0 * high / _STEPS, False)


class StubBus(Protocol):
    """The part of smbus2's SMBus that the converter's player uses."""

    def read_word_data(self, i2c_addr: int, register: int) -> int: ...
    def write_word_data(self, i2c_addr: int, register: int, value: int) -> None: ...


class StubAds1115:
    """Plays the converter of the analogue page in a stub's register file.

    A stub answers at once what was written, so the chip never shows itself busy: the result must be there when the driver
    comes for it, 1.3 ms after it started a conversion. late: how often that could not be kept, and longest_gap_s how badly.
    """

    def __init__(self, bus: StubBus, address: int, page: AnalogPage) -> None:
        self._bus = bus
        self._address = address
        self._now = 0.0
        self._chip = MockAds1115(page, page.chip(address) or 0, lambda: self._now)
        self._shown = -1
        self._served_at: float | None = None
        self.longest_gap_s = 0.0
        self.late = 0
        bus.write_word_data(address, CONFIG, swapped(POWER_ON_CONFIG))

    def serve(self, now: float) -> None:
        """Show the result of the channel that is chosen now. Raises OSError."""
        if self._served_at is not None:
            self.longest_gap_s = max(self.longest_gap_s, now - self._served_at)
            self.late += now - self._served_at > _CONVERSION_S
        self._served_at = now
        config = swapped(self._bus.read_word_data(self._address, CONFIG))
        self._now = now - _CONVERSION_S
        self._chip.write(CONFIG, config | _OS)
        self._now = now
        result = self._chip.read(CONVERSION)
        if result != self._shown:
            self._bus.write_word_data(self._address, CONVERSION, swapped(result))
            self._shown = result


def swapped(word: int) -> int:
    """The chip sends the high byte first, SMBus has the low byte first."""
    return (word & 0xFF) << 8 | word >> 8
