"""A character display: PCF8574 expander, HD44780 controller and glass, by their data sheets.

Sources: NXP PCF8574 (each byte after the address goes to the port with its acknowledge); Hitachi HD44780U: table 6 (instructions and their
times), figure 24 (4-bit initialisation), figure 25 (write timing: RS before E rises, data while E falls), ROM A00; all unverified.
Backpack wiring: P0 RS, P1 RW, P2 E, P3 backlight, P4-P7 D4-D7.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

_ROM_A00 = {0xE1: "ä", 0xEF: "ö", 0xF5: "ü", 0xE2: "ß", 0xDF: "°", 0x5C: "¥", 0x7E: "→"}
_PLAIN_S, _LONG_S = 37e-6, 1.52e-3
_AFTER_POWER_S = 0.040  # until the first instruction, from 2.7 V


class Hd44780Peer:
    """On a bus that sends a byte in byte_s of `clock`'s time. mistakes: what a real one would have got wrong."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None], address: int, columns: int) -> None:
        self._clock, self._sleep = clock, sleep
        self.address, self._columns = address, columns
        self.byte_s = 9 / 400_000
        self.is_there = True
        self.mistakes: list[str] = []
        self.power_on()

    def power_on(self) -> None:
        self._port = 0xFF
        self._four_bits = False
        self._high: int | None = None
        self._memory = [0x20] * 0x80
        self._at = 0
        self._step = 1
        self._settings = 0
        self.is_on = False
        self.light = True
        self._busy_until = self._clock() + _AFTER_POWER_S

    def lines(self, rows: int) -> list[str]:
        """Return what is on the glass; nothing while the display is off."""
        starts = [0x00, 0x40, self._columns, 0x40 + self._columns][:rows]
        text = [[_ROM_A00.get(code, chr(code)) for code in self._memory[s : s + self._columns]] for s in starts]
        return ["".join(each) if self.is_on else "" for each in text]

    # --- the bus, as smbus2 shows it

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        if not self.is_there or i2c_addr != self.address:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        if len(data) > 32:
            raise ValueError("an SMBus block has 32 bytes at most")
        self._sleep(self.byte_s)  # the address
        for value in (register, *data):
            self._sleep(self.byte_s)
            self._set_port(value)

    def read_word_data(self, i2c_addr: int, register: int) -> int:
        raise AssertionError("nobody reads a display")

    def write_word_data(self, i2c_addr: int, register: int, value: int) -> None:
        raise AssertionError("a display is written in blocks")

    def close(self) -> None:
        self.is_there = False

    # --- the controller

    def _set_port(self, value: int) -> None:
        before, self._port = self._port, value
        self.light = bool(value & 8)
        rises, falls = value & 4 and not before & 4, before & 4 and not value & 4
        if rises and (before ^ value) & 3:
            self.mistakes.append("RS or RW changed as E rose")
        if falls and not before & 2:  # with RW high, as after power-on, it is a read
            if (before ^ value) & 0xF3:
                self.mistakes.append("data or RS changed as E fell")
            self._latch(before >> 4, bool(before & 1))

    def _latch(self, four: int, is_data: bool) -> None:
        if self._high is None and self._clock() < self._busy_until:
            self.mistakes.append(f"written {self._busy_until - self._clock():.6f} s before it was ready")
        if not self._four_bits:
            self._execute(four << 4, is_data)
        elif self._high is None:
            self._high = four
        else:
            value, self._high = self._high << 4 | four, None
            self._execute(value, is_data)

    def _execute(self, value: int, is_data: bool) -> None:
        took = _PLAIN_S
        if is_data:
            self._memory[self._at] = value
            self._at = (self._at + self._step) & 0x7F
        elif value & 0x80:
            self._at = value & 0x7F
        elif value & 0x40:
            self.mistakes.append("the character generator is not used")
        elif value & 0x20:
            self._four_bits = not value & 0x10
            self._settings = value
            if not self._four_bits:
                took = 4.1e-3  # figure 24: after the first of three
        elif value & 0x08:
            self.is_on = bool(value & 4)
            if self._settings & 0x18 != 0x08:
                self.mistakes.append("not set to two lines and four bits")
        elif value & 0x04:
            self._step = 1 if value & 2 else -1
        elif value & 0x01:
            self._memory = [0x20] * 0x80
            self._at = 0
            took = _LONG_S
        self._busy_until = self._clock() + took
