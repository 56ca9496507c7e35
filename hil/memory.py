"""A network in memory between one station and its CSMS, on the loop's (virtual) time, that can misbehave on demand.

Each direction is a queue that keeps order, as TCP does. Everything that can go wrong with a real line can be ordered
here at an exact message: a lost reply, a half-open connection, a cut while messages are under way, a server that
refuses, picks a wrong subprotocol, or accepts and closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from controller.ocpp.transport import ConnectFailed, ConnectionLost
from hil.csms.peer import Admission, PeerGone, PeerServer


class Direction(Enum):
    UP = "up"  # station to CSMS
    DOWN = "down"  # CSMS to station


class Fate(Enum):
    DELIVER = "deliver"
    LOSE = "lose"  # this message vanishes, the connection stays (a broken proxy)
    LOSE_AND_CUT = "lose and cut"  # this message is what the cut took away
    DELIVER_AND_CUT = "deliver and cut"  # it arrives, and nothing after it


@dataclass(slots=True)
class Rule:
    """What happens to the next `times` messages of a direction that match. delay_s: on top of the latency."""

    direction: Direction
    matches: Callable[[str], bool]
    fate: Fate
    times: int = 1
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Passage:
    """One message offered to the line, and what the rules made of it."""

    at_s: float
    direction: Direction
    text: str
    fate: Fate


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of the station to connect, and how it ended: `open` or the reason of the failure."""

    at_s: float
    url: str
    subprotocols: tuple[str, ...]
    headers: Mapping[str, str]
    outcome: str


@dataclass(slots=True)
class _Refusal:
    """status None: no HTTP answer at all (connection refused, DNS failure...)."""

    reason: str
    status: int | None
    times: int | None


@dataclass(frozen=True, slots=True)
class _End:
    code: int
    reason: str


class MemoryEnd:
    """One end of a connection; the station's satisfies `transport.Connection`, the server's `csms.peer.Peer`."""

    def __init__(self, subprotocol: str | None, failure: Callable[[int, str], Exception]) -> None:
        self.subprotocol = subprotocol
        self._failure = failure
        self._line: _Line | None = None
        self._inbox: deque[str] = deque()
        self._ended: _End | None = None
        self._news = asyncio.Event()

    def join(self, line: _Line) -> None:
        self._line = line

    async def send(self, text: str) -> None:
        if self._ended is not None or self._line is None:
            raise self._lost()
        self._line.transmit(self, text)

    async def recv(self) -> str:
        while not self._inbox:
            if self._ended is not None:
                raise self._lost()
            self._news.clear()
            await self._news.wait()
        return self._inbox.popleft()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._ended is None and self._line is not None:
            self._line.transmit(self, _End(code, reason))
            self.end(_End(code, reason))

    def arrive(self, item: str | _End) -> None:
        if self._ended is not None:
            return
        if isinstance(item, _End):
            self.end(item)
        else:
            self._inbox.append(item)
            self._news.set()

    def end(self, end: _End) -> None:
        if self._ended is None:
            self._ended = end
            self._news.set()

    @property
    def is_open(self) -> bool:
        return self._ended is None

    def _lost(self) -> Exception:
        end = self._ended or _End(1006, "not connected")
        return self._failure(end.code, end.reason)


@dataclass(slots=True)
class _Wire:
    """One direction of a connection: what is under way, with the time each item is due at the far end."""

    direction: Direction
    far_end: MemoryEnd
    under_way: deque[tuple[float, str | _End]] = field(default_factory=deque)
    last_due_s: float = 0.0
    is_dead: bool = False


class _Line:
    """One open connection: two wires and two ends."""

    def __init__(self, network: MemoryNetwork, station: MemoryEnd, server: MemoryEnd) -> None:
        self._network = network
        self._loop = asyncio.get_running_loop()
        self.station = station
        self.server = server
        self._up = _Wire(Direction.UP, server)
        self._down = _Wire(Direction.DOWN, station)
        station.join(self)
        server.join(self)

    @property
    def is_open(self) -> bool:
        return self.station.is_open or self.server.is_open

    def transmit(self, sender: MemoryEnd, item: str | _End) -> None:
        wire = self._up if sender is self.station else self._down
        if wire.is_dead:
            return
        fate, extra_s = (Fate.DELIVER, 0.0) if isinstance(item, _End) else self._network.judge(wire.direction, item)
        if fate in (Fate.DELIVER, Fate.DELIVER_AND_CUT):
            latency_s = self._network.latency_up_s if wire.direction is Direction.UP else self._network.latency_down_s
            wire.last_due_s = max(wire.last_due_s, self._loop.time() + latency_s + extra_s)
            wire.under_way.append((wire.last_due_s, item))
            self._loop.call_at(wire.last_due_s, self._deliver, wire)
        if fate is Fate.DELIVER_AND_CUT:
            wire.is_dead = True
            self._loop.call_at(wire.last_due_s, lambda: self._loop.call_soon(self.cut))
        elif fate is Fate.LOSE_AND_CUT:
            self.cut()

    def _deliver(self, wire: _Wire) -> None:
        if self._network.is_stalled:
            return
        while wire.under_way and wire.under_way[0][0] <= self._loop.time() + 1e-6:
            wire.far_end.arrive(wire.under_way.popleft()[1])

    def resume(self) -> None:
        self._deliver(self._up)
        self._deliver(self._down)

    def cut(self, *, server_still_gets: bool = False, server_notices_after_s: float = 0.0) -> None:
        end = _End(1006, "connection cut")
        self._up.is_dead = self._down.is_dead = True
        self._down.under_way.clear()
        self.station.end(end)
        if server_still_gets:
            self._up.under_way.append((self._up.last_due_s, end))
            self._loop.call_at(self._up.last_due_s, self._deliver, self._up)
            return
        self._up.under_way.clear()
        if server_notices_after_s > 0:
            self._loop.call_later(server_notices_after_s, self.server.end, end)
        else:
            self.server.end(end)


