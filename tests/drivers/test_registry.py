"""Drivers are found by family and type, ours and a third party's; nothing is opened or loaded before it is named."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from controller.hal import DeviceError
from drivers import registry
from drivers.bus import Buses
from hil.contracts.safety_io import DigitalInputContract
from tests.drivers.driver_rig import install_entry_points, section

EVERY = [(family, type) for family in registry.families() for type in registry.types_of(family)]
HEAVY = {"pymodbus", "serial", "gpiod", "smbus2", "asyncio"}
OF_THE_SAFETY_PROCESS = [pair for pair in EVERY if pair[0] not in ("meter", "reader", "bus", "indicator")]


@pytest.mark.parametrize(("family", "type"), EVERY)
def test_every_listed_driver_loads_and_declares_documented_settings(family: str, type: str) -> None:
    fields = dataclasses.fields(registry.settings_of(family, type))
    assert all(field.metadata["help"] for field in fields)


def test_an_unknown_type_names_those_there_are() -> None:
    with pytest.raises(
        registry.UnknownDriver,
        match=r"no reader driver of type 'pn531'; known types: ascii_line, keyboard, pn532, rdm6300, twn4",
    ):
        registry.settings_of("reader", "pn531")


def test_an_unknown_family_names_those_there_are() -> None:
    with pytest.raises(registry.UnknownDriver, match="no driver family 'metre'; known families: adc, bus, contactor"):
        registry.settings_of("metre", "modbus")


def test_a_driver_whose_module_is_broken_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_entry_points(tmp_path, monkeypatch, {"input.lost": "no_such_module:Lost"})
    named = r"input driver 'lost' \(entry point input\.lost = no_such_module:Lost\) cannot be loaded: No module named"
    with pytest.raises(registry.UnknownDriver, match=named):
        registry.settings_of("input", "lost")


STRANGERS = """
from dataclasses import dataclass
from pathlib import Path
from controller.hal import setting

class Fine:
    @dataclass(frozen=True)
    class Settings:
        path: str = setting("A path.", default="x")
        steps: tuple[int, ...] = setting("Steps.", default=())
        most: float | None = setting("The most.", default=None)
    def __init__(self, settings, buses, where): ...
    def is_active(self): return True
class NoSettings(Fine):
    Settings = None
class PlainField(Fine):
    @dataclass(frozen=True)
    class Settings:
        path: str = "x"
class OddType(Fine):
    @dataclass(frozen=True)
    class Settings:
        path: Path = setting("A path.", default=Path("x"))
class UnknownType(Fine):
    @dataclass(frozen=True)
    class Settings:
        path: "Nowhere" = setting("A path.", default="x")
class Boom(Fine):
    def __init__(self, settings, buses, where):
        raise KeyError("oops")
class ThreeArguments(Fine):
    def __init__(self): ...
class Half(Fine):
    is_active = property()
class Waits(Fine):
    async def is_active(self): return False
"""


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of somebody else's drivers, with the mistakes that people make."""
    (tmp_path / "strange_drivers.py").write_text(STRANGERS)
    (tmp_path / "strange_syntax.py").write_text("def (")
    (tmp_path / "strange_import.py").write_text("raise ValueError('not on\\nthis machine')")
    names = re.findall(r"^class (\w+)", STRANGERS, re.MULTILINE)
    points = {f"input.{name.lower()}": f"strange_drivers:{name}" for name in names}
    points |= {
        "input.syntax": "strange_syntax:X",
        "input.import": "strange_import:X",
        "bus.boom": "strange_drivers:Boom",
    }
    install_entry_points(tmp_path / "site", monkeypatch, points)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "strange_drivers", raising=False)


