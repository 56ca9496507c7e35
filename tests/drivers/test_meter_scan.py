"""Meters are found by speed, address and model: on the bytes of real maps, at a terminal that garbles what comes at another speed."""

from __future__ import annotations

import asyncio
import termios
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from controller.hal import DeviceGone
from controller.logic.values import MeterReading
from drivers.meter.modbus_line import LineFormat
from drivers.meter.scan import FoundMeter, formats_of, is_living, scan
from drivers.mock.meter_images import MANUALS, Shown
from drivers.mock.modbus_peer import ModbusPeer, RegisterBank, Slave, answer_from
from tests.drivers.pty_link import PtyLink

pytestmark = [pytest.mark.wire, pytest.mark.asyncio]
SPEEDS = {2400: termios.B2400, 9600: termios.B9600, 19200: termios.B19200}


class Bus:
    def __init__(self, *peers: ModbusPeer) -> None:
        self._peers = peers

    def receive(self, data: bytes, now: float) -> None:
        for peer in self._peers:
            peer.receive(data, now)

    def deadline(self) -> float | None:
        return min((at for peer in self._peers if (at := peer.deadline()) is not None), default=None)

    def take(self, now: float) -> bytes:
        return b"".join(peer.take(now) for peer in self._peers)


class Speedy(PtyLink):
    """A line of one speed. (A pseudo-terminal has no parity.)"""

    def __init__(self, path: Path, peer: Bus, baud: int) -> None:
        super().__init__(path, peer)
        self._baud = baud
        self.mangle = self._mangled

    def _mangled(self, data: bytes) -> bytes:
        is_right = termios.tcgetattr(self._master)[5] == SPEEDS[self._baud]
        return data if is_right else bytes(byte ^ 0xA5 for byte in data[::2])


@pytest_asyncio.fixture
async def links(tmp_path: Path) -> AsyncIterator[list[Speedy]]:
    made: list[Speedy] = []
    yield made
    for link in made:
        link.unplug()


SHOWN = Shown((230.0, 231.0, 229.0), (16.0, 15.5, 0.25), (3680.0, 3580.5, 57.25), 1_234_000)


def peer_of(name: str, address: int) -> ModbusPeer:
    return ModbusPeer(lambda: MANUALS[name].slave(address, SHOWN, answers_after_s=0.02))


async def found_on(link: Speedy, addresses: range, formats: list[LineFormat] | None) -> list[FoundMeter]:
    link.plug()
    return [meter async for meter in scan(str(link.path), addresses, formats, lambda done, whole, where: None)]


async def test_every_meter_is_found_as_what_it_is(links: list[Speedy], tmp_path: Path) -> None:
    """A few at a time, each on a line of its own."""
    places = asyncio.Semaphore(5)

    async def found_as(name: str) -> FoundMeter:
        links.append(link := Speedy(tmp_path / name, Bus(peer_of(name, 2)), 9600))
        async with places:
            (meter,) = await found_on(link, range(2, 3), [LineFormat(9600, "N", 1)])
        return meter

    found = dict(zip(MANUALS, await asyncio.gather(*map(found_as, MANUALS)), strict=True))
    for name, meter in found.items():
        assert meter.address == 2
        assert meter.reading is not None and meter.reading.energy_import_wh > 0
        assert meter.models[0] == name, meter.models


async def test_speed_and_addresses_are_found_and_progress_is_told(links: list[Speedy], tmp_path: Path) -> None:
    links.append(Speedy(tmp_path / "tty", Bus(peer_of("iem3155", 3), peer_of("pro380", 5)), 19200))
    links[0].plug()
    told: list[tuple[int, int, str]] = []
    formats = [LineFormat(9600, "N", 1), LineFormat(19200, "N", 1)]
    meters = [meter async for meter in scan(str(links[0].path), range(2, 6), formats, lambda *what: told.append(what))]
    assert [(meter.address, meter.format.baud, meter.models[0]) for meter in meters] == [
        (3, 19200, "iem3155"),
        (5, 19200, "pro380"),
    ]
    assert [done for done, _, _ in told] == list(range(8)) and {whole for _, whole, _ in told} == {8}


async def test_something_that_is_no_known_meter_is_told_as_such(links: list[Speedy], tmp_path: Path) -> None:
    links.append(
        Speedy(
            tmp_path / "tty",
            Bus(
                ModbusPeer(lambda: Slave(9, lambda request: answer_from({3: RegisterBank(125, {0: 1, 1: 2})}, request)))
            ),
            9600,
        )
    )
    (meter,) = await found_on(links[0], range(9, 10), [LineFormat(9600, "N", 1)])
    assert (meter.address, meter.models, meter.reading) == (9, (), None)


async def test_a_serial_number_is_told_where_the_meter_has_one(links: list[Speedy], tmp_path: Path) -> None:
    links.append(Speedy(tmp_path / "tty", Bus(peer_of("abb_b23", 1)), 9600))
    (meter,) = await found_on(links[0], range(1, 2), [LineFormat(9600, "N", 1)])
    assert meter.serial_number == "1234567"


async def test_a_port_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceGone, match="ttyX is not there"):
        async for _ in scan(str(tmp_path / "ttyX"), range(1, 2), None, lambda *what: None):
            raise AssertionError("nothing is there")


async def test_a_silent_address_costs_little(links: list[Speedy], tmp_path: Path) -> None:
    links.append(Speedy(tmp_path / "tty", Bus(), 9600))
    began = time.monotonic()
    assert await found_on(links[0], range(1, 6), [LineFormat(9600, "N", 1)]) == []
    assert len(links[0].heard) == 5, "a silent address is asked once"
    assert time.monotonic() - began < 5.0


async def test_every_shipped_format_is_tried_the_commonest_first() -> None:
    from drivers.meter.model import known_models, load_model

    formats = formats_of(load_model(name) for name in known_models())
    assert formats[0] == LineFormat(9600, "N", 1) and len(set(formats)) == len(formats) >= 5


@pytest.mark.parametrize(
    ("reading", "is_meter"),
    [
        (MeterReading(0.0, (230.0,), (0.0,), 0.0, 0, frequency_hz=50.0), True),
        (MeterReading(0.0, (230.0, 0.0, 0.0), (0.0,) * 3, 0.0, 5, frequency_hz=50.0), True),
        (MeterReading(0.0, (0.0,), (0.0,), 0.0, 5), False),
        (MeterReading(0.0, (23.0,), (0.0,), 0.0, 5), False),
        (MeterReading(0.0, (2300.0,), (0.0,), 0.0, 5), False),
        (MeterReading(0.0, (230.0,), (0.0,), 0.0, 5, frequency_hz=5.0), False),
        (MeterReading(0.0, (), (), 0.0, 0), False),
        (MeterReading(0.0, (), (), 10.0, 7), True),
    ],
)
async def test_a_living_meter_is_told_from_another_maps_registers(reading: MeterReading, is_meter: bool) -> None:
    assert is_living(reading) is is_meter
