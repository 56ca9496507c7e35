"""Buses open what is used, once; refuse two users of one line; and let go in a safe order."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from controller.hal import DeviceError, DeviceGone
from drivers import registry
from drivers.bus import Buses, CloseStage, NoSuchBus, PinTaken
from drivers.bus.gpio import GpiochipBus, chip_labels, chip_number
from drivers.bus.i2c import SmbusBus
from tests.drivers.driver_rig import HandClock, HandLines, Lines, SimulatedAds1115, chip_buses, section

PI_5 = {0: "gpio-brcmstb@107d508500", 4: "pinctrl-rp1", 11: "gpio-brcmstb@107d517c00"}
PI_5_LATER = {0: "pinctrl-rp1", 10: "gpio-brcmstb@107d508500"}


def test_a_line_used_twice_is_refused_naming_both_users(buses: Buses) -> None:
    registry.build(section("watchdog", "one_shot", pin=20), buses)
    with pytest.raises(
        PinTaken, match=r"GPIO20: is used by both test.toml \[watchdog\] pin and test.toml \[lock\] lock_pin"
    ):
        registry.build(section("lock", "motor", lock_pin=20, unlock_pin=19, feedback_pin=21), buses)


def test_a_line_used_twice_by_one_driver_is_refused(buses: Buses) -> None:
    with pytest.raises(PinTaken, match=r"both test.toml \[contactor\] pin and test.toml \[contactor\] mirror_pin"):
        registry.build(section("contactor", "gpio", pin=16, mirror_pin=16), buses)


@pytest.mark.parametrize("pin", range(9))
def test_a_line_that_is_pulled_up_at_boot_is_refused_as_an_output(buses: Buses, pin: int) -> None:
    with pytest.raises(DeviceError, match=f"GPIO{pin} .*pulled up at boot"):
        registry.build(section("watchdog", "one_shot", pin=pin), buses)


def test_a_line_the_board_does_not_have_is_named(buses: Buses) -> None:
    with pytest.raises(DeviceGone, match=r"GPIO99 of test.toml \[watchdog\] pin: .*no such line"):
        registry.build(section("watchdog", "one_shot", pin=99), buses)


def test_an_unknown_bus_is_refused_naming_those_there_are(buses: Buses) -> None:
    with pytest.raises(NoSuchBus, match=r"there is no \[bus.gpoi\] \(the board file has: gpio\)"):
        registry.build(section("watchdog", "one_shot", pin=20, gpio="gpoi"), buses)


def test_buses_open_nothing_before_it_is_used(tmp_path: Path) -> None:
    missing = section("bus", "gpio_page", section_name="gpio", page=str(tmp_path / "no.page"))
    buses = Buses((missing,), ())
    with pytest.raises(DeviceGone, match=r"no\.page"):
        registry.build(section("watchdog", "one_shot", pin=20), buses)


def test_close_drops_the_power_before_everything_else_and_leaves_inputs(test_buses: None) -> None:
    lines = HandLines()
    buses = Buses((lines.bus,), ())
    residual = registry.build(section("residual", "gpio", trip_pin=24, test_pin=25), buses)
    contactor = registry.build(section("contactor", "gpio", pin=16, mirror_pin=22), buses)
    residual.test(True)
    lines.drive(22, False)
    contactor.command(True, 3)
    buses.close()
    assert lines.edges(16, 25) == [(25, True), (16, True), (16, False), (25, False)]
    assert not any(lines.is_output(pin) for pin in (16, 22, 24, 25))


def test_close_goes_on_when_one_device_fails(lines: Lines) -> None:
    buses = Buses((lines.bus,), ())

    def failing() -> None:
        raise DeviceError("chip", "is stuck")

    buses.at_close(CloseStage.POWER, failing)
    buses.output("gpio", 16, "coil").set(True)
    with pytest.raises(DeviceError, match="chip: is stuck"):
        buses.close()
    assert not lines.level(16) and not lines.is_output(16)


def test_close_goes_on_whatever_a_stranger_s_device_raises(lines: Lines) -> None:
    buses = Buses((lines.bus,), ())
    buses.output("gpio", 17, "b.toml [x] pin").set(True)
    buses.at_close(CloseStage.POWER, lambda: {}["stranger"])
    with pytest.raises(KeyError, match="stranger"):
        buses.close()
    assert not lines.level(17) and not lines.is_output(17)


def test_close_closes_the_i2c_bus(test_buses: None) -> None:
    chip = SimulatedAds1115(HandClock())
    buses = chip_buses(chip)
    buses.adc("one", "test")
    buses.close()
    assert not chip.answers


@pytest.mark.parametrize(("labels", "chip"), [(PI_5, 4), (PI_5_LATER, 0), ({0: "pinctrl-bcm2711", 1: "x"}, 0)])
def test_the_header_is_found_by_its_label_whatever_its_number(labels: dict[int, str], chip: int) -> None:
    assert chip_number(labels, "auto", "board") == chip


def test_a_named_chip_is_found_by_its_label() -> None:
    assert chip_number(PI_5, "gpio-brcmstb@107d517c00", "board") == 11


def test_a_chip_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(
        DeviceGone, match=r"mcp23017 of board: not found among: gpiochip0 pinctrl-rp1, gpiochip10 gpio-"
    ):
        chip_number(PI_5_LATER, "mcp23017", "board")


def test_files_that_are_no_gpio_chips_have_no_label(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").write_text("")
    (tmp_path / "gpiochip-all").write_text("")
    assert chip_labels(tmp_path) == {}


def test_without_gpiod_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(DeviceGone, match=r"the Python module gpiod is missing \(pip install 'pilotline\[pi\]'\)"):
        GpiochipBus(GpiochipBus.Settings(), "board").chip()


def test_a_chip_that_may_not_be_opened_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.bus.gpio.chip_labels", lambda: {77: "pinctrl-rp1"})
    with pytest.raises(DeviceGone, match=r"/dev/gpiochip77 of board: cannot be opened: .*group gpio"):
        GpiochipBus(GpiochipBus.Settings(), "board").chip()


def test_an_i2c_bus_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceGone, match=rf"{tmp_path}/i2c-9 of board: cannot be opened: No such file"):
        SmbusBus(SmbusBus.Settings(path=f"{tmp_path}/i2c-9"), "board").bus()


def test_an_error_of_the_kernel_is_one_of_the_device(test_buses: None) -> None:
    lines = HandLines()
    buses = Buses((lines.bus,), ())
    watchdog = registry.build(section("watchdog", "one_shot", pin=20), buses)
    mains = registry.build(section("input", "gpio", pin=13), buses)
    lines.chip.pins[20].fails = lines.chip.pins[13].fails = OSError(errno.EIO, "Input/output error")
    with pytest.raises(DeviceError, match=r"GPIO20 .*cannot be driven: .*Input/output error"):
        watchdog.kick()
    with pytest.raises(DeviceError, match=r"GPIO13 .*cannot be read: .*Input/output error"):
        mains.is_active()


def test_a_line_that_another_program_holds_is_named(test_buses: None) -> None:
    lines = HandLines()
    lines.chip.output(20)
    with pytest.raises(DeviceGone, match=r"GPIO20 of .*busy \(is another program using the line\?\)"):
        registry.build(section("watchdog", "one_shot", pin=20), Buses((lines.bus,), ()))


def test_what_was_let_go_of_is_not_driven(test_buses: None) -> None:
    buses = Buses((HandLines().bus,), ())
    output, watched = buses.output("gpio", 20, "a"), buses.input("gpio", 13, "b", active_low=False, pull="none")
    buses.close()
    with pytest.raises(DeviceError, match=r"cannot be driven: .*let go of"):
        output.set(True)
    with pytest.raises(DeviceError, match=r"cannot be read: .*let go of"):
        watched.is_active()
    output.release()
