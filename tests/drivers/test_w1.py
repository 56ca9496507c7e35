"""The DS18B20 behind the kernel's directory; its reader as a step by hand, and as the process that it is."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import strategies as st

from controller.hal import DeviceError, DeviceGone, DeviceSilent, ImplausibleReading, TemperatureSense
from drivers import registry
from drivers.bus import Buses
from drivers.mock.w1_directory import POWER_ON, W1Directory, crc8
from drivers.temperature import w1, w1_reader
from hil.contracts.temperature import TemperatureSenseContract
from tests.drivers.driver_rig import HandClock, section
from tests.drivers.fuzzing import fuzzed, spoiled

NAME, OTHER = "28-00000a1b2c3d", "28-0119424d21ff"


Make = Callable[..., "W1Rig"]


class W1Rig:
    """The reader's program looks when it is told to."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, sensor: str = "") -> None:
        self.monotonic = HandClock()
        self.bus = W1Directory(root / "devices")
        self.bus.add(NAME)
        self.starts = 0
        self._sensor = sensor
        self.pipe = -1

        def start_reader(root: str, sensor: str, pause_s: float) -> tuple[int, int]:
            self.starts += 1
            assert self.pipe == -1, "the one before is dead"
            ours, self.pipe = os.pipe()
            os.set_blocking(ours, False)
            return 2**22 + 1, ours  # no such process: beyond the highest number of one

        monkeypatch.setattr(w1, "start_reader", start_reader)
        self.buses = Buses((), (), monotonic=self.monotonic)
        settings = {"root": str(self.bus.root), "sensor": sensor}
        self.temperature: TemperatureSense = registry.build(section("temperature", "w1", **settings), self.buses)

    def warm(self, temperature_c: float) -> None:
        self.bus.warm(NAME, temperature_c)

    def break_wire(self) -> None:
        self.bus.remove(NAME)

    def short(self) -> None:
        self.bus.show(NAME, bytes(8))

    def next_period(self) -> None:
        at_s = self.monotonic()
        line = f"{at_s:.6f} {w1_reader.look(str(self.bus.root), self._sensor)}\n".encode()
        os.write(self.pipe, line[:20])
        os.write(self.pipe, line[20:])
        self.monotonic.sleep(1.75)

    def die(self) -> None:
        os.close(self.pipe)
        self.pipe = -1

    def end(self) -> None:
        self.buses.close()
        if self.pipe >= 0:
            self.die()


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    rigs: list[W1Rig] = []

    def make(root: Path, sensor: str = "") -> W1Rig:
        rigs.append(W1Rig(root, monkeypatch, sensor))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.end()


@pytest.fixture
def rig(tmp_path: Path, make: Make) -> W1Rig:
    return make(tmp_path)


class TestW1(TemperatureSenseContract):
    @pytest.fixture
    def rig(self, tmp_path: Path, make: Make) -> W1Rig:
        return make(tmp_path)


def test_the_directory_works_out_checksums_as_the_data_sheet_does() -> None:
    assert crc8(POWER_ON) == 0x1C  # 50 05 4b 46 7f ff 0c 10 1c, as every sensor sends it after power-on
    assert crc8(bytes.fromhex("02 1c b8 01 00 00 00")) == 0xA2  # Maxim application note 27


def test_the_power_on_value_is_no_temperature(rig: W1Rig) -> None:
    rig.next_period()
    with pytest.raises(ImplausibleReading, match="power-on value, 85 degC"):
        rig.temperature.read()
    rig.warm(84.9375)
    rig.next_period()
    assert rig.temperature.read().temperature_c == 84.9375


def test_a_wrong_checksum_is_refused_although_the_kernel_repeats_the_last_good_value(rig: W1Rig) -> None:
    rig.warm(25)
    rig.next_period()
    rig.bus.show(NAME, bytes([0xFF] * 8), checksum=0xFF)
    assert (rig.bus.root / NAME / "w1_slave").read_text().endswith("t=25000\n")
    rig.next_period()
    with pytest.raises(ImplausibleReading, match="its checksum is wrong"):
        rig.temperature.read()


@pytest.mark.parametrize(("bits", "undefined_c"), [(9, 0.4375), (10, 0.1875), (11, 0.0625), (12, 0.0)])
def test_bits_that_a_coarse_resolution_leaves_undefined_are_cleared(rig: W1Rig, bits: int, undefined_c: float) -> None:
    rig.bus.warm(NAME, 25.0 + undefined_c, bits)
    rig.next_period()
    assert rig.temperature.read().temperature_c == 25.0


def test_before_the_first_word_and_after_the_last_there_is_no_reading(rig: W1Rig) -> None:
    with pytest.raises(DeviceSilent, match="has not been read yet"):
        rig.temperature.read()
    rig.warm(25)
    rig.next_period()
    assert rig.temperature.read().temperature_c == 25.0
    rig.monotonic.sleep(5.1)
    with pytest.raises(DeviceSilent, match="is not read any more"):
        rig.temperature.read()


