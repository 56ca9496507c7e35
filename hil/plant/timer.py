"""Lets a plant live on an event loop: it advances exactly when something changes by itself, and never in between."""

from __future__ import annotations

import asyncio

from hil.plant.plant import Plant


class PlantTimer:
    """Keep one timer of `loop` at the plant's next change. Stop it with `close`."""

    def __init__(self, plant: Plant, loop: asyncio.AbstractEventLoop) -> None:
        self._plant = plant
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self._unsubscribe = plant.subscribe_plan(self._plan)
        self._plan()

    def close(self) -> None:
        self._unsubscribe()
        if self._handle is not None:
            self._handle.cancel()

    def _plan(self) -> None:
        due = self._plant.next_change()
        if self._handle is not None:
            if self._handle.when() == due and not self._handle.cancelled():
                return
            self._handle.cancel()
            self._handle = None
        if due is not None:
            self._handle = self._loop.call_at(due, self._fire, due)

    def _fire(self, due: float) -> None:
        self._handle = None
        # A loop may call a timer early, by up to its clock's resolution.
        self._plant.advance(max(due, self._loop.time()))
