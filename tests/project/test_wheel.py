"""What a user installs: the wheel holds the board files and meter models, and works without the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from controller.config import board_names

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [path] = directory.glob("*.whl")
    return path


def test_an_installed_wheel_finds_its_boards(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "from controller.config import board_names, load_board; from pathlib import Path; import controller;"
        "print(controller.__file__); print(board_names()); print(load_board('reference', Path('/run')).path)"
    )
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    file, names, path = result.stdout.splitlines()
    assert file.startswith(str(tmp_path)) and path.startswith(str(tmp_path))
    assert names == str(board_names())


def test_the_wheel_carries_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        roots = {name.partition("/")[0] for name in archive.namelist()}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"controller", "drivers", "hil"}


def test_the_wheel_tells_type_checkers_that_its_packages_are_typed(wheel: Path) -> None:
    """A driver's author checks against our ports."""
    with zipfile.ZipFile(wheel) as archive:
        assert {f"{package}/py.typed" for package in ("controller", "drivers", "hil")} <= set(archive.namelist())
