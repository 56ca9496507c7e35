"""The Modbus meter on the bytes of an SDM630 peer over a pseudo-terminal."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from controller.hal import DeviceError, DeviceGone, DeviceSilent, ImplausibleReading
from drivers import registry
from drivers.bus import Buses
from drivers.meter.modbus import ModbusMeter
from drivers.mock.sdm630_peer import MeterFace, Sdm630Peer, with_crc
from hil.contracts.energy_meter import EnergyMeterContract
from tests.drivers.driver_rig import section
from tests.drivers.pty_link import PtyLink

pytestmark = [pytest.mark.wire, pytest.mark.asyncio]


def registers(volts: tuple[float, ...], amps: tuple[float, ...], watts: float, wh: int) -> dict[int, float]:
    return {
        **dict(zip((0x00, 0x02, 0x04), volts, strict=True)),
        **dict(zip((0x06, 0x08, 0x0A), amps, strict=True)),
        **dict.fromkeys((0x0C, 0x0E, 0x10), watts / 3),
        0x34: watts,
        0x46: 50.0,
        0x48: wh / 1000,
        0x4A: 0.0,
    }


class Line:
    """Several meters at one pseudo-terminal."""

    def __init__(self, *addresses: int) -> None:
        self.faces = {
            address: MeterFace(address, registers((230.0,) * 3, (0.0,) * 3, 0.0, 1000)) for address in addresses
        }
        self._peers = [Sdm630Peer(lambda a=address: self.faces[a]) for address in addresses]  # type: ignore[misc]

    def receive(self, data: bytes, now: float) -> None:
        for peer in self._peers:
            peer.receive(data, now)

    def deadline(self) -> float | None:
        return min((at for peer in self._peers if (at := peer.deadline()) is not None), default=None)

    def take(self, now: float) -> bytes:
        return b"".join(peer.take(now) for peer in self._peers)

    def shows(self, address: int, **changes: Any) -> None:
        face = self.faces[address]
        self.faces[address] = MeterFace(**{"address": address, "registers": face.registers, **changes})


class Rig:
    monotonic = staticmethod(time.monotonic)

    def __init__(self, path: Path) -> None:
        self.line = Line(1, 2)
        self.link = PtyLink(path, self.line)
        self.plug = self.link.plug
        self.unplug = self.link.unplug
        self.buses = Buses((), ())
        self.plug()
        self.meter = self.build()

    def build(self, **settings: Any) -> ModbusMeter:
        values = {"port": str(self.link.path), "answer_within_s": 0.1, "retries": 1, **settings}
        meter: ModbusMeter = registry.build(section("meter", "modbus", **values), self.buses)
        return meter

    def shows(self, volts: tuple[float, ...], amps: tuple[float, ...], watts: float, wh: int) -> None:
        self.line.shows(1, registers=registers(volts, amps, watts, wh))

    def silence(self, silent: bool) -> None:
        shown = registers((230.0,) * 3, (0.0,) * 3, 0.0, 1000)
        self.line.shows(1, registers=None if silent else shown)

    def spoil(self, times: int, how: Callable[[bytes], bytes]) -> None:
        """Spoil the next answers on their way."""
        left = [how] * times
        self.link.mangle = lambda data: left.pop()(data) if left else data


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path / "meter1")
    yield rig
    rig.buses.close()
    rig.link.unplug()


class TestModbusMeter(EnergyMeterContract):
    """The contract, run over the bytes of an SDM630."""


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "a flipped bit": lambda data: data[:10] + bytes([data[10] ^ 1]) + data[11:],
    "half a frame": lambda data: data[: len(data) // 2],
    "nothing": lambda data: b"",
    "noise before the frame": lambda data: b"\xff\x00\x55" + data,
    "an answer of another length": lambda data: bytes.fromhex("01040400000000fb84"),
    "an echo of something else": lambda data: bytes.fromhex("0204") + data[2:],
}


@pytest.mark.parametrize("how", SPOILED.values(), ids=SPOILED)
async def test_one_bad_frame_changes_nothing(rig: Rig, how: Callable[[bytes], bytes]) -> None:
    await rig.meter.read()
    rig.spoil(1, how)
    assert (await rig.meter.read()).energy_import_wh == 1000


async def test_bad_frames_only_are_silence_that_names_what_to_check(rig: Rig) -> None:
    rig.line.shows(1, garbled=True)
    with pytest.raises(DeviceSilent) as caught:
        await rig.meter.read()
    assert str(caught.value) == (
        f"Eastron SDM630 on {rig.link.path} address 1: 157 bytes came that are no answer (checksum) at {rig.link.path}, "
        "9600 baud 8N1 (check baud and parity of the meter; a second meter with the same address; termination and shield of "
        "the line)"
    )


async def test_a_silent_meter_names_wires_address_and_settings(rig: Rig) -> None:
    rig.silence(True)
    with pytest.raises(DeviceSilent) as caught:
        await rig.meter.read()
    assert str(caught.value) == (
        f"Eastron SDM630 on {rig.link.path} address 1: no answer at {rig.link.path}, 9600 baud 8N1 "
        "(check wires A and B, address 1, baud and parity)"
    )


class Chatty:
    """Something else that talks on the line whenever we ask; `before`: ahead of the meter's answer."""

    def __init__(self, line: Line, says: Callable[[bytes], bytes]) -> None:
        self._line = line
        self._says = says
        self._now: list[bytes] = []

    def receive(self, data: bytes, now: float) -> None:
        self._now.append(self._says(data))
        self._line.receive(data, now)

    def deadline(self) -> float | None:
        return 0.0 if self._now else self._line.deadline()

    def take(self, now: float) -> bytes:
        said, self._now = b"".join(self._now), []
        return said + self._line.take(now)


