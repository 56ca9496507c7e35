"""The station process in virtual time: the real station on the real store, started, stopped and killed like a process."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from controller.config import BoardConfig, StationConfig
from controller.logic.evse import Measurements
from controller.ocpp.client import CsmsClient
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.transport import Connector
from controller.station.app import Station
from controller.station.events import EventBus
from controller.station.main import compose, remember_restart
from controller.station.meters import MeterWatch
from controller.store.database import StoreLimits
from controller.store.store import DATABASE, Store
from controller.wiring_station import StationDevices
from drivers.bus import Buses
from drivers.mock.ports import SimMeter, SimReader
from hil.memory import MemoryNetwork
from hil.sim.meters import ImpliedWatch
from hil.sim.site import Site
from hil.virtual import VirtualClock

RESTART_S = 2.0  # until the supervisor has a dead process running again


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one life of the station process after another works with. limits: of its store.

    implies: polls and renewals that say nothing new are not made.
    """

    config: StationConfig
    board: BoardConfig
    clock: VirtualClock
    network: MemoryNetwork
    site: Site
    events: EventBus
    random: Random
    limits: StoreLimits
    implies: bool


class _End:
    """Satisfies `StationEnd`."""

    def __init__(self, station: Station) -> None:
        self._supply = station.supply
        self.renew = station.supply.renew

    def measurements(self, evse_id: int) -> Measurements | None:
        return self._supply.feeds[evse_id].meter.measurements()


class StationProcess:
    """`station` and `store` are None while none runs. A reset that a CSMS asked for starts it again by itself.

    on_failure: gets whatever ended it that was not `stop` or `kill`.
    """

    def __init__(self, around: Surroundings, on_failure: Callable[[BaseException], None]) -> None:
        self._around = around
        self._on_failure = on_failure
        self._task: asyncio.Task[None] | None = None
        self.station: Station | None = None
        self.store: Store | None = None
        self.starts = 0

    def start(self) -> None:
        """Harmless when it runs, or will again by itself."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._live())

    async def stop(self) -> None:
        """SIGTERM: an orderly end. Harmless when it does not run."""
        task, self._task = self._task, None
        if task is None:
            return
        if self.station is None:
            task.cancel()  # between two starts
        else:
            self.station.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def kill(self) -> None:
        """SIGKILL: what was not committed is gone, and nothing tidies up. Harmless when it does not run."""
        task, self._task = self._task, None
        if task is None:
            return
        kept = self._keep_files()
        self._around.network.cut()
        self._around.site.station_died()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        shutil.rmtree(self._around.config.state_dir)
        kept.rename(self._around.config.state_dir)

    def _keep_files(self) -> Path:
        state_dir = self._around.config.state_dir
        kept = state_dir.with_name("killed")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(state_dir, kept)
        return kept

    async def _live(self) -> None:
        """One life after another, until one ends for good."""
        try:
            wants_more = True
            while wants_more:
                wants_more = await self._one_life()
                await asyncio.sleep(RESTART_S if wants_more else 0)
            self._task = None
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - the world's supervisor: whatever it was fails the run
            self._on_failure(error)

    async def _one_life(self) -> bool:
        """Return whether it wants to be started again."""
        around = self._around
        self.starts += 1
        around.config.state_dir.mkdir(parents=True, exist_ok=True)
        self.store = store = Store.open(
            around.config.state_dir / DATABASE, around.clock, around.limits, random=around.random
        )
        try:
            self.station, client = self._compose(store)
            await self._serve(self.station, client)
            reason = self.station.restart_reason
            if reason is not None:
                remember_restart(store, reason)
            return reason is not None
        finally:
            self.station = self.store = None
            store.close()

    async def _serve(self, station: Station, client: CsmsClient) -> None:
        client_task = asyncio.get_running_loop().create_task(client.run())
        client_task.add_done_callback(self._fail_if_failed)
        try:
            await station.run()
        finally:
            client_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await client_task
            self._around.network.cut()
            self._around.site.station_died()

    def _compose(self, store: Store) -> tuple[Station, CsmsClient]:
        around, plant = self._around, self._around.site.plant
        meters = {evse.id: SimMeter(plant, evse.id) for evse in around.board.evses if evse.meter is not None}
        readers = tuple(
            (SimReader(plant, name, "ISO14443" if model.reader.kind == "uid" else "Local"), model.reader.evse)
            for name, model in plant.readers.items()
        )
        devices = StationDevices(dict(meters), readers, Buses((), ()))

        def connect(_: DeviceModel) -> Connector:
            return around.network

        station, client = compose(
            around.config,
            around.board,
            around.clock,
            store,
            devices,
            around.events,
            around.site.link,
            connect,
            around.random,
            self._watch if around.implies else MeterWatch,
        )
        if around.implies:
            around.site.link.imply_renewals(_End(station))
        return station, client

    def _watch(self, evse_id: int, *rest: Any) -> MeterWatch:
        site = self._around.site
        return ImpliedWatch(site.plant, site.link.measured, evse_id, *rest)

    def _fail_if_failed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)
