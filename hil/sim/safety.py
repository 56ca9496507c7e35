"""The safety process in virtual time: the real supervisor, passed through when an input changed or a deadline is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from controller.config.board import BoardConfig
from controller.logic.evse import EvseFacts, Heartbeat, StationMessage
from controller.safety.ports import BoardPorts, EvsePorts
from controller.safety.supervisor import OnBreach, SafetySupervisor
from controller.wiring_safety import evse_config
from drivers.mock.ports import (
    SimContactor,
    SimInput,
    SimLock,
    SimPilotDriver,
    SimPilotSense,
    SimProximity,
    SimResidual,
    SimWatchdog,
)
from hil.plant.plant import Plant

PERIOD_S = 0.010


class SimSafety:
    """One life of the safety process. Breaches of the invariants raise in the loop: a run that breaks one cannot pass.

    on_facts: gets what would go up the socket, changes only: unchanged facts are implied. Dies by `kill`, hangs by `hang` until `resume`.
    """

    def __init__(
        self,
        plant: Plant,
        board: BoardConfig,
        loop: asyncio.AbstractEventLoop,
        run_id: str,
        on_facts: Callable[[Sequence[EvseFacts]], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._plant = plant
        self._loop = loop
        self._on_facts = on_facts
        self._on_failure = on_failure
        self._watchdog = SimWatchdog(plant)
        self._station_listens = False
        self._runs = True
        self._timer: asyncio.TimerHandle | None = None
        self._last_pass_s = float("-inf")
        self.supervisor = SafetySupervisor(
            [_ports(plant, board, evse.id) for evse in board.evses],
            BoardPorts(self._watchdog, SimInput(plant, "mains"), SimInput(plant, "estop")),
            loop.time(),
            run_id,
            on_breach=OnBreach.RAISE,
        )
        self._unsubscribe = plant.subscribe(self._wake)
        self._wake()

    # --- the station's end ---

    def connected(self) -> None:
        self._station_listens = True
        self.supervisor.station_connected()
        self._wake()

    def receive(self, message: StationMessage) -> None:
        if self._runs and not isinstance(message, Heartbeat):
            self.supervisor.receive(message, self._loop.time())
            self._wake()

    def station_lost(self) -> None:
        self._station_listens = False
        self.supervisor.station_lost(self._loop.time())
        self._wake()

    # --- its fate ---

    def kill(self) -> None:
        """As by SIGKILL: outputs stay as they are, the kicks stop."""
        self.hang()
        self._unsubscribe()

    def hang(self) -> None:
        self._runs = False
        self._watchdog.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def resume(self) -> None:
        self._runs = True
        self._wake()

    # --- the loop ---

    def _wake(self) -> None:
        """An input changed: the next pass of a loop that polls would see it within a period."""
        if self._runs:
            self._plan(max(self._loop.time(), self._last_pass_s + PERIOD_S))

    def _plan(self, at: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._pass)

    def _pass(self) -> None:
        self._timer = None
        now = self._loop.time()
        self._last_pass_s = now
        try:
            self._plant.advance(now)
            self.supervisor.pass_(now)
        except AssertionError as breach:
            self._on_failure(breach)
            return
        if self._station_listens:
            facts = self.supervisor.outgoing(now)
            if facts:
                self._on_facts(facts)
        if not self._runs:
            return  # killed by what it told
        due = self.supervisor.deadline()
        if due is not None:
            self._plan(max(due, now + PERIOD_S))


def _ports(plant: Plant, board: BoardConfig, evse_id: int) -> EvsePorts:
    built = next(evse for evse in board.evses if evse.id == evse_id)
    return EvsePorts(
        config=evse_config(built, PERIOD_S),
        pilot_driver=SimPilotDriver(plant, evse_id),
        pilot_sense=SimPilotSense(plant, evse_id),
        contactor=SimContactor(plant, evse_id),
        proximity=SimProximity(plant, evse_id) if built.proximity is not None else None,
        lock=SimLock(plant, evse_id) if built.lock is not None else None,
        residual=SimResidual(plant, evse_id) if built.residual is not None else None,
    )
