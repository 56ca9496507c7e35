"""An SDM630 on the far end of an RS-485 line: a Modbus RTU slave at the level of bytes.

It answers function 4 for its float registers and refuses everything else with the exception that a slave sends. A frame
with a wrong checksum, for another address or too soon after its last answer gets no reply.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.mock.peer import Answers

READ_INPUT = 4
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
MAX_REGISTERS = 80
LAST_REGISTER = 0x0180
_REQUEST_LENGTH = 8  # functions 1 to 6
_FRAME_GAP_S = 0.020  # silence that ends a frame; 3.5 characters are 4 ms at 9600 baud, USB adapters add 16
_ANSWERS_AFTER_S = 0.030
_REST_S = 0.050  # it wants silence between two requests


def crc16(data: bytes) -> int:
    """Return the checksum of Modbus RTU (polynomial A001, sent low byte first)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def with_crc(frame: bytes) -> bytes:
    return frame + crc16(frame).to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class MeterFace:
    """What the meter is at this moment. registers: float values by zero-based address, None while it is silent.

    garbled: its answers are corrupted on the way.
    """

    address: int
    registers: Mapping[int, float] | None
    garbled: bool = False


class Sdm630Peer:
    """One meter; several of them share a line when each has its own address."""

    def __init__(self, face: Callable[[], MeterFace]) -> None:
        self._face = face
        self._buffer = b""
        self._heard_at = 0.0
        self._rests_until = 0.0
        self._answers = Answers()

    def receive(self, data: bytes, now: float) -> None:
        if now - self._heard_at > _FRAME_GAP_S:
            self._buffer = b""
        self._heard_at = now
        self._buffer += data
        if len(self._buffer) >= _REQUEST_LENGTH:
            request, self._buffer = self._buffer, b""
            self._handle(request, now)

    def deadline(self) -> float | None:
        return self._answers.deadline()

    def take(self, now: float) -> bytes:
        return self._answers.take(now)

    def _handle(self, request: bytes, now: float) -> None:
        face = self._face()
        ours = request[0] == face.address and crc16(request[:-2]).to_bytes(2, "little") == request[-2:]
        if not ours or face.registers is None or now < self._rests_until:
            return
        answer = with_crc(bytes([face.address]) + _answer(request[1:-2], face.registers))
        if face.garbled:
            answer = answer[:2] + bytes([answer[2] ^ 0x55]) + answer[3:]
        self._rests_until = now + _ANSWERS_AFTER_S + _REST_S
        self._answers.put(now + _ANSWERS_AFTER_S, answer)


def _answer(request: bytes, registers: Mapping[int, float]) -> bytes:
    """Return function code and data of the reply. request: function code and data, without address and checksum."""
    function = request[0]
    if function != READ_INPUT:
        return bytes([function | 0x80, ILLEGAL_FUNCTION])
    if len(request) != 5:
        return bytes([function | 0x80, ILLEGAL_VALUE])
    start, count = struct.unpack(">HH", request[1:])
    if not 1 <= count <= MAX_REGISTERS or count % 2:
        return bytes([function | 0x80, ILLEGAL_VALUE])
    if start % 2 or start + count > LAST_REGISTER:
        return bytes([function | 0x80, ILLEGAL_ADDRESS])
    data = b"".join(struct.pack(">f", registers.get(address, 0.0)) for address in range(start, start + count, 2))
    return bytes([function, len(data)]) + data
