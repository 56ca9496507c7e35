"""A strip of WS2812B LEDs that looks at the levels of its data line, and at nothing else.

Times of the Worldsemi WS2812B data sheet, "Data transfer time" (unverified): T0H 0.4, T1H 0.8, T0L 0.85, T1L 0.45 µs, each ±0.15;
a low of 280 µs (V5; 50 µs before) ends a frame. The first LED takes the first 24 bits (green, red, blue, high bit first), the next the next.
"""

from __future__ import annotations

from itertools import groupby

_T0H_US, _T1H_US = (0.25, 0.55), (0.65, 0.95)
_T0L_US, _T1L_US = (0.70, 1.00), (0.30, 0.60)
_RESET_US = 280.0


class Ws281xPeer:
    """count: LEDs. speed_hz: the clock of the SPI bus whose MOSI line this is."""

    def __init__(self, count: int) -> None:
        self.speed_hz = 0
        self.leds: list[tuple[int, int, int]] = [(0, 0, 0)] * count  # red, green, blue
        self.frames = 0
        self.mistakes: list[str] = []
        self.error: OSError | None = None

    def write(self, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        bit_us = 1e6 / self.speed_hz
        levels = [byte >> place & 1 for byte in data for place in range(7, -1, -1)]
        runs = [(level, sum(1 for _ in run) * bit_us) for level, run in groupby(levels)]
        if runs and runs[0][0] == 0:
            runs.pop(0)
        bits = []
        for (_, high_us), (_, low_us) in zip(runs[::2], runs[1::2], strict=False):
            bits.append(self._bit(high_us, low_us))
        if len(runs) % 2 or not runs or runs[-1][1] < _RESET_US:
            self.mistakes.append("no low of 280 µs at the end: nothing is shown")
            return
        self._show(bits)

    def close(self) -> None:
        self.error = OSError("closed")

    def _bit(self, high_us: float, low_us: float) -> int:
        one = _T1H_US[0] <= high_us <= _T1H_US[1]
        if not one and not _T0H_US[0] <= high_us <= _T0H_US[1]:
            self.mistakes.append(f"high for {high_us:.2f} µs")
        low = _T1L_US if one else _T0L_US
        if not low[0] <= low_us <= low[1] and low_us < _RESET_US:
            self.mistakes.append(f"low for {low_us:.2f} µs after a {int(one)}")
        return int(one)

    def _show(self, bits: list[int]) -> None:
        if len(bits) % 24:
            self.mistakes.append(f"{len(bits)} bits are not whole LEDs")
        for number in range(min(len(bits) // 24, len(self.leds))):
            taken = bits[24 * number : 24 * number + 24]
            green, red, blue = (int("".join(map(str, taken[p : p + 8])), 2) for p in (0, 8, 16))
            self.leds[number] = (red, green, blue)
        self.frames += 1
