"""The chips' registers as the kernel's drivers write them, and the plant's view of the board."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.mock.curve import Curve
from drivers.mock.pages import AnalogPage, GpioPage
from hil.kernel.plant import layout_of
from hil.kernel.registers import GpioRegisters, PwmRegisters, StubAds1115, swapped, take_over, wave_of

DIRECTION, INPUT, OUTPUT = 0, 1, 2
ENABLE, UPDATE = 1 << 31, 1 << 30
ONE_KHZ = 218 << 8  # 19.2 MHz x 218 / 2^22


def words() -> array[int]:
    return array("I", [0] * 4096)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[GpioPage]:
    page = GpioPage.create(tmp_path / "gpio.page")
    yield page
    page.close()


def test_what_the_kernel_drives_shows_on_the_page_with_an_edge(page: GpioPage) -> None:
    chip = words()
    registers = GpioRegisters(chip, page)
    registers.sample()
    before = page.head
    chip[DIRECTION] = 1 << 16
    registers.sample()
    chip[OUTPUT] = 1 << 16 | 1 << 17  # 17 has a level but is no output
    registers.sample()
    chip[DIRECTION] = 0
    registers.sample()
    assert [(edge.line, edge.level, edge.is_output) for edge in page.edges(before)] == [
        (16, False, True),
        (16, True, True),
        (16, False, False),
    ]


def test_what_the_plant_drives_is_in_the_input_register_only_for_inputs(page: GpioPage) -> None:
    chip = words()
    chip[DIRECTION] = 1 << 16
    registers = GpioRegisters(chip, page)
    for line in (13, 16, 22):
        page.drive(line, True)
    for line in range(9):
        page.drive(line, False)  # else pulled up
    registers.sample()
    assert chip[INPUT] == 1 << 13 | 1 << 22
    page.drive(13, False)
    registers.sample()
    assert chip[INPUT] == 1 << 22


@pytest.mark.parametrize(
    ("word", "wave"),
    [
        (0, (None, False)),
        (ONE_KHZ | 0, (None, False)),  # not enabled
        (ENABLE | 0, (None, False)),  # no frequency
        (ENABLE | ONE_KHZ | 0, (None, True)),
        (ENABLE | ONE_KHZ | 255, (None, False)),
        (ENABLE | ONE_KHZ | 255 - 136, (pytest.approx(53.333, abs=0.01), False)),
        (ENABLE | 2 * ONE_KHZ | 100, (None, False)),  # 2 kHz is no pilot
    ],
)
def test_a_pwm_register_is_a_wave(word: int, wave: tuple[object, bool]) -> None:
    assert wave_of(word) == wave


def test_a_new_setting_is_taken_over_by_clearing_the_update_bit() -> None:
    chip = words()
    chip[0] = ENABLE | UPDATE | ONE_KHZ | 100
    chip[0x100] = UPDATE
    take_over(chip)
    assert chip[0] == ENABLE | ONE_KHZ | 100 and chip[0x100] == 0


def test_waves_are_told_once_and_by_channel() -> None:
    chip = words()
    registers = PwmRegisters(chip)
    assert registers.poll(0.0) == []
    chip[0x100] = ENABLE | ONE_KHZ
    assert [(wave.channel, wave.level, wave.at_s) for wave in registers.poll(2.0)] == [(1, True, 2.0)]
    assert registers.poll(3.0) == []


class Stub:
    """The register file of i2c-stub."""

    def __init__(self) -> None:
        self.registers: dict[int, int] = {}

    def read_word_data(self, address: int, register: int) -> int:
        assert address == 0x48
        return self.registers.get(register, 0)

    def write_word_data(self, address: int, register: int, value: int) -> None:
        assert address == 0x48
        self.registers[register] = value


def test_the_converter_shows_the_chosen_channel_high_byte_first(tmp_path: Path) -> None:
    voltages = AnalogPage.create(tmp_path / "analog.page", (0x48,))
    for channel, volts in enumerate((3.15, 0.15, 1.024, 0.0)):
        voltages.write_channel(0, channel, Curve.steady(volts))
    stub = Stub()
    chip = StubAds1115(stub, 0x48, voltages)
    for channel, volts in enumerate((3.15, 0.15, 1.024, 0.0)):
        stub.write_word_data(0x48, 1, swapped(0xC3E3 | channel << 12))  # single shot, ±4.096 V, 860 samples a second
        chip.serve(float(channel))
        assert swapped(stub.registers[0]) == round(volts / 4.096 * 32768)
    assert swapped(0x1234) == 0x3412
    voltages.close()


def test_looks_that_come_too_late_for_a_conversion_are_counted(tmp_path: Path) -> None:
    voltages = AnalogPage.create(tmp_path / "analog.page", (0x48,))
    chip = StubAds1115(Stub(), 0x48, voltages)
    for at_s in (10.0, 10.001, 10.004, 10.005):
        chip.serve(at_s)
    assert chip.late == 1 and chip.longest_gap_s == pytest.approx(0.003)
    voltages.close()


def test_the_plant_knows_the_board_of_the_drivers(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    assert {line.role: line.pin for line in layout.outputs}["contactor"] == 16
    assert layout.adc_addresses == (0x48,)
    assert [str(layout.meters[0].port), str(layout.readers[0].port)] == ["/dev/ttyS1", "/dev/ttyS4"]
