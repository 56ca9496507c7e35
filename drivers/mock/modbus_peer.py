"""Any energy meter on the far end of an RS-485 line: a Modbus RTU slave at the level of bytes.

It follows "MODBUS over Serial Line" V1.02 (2.5.1, RTU: silence ends a frame, a frame with a wrong checksum or for another address
gets no reply) and "MODBUS Application Protocol" V1.1b3 (6.3, 6.4 and 7: functions 3 and 4 and their exceptions). What registers
there are comes from `drivers.mock.meter_images`, or from a peer of one meter.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from drivers.mock.peer import Answers

READ_HOLDING, READ_INPUT = 3, 4
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
UNDOCUMENTED = 0x7FC0  # what stands in a register that the manual does not name: never a value anybody could use
_REQUEST_LENGTH = 8  # functions 1 to 6
_FRAME_GAP_S = 0.020  # silence that ends a frame; 3.5 characters are 4 ms at 9600 baud, USB adapters add 16


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
class Slave:
    """A slave at this moment. answer: of a request's function and data, the reply's; None while it is silent.

    garbled: its answers are corrupted on the way. answers_after_s: how long it takes. rest_s: silence it wants after an answer; what
    comes sooner is lost.
    """

    address: int
    answer: Callable[[bytes], bytes] | None
    garbled: bool = False
    answers_after_s: float = 0.030
    rest_s: float = 0.050


class ModbusPeer:
    """One meter; several of them share a line when each has its own address."""

    def __init__(self, slave: Callable[[], Slave]) -> None:
        self._slave = slave
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
        slave = self._slave()
        ours = request[0] == slave.address and crc16(request[:-2]).to_bytes(2, "little") == request[-2:]
        if not ours or slave.answer is None or now < self._rests_until:
            return
        answer = with_crc(bytes([slave.address]) + slave.answer(request[1:-2]))
        if slave.garbled:
            answer = answer[:2] + bytes([answer[2] ^ 0x55]) + answer[3:]
        self._rests_until = now + slave.answers_after_s + slave.rest_s
        self._answers.put(now + slave.answers_after_s, answer)


@dataclass(frozen=True, slots=True)
class RegisterBank:
    """The registers of one function. most: that one request may ask for. words: those documented, by zero-based address."""

    most: int
    words: Mapping[int, int] = field(default_factory=dict)

    def answer(self, function: int, start: int, count: int) -> bytes:
        registers = range(start, start + count)
        if not 1 <= count <= self.most:
            return bytes([function | 0x80, ILLEGAL_VALUE])
        if start not in self.words or registers[-1] not in self.words:
            return bytes([function | 0x80, ILLEGAL_ADDRESS])
        data = b"".join(self.words.get(register, UNDOCUMENTED).to_bytes(2, "big") for register in registers)
        return bytes([function, len(data)]) + data


def answer_from(banks: Mapping[int, RegisterBank], request: bytes) -> bytes:
    """Return function code and data of the reply. banks: by function code. request: without address and checksum."""
    function = request[0]
    if function not in banks:
        return bytes([function | 0x80, ILLEGAL_FUNCTION])
    if len(request) != 5:
        return bytes([function | 0x80, ILLEGAL_VALUE])
    return banks[function].answer(function, *struct.unpack(">HH", request[1:]))
