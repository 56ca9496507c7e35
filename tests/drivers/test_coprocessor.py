"""A pilot that a co-processor decodes: its frames, its line, and the machine's sequences behind it."""

from __future__ import annotations

import fcntl
import os
import termios
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from controller.hal import (
    DeviceError,
    DeviceGone,
    DeviceSilent,
    ImplausibleReading,
    LowPlateau,
    PilotDecoded,
    plateaus_of,
)
from controller.logic.evse import PilotState
from controller.logic.plateau import LOW_PLATEAU_V, band_of
from drivers import registry
from drivers.bus import Buses
from drivers.pilot.coprocessor import Coprocessor, Frame, FrameParser
from tests.drivers.driver_rig import HandClock, section
from tests.drivers.fuzzing import flipped, fuzzed, spoiled
from tests.safety.safety_world import SafetyWorld

LETTERS = {state: ("?" if state is PilotState.INVALID else state.value) for state in PilotState}
LOWS = {LowPlateau.NEGATIVE: "N", LowPlateau.NO_DIODE: "D", LowPlateau.NO_PWM: "P", LowPlateau.UNKNOWN: "U"}


def crc8_by_table(data: bytes) -> int:
    """CRC-8 by the polynomial's division, bit for bit, as a firmware's author would check it by hand."""
    value = int.from_bytes(data + b"\0", "big")
    for bit in range(8 * len(data) + 7, 7, -1):
        if value >> bit & 1:
            value ^= 0x107 << bit - 8
    return value


def wire(sequence: int, state: str = "A", low: str = "U", duty: int = 255, version: int = 1) -> bytes:
    body = bytes([0x50, version, sequence & 0xFF, ord(state), ord(low), duty])
    return body + bytes([crc8_by_table(body)])


def frames(*chunks: bytes) -> list[Frame]:
    parser = FrameParser()
    return [frame for chunk in chunks for frame in parser.feed(chunk)]


@pytest.mark.parametrize("state", PilotState)
@pytest.mark.parametrize("low", LowPlateau)
def test_every_state_and_plateau_comes_across(state: PilotState, low: LowPlateau) -> None:
    assert frames(wire(7, LETTERS[state], LOWS[low], 53)) == [Frame(7, state, low, 26.5)]


@pytest.mark.parametrize(
    ("chunks", "sequences"),
    [
        ((wire(1) + wire(2),), [1, 2]),
        (tuple(bytes([byte]) for byte in wire(1) + wire(2)), [1, 2]),
        ((b"\x50\x50\x01" + wire(3),), [3]),
        ((wire(4)[:5] + wire(5),), [5]),
        ((wire(6, "X"),), []),
        ((wire(6, "A", "X"),), []),
        ((wire(6, duty=201),), []),
        ((wire(6)[:-1] + b"\x00" + wire(7),), [7]),
    ],
)
def test_frames_are_found_however_they_arrive_and_only_right_ones(
    chunks: tuple[bytes, ...], sequences: list[int]
) -> None:
    assert [frame.sequence for frame in frames(*chunks)] == sequences


def test_the_document_s_example_is_a_frame() -> None:
    body = bytes.fromhex("50 01 07 42 4E 35")
    assert frames(body + bytes([crc8_by_table(body)])) == [Frame(7, PilotState.B, LowPlateau.NEGATIVE, 26.5)]


SENT, SAYS = wire(9, "C", "N", 53), Frame(9, PilotState.C, LowPlateau.NEGATIVE, 26.5)


@pytest.mark.parametrize("bit", range(8 * len(SENT)))
def test_a_flipped_bit_makes_no_frame(bit: int) -> None:
    assert frames(flipped(SENT, [bit])) == []


def was_sent(frame: Frame, data: bytes) -> bool:
    """Whether the bytes of just this frame are among the data, its checksum too."""
    duty = 255 if frame.duty_pct is None else round(2 * frame.duty_pct)
    return wire(frame.sequence, LETTERS[frame.state], LOWS[frame.low], duty) in data


