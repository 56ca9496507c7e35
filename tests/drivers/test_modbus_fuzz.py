"""Frames nobody meant, thrown at the meter driver: what it reads is what the meter shows, or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.hal import DeviceError
from controller.logic.values import MeterReading
from drivers import registry
from drivers.bus import Buses
from drivers.mock.meter_images import MANUALS, Shown
from drivers.mock.modbus_peer import with_crc
from hil.virtual import run_virtual
from tests.drivers.driver_rig import section
from tests.drivers.fuzzing import fuzzed

SHOWN = Shown((230.0, 231.0, 229.0), (16.0, 15.5, 16.5), (3680.0, 3580.5, 3778.5), 1_234_000)
FRAMES = 8
ANSWERS_S = 0.02

Spoil = Callable[[bytes, bytes], list[bytes]]  # request and true answer to the pieces that arrive


class Wire(asyncio.Transport):
    """The serial port under pymodbus, on the loop's own (virtual) time."""

    def __init__(self, protocol: Any, answer: Callable[[bytes], list[bytes]]) -> None:
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


def flipped(data: bytes, bits: list[int]) -> bytes:
    number = int.from_bytes(data, "big")
    for bit in bits:
        number ^= 1 << bit % (8 * len(data))
    return number.to_bytes(len(data), "big")


_JUNK = st.binary(max_size=12)
_BODY = st.tuples(st.integers(0, 255), st.sampled_from([1, 3, 4, 6, 0x83, 0x84]), st.binary(max_size=20))
SPOILED: st.SearchStrategy[Spoil] = st.one_of(
    st.binary(max_size=200).map(lambda data: lambda asked, true: [data]),
    st.lists(st.integers(0, 2000), min_size=1, max_size=3, unique=True).map(
        lambda bits: lambda asked, true: [flipped(true, bits)]
    ),
    st.integers(0, 150).map(lambda length: lambda asked, true: [true[:length]]),
    st.tuples(_JUNK, _JUNK).map(lambda junk: lambda asked, true: [junk[0] + true + junk[1]]),
    st.integers(0, 150).map(lambda at: lambda asked, true: [true[:at], true[at:]]),
    st.just(lambda asked, true: [asked, true]),  # an adapter that echoes
    st.just(lambda asked, true: [asked]),
    _BODY.map(lambda body: lambda asked, true: [with_crc(bytes([body[0], body[1], len(body[2])]) + body[2])]),
    _BODY.map(lambda body: lambda asked, true: [with_crc(bytes([1, body[1], len(body[2])]) + body[2]), true]),
    st.integers(1, 6).map(lambda code: lambda asked, true: [with_crc(bytes([1, 0x84, code]))]),
    st.integers(0, 255).map(lambda other: lambda asked, true: [with_crc(bytes([other]) + asked[1:-2]), true]),
)


async def polls(spoiled: list[Spoil]) -> list[MeterReading | DeviceError]:
    """Return what comes of one poll for each spoiled answer, and of two that are left alone."""
    slave = MANUALS["sdm630"].slave(1, SHOWN)
    left = list(spoiled)

    def answer(asked: bytes) -> list[bytes]:
        assert slave.answer is not None
        true = with_crc(bytes([1]) + slave.answer(asked[1:-2]))
        return left.pop(0)(asked, true) if left else [true]

    async def connect(loop: Any, factory: Callable[[], Any], *_: Any, **__: Any) -> tuple[Wire, Any]:
        protocol = factory()
        wire = Wire(protocol, answer)
        loop.call_soon(protocol.connection_made, wire)
        return wire, protocol

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pymodbus.transport.transport.create_serial_connection", connect)
        buses = Buses((), (), monotonic=asyncio.get_running_loop().time)
        meter = registry.build(section("meter", "modbus", port="/dev/ttyX", retries=0), buses)
        found: list[MeterReading | DeviceError] = []
        for _ in range(len(spoiled) + 2):
            try:
                found.append(await meter.read())
            except DeviceError as error:
                found.append(error)
        buses.close()
    return found


def is_true(reading: MeterReading) -> bool:
    return (reading.voltage_v, reading.current_a, reading.energy_import_wh) == (SHOWN.volts, SHOWN.amps, 1_234_000)


@fuzzed(frames_an_example=FRAMES)
@given(st.lists(SPOILED, min_size=FRAMES, max_size=FRAMES))
def test_a_spoiled_answer_is_an_error_in_one_line_or_the_truth(spoiled: list[Spoil]) -> None:
    found = run_virtual(polls(spoiled))
    for each in found:
        assert is_true(each) if isinstance(each, MeterReading) else "\n" not in str(each), each
    assert isinstance(found[-1], MeterReading), "left alone, it is read again"
