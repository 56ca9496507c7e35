"""Buses open what is used, once; refuse two users of one line; and let go in a safe order."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from controller.hal import DeviceError, DeviceGone
from drivers import registry
from drivers.bus import Buses, CloseStage, NoSuchBus, PinTaken
from drivers.bus.gpio import GpiozeroBus, chip_labels, chip_number
from drivers.bus.i2c import SmbusBus
from tests.drivers.driver_rig import HandClock, Lines, MockLines, SimulatedAds1115, chip_buses, section

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
    lines = MockLines()
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


def test_without_lgpio_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.bus.gpio.chip_labels", lambda: {0: "pinctrl-rp1"})
    monkeypatch.setitem(__import__("sys").modules, "lgpio", None)
    monkeypatch.delitem(__import__("sys").modules, "gpiozero.pins.lgpio", raising=False)
    with pytest.raises(DeviceGone, match=r"lgpio is missing \(apt install python3-lgpio"):
        GpiozeroBus(GpiozeroBus.Settings(), "board").factory()


LGPIO = '''
"""Does at import what lgpio does: goes where LG_WD says, makes its pipe there and opens it by its bare name."""
import os
class error(Exception): pass
os.chdir(os.environ.get("LG_WD", "."))
os.mkfifo(".lgd-nfy0")
held = os.open(".lgd-nfy0", os.O_RDWR)
'''
FACTORY = "import lgpio\nclass LGPIOFactory:\n    def __init__(self, chip): self.chip = chip\n"


@pytest.fixture
def lgpio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lgpio.py").write_text(LGPIO)
    (tmp_path / "factory.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("drivers.bus.gpio.chip_labels", lambda: {3: "pinctrl-rp1"})
    monkeypatch.delitem(sys.modules, "lgpio", raising=False)
    spec = importlib.util.spec_from_file_location("gpiozero.pins.lgpio", tmp_path / "factory.py")
    assert spec is not None and spec.loader is not None
    module, loader = importlib.util.module_from_spec(spec), spec.loader

    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
            return spec if name == "gpiozero.pins.lgpio" else None

    assert module is not None and loader is not None
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])


def test_lgpio_gets_a_place_for_its_pipe_and_leaves_the_working_directory_alone(
    lgpio: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service's working directory is /, where it may not write."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("LG_WD", "/proc/nowhere")
    assert GpiozeroBus(GpiozeroBus.Settings(), "board").factory().chip == 3
    assert Path.cwd() == home and os.listdir(home) == []
    assert os.environ["LG_WD"] == "/proc/nowhere"


def test_lgpio_without_a_place_for_its_pipe_is_one_line(
    lgpio: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "mkfifo", refuse)
    with pytest.raises(DeviceGone, match=r"GPIO of board: lgpio cannot make its pipe: Permission denied \(is /tmp"):
        GpiozeroBus(GpiozeroBus.Settings(), "board").factory()


def test_an_i2c_bus_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceGone, match=rf"{tmp_path}/i2c-9 of board: cannot be opened: No such file"):
        SmbusBus(SmbusBus.Settings(path=f"{tmp_path}/i2c-9"), "board").bus()


def test_an_error_of_lgpio_is_one_of_the_device(buses: Buses, monkeypatch: pytest.MonkeyPatch) -> None:
    class LgpioError(Exception):
        """As lgpio's `error`: of no kind that Python or gpiozero knows."""

    def fail(*_: object) -> None:
        raise LgpioError("bad handle")

    watchdog = registry.build(section("watchdog", "one_shot", pin=20), buses)
    mains = registry.build(section("input", "gpio", pin=13), buses)
    monkeypatch.setitem(sys.modules, "lgpio", SimpleNamespace(error=LgpioError))
    monkeypatch.setattr(type(mains._line._pin), "_set_state", fail)
    monkeypatch.setattr(type(mains._line._pin), "_get_state", fail)
    with pytest.raises(DeviceError, match=r"GPIO20 .*cannot be driven: bad handle"):
        watchdog.kick()
    with pytest.raises(DeviceError, match=r"GPIO13 .*cannot be read: bad handle"):
        mains.is_active()
