"""The memory pages and what stands on them: GPIO pins, and the ADS1115 behind SMBus words."""

import itertools
import time

import pytest

from controller.hal import DeviceGone
from drivers.mock.ads1115 import CONFIG, CONVERSION, POWER_ON_CONFIG, MockAds1115
from drivers.mock.curve import Curve
from drivers.mock.gpio_page import GpioPageBus
from drivers.mock.i2c_page import I2cPageBus, PageSmbus
from drivers.mock.pages import RING, AnalogPage, GpioPage, PageError, Pull


@pytest.fixture
def page(tmp_path):
    page = GpioPage.create(tmp_path / "gpio.page")
    yield page
    page.close()


@pytest.fixture
def chip(page, tmp_path):
    chip = GpioPageBus(GpioPageBus.Settings(page=str(tmp_path / "gpio.page")), "mock.toml [bus.gpio]").chip()
    yield chip
    chip.close()


def test_lines_pull_as_the_soc_does_at_boot(page):
    assert [line for line in range(28) if page.line(line).pull is Pull.UP] == list(range(9))
    assert not any(page.line(line).is_output for line in range(28))


def test_output_writes_level_and_time_on_the_page(page, chip):
    pin = chip.output(16)
    assert page.line(16).is_output and not page.line(16).level
    before, head = time.monotonic(), page.head
    pin.write(True)
    state = page.line(16)
    assert state.level and state.is_output
    assert before - 1e-6 <= state.written_at_s <= time.monotonic()
    pin.write(False)
    edges = page.edges(head)
    assert [(edge.line, edge.level, edge.is_output) for edge in edges] == [(16, True, True), (16, False, True)]
    pin.close()


def test_close_makes_the_pin_an_input_and_its_level_low(page, chip):
    pin = chip.output(16)
    pin.write(True)
    head = page.head
    pin.close()
    assert page.line(16).is_output is False and page.line(16).level is False
    assert [(edge.line, edge.is_output) for edge in page.edges(head)] == [(16, False)]


@pytest.mark.parametrize("as_output", [True, False])
def test_new_process_that_takes_a_line_that_was_left_driven_drives_it_low(page, chip, tmp_path, as_output):
    chip.output(16).write(True)
    assert page.line(16).level
    other = GpioPageBus(GpioPageBus.Settings(page=str(tmp_path / "gpio.page")), "second").chip()
    _ = other.output(16) if as_output else other.input(16, "down")
    assert not page.line(16).level and page.line(16).is_output is as_output


@pytest.mark.parametrize(
    ("pull", "driven", "level"), [("up", None, True), ("down", None, False), ("up", False, False), ("down", True, True)]
)
def test_input_reads_what_drives_it_else_its_pull(page, chip, pull, driven, level):
    pin = chip.input(22, pull)
    if driven is not None:
        page.drive(22, driven)
    assert pin.read() is level
    page.release(22)
    assert pin.read() is (pull == "up")


def test_pins_that_a_pi_does_not_have_are_refused(chip):
    for line in (28, 45, -1):
        with pytest.raises(OSError, match="no such line"):
            chip.output(line)


def test_pins_offer_no_edge_events_and_inputs_are_not_driven(chip):
    with pytest.raises(OSError, match="no edge events"):
        chip.input(18, "none", edges=True)
    with pytest.raises(OSError, match="cannot be driven"):
        chip.input(18, "none").write(True)


def test_ring_keeps_the_newest_edges(page):
    for number in range(RING + 10):
        page.write(16, number % 2 == 0, True, Pull.DOWN)
    edges = page.edges(0)
    assert len(edges) == RING
    assert all(earlier.at_s <= later.at_s for earlier, later in itertools.pairwise(edges))
    assert page.edges(page.head) == []
    assert page.edges(page.head - 5, page.head - 2) == edges[-5:-2]


def test_writing_the_same_again_is_stamped_but_no_edge(page):
    page.write(16, True, True, Pull.DOWN)
    head, at = page.head, page.line(16).written_at_s
    time.sleep(0.001)
    page.write(16, True, True, Pull.DOWN)
    assert page.head == head and page.line(16).written_at_s > at


