"""The pulse meter: edges of a GPIO line in, energy out; nothing invented, nothing lost that was told."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from controller.hal import DeviceError, DeviceGone
from controller.logic.values import MeterReading
from drivers import registry
from drivers.bus import Buses
from drivers.meter.pulse import PulseMeter
from drivers.meter.pulse_counter import PulseCounter
from drivers.meter.pulse_register import SLOT_BYTES, PulseRegister
from tests.drivers.driver_rig import HandChip, HandChipSettings, HandClock, PageLines, Section, section
from tests.drivers.fuzzing import fuzzed

SHORTEST_S = 0.02


# --- counting -------------------------------------------------------------------------------------------------------------


def counted(*stretches: float, active_first: bool = True, shortest_s: float = SHORTEST_S) -> int:
    """Return the pulses of a line that is inactive for a second, then changes after each stretch, then rests."""
    at_s, level = 1.0, active_first
    counter = PulseCounter(shortest_s, not active_first, 0.0)
    for stretch in stretches:
        counter.edge(level, at_s)
        at_s, level = at_s + stretch, not level
    counter.edge(level, at_s)
    counter.settle(at_s + 1.0)
    return counter.pulses


@pytest.mark.parametrize(
    ("stretches", "pulses"),
    [
        ((0.030,), 1),
        ((0.030, 0.030, 0.030), 2),
        ((0.019,), 0),
        ((0.005, 0.005, 0.005, 0.005, 0.005), 0),
        ((0.030, 0.001, 0.030), 1),
        ((0.001, 0.001, 0.030, 0.001, 0.030, 0.200, 0.050), 2),
        ((0.010, 0.001, 0.010), 0),
        ((3600.0,), 1),
    ],
    ids=[
        "a pulse",
        "two",
        "a spike",
        "hum",
        "a spike in a pulse",
        "bounces",
        "two halves are none",
        "a line that hangs",
    ],
)
def test_what_stands_long_enough_is_a_pulse(stretches: tuple[float, ...], pulses: int) -> None:
    assert counted(*stretches) == pulses


def test_a_line_that_is_active_from_the_start_is_no_pulse() -> None:
    assert counted(0.5, active_first=False) == 1, "only the one that begins"


def test_the_same_level_twice_is_no_pulse() -> None:
    counter = PulseCounter(SHORTEST_S, False, 0.0)
    counter.edge(True, 1.0)
    counter.edge(True, 1.015)
    counter.edge(False, 1.030)
    counter.settle(2.0)
    assert counter.pulses == 0


def test_how_often_they_come_is_known_from_the_second_on_and_falls_while_none_comes() -> None:
    counter = PulseCounter(SHORTEST_S, False, 0.0)
    assert counter.per_second(5.0) == 0
    for at_s in (10.0, 12.0):
        counter.edge(True, at_s)
        counter.edge(False, at_s + 0.03)
        counter.settle(at_s + 1)
        assert counter.per_second(at_s + 1) == (0 if at_s == 10.0 else 0.5)
    assert counter.per_second(14.0) == 0.5 and counter.per_second(32.0) == 0.05


TICK_S = 2**-20  # times are whole ticks, so that sums are exact
Stretches = tuple[int, ...]  # in ticks: each level, one after the other


def others(dice: Random, _: Stretches) -> Stretches:
    """Most near the shortest time that counts, some far from it."""
    limit = SHORTEST_S / TICK_S
    longest = dice.choice((1.02, 2.0, 5.0))
    return tuple(
        int(limit * longest * dice.random()) if dice.random() < 0.5 else int(limit) + dice.randrange(3)
        for _ in range(dice.randrange(60))
    )


@fuzzed(st.lists(st.integers(0, round(0.1 / TICK_S)), max_size=60).map(tuple), others)
def test_no_stretch_is_more_than_one_pulse_and_long_ones_are_one_each(frame: Stretches) -> None:
    stretches = [ticks * TICK_S for ticks in frame]
    believed = [(number % 2 == 0) for number, each in enumerate(stretches) if each >= SHORTEST_S]
    onsets = [level for level, _ in itertools.groupby([False, *believed])]
    at_rest = len(stretches) % 2 == 1  # after an odd number of stretches the line rests inactive, else active
    expected = sum(onsets) + (0 if at_rest or (believed and believed[-1]) else 1)
    assert counted(*stretches) == expected


# --- the register ---------------------------------------------------------------------------------------------------------


def test_a_register_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "meter.register"
    register = PulseRegister(path, 5_000, "meter")
    size = path.stat().st_size
    for micro_wh in (6_000, 7_000, 7_001):
        register.save(micro_wh)
    register.close()
    again = PulseRegister(path, 0, "meter")
    assert again.micro_wh == 7_001 and path.stat().st_size == size
    again.close()


@pytest.mark.parametrize("torn_at", range(0, SLOT_BYTES, 3))
def test_a_write_that_a_power_cut_tears_leaves_the_value_before_or_the_new_one(tmp_path: Path, torn_at: int) -> None:
    path = tmp_path / "meter.register"
    register = PulseRegister(path, 0, "meter")
    for micro_wh in (1_000, 2_000):
        register.save(micro_wh)
    before = path.read_bytes()
    register.save(3_000)
    register.close()
    after = path.read_bytes()
    first = next(at for at in range(len(before)) if before[at] != after[at]) // 4096 * 4096
    path.write_bytes(before[:first] + after[first : first + torn_at] + before[first + torn_at :])
    torn = PulseRegister(path, 0, "meter")
    assert torn.micro_wh in (2_000, 3_000)
    torn.close()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is damaged, or is no register (remove it to begin anew at `start_kwh`"),
        (b"12345\n", "is damaged"),
        (b"1 5000 00000000\n".ljust(64), "is damaged"),
    ],
)
def test_a_damaged_register_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "meter.register"
    path.write_bytes(content)
    with pytest.raises(DeviceGone) as caught:
        PulseRegister(path, 0, "meter")
    assert f"meter: {path} {told}" in str(caught.value) and path.read_bytes() == content


def test_two_programs_do_not_share_a_register(tmp_path: Path) -> None:
    path = tmp_path / "meter.register"
    register = PulseRegister(path, 0, "meter")
    with pytest.raises(DeviceGone, match=r"in use by another program \(does a station run already\?\)"):
        PulseRegister(path, 0, "meter")
    register.close()


# --- the driver -----------------------------------------------------------------------------------------------------------

PIN = 6


class PulseRig:
    """A line with edge events whose stamps are on a hand clock."""

    def __init__(self, directory: Path) -> None:
        self.clock = HandClock()
        self.path = directory / "meter.register"
        self.chip = HandChip(self.clock)
        self.bus = Section("bus", "hand_chip", "gpio", HandChipSettings(self.chip))
        self.start()

    def start(self, **settings: Any) -> None:
        self.buses = Buses((self.bus,), (), monotonic=self.clock)
        values = {"pin": PIN, "pulses_per_kwh": 1000, "register": str(self.path), "start_kwh": 12.5, **settings}
        self.meter: PulseMeter = registry.build(section("meter", "pulse", **values), self.buses)

    def pulse(self, times: int = 1, every_s: float = 1.0, width_s: float = 0.05) -> None:
        pin = self.chip.pins[PIN]
        for _ in range(times):
            pin.drive(False)
            self.clock.now += width_s
            pin.drive(True)
            self.clock.now += every_s - width_s

    def read(self) -> MeterReading:
        return asyncio.run(self.meter.read())

    def kill(self) -> None:
        """End as a killed process does: nothing is closed in order, the kernel lets go of the file."""
        register = self.meter._register
        if register is not None:
            os.close(register._file)
        self.chip.forget()


@pytest.fixture
def rig(tmp_path: Path, test_buses: None) -> Iterator[PulseRig]:
    rig = PulseRig(tmp_path)
    yield rig
    rig.chip.forget()


def test_pulses_are_energy_and_their_spacing_is_power(rig: PulseRig) -> None:
    first = rig.read()
    assert (first.energy_import_wh, first.power_w, first.voltage_v, first.current_a) == (12_500, 0.0, (), ())
    rig.pulse(10, every_s=0.5)
    reading = rig.read()
    assert (reading.energy_import_wh, reading.power_w) == (12_510, 7200.0)
    assert reading.taken_at_s == rig.clock()
    rig.clock.now += 59.5
    assert rig.read().power_w == 60.0, "no more than the wait for the next pulse allows"


def test_a_register_that_was_told_is_there_after_a_kill(rig: PulseRig) -> None:
    rig.pulse(7)
    assert rig.read().energy_import_wh == 12_507
    rig.pulse(2)
    rig.kill()
    rig.start()
    assert rig.read().energy_import_wh == 12_507, "what was counted but never told is missing, not invented"
    rig.pulse(1)
    assert rig.read().energy_import_wh == 12_508


def test_an_orderly_end_keeps_every_pulse_and_counts_none_twice(rig: PulseRig) -> None:
    rig.pulse(7)
    rig.read()
    rig.pulse(2)
    asyncio.run(rig.meter.close())
    assert rig.read().energy_import_wh == 12_509
    rig.buses.close()
    rig.chip.forget()
    rig.start(pulses_per_kwh=500)
    rig.pulse(1)
    assert rig.read().energy_import_wh == 12_511


def test_odd_pulse_constants_lose_nothing_over_many_readings(rig: PulseRig) -> None:
    rig.buses.close()
    rig.chip.forget()
    rig.start(pulses_per_kwh=375)
    for _ in range(75):
        rig.pulse(5)
        rig.read()
    assert rig.read().energy_import_wh == 13_500


def test_nothing_is_written_while_nothing_is_drawn(rig: PulseRig) -> None:
    rig.read()
    written = rig.path.stat().st_mtime_ns
    for _ in range(5):
        rig.clock.now += 10
        rig.read()
    assert rig.path.stat().st_mtime_ns == written


def test_a_register_that_cannot_be_kept_is_an_error_and_the_pulses_wait_for_it(tmp_path: Path, rig: PulseRig) -> None:
    rig.buses.close()
    rig.chip.forget()
    rig.start(register=str(tmp_path / "later" / "meter.register"))
    rig.pulse(3)
    with pytest.raises(
        DeviceGone, match=r"later/meter.register: No such file or directory \(`register` in the board file\)"
    ):
        rig.read()
    (tmp_path / "later").mkdir()
    assert rig.read().energy_import_wh == 12_503


def test_a_line_that_hums_is_told_and_counting_goes_on(rig: PulseRig) -> None:
    rig.pulse(2)
    assert rig.read().energy_import_wh == 12_502
    rig.chip.pins[PIN].fails = OSError(errno.EOVERFLOW, "more than 1024 edges since they were last read: noise")
    with pytest.raises(
        DeviceError, match=r"GPIO6 .* cannot be watched: .*more than 1024 edges .*\(its wire and its pull\)"
    ):
        rig.read()
    rig.chip.pins[PIN].fails = None
    rig.pulse(1)
    assert rig.read().energy_import_wh == 12_503


def test_a_line_without_edge_events_is_refused(tmp_path: Path) -> None:
    lines = PageLines(tmp_path / "gpio.page")
    buses = Buses((lines.bus,), ())
    settings = section("meter", "pulse", pin=PIN, pulses_per_kwh=1000, register=str(tmp_path / "r"))
    with pytest.raises(DeviceError, match=r"GPIO6 of test.toml \[meter\] pin: has no edge events"):
        registry.build(settings, buses)
    buses.close()