class MemoryNetwork:
    """The station's way to its CSMS; satisfies `transport.Connector`.

    keepalive_s: after how long both sides notice a half-open connection (ping interval plus pong timeout).
    open_timeout_s: how long an attempt hangs on a stalled network before it fails. keeps: how many of the newest passages
    and attempts are kept at least, None for all.
    """

    def __init__(
        self,
        server: PeerServer,
        *,
        latency_up_s: float = 0.0,
        latency_down_s: float = 0.0,
        keepalive_s: float = 40.0,
        open_timeout_s: float = 10.0,
        keeps: int | None = None,
    ) -> None:
        self.latency_up_s = latency_up_s
        self.latency_down_s = latency_down_s
        self.journal: list[Passage] = []
        self.attempts: list[Attempt] = []
        self._keeps = keeps
        self._server = server
        self._keepalive_s = keepalive_s
        self._open_timeout_s = open_timeout_s
        self._is_up = True
        self._stalled: asyncio.Event | None = None  # set when traffic flows again
        self._keepalive: asyncio.TimerHandle | None = None
        self._refusal: _Refusal | None = None
        self._picks: deque[str | None] = deque()
        self._closes: deque[tuple[int, str, float]] = deque()
        self._rules: list[Rule] = []
        self._line: _Line | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the station's side ---

    async def connect(self, url: str, subprotocols: Sequence[str], headers: Mapping[str, str]) -> MemoryEnd:
        """Open a connection. Raises ConnectFailed as the WebSocket connector would."""
        offered = tuple(subprotocols)
        try:
            connection = await self._open(url, offered, headers)
        except ConnectFailed as error:
            self._note(url, offered, headers, str(error))
            raise
        self._note(url, offered, headers, "open")
        return connection

    def _note(self, url: str, offered: tuple[str, ...], headers: Mapping[str, str], outcome: str) -> None:
        self.attempts.append(Attempt(asyncio.get_running_loop().time(), url, offered, dict(headers), outcome))
        _bound(self.attempts, self._keeps)

    async def _open(self, url: str, offered: tuple[str, ...], headers: Mapping[str, str]) -> MemoryEnd:
        await asyncio.sleep(self.latency_up_s + self.latency_down_s)
        if self._stalled is not None:
            try:
                await asyncio.wait_for(self._stalled.wait(), self._open_timeout_s)
            except TimeoutError:
                raise ConnectFailed("timed out while opening the connection", None) from None
        if not self._is_up:
            raise ConnectFailed("network is unreachable", None)
        self._check_refusal()
        parts = urlsplit(url)
        admission = self._server.admit(parts.path, offered, headers)
        if admission.status != 101:
            raise ConnectFailed(admission.reason or f"HTTP {admission.status}", admission.status)
        return self._establish(parts.path, admission)

    def _check_refusal(self) -> None:
        refusal = self._refusal
        if refusal is None:
            return
        if refusal.times is not None:
            refusal.times -= 1
            if refusal.times == 0:
                self._refusal = None
        raise ConnectFailed(refusal.reason, refusal.status)

    def _establish(self, path: str, admission: Admission) -> MemoryEnd:
        subprotocol = self._picks.popleft() if self._picks else admission.subprotocol
        station = MemoryEnd(subprotocol, lambda code, reason: ConnectionLost(f"{reason or 'closed'} ({code})"))
        server = MemoryEnd(subprotocol, lambda code, reason: PeerGone(f"{reason or 'closed'} ({code})"))
        self._line = _Line(self, station, server)
        if self._closes:
            code, reason, after_s = self._closes.popleft()
            self._spawn(self._close_later(server, code, reason, after_s))
        else:
            self._spawn(self._serve(path, server))
        return station

    async def _serve(self, path: str, server: MemoryEnd) -> None:
        await self._server.serve(path, server)
        await server.close()

    async def _close_later(self, server: MemoryEnd, code: int, reason: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await server.close(code, reason)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what can be ordered ---

    @property
    def is_connected(self) -> bool:
        return self._line is not None and self._line.station.is_open

    @property
    def is_stalled(self) -> bool:
        return self._stalled is not None

    def take_down(self) -> None:
        """Cut the connection and let no new one through until `bring_up`."""
        self._is_up = False
        self.cut()

    def bring_up(self) -> None:
        self._is_up = True

    def refuse(
        self, reason: str = "connection refused", *, status: int | None = None, times: int | None = None
    ) -> None:
        """Let the next `times` attempts (None: all, until `admit_again`) fail, with an HTTP status or without an answer."""
        self._refusal = _Refusal(reason, status, times)

    def admit_again(self) -> None:
        self._refusal = None

    def pick(self, *subprotocols: str | None) -> None:
        """Let the server pick these on the next connections, one each, whatever was offered. None: it picks none."""
        self._picks.extend(subprotocols)

    def accept_and_close(self, times: int = 1, *, code: int = 1000, reason: str = "", after_s: float = 0.0) -> None:
        """Accept the next `times` connections and close them without a word."""
        self._closes.extend([(code, reason, after_s)] * times)

    def cut(self, *, server_still_gets: bool = False, server_notices_after_s: float = 0.0) -> None:
        """Break the connection. server_still_gets: what is under way to the CSMS arrives there, its answers do not return.

        server_notices_after_s: the CSMS believes in the connection that much longer.
        """
        if self._line is not None:
            self._line.cut(server_still_gets=server_still_gets, server_notices_after_s=server_notices_after_s)

    def stall(self) -> None:
        """Half-open: whatever is sent is not delivered and nobody is told, until `resume` or the keepalive gives up."""
        if self._stalled is None:
            self._stalled = asyncio.Event()
            self._keepalive = asyncio.get_running_loop().call_later(self._keepalive_s, self.cut)

    def resume(self) -> None:
        """Traffic flows again; what was held is delivered in order, if the connection still stands."""
        if self._stalled is None:
            return
        self._stalled.set()
        self._stalled = None
        if self._keepalive is not None:
            self._keepalive.cancel()
            self._keepalive = None
        if self._line is not None:
            self._line.resume()

    def plan(
        self,
        direction: Direction,
        matches: Callable[[str], bool],
        fate: Fate,
        *,
        times: int = 1,
        delay_s: float = 0.0,
    ) -> None:
        """Decide the fate of the next `times` messages that match."""
        self._rules.append(Rule(direction, matches, fate, times, delay_s))

    def forget_plans(self) -> None:
        """Whatever was planned and has not come to pass never will."""
        self._rules.clear()

    def lose_reply_to(self, action: str, *, times: int = 1) -> None:
        """The classic: the CSMS gets the CALL and acts on it, its answer is what the cut takes away."""

        def answered(text: str) -> bool:
            frame = _frame(text)
            if len(frame) < 3 or frame[0] not in (3, 4):
                return False
            asked = (p.text for p in reversed(self.journal) if p.direction is Direction.UP)
            return next((call_action(each) for each in asked if message_id(each) == frame[1]), None) == action

        self.plan(Direction.DOWN, answered, Fate.LOSE_AND_CUT, times=times)

    def judge(self, direction: Direction, text: str) -> tuple[Fate, float]:
        """Apply the first rule that matches; returns the fate and the extra delay, seconds."""
        fate, delay_s = Fate.DELIVER, 0.0
        for rule in self._rules:
            if rule.direction is direction and rule.matches(text):
                fate, delay_s = rule.fate, rule.delay_s
                rule.times -= 1
                if rule.times <= 0:
                    self._rules.remove(rule)
                break
        self.journal.append(Passage(asyncio.get_running_loop().time(), direction, text, fate))
        _bound(self.journal, self._keeps)
        return fate, delay_s

    async def aclose(self) -> None:
        """End the connection and the server's tasks for it."""
        self.cut()
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _bound(items: list[Any], keeps: int | None) -> None:
    if keeps is not None and len(items) >= 2 * keeps:
        del items[:-keeps]


def calls(action: str) -> Callable[[str], bool]:
    """Return a matcher for CALL frames of an action."""
    return lambda text: call_action(text) == action


def call_action(text: str) -> str | None:
    """Return the action of a CALL frame, None for anything else."""
    frame = _frame(text)
    return frame[2] if len(frame) == 4 and frame[0] == 2 and isinstance(frame[2], str) else None


def message_id(text: str) -> str | None:
    frame = _frame(text)
    return frame[1] if len(frame) > 1 and isinstance(frame[1], str) else None


def _frame(text: str) -> list[object]:
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return frame if isinstance(frame, list) else []
