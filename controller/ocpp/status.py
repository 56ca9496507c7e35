"""Reporting of connector status: every change while online, in order; what changed (or everything) after having been offline."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from msgspec import Struct

from controller.ocpp.dialect import Dialect, Message, StatusMessage
from controller.ocpp.exc import CallError, CallTimeout, PayloadError
from controller.store.exc import StorageFull
from controller.store.store import Store

_log = logging.getLogger(__name__)

Point = tuple[int, int]  # evse_id, connector_id
Send = Callable[[Message], Awaitable[Struct]]


class StatusReporter:
    """Status reports of one connection. Only what was reported is remembered; what is true is asked of the station."""

    def __init__(self, dialect: Dialect, protocol: str, store: Store, send: Send) -> None:
        self._dialect = dialect
        self._protocol = protocol
        self._store = store
        self._send = send
        self._queue: deque[tuple[Point, StatusMessage]] = deque()
        self._latest: dict[Point, str] = {}  # fingerprint of what was last queued
        self._news = asyncio.Event()

    def report_all(self) -> None:
        """After a boot, or offline for longer than OfflineThreshold (B01.FR.05, B04.FR.01)."""
        for point in self._dialect.status_points():
            self._enqueue(point, self._dialect.status(*point))

    def report_changed(self) -> None:
        """After a short time offline (B04.FR.02)."""
        reported = self._store.reported_status()
        for point in self._dialect.status_points():
            status = self._dialect.status(*point)
            if reported.get(point) == self._mark(status):
                self._latest[point] = status.fingerprint
            else:
                self._enqueue(point, status)

    def changed(self, evse_id: int, connector_id: int) -> None:
        """The status may have changed; it is taken now, so that no step in between is lost."""
        for point in {(evse_id, connector_id), (0, 0)} & set(self._dialect.status_points()):
            status = self._dialect.status(*point)
            if self._latest.get(point) != status.fingerprint:
                self._enqueue(point, status)

    async def report_now(self, evse_id: int, connector_id: int) -> None:
        """Report a point although nothing has changed (TriggerMessage). Raises what the sending raises."""
        status = self._dialect.status(evse_id, connector_id)
        await self._send(status.message)
        self._remember((evse_id, connector_id), status)

    async def flush(self) -> None:
        """Send what is queued. Raises ConnectionLost, NotOnline."""
        while self._queue:
            point, status = self._queue.popleft()
            try:
                await self._send(status.message)
            except CallTimeout:
                _log.warning("the status of %s was not acknowledged, it is sent again", point)
                if not any(queued == point for queued, _ in self._queue):
                    self._queue.append((point, self._dialect.status(*point)))
                continue
            except (CallError, PayloadError) as error:
                # To insist would not make the CSMS like it better; the next change is told again.
                _log.warning("the status of %s was refused: %s", point, error)
            self._remember(point, status)

    async def run(self) -> None:
        """Send every change until the connection ends. Raises ConnectionLost, NotOnline."""
        while True:
            self._news.clear()
            await self.flush()
            await self._news.wait()

    def _enqueue(self, point: Point, status: StatusMessage) -> None:
        self._latest[point] = status.fingerprint
        self._queue.append((point, status))
        self._news.set()

    def _remember(self, point: Point, status: StatusMessage) -> None:
        try:
            self._store.set_reported_status(*point, self._mark(status))
        except StorageFull as error:  # it is told once more after a restart
            _log.warning("what was reported of %s is not kept: %s", point, error)

    def _mark(self, status: StatusMessage) -> str:
        """Another version's report of the same thing is none."""
        return f"{self._protocol} {status.fingerprint}"
