"""A 1.6 station on virtual time: the real client, store and dialect between a scripted station and the bundled CSMS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from controller.logic.profiles import ChargingProfile
from controller.logic.records import EventKind, StopReason, TransactionEvent, Trigger
from controller.logic.values import IdToken, Measurand, Sample, SampleContext, TokenInfo
from controller.ocpp import v16
from controller.ocpp.client import CsmsClient, LinkSettings
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.dialect import Context, Dialect, Identity
from controller.ocpp.ports import (
    ConnectorStatus,
    Decision,
    EvseInfo,
    ResetKind,
    StartRequest,
    StatusReport,
    UnlockOutcome,
)
from controller.ocpp.v16.keys import initial_values
from controller.ocpp.variables import station_variables
from controller.store.store import Store
from hil.csms.csms import Csms
from hil.memory import MemoryNetwork
from hil.virtual import VirtualClock, run_virtual

ENDPOINT = "ws://csms/ocpp"
NAME = "CS-1"
EVSES = (EvseInfo(1, 1, ("sType2",), 32, 3), EvseInfo(2, 1, ("cType2",), 16, 1))
ACCEPTED = Decision(accepted=True)
CARD = IdToken("CAFE0001")
IDENTITY = Identity("Pilotline " + "x" * 20, "Model " + "y" * 20, "S" * 30, "1.0")


@dataclass
class ScriptedStation:
    """A `ChargingStation` that notes what it is told and answers as the test set it up."""

    evses: tuple[EvseInfo, ...] = EVSES
    decision: Decision = ACCEPTED
    outcome: UnlockOutcome = UnlockOutcome.UNLOCKED
    told: list[tuple[Any, ...]] = field(default_factory=list)
    statuses: dict[tuple[int, int], StatusReport] = field(default_factory=dict)
    transactions: dict[int, str] = field(default_factory=dict)
    meter: dict[int, float] = field(default_factory=dict)
    is_operative: bool = True
    has_profiles: bool = True
    tokens: list[tuple[IdToken, TokenInfo, str | None]] = field(default_factory=list)

    def request_start(self, request: StartRequest) -> Decision:
        self.told.append(("start", request))
        return self.decision

    def request_stop(self, transaction_id: str) -> Decision:
        self.told.append(("stop", transaction_id))
        return self.decision

    def request_reset(self, kind: ResetKind, evse_id: int | None) -> Decision:
        self.told.append(("reset", kind, evse_id))
        return self.decision

    def change_availability(self, operative: bool, evse_id: int | None, connector_id: int | None) -> Decision:
        self.told.append(("availability", operative, evse_id, connector_id))
        return self.decision

    async def unlock(self, evse_id: int, connector_id: int, *, stops_transaction: bool) -> UnlockOutcome:
        self.told.append(("unlock", evse_id, connector_id, stops_transaction))
        return self.outcome

    def set_profile(self, evse_id: int, profile: ChargingProfile) -> Decision:
        self.told.append(("profile", evse_id, profile))
        return self.decision

    def clear_profiles(
        self, *, profile_id: int | None, evse_id: int | None, purpose: str | None, stack_level: int | None
    ) -> bool:
        self.told.append(("clear", profile_id, evse_id, purpose, stack_level))
        return self.has_profiles

    def is_available(self, evse_id: int | None, connector_id: int | None) -> bool:
        return self.is_operative

    def status(self, evse_id: int, connector_id: int) -> StatusReport:
        return self.statuses.get((evse_id, connector_id), StatusReport(ConnectorStatus.AVAILABLE))

    def transaction_on(self, evse_id: int) -> str | None:
        return self.transactions.get(evse_id)

    def samples(self, evse_id: int, measurands: tuple[Measurand, ...], context: SampleContext) -> tuple[Sample, ...]:
        if evse_id not in self.meter or Measurand.ENERGY_IMPORT not in measurands:
            return ()
        return (Sample(Measurand.ENERGY_IMPORT, self.meter[evse_id], "Wh", context),)

    def report_transaction(self, evse_id: int | None, trigger: Trigger) -> bool:
        self.told.append(("report", evse_id, trigger))
        return True

    def token_learned(self, id_token: IdToken, info: TokenInfo, transaction_id: str | None) -> None:
        self.tokens.append((id_token, info, transaction_id))

    def registered(self, at: datetime | None) -> None:
        self.told.append(("registered",))

    async def settled(self) -> None:
        pass

    def link_lost(self) -> None:
        self.told.append(("link lost",))

    def asked(self) -> list[tuple[Any, ...]]:
        """What a CSMS made it do, the link's own news left out."""
        return [each for each in self.told if each[0] not in ("registered", "link lost")]