def test_of_several_sensors_one_must_be_named(tmp_path: Path, make: Make) -> None:
    rig = make(tmp_path / "any")
    rig.bus.add(OTHER)
    rig.next_period()
    with pytest.raises(DeviceGone, match=f"is one of several: {NAME} {OTHER} .name one as 'sensor'"):
        rig.temperature.read()
    named = make(tmp_path / "named", sensor=NAME)
    named.bus.add(OTHER)
    named.warm(30)
    named.next_period()
    assert named.temperature.read().temperature_c == 30.0
    named.bus.remove(NAME)
    named.next_period()
    with pytest.raises(DeviceGone, match="No such file"):
        named.temperature.read()


def test_a_reader_that_cannot_be_started_again_is_gone_until_it_can(
    rig: W1Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.die()
    rig.monotonic.sleep(6.0)
    starts = w1.start_reader

    def fails(root: str, sensor: str, pause_s: float) -> tuple[int, int]:
        raise OSError("no memory")

    monkeypatch.setattr(w1, "start_reader", fails)
    with pytest.raises(DeviceGone, match="does not start: no memory"):
        rig.temperature.read()
    with pytest.raises(DeviceSilent):
        rig.temperature.read()
    monkeypatch.setattr(w1, "start_reader", starts)
    rig.monotonic.sleep(6.0)
    with pytest.raises(DeviceSilent):
        rig.temperature.read()
    rig.warm(25)
    rig.next_period()
    assert rig.temperature.read().temperature_c == 25.0


def test_a_reader_that_died_is_started_again_but_not_all_the_time(rig: W1Rig) -> None:
    rig.warm(25)
    rig.next_period()
    rig.temperature.read()
    rig.die()
    for _ in range(3):
        assert rig.temperature.read().temperature_c == 25.0
    assert rig.starts == 1, "it has just been started"
    rig.monotonic.sleep(6.0)
    for _ in range(3):
        with pytest.raises(DeviceSilent):
            rig.temperature.read()
    assert rig.starts == 2
    rig.next_period()
    assert rig.temperature.read().temperature_c == 25.0


LINES = st.builds(
    lambda raw, verdict, word: f"1.0 {word} 28-0 {raw.hex(' ')} : crc=00 {verdict}|{raw.hex(' ')} t=1".encode(),
    st.one_of(st.binary(min_size=9, max_size=9), st.binary(min_size=8, max_size=10)),
    st.sampled_from(["YES"] * 6 + ["NO", "MAYBE", ""]),
    st.sampled_from(["read"] * 6 + ["failed", "found", ""]),
)


def spoiled_line(dice: Random, frame: bytes) -> bytes:
    return spoiled(dice, frame, noise=dice.choice((b"0123456789abcdef", b" :|=.YESNO\n\xff")))


@fuzzed(st.one_of(st.text().map(str.encode), LINES, LINES), spoiled_line)
def test_whatever_the_reader_says_is_a_temperature_of_a_good_checksum_or_an_error(frame: bytes) -> None:
    line = frame.decode("ascii", "replace")
    try:
        reading = w1.reading_of(line, "sensor")
    except DeviceError:
        return
    _, word, _, low, high, *_ = line.split(" ")
    raw = int.from_bytes(bytes.fromhex(low + high), "little", signed=True)
    assert word == "read" and " YES" in line and 0 <= raw / 16 - reading.temperature_c < 0.5


def until(sensor: TemperatureSense, temperature_c: float) -> None:
    ends_at = time.monotonic() + 20.0
    while time.monotonic() < ends_at:
        try:
            if sensor.read().temperature_c == temperature_c:
                return
        except DeviceError:
            pass
        time.sleep(0.01)
    raise AssertionError(f"never {temperature_c}")


@pytest.mark.wire
def test_the_process_reads_never_keeps_the_loop_waiting_and_ends_with_it(tmp_path: Path) -> None:
    bus = W1Directory(tmp_path)
    bus.add(NAME)
    (tmp_path / NAME / "w1_slave").unlink()
    os.mkfifo(tmp_path / NAME / "w1_slave")  # a read waits, as for a conversion
    line = os.open("/dev/zero", os.O_RDONLY)  # such as a GPIO line, held open by the safety process
    os.set_inheritable(line, True)
    buses = Buses((), ())
    sensor = registry.build(section("temperature", "w1", root=str(tmp_path), pause_s=0.1), buses)
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(DeviceSilent):
            sensor.read()
    assert time.monotonic() - began < 0.5
    bus.warm(NAME, 41.5)  # puts a file in the place of the queue
    pid = sensor._pid
    os.kill(pid, signal.SIGKILL)  # it may wait for the queue for ever
    sensor._started_at_s -= w1.RESTART_S
    until(sensor, 41.5)
    pid = sensor._pid
    held = {int(entry.name): os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    assert all("w1_slave" in path for number, path in held.items() if number > 2), held
    buses.close()
    os.close(line)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
