"""The scenarios in virtual time: the same plant and the same machines, a minute of charging in the time that its work takes.

Not what the verdicts are for: it lets every scenario be tried with every change, and be seen to fail.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from controller.config import load_board
from hil.bench.abilities import abilities
from hil.bench.client import BenchRefused
from hil.plant import PlantError
from hil.scenarios.benches import BOARDS, VARIABLES, as_sets
from hil.scenarios.runner import Abilities
from hil.scenarios.scene import Doors
from hil.sim.world import IDENTITY, SimWorld


class SimDoors:
    """Doors of a simulated station. Any failure of its world comes out of `sleep`."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world

    async def verb(self, name: str, /, **args: Any) -> dict[str, Any]:
        try:
            return self._world.verb(name, **args)
        except PlantError as error:
            raise BenchRefused(str(error)) from error

    async def ask(self, do: str, /, **args: Any) -> dict[str, Any]:
        await self._world.until(lambda: self._world.station, 60.0, "the station runs")
        station = self._world.station_or_fail
        match do:
            case "status":
                return {"status": station.snapshot()}
            case "why":
                return {"why": station.why()}
            case "clear_fault":
                station.clear_fault(**args)
            case "set_local_limit":
                station.set_local_limit(**args)
            case _:
                raise AssertionError(f"no scenario asks {do}")
        return {}

    async def command(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        await self._world.until(lambda: IDENTITY in self._world.csms.connected, 60.0, "the station is connected")
        answer: dict[str, Any] = await self._world.watch(self._world.csms.command(IDENTITY, action, payload))
        return answer

    async def sleep(self, seconds: float) -> None:
        await self._world.sleep(seconds)


class SimSource:
    """A simulated station with one of the boards, a new one at each opening."""

    is_fresh = True

    def __init__(self, name: str, seed: int = 0) -> None:
        self.name = name
        self._seed = seed

    async def abilities(self) -> Abilities:
        return as_sets(abilities(load_board(BOARDS[self.name], Path("/run"))))

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Doors]:
        with tempfile.TemporaryDirectory(prefix="pl-") as directory:
            settings = {"board": BOARDS[self.name]}
            async with SimWorld(Path(directory), seed=self._seed, variables=VARIABLES, station=settings) as world:
                yield SimDoors(world)