@pytest.mark.parametrize("content", [None, b"", b"\0" * 100, b"\0" * (8 * (256 + RING))])
def test_page_that_is_missing_or_foreign_is_named(tmp_path, content):
    path = tmp_path / "gpio.page"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PageError, match=r"gpio\.page"):
        GpioPage(path)
    with pytest.raises(DeviceGone, match="mock bench"):
        GpioPageBus(GpioPageBus.Settings(page=str(path)), "mock.toml [bus.gpio]").chip()


class Ads:
    """A converter on a page with a clock of its own."""

    def __init__(self, path):
        self.now = 100.0
        self.page = AnalogPage.create(path, [0x48, 0x49])
        self.bus = PageSmbus(AnalogPage(path), lambda: self.now)

    def write(self, register, value, address=0x48):
        self.bus.write_word_data(address, register, (value & 0xFF) << 8 | value >> 8)

    def read(self, register, address=0x48):
        word = self.bus.read_word_data(address, register)
        return (word & 0xFF) << 8 | word >> 8

    def convert(self, config, wait_s=0.01):
        self.write(CONFIG, config | 0x8000)
        self.now += wait_s
        code = self.read(CONVERSION)
        return code - 0x10000 if code & 0x8000 else code


CHANNEL_0_4V_860 = 4 << 12 | 1 << 9 | 1 << 8 | 7 << 5 | 3


@pytest.fixture
def ads(tmp_path):
    return Ads(tmp_path / "analog.page")


def test_config_register_after_power_on_and_the_byte_order_of_smbus(ads):
    assert ads.bus.read_word_data(0x48, CONFIG) == 0x8385
    assert ads.read(CONFIG) == POWER_ON_CONFIG == 0x8583


@pytest.mark.parametrize(("gain", "full_scale"), list(enumerate([6.144, 4.096, 2.048, 1.024, 0.512, 0.256])))
def test_code_is_the_voltage_in_the_chosen_range(ads, gain, full_scale):
    ads.page.write_channel(0, 0, Curve.steady(0.2))
    assert ads.convert(4 << 12 | gain << 9 | 0x1E3) == round(0.2 / full_scale * 32768)


@pytest.mark.parametrize(
    ("mux", "volts"), [(0, -1.0), (1, -3.0), (2, -2.0), (3, -1.0), (4, 0.1), (5, 1.1), (6, 2.1), (7, 3.1)]
)
def test_multiplexer_takes_the_inputs_of_the_data_sheet(ads, mux, volts):
    for channel, value in enumerate((0.1, 1.1, 2.1, 3.1)):
        ads.page.write_channel(0, channel, Curve.steady(value))
    assert ads.convert(mux << 12 | 1 << 9 | 0x1E3) * 4.096 / 32768 == pytest.approx(volts, abs=2e-4)


def test_code_is_clipped_at_the_range_and_the_pin_at_the_supply(ads):
    ads.page.write_channel(0, 0, Curve.steady(3.0))
    assert ads.convert(4 << 12 | 2 << 9 | 0x1E3) == 32767
    ads.page.write_channel(0, 0, Curve.steady(9.0))
    assert ads.convert(CHANNEL_0_4V_860) * 4.096 / 32768 == pytest.approx(3.6, abs=1e-3)


def test_os_reads_busy_until_the_conversion_time_is_over(ads):
    ads.page.write_channel(0, 0, Curve.steady(1.0))
    ads.write(CONFIG, CHANNEL_0_4V_860 | 0x8000)
    ads.now += 1 / 860  # its oscillator is slow: the nominal time is not enough
    assert not ads.read(CONFIG) & 0x8000
    assert ads.read(CONVERSION) == 0
    ads.now += 0.1 / 860
    assert ads.read(CONFIG) & 0x8000
    assert ads.read(CONVERSION) == 8000


