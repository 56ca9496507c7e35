"""Finds a place for each scenario, plays as many side by side as the places allow, and says what became of each.

Nothing here knows what a bench is made of: `Source` opens one. A source whose benches are fresh gives each batch a new one; any
other is tidied after each scenario.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from controller.local.exc import LocalError
from hil.bench.client import BenchRefused, BenchUnreachable
from hil.csms.csms import CommandFailed
from hil.processes import RigError
from hil.scenarios.scenario import End, Outcome, Scenario
from hil.scenarios.scene import Doors, Failed, Scene

LONGEST_S = 240.0
LONGEST_TIDIED_S = 1200.0  # a bench that is used again may have to wait for ten minutes between two scenarios

Abilities = Mapping[int, frozenset[str]]
Tell = Callable[[Outcome], None]
_TROUBLE = (
    BenchRefused,
    BenchUnreachable,
    LocalError,
    CommandFailed,
    RigError,
    AssertionError,
    TimeoutError,
)


class Source(Protocol):
    """Where scenarios can be played. is_fresh: every opening is a bench that nobody has used."""

    @property
    def name(self) -> str: ...

    @property
    def is_fresh(self) -> bool: ...

    async def abilities(self) -> Abilities: ...

    def open(self) -> AbstractAsyncContextManager[Doors]: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Scenarios that run side by side on one bench, each at its EVSE."""

    source: Source
    places: tuple[tuple[int, Scenario], ...]


async def play_all(
    scenarios: Sequence[Scenario], sources: Sequence[Source], parallel: int, tell: Tell
) -> list[Outcome]:
    """Play everything, at most so many benches at a time, and return what became of it in the order given."""
    able = [(source, await source.abilities()) for source in sources]
    found: dict[str, Outcome] = {}

    def note(outcome: Outcome) -> None:
        found[outcome.name] = outcome
        tell(outcome)

    batches, homeless = arrange(scenarios, able)
    for each, why in homeless:
        note(Outcome(each.name, each.title, End.SKIPPED, why))
    free = asyncio.Semaphore(parallel)
    async with asyncio.TaskGroup() as group:
        for batch in batches:
            group.create_task(_play_batch(batch, free, note))
    return [found[each.name] for each in scenarios]


def arrange(
    scenarios: Iterable[Scenario], able: Sequence[tuple[Source, Abilities]]
) -> tuple[list[Batch], list[tuple[Scenario, str]]]:
    """Return what runs together, and what cannot run here, with the reason."""
    waiting: list[tuple[Source, Abilities, list[Scenario]]] = [(source, can, []) for source, can in able]
    homeless = []
    for each in scenarios:
        home = next((queue for _, can, queue in waiting if any(each.needs <= has for has in can.values())), None)
        if home is None:
            homeless.append((each, _what_lacks(each, able)))
        else:
            home.append(each)
    return [batch for source, can, queue in waiting for batch in _batches(source, can, queue)], homeless


def _batches(source: Source, can: Abilities, queue: list[Scenario]) -> list[Batch]:
    batches = []
    while queue:
        places: dict[int, Scenario] = {}
        for each in tuple(queue):
            if places and (each.whole or any(other.whole for other in places.values())):
                continue
            place = next((evse for evse, has in can.items() if evse not in places and each.needs <= has), None)
            if place is not None:
                places[place] = each
                queue.remove(each)
        batches.append(Batch(source, tuple(places.items())))
    return batches


def _what_lacks(each: Scenario, able: Sequence[tuple[Source, Abilities]]) -> str:
    lacks = [sorted(each.needs - has) for _, can in able for has in can.values()] or [sorted(each.needs)]
    least = min(lacks, key=len)
    return f"no EVSE here has: {', '.join(least)}"


async def _play_batch(batch: Batch, free: asyncio.Semaphore, note: Tell) -> None:
    async with free:
        try:
            async with batch.source.open() as doors, asyncio.TaskGroup() as group:
                for evse, each in batch.places:
                    group.create_task(_play_one(batch.source, doors, evse, each, note))
        except _TROUBLE as error:
            for evse, each in batch.places:
                note(
                    Outcome(each.name, each.title, End.FAILED, f"no bench: {error}", f"{batch.source.name} EVSE {evse}")
                )


async def _play_one(source: Source, doors: Doors, evse: int, each: Scenario, note: Tell) -> None:
    scene = Scene(doors, evse, token=each.name.upper()[:20])
    outcome = Outcome(each.name, each.title, End.PASSED, where=f"{source.name} EVSE {evse}", steps=scene.verdicts)
    began = time.monotonic()
    try:
        async with asyncio.timeout(LONGEST_S if source.is_fresh else LONGEST_TIDIED_S):
            await scene.prepare(each.closes)
            await each.play(scene)
    except Failed as failure:
        outcome.end, outcome.why = End.FAILED, str(failure)
    except _TROUBLE as error:
        outcome.end, outcome.why = End.FAILED, f"{type(error).__name__}: {error}"
    if not source.is_fresh:
        await _tidy(scene, outcome)
    outcome.seconds = round(time.monotonic() - began, 1)
    note(outcome)


async def _tidy(scene: Scene, outcome: Outcome) -> None:
    try:
        await scene.tidy()
    except (Failed, *_TROUBLE) as error:
        outcome.end, outcome.why = End.FAILED, outcome.why or f"could not tidy up: {error}"
