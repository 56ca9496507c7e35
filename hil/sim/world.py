"""The whole station in virtual time: the real station, store, link and safety supervisor between a plant and a CSMS.

What is not real: the two processes are tasks, the socket between them is a queue, the network is `hil.memory`, and the ports
of the hardware stand directly on the plant. Everything is drawn from one seed. A broken invariant, a failed task or an exception
anywhere ends the run with an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from controller.config import load_board, load_station
from controller.station.app import Station
from controller.station.events import EventBus
from controller.store.database import StoreLimits
from controller.store.store import DATABASE, Store
from hil.bench.layout import Layout
from hil.csms.csms import Csms
from hil.csms.schemas import Version
from hil.memory import MemoryNetwork
from hil.plant.plant import Plant
from hil.processes import RigSettings, station_toml
from hil.sim.process import RESTART_S, StationProcess, Surroundings
from hil.sim.safety import SimSafety
from hil.sim.site import Site
from hil.virtual import VirtualClock

IDENTITY = "SIM-1"
LATENCY_S = 0.03
# Files are copied, not power-cycled: what a kill takes away here does not depend on fsync. Nobody else fills the disk.
LIMITS = StoreLimits(durable=False, look_every_s=3600.0)
SUBPROTOCOLS = {"1.6": Version.V16, "2.0.1": Version.V201}


class SimWorld:
    """One station and its world. Use as an asynchronous context manager on a virtual loop.

    directory: for the real files. version: of OCPP, what the station offers; the CSMS speaks both. variables, keys, station:
    as in `RigSettings`. wall_error, trusted: of the clock at the first boot, see `VirtualClock`. keeps: how many frames the
    CSMS and the network remember, None for all. implies: renewals of permits and polls of meters that
    would say nothing new are implied, not made: see `SimSafety`, `ImpliedWatch`.
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
        wall_error: timedelta = timedelta(),
        trusted: bool = True,
        limits: StoreLimits = LIMITS,
        keeps: int | None = None,
        implies: bool = True,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._directory = directory
        self._failure: asyncio.Future[None] = self._loop.create_future()
        settings = RigSettings(
            "ws://csms.sim/ocpp",
            [SUBPROTOCOLS[version].value],
            IDENTITY,
            dict(variables or {}),
            dict(keys or {}),
            dict(station or {}),
        )
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "pilotline.toml"
        file.write_text(station_toml(settings, directory / "state", directory / "run"))
        config = load_station(file)
        self.board = load_board(config.board, config.run_dir)
        layout = Layout.of(self.board)
        self.version = version
        self.clock = VirtualClock(self._loop, wall_error=wall_error, trusted=trusted)
        self.plant = Plant(
            layout.evses, self._loop.time(), readers=layout.plant_readers(), seed=seed, clock=self._loop.time
        )
        self.site = Site(self.plant, self.board, self.fail, implies_renewals=implies)
        self.witness, self.link = self.site.witness, self.site.link
        self.csms = Csms(subprotocols=(Version.V201, Version.V16), wall=self.clock.true_wall, keeps_frames=keeps)
        self.network = MemoryNetwork(self.csms, latency_up_s=LATENCY_S, latency_down_s=LATENCY_S, keeps=keeps)
        self.events = EventBus(self.clock)
        self._boots = 1
        around = Surroundings(
            config, self.board, self.clock, self.network, self.site, self.events, Random(seed), limits, implies
        )
        self._process = StationProcess(around, self.fail)
        self._powering: asyncio.Task[None] | None = None

    async def __aenter__(self) -> SimWorld:
        self.start_safety()
        self.start_station()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._powering is not None:
            await self._powering
        await self._process.stop()
        self.site.stop()
        await self.network.aclose()
        if kind is None and self._failure.done():
            self._failure.result()
        self._failure.cancel()

    # --- what is there ---

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self._loop.time()

    @property
    def station(self) -> Station | None:
        return self._process.station

    @property
    def store(self) -> Store | None:
        return self._process.store

    @property
    def database(self) -> Path:
        """The station's database as it lies on the disk."""
        return self._directory / "state" / DATABASE

    @property
    def station_or_fail(self) -> Station:
        """The running station. Raises RuntimeError while there is none."""
        if self.station is None:
            raise RuntimeError("the station is not running")
        return self.station

    @property
    def store_or_fail(self) -> Store:
        """The running station's store. Raises RuntimeError while there is none."""
        if self.store is None:
            raise RuntimeError("the station is not running")
        return self.store

    def evse(self, evse: int) -> dict[str, Any]:
        """What the plant sees of one EVSE."""
        found: dict[str, Any] = next(each for each in self.plant.verb("state")["evses"] if each["id"] == evse)
        return found

    # --- driving it ---

    def verb(self, name: str, /, **args: Any) -> dict[str, Any]:
        """A verb of the bench, `network` and `power_cut` included."""
        answer = self.plant.verb(name, **args)
        if name == "network":
            (self.network.bring_up if args["up"] else self.network.take_down)()
        if name == "power_cut":
            self._powering = self._loop.create_task(self.power_cut())
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

    async def until(self, holds: Callable[[], Any], timeout_s: float, what: str, *, step_s: float = 0.1) -> Any:
        """Let time pass until `holds()` is true. Raises AssertionError naming `what`."""
        deadline = self._loop.time() + timeout_s
        while not (value := holds()):
            if self._loop.time() >= deadline:
                raise AssertionError(f"not seen within {timeout_s:g} s of virtual time: {what}")
            await self.sleep(step_s)
        return value

    # --- lives and deaths ---

    @property
    def safety(self) -> SimSafety | None:
        return self.site.safety

    def start_safety(self) -> None:
        self.site.start_safety()

    def kill_safety(self) -> None:
        """SIGKILL: outputs stay as they were, the one-shot does the rest."""
        self.site.kill_safety()

    def start_station(self) -> None:
        self._process.start()

    async def stop_station(self) -> None:
        """SIGTERM: an orderly end."""
        await self._process.stop()

    async def kill_station(self) -> None:
        """SIGKILL: what was not committed is gone, and nothing tidies up."""
        await self._process.kill()

    def freeze_station(self, frozen: bool) -> None:
        """The station hangs, as far as the safety process can tell."""
        self.site.freeze_station(frozen)

    async def power_cut(
        self, dark_s: float = 5.0, *, wall_error: timedelta = timedelta(), trusted: bool = True
    ) -> None:
        """Everything that runs dies at once; power is back after `dark_s`, the machine boots and starts both processes.

        wall_error, trusted: of the clock after the boot.
        """
        self.site.cut_power()
        await self.kill_station()
        await asyncio.sleep(dark_s)
        self._boots += 1
        self.clock.reboot(f"boot-{self._boots}", wall_error=wall_error, trusted=trusted)
        self.start_safety()
        self.start_station()

    async def restart_safety(self, dead_s: float = RESTART_S) -> None:
        self.kill_safety()
        await self.sleep(dead_s)
        self.start_safety()

    async def restart_station(self, dead_s: float = RESTART_S) -> None:
        await self.kill_station()
        await self.sleep(dead_s)
        self.start_station()

    def fail(self, error: BaseException) -> None:
        """End the run with this, unless something else was wrong before."""
        if not self._failure.done():
            self._failure.set_exception(error)
