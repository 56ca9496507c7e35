"""The station's end of the channel to the safety process: facts come up, permits and wishes go down."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from controller.ipc import MAX_PACKET, MalformedMessage, decode, encode
from controller.logic.evse import EvseFacts, StationMessage

_log = logging.getLogger(__name__)

RETRY_S = 0.25
SILENCE_S = 2.0  # facts come at least twice a second
SECOND_LOOK_S = 0.05  # it may have been we who hung: then something waits to be read


@dataclass(frozen=True, slots=True)
class SafetyConnected:
    """The safety process is there; its facts follow."""


@dataclass(frozen=True, slots=True)
class SafetyDisconnected:
    """It is gone: no permit of ours stands any more, and what it last told is history."""


SafetyNews = EvseFacts | SafetyConnected | SafetyDisconnected


class SafetyLink(Protocol):
    """What the station needs of the channel. renewal_s: how often it carries a permit that stands; well below the lease."""

    @property
    def renewal_s(self) -> float: ...

    def send(self, message: StationMessage) -> None:
        """Send, or drop the message where nobody is connected or the queue is full: whatever matters is repeated."""

    def news(self) -> AsyncIterator[SafetyNews]:
        """Yield what comes, for ever; connects again by itself."""


class SocketSafetyLink:
    """A client of the safety process's seqpacket socket at `path`. silence_s: without facts for so long, it hangs."""

    renewal_s = 0.5  # a quarter of the lease

    def __init__(self, path: Path, silence_s: float = SILENCE_S) -> None:
        self._path = path
        self._silence_s = silence_s
        self._socket: socket.socket | None = None
        self._told_absent = False

    def send(self, message: StationMessage) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send(encode(message), socket.MSG_NOSIGNAL)
        except BlockingIOError:
            _log.warning("the safety process does not read: a message to it was dropped")
        except OSError:
            pass  # the end of the connection is noticed where it is read

    async def news(self) -> AsyncIterator[SafetyNews]:
        while True:
            self._socket = await self._connect()
            _log.info("connected to the safety process")
            yield SafetyConnected()
            try:
                async for facts in self._facts(self._socket):
                    yield facts
            finally:
                self._socket.close()
                self._socket = None
            _log.error("the safety process is gone")
            yield SafetyDisconnected()
            await asyncio.sleep(RETRY_S)

    async def _connect(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        while True:
            # Of its own type: asyncio streams know nothing of packets.
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
            connection.setblocking(False)
            try:
                await loop.sock_connect(connection, str(self._path))
            except OSError as error:
                connection.close()
                if not self._told_absent:
                    _log.warning("no safety process at %s: %s; trying again", self._path, error.strerror)
                    self._told_absent = True
                await asyncio.sleep(RETRY_S)
                continue
            except BaseException:
                connection.close()
                raise
            self._told_absent = False
            return connection

    async def _facts(self, connection: socket.socket) -> AsyncIterator[EvseFacts]:
        """Yield facts to the end of the connection, or until they fail to come."""
        while True:
            try:
                packet = await self._next_packet(connection)
            except BlockingIOError:
                _log.error("the safety process says nothing: it hangs")
                return
            except OSError:
                return
            if not packet:
                return
            try:
                message = decode(packet)
            except MalformedMessage as error:
                _log.error("a malformed message of the safety process is ignored: %s", error)
                continue
            if isinstance(message, EvseFacts):
                yield message

    async def _next_packet(self, connection: socket.socket) -> bytes:
        """Raises BlockingIOError when none came in time."""
        receiving = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(connection, MAX_PACKET))
        try:
            for wait_s in (self._silence_s, SECOND_LOOK_S):
                await asyncio.wait([receiving], timeout=wait_s)
                if receiving.done():
                    return receiving.result()
        finally:
            receiving.cancel()
        raise BlockingIOError
