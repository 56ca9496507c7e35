"""Frames nobody meant, thrown at the meter driver: what it reads is what the meter shows, or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from controller.hal import DeviceError
from controller.logic.values import MeterReading
from drivers import registry
from drivers.bus import Buses
from drivers.mock.meter_images import MANUALS, Shown
from drivers.mock.modbus_peer import with_crc
from hil.virtual import VirtualLoop
from tests.drivers.driver_rig import section
from tests.drivers.fuzzing import flipped, fuzzed, spoiled

SHOWN = Shown((230.0, 231.0, 229.0), (16.0, 15.5, 16.5), (3680.0, 3580.5, 3778.5), 1_234_000)
ANSWERS_S = 0.02
ASKED = with_crc(bytes.fromhex("01040000004c"))  # all that a poll of this meter asks

Pieces = tuple[bytes, ...]  # what arrives instead of the answer, one after the other


class Wire(asyncio.Transport):
    """The serial port under pymodbus, on the loop's own (virtual) time."""

    def __init__(self, protocol: Any, answer: Callable[[bytes], Pieces]) -> None:
        super().__init__()
        self._protocol, self._answer, self._closed = protocol, answer, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        loop = asyncio.get_running_loop()
        for number, piece in enumerate(self._answer(bytes(data)), 1):
            loop.call_later(ANSWERS_S * number, self._protocol.data_received, piece)

    def close(self) -> None:
        self._closed = True

    def is_closing(self) -> bool:
        return self._closed

    def abort(self) -> None:
        self.close()


def answer_to(asked: bytes) -> bytes:
    slave = MANUALS["sdm630"].slave(1, SHOWN)
    assert slave.answer is not None and with_crc(asked[:-2]) == asked
    return with_crc(bytes([1]) + slave.answer(asked[1:-2]))


TRUE = answer_to(ASKED)


class Line:
    """A meter's driver and the line it is on. Polled as often as one likes: it stays the same driver."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._pieces: Pieces = ()
        self.buses = Buses((), (), monotonic=loop.time)
        self._meter = registry.build(section("meter", "modbus", port="/dev/ttyX", retries=0), self.buses)

    def poll(self, *pieces: bytes) -> MeterReading | DeviceError:
        """Return what comes of a poll that these pieces answer."""
        self._pieces = pieces
        try:
            reading: MeterReading = self._loop.run_until_complete(self._meter.read())
        except DeviceError as error:
            return error
        return reading

    async def connect(self, loop: Any, factory: Callable[[], Any], *_: Any, **__: Any) -> tuple[Wire, Any]:
        protocol = factory()
        wire = Wire(protocol, self._answer)
        loop.call_soon(protocol.connection_made, wire)
        return wire, protocol

    def _answer(self, asked: bytes) -> Pieces:
        assert asked == ASKED
        return self._pieces


@contextmanager
def meter_line() -> Iterator[Line]:
    loop = VirtualLoop()
    with pytest.MonkeyPatch.context() as patched:
        line = Line(loop)
        patched.setattr("pymodbus.transport.transport.create_serial_connection", line.connect)
        try:
            yield line
        finally:
            line.buses.close()
            loop.close()


def body(address: int, function: int, data: bytes) -> bytes:
    """Return a frame that is right but for what it says."""
    return with_crc(bytes([address, function, len(data)]) + data)


def wrong(dice: Random, _: Pieces) -> Pieces:
    """What a line does to an answer, what others on it say, and what nobody says."""
    function = dice.choice((1, 3, 4, 6, 0x83, 0x84))
    other = body(dice.randrange(256), function, dice.randbytes(dice.randrange(20)))
    at = dice.randrange(len(TRUE) + 1)
    return dice.choice(_WRONG)(dice, at, other)


_WRONG: tuple[Callable[[Random, int, bytes], Pieces], ...] = (
    lambda dice, at, other: (dice.randbytes(dice.randrange(200)),),
    lambda dice, at, other: (flipped(TRUE, [dice.getrandbits(11) for _ in range(dice.randrange(1, 4))]),),
    lambda dice, at, other: (spoiled(dice, TRUE),),
    lambda dice, at, other: (TRUE[:at],),
    lambda dice, at, other: (TRUE[:at], TRUE[at:]),
    lambda dice, at, other: (dice.randbytes(dice.randrange(12)) + TRUE + dice.randbytes(dice.randrange(12)),),
    lambda dice, at, other: (ASKED, TRUE),  # an adapter that echoes
    lambda dice, at, other: (ASKED,),
    lambda dice, at, other: (ASKED[: at % len(ASKED)], spoiled(dice, ASKED)),
    lambda dice, at, other: (other,),
    lambda dice, at, other: (other, TRUE),
    lambda dice, at, other: (body(1, 4, dice.randbytes(2 * dice.randrange(76))),),
    lambda dice, at, other: (with_crc(bytes([1, 0x84, dice.randrange(1, 7)])),),
    lambda dice, at, other: (with_crc(bytes([dice.randrange(256)]) + ASKED[1:-2]), TRUE),  # another master
)


def is_true(reading: MeterReading) -> bool:
    return (reading.voltage_v, reading.current_a, reading.energy_import_wh) == (SHOWN.volts, SHOWN.amps, 1_234_000)


def was_said(pieces: Pieces) -> bool:
    """Whether a whole answer with a right checksum that is not the meter's came by: 16 bits let one of 65536 pass."""
    heard = b"".join(pieces)
    windows = (heard[at : at + len(TRUE)] for at in range(len(heard) - len(TRUE) + 1))
    return any(each[:3] == TRUE[:3] and each != TRUE and with_crc(each[:-2]) == each for each in windows)


@fuzzed(st.lists(st.binary(max_size=200), max_size=3).map(tuple), wrong, meter_line)
def test_a_spoiled_answer_is_an_error_in_one_line_or_the_truth(line: Line, frame: Pieces) -> None:
    found = line.poll(*frame)
    if isinstance(found, MeterReading):
        assert is_true(found) or was_said(frame), found
    else:
        assert "\n" not in str(found), found
        left_alone = [line.poll(TRUE), line.poll(TRUE)]
        assert isinstance(left_alone[-1], MeterReading) and is_true(left_alone[-1]), left_alone
