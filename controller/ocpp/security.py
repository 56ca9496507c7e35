"""Security events: kept first, then told while online, in their order, until the CSMS has acknowledged them (A04.FR.02)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec import Struct

from controller.ocpp.dialect import Message
from controller.ocpp.exc import CallError, CallTimeout, ErrorCode, PayloadError
from controller.ocpp.ports import SecurityEventType
from controller.ocpp.schema import wire_time
from controller.store.exc import StorageFull
from controller.store.rows import Fate
from controller.store.security import SecurityEvent
from controller.store.store import Store

_log = logging.getLogger(__name__)

_RETRY_S = 60.0  # times the number of rounds in vain
_MOST_ROUNDS = 60
_TECH_INFO_SIZE = 255
# A CSMS that does not have the message at all: to insist would change nothing.
_UNSUPPORTED = (ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_SUPPORTED)

# In 1.6 BootNotification says as much, and to many of its CSMSs this message is news: they are not bothered with it at each start.
_OCPP16 = "ocpp1.6"
_TOLD_BY_BOOT = (SecurityEventType.STARTUP, SecurityEventType.RESET)

Send = Callable[[Message], Awaitable[Struct]]


class SecurityEvents:
    """Outlives connections: `run` is for the length of one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._news = asyncio.Event()

    def happened(self, type: SecurityEventType, tech_info: str = "") -> None:
        """Keep it and have it told. Where it cannot be kept, the log is all there is of it."""
        _log.info("security event %s%s", type, f": {tech_info}" if tech_info else "")
        try:
            self._store.add_security_event(type.value, tech_info[:_TECH_INFO_SIZE])
        except StorageFull as error:
            _log.error("security event %s is not kept: %s", type, error)
        self._news.set()

    async def run(self, send: Send, protocol: str) -> None:
        """Tell what waits and what comes, until cancelled. Raises ConnectionLost, NotOnline."""
        rounds_in_vain = 0
        while True:
            self._news.clear()
            is_done = all([await self._is_settled(event, send, protocol) for event in self._waiting()])
            rounds_in_vain = 0 if is_done else min(rounds_in_vain + 1, _MOST_ROUNDS)
            try:
                async with asyncio.timeout(None if is_done else _RETRY_S * rounds_in_vain):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _waiting(self) -> list[SecurityEvent]:
        return self._store.security_events(waiting_only=True)

    async def _is_settled(self, event: SecurityEvent, send: Send, protocol: str) -> bool:
        """Tell one; return whether that is over and done with."""
        if protocol == _OCPP16 and event.type in _TOLD_BY_BOOT:
            self._settle(event, Fate.SKIPPED)
            return True
        payload = {"type": event.type, "timestamp": wire_time(self._store.wall_of(event.stamp))}
        if event.tech_info:
            payload["techInfo"] = event.tech_info
        fate = Fate.DELIVERED
        try:
            await send(Message("SecurityEventNotification", payload))
        except (CallTimeout, CallError, PayloadError) as error:
            is_final = isinstance(error, PayloadError) or (isinstance(error, CallError) and error.code in _UNSUPPORTED)
            _log.warning("security event %s was not taken: %s", event.type, error)
            if not is_final:
                return False
            fate = Fate.UNDELIVERABLE
        self._settle(event, fate)
        return True

    def _settle(self, event: SecurityEvent, fate: Fate) -> None:
        try:
            self._store.security_event_settled(event.number, fate)
        except StorageFull as error:
            _log.warning("security event %s may be told again: %s", event.type, error)