@fuzzed(
    st.one_of(
        st.binary(max_size=60),
        st.builds(
            wire,
            st.integers(0, 255),
            st.sampled_from([*LETTERS.values(), "X"]),
            st.sampled_from([*LOWS.values(), "x"]),
            st.sampled_from([0, 53, 200, 201, 255]),
            st.sampled_from([1, 1, 1, 2]),
        ),
    ),
    spoiled,
)
def test_no_bytes_make_a_frame_that_was_not_sent(frame: bytes) -> None:
    found = frames(frame, b"\x00" * 7, SENT)
    assert found[-1] == SAYS, "whatever came before, the next frame is found"
    assert all(was_sent(each, frame + b"\x00" * 7 + SENT) for each in found)


# --- on its line ------------------------------------------------------------------------------------------------------------


class Line:
    def __init__(self, path: Path) -> None:
        self.path, self.clock, self._master = path, HandClock(), -1
        self.buses = Buses((), (), monotonic=self.clock)
        self.plug()
        self.sense: Coprocessor = registry.build(section("pilot_sense", "coprocessor", port=str(path)), self.buses)
        self.sequence = 0

    def plug(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path.symlink_to(os.ttyname(slave))
        self._slave = slave

    def unplug(self) -> None:
        os.close(self._master)
        os.close(self._slave)
        self.path.unlink()

    def send(self, data: bytes) -> None:
        """Return once all of it has come: a terminal's other end gets it by and by."""
        wanted = self._pending() + len(data)
        os.write(self._master, data)
        deadline = time.monotonic() + 5.0
        while self._pending() < wanted and time.monotonic() < deadline:
            time.sleep(0.0005)

    def _pending(self) -> int:
        return int.from_bytes(fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)), "little")

    def tell(self, state: str, low: str = "U") -> None:
        self.sequence += 1
        self.send(wire(self.sequence, state, low))

    def look(self) -> PilotDecoded:
        self.clock.sleep(0.01)
        self.sense.begin()
        return self.sense.collect()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path / "mcu")
    yield line
    line.buses.close()


def test_the_newest_frame_is_the_reading_and_is_no_younger_than_it_can_be(line: Line) -> None:
    with pytest.raises(DeviceSilent, match="has sent no frame yet"):
        line.look()
    before = line.clock()
    line.tell("B")
    line.tell("C", "N")
    assert line.look() == PilotDecoded(PilotState.C, LowPlateau.NEGATIVE, before)


def test_silence_and_a_sequence_that_stands_grow_old(line: Line) -> None:
    line.sense.begin()
    line.tell("B")
    first = line.look()
    for _ in range(20):
        line.send(wire(line.sequence, "A"))
        assert line.look() == first
    line.tell("A")
    assert line.look().state is PilotState.A


def test_another_version_is_told_and_is_no_reading(line: Line) -> None:
    line.sense.begin()
    line.send(wire(1, version=2))
    with pytest.raises(ImplausibleReading, match=r"speaks version 2, not 1 \(flash"):
        line.look()


def test_an_unplugged_one_is_gone_and_is_opened_again(line: Line) -> None:
    line.sense.begin()
    line.tell("B")
    assert line.look().state is PilotState.B
    line.unplug()
    for _ in range(3):
        with pytest.raises(DeviceError):
            line.look()
    line.plug()
    line.clock.sleep(1.0)
    line.sense.begin()
    line.tell("C")
    assert line.look().state is PilotState.C


def test_what_is_no_serial_port_is_named(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "none", "is it plugged in"), (Path("/dev/null"), "is no serial port")):
        sense = registry.build(section("pilot_sense", "coprocessor", port=str(path)), Buses((), ()))
        with pytest.raises(DeviceGone, match=says):
            sense.begin()


# --- behind it, the same machine ----------------------------------------------------------------------------------------------


def test_measured_readings_pass_as_they_are() -> None:
    decoded = plateaus_of(PilotDecoded(PilotState.INVALID, LowPlateau.NO_PWM, 5.0))
    assert band_of(decoded.high_v) is PilotState.INVALID and plateaus_of(decoded) is decoded
    for state in PilotState:
        assert band_of(plateaus_of(PilotDecoded(state, LowPlateau.UNKNOWN, 5.0)).high_v) is state


