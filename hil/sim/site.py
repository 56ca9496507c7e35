"""The plant and the safety process beside it, in virtual time: all of a charger but its station process and its CSMS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from controller.config.board import BoardConfig
from controller.logic.evse import StationMessage
from controller.logic.invariants import Breach
from controller.safety.latches import LatchMemory
from controller.safety.supervisor import InvariantBroken
from hil.plant.plant import Plant
from hil.sim.link import SimLink
from hil.sim.plant_time import PlantTime
from hil.sim.safety import SimSafety
from hil.sim.watch import PlantWatch

LOOK_S = 60.0


class Site:
    """Judges all that the plant sees from the beginning until `stop`. plant: driven by the running loop from now on.

    on_failure: gets the first and every other thing that was wrong, broken invariants among them. on_sent: gets what a station
    sends and a safety process receives. implies_renewals: see `SimSafety`.
    """

    def __init__(
        self,
        plant: Plant,
        board: BoardConfig,
        on_failure: Callable[[BaseException], None],
        on_sent: Callable[[StationMessage], None] = lambda message: None,
        *,
        implies_renewals: bool = True,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._board = board
        self._on_failure = on_failure
        self._implies_renewals = implies_renewals
        self._starts = 0
        self._latches = LatchMemory()
        self.plant = plant
        self._time = PlantTime(plant, self._loop)
        self.witness = PlantWatch(plant, self._fail_by)
        self.link = SimLink(self._loop, self.witness.monitor.station_returned, on_sent)
        self.safety: SimSafety | None = None
        self._looks = self._loop.call_later(LOOK_S, self._look)

    def stop(self) -> None:
        if self.safety is not None:
            self.safety.kill()
        self._looks.cancel()
        self.witness.stop()
        self._time.stop()

    # --- the safety process

    def start_safety(self) -> None:
        self._starts += 1
        self.witness.monitor.safety_started(self._loop.time())
        self.safety = SimSafety(
            self.plant,
            self._board,
            self._loop,
            f"run-{self._starts}",
            self.link,
            self._on_failure,
            self._latches,
            implies_renewals=self._implies_renewals,
        )
        self.link.safety_started(self.safety)

    def kill_safety(self) -> None:
        """SIGKILL: outputs stay as they were, the one-shot does the rest. Harmless when it does not run."""
        if self.safety is not None:
            self.safety.kill()
            self.safety = None
            self.witness.judge(self.witness.monitor.safety_died(self._loop.time()))
            self.link.safety_died()

    def cut_power(self) -> None:
        """All supply is gone for a moment. What runs on it is the caller's to kill, but for the safety process."""
        self.kill_safety()
        self._latches = LatchMemory()
        self.plant.power_cut()

    # --- the station process, as seen from here

    def station_died(self) -> None:
        self.witness.judge(self.witness.monitor.station_died(self._loop.time()))
        self.link.station_died()

    def freeze_station(self, frozen: bool) -> None:
        """The station hangs, as far as the safety process can tell."""
        self.link.freeze_station(frozen)
        if frozen:
            self.witness.judge(self.witness.monitor.station_died(self._loop.time(), hangs=True))
        else:
            self.witness.monitor.station_returned()

    # --- judging

    def _look(self) -> None:
        """What stands still for ever is seen here; whatever ends is judged when it does."""
        self.witness.judge(self.witness.monitor.check(self._loop.time()))
        self._looks = self._loop.call_later(LOOK_S, self._look)

    def _fail_by(self, breaches: Sequence[Breach]) -> None:
        self._on_failure(InvariantBroken(breaches))
