"""Breadth-first through everything that can happen: each state that was not met before, with every event.

Two more things are shown of the states met. Wherever the contactor is closed, each demand to open opens it in its time. And from
everywhere, once all is made well, it closes again in a stated time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from controller.logic.inputs import Level, Mirror
from controller.logic.pilot import EvseConfig
from hil.search.canonical import Graphs
from hil.search.world import Event, World, core_events_of, events_of

# What must open, and within how long (hardware-facts §8; two periods for a change to be seen and acted on).
DEMANDS: tuple[tuple[Event, float], ...] = (
    (Event("line", "A"), 0.060),  # 6
    (Event("line", "B"), 0.060),  # 6
    (Event("line", "E"), 0.500),  # 7
    (Event("line", "nowhere"), 0.500),  # 7
    (Event("sense", False), 0.150 + 0.020),  # 11
    (Event("rcd", Level.YES), 0.050),  # 19
    (Event("rcd_error", Level.YES), 0.050),
    (Event("estop", Level.YES), 0.050),  # 26
    (Event("mains_absent", Level.YES), 0.050),  # 26
    (Event("mirror", Mirror.OPEN), 0.050 + 0.350),  # 17, or dropped
    (Event("bolt", Level.NO), 0.050),  # 16
    (Event("withdraw"), 6.5),  # 24
    (Event("lose"), 6.5),  # 24
    (Event("hang"), 2.0 + 6.5),  # 24
    (Event("stall"), 0.050),
)
# Once all is well: every fault's own time to go, 30 s after an error, the self-test, the lock's rests, 5 s between closes.
WELL_S = 60.0
REPLUG_S = 1.5
PACED_S = 600.0 + 60.0  # more where six closes in ten minutes are reached: a reason that is recorded
_EVERY_S = 5.0
_Frontier = list[tuple[World, int] | None]  # None: tried, and its memory given back


@dataclass(slots=True)
class Figures:
    """What a search did."""

    states: int = 0
    steps: int = 0
    depth: int = 0  # every state of less than this many events was tried with every event
    closed: int = 0  # states with the contactor commanded closed
    opened: int = 0  # demands to open that were tried
    well: int = 0  # states from which all was made well
    is_complete: bool = True  # nothing was left untried for want of time
    per_depth: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bounds:
    """depth: events after a root. seconds: of real time, then the search ends. *_every: each how many-th state is tried.

    is_core: only the events of an ordinary life and its ends, to go deeper.
    """

    depth: int
    seconds: float = float("inf")
    open_every: int = 1
    well_every: int = 1
    is_core: bool = False
    most_wrong: int = 5


def roots(config: EvseConfig) -> list[tuple[World, str]]:
    """Return the states of an ordinary session, one for each state of the supply that it passes, to begin from."""
    world, graphs = World(config), Graphs()
    found = [(graphs.copy(world), "start")]
    session = (
        Event("wait", 6.0), Event("line", "B"), Event("wait", 1.0), Event("permit", (16.0, "r1")), Event("line", "C"),
        *[Event("deadline")] * 12, Event("wait", 6.0), Event("withdraw"), Event("wait", 6.1), Event("wait", 6.0),
        Event("permit", (16.0, "r1")), Event("wait", 6.0), Event("estop", Level.YES), Event("wait", 0.3),
    )  # fmt: skip
    met = {world.machine.supply}
    for event in session:
        world.happen(event)
        if world.machine.supply not in met or event == Event("wait", 1.0):
            met.add(world.machine.supply)
            found.append((graphs.copy(world), f"a session, {world.machine.supply.value}"))
    return found


class Search:
    """One configuration's search. say: gets a line of progress now and then."""

    def __init__(
        self, config: EvseConfig, bounds: Bounds, *, is_exact: bool = False, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.config = config
        self.figures = Figures()
        self._bounds = bounds
        self._graphs = Graphs(is_exact=is_exact)
        self._events = core_events_of(config) if bounds.is_core else events_of(config)
        can_happen = {event.do for event in events_of(config)}
        self._demands = [(event, within_s) for event, within_s in DEMANDS if event.do in can_happen]
        self._say = say
        self._came: dict[int, tuple[int | None, str]] = {}  # key -> (key before, what happened)
        self._end = time.monotonic() + bounds.seconds
        self._say_at = time.monotonic() + _EVERY_S

    def run(self, begin: Iterable[tuple[World, str]] | None = None) -> Figures:
        figures = self.figures
        frontier: _Frontier = []
        for world, name in roots(self.config) if begin is None else begin:
            self._meet(world, None, name, frontier)
        figures.per_depth.append(len(frontier))
        for depth in range(1, self._bounds.depth + 1):
            fresh: _Frontier = []
            for at, state in enumerate(frontier):
                assert state is not None
                world, key = state
                if time.monotonic() > self._end or len(figures.wrong) >= self._bounds.most_wrong:
                    figures.is_complete = False
                    return figures
                self._try_all(world, key, fresh if depth < self._bounds.depth else None)
                self._tell(depth, at, len(frontier))
                frontier[at] = None  # its memory is needed
            figures.depth = depth
            figures.per_depth.append(figures.states - sum(figures.per_depth))
            frontier = fresh
            if not frontier:
                return figures  # nothing new is left, or the depth is reached
        return figures

    def trail(self, key: int | None) -> str:
        """Return what happened until a state was first met."""
        words: list[str] = []
        while key is not None:
            key, what = self._came[key]
            words.append(what)
        return ", ".join(reversed(words))

    # --- one state ------------------------------------------------------------------------------------------------------

    def _try_all(self, world: World, key: int, fresh: _Frontier | None) -> None:
        for event in self._events:
            after = self._graphs.copy(world)
            try:
                if not after.happen(event):
                    continue
            except AssertionError as error:
                self._wrong(key, f"{event}: {error or type(error).__name__}")
                continue
            self.figures.steps += 1
            if after.breaches:
                self._wrong(key, f"{event}: {after.breaches[0]}")
                continue
            self._meet(after, key, str(event), fresh)

    def _meet(self, world: World, before: int | None, what: str, fresh: _Frontier | None) -> None:
        key = self._graphs.key(world, world.now)
        if key in self._came:
            return
        self._came[key] = (before, what)
        figures, bounds = self.figures, self._bounds
        figures.states += 1
        if fresh is not None:
            fresh.append((world, key))
        if world.is_closed:
            figures.closed += 1
            if figures.closed % bounds.open_every == 0:
                self._demand(world, key)
        if figures.states % bounds.well_every == 0:
            self._make_well(world, key, replugged=False)
            self._make_well(world, key, replugged=True)

    def _demand(self, world: World, key: int) -> None:
        """Each demand to open, and K off in its time."""
        for event, within_s in self._demands:
            after = self._graphs.copy(world)
            began = after.now
            if (event.do == "line" and not world.senses) or not after.happen(event):
                continue
            self.figures.opened += 1
            opened = after.run(began + within_s - after.now, lambda after=after: not after.is_closed)
            if not opened or after.breaches:
                self._wrong(key, f"{event}: K still on after {within_s:g} s {after.breaches[:1]}")

    def _make_well(self, world: World, key: int, *, replugged: bool) -> None:
        """Once all is well, K within WELL_S; later only where the closes are paced, and that is said."""
        after = self._graphs.copy(world)
        self.figures.well += 1
        if replugged:
            after.make_well("unplugged")
            after.line, after.ohm = "A", 220.0
            after.run(REPLUG_S)
        after.make_well()
        after.run(0.5)
        after.reset_all()
        closed = after.run(WELL_S, lambda: after.is_closed)
        if not closed and any("6 times" in reason or "jammed" in reason for reason in after.machine.blocked_by):
            after.reset_all()
            closed = after.run(PACED_S, lambda: after.is_closed)
        if not closed or after.breaches:
            how = "replugged" if replugged else "made well"
            self._wrong(key, f"{how}: not closed, {after.machine.blocked_by} {after.breaches[:1]}")

    # --- telling --------------------------------------------------------------------------------------------------------

    def _wrong(self, key: int, what: str) -> None:
        self.figures.wrong.append(f"{self.trail(key)}, {what}")
        self._say(f"WRONG: {self.figures.wrong[-1]}")

    def _tell(self, depth: int, at: int, of: int) -> None:
        if time.monotonic() < self._say_at:
            return
        self._say_at = time.monotonic() + _EVERY_S
        f = self.figures
        self._say(
            f"depth {depth}: {at + 1} of {of} states tried, {f.states} states, {f.steps} steps, {f.well} made well"
        )
