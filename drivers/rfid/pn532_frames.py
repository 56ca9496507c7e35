"""The frames of a PN532 on its high-speed UART: bytes in, frames out, no I/O.

Normal frame: `00 00 FF LEN LCS TFI DATA... DCS 00`, where LEN counts TFI and DATA, LEN + LCS and the sum of TFI, DATA and DCS are
0 modulo 256, and TFI is D4 towards the chip and D5 from it. Source: NXP UM0701-02 (unverified).
"""

from __future__ import annotations

from dataclasses import dataclass

ACK_FRAME = bytes.fromhex("0000ff00ff00")
NACK_FRAME = bytes.fromhex("0000ffff0000")
WAKE_UP = bytes.fromhex("5555") + bytes(14)

GET_FIRMWARE_VERSION = bytes.fromhex("02")
SAM_NORMAL_MODE = bytes.fromhex("14010001")
# A poll without a card ends after 16 tries instead of never.
FEW_ACTIVATION_RETRIES = bytes.fromhex("3205ff0110")
LIST_ONE_TYPE_A_TARGET = bytes.fromhex("4a0100")

_TO_CHIP, _FROM_CHIP = 0xD4, 0xD5
_START = b"\x00\xff"
_UID_LENGTHS = (4, 7, 10)
_ONE_TARGET = b"\x01\x01"  # how many, and its number
_CASCADE_TAG = 0x88  # ISO/IEC 14443-3: what stands where a longer UID goes on; no single UID begins so


@dataclass(frozen=True, slots=True)
class Ack:
    pass


@dataclass(frozen=True, slots=True)
class Nack:
    pass


@dataclass(frozen=True, slots=True)
class Corrupt:
    """Something that began like a frame and was none; `why` is for the log."""

    why: str


@dataclass(frozen=True, slots=True)
class Response:
    """code: of the command it answers, plus one. data: what follows."""

    code: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SyntaxRefused:
    """The chip's error frame: it did not understand the command."""


Frame = Ack | Nack | Corrupt | Response | SyntaxRefused


class MalformedTarget(ValueError):
    """A target list that contradicts itself."""


def command_frame(data: bytes) -> bytes:
    """Return the frame that carries a command. data: command code and parameters, at most 254 bytes."""
    body = bytes([_TO_CHIP]) + data
    head = bytes([len(body), -len(body) & 0xFF])
    return b"\x00" + _START + head + body + bytes([-sum(body) & 0xFF, 0])


class FrameParser:
    """Cuts a byte stream into frames. Bytes that belong to none are skipped."""

    def __init__(self) -> None:
        self._buffer = b""

    def reset(self) -> None:
        """Forget a half frame."""
        self._buffer = b""

    def feed(self, data: bytes) -> list[Frame]:
        self._buffer += data
        frames: list[Frame] = []
        while (start := self._buffer.find(_START)) >= 0:
            frame, used = self._cut(self._buffer[start:])
            if used == 0:
                self._buffer = self._buffer[start:]
                return frames
            self._buffer = self._buffer[start + used :]
            if frame is not None:
                frames.append(frame)
        self._buffer = self._buffer[-1:] if self._buffer.endswith(b"\x00") else b""
        return frames

    def _cut(self, data: bytes) -> tuple[Frame | None, int]:
        """Return the frame at the start code and the bytes it took; 0 bytes: it is not complete."""
        if len(data) < 4:
            return None, 0
        length, check = data[2], data[3]
        if (length, check) == (0x00, 0xFF):
            return Ack(), 4
        if (length, check) == (0xFF, 0x00):
            return Nack(), 4
        if (length + check) & 0xFF:
            return Corrupt("length checksum"), 1  # the start code may have been noise: search on right behind it
        end = 4 + length + 1
        if len(data) < end:
            return None, 0
        body = data[4 : end - 1]
        if sum(data[4:end]) & 0xFF:
            return Corrupt("data checksum"), 1
        if body == b"\x7f":
            return SyntaxRefused(), end
        if len(body) < 2 or body[0] != _FROM_CHIP:
            return Corrupt("not from the chip"), end
        return Response(body[1], body[2:]), end


def uid_of(data: bytes) -> bytes | None:
    """Return the UID in an InListPassiveTarget answer (106 kbit/s type A, one target), None without a target.

    data: NbTg, Tg, SENS_RES (2), SEL_RES, UID length, UID, ATS if any. Raises MalformedTarget.
    """
    if not data:
        raise MalformedTarget("an empty target list")
    if data[0] == 0:
        return None
    if len(data) < 6 or data[:2] != _ONE_TARGET or data[5] not in _UID_LENGTHS or len(data) < 6 + data[5]:
        raise MalformedTarget(f"a target without a UID of 4, 7 or 10 bytes: {data.hex()}")
    uid = data[6 : 6 + data[5]]
    if len(uid) == 4 and uid[0] == _CASCADE_TAG:
        raise MalformedTarget(f"the first half of a longer UID: {data.hex()}")
    return uid


def firmware_of(data: bytes) -> str:
    """Return what a GetFirmwareVersion answer (IC, version, revision, support) tells a technician."""
    return f"PN5{data[0]:02x}, firmware {data[1]}.{data[2]}" if len(data) >= 3 else "firmware unknown"
