"""Plays a scene in a whole simulated station and holds its books against the plant afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hil.csms.transactions import Transaction
from hil.sim.books import Books
from hil.sim.world import IDENTITY, SimWorld
from hil.virtual import run_virtual

ANNA, BERT = "04A2B3C4D5E680", "DRIVER-2"
EAGER = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": 1,
    "OCPPCommCtrlr.RetryBackOffRandomRange": 1,
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": 1,
}
OFFLINE = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": True}

both_versions = pytest.mark.parametrize("version", ["1.6", "2.0.1"])


@dataclass(slots=True)
class Scene:
    """Shorthands for what a scene does and asks."""

    world: SimWorld

    async def begin(self, evse: int = 1, token: str = ANNA, **ev: Any) -> None:
        """Plug in, card, and wait until energy flows."""
        world = self.world
        world.verb("plug_in", evse=evse, ev={"phases": 3, **ev})
        await world.sleep(3)
        world.verb("swipe", token=token)
        await self.flows(evse)

    async def end(self, evse: int = 1, token: str = ANNA) -> None:
        """Card, wait until the contactor is open, unplug, and wait until nobody is billed any more."""
        world = self.world
        world.verb("swipe", token=token)
        await world.until(lambda: not self.is_closed(evse), 20, "the contactor opens")
        await world.sleep(5)
        if world.plant.evses[evse].is_plugged:
            world.verb("unplug", evse=evse)
        await world.until(lambda: self._is_free(evse), 20, f"no transaction is open on EVSE {evse}")

    def _is_free(self, evse: int) -> bool:
        return all(each.evse_id != evse for each in self.world.store_or_fail.open_transactions())

    async def flows(self, evse: int = 1, within_s: float = 60) -> None:
        before = self.energy_wh(evse)
        await self.world.until(lambda: self.energy_wh(evse) > before + 1, within_s, f"energy flows at EVSE {evse}")

    async def delivered(self, within_s: float = 900) -> None:
        store = self.world.store_or_fail
        await self.world.until(lambda: not store.queued_count(), within_s, "everything is delivered", step_s=1)

    def is_closed(self, evse: int = 1) -> bool:
        return self.world.plant.evses[evse].contactor.is_closed

    def energy_wh(self, evse: int = 1) -> float:
        return self.world.plant.observed.evses[evse].energy_wh

    @property
    def transactions(self) -> list[Transaction]:
        return [each for each in self.world.csms.transactions if each.station == IDENTITY]

    @property
    def only(self) -> Transaction:
        """The one transaction there is."""
        (transaction,) = self.transactions
        return transaction


def play(
    directory: Path,
    version: str,
    script: Callable[[Scene], Awaitable[None]],
    *,
    closes: bool = True,
    eager: bool = True,
    online: bool = True,
    **settings: Any,
) -> None:
    """Run a script in a world of its own.

    closes: at the end everything is delivered and the books agree. eager: reconnects at once. online: there is a
    network from the beginning.
    """
    variables = {**OFFLINE, **(EAGER if eager else {}), **settings.pop("variables", {})}

    async def main() -> None:
        async with SimWorld(directory, version=version, variables=variables, **settings) as world:
            scene = Scene(world)
            if not online:
                world.verb("network", up=False)
            await world.sleep(10)
            await script(scene)
            if closes:
                await scene.delivered()
                assert Books(world).close() == []
                assert all(
                    message.get("transactionId") != -1 for each in scene.transactions for message in each.messages
                )

    run_virtual(main())