async def test_an_adapter_that_echoes_is_read_all_the_same(rig: Rig) -> None:
    rig.link.peer = Chatty(rig.line, lambda data: data)
    assert (await rig.meter.read()).energy_import_wh == 1000
    meter = rig.build(model="sdm72dm_v2")
    assert (await meter.read()).energy_import_wh == 1000


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (lambda data: data, "hears only its own request: the adapter echoes, the meter is silent"),
        (lambda data: with_crc(bytes.fromhex("1e0400000002")), "another master is on the line: it asks address 30"),
        (lambda data: with_crc(bytes.fromhex("07040400000001")), "address 7 answers instead"),
        (lambda data: b"\xff\x00\xfe\x80", "4 bytes came that are no answer (checksum)"),
    ],
    ids=["echo", "two masters", "another address", "noise"],
)
async def test_what_comes_instead_of_an_answer_is_told_apart(
    rig: Rig, says: Callable[[bytes], bytes], told: str
) -> None:
    rig.silence(True)
    rig.link.peer = Chatty(rig.line, says)
    with pytest.raises(DeviceSilent) as caught:
        await rig.meter.read()
    assert told in str(caught.value)


async def test_a_meter_that_refuses_the_registers_asks_for_the_model(rig: Rig) -> None:
    meter = rig.build(model="iem3155", address=2, baud=9600, parity="N")
    with pytest.raises(
        ImplausibleReading, match=r"iEM3155 on .*address 2: refuses function 3.*illegal function.*this model"
    ):
        await meter.read()


async def test_a_port_that_was_never_there_is_gone(rig: Rig, tmp_path: Path) -> None:
    meter = rig.build(port=str(tmp_path / "ttyUSB7"))
    with pytest.raises(DeviceGone, match=r"ttyUSB7 is not there \(is the adapter plugged in\?"):
        await meter.read()


async def test_a_port_that_another_program_holds_is_named(rig: Rig) -> None:
    import serial

    with (
        serial.Serial(str(rig.link.path), exclusive=True),
        pytest.raises(DeviceGone, match="in use by another program"),
    ):
        await rig.meter.read()
    assert (await rig.meter.read()).energy_import_wh == 1000


async def test_a_meter_unplugged_while_it_is_asked_is_gone(rig: Rig) -> None:
    await rig.meter.read()
    rig.silence(True)
    asking = asyncio.create_task(rig.meter.read())
    await asyncio.sleep(0.15)
    rig.unplug()
    with pytest.raises(DeviceGone, match=r"vanished|not there"):
        await asking


async def test_meters_of_one_line_take_turns(rig: Rig) -> None:
    other = rig.build(address=2)
    rig.line.shows(2, registers=registers((400.0,) * 3, (0.0,) * 3, 0.0, 7000))
    readings = await asyncio.gather(rig.meter.read(), other.read(), rig.meter.read(), other.read())
    assert [reading.energy_import_wh for reading in readings] == [1000, 7000, 1000, 7000]


async def test_a_silent_meter_does_not_silence_the_others_of_its_line(rig: Rig) -> None:
    other = rig.build(address=2)
    rig.silence(True)
    results = await asyncio.gather(rig.meter.read(), other.read(), return_exceptions=True)
    assert isinstance(results[0], DeviceSilent)
    assert not isinstance(results[1], BaseException)


async def test_the_meter_gets_its_pause_between_requests(rig: Rig) -> None:
    """The peer ignores what comes less than 50 ms after its answer; the map asks for 100 ms."""
    times = []
    for _ in range(3):
        await rig.meter.read()
        times.append(time.monotonic())
    assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(times))
    assert len(rig.link.heard) == 3, "no request was repeated"


async def test_different_line_settings_on_one_port_are_refused_naming_both(rig: Rig) -> None:
    with pytest.raises(DeviceError, match=r"wants 2400 baud 8E1, but test.toml \[meter\] set .* to 9600 baud 8N1"):
        rig.build(address=2, baud=2400, parity="E")


async def test_the_port_closes_with_the_last_meter(rig: Rig) -> None:
    import serial

    other = rig.build(address=2)
    await rig.meter.read()
    await rig.meter.close()
    assert (await other.read()).energy_import_wh == 1000
    await other.close()
    serial.Serial(str(rig.link.path), exclusive=True).close()


async def test_an_answer_to_a_cancelled_request_is_not_taken_for_that_to_the_next(rig: Rig) -> None:
    """The currents have as many words as the voltages, so only waiting tells their answers apart."""
    rig.shows((230.0,) * 3, (16.0,) * 3, 11_040.0, 1000)
    meter = rig.build(model="sdm72dm_v2", answer_within_s=0.3)
    rig.link.lag_s = 0.2
    reading = asyncio.create_task(meter.read())
    await rig.link.heard_at_least(2)
    reading.cancel()
    assert (await meter.read()).voltage_v == pytest.approx((230, 230, 230))


async def test_an_unknown_model_is_refused_with_the_settings(rig: Rig) -> None:
    with pytest.raises(ValueError, match=r"model = 'sdm': no meter model 'sdm'; known models: abb_b23"):
        rig.build(model="sdm")
