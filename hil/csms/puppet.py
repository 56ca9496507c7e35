"""A station on strings: sends exactly what a script tells it to, right or wrong. For trying out a CSMS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from controller.ocpp.transport import ConnectionLost

Responder = Callable[[dict[str, Any]], dict[str, Any]]


class Refused(Exception):
    """The CSMS answered a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        self.code = code
        super().__init__(f"{code}: {description}")


class Gone(Exception):
    """The connection ended."""


class Wire(Protocol):
    @property
    def subprotocol(self) -> str | None: ...

    async def send(self, text: str) -> None: ...

    async def recv(self) -> str: ...

    async def close(self, code: int = 1000, reason: str = "") -> None: ...


class Puppet:
    """Use as an asynchronous context manager over an open connection.

    answers: what it answers to the CSMS's CALLs, by action, a payload or a function of the request's; anything else gets
    NotImplemented. requests: (action, payload) of the CSMS in the order they came.
    """

    def __init__(self, wire: Wire, answers: Mapping[str, dict[str, Any] | Responder] | None = None) -> None:
        self.wire = wire
        self.answers: dict[str, dict[str, Any] | Responder] = dict(answers or {})
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.is_gone = asyncio.Event()
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Puppet:
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        await self.wire.close()

    async def call(self, action: str, payload: dict[str, Any], *, message_id: str | None = None) -> dict[str, Any]:
        """Send a CALL and return the payload of its answer. Raises Refused, Gone."""
        return await self.answer_to(await self.start(action, payload, message_id=message_id))

    async def start(self, action: str, payload: dict[str, Any], *, message_id: str | None = None) -> str:
        """Send a CALL and return its message id without waiting."""
        message_id = message_id or str(uuid.uuid4())
        self._waiting[message_id] = asyncio.get_running_loop().create_future()
        await self.say(json.dumps([2, message_id, action, payload]))
        return message_id

    async def answer_to(self, message_id: str) -> dict[str, Any]:
        return await self._waiting[message_id]

    async def say(self, text: str) -> None:
        """Send anything at all. Raises Gone."""
        try:
            await self.wire.send(text)
        except ConnectionLost as lost:
            raise Gone(str(lost)) from lost

    async def _read(self) -> None:
        try:
            while True:
                await self._take(json.loads(await self.wire.recv()))
        except (ConnectionLost, Gone) as error:
            self.is_gone.set()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(Gone(str(error)))
                    future.exception()

    async def _take(self, frame: list[Any]) -> None:
        match frame:
            case [2, message_id, action, payload]:
                self.requests.append((action, payload))
                answer = self.answers.get(action)
                if answer is None:
                    await self.say(json.dumps([4, message_id, "NotImplemented", "", {}]))
                else:
                    reply = answer(payload) if callable(answer) else answer
                    await self.say(json.dumps([3, message_id, reply]))
            case [3, message_id, payload] if not self._waiting[message_id].done():
                self._waiting[message_id].set_result(payload)
            case [4, message_id, code, description, _] if message_id in self._waiting:
                self._waiting[message_id].set_exception(Refused(code, description))


class ClientWire:
    """A real WebSocket as a `Wire`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @property
    def subprotocol(self) -> str | None:
        return self._socket.subprotocol

    async def send(self, text: str) -> None:
        try:
            await self._socket.send(text)
        except ConnectionClosed as error:
            raise Gone(str(error)) from error

    async def recv(self) -> str:
        try:
            return await self._socket.recv(decode=True)
        except ConnectionClosed as error:
            raise Gone(str(error)) from error

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._socket.close(code, reason)


async def dial(url: str, subprotocols: Sequence[str]) -> ClientWire:
    """Open a real WebSocket to a CSMS."""
    return ClientWire(await connect(url, subprotocols=[Subprotocol(name) for name in subprotocols], proxy=None))
