"""A card or code reader that sends a line of text for each token (family reader)."""

from __future__ import annotations

import logging
import re
from collections import deque
from dataclasses import dataclass

from controller.hal import DeviceError, TokenRead, setting
from controller.logic.values import IdTokenType
from drivers.bus import Buses
from drivers.bus.serial_port import SerialPort
from drivers.rfid.line_parser import Line, LineParser
from drivers.rfid.presence import Presence
from drivers.rfid.spelling import CASES, RADIXES, Spelling

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){4,10}")  # 8 to 20 digits: UIDs of 4 to 10 bytes
_UID_LENGTHS = (4, 7, 8, 10)
_LONGEST_TOKEN = 36  # characters of an idToken in OCPP 2.x

log = logging.getLogger(__name__)


class AsciiLine:
    """Takes lines that end in CR or LF or with silence."""

    @dataclass(frozen=True)
    class Settings:
        port: str = setting("Serial port of the reader, best by /dev/serial/by-path.")
        baud: int = setting("Line speed.", default=9600, low=300, high=921600)
        content: str = setting(
            "What a line holds: `text` any printable token, `hex` a UID of 8 to 20 digits, `decimal` a UID as a number.",
            default="text",
            choices=("text", "hex", "decimal"),
        )
        idle_s: float = setting("Silence that ends a line without CR or LF.", default=0.1, low=0.05, high=1, unit="s")
        token_type: str = setting(
            "idToken type in OCPP 2.x.", default="Local", choices=tuple(kind.value for kind in IdTokenType)
        )
        case: str = setting("Case of a UID's hex digits.", default="upper", choices=CASES)
        reverse: bool = setting("Last UID byte first.", default=False)
        prefix: str = setting("Text put before every token.", default="")
        radix: int = setting(
            "How a UID is written. 16: hex digits. 10: one decimal number.", default=16, choices=RADIXES
        )

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._device = f"line reader on {settings.port} of {where}"
        self._monotonic = buses.monotonic
        self._port = SerialPort(settings.port, settings.baud, self._device, buses.monotonic)
        self._parser = LineParser(settings.idle_s)
        self._lines: deque[Line] = deque()
        self._presence = Presence()
        self._spelling = Spelling(settings.case, settings.reverse, settings.prefix, settings.radix)

    async def read(self) -> TokenRead:
        try:
            if not self._port.is_open:
                self._parser.reset()
                self._port.open()
            while True:
                while self._lines:
                    line = self._lines.popleft()
                    token = self.token_of(line.text)
                    if token is not None and self._presence.is_new(token, line.at_s):
                        return TokenRead(token, self._settings.token_type, line.at_s)
                await self._gather()
        except DeviceError:
            self._port.close()
            raise

    async def close(self) -> None:
        self._port.close()

    async def _gather(self) -> None:
        deadline = self._parser.deadline()
        timeout_s = None if deadline is None else max(0.0, deadline - self._monotonic())
        chunk = await self._port.receive(timeout_s)
        if chunk is None:
            self._lines.extend(self._parser.on_deadline(self._monotonic()))
        else:
            self._lines.extend(self._parser.feed(chunk.data, chunk.at_s))

    def token_of(self, text: str) -> str | None:
        """Return a line's idToken, or None (and a log entry without the text) when it cannot be one."""
        return token_of_line(text, self._settings.content, self._spelling, self._device)


def token_of_line(text: str, content: str, spelling: Spelling, device: str) -> str | None:
    """Return what a line of text is as an idToken. content: `text`, `hex` or `decimal`. None and a log entry where it is none."""
    uid = _uid_of(text, content)
    if content == "text":
        token = spelling.prefix + text
    elif uid is None:
        log.warning("%s: a line of %d characters is no %s UID", device, len(text), content)
        return None
    else:
        token = spelling.of(uid)
    if len(token) > _LONGEST_TOKEN:
        log.warning("%s: a token of %d characters is longer than %d", device, len(token), _LONGEST_TOKEN)
        return None
    return token


def _uid_of(text: str, content: str) -> bytes | None:
    if content == "hex" and _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if content == "decimal" and text.isdecimal() and text.isascii():
        number = int(text)
        for length in _UID_LENGTHS:
            if number < 1 << 8 * length:
                return number.to_bytes(length, "big")
    return None
