"""`pilotline board calibrate` on the mock bench, whose dividers are made to differ from what a board file says of them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from controller.config import calibrated, load_board, load_station
from hil.processes import RigSettings, station_toml

pytestmark = pytest.mark.wire


def station(directory: Path) -> Path:
    path = directory / "pilotline.toml"
    path.write_text(
        station_toml(RigSettings("ws://127.0.0.1:1/", identity="NEW-1"), directory / "state", directory / "run")
    )
    return path


def calibrate(path: Path, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-P", "-m", "controller", "board", "calibrate", "--config", str(path), *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, stdin=stdin, timeout=60)


def typed(path: Path, keys: bytes, evse: str) -> subprocess.CompletedProcess[str]:
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, keys)
        return calibrate(path, "--evse", evse, stdin=terminal)
    finally:
        os.close(keyboard)
        os.close(terminal)


def test_the_bench_measures_its_own_dividers(tmp_path: Path) -> None:
    path = station(tmp_path)
    result = calibrate(path, "--play", "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    file = tomllib.loads((tmp_path / "calibration.toml").read_text())
    for evse in ("1", "2"):
        assert told[evse]["scale"] == pytest.approx(8.0, abs=0.01) and told[evse]["offset_v"] == pytest.approx(
            13.2, abs=0.02
        )
        assert file["evse"][evse]["scale"] == pytest.approx(told[evse]["scale"], abs=1e-4)


def test_a_person_types_what_the_multimeter_shows(tmp_path: Path) -> None:
    path = station(tmp_path)
    result = typed(path, b"\nabout twelve\n11,9 V\n-12.05\n", "1")
    assert result.returncode == 0, result.stderr
    assert "'about twelve' is not a number" in result.stdout and "the pilot is at -12 V now" in result.stdout
    scale = tomllib.loads((tmp_path / "calibration.toml").read_text())["evse"]["1"]["scale"]
    assert scale == pytest.approx(8.0 * (11.9 + 12.05) / 24.0, abs=0.01)


def test_one_evse_alone_leaves_the_other_ones_values_and_both_are_in_force(tmp_path: Path) -> None:
    path = station(tmp_path)
    typed(path, b"\n11.9\n-12.05\n", "1")
    result = calibrate(path, "--play", "--evse", "2")
    assert result.returncode == 0 and "EVSE 2: scale = " in result.stdout and "EVSE 1" not in result.stdout
    config = load_station(path)
    board = calibrated(load_board(config.board, config.run_dir), config)
    scales = [evse.pilot_sense.settings.scale for evse in board.evses]
    assert scales == [pytest.approx(7.983, abs=0.01), pytest.approx(8.0, abs=0.01)]


def test_a_safety_process_refuses_a_calibration_of_another_unit(tmp_path: Path) -> None:
    path = station(tmp_path)
    (tmp_path / "calibration.toml").write_text('board = "mock"\nserial = "of another"\n')
    line = [sys.executable, "-P", "-m", "controller", "run", "--only", "safety", "--config", str(path)]
    result = subprocess.run(line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
    assert result.returncode == 3 and "calibration.toml" in result.stderr and 'serial = "of another"' in result.stderr


def test_a_person_who_stops_changes_nothing(tmp_path: Path) -> None:
    result = typed(station(tmp_path), b"\n\n", "1")
    assert result.returncode == 1 and "no volts were given, nothing was calibrated" in result.stderr
    assert not (tmp_path / "calibration.toml").exists()


@pytest.mark.parametrize(
    ("words", "says"), [((), "run it in a terminal"), (("--play", "--evse", "7"), "there is no EVSE 7; known: 1, 2")]
)
def test_wrong_usage_is_one_line(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    result = calibrate(station(tmp_path), *words)
    assert result.returncode == 2 and says in result.stderr and result.stderr.count("\n") == 1
