"""A small world around one EVSE's machine and monitor, in which everything that can happen is an event.

Contactor, lock and residual-current monitor follow what they are told from the next pass on, until an event has them do something
else. An event changes one thing and makes the pass one period later, or lets time pass: always by the machine's own deadlines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from controller.logic.evse import Measurements, Permit, PilotOutput
from controller.logic.faults import FAULTS
from controller.logic.inputs import Level, Mirror
from controller.logic.invariants import Breach
from controller.logic.lock import Motion
from controller.logic.pilot import EvseConfig, PilotMachine
from controller.safety.channel import EvseChannel
from controller.safety.ports import EvsePorts
from hil.search.canonical import EPOCH_S

LINE_V = {"A": 12.0, "B": 9.0, "C": 6.0, "D": 3.0, "E": 0.0, "F": -12.0, "between": 7.95, "nowhere": -5.0}
_LOADED_V = (1.2, 10.8)  # a vehicle is between: the low plateau goes through its diode
_OHM_OF = {13: 1500.0, 20: 680.0, 32: 220.0, 63: 100.0}
FOREVER_S = 1e6  # of a lease that is renewed in time, always
FARTHEST_S = FOREVER_S / 2  # a deadline beyond is that of such a lease
LEASE_S = 2.0
TRIP_HELD_S = 0.5  # by the monitor under test, after its test line was released
REMEASURE_S = 5.0
PASSES = 500  # enough for ten minutes of anything; a day of trying again and again ends there
_DEVICES = cast(Any, None)  # the channel's own reading and writing is not part of this world


@dataclass(frozen=True, slots=True)
class Event:
    """What happens: `do` names a method of World without its `do_`."""

    do: str
    value: Any = None

    def __str__(self) -> str:
        value = getattr(self.value, "name", self.value)
        return self.do if value is None else f"{self.do} {value}"


class NoProgress(AssertionError):
    """The machine wants to be looked at now, again and again."""


class World:
    """One EVSE, its surroundings, and the monitor that watches it."""

    def __init__(self, config: EvseConfig) -> None:
        self.now = EPOCH_S
        config = replace(config, longest_lease_s=FOREVER_S)
        self.channel = EvseChannel(EvsePorts(config, _DEVICES, _DEVICES, _DEVICES), self.now, "search")
        self.line: str | float = "A"  # of LINE_V, or volts
        self.passes = 0
        self.low_v = -12.0
        self.duty_off_pct: float | None = None  # between the measured and the driven duty; None: no duty is measured
        self.ohm = 220.0
        self.permit: Permit | None = None
        self.renews = False
        self.measurements: Measurements | None = None
        self.measure_at: float | None = None
        self.mirror: Mirror | None = None  # None: follows the coil
        self.locked: Level | None = None  # None: follows the motor
        self.tripped: Level | None = None  # None: by its test alone
        self.trip_until: float | None = None
        self.temperature_c = 25.0
        self.sensed: tuple[float, float] = (0.0, 230.0)  # by the board's own phase sense: amperes, volts
        self.senses = True
        self.senses_low: bool | None = True  # None: gives no low plateau at all
        self.breaches: list[Breach] = []
        self._pass(self.now)

    @property
    def machine(self) -> PilotMachine:
        return self.channel.machine

    @property
    def is_closed(self) -> bool:
        return self.channel.machine.outputs.closed

    # --- events ---------------------------------------------------------------------------------------------------------

    def happen(self, event: Event) -> bool:
        """Let it happen; return False, having done nothing, where it would change nothing."""
        return bool(getattr(self, f"do_{event.do}")(event.value))

    def _set(self, name: str, value: object) -> bool:
        if getattr(self, name) == value:
            return False
        setattr(self, name, value)
        return self._next_period()

    def _set_input(self, name: str, value: object) -> bool:
        inputs = self.channel.inputs
        if getattr(inputs, name) == value:
            return False
        setattr(inputs, name, value)
        return self._next_period()

    def do_line(self, line: str | float) -> bool:
        return self._set("line", line)

    def do_low(self, volts: float) -> bool:
        return self._set("low_v", volts)

    def do_duty(self, off_pct: float | None) -> bool:
        return self._set("duty_off_pct", off_pct)

    def do_cable(self, ohm: float) -> bool:
        return self._set("ohm", ohm)

    def do_mirror(self, mirror: Mirror | None) -> bool:
        return self._set("mirror", mirror)

    def do_bolt(self, locked: Level | None) -> bool:
        return self._set("locked", locked)

    def do_rcd(self, tripped: Level | None) -> bool:
        return self._set("tripped", tripped)

    def do_rcd_error(self, error: Level) -> bool:
        return self._set_input("rcd_error", error)

    def do_estop(self, pressed: Level) -> bool:
        return self._set_input("estop_pressed", pressed)

    def do_mains_absent(self, absent: Level) -> bool:
        return self._set_input("mains_absent", absent)

    def do_output_failed(self, failed: Level) -> bool:
        return self._set_input("outputs_failed", failed)

    def do_sense(self, works: bool) -> bool:
        """The converter stops, or works again: until just now it sampled the line as it is."""
        if self.senses and not works:
            self._sample(self.now)
        return self._set("senses", works)

    def do_sense_low(self, works: bool | None) -> bool:
        return self._set("senses_low", works)

    def do_warm(self, temperature_c: float) -> bool:
        return self._set("temperature_c", temperature_c)

    def do_sensed(self, seen: tuple[float, float]) -> bool:
        return self._set("sensed", seen)

    def do_earth_lost(self, lost: Level) -> bool:
        return self._set_input("ground_lost", lost)

    def do_permit(self, given: tuple[float, str] | tuple[float, str, int]) -> bool:
        """Granted or changed, and renewed from now on, always in time. Amperes, record, phases (else three)."""
        amps, record, *phases = given
        permit = Permit(self.machine.config.evse_id, amps, phases[0] if phases else 3, record, FOREVER_S)
        if permit == self.permit and self.renews:
            return False
        self.permit, self.renews = permit, True
        return self._next_period()

    def do_measure(self, measured: tuple[float, float] | None) -> bool:
        """Amperes and volts on every phase, with the renewals from now on; None: no more of them."""
        made = None if measured is None else Measurements((measured[0],) * 3, (measured[1],) * 3, 0.0)
        if made == self.measurements or not self.renews:
            return False
        self.measurements = made
        self.measure_at = None if made is None else self.now
        return self._next_period()

    def do_withdraw(self, _: object) -> bool:
        return self._stop_renewing(self.machine.permit_withdrawn)

    def do_lose(self, _: object) -> bool:
        return self._stop_renewing(self.machine.station_lost)

    def do_hang(self, _: object) -> bool:
        """The station has renewed just now, for the last time."""
        permit = self.permit
        if permit is None:
            return False
        last = Permit(permit.evse_id, permit.max_current_a, permit.phases, permit.charging_record_id, LEASE_S)
        return self._stop_renewing(lambda: self.machine.permit_renewed(last, self.now))

    def _stop_renewing(self, tell: Any) -> bool:
        if not self.renews:
            return False
        self.renews, self.permit = False, None
        self.measurements = self.measure_at = None
        tell()
        return self._next_period()

    def do_wish(self, lock: bool) -> bool:
        self.machine.lock_wished(lock)
        return self._next_period()

    def do_reset(self, _: object) -> bool:
        """Somebody resets every fault that can be reset."""
        active = self.machine.faults.ids
        for fault_id in active:
            self.machine.fault_reset(fault_id)
        return bool(active) and self._next_period()

    def do_stall(self, _: object) -> bool:
        self.machine.loop_stalled()
        return self._next_period()

    # --- time -----------------------------------------------------------------------------------------------------------

    def do_period(self, _: object) -> bool:
        return self._next_period()

    def do_deadline(self, _: object) -> bool:
        """To the next time at which anything would change by itself; where there is none, nothing happens."""
        at = self._due()
        if at is None or at > self.now + FARTHEST_S:
            return False
        self._pass(max(at, self.now + self._period))
        return True

    def do_wait(self, seconds: float) -> bool:
        return self.run(seconds)

    def run(self, seconds: float, until: Any = None) -> bool:
        """Let time pass by deadlines, in PASSES at most; returns whether `until` became true (at once then), without it: True."""
        end = self.now + seconds
        for _ in range(PASSES):
            if until is not None and until():
                return True
            at = self._due()
            if at is None or at >= end:
                self._pass(end)
                return until is None or bool(until())
            self._pass(max(at, self.now + self._period))
        return until is None

    @property
    def _period(self) -> float:
        return self.channel.config.period_s

    def _next_period(self) -> bool:
        self._pass(self.now + self._period)
        return True

    def _due(self) -> float | None:
        due = self.machine.deadline()
        if due is not None and due <= self.now:
            raise NoProgress(f"due at {due}, at {self.now}")
        times = [due, self.trip_until, self.measure_at]
        return min((at for at in times if at is not None), default=None)

    # --- a pass ---------------------------------------------------------------------------------------------------------

    def _pass(self, at: float) -> None:
        self.now = at
        self.passes += 1
        self._follow()
        if self.senses:
            self._sample(at)
        self._renew()
        self.channel.decide(at)
        self.breaches += self.channel.judge(at)

    def _follow(self) -> None:
        """What was told in the pass before has happened."""
        inputs, out = self.channel.inputs, self.machine.outputs
        follows = Mirror.CLOSED if out.closed else Mirror.OPEN
        inputs.mirror = self.mirror or follows
        if self.locked is not None:
            inputs.locked = self.locked
        elif out.motion is not Motion.REST:
            inputs.locked = Level.YES if out.motion is Motion.LOCK else Level.NO
        elif inputs.locked is Level.UNKNOWN:
            inputs.locked = Level.NO
        if out.rcd_test:
            self.trip_until = self.now + TRIP_HELD_S
        elif self.trip_until is not None and self.now >= self.trip_until - 1e-9:
            self.trip_until = None
        trips = Level.NO if self.trip_until is None else Level.YES
        inputs.rcd_tripped = self.tripped or trips

    def _sample(self, at: float) -> None:
        inputs, driven = self.channel.inputs, self.machine.outputs.pilot
        volts = LINE_V[self.line] if isinstance(self.line, str) else self.line
        if driven in (PilotOutput.E, PilotOutput.F):
            volts = 0.0 if driven is PilotOutput.E else -12.0
        inputs.temperature_c, inputs.temperature_at_s = self.temperature_c, at
        if self.channel.config.has_phase_sense:
            amps, mains_v = self.sensed
            inputs.current_a, inputs.voltage_v, inputs.phases_at_s = (amps,) * 3, (mains_v,) * 3, at
        inputs.high_v, inputs.high_at_s = volts, at
        inputs.proximity_ohm, inputs.proximity_at_s = self.ohm, at
        duty_pct = self.machine.outputs.duty_pct
        inputs.duty_pct = None if duty_pct is None or self.duty_off_pct is None else duty_pct + self.duty_off_pct
        if self.senses_low is None:
            inputs.low_v = inputs.low_at_s = None
        elif self.senses_low:
            inputs.low_v, inputs.low_at_s = volts, at
            if driven is PilotOutput.X2:
                inputs.low_v = self.low_v if _LOADED_V[0] < volts < _LOADED_V[1] else -12.0

    def _renew(self) -> None:
        permit = self.permit
        if permit is None:
            return
        if self.measurements is not None and self.measure_at is not None and self.now >= self.measure_at - 1e-9:
            self.measure_at = self.now + REMEASURE_S
            lease = (permit.max_current_a, permit.phases, permit.charging_record_id, FOREVER_S, self.measurements)
            self.machine.permit_renewed(Permit(permit.evse_id, *lease), self.now)
            self.channel.measured(self.measurements, self.now)
        else:
            self.machine.permit_renewed(permit, self.now)

    # --- when everything is made well -----------------------------------------------------------------------------------

    def make_well(self, record: str = "well") -> None:
        """Every device works, nothing is wrong, every fault is reset; a vehicle is plugged in and asks; a fresh permit."""
        inputs = self.channel.inputs
        self.low_v, self.mirror, self.locked, self.tripped = -12.0, None, None, None
        self.senses = self.senses_low = True
        self.duty_off_pct = 0.0
        self.temperature_c = 25.0
        self.sensed = (1.0, 230.0)
        inputs.ground_lost = Level.NO
        inputs.rcd_error = inputs.estop_pressed = inputs.mains_absent = inputs.outputs_failed = Level.NO
        self.measurements = Measurements((1.0,) * 3, (230.0,) * 3, 0.0)
        self.measure_at = self.now
        self.machine.lock_wished(True)
        self.permit, self.renews = Permit(self.machine.config.evse_id, 16.0, 3, record, FOREVER_S), True
        self.line = "C"
        self.ohm = _OHM_OF.get(self.machine.cable_a or 0, 220.0)  # the cable is the one that was plugged in

    def reset_all(self) -> None:
        for fault_id in FAULTS:
            self.machine.fault_reset(fault_id)


YES, NO, UNKNOWN = Level.YES, Level.NO, Level.UNKNOWN


def events_of(config: EvseConfig) -> tuple[Event, ...]:
    """Return everything that can happen to such an EVSE."""
    found = [Event("line", line) for line in LINE_V]
    found += [Event("low", volts) for volts in (-12.0, -8.8, 5.0)]
    found += [Event("duty", off_pct) for off_pct in (None, 0.0, 20.0)]
    found += [Event("permit", given) for given in ((16.0, "r1"), (8.0, "r1"), (5.0, "r1"), (16.0, "r2"))]
    found += [Event("withdraw"), Event("lose"), Event("hang"), Event("reset"), Event("stall")]
    found += [Event("measure", measured) for measured in ((1.0, 230.0), (19.0, 230.0), (60.0, 230.0), (1.0, 150.0))]
    found += [Event("mirror", mirror) for mirror in (None, *Mirror)]
    found += [Event("estop", level) for level in Level] + [Event("mains_absent", level) for level in (NO, YES)]
    found += [Event("output_failed", level) for level in (NO, YES)] + [Event("sense", works) for works in (True, False)]
    found += [Event("sense_low", works) for works in (True, False)]
    found += [Event("earth_lost", level) for level in (NO, YES)]
    if config.has_temperature:
        found += [Event("warm", temperature_c) for temperature_c in (25.0, 66.0, 70.0, 71.0)]
    if config.has_phase_sense:
        found += [Event("sensed", seen) for seen in ((1.0, 230.0), (19.0, 230.0), (60.0, 230.0), (1.0, 280.0))]
    if config.switches_phases:
        found.append(Event("permit", (16.0, "r1", 1)))
    if config.has_lock:
        found += [Event("bolt", locked) for locked in (None, *Level)] + [Event("wish", lock) for lock in (True, False)]
    if config.cable_a is None:
        found += [Event("cable", ohm) for ohm in (220.0, 1500.0, 20.0, float("inf"))]
    if config.has_rcd:
        found += [Event("rcd", tripped) for tripped in (None, *Level)] + [
            Event("rcd_error", each) for each in (NO, YES)
        ]
    found += [Event("period"), Event("deadline"), Event("wait", 0.3), Event("wait", 40.0)]
    if config.has_rcd_test:
        found.append(Event("wait", 25 * 3600.0))
    return tuple(found)


def core_events_of(config: EvseConfig) -> tuple[Event, ...]:
    """Return the few that an ordinary life and its ends are made of: a search of these alone goes deeper."""
    found = [Event("line", line) for line in "ABCE"]
    found += [Event("permit", (16.0, "r1")), Event("permit", (5.0, "r1")), Event("withdraw"), Event("hang")]
    found += [Event("estop", level) for level in (YES, NO)] + [Event("reset")]
    found += [Event("mirror", mirror) for mirror in (None, Mirror.OPEN, Mirror.CLOSED)]
    found += [Event("deadline"), Event("wait", 40.0)]
    if config.has_rcd:
        found += [Event("rcd", YES), Event("rcd", None)]
    if config.switches_phases:
        found.append(Event("permit", (16.0, "r1", 1)))
    return tuple(found)
