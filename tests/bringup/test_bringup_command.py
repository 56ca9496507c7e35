"""`pilotline bringup` on the mock bench: real devices down to their bytes, a real station, a real CSMS."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.config.board import boards_directory
from hil.csms.csms import Csms
from hil.csms.server import WebSocketServer
from hil.processes import RigSettings, station_toml

pytestmark = pytest.mark.wire


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-P", "-m", "controller", "bringup", *words]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def config(directory: Path, url: str) -> Path:
    path = directory / "pilotline.toml"
    path.write_text(station_toml(RigSettings(url, identity="NEW-1"), directory / "state", directory / "run"))
    return path


def test_a_new_charger_is_walked_from_its_wires_to_its_csms(tmp_path: Path) -> None:
    async def walked() -> subprocess.CompletedProcess[str]:
        server = WebSocketServer(Csms())
        await server.start("127.0.0.1", 0)
        try:
            path = config(tmp_path, f"ws://127.0.0.1:{server.port}/ocpp")
            words = ("--play", "--json", "--evse", "1", "--config", str(path))
            return await asyncio.to_thread(command, *words, cwd=tmp_path)
        finally:
            await server.stop()

    result = asyncio.run(walked())
    assert result.returncode == 0, result.stdout + result.stderr
    told = json.loads(result.stdout)
    (written,) = tmp_path.glob("bring-up-NEW-1-*.json")
    assert told == json.loads(written.read_text()) and told["complete"]
    steps = {finding["step"]: finding["measured"] for finding in told["findings"]}
    assert steps["meter currents"].startswith("6.0 / 0.0 / 0.0") and "opened after" in steps["hardware watchdog"]
    assert steps["CSMS"].endswith("by ocpp2.0.1")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "it asks questions: run it in a terminal"),
        (["--evse", "9", "--play"], "there is no EVSE 9; known: 1, 2"),
        (["--play", "--report", "/no/such"], "--report /no/such: is not a directory"),
    ],
)
def test_wrong_usage_is_one_line_and_touches_nothing(tmp_path: Path, words: list[str], says: str) -> None:
    result = command(*words, "--config", str(config(tmp_path, "ws://127.0.0.1:1/")), cwd=tmp_path)
    assert result.returncode == 2 and says in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_station_that_runs_is_not_disturbed(tmp_path: Path) -> None:
    path = config(tmp_path, "ws://127.0.0.1:1/")
    (tmp_path / "run").mkdir()
    from controller.child import lock_file

    with lock_file(tmp_path / "run" / "safety.lock", "safety"):
        result = command("--play", "--config", str(path), cwd=tmp_path)
    assert result.returncode == 6 and "stop the station first" in result.stderr


def test_a_board_that_the_bench_cannot_play_is_told_in_the_bench_s_words(tmp_path: Path) -> None:
    text = (boards_directory() / "reference.toml").read_text()
    (tmp_path / "own.toml").write_text(text.replace("[board]\n", "[board]\nbench = true\n"))
    path = config(tmp_path, "ws://127.0.0.1:1/")
    path.write_text(path.read_text().replace('"mock"', '"./own.toml"'))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "bring-up.log").write_text("words of another day\n")
    result = command("--play", "--config", str(path), cwd=tmp_path)
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert (
        "the bench did not start: reference: the mock" in result.stderr
        and "exactly one bus of type 'gpio_page', not 0" in result.stderr
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root leaves files that others cannot open")
def test_what_root_made_belongs_to_those_whose_directories_these_are(tmp_path: Path) -> None:
    path = config(tmp_path, "ws://127.0.0.1:1/")
    group, owner = 4711, 4712
    for name, uid, mode in (("run", 0, 0o2770), ("state", owner, 0o700)):
        (tmp_path / name).mkdir()
        os.chown(tmp_path / name, uid, group)
        (tmp_path / name).chmod(mode)
    words = [sys.executable, "-P", "-m", "controller", "board", "calibrate", "--play", "--config", str(path)]
    assert subprocess.run(words, capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0
    made = [each for each in (tmp_path / "run").rglob("*") if each.is_file()]
    assert made and all(each.stat().st_gid == group and each.stat().st_mode & 0o060 == 0o060 for each in made)
    assert all((each.stat().st_uid, each.stat().st_gid) == (owner, group) for each in (tmp_path / "state").rglob("*"))
