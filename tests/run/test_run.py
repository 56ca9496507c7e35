"""`pilotline run` with its real processes: side by side, twice, with a socket taken, and to the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.exits import ExitCode
from controller.local.client import LineClient
from hil.processes import Rig, RigSettings

pytestmark = [pytest.mark.wire, pytest.mark.asyncio]

NOBODY = "ws://127.0.0.1:9/"  # the discard port: there is no CSMS, and none is needed


def ask(rig: Rig, do: str, **arguments: Any) -> dict[str, Any]:
    with LineClient(rig.run_dir / "api.sock", "the station") as client:
        return client.ask({"id": 1, "do": do, **arguments})


def pilotline(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "controller", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


async def test_two_stations_run_side_by_side_and_stop_without_a_trace(tmp_path: Path) -> None:
    one = Rig(tmp_path / "1", RigSettings(csms_url=NOBODY, identity="ONE"))
    two = Rig(tmp_path / "2", RigSettings(csms_url=NOBODY, identity="TWO"))
    async with one, two:
        assert ask(one, "status")["status"]["identity"] == "ONE"
        assert ask(two, "status")["status"]["identity"] == "TWO"
        await one.bench.verb_async("plug_in", evse=1)
        await one.until(lambda: ask(one, "status")["status"]["evses"][0]["plugged"], 10, "the plug at station ONE")
        assert not ask(two, "status")["status"]["evses"][0]["plugged"]
        pids = [rig.pid(name) for rig in (one, two) for name in ("bench", "safety", "station")]
        assert len(set(pids)) == 6
    for rig in (one, two):
        assert not list(rig.state_dir.glob("*.pid"))
        assert not list(rig.run_dir.glob("*.sock")), rig.log_tail()
    for pid in pids:
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_the_local_api_answers_and_refuses(tmp_path: Path) -> None:
    async with Rig(tmp_path, RigSettings(csms_url=NOBODY, identity="ONE")) as rig:
        config = ask(rig, "config")["config"]
        assert config["identity"] == "ONE"
        ask(rig, "set_local_limit", evse=1, limit_a=10)
        limits = ask(rig, "why")["why"]["evses"][0]["limits"]
        assert 10 in [limit["current_a"] for limit in limits]
        result = await asyncio.to_thread(pilotline, "status", "--config", str(rig.config))
        assert result.returncode == 0 and "EVSE 2" in result.stdout
        as_json = await asyncio.to_thread(pilotline, "why", "--config", str(rig.config), "--json")
        assert json.loads(as_json.stdout)["evses"][0]["id"] == 1


async def test_each_process_takes_a_closed_terminal_for_an_orderly_end(tmp_path: Path) -> None:
    async with Rig(tmp_path, RigSettings(csms_url=NOBODY)) as rig:
        for name in ("station", "safety", "bench"):
            rig.kill(name, signal.SIGHUP)
        for name in ("station", "safety", "bench"):
            line = f"{name} ended with exit code 0; it is started again"
            await rig.until(lambda line=line: line in rig.log.read_text(), 10, line)


async def test_a_station_whose_starter_is_gone_stops_in_good_order(tmp_path: Path) -> None:
    code = f"""
import asyncio, os, signal
from pathlib import Path
from hil.processes import Rig, RigSettings
async def main():
    await Rig(Path({str(tmp_path)!r}), RigSettings(csms_url={NOBODY!r})).start()
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    died = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    rig = Rig(tmp_path, RigSettings(csms_url=NOBODY))
    await rig.until(lambda: not list(rig.state_dir.glob("*.pid")), 15, "the station stops")
    assert not list(rig.run_dir.glob("*.sock")), rig.log_tail()


async def test_a_rig_that_is_given_up_while_it_starts_leaves_nothing_running(tmp_path: Path) -> None:
    rig = Rig(tmp_path, RigSettings(csms_url=NOBODY))
    start = asyncio.create_task(rig.start())
    await rig.until(lambda: rig.pid("bench"), 20, "the bench is started")
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not list(rig.state_dir.glob("*.pid"))


