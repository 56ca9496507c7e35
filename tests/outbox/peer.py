"""A CSMS reduced to what the outbox sees of it, an encoder that shows what it was told, and a bench in virtual time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from controller.logic.records import MeterSampled, OpenTransaction, TransactionEvent
from controller.logic.values import IdToken, TokenInfo
from controller.ocpp.delivery import Delivered, Report, RetryPolicy
from controller.ocpp.exc import CallError, CallTimeout, ConnectionLost, ErrorCode, PayloadError
from controller.ocpp.outbox import Outbox
from controller.store.database import StoreLimits
from controller.store.store import Store
from hil.virtual import VirtualClock, run_virtual
from tests.store.facts import CSMS, V16, V201, ended, metered, started, updated

TIMEOUT_S = 30.0
INTERVAL_S = 60.0
LATENCY_S = 0.1


class PlainEncoder:
    """Puts everything it is told into the payload. says_nothing_of: registers of events it has no message for."""

    def __init__(self) -> None:
        self.says_nothing_of: set[int] = set()

    def encode(
        self,
        event: TransactionEvent | MeterSampled,
        transaction: OpenTransaction | None,
        seq_no: int | None,
        offline: bool,
        at: datetime,
    ) -> tuple[str, Mapping[str, Any]] | None:
        if isinstance(event, MeterSampled):
            return "MeterValues", {"at": at.isoformat(), "wh": event.samples[0].value}
        if event.register_wh in self.says_nothing_of:
            return None
        assert transaction is not None
        return event.kind.value, {
            "id": event.transaction_id,
            "wire": transaction.wire_id,
            "seq": seq_no,
            "offline": offline,
            "at": at.isoformat(),
            "register": event.register_wh,
        }

    def accept(self, event: TransactionEvent | MeterSampled, reply: Any) -> Delivered:
        return Delivered(reply.get("wire"), reply.get("token"))


@dataclass(frozen=True)
class Sent:
    at_s: float
    action: str
    payload: dict[str, Any]


class ScriptedCsms:
    """Answers by script, then with `ok`.

    Words of the script: ok, error (CALLERROR), silence (timeout), lost (connection gone after the message went out), late (the
    answer takes 10 s), malformed (refused by our own schema). refuse: decides by payload before the script is asked.
    """

    def __init__(self) -> None:
        self.script: deque[str] = deque()
        self.sent: list[Sent] = []
        self.refuse: Callable[[str, Mapping[str, Any]], bool] = lambda action, payload: False
        self.next_wire = 700
        self.token: TokenInfo | None = None
        self.on_lost: Callable[[], None] = lambda: None
        self.in_flight = 0

    async def send(self, action: str, payload: msgspec.Raw, sent: Callable[[], None]) -> Any:
        assert not self.in_flight, "two calls at once"
        self.in_flight = 1
        try:
            return await self._answer(action, msgspec.json.decode(payload), sent)
        finally:
            self.in_flight = 0

    async def _answer(self, action: str, payload: Mapping[str, Any], sent: Callable[[], None]) -> Any:
        self.sent.append(Sent(asyncio.get_running_loop().time(), action, dict(payload)))
        word = "error" if self.refuse(action, payload) else self.script.popleft() if self.script else "ok"
        if word == "malformed":
            raise PayloadError(ErrorCode.TYPE_CONSTRAINT_VIOLATION, "no")
        sent()
        if word == "lost":
            await asyncio.sleep(1)
            self.on_lost()
            raise ConnectionLost("cable cut")
        if word == "silence":
            await asyncio.sleep(TIMEOUT_S)
            raise CallTimeout(f"{action} was not answered")
        await asyncio.sleep(10 if word == "late" else LATENCY_S)
        if word == "error":
            raise CallError(ErrorCode.INTERNAL_ERROR, "no")
        if action == "Started":
            self.next_wire += 1
            return {"wire": self.next_wire, "token": self.token}
        return {}


class Bench:
    """One station's store and outbox against one scripted CSMS."""

    def __init__(self, path: Path, protocol: str, clock: VirtualClock | None = None) -> None:
        self.path, self.protocol = path, protocol
        self.loop = asyncio.get_running_loop()
        self.clock = clock or VirtualClock(self.loop)
        self.csms = ScriptedCsms()
        self.encoder = PlainEncoder()
        self.lanes = [(V201, CSMS), (V16, CSMS)]
        self.policy = RetryPolicy(3, INTERVAL_S)
        self.reports: list[Report] = []
        self.tokens: list[tuple[IdToken, TokenInfo, str | None]] = []
        self.register = 1000
        self.online = False
        self.start()

    def start(self, **limits: float) -> None:
        self.store = Store.open(self.path, self.clock, StoreLimits(durable=False, **limits))  # type: ignore[arg-type]
        self.outbox = Outbox(
            self.store,
            self.clock,
            {V16: self.encoder, V201: self.encoder},
            self.csms.send,
            lambda protocol: self.policy,
            lanes=self.lanes,
            on_token=lambda *args: self.tokens.append(args),
            on_report=self.reports.append,
        )
        self.csms.on_lost = self.link_down
        self.task = self.loop.create_task(self.outbox.run())

    async def crash(self) -> None:
        """Kill the program: nothing is flushed but what a commit promised."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.store._db._connection.close()  # the only way to forget what is not committed
        self.online = False
        self.csms.in_flight = 0

    def start_reading(self) -> None:
        """Open the store once more, after the end of the script."""
        self.store = Store.open(self.path, self.clock)

    async def stop(self) -> None:
        if self.task.done():
            self.task.result()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.store.close()

    def link_up(self, protocol: str | None = None) -> None:
        self.online = True
        self.outbox.link_up(protocol or self.protocol, CSMS)

    def link_down(self) -> None:
        self.online = False
        self.outbox.link_down()

    def begin(self, protocol: str | None = None, csms: str = CSMS) -> str:
        transaction_id = self.store.new_transaction_id()
        self.register += 1
        event = started(transaction_id, self.clock.now(), online=self.online, register_wh=self.register)
        self.store.begin_transaction(event, protocol=protocol or self.protocol, csms=csms)
        self.outbox.records_added()
        return transaction_id

    def update(self, transaction_id: str, *, may_drop: bool = True) -> int:
        self.register += 1
        event = updated(
            transaction_id, self.clock.now(), online=self.online, register_wh=self.register, may_drop=may_drop
        )
        self.store.add_event(event)
        self.outbox.records_added()
        return self.register

    def end(self, transaction_id: str) -> int:
        self.register += 1
        self.store.add_event(ended(transaction_id, self.clock.now(), online=self.online, register_wh=self.register))
        self.outbox.records_added()
        return self.register

    def sample(self) -> None:
        self.store.add_event(metered(self.clock.now(), online=self.online))
        self.outbox.records_added()

    @property
    def actions(self) -> list[str]:
        return [each.action for each in self.csms.sent]

    @property
    def registers(self) -> list[int]:
        return [each.payload["register"] for each in self.csms.sent if "register" in each.payload]


def play(path: Path, protocol: str, script: Callable[[Bench], Awaitable[None]], **clock: Any) -> Bench:
    """Run a script on a fresh bench in virtual time and return the bench for its verdict."""

    async def main() -> Bench:
        error = clock.get("wall_error", timedelta())
        bench = Bench(
            path,
            protocol,
            VirtualClock(asyncio.get_running_loop(), wall_error=error, trusted=clock.get("trusted", True)),
        )
        try:
            await script(bench)
        finally:
            await bench.stop()
        return bench

    return run_virtual(main())