class Decoding:
    """The simulated sense behind a co-processor. state, duty_off_pct: what it says instead of the truth."""

    def __init__(self, sense: Any, duty: Callable[[], float | None]) -> None:
        self._sense, self._duty = sense, duty
        self.begin = sense.begin
        self.state: PilotState | None = None
        self.is_dead = False
        self.duty_off_pct = 0.0
        self._last: PilotDecoded | None = None

    def collect(self) -> PilotDecoded:
        seen = self._sense.collect()
        low, duty = LowPlateau.UNKNOWN, self._duty()
        if duty is not None:
            duty = round(2 * (duty + self.duty_off_pct)) / 2
            good = LOW_PLATEAU_V[0] <= seen.low_v <= LOW_PLATEAU_V[1]
            low = LowPlateau.NEGATIVE if good else LowPlateau.NO_DIODE if seen.low_v < 0 else LowPlateau.NO_PWM
        if not self.is_dead or self._last is None:
            self._last = PilotDecoded(self.state or band_of(seen.high_v), low, seen.high_at_s, duty)
        return self._last


@pytest.fixture(params=[True, False], ids=["ticked", "by deadlines"])
def world(request: pytest.FixtureRequest) -> SafetyWorld:
    def wrap(name: str, port: Any) -> Any:
        if name != "pilot_sense":
            return port
        made.append(Decoding(port, lambda: made_world[0].plant.evses[1].duty_pct if made_world else None))
        return made[-1]

    made: list[Decoding] = []
    made_world: list[SafetyWorld] = []
    world = SafetyWorld(ticked=request.param, wrap=wrap)
    made_world.append(world)
    world.decoding = made[-1]  # type: ignore[attr-defined]
    return world


def until(world: SafetyWorld, holds: Callable[[], bool], within_s: float) -> float:
    began = world.now
    assert world.run(within_s, holds), world.facts()
    return world.now - began


def test_it_charges_and_opens_in_time_when_the_vehicle_leaves(world: SafetyWorld) -> None:
    world.charge()
    assert world.facts().pilot is PilotState.C
    world.verb("unplug", evse=1)
    assert until(world, lambda: not world.commanded(), 0.2) <= 0.060


def test_a_vehicle_without_diode_never_gets_power(world: SafetyWorld) -> None:
    world.verb("fault", evse=1, kind="diode")
    world.verb("plug_in", evse=1)
    world.permit()
    world.run(10.0)
    assert not world.commanded() and world.facts().faults == ("pilot_diode",)


def test_a_short_and_an_undecided_state_open(world: SafetyWorld) -> None:
    world.charge()
    world.verb("fault", evse=1, kind="cp_short")
    assert until(world, lambda: not world.commanded(), 3.0) <= 0.5
    world.run(0.5)
    assert world.facts().faults == ("pilot_short",)
    world.verb("fault", evse=1, kind="cp_short", clear=True)
    until(world, world.contact_closed, 60.0)
    world.decoding.state = PilotState.INVALID  # type: ignore[attr-defined]
    world.verb("ev", evse=1, pilot="C", draw_a=1)
    assert until(world, lambda: not world.commanded(), 3.0) <= 0.5


def test_one_that_falls_silent_opens_at_150_ms(world: SafetyWorld) -> None:
    world.charge()
    world.decoding.is_dead = True  # type: ignore[attr-defined]
    world.run(0.02)
    world.verb(
        "fault", evse=1, kind="over_temperature", value=30
    )  # something for a loop that only looks when something happens
    assert until(world, lambda: not world.commanded(), 2.0) <= 0.5


def test_one_that_measures_another_duty_opens(world: SafetyWorld) -> None:
    world.charge()
    world.decoding.duty_off_pct = 10.0  # type: ignore[attr-defined]
    world.run(0.02)
    world.verb("fault", evse=1, kind="over_temperature", value=30)
    assert until(world, lambda: "pilot_duty" in world.facts().faults, 2.0) == pytest.approx(1.0, abs=0.05)
    assert not world.commanded()
