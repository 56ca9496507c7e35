"""Elatec TWN4 with its simple protocol: it is asked, and answers a line of hex (family reader).

Asked `050010` (search a tag, at most 16 bytes of id), it answers `0001 type bits length id…`, or `0000` while no tag is there; each line
ends with CR. Which kinds of tag it looks for is set in the reader (AppBlaster); 125 kHz tags and others that are copied easily are
tokens of type `Local`.

Wiring: on USB it is a serial port (CDC) whose speed does not matter; it wants the firmware with the simple protocol, not the one that
plays a keyboard (type `keyboard` reads that one). The modules' UART is 3.3 V, 9600 baud 8N1, fit for the Pi's pins; supply 5 V.
Name the port by /dev/serial/by-path.
Source: Elatec TWN4 API reference, "Simple Protocol", and its header of tag types (both unverified).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from controller.hal import DeviceError, DeviceSilent, Presented, setting
from controller.logic.values import IdTokenType
from drivers.bus import Buses
from drivers.bus.serial_port import SerialPort
from drivers.rfid.presence import Sightings, Tag
from drivers.rfid.spelling import Spelling, UidSettings

SEARCH_TAG = b"050010\r"
_LONGEST = 64  # characters of an answer; more is noise
_TRIES = 3
_ANSWER_S = 0.5
_TYPE_A, _TYPE_B, _ISO15693 = 0x80, 0x81, 0x82
_KINDS = {
    _TYPE_A: IdTokenType.ISO14443,
    _TYPE_B: IdTokenType.ISO14443,
    _ISO15693: IdTokenType.ISO15693,
}  # else: a technology without a word of its own in OCPP
_UID_LENGTHS = {_TYPE_A: (4, 7, 10), _ISO15693: (8,)}

log = logging.getLogger(__name__)


class Malformed(ValueError):
    """A line that is no answer to SEARCH_TAG."""


def tag_of(line: bytes) -> Tag | None:
    """Return the tag of one answer, without its CR; None while no tag is there. Raises Malformed."""
    try:
        answer = bytes.fromhex(line.decode("ascii"))
    except (ValueError, UnicodeDecodeError) as error:
        raise Malformed(f"{line[:20]!r} is no hex") from error
    if answer == b"\x00\x00":
        return None
    if len(answer) < 6 or answer[0] != 0 or answer[1] != 1:
        raise Malformed(f"answer {line[:20].decode()!r}")
    kind, bits, length = answer[2:5]
    uid = answer[5:]
    if length != len(uid) or not 0 <= 8 * length - bits < 8:
        raise Malformed(f"{bits} bits in {length} bytes, {len(uid)} came")
    if length not in _UID_LENGTHS.get(kind, (length,)):
        raise Malformed(f"a UID of {length} bytes for a tag of type {kind:02x}")
    return Tag(uid, _KINDS.get(kind, IdTokenType.LOCAL))


class Twn4:
    """Asks for a tag while somebody waits for one."""

    @dataclass(frozen=True)
    class Settings(UidSettings):
        port: str = setting("Serial port of the reader, best by /dev/serial/by-path.")
        baud: int = setting("Line speed; a reader on USB does not mind.", default=9600, low=1200, high=115200)
        poll_s: float = setting("Pause between two looks.", default=0.15, low=0.02, high=1, unit="s")
        accept_random_uid: bool = setting(
            "Accept UIDs that change with every presentation (phones, passports).", default=False
        )

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._device = f"TWN4 on {settings.port} of {where}"
        self._monotonic = buses.monotonic
        self._port = SerialPort(settings.port, settings.baud, self._device, buses.monotonic)
        self._sightings = Sightings(Spelling.by(settings), settings.accept_random_uid, where)

    async def read(self) -> Presented:
        self._sightings.interrupt()  # nobody looked since the last call
        try:
            if not self._port.is_open:
                self._port.open()
            while True:
                tag = await self._search()
                event = self._sightings.saw(tag, self._monotonic())
                if event is not None:
                    return event
                await asyncio.sleep(self._settings.poll_s)
        except DeviceError:
            self._port.close()
            raise

    async def close(self) -> None:
        self._port.close()

    async def _search(self) -> Tag | None:
        """Ask once, again after a line that is no answer. Raises DeviceGone, DeviceSilent."""
        heard = b""
        for _ in range(_TRIES):
            self._port.discard()
            self._port.send(SEARCH_TAG)
            line, heard = await self._line()
            try:
                if line is not None:
                    return tag_of(line)
            except Malformed as error:
                log.debug("%s: %s", self._device, error)
            self._sightings.interrupt()
        problem = "does not answer" if not heard else "answers something else"
        hint = f"the simple protocol's firmware in the reader, {self._settings.baud} baud, TX and RX"
        raise DeviceSilent(self._device, problem, f"check {hint}")

    async def _line(self) -> tuple[bytes | None, bytes]:
        """Return the next line, None where none came in time, and all that was heard."""
        deadline = self._monotonic() + _ANSWER_S
        heard = b""
        while b"\r" not in heard and len(heard) <= _LONGEST:
            chunk = await self._port.receive(max(0.0, deadline - self._monotonic()))
            if chunk is None:
                return None, heard
            heard += chunk.data
        line, end, _ = heard.partition(b"\r")
        return (line.strip() if end else None), heard
