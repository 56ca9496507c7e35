"""A small world of whole ticks around one machine, to run the same random script ticked and by deadlines.

Everything that happens, happens at a tick, so both runs see the same inputs at the same times and must drive the same outputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from controller.logic.evse import Measurements, Permit, PilotOutput
from controller.logic.inputs import Inputs, Level, Mirror
from controller.logic.invariants import Breach, Monitor, TracePoint, Watched
from controller.logic.lock import Motion
from controller.logic.pilot import EvseConfig, Outputs, PilotMachine
from hil.search.canonical import Graphs

TICK_S = 0.010
START_S = 50.0
FOREVER = 2**62
LOADED_V = {"A": 12.0, "B": 9.0, "C": 6.0, "D": 3.0, "E": 0.0, "gap": 7.95, "low gap": 10.9}


@dataclass(frozen=True)
class Step:
    """At a tick: what happens. `what` names a method of TickWorld, without its `do_`."""

    tick: int
    what: str
    value: Any = None


@dataclass
class Part:
    """A mechanical part that follows a command some ticks later, or is stuck where it is."""

    position: bool = False
    target: bool = False
    at: int | None = None
    stuck: bool = False
    delay: int = 2

    def drive(self, target: bool, tick: int) -> None:
        if target is not self.target:
            self.target = target
            self.at = tick + self.delay

    def due(self, tick: int) -> None:
        if self.at is not None and tick >= self.at:
            self.at = None
            if not self.stuck:
                self.position = self.target


@dataclass
class Vehicle:
    """state: what hangs on the line. willing: it answers PWM by itself; obeys: it stops asking under X1."""

    state: str = "A"
    willing: bool = False
    obeys: bool = True
    due: int | None = None
    diode_v: float = -12.0


class TickWorld:
    """is_ticked: a pass at every tick, else at those with a change or a deadline. is_judged: by the invariants' monitor."""

    def __init__(self, config: EvseConfig, script: list[Step], *, is_ticked: bool, is_judged: bool = True) -> None:
        self.config = config
        self.is_ticked = is_ticked
        self.is_judged = is_judged
        self.script = sorted(script, key=lambda step: step.tick)
        self._position = 0
        self._due_tick = 0
        self.machine = PilotMachine(config, START_S)
        self.monitor = Monitor(
            Watched(config.evse_id, config.hardware_max_a, config.has_lock, config.has_ventilation, config.has_rcd_test)
        )
        self.breaches: list[Breach] = []
        self.inputs = Inputs(proximity_ohm=220.0, temperature_c=25.0)
        self.vehicle = Vehicle()
        self.contactor = Part(delay=3)
        self.bolt = Part(delay=20)
        self.test_trip: tuple[int, int] | None = None
        self.sense_works = True
        self.temperature_c = 25.0
        self.sensed: tuple[tuple[float, ...], tuple[float, ...]] = (), ()
        self.duty_off_pct: float | None = None  # None: the front end measures no duty
        self.drawn: Measurements | None = None
        self.phases = 3
        self.out = Outputs()
        self.tick = 0
        self.log: list[tuple[int, tuple[Any, ...]]] = []
        self.passes = 0

    # --- what a script may do -------------------------------------------------------------------------------------------

    def do_line(self, state: str) -> None:
        self.vehicle = Vehicle(state, diode_v=self.vehicle.diode_v)

    def do_arrive(self, obeys: bool) -> None:
        if self.vehicle.state == "A":
            self.vehicle = Vehicle("B", willing=True, obeys=obeys, diode_v=self.vehicle.diode_v)

    def do_leave(self, _: Any) -> None:
        self.vehicle = Vehicle("A", diode_v=self.vehicle.diode_v)

    def do_diode(self, volts: float) -> None:
        self.vehicle.diode_v = volts

    def do_duty(self, off_pct: float | None) -> None:
        """The front end measures another duty than the driven one, by so much."""
        self.duty_off_pct = off_pct

    def do_permit(self, permit: tuple[float, str, float]) -> None:
        amps, record, lease_s = permit
        self.machine.permit_renewed(Permit(1, amps, self.phases, record, lease_s, measurements=self.drawn), self.now)

    def do_phases(self, phases: int) -> None:
        """Of the permits from now on."""
        self.phases = phases

    def do_warm(self, temperature_c: float) -> None:
        self.temperature_c = temperature_c

    def do_sensed(self, amps: float) -> None:
        """The board's own phase sense sees a current."""
        self.sensed = (amps, 1.0, 1.0), (230.0, 229.0, 231.0)

    def do_earth(self, lost: Level) -> None:
        self.inputs.ground_lost = lost

    def do_withdraw(self, _: Any) -> None:
        self.machine.permit_withdrawn()

    def do_lose(self, _: Any) -> None:
        self.machine.station_lost()

    def do_draw(self, amps: float) -> None:
        self.drawn = Measurements((amps, 0.0, 0.0), (230.0, 231.0, 229.0), 0.1)

    def do_volts(self, volts: float) -> None:
        self.drawn = Measurements((1.0, 1.0, 1.0), (volts, volts, volts), 0.0)

    def do_wish(self, lock: bool) -> None:
        self.machine.lock_wished(lock)

    def do_reset(self, fault_id: str) -> None:
        self.machine.fault_reset(fault_id)

    def do_weld(self, stuck: bool) -> None:
        self.contactor.stuck = stuck

    def do_jam(self, stuck: bool) -> None:
        self.bolt.stuck = stuck

    def do_force_bolt(self, locked: bool) -> None:
        self.bolt.position = locked

    def do_rcd(self, tripped: Level) -> None:
        self.inputs.rcd_tripped = tripped

    def do_estop(self, pressed: Level) -> None:
        self.inputs.estop_pressed = pressed

    def do_mains(self, absent: Level) -> None:
        self.inputs.mains_absent = absent

    def do_proximity(self, ohm: float) -> None:
        self.inputs.proximity_ohm = ohm

    def do_sense(self, works: bool) -> None:
        """The converter stops, or works again. It sampled the unchanged line until just now, also where no pass looked."""
        if self.sense_works and not works:
            inputs = self.inputs
            before = self.now - TICK_S
            inputs.high_at_s = inputs.low_at_s = inputs.proximity_at_s = before
            inputs.temperature_at_s = inputs.phases_at_s = before
        self.sense_works = works

    # --- running --------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return START_S + self.tick * TICK_S

    def run(self, ticks: int) -> TickWorld:
        """Go on until that tick, from wherever it is."""
        for tick in range(self.tick, ticks):
            self.tick = tick
            changed = self._world_moves()
            while self._position < len(self.script) and self.script[self._position].tick <= self.tick:
                step = self.script[self._position]
                getattr(self, f"do_{step.what}")(step.value)
                self._position += 1
                changed = True
            if self.is_ticked or changed or self.tick >= self._due_tick:
                self._pass()
                due = self.machine.deadline()
                self._due_tick = FOREVER if due is None else math.ceil((due - START_S) / TICK_S - 1e-4)
                assert self._due_tick > self.tick, f"deadline {due} at {self.now}: no progress"
        self.tick = ticks
        return self

    def then(self, script: list[Step]) -> TickWorld:
        """Return a copy that goes on from here with another script."""
        world = Graphs().copy(self)
        world.script = sorted(script, key=lambda step: step.tick)
        world._position = 0
        return world

    def _world_moves(self) -> bool:
        before = (self.contactor.position, self.bolt.position, self.vehicle.state, self.inputs.rcd_tripped)
        self.contactor.due(self.tick)
        self.bolt.due(self.tick)
        vehicle = self.vehicle
        if vehicle.due is not None and self.tick >= vehicle.due:
            vehicle.due = None
            if vehicle.willing:
                vehicle.state = "C" if self.out.pilot is PilotOutput.X2 else "B"
        if self.test_trip is not None:
            begins, ends = self.test_trip
            if self.tick == begins:
                self.inputs.rcd_tripped = Level.YES
            elif self.tick >= ends:
                self.inputs.rcd_tripped = Level.NO
                self.test_trip = None
        return before != (self.contactor.position, self.bolt.position, vehicle.state, self.inputs.rcd_tripped)

    def _sense(self) -> None:
        """What the ports would read: fresh samples, unless the sense has stopped."""
        inputs = self.inputs
        inputs.mirror = Mirror.CLOSED if self.contactor.position else Mirror.OPEN
        inputs.locked = Level.YES if self.bolt.position else Level.NO
        if not self.sense_works:
            return
        driven = self.out.pilot
        volts = LOADED_V[self.vehicle.state]
        inputs.high_v = {PilotOutput.E: 0.0, PilotOutput.F: -12.0}.get(driven, volts)
        low = volts if driven is PilotOutput.X1 else -12.0
        if driven is PilotOutput.X2 and self.vehicle.state in ("B", "C", "D"):
            low = self.vehicle.diode_v
        inputs.low_v = low
        inputs.duty_pct = None
        if self.duty_off_pct is not None and self.out.duty_pct is not None:
            inputs.duty_pct = self.out.duty_pct + self.duty_off_pct
        inputs.high_at_s = inputs.low_at_s = inputs.proximity_at_s = self.now
        inputs.temperature_c, inputs.temperature_at_s = self.temperature_c, self.now
        (inputs.current_a, inputs.voltage_v), inputs.phases_at_s = self.sensed, self.now

    def _pass(self) -> None:
        self.passes += 1
        self._sense()
        out = self.machine.step(self.inputs, self.now)
        self._follow(out)
        seen_out = self.out
        seen_out.pilot, seen_out.motion, seen_out.rcd_test = out.pilot, out.motion, out.rcd_test
        seen_out.duty_pct = out.duty_pct
        seen = (out.closed, out.phases, out.pilot, out.duty_pct, out.motion, out.rcd_test, self.machine.faults.ids)
        if not self.log or self.log[-1][1] != seen:
            self.log.append((self.tick, seen))
        if self.is_judged:
            self.breaches += self.monitor.observe(self._point(out))

    def _follow(self, out: Outputs) -> None:
        """The world follows what is driven."""
        self.contactor.drive(out.closed, self.tick)
        if out.motion is not Motion.REST and out.motion is not self.out.motion:
            self.bolt.target = out.motion is Motion.LOCK
            self.bolt.at = self.tick + self.bolt.delay
        if out.rcd_test and not self.out.rcd_test and self.test_trip is None:
            self.test_trip = (self.tick + 70, self.tick + 250)
        vehicle = self.vehicle
        if vehicle.willing and out.pilot is not self.out.pilot and (vehicle.obeys or out.pilot is PilotOutput.X2):
            vehicle.due = self.tick + 60

    def _point(self, out: Outputs) -> TracePoint:
        machine, inputs, permit = self.machine, self.inputs, self.machine.permit
        return TracePoint(
            at_s=self.now,
            closed=out.closed,
            phases=out.phases,
            output=out.pilot,
            duty_pct=out.duty_pct,
            signalled_a=machine.signalled_a,
            motion=out.motion,
            pilot=machine.plateau.state,
            high_v=inputs.high_v,
            high_at_s=inputs.high_at_s,
            low_v=inputs.low_v,
            low_at_s=inputs.low_at_s,
            mirror=inputs.mirror,
            locked=inputs.locked,
            rcd_tripped=inputs.rcd_tripped,
            estop_pressed=inputs.estop_pressed,
            mains_absent=inputs.mains_absent,
            is_testing=machine.self_test.is_running,
            tested_at_s=machine.self_test.passed_at_s,
            cable_a=machine.cable_a,
            thermal_a=machine.thermal_a,
            faults=machine.faults.ids,
            is_explained=out.closed or machine.against != 0,
            permit_until_s=machine.permit_until_s,
            permit_a=permit.max_current_a if permit else 0.0,
            record_id=permit.charging_record_id if permit else "",
            drawn_a=max(self.drawn.current_a) if self.drawn and self.drawn.current_a else None,
        )
