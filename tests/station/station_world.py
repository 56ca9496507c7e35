"""A whole station in virtual time: real sessions, store and safety supervisor on the simulated plant; only the CSMS is a fake."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import shutil
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

from controller.config import StationConfig, load_board, load_station
from controller.config.board import LimitBoard
from controller.hal import Indicator
from controller.logic.evse import EvseFacts, Heartbeat, Permit, PermitWithdrawn, StationMessage
from controller.logic.records import OpenTransaction
from controller.logic.values import AuthorizationStatus, IdToken, TokenInfo
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.ports import EvseInfo, NotOnline, SecurityEventType
from controller.ocpp.variables import station_variables
from controller.station.app import Station
from controller.station.events import EventBus
from controller.station.safety_link import SocketSafetyLink
from controller.station.variables import missing_from
from controller.store.database import StoreLimits
from controller.store.store import Store
from drivers.mock.ports import SimMeter, SimReader
from hil.plant.plant import Plant
from hil.plant.values import PlantEvse, PlantReader
from hil.sim.site import Site
from hil.virtual import VirtualClock, run_virtual

ANNA, BERT = "04A2B3C4D5E680", "04FFEEDDCCBBAA"


class FakeCsms:
    """Obeys `ports.Csms`: answers tokens as told, notes what it is told of, takes nothing from the queue."""

    def __init__(self) -> None:
        self.is_online = True
        self.protocol = "ocpp2.0.1"
        self.problem = ""
        self.tokens: dict[str, TokenInfo] = {}
        self.asked: list[str] = []
        self.status_changes: list[tuple[int, int]] = []
        self.news = 0
        self.security_events: list[tuple[SecurityEventType, str]] = []
        self.answers_after_s = 0.2

    async def authorize(self, id_token: IdToken, evse_id: int | None) -> TokenInfo:
        if not self.is_online:
            raise NotOnline("offline")
        self.asked.append(id_token.value)
        await asyncio.sleep(self.answers_after_s)
        if not self.is_online:
            raise NotOnline("the link went away")
        return self.tokens.get(id_token.value, TokenInfo(AuthorizationStatus.ACCEPTED))

    def status_changed(self, evse_id: int, connector_id: int) -> None:
        self.status_changes.append((evse_id, connector_id))

    def records_added(self) -> None:
        self.news += 1

    def security_event(self, type: SecurityEventType, tech_info: str) -> None:
        self.security_events.append((type, tech_info))


class World:
    """Everything, and shorthands for tests. `variables` are initial values, as in `[ocpp.variables]`.

    built: what differs from the mock board in each of its EVSEs. limit: what its limiting contact allows, None without one.
    """

    def __init__(
        self,
        folder: Path,
        evses: int,
        variables: dict[str, str],
        built: dict[str, Any],
        limit: dict[str, float] | None,
        **config: Any,
    ) -> None:
        self.indicators: list[tuple[Indicator, int | None]] = []  # from the next start of the station on
        loop = asyncio.get_running_loop()
        self.folder = folder
        self.clock = VirtualClock(loop)
        self.evses = evses
        self.variables = variables
        readers = [PlantReader("pn532", "uid", 1 if evses == 1 else None), PlantReader("line", "line", None)]
        self.plant = Plant(
            [PlantEvse(id=each, has_phase_relay="phase_switching" in built) for each in range(1, evses + 1)],
            loop.time(),
            readers=readers,
            seed=7,
            clock=loop.time,
        )
        board = load_board("mock", folder)
        made = tuple(dataclasses.replace(evse, **built) for evse in board.evses[:evses])
        self.board = dataclasses.replace(board, evses=made)
        if limit is not None and board.mains is not None:
            contact = dataclasses.replace(board.mains, name="limit")
            found = LimitBoard(contact, limit.get("amps"), limit.get("watts"))
            self.board = dataclasses.replace(self.board, limit=found)
        self.sent: list[tuple[float, StationMessage]] = []
        self._wrong: list[BaseException] = []
        self.site = Site(self.plant, self.board, self._wrong.append, self._note_sent)
        self.site.link.renewal_s = SocketSafetyLink.renewal_s
        self.csms = FakeCsms()
        self.config = self._config(config)
        self.limits = StoreLimits()
        self.station: Station
        self.store: Store
        self.events: list[dict[str, Any]] = []
        self.boots = 0
        self._station_tasks: list[asyncio.Task[None]] = []

    def _config(self, changes: dict[str, Any]) -> StationConfig:
        base = load_station(None)
        return dataclasses.replace(base, state_dir=self.folder, run_dir=self.folder, **changes)

    def _note_sent(self, message: StationMessage) -> None:
        if not isinstance(message, Heartbeat):
            self.sent.append((asyncio.get_running_loop().time(), message))

    # --- life

    async def begin(self) -> None:
        self.site.start_safety()
        await self.start_station()

    async def start_station(self, settle_s: float = 3.0) -> None:
        self.boots += 1
        board = dataclasses.replace(self.board, evses=self.board.evses[: self.evses])
        self.store = Store.open(self.folder / "station.db", self.clock, self.limits, Random(self.boots))
        self.store.begin_boot("test")
        evses = [EvseInfo(e.id, 1, (e.connector_type,), e.hardware_max_a, e.phases) for e in board.evses]
        rows = station_variables(evses, vendor="V", model="M", serial="S", firmware="1", identity="I")
        model = DeviceModel((*rows, *missing_from(rows)), self.variables, self.store)
        bus = EventBus(self.clock)
        self.station = Station(
            self.config,
            board,
            self.store,
            self.clock,
            model,
            self.csms,
            self.site.link,
            {e.id: SimMeter(self.plant, e.id) for e in board.evses},
            [(SimReader(self.plant, "pn532"), 1 if self.evses == 1 else None), (SimReader(self.plant, "line"), None)],
            bus,
            self.indicators,
        )
        self._station_tasks = [asyncio.create_task(self.station.run()), asyncio.create_task(self._hear(bus))]
        await asyncio.sleep(settle_s)

    async def _hear(self, bus: EventBus) -> None:
        with bus.subscribe() as subscription:
            while True:
                self.events.append(await subscription.next())

    async def stop_station(self) -> None:
        """SIGTERM."""
        self.station.stop()
        await self._station_tasks[0]
        self._station_tasks[1].cancel()
        self.site.station_died()
        self.store.close()

    async def kill_station(self) -> None:
        """SIGKILL: what was not committed is lost."""
        snapshot = self.folder / "snapshot"
        snapshot.mkdir(exist_ok=True)
        for file in self.folder.glob("station.db*"):
            shutil.copy(file, snapshot / file.name)
        self.site.station_died()
        for task in self._station_tasks:
            task.cancel()
        await asyncio.gather(*self._station_tasks, return_exceptions=True)
        self.store.close()
        for file in self.folder.glob("station.db*"):
            file.unlink()
        for file in snapshot.glob("station.db*"):
            shutil.copy(file, self.folder / file.name)
        shutil.rmtree(snapshot)

    async def power_cut(self, seconds: float, **clock: Any) -> None:
        """Everything of ours dies; the mains come back later and the machine boots. clock: what it then takes the time for."""
        self.site.cut_power()
        await self.kill_station()
        await asyncio.sleep(seconds)
        self.clock.reboot(f"boot-{self.boots + 1}", **clock)
        self.site.start_safety()
        await self.start_station()

    async def end(self) -> None:
        self.site.stop()
        for task in self._station_tasks:
            task.cancel()
        for result in await asyncio.gather(*self._station_tasks, return_exceptions=True):
            if isinstance(result, Exception) and result not in self._wrong:
                self._wrong.append(result)
        with contextlib.suppress(sqlite3.ProgrammingError):
            self.store.close()

    def forgive(self) -> None:
        """What went wrong so far was meant to."""
        self._wrong.clear()

    def check(self) -> None:
        """Raise the first thing that went wrong, if anything did."""
        ended = [task.exception() for task in self._station_tasks if task.done() and not task.cancelled()]
        for error in (*self._wrong, *ended):
            if error is not None:
                raise error

    # --- what is done

    def verb(self, name: str, **args: Any) -> dict[str, Any]:
        return self.plant.verb(name, **args)

    async def swipe(self, token: str = ANNA, wait_s: float = 3.0) -> None:
        self.verb("swipe", token=token)
        await asyncio.sleep(wait_s)

    async def charge(self, evse: int = 1, token: str = ANNA) -> None:
        """Plug in, card, and wait until current flows."""
        self.verb("plug_in", evse=evse)
        await asyncio.sleep(2.0)
        await self.swipe(token)
        await self.until(lambda: self.drawn_a(evse) > 1.0, 20.0)

    async def until(self, holds: Callable[[], Any], limit_s: float) -> None:
        end = asyncio.get_running_loop().time() + limit_s
        while not holds():
            self.check()
            assert asyncio.get_running_loop().time() < end, f"not true within {limit_s} s; {self.told()}"
            await asyncio.sleep(0.1)

    # --- what is seen

    def drawn_a(self, evse: int = 1) -> float:
        return max(self.plant.observed.evses[evse].current_a)

    def is_closed(self, evse: int = 1) -> bool:
        return self.plant.observed.evses[evse].contact_closed

    def energy_wh(self, evse: int = 1) -> float:
        return self.plant.observed.evses[evse].energy_wh

    def permits(self, evse: int = 1) -> list[tuple[float, Permit | PermitWithdrawn]]:
        kinds = (Permit, PermitWithdrawn)
        return [(at, m) for at, m in self.sent if isinstance(m, kinds) and m.evse_id == evse]

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read the database file as another process would."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder / 'station.db'}?mode=ro", uri=True)) as connection:
            return connection.execute(query, parameters).fetchall()

    def committed(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the committed transaction events, in order."""
        found = [json.loads(body) for (body,) in self.rows("SELECT body FROM events ORDER BY position")]
        events = [event for event in found if "transaction_id" in event]
        return [event for event in events if kind is None or event["kind"] == kind]

    def open_transactions(self) -> list[OpenTransaction]:
        return self.store.open_transactions()

    def told(self) -> str:
        return f"{self.station.snapshot()['evses']} {self.station.why()['evses']}"


def in_world(
    evses: int = 1,
    variables: dict[str, str] | None = None,
    built: dict[str, Any] | None = None,
    limit: dict[str, float] | None = None,
    **config: Any,
) -> Callable[[Callable[[World], Coroutine[Any, Any, None]]], Callable[[Path], None]]:
    """Run an async test in a world of its own, in virtual time."""

    def decorate(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
        def run(tmp_path: Path) -> None:
            async def main() -> None:
                world = World(tmp_path, evses, variables or {}, built or {}, limit, **config)
                await world.begin()
                try:
                    await test(world)
                    world.check()
                finally:
                    await world.end()
                world.check()

            run_virtual(main())

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        run.pytestmark = getattr(test, "pytestmark", [])  # type: ignore[attr-defined]
        return run

    return decorate


def facts_of(world: World, evse: int = 1) -> EvseFacts:
    facts = world.station.runners[evse].session.facts
    assert facts is not None
    return facts
