"""Random lives: short ones of several seeds, and that a seed says everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hil.sim.chance import calendar
from hil.sim.lives import Play, live
from hil.sim.shrink import command_of
from tests.sim.sim_tools import both_versions


@pytest.mark.parametrize("seed", [2, 7, 11])
@both_versions
def test_a_few_random_visits_leave_nothing_wrong(version: str, seed: int) -> None:
    outcome = live(Play(seed, version, 5))
    assert outcome.wrong == [], "\n".join([*outcome.happenings, *outcome.wrong])
    assert outcome.sessions >= 5 and outcome.transactions >= 2 and outcome.compared > 0


@both_versions
def test_a_week_of_a_seed_that_changes_every_day_leave_nothing_wrong(version: str) -> None:
    play = Play(datetime.now(UTC).toordinal(), version, 40, pace=calendar(60))
    outcome = live(play)
    assert outcome.wrong == [], "\n".join([command_of(play), *outcome.happenings, *outcome.wrong])
    assert outcome.virtual_s > 4 * 86400 and outcome.compared > 0


@both_versions
def test_a_seed_decides_every_frame(version: str) -> None:
    first, again, other = (live(Play(seed, version, 2)) for seed in (5, 5, 6))
    assert first.frames > 20
    assert (again.frames, again.digest, again.virtual_s) == (first.frames, first.digest, first.virtual_s)
    assert other.digest != first.digest


def test_another_process_plays_a_seed_alike_and_writes_its_figures(tmp_path: Path) -> None:
    """Also where strings have other hashes, so that nothing depends on the order of sets."""
    here = live(Play(5, "2.0.1", 2))
    file = tmp_path / "figures" / "sim.json"
    command = [
        sys.executable,
        "-m",
        "hil.sim",
        "--sessions",
        "2",
        "--seed",
        "5",
        "--ocpp",
        "2.0.1",
        "--json",
        str(file),
    ]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONHASHSEED": "77"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing is wrong" in done.stdout and "times real time" in done.stdout
    (run,) = json.loads(file.read_text())["runs"]
    assert (run["digest"], run["frames"], run["wrong"]) == (here.digest, here.frames, [])
    assert run["speed"] > 0
