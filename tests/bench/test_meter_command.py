"""`pilotline meter` against the bench's meters, byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import serial

from tests.bench.conftest import BenchProcess

pytestmark = pytest.mark.wire


def meter(*words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-P", "-m", "controller", "meter", *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_the_station_s_meters_are_read(bench_process: BenchProcess) -> None:
    result = meter("read", "--config", str(bench_process.file), "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert [reading["energy_import_wh"] for reading in told.values()] == [1_000_000, 2_000_000]
    assert next(iter(told)).startswith("EVSE 1: mock.toml [evse.1.meter]")
    text = meter("read", "--config", str(bench_process.file), "--evse", "2").stdout
    assert (
        "  voltage      230.0 / 230.0 / 230.0 V" in text
        and "  energy       2000.000 kWh" in text
        and "EVSE 1" not in text
    )


def test_a_meter_is_found_and_its_lines_for_the_board_file_told(bench_process: BenchProcess) -> None:
    port = str(bench_process.run_dir / "bench" / "meter2")
    result = meter("scan", "--port", port, "--to", "3", "--baud", "9600", "--parity", "N")
    assert result.returncode == 0, result.stderr
    assert f"{port} address 2 at 9600 baud 8N1: sdm630" in result.stdout
    assert f'    port = "{port}"\n    address = 2\n    baud = 9600\n    parity = "N"' in result.stdout
    few = ("--from", "5", "--to", "5", "--baud", "9600", "--parity", "N")
    nothing = meter("scan", "--port", port, *few)
    assert nothing.returncode == 1 and "nothing answers on" in nothing.stderr
    with serial.Serial(port, exclusive=True):
        held = meter("scan", "--port", port, "--port", "/no/such", *few)
    assert (
        held.returncode == 5 and "no port could be searched" in held.stderr and "/no/such is not there" in held.stderr
    )
    assert f"{port} is in use by another program" in held.stderr and f"(pid {os.getpid()})" in held.stderr
    assert "a running station has its ports: `systemctl stop pilotline-station`" in held.stderr


def test_a_silent_meter_names_what_to_check(bench_process: BenchProcess) -> None:
    bench_process.bench.verb("fault", evse=1, kind="meter_silent")
    result = meter("read", "--config", str(bench_process.file))
    assert result.returncode == 5 and "check wires A and B, address 1, baud and parity" in result.stderr
    assert "Traceback" not in result.stderr and "EVSE 2" in result.stdout and "EVSE 1" not in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["scan", "--port", "/no/such"], 5, "/no/such is not there"),
        (["scan", "--port", "/dev/null", "--from", "0"], 2, "addresses are 1 to 247"),
        (["read", "--port", "/dev/null", "--model", "sdm631"], 2, "no meter model 'sdm631'; known models"),
        (["read", "--port", "/no/such"], 5, "/no/such is not there"),
        (["check", "/no/such.toml"], 3, "/no/such.toml: No such file"),
        ([], 2, "required: scan|read|check"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], code: int, says: str) -> None:
    result = meter(*words)
    assert result.returncode == code and says in result.stderr and "Traceback" not in result.stderr


def test_a_map_of_ones_own_is_checked_as_a_whole(tmp_path: Path) -> None:
    good = Path(__file__).parents[2] / "drivers" / "meter" / "models" / "em24.toml"
    assert meter("check", str(good)).stdout == (
        f"OK: {good}: Carlo Gavazzi EM24\n  6 requests a poll, about 0.4 s at 9600 baud 8N1\n  no export register\n"
    )
    bad = tmp_path / "bad.toml"
    bad.write_text(good.read_text().replace("phases = 3", "phases = 4").replace("[0x0042, 2]", "[0x0042, 1]"))
    result = meter("check", str(bad))
    assert result.returncode == 3 and len(result.stderr.splitlines()) >= 2
    assert "phases = 4 is none of 1, 3" in result.stderr and "register 0x0042 (i32) lies in no block" in result.stderr
