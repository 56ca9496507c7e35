"""Scenarios and contracts through everything: runner or pytest, bridge, pseudo-terminal, firmware, plant, and the station's own code."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.processes import station_toml
from hil.scenarios.__main__ import main
from tests.wire.rigs import EAGER, WatchedRig, free_port, settings_for, short_directory

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
PLAYED = ("2.2-unplug-c",)
SKIPPED = {"weld": "fault weld", "over-current": "meter", "boot-in-c": "power cut", "tethered": "tethered"}


async def _play(directory: Path, *names: str) -> dict[str, Any]:
    port, line, verdicts = free_port(), directory / "rig", directory / "verdicts.json"
    settings = settings_for(port, "2.0.1", variables=EAGER)
    async with WatchedRig(directory, settings, {"PILOTLINE_BENCH_RIG": str(line)}) as station:
        words = [*names, "--rig", str(line), "--config", str(station.config)]
        words += ["--csms", f"127.0.0.1:{port}", "--json", str(verdicts)]
        code = await asyncio.to_thread(main, words)
        assert not station.evse(1)["plugged"], "it was left as it was found"
    assert station.problems() == []
    found: dict[str, Any] = json.loads(verdicts.read_text())
    assert code == (1 if found["failed"] else 0)
    return found


@contextlib.contextmanager
def _bench_alone(directory: Path) -> Iterator[tuple[Path, Path]]:
    """The mock bench with a rig at it, and no station. Yields the station's file and the rig's line."""
    directory.mkdir()
    config, line = directory / "pilotline.toml", directory / "rig"
    config.write_text(station_toml(settings_for(1, "2.0.1"), directory / "state", directory / "run"))
    command = [sys.executable, "-m", "hil.bench", "--config", str(config)]
    with subprocess.Popen(command, env=os.environ | {"PILOTLINE_BENCH_RIG": str(line)}, cwd=ROOT) as bench:
        try:
            deadline = time.monotonic() + 20
            while not (directory / "run" / "bench.sock").exists():
                assert bench.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
            yield config, line
        finally:
            bench.terminate()


def test_scenarios_and_contracts_run_on_the_firmware_and_what_a_rig_cannot_do_is_skipped() -> None:
    """Side by side: what is waited for is mostly the standard's own times."""
    with short_directory() as directory, _bench_alone(directory / "alone") as (config, line):
        command = [sys.executable, "-m", "pytest", "hil", "-p", "no:cacheprovider", "-rs"]
        command += ["--rig", str(line), "--station", str(config), "--csms", "127.0.0.1:0"]
        contracts = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            found = asyncio.run(_play(directory, *PLAYED, *SKIPPED))
            said, _ = contracts.communicate(timeout=100)
        finally:
            contracts.kill()
    ends = {each["name"]: (each["end"], each["why"]) for each in found["scenarios"]}
    assert {name: ends[name] for name in PLAYED} == {name: ("passed", "") for name in PLAYED}, found
    for name, lacks in SKIPPED.items():
        end, why = ends[name]
        assert end == "skipped" and lacks in why, (name, why)
    assert contracts.returncode == 0, said
    skips = dict(re.findall(r"SKIPPED \[\d+\] (\S+?:\d+): (.+)", said))
    assert sum("no station answers at" in each for each in skips.values()) == 1
    assert len(skips) == 3, skips
    counts = re.search(r"(\d+) passed, (\d+) skipped", said)
    assert counts is not None and int(counts[1]) >= 35, said
