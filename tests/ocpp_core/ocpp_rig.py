"""A station that obeys `ports.ChargingStation` and a CSMS that follows a script, joined by memory on virtual time.

Every frame in either direction is judged by jsonschema with the `ocpp` package's schemas.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import jsonschema

from controller.logic.profiles import ChargingProfile
from controller.logic.records import Trigger
from controller.logic.values import IdToken, Measurand, Sample, SampleContext, TokenInfo
from controller.ocpp import v2
from controller.ocpp.client import CsmsClient, LinkSettings
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.dialect import BootReason, Context, Identity
from controller.ocpp.ports import (
    ConnectorStatus,
    Decision,
    EvseInfo,
    ResetKind,
    StartRequest,
    StatusReport,
    UnlockOutcome,
)
from controller.ocpp.schema import wire_time
from controller.ocpp.variables import station_variables
from controller.store.store import Store
from hil.csms.peer import Admission, Peer, PeerGone
from hil.memory import MemoryNetwork
from hil.virtual import VirtualClock, run_virtual

V201 = "ocpp2.0.1"
ENDPOINT = "ws://csms.example/ocpp"
EVSES = (
    EvseInfo(1, 1, ("sType2",), 32.0, 3),
    EvseInfo(2, 1, ("cType2",), 16.0, 1),
)
ACCEPT = {"status": "Accepted", "interval": 3600}
SPEC = importlib.util.find_spec("ocpp")
assert SPEC is not None and SPEC.origin is not None
FOLDER = Path(SPEC.origin).parent


@cache
def oracle(name: str) -> Any:
    schema = json.loads((FOLDER / "v201" / "schemas" / f"{name}.json").read_text(encoding="utf-8-sig"))
    return jsonschema.validators.validator_for(schema)(schema)


class FakeStation:
    """Obeys the port: decides and notes, and everything it was asked is in `asked`."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.statuses = {(evse.id, 1): ConnectorStatus.AVAILABLE for evse in EVSES}
        self.decision = Decision(True)
        self.unlocked = UnlockOutcome.UNLOCKED
        self.transactions: dict[int, str] = {}
        self.installed: dict[tuple[int, int], ChargingProfile] = {}
        self.store: Store | None = None

    @property
    def evses(self) -> tuple[EvseInfo, ...]:
        return EVSES

    def request_start(self, request: StartRequest) -> Decision:
        self.asked.append(("start", request))
        return self.decision

    def request_stop(self, transaction_id: str) -> Decision:
        self.asked.append(("stop", transaction_id))
        return Decision(transaction_id in self.transactions.values(), reason_code="TxNotFound")

    def request_reset(self, kind: ResetKind, evse_id: int | None) -> Decision:
        self.asked.append(("reset", kind, evse_id))
        return self.decision

    def change_availability(self, operative: bool, evse_id: int | None, connector_id: int | None) -> Decision:
        self.asked.append(("availability", operative, evse_id, connector_id))
        return self.decision

    async def unlock(self, evse_id: int, connector_id: int, *, stops_transaction: bool) -> UnlockOutcome:
        self.asked.append(("unlock", evse_id, connector_id, stops_transaction))
        return self.unlocked

    def set_profile(self, evse_id: int, profile: ChargingProfile) -> Decision:
        self.asked.append(("profile", evse_id, profile))
        assert self.store is not None
        self.store.put_profile(evse_id, profile)
        return self.decision

    def clear_profiles(
        self, *, profile_id: int | None, evse_id: int | None, purpose: str | None, stack_level: int | None
    ) -> bool:
        assert self.store is not None
        self.asked.append(("clear", profile_id, evse_id, purpose, stack_level))
        matching = [
            (place, each.id)
            for place, each in self.store.profiles()
            if profile_id in (None, each.id)
            and evse_id in (None, place)
            and purpose in (None, each.purpose)
            and stack_level in (None, each.stack_level)
        ]
        for place, identity in matching:
            self.store.remove_profile(place, identity)
        return bool(matching)

    def is_available(self, evse_id: int | None, connector_id: int | None) -> bool:
        return True

    def status(self, evse_id: int, connector_id: int) -> StatusReport:
        return StatusReport(self.statuses[evse_id, connector_id])

    def transaction_on(self, evse_id: int) -> str | None:
        return self.transactions.get(evse_id)

    def samples(self, evse_id: int, measurands: tuple[Measurand, ...], context: SampleContext) -> tuple[Sample, ...]:
        values = {Measurand.ENERGY_IMPORT: (1234.0, "Wh"), Measurand.POWER_IMPORT: (7360.5, "W")}
        return tuple(Sample(each, *values[each], context) for each in measurands if each in values)

    def report_transaction(self, evse_id: int | None, trigger: Trigger) -> bool:
        self.asked.append(("report", evse_id, trigger))
        return evse_id in self.transactions

    def token_learned(self, id_token: IdToken, info: TokenInfo, transaction_id: str | None) -> None:
        self.asked.append(("token", id_token, info, transaction_id))

    def registered(self, at: datetime | None) -> None:
        self.asked.append(("registered", at))

    async def settled(self) -> None:
        pass

    def link_lost(self) -> None:
        self.asked.append(("link lost",))


