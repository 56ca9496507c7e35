"""docs/safety-case.md cannot rot: what it cites exists, and nothing that must be in it is missing."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from controller.logic.faults import FAULTS, Severity
from controller.logic.invariants import INVARIANTS
from controller.logic.pilot import TRANSITIONS, Event, Supply
from hil.scenarios.__main__ import SCENARIOS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "safety-case.md").read_text()

CITED = re.compile(r"`([\w/]+\.py)::([\w.]+)`")
ROW = re.compile(r"`\((\w+), (\w+)\) -> (\w+)`")
SCENARIO = re.compile(r"scenario ([\w.-]*\w)")
FAULT = re.compile(r"`([a-z_]+)`")
INVARIANT = re.compile(r"^\*\*(\d+)\. .*?(?=^\*\*\d+\. |^## )", re.MULTILINE | re.DOTALL)
SEQUENCES = {
    "1.1",
    "1.2",
    "2.1",
    "2.2",
    "3.1, 3.2",
    "4",
    "5",
    "6",
    "8",
    "10.1",
    "10.2",
    "11",
    "12",
    "fault → F",
    "boot",
    "lockouts",
}


def problems(text: str) -> list[str]:
    """Return what of a text's citations does not exist or is not so."""
    found = [f"{path}::{name}" for path, name in CITED.findall(text) if name not in names_in(path)]
    found += [
        f"scenario {name}" for name in SCENARIO.findall(text) if name not in {s.name for s in SCENARIOS} | {"NAME"}
    ]
    for state, event, target in ROW.findall(text):
        if TRANSITIONS.get((_of(Supply, state), _of(Event, event))) is not _of(Supply, target):  # type: ignore[call-overload]
            found.append(f"({state}, {event}) -> {target}")
    found += [path for path in re.findall(r"`([\w/]+/[\w/.-]+)`", text) if not (ROOT / path).exists()]
    return found


def _of(kind: type[Supply] | type[Event], name: str) -> object:
    return kind.__members__.get(name)


@cache
def names_in(path: str) -> frozenset[str]:
    """Return every function, class, method, attribute of a class and module constant, as `Class.method` inside a class."""
    file = ROOT / path
    if not file.exists():
        return frozenset()
    found: set[str] = set()

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.add(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    walk(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.Assign):
                found.update(prefix + target.id for target in node.targets if isinstance(target, ast.Name))
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(prefix + node.target.id)

    walk(ast.parse(file.read_text()).body, "")
    return frozenset(found)


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]


def test_whatever_is_cited_exists_and_is_so() -> None:
    assert len(CITED.findall(TEXT)) > 100
    assert problems(TEXT) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "`controller/logic/pilot.py::PilotMachine._no_such`",
        "`controller/logic/no_such.py::PilotMachine`",
        "`tests/safety/test_sequences.py::test_no_such`",
        "scenario no-such",
        "`(CLOSED, ABSENT) -> CLOSED`",
        "`(CLOSED, NOTHING) -> CLOSED`",
        "`hw/boards/no-such.toml`",
    ],
)
def test_what_does_not_exist_is_found(wrong: str) -> None:
    assert len(problems(wrong)) == 1


def test_every_invariant_has_its_code_its_monitor_and_its_tests() -> None:
    parts = {int(match[1]): match[0] for match in INVARIANT.finditer(TEXT)}
    assert parts.keys() == INVARIANTS.keys()
    for number, part in parts.items():
        lines = dict(line.removeprefix("* ").split(": ", 1) for line in part.splitlines() if line.startswith("* "))
        assert CITED.search(lines["Implemented"]) or ROW.search(lines["Implemented"]), number
        assert "Monitor." in lines["Watched"], number
        assert "test_" in lines["Shown"] or SCENARIO.search(lines["Shown"]), number


def test_every_hazard_names_its_invariants_and_every_invariant_has_a_hazard_or_none() -> None:
    rows = [line.split("|")[1:-1] for line in section("Hazards").splitlines() if line.startswith("| ")][1:]
    named = {int(number) for row in rows for number in re.findall(r"\d+", row[1])}
    assert named <= INVARIANTS.keys()
    assert INVARIANTS.keys() - named == {9}, "9 is about being told why"
    assert all("::test_" in row[4] or SCENARIO.search(row[4]) for row in rows)


def test_every_fault_that_is_a_danger_is_covered() -> None:
    dangers = {fault.id for fault in FAULTS.values() if fault.severity is Severity.DANGER}
    told = {
        line.split("|")[1].strip().strip("`")
        for line in section("Faults that are").splitlines()
        if line.startswith("| `")
    }
    assert told == dangers
    assert dangers <= set(FAULT.findall(section("Hazards")))


def test_the_hazards_name_faults_that_exist() -> None:
    rows = [line.split("|")[3] for line in section("Hazards").splitlines() if line.startswith("| ")][1:]
    assert {fault for row in rows for fault in FAULT.findall(row)} <= FAULTS.keys()


def test_every_sequence_of_the_table_has_its_row_and_its_scenario() -> None:
    rows = [line.split("|")[1:-1] for line in section("Sequences").splitlines() if line.startswith("| ")][1:]
    assert {row[0].strip() for row in rows} >= SEQUENCES
    assert all(CITED.search(row[2]) or ROW.search(row[2]) for row in rows)
    assert all(SCENARIO.search(row[3]) for row in rows)


def test_every_scenario_has_a_place_in_the_case() -> None:
    assert {each.name for each in SCENARIOS} == set(SCENARIO.findall(TEXT)) - {"NAME"}
