"""The safety supervisor on the simulated plant, in virtual time, with a station that renews permits. Both monitors always watch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from controller.logic.evse import EvseFacts, Permit, PermitWithdrawn
from controller.logic.invariants import Breach
from controller.logic.pilot import EvseConfig
from controller.logic.plant_monitor import PlantMonitor
from controller.safety.latches import LatchMemory
from controller.safety.ports import BoardPorts, EvsePorts
from controller.safety.supervisor import OnBreach, SafetySupervisor
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
    SimSolenoid,
    SimTemperature,
    SimWatchdog,
)
from hil.plant.plant import Plant
from hil.plant.values import PlantEvse

RENEW_S = 0.25
PERIOD_S = 0.010
START_S = 100.0


class SafetyWorld:
    """ticked: a pass every 10 ms, as production does; else a pass when something changed or is due.

    permits: evse id -> the permit that the station renews every 250 ms. station_lives: it renews at all.
    """

    def __init__(
        self,
        *,
        evses: int = 1,
        ticked: bool = False,
        seed: int = 0,
        wrap: Any = None,
        phase_relay: bool = False,
        earth_monitor: bool = False,
        bolt_rests: int = 0,
        **config: Any,
    ) -> None:
        ids = tuple(range(1, evses + 1))
        tethered = config.get("cable_a") is not None
        self.plant = Plant(
            [
                PlantEvse(
                    id=each,
                    tethered=tethered,
                    has_phase_relay=phase_relay,
                    bolt_rests=bolt_rests,
                    rcd_outputs=config.get("rcd_outputs", 1),
                )
                for each in ids
            ],
            START_S,
            seed=seed,
        )
        self.bolt_rests = bolt_rests
        self.now = START_S
        self.ticked = ticked
        self.config = config
        self.earth_monitor = earth_monitor
        self.wrap: Callable[[str, Any], Any] = wrap or (lambda name, port: port)
        self.watchdog = SimWatchdog(self.plant, implied=not ticked)
        self.plant_monitor = PlantMonitor(ids)
        self.plant_breaches: list[Breach] = []
        self.permits: dict[int, Permit] = {}
        self.station_lives = True
        self.safety_lives = True
        self.trusts_contactors = (
            True  # the contact of the plant obeys its coil: what the plant's monitor demands can be had
        )
        self._edges_seen = dict.fromkeys(ids, 0)
        self._renew_at = START_S
        self._tick_at = START_S
        self._changed = True
        self.starts = 0
        self.latches = LatchMemory()
        self.supervisor = self._start()
        self.plant.subscribe(self._on_change)
        self._pass()

    def _on_change(self) -> None:
        self._changed = True

    def _ports(self, evse: int) -> EvsePorts:
        tethered = self.config.get("cable_a") is not None
        config = EvseConfig(**{"evse_id": evse, "has_rcd": True, "has_lock": not tethered, **self.config})
        made = {
            "pilot_driver": SimPilotDriver(self.plant, evse),
            "pilot_sense": SimPilotSense(self.plant, evse),
            "contactor": SimContactor(self.plant, evse),
            "proximity": None if tethered else SimProximity(self.plant, evse),
            "lock": None if tethered else self._lock(evse),
            "residual": SimResidual(self.plant, evse),
            "temperature": SimTemperature(self.plant, evse) if config.has_temperature else None,
            "phase_sense": SimPhaseSense(self.plant, evse) if config.has_phase_sense else None,
            "ground": SimGround(self.plant, evse) if self.earth_monitor else None,
        }
        return EvsePorts(config=config, **{name: self.wrap(name, port) for name, port in made.items()})

    def _lock(self, evse: int) -> SimLock:
        return SimSolenoid(self.plant, evse, self.bolt_rests) if self.bolt_rests else SimLock(self.plant, evse)

    def _start(self) -> SafetySupervisor:
        shared = {name: self.wrap(name, SimInput(self.plant, name)) for name in ("mains", "estop", "limit")}
        board = BoardPorts(self.watchdog, **shared)
        ports = [self._ports(each) for each in self._edges_seen]
        self.starts += 1
        self.plant_monitor.safety_started(self.now)
        return SafetySupervisor(
            ports,
            board,
            self.now,
            f"run-{self.starts}",
            on_breach=OnBreach.RAISE,
            monotonic=(lambda: self.now) if self.ticked else None,
            latches=self.latches,
        )

    # --- what happens ---------------------------------------------------------------------------------------------------

    def verb(self, name: str, **args: Any) -> dict[str, Any]:
        answer = self.plant.verb(name, **args)
        self._settle()
        return answer

    def permit(self, evse: int = 1, amps: float = 16.0, record: str = "record-1", **more: Any) -> None:
        """The station begins to give a permit, or changes it."""
        self.permits[evse] = Permit(evse, amps, more.pop("phases", 3), record, **more)
        self.supervisor.receive(self.permits[evse], self.now)
        self._settle()

    def withdraw(self, evse: int = 1) -> None:
        self.permits.pop(evse, None)
        self.supervisor.receive(PermitWithdrawn(evse), self.now)
        self._settle()

    def kill_station(self) -> None:
        self.station_lives = False
        self.plant_breaches += self.plant_monitor.station_died(self.now)
        self.supervisor.station_lost(self.now)
        self._settle()

    def hang_station(self) -> None:
        self.station_lives = False
        self.plant_breaches += self.plant_monitor.station_died(self.now, hangs=True)

    def return_station(self) -> None:
        self.plant_monitor.station_returned()
        self.station_lives = True
        self._renew_at = self.now

    def kill_safety(self) -> None:
        self.safety_lives = False
        self.watchdog.stop()
        self.plant_breaches += self.plant_monitor.safety_died(self.now)

    def stall_safety(self, seconds: float) -> None:
        """The loop stands still, the process lives, and it goes on where it was."""
        self.safety_lives = False
        self.run(seconds)
        self.safety_lives = True
        self._tick_at = self.now
        self._settle()

    def restart_safety(self) -> None:
        self.supervisor = self._start()
        self.safety_lives = True
        self._tick_at = self.now
        self._pass()

    # --- time -----------------------------------------------------------------------------------------------------------

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Let time pass; returns whether `until` became true, at once then."""
        end = self.now + seconds
        while True:
            if until is not None and until():
                return True
            at = min(end, self._next())
            self.plant.advance(at)
            self.now = at
            if self.station_lives and at >= self._renew_at - 1e-9:
                self._renew_at = at + RENEW_S
                for permit in self.permits.values():
                    if self.safety_lives:
                        self.supervisor.receive(permit, at)
            self._settle()
            if at >= end:
                return until is not None and until()

    def _next(self) -> float:
        times = [self._renew_at if self.station_lives and self.permits else None, self.plant.next_change(self.now)]
        if self.safety_lives:
            times.append(self._tick_at if self.ticked else self.supervisor.deadline())
        return max(self.now, min((at for at in times if at is not None), default=float("inf")))

    def _settle(self) -> None:
        """Make the passes that are due now."""
        self._watch()
        for _ in range(50):
            if not self.safety_lives:
                return
            if self.ticked:
                if self.now < self._tick_at - 1e-9:
                    return
                self._tick_at += PERIOD_S
            else:
                due = self.supervisor.deadline()
                if not self._changed and (due is None or due > self.now):
                    return
            self._pass()
        raise AssertionError("passes at one instant without end")

    def _pass(self) -> None:
        self._changed = False
        self.supervisor.pass_(self.now)
        self._watch()

    def _watch(self) -> None:
        """Show the plant's monitor what the plant saw."""
        found = self.plant_breaches
        for evse, model in self.plant.evses.items():
            edges = list(model.edges)[self._edges_seen[evse] :]
            self._edges_seen[evse] += len(edges)
            for edge in edges:
                if edge.what == "contact":
                    found += self.plant_monitor.contact(evse, bool(edge.value), edge.at_s)
                elif edge.what == "advertising":
                    found += self.plant_monitor.advertising(evse, bool(edge.value), edge.at_s)
                elif edge.what == "ev":
                    found += self.plant_monitor.vehicle(evse, str(edge.value), edge.at_s)
                elif edge.what == "rcd" and not self.machine(evse).self_test.is_running:
                    found += self.plant_monitor.residual(evse, bool(edge.value), edge.at_s)
        found += self.plant_monitor.check(self.now)
        if found and self.trusts_contactors:
            raise AssertionError("\n".join(map(str, found)))

    # --- looking --------------------------------------------------------------------------------------------------------

    def machine(self, evse: int = 1) -> Any:
        return self.supervisor.channels[evse].machine

    def facts(self, evse: int = 1) -> EvseFacts:
        return dataclasses.replace(self.machine(evse).facts(self.now))

    def contact_closed(self, evse: int = 1) -> bool:
        return self.plant.evses[evse].contactor.is_closed

    def commanded(self, evse: int = 1) -> bool:
        """The line that drives the coil, as the plant sees it."""
        return self.plant.evses[evse].command

    def pilot_output(self, evse: int = 1) -> str | float:
        return self.plant.evses[evse].pilot_output()

    def charge(self, evse: int = 1, **ev: Any) -> None:
        """Plug in with a permit and wait until current flows."""
        self.verb("plug_in", evse=evse, ev=ev)
        self.permit(evse)
        assert self.run(20.0, lambda: self.contact_closed(evse)), self.facts(evse).blocked_by
        self.run(2.0)
