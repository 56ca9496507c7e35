"""The bundled CSMS: stations connect to it by WebSocket or memory, commands go out of it, and it notices what is wrong."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from hil.csms.behaviour import Behaviour
from hil.csms.log import Duplicate, Frame, Kind, Log, Party, Violation
from hil.csms.peer import Admission, Peer, PeerGone
from hil.csms.schemas import Version
from hil.csms.station import Answered, Close, Effect, Instant, Send, Settings, StationCore
from hil.csms.tokens import Tokens
from hil.csms.transactions import Book, Transaction


class CommandFailed(Exception):
    """A command got no CALLRESULT. code: the CALLERROR's, or NotConnected, Timeout, or BadPayload."""

    def __init__(self, code: str, description: str) -> None:
        self.code = code
        self.description = description
        super().__init__(f"{code}: {description}" if description else code)


class _Line:
    """One connection being served: what is sent on it, and the commands that wait on it."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.free = asyncio.Lock()  # one CALL of ours in flight (Part 4 §4.1.1)
        self.tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def drop(self) -> None:
        for task in self.tasks:
            task.cancel()
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(CommandFailed("NotConnected", "the connection went away before the answer"))


class Csms:
    """A CSMS for 1.6 and 2.0.1, strict in both directions.

    subprotocols: what it speaks; the station's order decides. wall: the CSMS's own clock, aware UTC. passwords: stations
    that must authenticate (HTTP Basic); others need no key. stations: the only identities let in, None for any.
    first_transaction_id: of the 1.6 counter. keeps_frames: see `Log`.
    """

    def __init__(
        self,
        *,
        subprotocols: Sequence[str] = (Version.V201, Version.V16),
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        tokens: Tokens | None = None,
        behaviour: Behaviour | None = None,
        settings: Settings | None = None,
        passwords: Mapping[str, str] | None = None,
        stations: Sequence[str] | None = None,
        first_transaction_id: int = 1,
        command_timeout_s: float = 30.0,
        keeps_frames: int | None = None,
    ) -> None:
        self.log = Log(keeps_frames)
        self.tokens = tokens or Tokens()
        self.behaviour = behaviour or Behaviour()
        self._subprotocols = tuple(subprotocols)
        self._wall = wall
        self._settings = settings or Settings()
        self._passwords = dict(passwords or {})
        self._known = None if stations is None else frozenset(stations)
        self._book = Book(first_transaction_id)
        self._command_timeout_s = command_timeout_s
        self._stations: dict[str, StationCore] = {}
        self._lines: dict[str, _Line] = {}

    # --- what it knows ---

    @property
    def transactions(self) -> list[Transaction]:
        return list(self._book)

    @property
    def frames(self) -> list[Frame]:
        return self.log.frames

    @property
    def violations(self) -> list[Violation]:
        return self.log.violations

    @property
    def duplicates(self) -> list[Duplicate]:
        return self.log.duplicates

    @property
    def connected(self) -> list[str]:
        """Identities of the stations connected now."""
        return list(self._lines)

    def station(self, identity: str) -> StationCore:
        """Return what is known of a station. Raises KeyError if it never connected."""
        return self._stations[identity]

    def open_transaction(self, identity: str, evse: int | None = None) -> Transaction | None:
        return self._book.open_on(identity, evse)

    def forget(self, transaction: Transaction) -> None:
        """Forget a transaction that is over and settled, for a run without end."""
        self._book.remove(transaction)

    def energy_wh(self, transaction_id: str) -> int:
        """Energy of a transaction as it would be billed, Wh. Raises StopIteration for an unknown id."""
        return next(t.energy_wh for t in self._book if t.id == transaction_id)

    # --- PeerServer ---

    def admit(self, path: str, subprotocols: tuple[str, ...], headers: Mapping[str, str]) -> Admission:
        identity = identity_of(path)
        if not identity or (self._known is not None and identity not in self._known):
            return Admission(404, reason=f"HTTP 404: unknown station {identity!r}")
        if not self._is_authentic(identity, headers):
            return Admission(401, reason="HTTP 401: wrong or missing password")
        picked = next((name for name in subprotocols if name in self._subprotocols), None)
        if picked is None:
            detail = f"offers {', '.join(subprotocols) or 'nothing'}; this CSMS speaks {', '.join(self._subprotocols)}"
            self.log.violation(Violation(self._wall(), identity, Party.STATION, Kind.SUBPROTOCOL, detail))
        return Admission(101, picked)

    def _is_authentic(self, identity: str, headers: Mapping[str, str]) -> bool:
        password = self._passwords.get(identity)
        if password is None:
            return True
        value = next((v for k, v in headers.items() if k.lower() == "authorization"), "")
        scheme, _, credentials = value.partition(" ")
        try:
            decoded = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        return scheme.lower() == "basic" and decoded == f"{identity}:{password}"

    async def serve(self, path: str, peer: Peer) -> None:
        """Serve one connection to its end. A second connection of a station replaces its first."""
        if peer.subprotocol not in self._subprotocols:
            await peer.close(1002, "no common subprotocol")  # OCPP-J 1.6 §3.2
            return
        identity = identity_of(path)
        core = self._stations.setdefault(identity, self._new_station(identity))
        earlier = self._lines.pop(identity, None)
        if earlier is not None:
            earlier.drop()
            await earlier.peer.close(1000, "replaced by a newer connection")
        line = _Line(peer)
        self._lines[identity] = line
        core.opened(Version(peer.subprotocol))
        try:
            while True:
                text = await peer.recv()
                for effect in core.received(text, self._now()):
                    await self._perform(effect, core, line)
        except PeerGone:
            pass
        finally:
            line.drop()
            if self._lines.get(identity) is line:
                del self._lines[identity]
                core.closed()

    def _new_station(self, identity: str) -> StationCore:
        return StationCore(
            identity,
            log=self.log,
            book=self._book,
            tokens=self.tokens,
            behaviour=self.behaviour,
            settings=self._settings,
        )

    async def _perform(self, effect: Effect, core: StationCore, line: _Line) -> None:
        match effect:
            case Send(text, after_s) if after_s > 0:
                line.spawn(self._send_later(text, after_s, core, line))
            case Send(text):
                core.sent(text)
                await line.peer.send(text)
            case Close(code, reason):
                await line.peer.close(code, reason)
            case Answered(message_id, reply, error):
                self._settle(line.waiting.pop(message_id, None), reply, error)

    async def _send_later(self, text: str, after_s: float, core: StationCore, line: _Line) -> None:
        await asyncio.sleep(after_s)
        core.sent(text)
        try:
            await line.peer.send(text)
        except PeerGone:
            return  # the station did not wait for it

    def _settle(
        self,
        future: asyncio.Future[dict[str, Any]] | None,
        reply: dict[str, Any] | None,
        error: tuple[str, str] | None,
    ) -> None:
        if future is None or future.done():
            return
        if error is not None:
            future.set_exception(CommandFailed(*error))
        else:
            future.set_result(reply or {})

    # --- commands ---

    async def command(
        self, station_id: str, action: str, payload: dict[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Send a CALL and return the payload of its answer. Raises CommandFailed."""
        line, core = self._lines.get(station_id), self._stations.get(station_id)
        if line is None or core is None:
            raise CommandFailed("NotConnected", f"station {station_id} is not connected")
        async with line.free:
            try:
                message_id, text = core.call(action, payload or {}, self._now())
            except ValueError as error:
                raise CommandFailed("BadPayload", str(error)) from None
            future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            line.waiting[message_id] = future
            try:
                await line.peer.send(text)
                return await asyncio.wait_for(future, timeout_s or self._command_timeout_s)
            except PeerGone:
                raise CommandFailed("NotConnected", f"station {station_id} went away") from None
            except TimeoutError:
                raise CommandFailed("Timeout", f"no answer to {action}") from None
            finally:
                line.waiting.pop(message_id, None)
                core.give_up(message_id)

    async def close(self, station_id: str, code: int = 1000, reason: str = "") -> None:
        """Close a station's connection in good order, if there is one."""
        line = self._lines.get(station_id)
        if line is not None:
            await line.peer.close(code, reason)

    async def send_raw(self, station_id: str, text: str) -> None:
        """Send anything at all to a station, unchecked. Raises KeyError when it is not connected."""
        line = self._lines[station_id]
        self._stations[station_id].sent_anything = True
        await line.peer.send(text)

    def _now(self) -> Instant:
        return Instant(asyncio.get_running_loop().time(), self._wall())


def identity_of(path: str) -> str:
    """Return the station identity: the last segment of the URL path, percent-decoded (OCPP-J 1.6 §3.1.1)."""
    return unquote(path.partition("?")[0].rstrip("/").rpartition("/")[2])
