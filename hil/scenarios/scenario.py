"""What a scenario is, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from hil.scenarios.scene import Scene, Verdict

Play = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """name: what is typed. needs: abilities of the bench and its EVSE without which it is skipped. whole: it strikes the whole
    station, so nothing else may run on it. short: part of every test run. closes: how often its contactor closes at most.
    """

    name: str
    title: str
    play: Play
    needs: frozenset[str] = frozenset()
    whole: bool = False
    short: bool = False
    closes: int = 2


class End(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(slots=True)
class Outcome:
    """What became of a scenario. why: of a failure or a skip, one line. where: bench and EVSE."""

    name: str
    title: str
    end: End
    why: str = ""
    where: str = ""
    seconds: float = 0.0
    steps: list[Verdict] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def scenario(
    name: str, title: str, play: Play, *needs: str, whole: bool = False, short: bool = False, closes: int = 2
) -> Scenario:
    return Scenario(name, title, play, frozenset(needs), whole, short, closes)
