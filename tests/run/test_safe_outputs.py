"""`pilotline safe-outputs` on the mock bench: after the safety process was killed with its outputs on, they are off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.child import lock_file, prepare_directories
from controller.config import load_board, load_station
from controller.config.board import boards_directory
from controller.exits import ExitCode
from controller.hal import setting
from controller.safe_outputs import safe_outputs
from drivers.bus import Buses
from drivers.mock.pages import GpioPage
from tests.drivers.driver_rig import install_entry_points

pytestmark = pytest.mark.wire


def pilotline(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "controller", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pilotline.toml"
    path.write_text('[station]\nstate_dir = "state"\nrun_dir = "run"\n')
    return path


def bench(file: Path) -> subprocess.Popen[bytes]:
    """Start the bench alone and wait until it serves."""
    read, write = os.pipe()
    command = [sys.executable, "-P", "-m", "controller", "run", "--only", "bench", "--config", str(file)]
    process = subprocess.Popen([*command, "--ready-fd", str(write)], pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    assert os.read(read, 64) == b"READY=1\n"
    os.close(read)
    return process


def leave_outputs_on(file: Path) -> None:
    """Be a safety process that dies with everything on, in a process of its own."""
    code = f"""
import os, signal
from pathlib import Path
from controller.config import load_board, load_station
from drivers.bus import Buses
from drivers.registry import build
config = load_station(Path({str(file)!r}))
board = load_board(config.board, config.run_dir)
buses = Buses(board.buses, board.adcs)
for evse in board.evses:
    build(evse.contactor, buses).command(True, 3)
    build(evse.pilot_driver, buses).pulse(50.0)
os.kill(os.getpid(), signal.SIGKILL)
"""
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert result.returncode == -signal.SIGKILL, result.stderr


def driven_high(file: Path) -> list[str]:
    """Which coils and pilot switches are driven high, as the register page has it."""
    config = load_station(file)
    board = load_board(config.board, config.run_dir)
    page = GpioPage(Path(board.buses[0].settings.page))
    pins = {f"coil {evse.id}": evse.contactor.settings.pin for evse in board.evses}
    pins |= {f"pilot {evse.id}": evse.pilot_driver.settings.enable_pin for evse in board.evses}
    try:
        return [name for name, pin in pins.items() if page.line(pin).is_output and page.line(pin).level]
    finally:
        page.close()


def test_outputs_left_on_by_a_killed_process_are_switched_off(file: Path) -> None:
    process = bench(file)
    try:
        leave_outputs_on(file)
        assert driven_high(file) == ["coil 1", "coil 2", "pilot 1", "pilot 2"]
        result = pilotline("safe-outputs", "--config", str(file))
        assert (result.returncode, result.stderr) == (0, "")
        assert driven_high(file) == []
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(10)


def test_while_the_safety_process_runs_it_is_refused(file: Path) -> None:
    config = load_station(file)
    prepare_directories(config)
    with lock_file(config.run_dir / "safety.lock", "x"):
        result = pilotline("safe-outputs", "--config", str(file))
    assert result.returncode == ExitCode.BUSY
    assert "it keeps the outputs itself; stop it first" in result.stderr


def test_devices_that_cannot_be_reached_are_named_and_the_rest_is_done(file: Path) -> None:
    process = bench(file)
    try:
        leave_outputs_on(file)
        config = load_station(file)
        (config.run_dir / "bench" / "pwm").rename(config.run_dir / "bench" / "pwm-gone")
        result = pilotline("safe-outputs", "--config", str(file))
        assert result.returncode == ExitCode.DEVICE
        assert [line.split(" of ")[1].split(":")[0] for line in result.stderr.splitlines()] == [
            "mock.toml [evse.1.pilot_driver]",
            "mock.toml [evse.2.pilot_driver]",
        ]
        assert driven_high(file) == []
    finally:
        process.terminate()
        process.wait(10)


class BrokenPilot:
    """A pilot driver of somebody else's that raises what no driver may."""

    @dataclass(frozen=True)
    class Settings:
        path: str = setting("Path.", default="x")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None: ...
    def disconnect(self) -> None:
        raise KeyError("oops")

    steady_high = steady_low = pulse = disconnect


def test_whatever_a_stranger_s_driver_raises_the_rest_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_entry_points(tmp_path / "site", monkeypatch, {"pilot_driver.broken": f"{__name__}:BrokenPilot"})
    text = (boards_directory() / "mock.toml").read_text()
    theirs = 'type = "sysfs_pwm"\nroot = "{run}/bench/pwm"\ndevice = "bench.pwm"\nchannel = 0\nenable_pin = 17'
    assert theirs in text
    (tmp_path / "board.toml").write_text(text.replace(theirs, 'type = "broken"'))
    board = load_board(str(tmp_path / "board.toml"), tmp_path)
    page = GpioPage.create(Path(board.buses[0].settings.page))
    failures = safe_outputs(board)
    assert failures[0].startswith(
        f"{tmp_path}/board.toml [evse.1.pilot_driver]: KeyError: 'oops' at test_safe_outputs.py"
    )
    locks = {evse.lock.settings.lock_pin for evse in board.evses if evse.lock is not None}
    assert locks <= {edge.line for edge in page.edges(0, page.head)}, "what comes after it was driven too"
    page.close()
