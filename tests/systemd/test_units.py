"""The units as systemd itself judges them, where it is installed; what they must say, everywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.config import load_board, load_station

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")
NEEDS_SYSTEMD = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
PROGRAM = "/opt/pilotline/bin/pilotline"

# Overall exposure as `systemd-analyze security` counts it, 0 (none) to 10. Raise only with a reason.
EXPOSURE = {"pilotline-safety.service": 1.5, "pilotline-station.service": 2.2}


def settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if re.match(r"[A-Z]\w+=", line):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@NEEDS_SYSTEMD
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    program = tmp_path / "pilotline"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, str(program)))
    units = [str(tmp_path / unit.name) for unit in UNITS]
    result = subprocess.run([str(ANALYZE), "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    ours = [line for line in result.stderr.splitlines() if str(tmp_path) in line or "pilotline" in line]
    assert (result.returncode, ours) == (0, [])


@NEEDS_SYSTEMD
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_exposure_stays_small(unit: Path) -> None:
    command = [str(ANALYZE), "security", "--offline=true", "--no-pager", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    told = re.search(r"Overall exposure level for \S+: ([\d.]+)", result.stdout)
    assert told is not None, result.stderr
    assert float(told[1]) <= EXPOSURE[unit.name]


def test_the_safety_unit_is_watched_restarted_and_followed_by_safe_outputs() -> None:
    unit = settings(SYSTEMD / "pilotline-safety.service")
    assert unit["Type"] == ["notify"]
    assert unit["WatchdogSec"] == ["2"]
    assert unit["Restart"] == ["always"]
    assert unit["ExecStopPost"] == [f"{PROGRAM} safe-outputs --config /etc/pilotline/pilotline.toml"]
    assert unit["PrivateNetwork"] == ["yes"] and unit["RestrictAddressFamilies"] == ["AF_UNIX"]


def test_the_station_starts_after_safety_and_survives_it() -> None:
    unit = settings(SYSTEMD / "pilotline-station.service")
    assert "pilotline-safety.service" in unit["After"][0]
    assert unit["Wants"] == ["pilotline-safety.service"]
    assert "Requires" not in unit and "BindsTo" not in unit


def test_no_unit_hides_the_boot_id_that_the_clock_reads() -> None:
    for unit in UNITS:
        assert settings(unit).get("ProcSubset", ["all"]) == ["all"]


def test_the_example_file_is_accepted_and_fits_the_units() -> None:
    config = load_station(SYSTEMD / "pilotline.toml")
    board = load_board(config.board, config.run_dir)
    assert not board.bench
    assert config.run_dir == Path("/run/pilotline") and config.state_dir == Path("/var/lib/pilotline")


def test_the_users_of_the_units_are_made() -> None:
    users = (SYSTEMD / "pilotline.sysusers").read_text()
    for unit in UNITS:
        [user] = settings(unit)["User"]
        assert re.search(rf"^u {user} ", users, re.MULTILINE)