@pytest.mark.parametrize(
    ("type", "says"),
    [
        ("nosettings", "has no nested dataclass `Settings`; tell its author"),
        ("plainfield", r"has a field `Settings.path` that is not declared with setting\(\)"),
        ("oddtype", "has a field `Settings.path` of a type that no TOML value has"),
        ("unknowntype", "has a type in `Settings` that cannot be read: name 'Nowhere' is not defined"),
        ("syntax", r"cannot be loaded: SyntaxError: invalid syntax \(strange_syntax.py, line 1\)$"),
        ("import", "cannot be loaded: ValueError: not on this machine at strange_import.py line 1$"),
    ],
)
def test_a_stranger_s_driver_that_cannot_be_asked_for_settings_is_named(strangers: None, type: str, says: str) -> None:
    with pytest.raises(registry.UnknownDriver, match=says) as told:
        registry.settings_of("input", type)
    assert f"input driver '{type}' (entry point input.{type} = strange_" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("type", "says"),
    [
        ("boom", r"failed: KeyError: 'oops' at strange_drivers.py line 30 \(tell its author\)$"),
        ("threearguments", "failed: TypeError: .*positional argument"),
        ("half", r"has no is_active \(tell its author\)$"),
        ("waits", r"has an async is_active: the safety loop calls it, and cannot wait \(tell its author\)$"),
    ],
)
def test_a_stranger_s_driver_that_cannot_be_made_is_an_error_of_its_section(
    strangers: None, type: str, says: str
) -> None:
    with pytest.raises(DeviceError, match=says) as told:
        registry.build(section("input", type), None)  # type: ignore[arg-type]
    assert str(told.value).startswith(f"test.toml [input]: input driver '{type}' (entry point input.{type} = strange_")
    assert registry.build(section("input", "fine"), None).is_active()  # type: ignore[arg-type]


def test_a_stranger_s_bus_that_cannot_be_made_is_an_error_of_its_section(strangers: None) -> None:
    buses = Buses((section("bus", "boom", section_name="bus.one"),), ())
    with pytest.raises(
        DeviceError, match=r"^test.toml \[bus.one\]: bus driver 'boom' .* failed: TypeError: .* 'where' "
    ):
        buses.i2c("bus.one", "test.toml [evse.1.pilot_sense]")


def test_entry_points_that_are_no_drivers_are_told_in_one_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {"inptu.typo": "a:A", "nodot": "a:A", "meter.modbus": "a:A", "adc.mine": "a:A", "bus.mine": "a:A"}
    install_entry_points(tmp_path, monkeypatch, points)
    assert [line.removeprefix("entry point ") for line in registry.ignored()] == [
        "adc.mine = a:A: ignored: the family adc is not open to other packages' drivers",
        f"inptu.typo = a:A: ignored: no family 'inptu'; known families: {', '.join(sorted(registry.families()))}",
        "meter.modbus = a:A: ignored: meter.modbus is built in and cannot be replaced; choose another type",
        "nodot = a:A: ignored: its name must be family.type, for example input.nodot",
    ]
    assert "mine" in registry.types_of("bus")
    with pytest.raises(registry.UnknownDriver, match="no adc driver of type 'mine'; known types: ads1015, ads1115"):
        registry.settings_of("adc", "mine")


def test_a_third_party_adds_types_but_does_not_replace_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = registry.driver_class("input", "gpio")
    points = {"input.file": "drivers._blueprint:FileInput", "input.gpio": "drivers._blueprint:FileInput"}
    install_entry_points(tmp_path, monkeypatch, points)
    assert registry.types_of("input") == ("file", "gpio")
    assert registry.driver_class("input", "gpio") is before


def loaded_by(statement: str) -> set[str]:
    listing = f"import sys; {statement}; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.wire
def test_asking_for_settings_loads_no_bus_library() -> None:
    asked = "; ".join(f"registry.settings_of{pair}" for pair in EVERY if not pair[1].endswith("_page"))
    assert not loaded_by(f"from drivers import registry; {asked}") & (HEAVY - {"asyncio"})


@pytest.mark.wire
def test_drivers_of_the_safety_process_load_no_asyncio() -> None:
    asked = "; ".join(f"registry.settings_of{pair}" for pair in OF_THE_SAFETY_PROCESS)
    assert (
        not loaded_by(f"from drivers import registry, bus; import drivers.bus.i2c, drivers.bus.gpio; {asked}") & HEAVY
    )


class FileRig:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.input = registry.build(section("input", "file", path=str(path), active_text="online"), None)  # type: ignore[arg-type]

    def condition(self, holds: bool) -> None:
        self._path.write_text("online\n" if holds else "battery\n")


class TestBlueprint(DigitalInputContract):
    """The file to copy works: loaded by entry point, as a third party's driver is, and under its port's contract."""

    @pytest.fixture
    def rig(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileRig:
        install_entry_points(tmp_path / "site", monkeypatch, {"input.file": "drivers._blueprint:FileInput"})
        return FileRig(tmp_path / "state")

    def test_a_file_that_is_not_there_names_path_and_section(self, rig: FileRig, tmp_path: Path) -> None:
        from controller.hal import DeviceGone

        with pytest.raises(DeviceGone, match=rf"{tmp_path}/state of test.toml \[input\]: .*No such file"):
            rig.input.is_active()
