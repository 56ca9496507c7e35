"""Requests and answers over one connection: one CALL in flight in each direction (Part 4 §4.1.1), nothing ever raised to a user.

What comes in and is wrong is answered with the CALLERROR the specification has for it; what cannot be answered is logged.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from msgspec import Raw, Struct

from controller.ocpp import framing
from controller.ocpp.exc import CallError, CallTimeout, ConnectionLost, ErrorCode, PayloadError
from controller.ocpp.ports import NotOnline
from controller.ocpp.redaction import redacted, without_tokens
from controller.ocpp.schema import Codec
from controller.ocpp.transport import Connection
from controller.store.exc import StorageFull

_log = logging.getLogger(__name__)

Payload = Struct | Mapping[str, Any] | Raw  # Raw: JSON as it is to be sent
_MAX_WAITING = 64  # requests of a peer that does not wait for answers
_REMEMBERED = 16  # answers kept for a peer that repeats a request


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer of a handler. after: runs once the answer has been handed to the connection (F06.FR.04)."""

    payload: Payload
    after: Callable[[], Awaitable[None]] | None = None


Handler = Callable[[Any], Awaitable[Reply]]
Observer = Callable[[str, str], None]  # direction ("in" or "out"), text with secrets redacted


@dataclass(frozen=True, slots=True)
class _Answered:
    request: str
    answer: str | None
    at_s: float