async def test_a_second_run_of_the_same_station_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with Rig(tmp_path, RigSettings(csms_url=NOBODY)) as rig:
        result = await asyncio.to_thread(pilotline, "run", "--config", str(rig.config))
        assert result.returncode == ExitCode.BUSY
        assert result.stderr.count("\n") == 1
        assert "already running: `pilotline run` with this run directory (pid " in result.stderr
        assert ask(rig, "status")["ok"]


async def test_a_second_station_with_the_same_database_starts_nothing_and_leaves_the_first_alone(
    tmp_path: Path,
) -> None:
    async with Rig(tmp_path, RigSettings(csms_url=NOBODY)) as rig:
        pids = [rig.pid(name) for name in ("bench", "safety", "station")]
        config = tmp_path / "second.toml"
        config.write_text(f'[station]\nstate_dir = "{rig.state_dir}"\nrun_dir = "other"\n')
        result = await asyncio.to_thread(pilotline, "run", "--config", str(config))
        assert result.returncode == ExitCode.BUSY
        [line] = result.stderr.splitlines()
        assert "already running: `pilotline run` with this state directory (pid " in line
        assert [rig.pid(name) for name in ("bench", "safety", "station")] == pids


async def test_a_socket_that_another_program_serves_is_named_and_left_alone(tmp_path: Path) -> None:
    config = tmp_path / "pilotline.toml"
    config.write_text(f'[station]\nstate_dir = "state"\nrun_dir = "run"\n[csms]\nurl = "{NOBODY}"\n')
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "run" / "api.sock"))
        other.listen()
        result = await asyncio.to_thread(pilotline, "run", "--config", str(config))
    assert result.returncode == ExitCode.BUSY, result.stderr
    assert "run/api.sock: another process serves this socket" in result.stderr and "Traceback" not in result.stderr


async def test_a_station_whose_socket_belongs_to_another_station_is_refused(tmp_path: Path) -> None:
    async with Rig(tmp_path / "1", RigSettings(csms_url=NOBODY)) as rig:
        shared = rig.run_dir / "safety.sock"
        config = tmp_path / "pilotline.toml"
        config.write_text(f'[station]\nstate_dir = "state"\nrun_dir = "run"\n[sockets]\nsafety = "{shared}"\n')
        result = await asyncio.to_thread(pilotline, "run", "--config", str(config))
        assert ask(rig, "status")["status"]["evses"][0]["pilot"] == "A"
    assert result.returncode == ExitCode.BUSY, result.stderr


async def test_what_is_wrong_in_the_board_file_ends_the_run_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text('[board]\nname = "x"\n[watchdog]\ntype = "nothing"\n')
    config = tmp_path / "pilotline.toml"
    config.write_text('[station]\nstate_dir = "state"\nrun_dir = "run"\nboard = "b.toml"\n')
    result = await asyncio.to_thread(pilotline, "run", "--config", str(config))
    assert result.returncode == ExitCode.CONFIG
    assert [line.split("b.toml ")[-1].split("b.toml: ")[-1] for line in result.stderr.splitlines()] == [
        "[watchdog] type = \"nothing\": no watchdog driver of type 'nothing'; known types: one_shot",
        "a board needs at least one [[evse]]",
    ]
    assert not (tmp_path / "run").exists()


async def test_a_wrong_ocpp_variable_ends_the_run_with_the_configurations_code(tmp_path: Path) -> None:
    config = tmp_path / "pilotline.toml"
    config.write_text('[station]\nstate_dir = "state"\nrun_dir = "run"\n[ocpp.variables]\n"TxCtrlr.Nope" = 1\n')
    result = await asyncio.to_thread(pilotline, "run", "--config", str(config))
    assert result.returncode == ExitCode.CONFIG
    assert '"TxCtrlr.Nope": there is no such variable' in result.stderr and "Traceback" not in result.stderr
