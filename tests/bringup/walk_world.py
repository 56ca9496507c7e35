"""The simulated world of a bring-up on virtual time: the mock board's EVSE 1, its plant, and hands that do what they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.bringup.finding import Finding
from controller.bringup.person import Deed
from controller.bringup.station_walk import walk_readers
from controller.bringup.walk import EvseWalk
from controller.config import load_board
from controller.safety.ports import BoardPorts, EvsePorts
from controller.wiring_safety import evse_config
from drivers.mock.ports import (
    SimContactor,
    SimGround,
    SimInput,
    SimLock,
    SimMeter,
    SimPilotDriver,
    SimPilotSense,
    SimProximity,
    SimReader,
    SimResidual,
    SimTemperature,
    SimWatchdog,
)
from hil.bringup import Player
from hil.plant.plant import Plant, PlantEvse, PlantReader
from hil.virtual import run_virtual


class Watcher:
    def __init__(self) -> None:
        self.seen: list[Finding] = []

    def does(self, deed: Deed, **what: object) -> bool:
        raise AssertionError("it only watches")

    def signs(self) -> str:
        return ""

    def sees(self, finding: Finding) -> None:
        self.seen.append(finding)


class Hands(Player):
    """refuses: deeds that are declined. at: what happens besides when a deed is asked for."""

    def __init__(
        self, plant: Plant, refuses: tuple[Deed, ...] = (), at: dict[Deed, Callable[[], None]] | None = None
    ) -> None:
        super().__init__(plant.verb, Watcher())
        self.asked: list[Deed] = []
        self._refuses = refuses
        self._at = at or {}

    def does(self, deed: Deed, **what: object) -> bool:
        self.asked.append(deed)
        if deed in self._at:
            self._at[deed]()
        return deed not in self._refuses and super().does(deed, **what)


class Walked:
    """What came of a walk. commands: how often the coil was told to close. records: what was committed."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.commands = 0
        self.was_closed_at_end = False
        self.records: list[tuple[int, int | None]] = []
        self.asked: list[Deed] = []

    def bad(self) -> dict[str, str]:
        return {finding.step: finding.check for finding in self.findings if finding.is_bad}

    def steps(self) -> list[str]:
        return [finding.step for finding in self.findings]


def walked(
    *faults: dict[str, Any],
    refuses: tuple[Deed, ...] = (),
    at: dict[Deed, dict[str, Any]] | None = None,
    bridged_watchdog: bool = False,
    welds: bool = False,
    readers: bool = False,
    rcd_outputs: int = 1,
) -> Walked:
    """Walk EVSE 1 with faults from the start, or from a deed on (`at`). welds: the contact does, once it has closed."""
    result = Walked()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        board = load_board("mock", Path("/run"))
        plant = Plant(
            [PlantEvse(id=1, rcd_outputs=rcd_outputs)],
            loop.time(),
            readers=[PlantReader("pn532", "uid"), PlantReader("line", "line")],
        )
        evse = board.evses[0]
        ports = EvsePorts(
            replace(evse_config(evse, 0.01), rcd_outputs=rcd_outputs), SimPilotDriver(plant, 1), SimPilotSense(plant, 1), SimContactor(plant, 1),
            SimProximity(plant, 1), SimLock(plant, 1), SimResidual(plant, 1), SimTemperature(plant, 1), SimGround(plant, 1),
        )  # fmt: skip
        shared = BoardPorts(
            SimWatchdog(plant, implied=bridged_watchdog), SimInput(plant, "mains"), SimInput(plant, "estop")
        )

        async def sleep(seconds: float) -> None:
            await asyncio.sleep(seconds)
            plant.advance(loop.time())
            if welds and plant.evses[1].contactor.is_closed and "weld" not in plant.evses[1].faults:
                plant.verb("fault", evse=1, kind="weld")

        def commit(evse_id: int, register_wh: int | None) -> str:
            result.records.append((evse_id, register_wh))
            return "committed"

        for fault in faults:
            plant.verb("fault", **fault)
        hands = Hands(plant, refuses, {deed: lambda f=f: plant.verb("fault", **f) for deed, f in (at or {}).items()})
        if readers:
            found = [(SimReader(plant, name), name) for name in ("pn532", "line")]
            result.findings = await walk_readers(found, hands)
            return
        walk = EvseWalk(board, evse, ports, shared, SimMeter(plant, 1), hands, commit, monotonic=loop.time, sleep=sleep)
        await walk.run()
        model = plant.evses[1]
        result.findings = walk.findings
        result.commands = sum(edge.what == "command" and bool(edge.value) for edge in model.edges)
        result.was_closed_at_end = model.command or model.is_advertising
        result.asked = hands.asked

    run_virtual(main())
    return result
