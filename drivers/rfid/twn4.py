"""Elatec TWN4 with its simple protocol: it is asked, and answers a line of hex (family reader).

Asked `050010` (search a tag, at most 16 bytes of id), it answers `0001 type bits length id…`, or `0000` while no tag is there; each line
ends with CR. Source: Elatec TWN4 API reference, "Simple Protocol" (unverified).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from controller.hal import DeviceError, DeviceSilent, TokenRead, setting
from controller.logic.values import IdTokenType
from drivers.bus import Buses
from drivers.bus.serial_port import SerialPort
from drivers.rfid.pn532_frames import is_random
from drivers.rfid.presence import Presence
from drivers.rfid.spelling import CASES, RADIXES, Spelling

SEARCH_TAG = b"050010\r"
_LONGEST = 64  # characters of an answer; more is noise
_TRIES = 3
_ANSWER_S = 0.5
_KINDS = {
    0x80: IdTokenType.ISO14443,
    0x81: IdTokenType.ISO14443,
    0x82: IdTokenType.ISO15693,
}  # else: a local technology

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tag:
    uid: bytes
    kind: IdTokenType


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
    return Tag(uid, _KINDS.get(kind, IdTokenType.LOCAL))


class Twn4:
    """Asks for a tag while somebody waits for one."""

    @dataclass(frozen=True)
    class Settings:
        port: str = setting("Serial port of the reader, best by /dev/serial/by-id.")
        baud: int = setting("Line speed; a reader on USB does not mind.", default=9600, low=1200, high=115200)
        poll_s: float = setting("Pause between two looks.", default=0.15, low=0.02, high=1, unit="s")
        accept_random_uid: bool = setting("Accept UIDs that change with every presentation.", default=False)
        case: str = setting("Case of hex digits.", default="upper", choices=CASES)
        reverse: bool = setting("Last UID byte first.", default=False)
        prefix: str = setting("Text put before every token.", default="", high=16)
        radix: int = setting("16: hex digits. 10: one decimal number.", default=16, choices=RADIXES)

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._device = f"TWN4 on {settings.port} of {where}"
        self._monotonic = buses.monotonic
        self._port = SerialPort(settings.port, settings.baud, self._device, buses.monotonic)
        self._presence = Presence()
        self._spelling = Spelling(settings.case, settings.reverse, settings.prefix, settings.radix)
        self._looked_until_s: float | None = None

    async def read(self) -> TokenRead:
        if self._looked_until_s is not None:
            self._presence.skip(self._monotonic() - self._looked_until_s)
        try:
            if not self._port.is_open:
                self._port.open()
            while True:
                tag = await self._search()
                token = self._new_token(tag) if tag is not None else None
                if token is not None:
                    return token
                await asyncio.sleep(self._settings.poll_s)
        except DeviceError:
            self._port.close()
            raise
        finally:
            self._looked_until_s = self._monotonic()

    async def close(self) -> None:
        self._port.close()

    def _new_token(self, tag: Tag) -> TokenRead | None:
        now = self._monotonic()
        if not self._presence.is_new(tag.uid.hex(), now):
            return None
        if tag.kind is IdTokenType.ISO14443 and is_random(tag.uid) and not self._settings.accept_random_uid:
            log.info("%s: a random UID (a phone?) was ignored; accept_random_uid would take it", self._device)
            return None
        return TokenRead(self._spelling.of(tag.uid), tag.kind, now)

    async def _search(self) -> Tag | None:
        """Ask once, again after a line that is no answer. Raises DeviceGone, DeviceSilent."""
        heard = b""
        for _ in range(_TRIES):
            self._port.discard()
            self._port.send(SEARCH_TAG)
            line, heard = await self._line()
            if line is None:
                continue
            try:
                return tag_of(line)
            except Malformed as error:
                log.debug("%s: %s", self._device, error)
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
