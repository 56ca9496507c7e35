"""Drivers are found by family and type, ours and a third party's; nothing is opened or loaded before it is named."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from drivers import registry
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
    with pytest.raises(registry.UnknownDriver, match=r"input driver 'lost' \(no_such_module:Lost\) cannot be loaded"):
        registry.settings_of("input", "lost")


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
