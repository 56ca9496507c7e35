"""A graphic OLED display of 128 by 64 or 32 dots with an SSD1306, on I2C (family indicator).

Its memory is pages of eight rows of dots; a byte is a column of a page, the lowest bit on top. Source: Solomon Systech SSD1306 data sheet
rev. 1.1, sections 8.1.5 and 9, and the application note on its charge pump (unverified).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.hal import DeviceGone, setting
from controller.logic.indication import Shown
from drivers.bus import Buses, I2cBus
from drivers.indicator.font import GLYPHS
from drivers.indicator.texts import LANGUAGES, Texts, lines_of, page_of

_COMMANDS, _DATA = 0x00, 0x40  # control bytes
_TRANSFER_BYTES = 32
_WIDTH = 128
_GLYPH_WIDTH = 6  # with the gap
_COLUMNS = _WIDTH // _GLYPH_WIDTH
_OFF, _ON = 0xAE, 0xAF
_SET_COLUMNS, _SET_PAGES = 0x21, 0x22


def _setup(height: int) -> bytes:
    """Return what a panel wants after power-on, the display still off."""
    pins = 0x12 if height == 64 else 0x02
    return bytes(
        [
            _OFF, 0xD5, 0x80,  # clock
            0xA8, height - 1,  # rows that are driven
            0xD3, 0x00, 0x40,  # no offset, first line 0
            0x8D, 0x14,  # charge pump on
            0x20, 0x00,  # horizontal addressing
            0xA1, 0xC8,  # columns and rows from the other end: the connector is above
            0xDA, pins, 0x81, 0x8F,  # wiring of the rows, contrast
            0xD9, 0xF1, 0xDB, 0x40,  # pre-charge, deselect level
            0xA4, 0xA6,  # show the memory, not inverted
        ]
    )  # fmt: skip


class Ssd1306:
    """Lines of 21 characters, twice as high as wide: four of them, or two. Writes the pages that have changed."""

    @dataclass(frozen=True)
    class Settings:
        bus: str = setting("Name of the I2C bus, not that of the pilot's converter.")
        address: int = setting("Address on the bus, by the panel's SA0.", default=0x3C, low=0x3C, high=0x3D)
        height: int = setting("Rows of dots.", default=64, choices=(32, 64))
        language: str = setting("Language of the texts.", default="en", choices=LANGUAGES)

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._buses = buses
        self._where = where
        self._device = f"display at 0x{settings.address:02x} of {where}"
        self._texts = Texts(settings.language)
        self._rows = settings.height // 16
        self._written: list[bytes] | None = None  # pages; None: it is to be set up

    async def show(self, shown: Sequence[Shown], now: float) -> float | None:
        page, due = page_of(shown, self._rows, now)
        lines = lines_of(page, self._texts, _COLUMNS, self._rows)
        await self._write([half for line in lines for half in drawn(line)])
        return due

    async def close(self) -> None:
        if self._written is not None:
            self._send(_COMMANDS, [_OFF])

    async def _write(self, pages: list[bytes]) -> None:
        written, self._written = self._written, None  # a failure half-way begins anew
        if written is None:
            self._send(_COMMANDS, _setup(self._settings.height))
        for number, page in enumerate(pages):
            if written is not None and page == written[number]:
                continue
            self._send(_COMMANDS, [_SET_COLUMNS, 0, _WIDTH - 1, _SET_PAGES, number, number])
            for place in range(0, _WIDTH, _TRANSFER_BYTES):
                self._send(_DATA, page[place : place + _TRANSFER_BYTES])
                await asyncio.sleep(0)  # others get their turn
        if written is None:
            self._send(_COMMANDS, [_ON])  # not before its memory is ours
        self._written = pages

    def _send(self, control: int, content: Iterable[int]) -> None:
        """Raises DeviceGone."""
        bus: I2cBus = self._buses.i2c(self._settings.bus, self._where)
        try:
            bus.write_i2c_block_data(self._settings.address, control, list(content))
        except OSError as error:
            hint = "check SDA, SCL, supply and the address"
            raise DeviceGone(self._device, f"does not acknowledge: {error}", hint) from error


def drawn(line: str) -> tuple[bytes, bytes]:
    """Return the two pages of a line: every glyph stretched to twice its height."""
    columns = b"".join(GLYPHS.get(character, GLYPHS["?"]) + b"\0" for character in line).ljust(_WIDTH, b"\0")
    return bytes(_stretched(each & 0xF) for each in columns), bytes(_stretched(each >> 4) for each in columns)


def _stretched(four: int) -> int:
    return sum((four >> bit & 1) * 0b11 << 2 * bit for bit in range(4))