class Rpc:
    """One connection's calls. `run` serves it to its end; until then `call` may be used by any task.

    gate: asked before a request is handled; returns the CallError it is refused with, or None (registration, B03.FR.08). One
    without a code means: no answer.
    call_timeout_s: asked at every call (MessageTimeout). heard: called at each valid answer to a call of ours.
    """

    def __init__(
        self,
        connection: Connection,
        codec: Codec,
        handlers: Mapping[str, Handler],
        *,
        gate: Callable[[str], CallError | None],
        call_timeout_s: Callable[[], float],
        random: Random,
        on_frame: Observer = lambda direction, text: None,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._codec = codec
        self._handlers = handlers
        self._gate = gate
        self._call_timeout_s = call_timeout_s
        self._random = random
        self._on_frame = on_frame
        self._heard = heard
        self._turn = asyncio.Lock()
        self._pending: tuple[str, str, asyncio.Future[Struct]] | None = None
        self._lost: ConnectionLost | None = None
        self._requests: asyncio.Queue[tuple[str, framing.Call | framing.BadFrame]] = asyncio.Queue(_MAX_WAITING)
        self._answered: OrderedDict[str, _Answered] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self.last_sent_s = asyncio.get_running_loop().time()

    @property
    def is_open(self) -> bool:
        """Whether the connection is still believed in."""
        return self._lost is None

    async def call(self, action: str, payload: Payload, sent: Callable[[], None] = lambda: None) -> Struct:
        """Send a request in its turn and return the answer.

        sent: called when the request is on its way: what it does takes no time where the CSMS takes longer.
        Raises CallError (the CSMS answered a CALLERROR, or a result that does not conform), CallTimeout, ConnectionLost,
        PayloadError (ours does not conform: nothing was sent).
        """
        encoded = self._codec.encode_request(action, payload)
        await self._turn.acquire()
        if self._lost is not None:
            self._turn.release()
            raise self._lost
        identity = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        loop, timeout_s = asyncio.get_running_loop(), self._call_timeout_s()
        answer: asyncio.Future[Struct] = loop.create_future()
        late = CallTimeout(f"{action} was not answered within {timeout_s:g} s")
        timer = loop.call_later(timeout_s, _fail, answer, late)
        # Who gives up waiting must not let the next CALL go out before this one is answered or timed out.
        answer.add_done_callback(partial(self._end_turn, timer))
        self._pending = (identity, action, answer)
        try:
            async with asyncio.timeout(timeout_s):
                await self._send(framing.call_text(identity, action, encoded))
        except TimeoutError:
            raise late from None
        except ConnectionLost as lost:
            _fail(answer, lost)
            raise
        sent()
        return await asyncio.shield(answer)

    def _end_turn(self, timer: asyncio.TimerHandle, answer: asyncio.Future[Struct]) -> None:
        timer.cancel()
        answer.exception()  # whoever has given up does not come for it
        self._pending = None
        self._turn.release()

    async def run(self) -> ConnectionLost:
        """Serve the connection until it ends; return how."""
        worker = asyncio.create_task(self._answer_requests())
        try:
            while True:
                text = await self._connection.recv()
                self._show("in", text)
                self._take(text)
        except ConnectionLost as lost:
            self._lost = lost
            return lost
        finally:
            await self._end(worker)

    async def _end(self, worker: asyncio.Task[None]) -> None:
        self._lost = self._lost or ConnectionLost("closed by us")
        if self._pending is not None and not self._pending[2].done():
            self._pending[2].set_exception(self._lost)
        tasks = [worker, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take(self, text: str) -> None:
        frame = framing.parse(text)
        if isinstance(frame, framing.CallResult):
            self._take_result(frame)
        elif isinstance(frame, framing.CallFailure):
            self._take_failure(frame)
        elif isinstance(frame, framing.BadFrame) and frame.code is None:
            _log.warning("dropped a frame that cannot be answered: %s", frame.why)
        else:
            try:
                self._requests.put_nowait((text, frame))
            except asyncio.QueueFull:
                _log.warning("dropped a request: %d others wait for their answer", _MAX_WAITING)

    def _claim(self, identity: str) -> tuple[str, asyncio.Future[Struct]] | None:
        if self._pending is None or self._pending[0] != identity or self._pending[2].done():
            _log.warning("dropped an answer to nothing that waits: %s", identity[:36])
            return None
        return self._pending[1], self._pending[2]

    def _take_result(self, frame: framing.CallResult) -> None:
        if (claimed := self._claim(frame.id)) is None:
            return
        action, future = claimed
        try:
            answer = self._codec.decode_response(action, frame.payload)
        except PayloadError as error:
            _log.warning("the answer to %s does not conform: %s", action, error)
            future.set_exception(CallError(error.code, f"the answer does not conform: {error.description}"))
            return
        self._heard()
        future.set_result(answer)

    def _take_failure(self, frame: framing.CallFailure) -> None:
        if (claimed := self._claim(frame.id)) is not None:
            claimed[1].set_exception(CallError(frame.code, frame.description, frame.details))

    async def _answer_requests(self) -> None:
        while True:
            text, frame = await self._requests.get()
            after = None
            if isinstance(frame, framing.BadFrame):
                answer = self._refusal(frame)
            else:
                answer, after = await self._answer_once(text, frame)
            if answer is None:
                continue
            try:
                await self._send(answer)
            except ConnectionLost:
                return  # the reader learns of it too
            if after is not None:
                self._spawn(after, frame)

    def _refusal(self, frame: framing.BadFrame) -> str | None:
        _log.warning("bad frame: %s", frame.why)
        code = self._codec.spell(frame.code or "")
        if not code or (frame.id == framing.UNREADABLE_ID and not self._codec.answers_unreadable):
            return None
        return framing.error_text(frame.id, code, frame.why, {})

    async def _answer_once(
        self, text: str, call: framing.Call
    ) -> tuple[str | None, Callable[[], Awaitable[None]] | None]:
        """A request repeated with the same id gets the same answer and is not carried out twice (Part 4 §4.1.4, errata)."""
        now_s = asyncio.get_running_loop().time()
        known = self._answered.get(call.id)
        if known is not None and known.request == text and now_s - known.at_s < 2 * self._call_timeout_s():
            _log.warning("%s repeated with id %s: the answer is repeated", call.action, call.id)
            return known.answer, None
        answer, after = await self._handle(call)
        self._answered[call.id] = _Answered(text, answer, now_s)
        self._answered.move_to_end(call.id)
        while len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)
        return answer, after

    async def _handle(self, call: framing.Call) -> tuple[str | None, Callable[[], Awaitable[None]] | None]:
        try:
            reply = await self._dispatch(call)
            return framing.result_text(call.id, self._codec.encode_response(call.action, reply.payload)), reply.after
        except CallError as error:
            if not error.code:
                return None, None  # the version has it that this is not answered at all
            code, why, details = error.code, error.description, error.details
        except StorageFull as error:
            _log.error("%s was not carried out: %s", call.action, error)
            code, why, details = ErrorCode.INTERNAL_ERROR, f"{call.action}: the storage is full", {}
        except Exception:  # noqa: BLE001 - the supervisor of handlers: one that fails must not take the link down
            _log.exception("handling %s failed", call.action)
            code, why, details = ErrorCode.INTERNAL_ERROR, f"{call.action} could not be processed", {}
        return framing.error_text(call.id, self._codec.spell(code), why, details), None

    async def _dispatch(self, call: framing.Call) -> Reply:
        """Raises CallError."""
        refused = self._gate(call.action)
        if refused is not None:
            raise refused
        if not self._codec.knows(call.action):
            raise CallError(ErrorCode.NOT_IMPLEMENTED, f"{call.action[:50]} is not known")
        handler = self._handlers.get(call.action)
        if handler is None:
            raise CallError(ErrorCode.NOT_SUPPORTED, f"{call.action} is not supported")
        try:
            request = self._codec.decode_request(call.action, call.payload)
        except PayloadError as error:
            raise CallError(error.code, error.description) from error
        return await handler(request)

    def _spawn(self, after: Callable[[], Awaitable[None]], frame: framing.Call | framing.BadFrame) -> None:
        """Run what follows an answer beside the reading of further requests."""
        action = frame.action if isinstance(frame, framing.Call) else ""

        async def run() -> None:
            try:
                await after()
            except (ConnectionLost, CallTimeout, CallError, NotOnline) as error:
                _log.warning("what %s asked for could not be delivered: %s", action, error)
            except Exception:  # noqa: BLE001 - as above
                _log.exception("what followed %s failed", action)

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, text: str) -> None:
        self.last_sent_s = asyncio.get_running_loop().time()
        try:
            await self._connection.send(text)
        except ConnectionLost as lost:
            self._lost = self._lost or lost
            raise
        finally:
            self._show("out", text)

    def _show(self, direction: str, text: str) -> None:
        shown = redacted(text)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s %s", direction, without_tokens(shown))
        self._on_frame(direction, shown)


def _fail(answer: asyncio.Future[Struct], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
