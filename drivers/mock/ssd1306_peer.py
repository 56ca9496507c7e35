"""An SSD1306 with its glass, by the data sheet: commands, horizontal addressing, display memory.

Source: Solomon Systech SSD1306 rev. 1.1: section 8.1.5 (I2C: a control byte, then commands or data), table 9 (commands and their
arguments), section 10.1.3 (addressing); the charge pump by the application note (0x8D 0x14 before 0xAF); all unverified.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Sequence

# Commands that have arguments, and how many. All others of those that exist have none.
_ARGUMENTS = {0x20: 1, 0x21: 2, 0x22: 2, 0x81: 1, 0x8D: 1, 0xA8: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1}
_BARE = {*range(0x40, 0x80), 0xA0, 0xA1, 0xA4, 0xA5, 0xA6, 0xA7, 0xAE, 0xAF, 0xC0, 0xC8, 0xE3}


class Ssd1306Peer:
    """height: rows of dots of the glass. mistakes: what the chip does not know, or a panel would not show."""

    def __init__(self, address: int, height: int) -> None:
        self.address, self._height = address, height
        self.is_there = True
        self.mistakes: list[str] = []
        self.transfers = 0
        self.power_on()

    def power_on(self) -> None:
        dice = random.Random(1306)  # its memory holds anything
        self._memory = [[dice.randrange(256) for _ in range(128)] for _ in range(8)]
        self.is_on = False
        self._values: dict[int, tuple[int, ...]] = {0x20: (2,), 0x21: (0, 127), 0x22: (0, 7), 0x8D: (0x10,)}
        self._flags: set[int] = set()
        self._column = self._page = 0

    def dots(self) -> list[str]:
        """Return the glass as rows of # and space, seen with the connector above; all dark while it is off."""
        rows = []
        for y in range(self._height):
            lit = [self._memory[y // 8][x] >> y % 8 & 1 and self.is_on for x in range(128)]
            rows.append("".join("#" if each else " " for each in lit))
        return rows

    # --- the bus, as smbus2 shows it

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        if not self.is_there or i2c_addr != self.address:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        if len(data) > 32:
            raise ValueError("an SMBus block has 32 bytes at most")
        self.transfers += 1
        if register == 0x40:
            for value in data:
                self._put(value)
        elif register == 0x00:
            self._command(list(data))
        else:
            self.mistakes.append(f"control byte 0x{register:02x}")

    def read_word_data(self, i2c_addr: int, register: int) -> int:
        raise AssertionError("nobody reads a display")

    def write_word_data(self, i2c_addr: int, register: int, value: int) -> None:
        raise AssertionError("a display is written in blocks")

    def close(self) -> None:
        self.is_there = False

    def _command(self, waiting: list[int]) -> None:
        while waiting:
            command = waiting.pop(0)
            count = _ARGUMENTS.get(command, 0)
            if (command not in _ARGUMENTS and command not in _BARE) or len(waiting) < count:
                self.mistakes.append(f"command 0x{command:02x} with {len(waiting)} bytes after it")
                return
            arguments, waiting = tuple(waiting[:count]), waiting[count:]
            self._obey(command, arguments)

    def _obey(self, command: int, arguments: tuple[int, ...]) -> None:
        if arguments:
            self._values[command] = arguments
        else:
            self._flags.add(command)
        if command == 0x21:
            self._column = arguments[0]
        elif command == 0x22:
            self._page = arguments[0]
        elif command == 0xAE:
            self.is_on = False
        elif command == 0xAF:
            self._judge()
            self.is_on = True

    def _judge(self) -> None:
        if self._values[0x8D] != (0x14,):
            self.mistakes.append("the charge pump is off: nothing lights up")
        if self._values.get(0xA8) != (self._height - 1,):
            self.mistakes.append("another number of rows than the glass has")
        if self._values.get(0xDA) != ((0x12,) if self._height == 64 else (0x02,)):
            self.mistakes.append("rows wired otherwise")
        if not {0xA1, 0xC8, 0xA4, 0xA6} <= self._flags:
            self.mistakes.append("mirrored, inverted or all on")

    def _put(self, value: int) -> None:
        if self._values[0x20] != (0,):
            self.mistakes.append("not addressed horizontally")
        self._memory[self._page & 7][self._column & 127] = value
        (first, last), (top, bottom) = self._values[0x21], self._values[0x22]
        self._column += 1
        if self._column > last:
            self._column = first
            self._page = top if self._page >= bottom else self._page + 1
