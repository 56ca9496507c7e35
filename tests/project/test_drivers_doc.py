"""docs/drivers.md, followed to the letter: its package's driver passes its contract and is found by its name."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from controller import hal
from controller.config.board import boards_directory
from controller.hal import setting
from controller.station.core import REOPEN_READER_S
from controller.station.indicators import REOPEN_S
from controller.station.meters import BUSY_POLL_S, IDLE_POLL_S
from drivers import registry
from drivers.bus import Buses, CloseStage, I2cBus, SpiDevice
from drivers.bus.ads1115 import Ads1115
from drivers.bus.lines import InputLine, OutputLine
from drivers.bus.serial_port import _MOST_WAITING, SerialPort
from drivers.rfid.presence import REARM_S
from tests.project.drivers_page import BLOCKS, TEXT, write_package

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.wire


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return write_package(tmp_path)


def run(package: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, *words], cwd=package, env=environment, capture_output=True, text=True, check=False
    )


def test_the_page_s_driver_passes_its_contract(package: Path) -> None:
    result = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme_ups.py")
    assert result.returncode == 0 and "7 passed" in result.stdout, result.stdout + result.stderr


def test_the_page_s_meter_passes_its_contract_in_a_package_without_settings_for_asyncio(package: Path) -> None:
    """As an author has it: a pyproject.toml that knows no asyncio_mode."""
    result = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme_meter.py")
    assert result.returncode == 0 and "8 passed" in result.stdout, result.stdout + result.stderr
    assert "warning" not in result.stdout.lower()


def test_a_meter_that_guesses_fails_the_page_s_tests(package: Path) -> None:
    driver = package / "acme_meter.py"
    driver.write_text(driver.read_text().replace("if volts > MOST_V", "if False and volts > MOST_V"))
    result = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme_meter.py")
    assert result.returncode == 1 and "1 failed, 7 passed" in result.stdout, result.stdout


def test_a_driver_that_guesses_fails_the_page_s_tests(package: Path) -> None:
    driver = package / "acme_ups.py"
    driver.write_text(driver.read_text().replace("return WORDS[word]", "return True"))
    result = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme_ups.py")
    assert result.returncode == 1 and "failed" in result.stdout


def test_the_driver_is_found_and_a_board_may_name_it(package: Path) -> None:
    assert "acme_ups, gpio" in run(package, "-m", "controller", "drivers", "input").stdout
    board = (boards_directory() / "reference.toml").read_text()
    board = re.sub(r"\[mains\]\n(?:[^\[]*\n)", BLOCKS["section.toml"] + "\n", board, count=1)
    (package / "board.toml").write_text(board)
    (package / "pilotline.toml").write_text(
        '[station]\nidentity = "X"\nboard = "board.toml"\n[csms]\nurl = "ws://h/"\n'
    )
    result = run(package, "-m", "controller", "config", "check", "--config", "pilotline.toml")
    assert result.returncode == 0, result.stderr
    (package / "board.toml").write_text(board.replace('path = "/run/acme/state"', "path = 5"))
    result = run(package, "-m", "controller", "config", "check", "--config", "pilotline.toml")
    assert result.returncode == 3 and "[mains] path = 5" in result.stderr


def test_every_family_and_contract_of_the_page_exists() -> None:
    rows = re.findall(r"^\| `\[.*?\| `(\w+)` \| `(\w+)` \| `(\w+)\.(\w+)` \|", TEXT, re.MULTILINE)
    assert {family for family, *_ in rows} == set(registry.families()) - {"bus", "adc"}
    for _, port, module, contract in rows:
        assert f"class {port}(" in (ROOT / "controller" / "hal" / "ports.py").read_text()
        assert f"class {contract}" in (ROOT / "hil" / "contracts" / f"{module}.py").read_text()


def test_a_contract_with_asynchronous_tests_says_so_itself() -> None:
    """An author's pytest may be in strict mode, which is the default."""
    named = set(re.findall(r"\| `(\w+)\.(\w+)` \|", TEXT))
    contracts = [getattr(importlib.import_module(f"hil.contracts.{module}"), name) for module, name in named]
    waits = {
        each.__name__ for each in contracts if any(inspect.iscoroutinefunction(test) for test in vars(each).values())
    }
    marked = {
        each.__name__ for each in contracts if "asyncio" in [mark.name for mark in getattr(each, "pytestmark", ())]
    }
    assert waits == marked == {"EnergyMeterContract", "TokenReaderContract"}