@dataclass
class Received:
    at_s: float
    frame: list[Any]

    @property
    def action(self) -> str | None:
        return self.frame[2] if self.frame[0] == 2 else None

    @property
    def payload(self) -> dict[str, Any]:
        return dict(self.frame[3])


Answer = Mapping[str, Any] | list[Any] | None  # a result payload, [code, description] for a CALLERROR, None: silence


class ScriptedCsms:
    """Answers by script: action to answers used up one by one (the last stays) or a function of the payload."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.received: list[Received] = []
        self.script: dict[str, list[Answer] | Callable[[dict[str, Any]], Answer]] = {}
        self.peer: Peer | None = None
        self.subprotocol: str | None = V201
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self.delay_s = 0.0
        self._answers: dict[str, asyncio.Future[list[Any]]] = {}
        self._count = 0
        self._news = asyncio.Event()

    def admit(self, path: str, subprotocols: tuple[str, ...], headers: Mapping[str, str]) -> Admission:
        self.paths.append(path)
        self.headers.append(headers)
        return Admission(101, self.subprotocol)

    async def serve(self, path: str, peer: Peer) -> None:
        self.peer = peer
        with contextlib.suppress(PeerGone):
            while True:
                await self._take(peer, await peer.recv())

    async def _take(self, peer: Peer, text: str) -> None:
        frame = json.loads(text)
        self.received.append(Received(asyncio.get_running_loop().time(), frame))
        self._news.set()
        if frame[0] == 2:
            judge(f"{frame[2]}Request", frame[3])
            assert len(frame[1]) <= 36
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._answer(peer, frame)
        elif frame[1] in self._answers:
            self._answers.pop(frame[1]).set_result(frame)

    async def _answer(self, peer: Peer, frame: list[Any]) -> None:
        answer = self._scripted(frame[2], frame[3])
        if answer is None:
            return
        if isinstance(answer, list):
            await peer.send(json.dumps([4, frame[1], answer[0], answer[1], {}]))
        else:
            await peer.send(json.dumps([3, frame[1], answer]))

    def _scripted(self, action: str, payload: dict[str, Any]) -> Answer:
        now = wire_time(self.clock.true_wall())
        usual: dict[str, Any] = {
            "BootNotification": {**ACCEPT, "currentTime": now},
            "Heartbeat": {"currentTime": now},
            "Authorize": {"idTokenInfo": {"status": "Accepted"}},
        }
        script = self.script.get(action)
        if script is None:
            return dict(usual.get(action, {}))
        if not isinstance(script, list):
            return script(payload)
        answer = script.pop(0) if len(script) > 1 else script[0]
        return {"currentTime": now, **answer} if action == "BootNotification" and isinstance(answer, dict) else answer

    async def call(self, action: str, payload: Mapping[str, Any] | None = None, *, identity: str = "") -> list[Any]:
        """Send a request and return the whole answering frame."""
        self._count += 1
        identity = identity or f"csms-{self._count}"
        judge(f"{action}Request", payload or {})
        frame = await self.raw(json.dumps([2, identity, action, payload or {}]), identity)
        if frame[0] == 3:
            judge(f"{action}Response", frame[2])
        return frame

    async def raw(self, text: str, identity: str) -> list[Any]:
        """Send any text and return the frame that answers `identity`."""
        assert self.peer is not None
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._answers[identity] = future
        await self.peer.send(text)
        return await asyncio.wait_for(future, 120)

    async def say(self, text: str) -> None:
        assert self.peer is not None
        await self.peer.send(text)

    def of(self, action: str) -> list[Received]:
        return [each for each in self.received if each.action == action]

    def actions(self) -> list[str]:
        return [each.action for each in self.received if each.action is not None]

    async def until(self, action: str, count: int = 1, *, within_s: float = 100000.0) -> Received:
        """Wait for the `count`-th request of an action."""
        async with asyncio.timeout(within_s):
            while len(self.of(action)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(action)[count - 1]


def judge(name: str, payload: Any) -> None:
    """Fail where jsonschema finds fault."""
    errors = [error.message for error in oracle(name).iter_errors(payload)]
    assert not errors, f"{name}: {errors}: {json.dumps(payload)[:500]}"


@dataclass
class Rig:
    """Everything of one test. events: what the client told."""

    clock: VirtualClock
    store: Store
    model: DeviceModel
    station: FakeStation
    csms: ScriptedCsms
    network: MemoryNetwork
    client: CsmsClient
    events: list[dict[str, Any]] = field(default_factory=list)
    running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.running = asyncio.create_task(self.client.run())

    async def online(self) -> None:
        """Start, and wait until all that follows a boot has been said."""
        self.start()
        await self.csms.until("StatusNotification", 2)
        await asyncio.sleep(1)

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
        await self.network.aclose()
        self.store.close()

    def links(self) -> list[str]:
        return [event["state"] for event in self.events if event["kind"] == "link"]


Dialects = Mapping[str, Callable[[Context], Any]]


@contextlib.asynccontextmanager
async def rig(
    *,
    variables: Mapping[str, str] | None = None,
    seed: int = 1,
    trusted: bool = True,
    wall_error: timedelta = timedelta(),
    password: str | None = None,
    protocols: tuple[str, ...] = (V201,),
    dialects: Dialects | None = None,
    folder: Path | None = None,
    boot_reason: BootReason = BootReason.POWER_UP,
) -> AsyncIterator[Rig]:
    """Build everything, not yet connected (`start` or `online`)."""
    with contextlib.ExitStack() as stack:
        state = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clock = VirtualClock(asyncio.get_running_loop(), trusted=trusted, wall_error=wall_error)
        store = Store.open(state / "test.db", clock, random=Random(seed))
        store.begin_boot("test")
        rows = station_variables(EVSES, vendor="Maker", model="Box", serial="S1", firmware="1.0", identity="CS 1/a")
        model = DeviceModel(rows, variables or {}, store)
        csms = ScriptedCsms(clock)
        network = MemoryNetwork(csms, latency_up_s=0.01, latency_down_s=0.01)
        station = FakeStation()
        station.store = store
        events: list[dict[str, Any]] = []
        client = CsmsClient(
            LinkSettings(ENDPOINT, "CS 1/a", protocols, password),
            network,
            dialects or {V201: v2.dialect},
            model,
            store,
            clock,
            Random(seed),
            Identity("Maker", "Box", "S1", "1.0"),
            boot_reason=boot_reason,
            emit=events.append,
        )
        client.attach(station)
        made = Rig(clock, store, model, station, csms, network, client, events)
        try:
            yield made
        finally:
            await made.stop()


def virtually(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run an async test on virtual time."""

    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run
