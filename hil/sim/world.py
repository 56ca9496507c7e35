"""The whole station in virtual time: the real station, store, link and safety supervisor between a plant and a CSMS.

What is not real: the two processes are tasks, the socket between them is a queue, the network is `hil.memory`, and the ports
of the hardware stand directly on the plant. Everything is drawn from one seed. A broken invariant, a failed task or an exception
anywhere ends the run with an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Coroutine, Mapping
from pathlib import Path
from random import Random
from typing import Any

from controller.config import load_board, load_station
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.transport import Connector
from controller.station.app import Station
from controller.station.events import EventBus
from controller.station.main import DATABASE, compose
from controller.store.store import Store
from controller.wiring_station import StationDevices
from drivers.bus import Buses
from drivers.mock.ports import SimMeter, SimReader
from hil.bench.layout import Layout
from hil.csms.csms import Csms
from hil.csms.schemas import Version
from hil.memory import MemoryNetwork
from hil.plant.plant import Plant
from hil.rig import RigSettings, station_toml
from hil.sim.link import SimLink
from hil.sim.plant_time import PlantTime
from hil.sim.safety import SimSafety
from hil.virtual import VirtualClock

IDENTITY = "SIM-1"
LATENCY_S = 0.03
RESTART_S = 2.0  # until the supervisor has a dead process running again
_SUBPROTOCOLS = {"1.6": Version.V16, "2.0.1": Version.V201}


class SimWorld:
    """One station and its world. Use as an asynchronous context manager on a virtual loop.

    directory: for the real files. versions: what the station offers, preferred first; the CSMS speaks both. variables, keys,
    station: as in `RigSettings`. clock_error: see `VirtualClock`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        seed: int = 0,
        version: str = "2.0.1",
        variables: Mapping[str, Any] | None = None,
        keys: Mapping[str, Any] | None = None,
        station: Mapping[str, Any] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._directory = directory
        self._random = Random(seed)
        settings = RigSettings(
            "ws://csms.sim/ocpp",
            [_SUBPROTOCOLS[version].value],
            IDENTITY,
            dict(variables or {}),
            dict(keys or {}),
            dict(station or {}),
        )
        file = directory / "pilotline.toml"
        directory.mkdir(parents=True, exist_ok=True)
        file.write_text(station_toml(settings, directory / "state", directory / "run"))
        self.config = load_station(file)
        self.board = load_board(self.config.board, self.config.run_dir)
        layout = Layout.of(self.board)
        self.clock = VirtualClock(self._loop)
        self.plant = Plant(
            layout.evses, self._loop.time(), readers=layout.plant_readers(), seed=seed, clock=self._loop.time
        )
        self._plant_time = PlantTime(self.plant, self._loop)
        self.csms = Csms(subprotocols=(Version.V201, Version.V16), wall=self.clock.true_wall)
        self.network = MemoryNetwork(self.csms, latency_up_s=LATENCY_S, latency_down_s=LATENCY_S)
        self.link = SimLink(self._loop)
        self.safety: SimSafety | None = None
        self.station: Station | None = None
        self.store: Store | None = None
        self._station_task: asyncio.Task[None] | None = None
        self._starts = 0
        self._failure: asyncio.Future[None] = self._loop.create_future()

    async def __aenter__(self) -> SimWorld:
        self.start_safety()
        self.start_station()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._station_task is not None:
            self.station_or_fail.stop()
            with contextlib.suppress(asyncio.CancelledError):
                await self._station_task
        if self.safety is not None:
            self.safety.kill()
        self._plant_time.stop()
        await self.network.aclose()
        if kind is None and self._failure.done():
            self._failure.result()
        self._failure.cancel()

    @property
    def station_or_fail(self) -> Station:
        """The running station. Raises RuntimeError while there is none."""
        if self.station is None:
            raise RuntimeError("the station is not running")
        return self.station

    # --- driving it ---

    def verb(self, name: str, /, **args: Any) -> dict[str, Any]:
        """A verb of the bench, `network` and `power_cut` included."""
        answer = self.plant.verb(name, **args)
        if name == "network":
            (self.network.bring_up if args["up"] else self.network.take_down)()
        if name == "power_cut":
            self._loop.create_task(self.power_cut())
        return answer

    async def sleep(self, seconds: float) -> None:
        """Let time pass. Raises what went wrong meanwhile."""
        await self.watch(asyncio.sleep(seconds))

    async def watch(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Await `work`, or raise the first failure of the world if that comes earlier."""
        task = self._loop.create_task(work)
        await asyncio.wait([task, self._failure], return_when=asyncio.FIRST_COMPLETED)
        if self._failure.done():
            task.cancel()
            self._failure.result()
        return task.result()

    async def until(self, holds: Any, timeout_s: float, what: str, *, step_s: float = 0.1) -> Any:
        """Let time pass until `holds()` is true. Raises AssertionError naming `what`."""
        deadline = self._loop.time() + timeout_s
        while not (value := holds()):
            if self._loop.time() >= deadline:
                raise AssertionError(f"not seen within {timeout_s:g} s of virtual time: {what}")
            await self.sleep(step_s)
        return value

    def evse(self, evse: int) -> dict[str, Any]:
        """What the plant sees of one EVSE."""
        found: dict[str, Any] = next(each for each in self.plant.verb("state")["evses"] if each["id"] == evse)
        return found

    # --- lives and deaths ---

    def start_safety(self) -> None:
        self._starts += 1
        self.safety = SimSafety(
            self.plant, self.board, self._loop, f"run-{self._starts}", self.link.facts, self._fail_with
        )
        self.link.safety_started(self.safety)

    def kill_safety(self) -> None:
        """SIGKILL: outputs stay as they were, the one-shot does the rest."""
        if self.safety is not None:
            self.safety.kill()
            self.safety = None
            self.link.safety_died()

    def start_station(self) -> None:
        self._station_task = self._loop.create_task(self._run_station())

    async def stop_station(self) -> None:
        """SIGTERM: an orderly end."""
        self.station_or_fail.stop()
        if self._station_task is not None:
            await self._station_task

    async def kill_station(self) -> None:
        """SIGKILL: what was not committed is gone, and nothing tidies up."""
        task, self._station_task = self._station_task, None
        if task is None:
            return
        kept = self._keep_files()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._restore_files(kept)

    async def power_cut(self, dark_s: float = 5.0) -> None:
        """Everything that runs dies at once; power is back after `dark_s`, and both processes start."""
        self.kill_safety()
        await self.kill_station()
        await asyncio.sleep(dark_s)
        self.start_safety()
        self.start_station()

    def _keep_files(self) -> Path:
        kept = self._directory / "killed"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.config.state_dir, kept)
        return kept

    def _restore_files(self, kept: Path) -> None:
        shutil.rmtree(self.config.state_dir)
        kept.rename(self.config.state_dir)

    async def _run_station(self) -> None:
        self.config.state_dir.mkdir(parents=True, exist_ok=True)
        store = Store.open(self.config.state_dir / DATABASE, self.clock, random=self._random)
        meters = {evse.id: SimMeter(self.plant, evse.id) for evse in self.board.evses if evse.meter is not None}
        readers = tuple(
            (SimReader(self.plant, name, "ISO14443" if model.reader.kind == "uid" else "Local"), model.reader.evse)
            for name, model in self.plant.readers.items()
        )
        devices = StationDevices(dict(meters), readers, Buses((), ()))

        def connect(_: DeviceModel) -> Connector:
            return self.network

        station, client = compose(
            self.config, self.board, self.clock, store, devices, EventBus(self.clock), self.link, connect, self._random
        )
        self.station, self.store = station, store
        client_task = self._loop.create_task(client.run())
        client_task.add_done_callback(self._fail_if_failed)
        try:
            await station.run()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - the world's supervisor: whatever it was fails the run
            self._fail_with(error)
        finally:
            self.station = None
            client_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await client_task
            self.network.cut()
            self.link.station_died()
            store.close()

    def _fail_if_failed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail_with(error)

    def _fail_with(self, error: BaseException) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)
