"""The mutation tool, tested by a handful of mistakes that must be noticed, and one that is none."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.mutants.__main__ import EVERY, EXPLAINED, MODULES, explained, keep, why
from hil.mutants.plant import Mutant, mutants_of, planted
from hil.mutants.run import ROOT, Fate, Result, path_of

SOURCE = '''
LIMIT_S = 6.0
TOLERANCE_S = 1e-6
def due(now: float, at: float, hot: bool) -> bool:
    """A docstring."""
    if hot and now > at:
        return True
    return not hot and now >= at - TOLERANCE_S
'''


def planted_texts(source: str, kind: str) -> list[str]:
    found = [each for each in mutants_of("a.module", source) if each.kind == kind]
    return [ast.unparse(planted(source, each.index)) for each in found]


def test_each_kind_of_mistake_is_planted_and_no_other() -> None:
    mutants = mutants_of("a.module", SOURCE)
    assert {each.kind for each in mutants} == {"constant", "condition", "junction", "operand", "comparison", "negation"}
    assert len({each.id for each in mutants}) == len(mutants)
    original = ast.unparse(ast.parse(SOURCE))
    changed = [ast.unparse(planted(SOURCE, each.index)) for each in mutants]
    assert original not in changed and len(set(changed)) == len(changed)


def test_constants_comparisons_conditions_and_operands_change_as_said() -> None:
    assert any("LIMIT_S = 9.0" in text for text in planted_texts(SOURCE, "constant"))
    assert any("if hot and now >= at" in text for text in planted_texts(SOURCE, "comparison"))
    assert any("if False:" in text for text in planted_texts(SOURCE, "condition"))
    assert any("if hot:" in text for text in planted_texts(SOURCE, "operand"))
    assert any("hot or now > at" in text for text in planted_texts(SOURCE, "junction"))


def test_what_nothing_could_notice_is_not_planted() -> None:
    texts = [ast.unparse(planted(SOURCE, each.index)) for each in mutants_of("a.module", SOURCE)]
    assert not any("now > at - TOLERANCE_S" in text or "at + TOLERANCE_S" in text for text in texts)
    assert all("TOLERANCE_S = 1e-06" in text and "A docstring." in text for text in texts)


def test_a_removed_statement_and_a_swapped_table_target() -> None:
    source = "A, B = Kind.ONE, Kind.TWO\nTABLE = {1: (A, B)}\ndef go(self):\n    self.x = 1\n    self.y()\n"
    assert "TABLE = {1: (B, B)}" in planted_texts(source, "member")[0] + planted_texts(source, "member")[2]
    assert [text.count("pass") for text in planted_texts(source, "statement")] == [1, 1]


def test_a_short_name_that_is_called_as_its_member_is_swapped_once() -> None:
    source = "ONE, TWO = Kind.ONE, Kind.TWO\ndef go():\n    return ONE\n"
    assert sum("return TWO" in text for text in planted_texts(source, "member")) == 1


@pytest.mark.parametrize("module", MODULES)
def test_every_mutant_of_the_machine_compiles_and_differs(module: str) -> None:
    source = path_of(module).read_text()
    for mutant in mutants_of(module, source)[::97]:
        compile(planted(source, mutant.index), mutant.id, "exec")


def test_an_explanation_fits_by_pattern_and_brackets_are_only_brackets() -> None:
    mutant = Mutant("a:f:comparison:x[0] < 1->x[0] <= 1#1", "a", "comparison", 1, "", "", 0)
    assert why(mutant, [("a:f:comparison:x[0] <*", "because")]) == "because"
    assert why(mutant, [("b:*", "because")]) == ""


def test_every_explanation_still_explains_something() -> None:
    ids = [mutant for module in MODULES for mutant in mutants_of(module, path_of(module).read_text())]
    stale = [pattern for pattern, _ in explained() if not any(why(mutant, [(pattern, "yes")]) for mutant in ids)]
    assert stale == [], f"{EXPLAINED.name}: these mutants exist no more"
    assert all(len(text) > 20 for _, text in explained())


def test_a_run_that_was_ended_has_written_what_it_judged_until_then(tmp_path: Path) -> None:
    mutants = mutants_of("a.module", SOURCE)
    out = tmp_path / "mutants.json"

    def ended_after(judged: int) -> Iterator[tuple[Result, str]]:
        for at in range(judged):
            yield Result(mutants[at % len(mutants)], Fate.KILLED, 0.1), ""
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep(ended_after(EVERY + 3), out, 100, 0, 100)
    written = json.loads(out.read_text())
    assert written["run"] == len(written["results"]) == written["killed"] == EVERY
    assert list(tmp_path.iterdir()) == [out]


def test_a_run_goes_on_after_the_number_that_the_ended_one_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mutant = mutants_of("a.module", SOURCE)[0]
    keep([(Result(mutant, Fate.KILLED, 0.1), "")] * EVERY, tmp_path / "mutants.json", 100, 50, 90)
    assert capsys.readouterr().out.startswith(f"{50 + EVERY}/90: 0 survived")


# Mistakes that must be noticed, and one that must not: rounding half a picoampere up or down is the same.
PLANTED = (
    ("controller.logic.duty", "duty:LEAST_A:constant:6.0->9.0#1", "killed"),
    ("controller.logic.duty", "duty:current_for_duty:condition:duty_pct <= 85.0->False#1", "killed"),
    ("controller.logic.duty", "duty:_EPSILON:constant:1e-09->5e-10#1", "survived"),
)


@pytest.mark.wire
@pytest.mark.parametrize(("module", "pattern", "fate"), PLANTED)
def test_planted_mistakes_are_noticed_by_the_tests(module: str, pattern: str, fate: str, tmp_path: Path) -> None:
    out = tmp_path / "mutants.json"
    result = _run_tool("--module", module, "--only", pattern, "--n", "0", "--json", str(out))
    rows = json.loads(out.read_text())["results"]
    assert [row["fate"] for row in rows] == [fate], result.stdout
    told = fate == "survived" and not rows[0]["explained"]
    assert result.returncode == told and "the tests pass on the code as it is" in result.stdout


@pytest.mark.wire
def test_from_leaves_out_as_many_of_the_chosen(tmp_path: Path) -> None:
    out = tmp_path / "mutants.json"
    options = ("--module", "controller.logic.duty", "--only", "duty:LEAST_A:*", "--n", "0", "--json", str(out))
    result = _run_tool(*options, "--from", "1")
    ids = [row["id"] for row in json.loads(out.read_text())["results"]]
    assert ids == ["duty:LEAST_A:constant:6.0->3.0#1"] and result.returncode == 0, result.stdout
    refused = _run_tool(*options, "--from", "-1")
    assert refused.returncode == 2 and "--from -1: must be 0 or more" in refused.stderr


def _run_tool(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hil.mutants", *options, "--tests", "tests/logic_safety/test_duty.py"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
