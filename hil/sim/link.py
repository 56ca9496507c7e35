"""The channel between station and safety process, in memory: it loses, ends and comes back as the socket does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from controller.logic.evse import EvseFacts, Measurements, StationMessage
from controller.station.safety_link import RETRY_S, SafetyConnected, SafetyDisconnected, SafetyNews
from hil.sim.safety import SimSafety

IMPLIED_S = 3600.0


class StationEnd(Protocol):
    """A station whose renewals are implied: it is asked for what they would say."""

    def renew(self) -> None:
        """Send every permit that stands once more."""

    def measurements(self, evse_id: int) -> Measurements | None: ...


class SimLink:
    """Satisfies `SafetyLink`. One station at a time, and one safety process.

    on_connected: called whenever the two have found each other. on_sent: gets what arrives at the safety process.
    """

    renewal_s = 1.5  # less often than on the socket, for speed, and still within the lease

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_connected: Callable[[], None] = lambda: None,
        on_sent: Callable[[StationMessage], None] = lambda message: None,
    ) -> None:
        self._loop = loop
        self._on_connected = on_connected
        self._on_sent = on_sent
        self._queue: asyncio.Queue[SafetyNews] | None = None
        self._safety: SimSafety | None = None
        self._coming: SimSafety | None = None
        self._is_frozen = False
        self._end: StationEnd | None = None

    # --- the station's end ---

    def imply_renewals(self, end: StationEnd) -> None:
        """From now on this station need not say again what stands, until it dies."""
        self.renewal_s = IMPLIED_S
        self._end = end

    @property
    def are_renewals_implied(self) -> bool:
        return self._end is not None

    def measurements(self, evse_id: int) -> Measurements | None:
        """What an implied renewal would say now."""
        return self._end.measurements(evse_id) if self._end is not None else None

    def measured(self) -> None:
        """The station has polled a meter: the next renewal would tell of it."""
        if self._safety is not None and not self._is_frozen:
            self._safety.renewed()

    def send(self, message: StationMessage) -> None:
        if self._safety is not None and self._queue is not None and not self._is_frozen:
            self._on_sent(message)
            self._safety.receive(message)

    async def news(self) -> AsyncIterator[SafetyNews]:
        queue: asyncio.Queue[SafetyNews] = asyncio.Queue()
        self._queue = queue
        if self._safety is not None:
            self._connect(self._safety)
        while True:
            yield await queue.get()

    def station_died(self) -> None:
        """End of file at the safety process."""
        self._queue, self._is_frozen, self._end = None, False, None
        if self._safety is not None:
            self._safety.station_lost()

    def freeze_station(self, frozen: bool) -> None:
        """The station hangs: nothing it means to say gets out, the socket stays open."""
        self._is_frozen = frozen
        if frozen and self._safety is not None:
            self._safety.station_froze()
        if not frozen and self._end is not None:
            self._end.renew()

    # --- the safety process's end ---

    def safety_started(self, safety: SimSafety) -> None:
        """The station finds its socket at its next try."""
        self._coming = safety
        self._loop.call_later(RETRY_S, self._appear, safety)

    def _appear(self, safety: SimSafety) -> None:
        if self._coming is not safety:
            return  # it has died before anybody found it
        self._safety, self._coming = safety, None
        if self._queue is not None:
            self._connect(safety)

    def _connect(self, safety: SimSafety) -> None:
        if self._queue is not None:
            self._queue.put_nowait(SafetyConnected())
        safety.connected()
        self._on_connected()

    def safety_died(self) -> None:
        self._safety = self._coming = None
        if self._queue is not None:
            self._queue.put_nowait(SafetyDisconnected())

    def facts(self, facts: Sequence[EvseFacts]) -> None:
        if self._queue is not None:
            for each in facts:
                self._queue.put_nowait(each)
