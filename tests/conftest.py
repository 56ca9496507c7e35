"""Ties tests to what they prove of OCPP, and writes the run's figures for CI.

`@pytest.mark.ocpp("2.0.1", "B01.FR.08", "TC_B_01_CS")`: every id must stand in `ocpp_ids.json`, else collection fails.
2.0.1: requirements, certification cases, `Part4 §5.3`. 1.6: operations, configuration keys, security events, `§5.18` of
the edition-2 text, `J §4.2` of OCPP-J and the requirement ids of the security whitepaper.
"""

from __future__ import annotations

import json
import time
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("hil.contracts")

_IDS = Path(__file__).with_name("ocpp_ids.json")
_PROPERTY = "ocpp"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pilotline")
    group.addoption("--figures", type=Path, help="write the run's counts and duration to this JSON file")
    group.addoption("--conformance", type=Path, help="write which OCPP ids the run's tests prove to this JSON file")


def pytest_configure(config: pytest.Config) -> None:
    wants = (config.getoption("--figures"), config.getoption("--conformance"))
    if any(wants) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Figures(*wants), "pilotline-figures")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    known: dict[str, list[str]] = json.loads(_IDS.read_text())
    problems = []
    for item in items:
        for mark in item.iter_markers("ocpp"):
            problems += [f"{item.nodeid}: {problem}" for problem in mark_problems(mark.args, known)]
            item.user_properties.append((_PROPERTY, list(mark.args)))
    if problems:
        raise pytest.UsageError("\n".join(problems))


def mark_problems(args: tuple[Any, ...], known: dict[str, list[str]]) -> list[str]:
    """Say what is wrong with the arguments of one ocpp mark."""
    if len(args) < 2 or not all(isinstance(each, str) for each in args):
        return ['write the mark as ocpp("2.0.1", "B01.FR.08", …): a version and at least one id']
    version, *ids = args
    if version not in known:
        return [f"unknown OCPP version {version!r}; known: {', '.join(known)}"]
    problems = []
    for each in ids:
        if each not in known[version]:
            close = get_close_matches(each, known[version], n=1)
            problems.append(
                f"unknown id {each!r} of OCPP {version}" + (f" - did you mean {close[0]!r}?" if close else "")
            )
    return problems


class Figures:
    """Counts outcomes in the process that reports to the user, so that it holds for any number of workers."""

    def __init__(self, figures: Path | None, conformance: Path | None) -> None:
        self._figures = figures
        self._conformance = conformance
        self._started = time.monotonic()
        self._outcomes: dict[str, int] = {"passed": 0, "failed": 0, "skipped": 0}
        self._slowest: list[tuple[float, str]] = []
        self._proofs: dict[str, dict[str, dict[str, list[str]]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        decides = report.when == "call" or report.outcome != "passed"
        if not decides:
            return
        self._outcomes[report.outcome] += 1
        self._slowest.append((round(report.duration, 3), report.nodeid))
        for name, value in report.user_properties:
            if name == _PROPERTY:
                version, *ids = value
                for each in ids:
                    proof = self._proofs.setdefault(version, {}).setdefault(each, {})
                    proof.setdefault(report.outcome, []).append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        if self._figures is not None:
            slowest = [{"seconds": seconds, "test": test} for seconds, test in sorted(self._slowest, reverse=True)[:10]]
            seconds = round(time.monotonic() - self._started, 1)
            _write(self._figures, {**self._outcomes, "seconds": seconds, "slowest": slowest})
        if self._conformance is not None:
            _write(self._conformance, self._summary())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._conformance is None:
            return
        for version, found in self._summary().items():
            counts = f"{found['requirements']} requirements, {found['cases']} certification cases"
            terminalreporter.write_line(
                f"OCPP {version}: {len(found['proved'])} ids proved ({counts}), {len(found['not_proved'])} not"
            )

    def _summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = {}
        for version, proofs in sorted(self._proofs.items()):
            proved = [each for each, outcomes in proofs.items() if set(outcomes) == {"passed"}]
            summary[version] = {
                "requirements": sum(".FR." in each for each in proved),
                "cases": sum(each.startswith("TC_") for each in proved),
                "proved": sorted(proved),
                "not_proved": {each: outcomes for each, outcomes in sorted(proofs.items()) if each not in proved},
            }
        return summary


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
