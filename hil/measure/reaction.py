"""From the pilot edge at the plant to the write that opens the contactor, as the plant stamped both."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hil.plant.evse import EvseModel
from hil.plant.values import Edge
from hil.plant.wiring import Load
from hil.processes import RigError

STUCK_S = 40.0  # the first close waits for the residual-current self-test and the lock


class Reactions:
    """Takes what the plant saw of one EVSE, in order; keeps how long each opening took, in seconds.

    unprompted: openings that no pilot edge asked for.
    """

    def __init__(self) -> None:
        self.taken_s: list[float] = []
        self.unprompted = 0
        self._left_at: float | None = None
        self._closed = False

    def feed(self, edges: Iterable[Edge]) -> None:
        for edge in edges:
            if edge.what == "ev":
                self._left_at = edge.at_s if edge.value in ("A", "B") and self._closed else None
            elif edge.what == "command":
                if not edge.value and self._closed:
                    self._opened(edge.at_s)
                self._closed = bool(edge.value)

    def _opened(self, at_s: float) -> None:
        if self._left_at is None:
            self.unprompted += 1
        else:
            self.taken_s.append(at_s - self._left_at)
            self._left_at = None


class Toggler:
    """One vehicle that stops asking as soon as it is served, and asks again as soon as it is not.

    Each turn waits a random part of a period, so that edges fall anywhere between two samples.
    """

    def __init__(self, model: EvseModel, chance: random.Random, period_s: float) -> None:
        self.reactions = Reactions()
        self._model = model
        self._chance = chance
        self._period_s = period_s
        self._fed = model.edge_count
        self._was_closed = model.command
        self._turn_at: float | None = None
        self._moved_at = float("-inf")
        self.reactions.feed([Edge(0.0, "command", model.command)])

    def act(self, now: float) -> bool:
        """Take what the plant saw and make the vehicle's next turn if it is due. Return whether it turned."""
        self._feed()
        model = self._model
        if self._moved_at == float("-inf"):
            self._moved_at = now
        asking = model.ev is not None and model.ev.load is Load.C
        if asking is not model.contactor.is_closed or model.command is not model.contactor.is_closed:
            self._turn_at = None  # the contactor has not yet followed
            if now - self._moved_at > STUCK_S:
                raise RigError(f"EVSE {model.built.id}: the contactor did not follow within {STUCK_S:.0f} s")
            return False
        if self._turn_at is None:
            self._turn_at = now + self._chance.uniform(self._period_s, 2 * self._period_s)
        if now < self._turn_at or model.ev is None:
            return False
        model.ev.force(Load.B if asking else Load.C, None, None, now)
        model.refresh(now)
        self._moved_at = now
        self._turn_at = None
        return True

    def _feed(self) -> None:
        fresh = self._model.edge_count - self._fed
        if fresh:
            self._fed += fresh
            edges = self._model.edges
            self.reactions.feed(edges[index] for index in range(max(0, len(edges) - fresh), len(edges)))
