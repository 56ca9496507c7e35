"""The safety process in virtual time: the real supervisor, passed through when an input changed or a deadline is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from controller.config.board import BoardConfig
from controller.logic.evse import Heartbeat, Permit, PermitWithdrawn, StationMessage
from controller.safety.latches import Latches
from controller.safety.ports import BoardPorts, EvsePorts
from controller.safety.supervisor import OnBreach, SafetySupervisor
from controller.wiring_safety import evse_config
from drivers.mock.ports import (
    SimContactor,
    SimGround,
    SimInput,
    SimLock,
    SimPhaseSense,
    SimPilotDriver,
    SimPilotSense,
    SimProximity,
    SimResidual,
    SimTemperature,
    SimWatchdog,
)
from hil.plant.plant import Plant

if TYPE_CHECKING:
    from hil.sim.link import SimLink

PERIOD_S = 0.010
IMPLIED_LEASE_S = 1e6


class SimSafety:
    """One life of the safety process. Breaches of the invariants raise in the loop: a run that breaks one cannot pass.

    link: gets what would go up the socket, changes only: unchanged facts are implied. on_failure: gets what went wrong.
    Dies by `kill`, hangs by `hang` until `resume`.

    implies_renewals: a renewal that says nothing new costs no pass; the lease then runs on until the station freezes or is
    lost, which is told by `station_froze` and `station_lost`. That a station whose renewals `link` does not imply renews in time
    is checked all the same.
    """

    def __init__(
        self,
        plant: Plant,
        board: BoardConfig,
        loop: asyncio.AbstractEventLoop,
        run_id: str,
        link: SimLink,
        on_failure: Callable[[BaseException], None],
        latches: Latches,
        *,
        implies_renewals: bool = True,
    ) -> None:
        self._plant = plant
        self._loop = loop
        self._link = link
        self._on_failure = on_failure
        self._implies_renewals = implies_renewals
        self._watchdog = SimWatchdog(plant)
        self._station_listens = False
        self._runs = True
        self._timer: asyncio.TimerHandle | None = None
        self._last_pass_s = float("-inf")
        self._permits: dict[int, tuple[Permit, float]] = {}  # the newest of each EVSE, and when it came
        self.supervisor = SafetySupervisor(
            [self._ports(board, evse.id) for evse in board.evses],
            BoardPorts(
                self._watchdog,
                SimInput(plant, "mains"),
                SimInput(plant, "estop"),
                SimInput(plant, "limit") if board.limit is not None else None,
            ),
            loop.time(),
            run_id,
            on_breach=OnBreach.RAISE,
            latches=latches,
        )
        self._unsubscribe = plant.subscribe(self._wake)
        self._wake()

    # --- the station's end ---

    def connected(self) -> None:
        self._station_listens = True
        self.supervisor.station_connected()
        self._wake()

    def receive(self, message: StationMessage) -> None:
        if not self._runs or isinstance(message, Heartbeat):
            return
        if isinstance(message, Permit) and self._implies_renewals:
            if self._says_nothing_new(message):
                return
            message = replace(message, lease_s=IMPLIED_LEASE_S)
        elif isinstance(message, PermitWithdrawn):
            self._permits.pop(message.evse_id, None)
        self.supervisor.receive(message, self._loop.time())
        self._wake()

    def renewed(self) -> None:
        """A renewal that is implied says something new."""
        if self._permits and self._runs:
            self._wake()

    def station_lost(self) -> None:
        self._station_listens = False
        self._permits.clear()
        if self._runs:
            self.supervisor.station_lost(self._loop.time())
            self._wake()

    def station_froze(self) -> None:
        """It sends nothing any more: what it sent last runs out."""
        now = self._loop.time()
        for permit, at_s in self._permits.values():
            self.supervisor.receive(replace(permit, lease_s=max(0.0, at_s + permit.lease_s - now)), now)
        self._permits.clear()
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
            self._renew(now)
            self.supervisor.pass_(now)
        except AssertionError as breach:
            self._on_failure(breach)
            return
        if self._station_listens:
            facts = self.supervisor.outgoing(now)
            if facts:
                self._link.facts(facts)
        if not self._runs:
            return  # killed by what it told
        due = self.supervisor.deadline()
        if due is not None:
            self._plan(max(due, now + PERIOD_S))

    # --- renewals ---

    def _says_nothing_new(self, permit: Permit) -> bool:
        """Whether a permit is what stands already, but for the age of its measurements."""
        now, before = self._loop.time(), self._permits.get(permit.evse_id)
        self._permits[permit.evse_id] = (permit, now)
        if not self._link.are_renewals_implied:
            self._loop.call_at(now + permit.lease_s + PERIOD_S, self._expect, permit)
        if before is None or self.supervisor.channels[permit.evse_id].machine.permit is None:
            return False
        return _without_age(permit) == _without_age(before[0])

    def _expect(self, permit: Permit) -> None:
        """By now a permit must have been renewed, or withdrawn, or its station is known to be gone."""
        newest = self._permits.get(permit.evse_id)
        if self._runs and newest is not None and newest[0] is permit:
            self._on_failure(AssertionError(f"EVSE {permit.evse_id}: permit not renewed for {permit.lease_s:.1f} s"))

    def _renew(self, now: float) -> None:
        """What the renewals since the last pass brought: measurements as old as they are now."""
        for permit, at_s in self._permits.values():
            if self._link.are_renewals_implied:
                measurements = self._link.measurements(permit.evse_id)
            else:
                measurements = permit.measurements
                if measurements is not None:
                    measurements = replace(measurements, age_s=measurements.age_s + now - at_s)
            machine = self.supervisor.channels[permit.evse_id].machine
            if measurements is not None and machine.permit is not None:
                self.supervisor.receive(replace(permit, lease_s=IMPLIED_LEASE_S, measurements=measurements), now)

    def _ports(self, board: BoardConfig, evse_id: int) -> EvsePorts:
        plant = self._plant
        built = next(evse for evse in board.evses if evse.id == evse_id)
        config = evse_config(built, PERIOD_S)
        if self._implies_renewals:
            config = replace(config, longest_lease_s=IMPLIED_LEASE_S)
        return EvsePorts(
            config=config,
            pilot_driver=SimPilotDriver(plant, evse_id),
            pilot_sense=SimPilotSense(plant, evse_id),
            contactor=SimContactor(plant, evse_id),
            proximity=SimProximity(plant, evse_id) if built.proximity is not None else None,
            lock=SimLock(plant, evse_id) if built.lock is not None else None,
            residual=SimResidual(plant, evse_id) if built.residual is not None else None,
            temperature=SimTemperature(plant, evse_id) if built.temperature is not None else None,
            ground=SimGround(plant, evse_id) if built.ground is not None else None,
            phase_sense=SimPhaseSense(plant, evse_id) if built.phase_sense is not None else None,
        )


def _without_age(permit: Permit) -> tuple[object, ...]:
    measured = permit.measurements
    values = (measured.current_a, measured.voltage_v) if measured is not None else None
    return (permit.max_current_a, permit.phases, permit.charging_record_id, permit.lease_s, values)
