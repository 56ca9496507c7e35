"""The scenarios on real processes: a short selection, a standing bench, and planted mistakes that must be found."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from hil.csms.csms import Csms
from hil.processes import Rig
from hil.scenarios.__main__ import SCENARIOS, choose, lines_of, main
from hil.scenarios.benches import MockSource, listening
from hil.scenarios.runner import play_all
from hil.scenarios.scenario import End, Outcome
from tests.wire.rigs import WatchedRig, free_port, settings_for, short_directory

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

PLANTED = Path(__file__).with_name("planted")
ROOT = Path(__file__).parents[2]
ON_THE_STANDING_BENCH = ("1.1-plug", "3.1-offer-4-close")
SHORT = [each for each in choose([], short=True) if each.name not in ON_THE_STANDING_BENCH]


def test_the_short_selection_passes_a_standing_bench_is_used_and_planted_mistakes_are_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All side by side: what is waited for is mostly the standard's own times."""
    asyncio.run(_play_side_by_side())
    told = capsys.readouterr().out
    assert "skipped tethered: " in told and "no EVSE here has: tethered" in told
    assert "PASSED 1.1-plug" in told and "the socket locks  [0." in told and "Table A.6 seq. 1.1" in told


async def _play_side_by_side() -> None:
    csms = Csms(keeps_frames=1000)
    async with listening(csms, "127.0.0.1", 0) as port:
        short, overruled, blinded, standing = await asyncio.gather(
            play_all(SHORT, [MockSource("mock", csms, port)], 8, lambda outcome: None),
            _with_mutants(csms, port, "slow to open"),
            _with_mutants(csms, port, "slow to open,unwatched"),
            _on_a_standing_bench(),
        )
    assert [each.end for each in short] == [End.PASSED] * len(SHORT), _shown(short)
    assert overruled.end is End.FAILED and overruled.why == "no fault stands", _shown([overruled])
    assert overruled.steps[-1].seen == "['invariant']", "the monitor opened in time, and tells"
    assert blinded.end is End.FAILED and blinded.why == "then the contact opens, without load", _shown([blinded])
    assert blinded.steps[-1].took_s is not None and blinded.steps[-1].took_s > 0.2
    assert (standing["passed"], standing["failed"], standing["skipped"]) == (2, 0, 1), standing


async def _with_mutants(csms: Csms, port: int, names: str) -> Outcome:
    source = MutantSource(names, csms, port)
    (outcome,) = await play_all(choose(["10.1-willing-stop"]), [source], 1, lambda outcome: None)
    return outcome


class MutantSource(MockSource):
    """A mock bench whose safety process has mistakes planted."""

    def __init__(self, mutants: str, csms: Csms, port: int) -> None:
        super().__init__("mock", csms, port, identity=mutants.replace(" ", "-").replace(",", "-"))
        self.environment = {"PYTHONPATH": f"{PLANTED}:{ROOT}", "PILOTLINE_TEST_MUTANTS": mutants}

    def rig(self, directory: Path, identity: str) -> Rig:
        return WatchedRig(directory, self.settings(identity), self.environment)


def _shown(outcomes: list[Outcome]) -> str:
    return "\n".join(line for outcome in outcomes for line in lines_of(outcome, quiet=True))


async def _on_a_standing_bench() -> dict[str, Any]:
    """`--bench`, as for a rig: what stands is used and tidied, what it cannot do is skipped."""
    port = free_port()
    with short_directory() as directory:
        verdicts = directory / "verdicts.json"
        async with WatchedRig(directory, settings_for(port, "2.0.1")) as rig:
            words = [*ON_THE_STANDING_BENCH, "tethered", "--bench", str(rig.run_dir / "bench.sock")]
            words += ["--csms", f"127.0.0.1:{port}", "--json", str(verdicts)]
            code = await asyncio.to_thread(main, words)
            assert [rig.evse(evse)["plugged"] for evse in (1, 2)] == [False, False], "it was left as it was found"
        found: dict[str, Any] = json.loads(verdicts.read_text())
    assert code == (1 if found["failed"] else 0)
    return found


def test_what_is_typed_wrong_and_a_bench_that_is_not_there_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["13.9"]) == 2
    assert "no scenario begins with '13.9'" in capsys.readouterr().err
    missing = Path(os.devnull).with_name("no-such-bench.sock")
    assert main(["--bench", str(missing), "--csms", "127.0.0.1:0"]) == 2
    assert f"{missing}: No such file" in capsys.readouterr().err


def test_the_list_tells_every_name_and_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [each.name for each in SCENARIOS]
    assert len({each.name for each in SCENARIOS}) == len(SCENARIOS)
    assert any(line.startswith("2.2-unplug-d ") and "(needs ventilation)" in line for line in lines)


def test_scenarios_know_nothing_of_what_a_bench_is_made_of() -> None:
    """So that they run unchanged where the same verbs are answered by hardware."""
    for name in ("scene", "scenario", "deadlines", "sequences", "protections"):
        tree = ast.parse((ROOT / "hil" / "scenarios" / f"{name}.py").read_text())
        imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        foreign = [each for each in imported if each.split(".")[0] not in sys.stdlib_module_names]
        assert all(each.startswith("hil.scenarios") for each in foreign), (name, foreign)
