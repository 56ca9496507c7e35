"""Scenarios through everything: runner, bridge, pseudo-terminal, firmware, plant, and the station's real processes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from hil.scenarios.__main__ import main
from tests.wire.rigs import WatchedRig, free_port, settings_for, short_directory

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

PLAYED = ("1.1-plug", "8-leaves-c", "2.2-unplug-c")
SKIPPED = {"weld": "fault weld", "over-current": "meter", "boot-in-c": "power cut", "tethered": "tethered"}


async def _play(directory: Path, *names: str) -> dict[str, Any]:
    port, line, verdicts = free_port(), directory / "rig", directory / "verdicts.json"
    async with WatchedRig(directory, settings_for(port, "2.0.1"), {"PILOTLINE_BENCH_RIG": str(line)}) as station:
        words = [*names, "--rig", str(line), "--config", str(station.config)]
        words += ["--csms", f"127.0.0.1:{port}", "--json", str(verdicts)]
        code = await asyncio.to_thread(main, words)
        assert not station.evse(1)["plugged"], "it was left as it was found"
    assert station.problems() == []
    found: dict[str, Any] = json.loads(verdicts.read_text())
    assert code == (1 if found["failed"] else 0)
    return found


def test_scenarios_run_on_the_firmware_and_what_a_rig_cannot_do_is_skipped() -> None:
    with short_directory() as directory:
        found = asyncio.run(_play(directory, *PLAYED, *SKIPPED))
    ends = {each["name"]: (each["end"], each["why"]) for each in found["scenarios"]}
    assert {name: ends[name] for name in PLAYED} == {name: ("passed", "") for name in PLAYED}, found
    for name, lacks in SKIPPED.items():
        end, why = ends[name]
        assert end == "skipped" and lacks in why, (name, why)
