"""A PN532 on the far end of a serial line, at the level of bytes (HSU mode).

It sleeps until it hears the wake-up preamble, acknowledges every good frame, answers the commands a card reader needs, and
finds an ISO 14443A card while one is in its field. A frame with a wrong checksum gets nothing; an unknown command the
error frame; a NACK the last answer again; an ACK ends the running command. Source: UM0701-02 (unverified).
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.mock.peer import Answers

ACK = bytes.fromhex("0000ff00ff00")
NACK = bytes.fromhex("0000ffff0000")
ERROR = bytes.fromhex("0000ff01ff7f8100")
WAKE_UP = b"\x55\x55"
TO_CHIP, FROM_CHIP = 0xD4, 0xD5

DIAGNOSE, FIRMWARE, POWER_DOWN, SAM, RF_CONFIGURATION = 0x00, 0x02, 0x16, 0x14, 0x32
LIST_TARGETS, DESELECT, RELEASE = 0x4A, 0x44, 0x52
_NOT_IN_THIS_CONTEXT = 0x27
_ACKS_AFTER_S = 0.001
_ANSWERS_AFTER_S = 0.003
_ACTIVATION_TRY_S = 0.005
_FOR_EVER = 0xFF
# SENS_RES and SEL_RES by UID length: MIFARE Classic, Ultralight/DESFire, and one with a triple-size UID.
_TYPE = {4: bytes.fromhex("000408"), 7: bytes.fromhex("004400"), 10: bytes.fromhex("00c420")}


def frame(data: bytes, direction: int = FROM_CHIP) -> bytes:
    """Return the normal information frame that carries `data` (without its direction byte)."""
    body = bytes([direction]) + data
    return b"\x00\x00\xff" + bytes([len(body), -len(body) & 0xFF]) + body + bytes([-sum(body) & 0xFF, 0])


class Pn532Peer:
    """card: returns the UID that is in the field as hex, or None. Call `field_changed` when that may differ."""

    def __init__(self, card: Callable[[], str | None]) -> None:
        self._card = card
        self._answers = Answers()
        self.power_on()

    def power_on(self) -> None:
        """Begin as after switching on: asleep, nothing configured."""
        self._buffer = b""
        self._is_awake = False
        self._is_configured = False
        self._tries = _FOR_EVER
        self._searching_until: float | None = None
        self._last_answer = b""
        self._answers.clear()

    def glitch(self) -> None:
        """Lose what was set, as after a dip of the supply that leaves the chip awake: no SAM, tries without end."""
        self._is_configured = False
        self._tries = _FOR_EVER
        self._searching_until = None
        self._answers.clear()

    def receive(self, data: bytes, now: float) -> None:
        self._buffer += data
        if not self._is_awake:
            start = self._buffer.find(WAKE_UP)
            if start < 0:
                self._buffer = self._buffer[-1:]
                return
            self._is_awake = True
            self._buffer = self._buffer[start + len(WAKE_UP) :]
        while self._take_frame(now):
            pass

    def deadline(self) -> float | None:
        times = [at for at in (self._answers.deadline(), self._searching_until) if at is not None]
        return min(times, default=None)

    def take(self, now: float) -> bytes:
        self.field_changed(now)
        return self._answers.take(now)

    def field_changed(self, now: float) -> None:
        """End a search that found a card or has used up its tries."""
        if self._searching_until is None:
            return
        found = self._card()
        if found is not None or self._searching_until <= now:
            self._searching_until = None
            self._answer(bytes([LIST_TARGETS + 1]) + _target(found), now)

    # --- frames

    def _take_frame(self, now: float) -> bool:
        """Handle one frame of the buffer; return whether there may be another."""
        start = self._buffer.find(b"\x00\xff")
        if start < 0:
            self._buffer = self._buffer[-1:]
            return False
        body = self._buffer[start + 2 :]
        if len(body) < 3:
            return False
        if body[:2] in (b"\x00\xff", b"\xff\x00"):
            self._buffer = body[2:]
            self._control(body[:2] == b"\xff\x00", now)
            return True
        length = body[0]
        if (length + body[1]) & 0xFF:
            self._buffer = body
            return True
        if len(body) < length + 3:
            return False
        self._buffer = body[length + 3 :]
        content, checksum = body[2 : 2 + length], body[2 + length]
        if (sum(content) + checksum) & 0xFF == 0 and length >= 2 and content[0] == TO_CHIP:
            self._searching_until = None
            self._answers.clear()
            self._answers.put(now + _ACKS_AFTER_S, ACK)
            self._command(content[1], content[2:], now)
        return True

    def _control(self, is_nack: bool, now: float) -> None:
        if is_nack and self._last_answer:
            self._answers.put(now + _ANSWERS_AFTER_S, self._last_answer)
        elif not is_nack:
            self._searching_until = None
            self._answers.clear()

    def _answer(self, data: bytes, now: float) -> None:
        self._last_answer = frame(data)
        self._answers.put(now + _ANSWERS_AFTER_S, self._last_answer)

    # --- commands

    def _command(self, code: int, data: bytes, now: float) -> None:
        if code == FIRMWARE:
            self._answer(bytes([code + 1, 0x32, 0x01, 0x06, 0x07]), now)
        elif code == SAM:
            self._is_configured = True
            self._answer(bytes([code + 1]), now)
        elif code == RF_CONFIGURATION and data:
            if data[0] == 0x05 and len(data) >= 4:
                self._tries = data[3]
            self._answer(bytes([code + 1]), now)
        elif code == LIST_TARGETS and len(data) >= 2:
            self._search(data[1], now)
        elif code in (DESELECT, RELEASE):
            self._answer(bytes([code + 1, 0x00]), now)
        elif code == DIAGNOSE:
            self._answer(bytes([code + 1]) + data, now)
        elif code == POWER_DOWN:
            self._answer(bytes([code + 1, 0x00]), now)
            self._is_awake = self._is_configured = False
        else:
            self._last_answer = ERROR
            self._answers.put(now + _ANSWERS_AFTER_S, ERROR)

    def _search(self, card_type: int, now: float) -> None:
        if not self._is_configured or card_type != 0:
            self._answer(bytes([LIST_TARGETS + 1, _NOT_IN_THIS_CONTEXT]), now)
            return
        lasts = float("inf") if self._tries == _FOR_EVER else (self._tries + 1) * _ACTIVATION_TRY_S
        self._searching_until = now + lasts
        self.field_changed(now)


def _target(uid_hex: str | None) -> bytes:
    """Return the target list: the number of cards, then number, SENS_RES, SEL_RES, UID of the one."""
    if uid_hex is None:
        return b"\x00"
    uid = bytes.fromhex(uid_hex)
    return b"\x01\x01" + _TYPE[len(uid)] + bytes([len(uid)]) + uid
