"""docs/drivers.md, followed to the letter: its package's driver passes its contract and is found by its name."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from controller.config.board import boards_directory
from drivers import registry
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
    assert result.returncode == 0 and "5 passed" in result.stdout, result.stdout + result.stderr


def test_the_page_s_meter_passes_its_contract_in_a_package_without_settings_for_asyncio(package: Path) -> None:
    """As an author has it: a pyproject.toml that knows no asyncio_mode."""
    result = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme_meter.py")
    assert result.returncode == 0 and "8 passed" in result.stdout, result.stdout + result.stderr
    assert "warning" not in result.stdout.lower()


def test_a_meter_that_guesses_fails_the_page_s_tests(package: Path) -> None:
    driver = package / "acme_meter.py"
    driver.write_text(driver.read_text().replace("if wh < self._last_wh:", "if False:"))
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
