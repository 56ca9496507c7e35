"""RDM6300 and its kin: 125 kHz EM4100 tags, sent by themselves as 14 characters (family reader).

A frame is STX, ten hex digits (version byte and four id bytes), two of their XOR, ETX, at 9600 baud 8N1, again and again while the tag
is held. Such a tag is copied for the price of a coffee: its tokens are of type `Local` unless the board says otherwise.

Wiring: the module wants 5 V; its TX is 5 V too: a divider (1k8 / 3k3) in front of the Pi's 3.3 V RX, or a USB adapter.
Source: Seeed Studio, 125 kHz RFID module data sheet (unverified).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.hal import TokenRead, setting
from controller.logic.values import IdTokenType
from drivers.bus import Buses
from drivers.bus.serial_port import SerialPort
from drivers.rfid.listener import Listener
from drivers.rfid.spelling import CASES, RADIXES, Spelling

_STX, _ETX = 0x02, 0x03
_FRAME = 14
_HEX_DIGITS = frozenset(b"0123456789ABCDEFabcdef")


class Em4100Parser:
    """Cuts a stream into tags of five bytes: version, then the id. What has no right checksum is dropped."""

    def __init__(self) -> None:
        self._gathered = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes and yield each whole tag."""
        for byte in data:
            if byte == _STX:
                self._gathered = bytearray()  # what came before it was cut
            self._gathered.append(byte)
            if len(self._gathered) == _FRAME:
                tag = tag_of(bytes(self._gathered))
                self._gathered = bytearray()
                if tag is not None:
                    yield tag

    def reset(self) -> None:
        self._gathered = bytearray()


def tag_of(frame: bytes) -> bytes | None:
    """Return a frame's five bytes, None where it is not whole and right."""
    digits = frame[1:-1]
    if len(frame) != _FRAME or frame[0] != _STX or frame[-1] != _ETX or not _HEX_DIGITS.issuperset(digits):
        return None
    data = bytes.fromhex(digits.decode("ascii"))
    check = 0
    for byte in data[:-1]:
        check ^= byte
    return data[:-1] if check == data[-1] else None


class Rdm6300:
    """Reports each tag that is held to it."""

    @dataclass(frozen=True)
    class Settings:
        port: str = setting("Serial port of the reader, best by /dev/serial/by-path.")
        baud: int = setting("Line speed.", default=9600, low=1200, high=115200)
        with_version: bool = setting(
            "Whether the token has all five bytes; the number printed on a tag is that of the last four.", default=True
        )
        token_type: str = setting(
            "idToken type in OCPP 2.x.", default="Local", choices=tuple(kind.value for kind in IdTokenType)
        )
        case: str = setting("Case of hex digits.", default="upper", choices=CASES)
        reverse: bool = setting("Last byte first.", default=False)
        prefix: str = setting("Text put before every token.", default="", high=16)
        radix: int = setting("16: hex digits. 10: one decimal number.", default=16, choices=RADIXES)

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._parser = Em4100Parser()
        self._spelling = Spelling(settings.case, settings.reverse, settings.prefix, settings.radix)
        port = SerialPort(settings.port, settings.baud, f"RDM6300 on {settings.port} of {where}", buses.monotonic)
        self._listener = Listener(port, self._tokens, self._parser.reset, settings.token_type)

    async def read(self) -> TokenRead:
        return await self._listener.read()

    async def close(self) -> None:
        await self._listener.close()

    def _tokens(self, data: bytes, at_s: float) -> Iterator[tuple[str, float]]:
        for tag in self._parser.feed(data):
            yield self._spelling.of(tag if self._settings.with_version else tag[1:]), at_s