class World:
    """Everything of one test; `events` makes facts for the store."""

    def __init__(self, directory: Path, keys: Mapping[str, str], clock: Mapping[str, Any]) -> None:
        self.clock = VirtualClock(asyncio.get_running_loop(), **clock)
        self.csms = Csms(wall=self.clock.true_wall, subprotocols=["ocpp1.6"])
        self.network = MemoryNetwork(self.csms, latency_up_s=0.05, latency_down_s=0.05)
        self.station = ScriptedStation()
        self.store = Store.open(directory / "state.db", self.clock, random=Random(1))
        self.store.begin_boot("PowerUp")
        variables = station_variables(EVSES, vendor="V", model="M", serial="", firmware="1", identity=NAME)
        initial, own = initial_values(keys, variables, EVSES)
        self.model = DeviceModel(variables, initial, self.store)
        self._own_keys = own
        self.link_events: list[dict[str, Any]] = []
        self.client = self._client()

    def _client(self) -> CsmsClient:
        def dialect(context: Context) -> Dialect:
            return v16.dialect(context, self._own_keys)

        client = CsmsClient(
            LinkSettings(ENDPOINT, NAME, ("ocpp1.6",)),
            self.network,
            {"ocpp1.6": dialect},
            self.model,
            self.store,
            self.clock,
            Random(2),
            IDENTITY,
            emit=self.link_events.append,
        )
        client.attach(self.station)
        return client

    @asynccontextmanager
    async def running(self) -> Any:
        task = asyncio.create_task(self.client.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.network.aclose()

    async def online(self) -> None:
        """Wait until the station is registered and has said all it has to say at once."""
        while not self.client.is_online:  # noqa: ASYNC110 - on virtual time a look costs nothing
            await asyncio.sleep(1)
        await self.settle()

    async def settle(self) -> None:
        await asyncio.sleep(5)

    async def command(self, action: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self.csms.command(NAME, action, payload)

    def sent(self, action: str) -> list[dict[str, Any]]:
        """Payloads of the station's CALLs of an action, as they arrived at the CSMS."""
        return [
            frame.payload
            for frame in self.csms.frames
            if frame.action == action and frame.kind == "call" and frame.sender == "station"
        ]

    # --- facts ---

    def begin(self, *, evse_id: int | None = 1, token: IdToken | None = CARD, wh: int | None = 1000) -> str:
        event = TransactionEvent(
            self.store.new_transaction_id(),
            EventKind.STARTED,
            Trigger.AUTHORIZED,
            self.clock.now(),
            self.client.is_online,
            evse_id=evse_id,
            connector_id=None if evse_id is None else 1,
            id_token=token,
            register_wh=wh,
        )
        self.store.begin_transaction(event, protocol="ocpp1.6", csms=ENDPOINT)
        self.client.records_added()
        return event.transaction_id

    def update(self, transaction_id: str, *samples: Sample) -> None:
        self._add(
            TransactionEvent(
                transaction_id,
                EventKind.UPDATED,
                Trigger.METER_VALUE_PERIODIC,
                self.clock.now(),
                self.client.is_online,
                evse_id=1,
                connector_id=1,
                samples=samples,
            )
        )

    def end(self, transaction_id: str, wh: int | None, reason: StopReason = StopReason.LOCAL, **changes: Any) -> None:
        event = TransactionEvent(
            transaction_id,
            EventKind.ENDED,
            changes.pop("trigger", Trigger.STOP_AUTHORIZED),
            self.clock.now(),
            self.client.is_online,
            evse_id=1,
            connector_id=1,
            stopped_reason=reason,
            register_wh=wh,
        )
        self._add(replace(event, **changes))

    def _add(self, event: TransactionEvent) -> None:
        self.store.add_event(event)
        self.client.records_added()


def energy(wh: float, context: SampleContext = SampleContext.SAMPLE_PERIODIC) -> Sample:
    return Sample(Measurand.ENERGY_IMPORT, wh, "Wh", context)


def play(
    directory: Path,
    script: Callable[[World], Awaitable[None]],
    *,
    keys: Mapping[str, str] | None = None,
    connects: bool = True,
    violations: bool = False,
    **clock: Any,
) -> None:
    """Run a script on a station that is online (connects) and leave no violation behind, unless that is the point."""

    async def main() -> None:
        world = World(directory, keys or {}, clock)
        async with world.running():
            if connects:
                await world.online()
            await script(world)
        world.store.close()
        if not violations:
            assert world.csms.violations == []

    run_virtual(main())
