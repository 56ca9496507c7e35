"""What a step of the bring-up found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    LEFT_OUT = "left out"  # not possible now
    NOT_BUILT = "not built"  # the board has no such part


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. evse: None for the station's own parts. measured: in words, with units. check: which wire, register or key
    to look at; empty where all is well.
    """

    step: str
    evse: int | None
    verdict: Verdict
    measured: str
    expected: str = ""
    check: str = ""

    @property
    def is_bad(self) -> bool:
        return self.verdict is Verdict.FAILED

    @property
    def is_well(self) -> bool:
        """Nothing stands against going on; what was left out does."""
        return self.verdict in (Verdict.PASSED, Verdict.NOT_BUILT)


def passed(step: str, evse: int | None, measured: str, expected: str = "") -> Finding:
    return Finding(step, evse, Verdict.PASSED, measured, expected)


def failed(step: str, evse: int | None, measured: str, expected: str, check: str) -> Finding:
    return Finding(step, evse, Verdict.FAILED, measured, expected, check)


def not_built(step: str, evse: int | None, what: str = "") -> Finding:
    return Finding(step, evse, Verdict.NOT_BUILT, what)


def left_out(step: str, evse: int | None, why: str) -> Finding:
    return Finding(step, evse, Verdict.LEFT_OUT, why)
