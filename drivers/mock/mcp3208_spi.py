"""An MCP3208 or MCP3008 on an SPI bus, bit by bit: what is clocked in decides what it shifts out.

Sources: Microchip DS21298 figure 5-1, DS21295 figure 5-1 (unverified): after the first 1 come the single-ended bit and three of the channel;
one clock later a null bit, then the result, most significant bit first. Before and after that it shifts zeros.
"""

from __future__ import annotations

from collections.abc import Callable


class Mcp3x08:
    """volts: at the channel, at a time. bits: 12 or 10. sample_s: from one frame of a burst to the next. now: advanced by each."""

    def __init__(
        self,
        volts: Callable[[int, float], float],
        bits: int = 12,
        reference_v: float = 3.3,
        sample_s: float = 1 / 23_700,
    ) -> None:
        self._volts = volts
        self._bits = bits
        self._reference_v = reference_v
        self._sample_s = sample_s
        self.now = 0.0
        self.is_broken = False

    def write(self, data: bytes) -> None:
        raise OSError("nobody only writes to a converter")

    def burst(self, frame: bytes, times: int) -> bytes:
        if self.is_broken:
            raise OSError(5, "Input/output error")
        answers = b""
        for _ in range(times):
            answers += self._exchange(frame)
            self.now += self._sample_s
        return answers

    def close(self) -> None:
        self.is_broken = True

    def _exchange(self, frame: bytes) -> bytes:
        asked = f"{int.from_bytes(frame, 'big'):0{8 * len(frame)}b}"
        start = asked.find("1")
        if start < 0 or asked[start + 1] != "1":
            return bytes(len(frame))  # not asked, or asked for a difference, which nobody wired
        channel = int(asked[start + 2 : start + 5], 2)
        steps = 1 << self._bits
        value = min(steps - 1, max(0, int(self._volts(channel, self.now) / self._reference_v * steps)))
        shifted = "0" * (start + 7) + f"{value:0{self._bits}b}"
        return int(shifted[: len(asked)].ljust(len(asked), "0"), 2).to_bytes(len(frame), "big")
