"""An SDM630 on the far end of an RS-485 line: a Modbus RTU slave at the level of bytes.

It answers function 4 for its float registers and refuses everything else with the exception that a slave sends. A frame
with a wrong checksum, for another address or too soon after its last answer gets no reply.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.mock.modbus_peer import (
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    READ_INPUT,
    ModbusPeer,
    Slave,
    crc16,
    with_crc,
)

__all__ = ["MeterFace", "Sdm630Peer", "crc16", "with_crc"]

MAX_REGISTERS = 80
LAST_REGISTER = 0x0180


@dataclass(frozen=True, slots=True)
class MeterFace:
    """What the meter is at this moment. registers: float values by zero-based address, None while it is silent.

    garbled: its answers are corrupted on the way.
    """

    address: int
    registers: Mapping[int, float] | None
    garbled: bool = False


class Sdm630Peer(ModbusPeer):
    """One meter; several of them share a line when each has its own address."""

    def __init__(self, face: Callable[[], MeterFace]) -> None:
        super().__init__(lambda: _slave(face()))


def _slave(face: MeterFace) -> Slave:
    registers = face.registers
    answer = None if registers is None else lambda request: _answer(request, registers)
    return Slave(face.address, answer, face.garbled)


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
