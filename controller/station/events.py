"""What happens, as small dicts, to whoever listens: the control API's watchers. Nothing depends on anybody listening."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from typing import Any

from controller.clock import Clock

_MOST_WAITING = 1000


class Subscription:
    """One listener's events. A slow one loses the oldest, and is told how many by a `missed` key in the next."""

    def __init__(self) -> None:
        self._events: deque[dict[str, Any]] = deque()
        self._missed = 0
        self._news = asyncio.Event()

    def add(self, event: dict[str, Any]) -> None:
        if len(self._events) >= _MOST_WAITING:
            self._events.popleft()
            self._missed += 1
        self._events.append(event)
        self._news.set()

    async def next(self) -> dict[str, Any]:
        """Wait for the next event. Cancellation-safe."""
        while not self._events:
            self._news.clear()
            await self._news.wait()
        event = self._events.popleft()
        if self._missed:
            event, self._missed = {**event, "missed": self._missed}, 0
        return event

    def forget(self) -> None:
        """Drop the events that wait."""
        self._events.clear()


class EventBus:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: set[Subscription] = set()

    @contextlib.contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """Listen from now on until the block ends."""
        subscription = Subscription()
        self._listeners.add(subscription)
        try:
            yield subscription
        finally:
            self._listeners.discard(subscription)

    def publish(self, event: dict[str, Any]) -> None:
        """Pass on an event that already says when (`at`) and what (`kind`)."""
        for listener in self._listeners:
            listener.add(event)

    def emit(self, kind: str, **facts: Any) -> None:
        """Tell an event of now. Values must be JSON values."""
        if self._listeners:
            self.publish({"at": self._clock.now().wall.isoformat(), "kind": kind, **facts})
