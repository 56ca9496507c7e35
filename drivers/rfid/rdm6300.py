"""RDM6300 and its kin: 125 kHz EM4100 tags, sent by themselves as 14 characters (family reader).

A frame is STX, ten hex digits (version byte and four id bytes), two of their XOR, ETX, at 9600 baud 8N1. Some modules send it again and
again while the tag is held, others a few times when it comes and then not until it is back: those cannot tell how long it stays. Such a tag
is copied for the price of a coffee: its tokens are of type `Local` unless the board says otherwise.

Wiring: the module wants 5 V (a Pi's 3.3 V pin does not do) and its TX, pin 1 of P1, is 5 V too on most of them: a divider, 1.8 kΩ in the
line and 3.3 kΩ from the Pi's RX to ground, or a USB adapter that takes 5 V. Its RX stays free. The antenna wants some centimetres from
metal and from another reader's. Name the port by /dev/serial/by-path; on the Pi's own pins 14 and 15 the console must be off.
Source: Seeed Studio, 125 kHz RFID module data sheet (unverified); the two kinds of repeating: reports of users (unverified).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.hal import Presented, setting
from drivers.bus import Buses
from drivers.bus.serial_port import SerialPort
from drivers.rfid.listener import Listener
from drivers.rfid.spelling import NUMBERS, TOKEN_TYPES, WHOLE, Spelling, UidSettings, presented

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
    class Settings(UidSettings):
        port: str = setting("Serial port of the reader, best by /dev/serial/by-path.")
        baud: int = setting("Line speed.", default=9600, low=1200, high=115200)
        number: str = setting(
            "What the token is. `whole`: all five bytes. `last4`: without the version byte. As printed on a tag: `10-digit`, "
            "the last four as a decimal number; `wiegand26`, three digits of site code and five of card number.",
            default=WHOLE,
            choices=NUMBERS,
        )
        token_type: str = setting("idToken type in OCPP 2.x.", default="Local", choices=TOKEN_TYPES)

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        port = SerialPort(settings.port, settings.baud, f"RDM6300 on {settings.port} of {where}", buses.monotonic)
        self._listener = Listener(port, _Tokens(settings), buses.monotonic)

    async def read(self) -> Presented:
        return await self._listener.read()

    async def close(self) -> None:
        await self._listener.close()


class _Tokens:
    """Bytes in, tokens out."""

    def __init__(self, settings: Rdm6300.Settings) -> None:
        self._settings = settings
        self._spelling = Spelling.by(settings)
        self._tags = Em4100Parser()
        self.reset = self._tags.reset

    def feed(self, data: bytes, at_s: float) -> Iterator[Presented]:
        for tag in self._tags.feed(data):
            yield presented(self._spelling.of_tag(tag, self._settings.number), self._settings.token_type, at_s)

    def deadline(self) -> float | None:
        return None

    def on_deadline(self, now: float) -> Iterator[Presented]:
        return iter(())
