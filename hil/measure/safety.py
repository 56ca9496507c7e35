"""How quickly the safety process opens, and how late its loop wakes: in each condition, beside a floor measured in the same run."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.config import load_board
from hil.measure.floor import MISSING, Floor
from hil.measure.footprint import charge
from hil.measure.load import CONDITIONS, Load
from hil.measure.percentiles import WANTED, Distribution, key_of
from hil.measure.shape import Shape
from hil.measure.site import Site, run_sites
from hil.processes import RigError

SITES = 3
EDGES = 2000
# From the edge to the write, at p99.99: two readings confirm, and the edge falls anywhere between two samples.
PERIODS = 3
WORST_MS = 60.0  # invariant 6: not K by t+60 ms
STRESS_MS = 100.0  # where disk and processor hold up the kernel itself: what the vehicle's leaving allows at the most
LATER_THAN_FLOOR = 1.2
JUDGED = 99.99  # the percentile that the limits are for; with fewer readings, the highest that these can tell
BEYOND = (
    30  # readings beyond a percentile of lateness that is judged: the ratio of two tails of a few readings is chance
)
# Of SCHED_FIFO, below the measured loops: the world outside does not wait because a computer is busy.
PLANT_PRIORITY = 40
_STALLED_S = 60.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one condition gave. floor_us: None without a C compiler and cyclictest."""

    condition: str
    reaction_ms: Distribution
    late_us: Distribution
    floor_us: Distribution | None
    unprompted: int


def reactions(directory: Path, edges: int, conditions: Sequence[str], say: Callable[[str], None]) -> list[Shape]:
    """Measure `edges` openings in each condition."""
    shapes: list[Shape] = []
    for condition in conditions:
        say(f"{condition}: {CONDITIONS[condition]}")
        shapes += figures(measure(directory / condition, edges, condition, say), say)
    return shapes


def measure(
    directory: Path,
    edges: int,
    condition: str,
    say: Callable[[str], None],
    planted_delay_s: float = 0.0,
    sites: int = SITES,
) -> Run:
    """Run the condition until every opening is counted. Raises RigError."""
    directory.mkdir(parents=True)
    with contextlib.ExitStack() as held:
        if condition:
            held.enter_context(Load(condition, directory / "load"))
        floor = held.enter_context(Floor(directory, sites))
        held.enter_context(_plant_priority(say))
        measured = [held.enter_context(_site(directory, number, planted_delay_s)) for number in range(sites)]
        charge(measured, say)
        for site in measured:
            site.toggle()
        _count(measured, edges, say)
    togglers = [toggler.reactions for site in measured for toggler in site.togglers]
    return Run(
        condition,
        Distribution.of(taken * 1000.0 for each in togglers for taken in each.taken_s),
        Distribution((us, n) for number in range(sites) for us, n in json.loads(_late(directory, number).read_text())),
        floor.late_us,
        sum(each.unprompted for each in togglers),
    )


def _site(directory: Path, number: int, planted_delay_s: float) -> Site:
    arguments = ["-m", "hil.measure.paced", "--out", str(_late(directory, number))]
    return Site(directory / f"site{number}", [*arguments, "--planted-delay-s", str(planted_delay_s)], seed=number)


def _late(directory: Path, number: int) -> Path:
    return directory / f"late{number}.json"


def _count(sites: Sequence[Site], edges: int, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    before, progress_at = -1, began
    while True:
        run_sites(sites, 1.0)
        counted = sum(len(toggler.reactions.taken_s) for site in sites for toggler in site.togglers)
        now = time.monotonic()
        if counted > before:
            before, progress_at = counted, now
        elif now - progress_at > _STALLED_S:
            raise RigError(f"no opening for {_STALLED_S:.0f} s; a log ends with: {sites[0].log_tail()}")
        left_s = (edges - counted) * (now - began) / max(1, counted)
        say(f"{min(counted, edges)} of {edges} openings, {max(0.0, left_s):.0f} s to go")
        if counted >= edges:
            return


@contextlib.contextmanager
def _plant_priority(say: Callable[[str], None]) -> Iterator[None]:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PLANT_PRIORITY))
    except OSError as error:
        say(f"no real-time priority here ({error.strerror}): the loops and the plant wait for everything else")
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def figures(run: Run, say: Callable[[str], None]) -> list[Shape]:
    """Return what a run is held against; what it cannot tell is said."""
    reaction, count = run.reaction_ms, len(run.reaction_ms)
    worst = (STRESS_MS, "under stress") if run.condition == "stress" else (WORST_MS, "invariant 6")
    periods_ms = PERIODS * load_board("mock", Path()).period_ms
    shapes = []
    for percent in reaction.supported():
        limit, whose = worst if percent > JUDGED or run.condition == "stress" else (periods_ms, f"{PERIODS} periods")
        name = f"reaction_{run.condition}_{key_of(percent)}_ms"
        shapes.append(Shape.within(name, reaction.at(percent), "ms", limit, whose, samples=count))
    name = f"reaction_{run.condition}_max_ms"
    floor_ms = run.floor_us.greatest / 1000.0 if run.floor_us is not None else 0.0
    if periods_ms + floor_ms > worst[0]:  # what the machine kept from a C thread it keeps from us
        worst = periods_ms + floor_ms, f"{PERIODS} periods, and a C thread was {floor_ms:.0f} ms late"
    shapes.append(Shape.within(name, reaction.greatest, "ms", *worst, samples=count))
    if run.unprompted:
        name = f"reaction_{run.condition}_unprompted"
        shapes.append(Shape.within(name, run.unprompted, "", 0, "openings that nothing asked for", samples=count))
    told = ", ".join(f"p{percent:g}" for percent in reaction.supported())
    say(f"{run.condition}: {count} openings tell {told}; {len(run.late_us)} passes of the loops")
    if run.floor_us is None:
        say(MISSING)
        return shapes
    return [*shapes, _lateness(run.condition, run.late_us, run.floor_us)]


def _lateness(condition: str, late_us: Distribution, floor_us: Distribution) -> Shape:
    """Judge the highest percentile up to JUDGED that both tell well."""
    fewest = min(late_us, floor_us, key=len)
    told = [percent for percent in WANTED if percent <= JUDGED and fewest.beyond(percent) >= BEYOND]
    percent = max(told, default=WANTED[0])
    floor = max(1.0, floor_us.at(percent))
    name = f"lateness_{condition}_{key_of(percent)}_us"
    what = f"a C thread's {floor:g} us at p{percent:g}"
    return Shape(name, late_us.at(percent), "us", floor, what, LATER_THAN_FLOOR, samples=len(late_us))
