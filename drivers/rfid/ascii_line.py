"""A card or code reader that sends a line of text for each token (family reader).

A line ends with CR, LF, ETX or silence. Many readers can be set to what they send; what is best is hex digits, UID byte 0 first.
Wiring: readers with RS-232 levels (±5 to ±12 V) want a level converter or an RS-232 adapter on USB: the Pi's pins take 3.3 V and no
more. TX of the reader goes to RX of the Pi; without an answer the reader's RX stays free. Usual is 9600 baud 8N1. Name the port by
/dev/serial/by-path: that stays when another adapter is plugged in first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.hal import Presented, setting
from drivers.bus import Buses
from drivers.bus.serial_port import SerialPort
from drivers.rfid.line_parser import Line, LineParser
from drivers.rfid.line_tokens import LineSettings, token_of_line
from drivers.rfid.listener import Listener


class AsciiLine:
    """Takes lines that end in CR or LF or with silence."""

    @dataclass(frozen=True)
    class Settings(LineSettings):
        port: str = setting("Serial port of the reader, best by /dev/serial/by-path.")
        baud: int = setting("Line speed.", default=9600, low=300, high=921600)
        idle_s: float = setting("Silence that ends a line without CR or LF.", default=0.1, low=0.05, high=1, unit="s")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        device = f"line reader on {settings.port} of {where}"
        port = SerialPort(settings.port, settings.baud, device, buses.monotonic)
        self._listener = Listener(port, LineTokens(settings, settings.idle_s), buses.monotonic)

    async def read(self) -> Presented:
        return await self._listener.read()

    async def close(self) -> None:
        await self._listener.close()


class LineTokens:
    """Bytes in, the tokens of their lines out."""

    def __init__(self, settings: LineSettings, idle_s: float) -> None:
        self._settings = settings
        self._lines = LineParser(idle_s)
        self.deadline = self._lines.deadline
        self.reset = self._lines.reset

    def feed(self, data: bytes, at_s: float) -> Iterator[Presented]:
        return self._tokens(self._lines.feed(data, at_s))

    def on_deadline(self, now: float) -> Iterator[Presented]:
        return self._tokens(self._lines.on_deadline(now))

    def _tokens(self, lines: Iterable[Line]) -> Iterator[Presented]:
        for line in lines:
            yield token_of_line(line.text, line.at_s, self._settings)
