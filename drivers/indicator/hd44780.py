"""A character display of the HD44780 kind behind a PCF8574 on I2C (family indicator).

The expander's bits are RS, RW, E, backlight, D4 to D7, as the common backpacks wire them. It takes a byte after the other of one
transfer, and a bit of I2C lasts so long (2.5 µs at 400 kHz) that a character is written before the next one comes. Sources: Hitachi
HD44780U data sheet, figure 24 (4-bit initialisation), table 6, character ROM A00; NXP PCF8574 data sheet, "Writing to the port"
(unverified).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.hal import DeviceGone, setting
from controller.logic.indication import Shown
from drivers.bus import Buses, I2cBus
from drivers.indicator.texts import LANGUAGES, Texts, lines_of, page_of

_RS, _E, _LIGHT = 0x01, 0x04, 0x08
_TRANSFER_BYTES = 32
_SETTLES_S = 0.005  # after power-on nibbles and after clearing: 4.1 and 1.52 ms
_POWER_UP_S = 0.050  # 40 ms from 2.7 V
_FUNCTION_4_BITS_2_LINES, _DISPLAY_OFF, _CLEAR, _ENTRY_RIGHT, _DISPLAY_ON = 0x28, 0x08, 0x01, 0x06, 0x0C
_SET_ADDRESS = 0x80
# Of ROM A00. It has no capital umlauts: the small one stands for it. Backslash and tilde are other characters there.
_CODES = {"ä": 0xE1, "ö": 0xEF, "ü": 0xF5, "ß": 0xE2, "Ä": 0xE1, "Ö": 0xEF, "Ü": 0xF5, "°": 0xDF, "\\": 0x2F, "~": 0x2D}


class Hd44780:
    """Writes the lines that have changed, a few ms of bus time each."""

    @dataclass(frozen=True)
    class Settings:
        bus: str = setting("Name of the I2C bus, not that of the pilot's converter.")
        address: int = setting(
            "Address: 0x20 to 0x27 (PCF8574) or 0x38 to 0x3F (PCF8574A).", default=0x27, low=0x20, high=0x3F
        )
        columns: int = setting("Characters in a line.", default=16, choices=(16, 20))
        rows: int = setting("Lines.", default=2, choices=(2, 4))
        language: str = setting("Language of the texts.", default="en", choices=LANGUAGES)

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._buses = buses
        self._where = where
        self._device = f"display at 0x{settings.address:02x} of {where}"
        self._texts = Texts(settings.language)
        self._starts = [0x00, 0x40, settings.columns, 0x40 + settings.columns][: settings.rows]
        self._written: list[str] | None = None  # None: it is to be initialised

    async def show(self, shown: Sequence[Shown], now: float) -> float | None:
        settings = self._settings
        if self._written is None:
            await self._initialise()
            self._written = [" " * settings.columns] * settings.rows
        page, due = page_of(shown, settings.rows, now)
        await self._write(lines_of(page, self._texts, settings.columns, settings.rows))
        return due

    async def close(self) -> None:
        if self._written is not None:
            self._send(_byte(_DISPLAY_OFF, light=0))

    async def _initialise(self) -> None:
        await asyncio.sleep(_POWER_UP_S)
        for _ in range(3):  # whatever half of a byte it was in
            self._send(_nibble(0x30))
            await asyncio.sleep(_SETTLES_S)
        self._send(_nibble(0x20))
        for command in (_FUNCTION_4_BITS_2_LINES, _DISPLAY_OFF, _CLEAR):
            self._send(_byte(command))
        await asyncio.sleep(_SETTLES_S)
        for command in (_ENTRY_RIGHT, _DISPLAY_ON):
            self._send(_byte(command))

    async def _write(self, lines: list[str]) -> None:
        written, self._written = self._written or [], None  # a failure half-way begins anew
        for row, line in enumerate(lines):
            if line == written[row]:
                continue
            port = _byte(_SET_ADDRESS | self._starts[row])
            for character in line:
                port += _byte(_code(character), _RS)
            for place in range(0, len(port), _TRANSFER_BYTES):
                self._send(port[place : place + _TRANSFER_BYTES])
                await asyncio.sleep(0)  # others get their turn
        self._written = lines

    def _send(self, port: Iterable[int]) -> None:
        """Put values on the expander's port, one after the other. Raises DeviceGone."""
        first, *rest = port
        bus: I2cBus = self._buses.i2c(self._settings.bus, self._where)
        try:
            bus.write_i2c_block_data(self._settings.address, first, rest)
        except OSError as error:
            self._written = None
            hint = "check SDA, SCL, supply and the address jumpers"
            raise DeviceGone(self._device, f"does not acknowledge: {error}", hint) from error


def _nibble(high: int, select: int = 0, light: int = _LIGHT) -> list[int]:
    """Return the port's values for four bits: what is selected is there before E rises, and the data until it has fallen."""
    value = high & 0xF0 | select | light
    return [value, value | _E, value]


def _byte(value: int, select: int = 0, light: int = _LIGHT) -> list[int]:
    return _nibble(value, select, light) + _nibble(value << 4 & 0xF0, select, light)


def _code(character: str) -> int:
    if character in _CODES:
        return _CODES[character]
    return ord(character) if " " <= character <= "}" else ord("?")
