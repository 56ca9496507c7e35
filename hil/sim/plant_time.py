"""Moves a plant along an event loop: exactly when something in it falls due, and not otherwise."""

from __future__ import annotations

import asyncio

from hil.plant.plant import Plant


class PlantTime:
    """Advances `plant` on the running loop until `stop`."""

    def __init__(self, plant: Plant, loop: asyncio.AbstractEventLoop) -> None:
        self._plant = plant
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._due_s: float | None = None
        self._stops = [plant.subscribe_plan(self._plan), plant.subscribe(self._plan)]
        self._plan()

    def stop(self) -> None:
        for stop in self._stops:
            stop()
        if self._timer is not None:
            self._timer.cancel()

    def _plan(self) -> None:
        due = self._plant.next_change()
        if due == self._due_s and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due_s = due
        if due is not None:
            self._timer = self._loop.call_at(due, self._advance)

    def _advance(self) -> None:
        self._timer = None
        self._plant.advance(max(self._loop.time(), self._due_s or 0.0))
        self._plan()