def test_start_during_a_conversion_is_ignored(ads):
    ads.page.write_channel(0, 0, Curve.steady(1.0))
    ads.page.write_channel(0, 1, Curve.steady(2.0))
    ads.write(CONFIG, CHANNEL_0_4V_860 | 0x8000)
    ads.now += 0.0005
    ads.write(CONFIG, CHANNEL_0_4V_860 | 1 << 12 | 0x8000)
    ads.now += 0.0008
    assert ads.read(CONVERSION) == 8000


def test_conversion_averages_over_its_whole_duration(ads):
    ads.now = 100.0
    ads.write(CONFIG, CHANNEL_0_4V_860 | 0x8000)
    middle = 100.0 + 25e-6 + 1.05 / 860 / 2
    ads.page.write_channel(0, 0, Curve(0.0, 2.0, 2.0, middle, 0.0, 2.0))
    ads.now += 0.01
    assert ads.read(CONVERSION) * 4.096 / 32768 == pytest.approx(1.0, abs=0.01)


def test_continuous_mode_gives_the_last_whole_conversion(ads):
    ads.page.write_channel(0, 0, Curve(1.0, 2.0, 2.0, 100.5, 0.0, 2.0))
    ads.write(CONFIG, CHANNEL_0_4V_860 & ~0x100)
    ads.now = 100.4
    assert ads.read(CONVERSION) == 8000
    ads.now = 100.6
    assert ads.read(CONVERSION) == 16000


@pytest.mark.parametrize("call", [lambda bus: bus.read_word_data(0x4A, 0), lambda bus: bus.write_word_data(0x4A, 1, 0)])
def test_address_without_a_chip_is_not_acknowledged(ads, call):
    with pytest.raises(OSError) as raised:
        call(ads.bus)
    assert raised.value.errno == 121


def test_injected_bus_fault_fails_every_transfer_until_it_is_mended(ads):
    ads.page.set_bus_fault(110)
    with pytest.raises(OSError) as raised:
        ads.read(CONFIG)
    assert raised.value.errno == 110
    ads.page.set_bus_fault(0)
    assert ads.read(CONFIG) == POWER_ON_CONFIG


def test_chips_are_apart(ads):
    ads.page.write_channel(1, 0, Curve.steady(1.5))
    ads.write(CONFIG, CHANNEL_0_4V_860 | 0x8000, address=0x49)
    ads.now += 0.01
    assert (ads.read(CONVERSION, 0x49), ads.read(CONVERSION, 0x48)) == (12000, 0)


def test_reader_keeps_the_last_whole_curve_while_the_writer_is_stopped_half_way(tmp_path):
    ours = AnalogPage.create(tmp_path / "analog.page", [0x48])
    theirs = AnalogPage(tmp_path / "analog.page")
    ours.write_channel(0, 0, Curve.steady(1.0))
    assert theirs.read_channel(0, 0).target_v == 1.0
    ours._words[16] |= 1  # stopped in the middle of the next write
    ours._doubles[16 + 3] = 99.0
    assert theirs.read_channel(0, 0).target_v == 1.0


def test_analogue_page_bus_opens_what_its_settings_name(tmp_path):
    AnalogPage.create(tmp_path / "analog.page", [0x48])
    bus = I2cPageBus(I2cPageBus.Settings(page=str(tmp_path / "analog.page")), "mock.toml [bus.i2c]").bus()
    assert bus.read_word_data(0x48, CONFIG) == 0x8385
    bus.close()
    with pytest.raises(DeviceGone, match=r"none\.page"):
        I2cPageBus(I2cPageBus.Settings(page=str(tmp_path / "none.page")), "mock.toml [bus.i2c]").bus()


def test_too_many_converters_for_a_page_are_refused(tmp_path):
    with pytest.raises(PageError, match="at most 4"):
        AnalogPage.create(tmp_path / "analog.page", [0x48, 0x49, 0x4A, 0x4B, 0x4C])


def test_thresholds_are_kept(ads):
    chip = MockAds1115(ads.page, 0, lambda: 0.0)
    assert (chip.read(2), chip.read(3)) == (0x8000, 0x7FFF)
    chip.write(2, 0x1234)
    assert chip.read(2) == 0x1234