def shape(function: Callable[..., object]) -> str:
    """Return a function's name and parameters, without their types."""
    parameters = [
        each.replace(annotation=inspect.Parameter.empty)
        for each in inspect.signature(function).parameters.values()
        if each.name != "self"
    ]
    return f"{function.__name__}{inspect.Signature(parameters)}"


def test_the_page_s_calls_are_those_there_are() -> None:
    table = TEXT[TEXT.index("### `buses`") : TEXT.index("## The contract")]
    methods = {name: each for name, each in vars(Buses).items() if inspect.isfunction(each) and name[0] != "_"}
    del methods["close"]  # is not a driver's to call
    told = {text.partition("(")[0]: text for text in re.findall(r"^\| `(\w+\(.*?\))`", table, re.MULTILINE)}
    assert told.pop("monotonic") and "`sleep(seconds)`" in table
    stage = "<CloseStage.LINES: 2>"
    assert told == {name: shape(each).replace(stage, "CloseStage.LINES") for name, each in methods.items()}
    for protocol in (I2cBus, SpiDevice, Ads1115, OutputLine, InputLine):
        for name in [name for name in vars(protocol) if name[0] != "_" and inspect.isfunction(getattr(protocol, name))]:
            assert name in ("close", "release") or f"`{name}" in table, name
    assert all(f"`{stage.name}`" in table or f"CloseStage.{stage.name}`" in table for stage in CloseStage)
    assert re.findall(r"\w+", re.sub(r"=[^,)]+", "", shape(setting))) == re.findall(
        r"\w+",
        re.search(r"^`(setting\(.*?\))`", TEXT, re.MULTILINE)[1],  # type: ignore[index]
    )
    port = TEXT[TEXT.index("`SerialPort(") : TEXT.index("Bytes that come while nobody waits")]
    told = dict(re.findall(r"^\| `(\w+)(.*?)`", port, re.MULTILINE))
    public = {name: each for name, each in vars(SerialPort).items() if name[0] != "_"}
    assert told == {
        name: shape(each).removeprefix(name) if inspect.isfunction(each) else "" for name, each in public.items()
    }
    assert f"`{shape(SerialPort).strip()}`" in port and f"{_MOST_WAITING} chunks" in TEXT


def test_the_page_s_fields_are_those_of_the_readings() -> None:
    table = TEXT[TEXT.index("What they give, in the order") : TEXT.index("Two families more")]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    given = set(re.findall(r"`(\w+(?:Reading|Decoded|Read|Refused))`", TEXT[: TEXT.index("What they give")]))
    assert set(rows) == given - {"MirrorReading"}
    for name, told in rows.items():
        assert re.findall(r"`(\w+)`", told) == [field.name for field in dataclasses.fields(getattr(hal, name))], name


def test_the_page_s_times_are_those_of_the_station() -> None:
    assert f"again every {REOPEN_READER_S:g} s, an indicator every {REOPEN_S:g} s" in TEXT
    assert f"every second while energy may flow or the meter is\nsilent, else every {IDLE_POLL_S:g} s" in TEXT
    assert BUSY_POLL_S == 1.0 and f"after {REARM_S:g} s away" in TEXT


@pytest.mark.parametrize(("column", "unit"), [(1, "pilotline-safety"), (2, "pilotline-station")])
def test_what_a_driver_may_on_a_station_is_what_the_units_say(column: int, unit: str) -> None:
    rows = {
        cells[0].strip(): set(re.findall(r"`(.*?)`", cells[column]))
        for line in re.findall(r"^\| (.*) \|$", TEXT[TEXT.index("### On a station") :], re.MULTILINE)
        if len(cells := line.split("|")) == 3
    }
    text = (ROOT / "systemd" / f"{unit}.service").read_text()

    def said(key: str) -> set[str]:
        return {word for line in re.findall(rf"^{key}=(.*)$", text, re.MULTILINE) for word in line.split()}

    assert rows["user, groups"] == said("User") | said("Group") | said("SupplementaryGroups")
    assert rows["devices"] == said("DeviceAllow") - {"rw", "r"}
    assert rows["sockets"] == said("RestrictAddressFamilies")
    written = {path.lstrip("-") for path in said("ReadWritePaths")} | {
        f"/var/lib/{name}" for name in said("StateDirectory")
    }
    assert rows["may write"] == written
    assert said("ProtectHome") == said("PrivateTmp") == {"yes"} and said("ProtectSystem") == {"strict"}


def test_the_page_s_drop_in_is_the_shipped_one() -> None:
    text = (ROOT / "systemd" / "safety-spi.conf").read_text()
    told = "".join(f"    {line}\n" for line in text.splitlines() if not line.startswith("#"))
    assert TEXT.endswith(f"\n\n{told}")
