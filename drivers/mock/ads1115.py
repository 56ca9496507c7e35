"""A register-level ADS1115 on the analogue page, as seen through SMBus word calls.

Source: SBAS444 (unverified): registers 0 conversion, 1 config (0x8583 after power-on), 2 and 3 thresholds. The chip sends the
high byte first while SMBus words are low byte first, so a word arrives byte-swapped. In single-shot mode writing OS=1
starts a conversion with the written multiplexer, gain and rate; OS reads 0 until it is done, and a start during one is
ignored. The converter averages over the whole conversion. Its oscillator may be 10 % off: this one is 5 % slow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.mock.pages import AnalogPage

CONVERSION, CONFIG, LOW_THRESHOLD, HIGH_THRESHOLD = range(4)
POWER_ON_CONFIG = 0x8583
SUPPLY_V = 3.3

_OS = 0x8000
_SINGLE_SHOT = 0x0100
_FULL_SCALE_V = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256)
_SAMPLES_PER_S = (8, 16, 32, 64, 128, 250, 475, 860)
_WAKE_UP_S = 25e-6
_SLOWNESS = 1.05
_PAIRS: tuple[tuple[int, int | None], ...] = (
    (0, 1),
    (0, 3),
    (1, 3),
    (2, 3),
    (0, None),
    (1, None),
    (2, None),
    (3, None),
)


@dataclass(frozen=True, slots=True)
class _Conversion:
    config: int
    begin_s: float
    end_s: float


class MockAds1115:
    """One converter. monotonic: the clock its conversions take their time by."""

    def __init__(self, page: AnalogPage, chip: int, monotonic: Callable[[], float]) -> None:
        self._page = page
        self._chip = chip
        self._monotonic = monotonic
        self._config = POWER_ON_CONFIG
        self._thresholds = {LOW_THRESHOLD: 0x8000, HIGH_THRESHOLD: 0x7FFF}
        self._result = 0
        self._running: _Conversion | None = None

    def read(self, register: int) -> int:
        """Return a register as the chip holds it (big-endian meaning)."""
        self._finish()
        if register == CONVERSION:
            return self._result
        if register == CONFIG:
            busy = self._running is not None and bool(self._config & _SINGLE_SHOT)
            return self._config & ~_OS | (0 if busy else _OS)
        return self._thresholds[register]

    def write(self, register: int, value: int) -> None:
        self._finish()
        if register == CONFIG:
            self._configure(value)
        elif register != CONVERSION:
            self._thresholds[register] = value

    def _configure(self, value: int) -> None:
        was_continuous = not self._config & _SINGLE_SHOT
        self._config = value & ~_OS
        if not value & _SINGLE_SHOT:
            self._start(value)
        elif was_continuous:
            self._running = None
            if value & _OS:
                self._start(value)
        elif value & _OS and self._running is None:
            self._start(value)

    def _start(self, config: int) -> None:
        begin = self._monotonic() + _WAKE_UP_S
        self._running = _Conversion(config, begin, begin + self._period(config))

    @staticmethod
    def _period(config: int) -> float:
        return _SLOWNESS / _SAMPLES_PER_S[config >> 5 & 7]

    def _finish(self) -> None:
        running = self._running
        if running is None or self._monotonic() < running.end_s:
            return
        if running.config & _SINGLE_SHOT:
            self._running = None
        else:
            period = self._period(running.config)
            whole = int((self._monotonic() - running.end_s) / period) * period
            running = _Conversion(running.config, running.begin_s + whole, running.end_s + whole)
            self._running = _Conversion(running.config, running.end_s, running.end_s + period)
        self._result = self._measure(running)

    def _measure(self, conversion: _Conversion) -> int:
        plus, minus = _PAIRS[conversion.config >> 12 & 7]
        volts = self._pin_v(plus, conversion)
        if minus is not None:
            volts -= self._pin_v(minus, conversion)
        code = round(volts / _FULL_SCALE_V[conversion.config >> 9 & 7] * 32768)
        return max(-32768, min(32767, code)) & 0xFFFF

    def _pin_v(self, channel: int, conversion: _Conversion) -> float:
        volts = self._page.read_channel(self._chip, channel).mean(conversion.begin_s, conversion.end_s)
        return max(-0.3, min(SUPPLY_V + 0.3, volts))
