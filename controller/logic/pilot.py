"""The supply of one EVSE: when the pilot offers, when the contactor closes, and above all when it opens.

Everything that affects this machine lives here and in the parts it reads from: `plateau` (pilot states from volts), `duty`,
`contactor` (mirror), `lock`, `proximity`, `rcd`, `protection`, `thermal`, `faults`. Sans-I/O: `step(inputs, now)` takes the levels of one
pass and returns the outputs; `deadline()` is the earliest time at which, with unchanged inputs, anything would change.

Rules (sequence numbers: IEC 61851-1:2017 Table A.6; invariants: `logic/invariants.py`)
1. What demands opening is applied first, then the vehicle, then the leave to offer, then the mirror, then time, and only at the
   very end, in a pass that changed nothing else of it, the leave to close. An exception to none of them exists.
2. The contactor closes only from OFFERING, and only when every reason against it (`_against_closing`) is gone.
3. With PWM gone the vehicle has its 6 s (10.2), whatever took it away: STOPPING never goes back to CLOSED. It opens, and the
   next close passes every check again.
4. Fresh PWM forgets the diode: it must be seen good under this PWM, with this vehicle, before a close.
5. A permit belongs to the vehicle it came for. It is dropped when the vehicle leaves, and a renewal that names the record of a
   vehicle that has left is ignored until another one is plugged in.
6. Losing the lease, the station or the permit is a suspension, not a fault.
7. F is shown for 300 ms when a fault says so; then X1, through which the line is seen again. What is plugged in meanwhile is unknown,
   and nothing is inferred.
8. Phases are chosen for a vehicle when it is first offered current. Where the board switches them under way: X1, the vehicle has its
   6 s, open, proven open, switch, wait, PWM.
9. A vehicle that was offered current for 30 s and never asked is woken once, where the board says so: F or E for 4 s, X1 for 0.75 s, PWM.
10. Without mains for 0.5 s the cable is let go, where the board says so: on what the supercap still has, and only once the contactor is
   proven open.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from controller.logic.contactor import MirrorWatch
from controller.logic.duty import LEAST_A, current_for_duty, duty_for_current
from controller.logic.evse import (
    EvseFacts,
    LimitContact,
    LockState,
    Permit,
    PilotOutput,
    PilotState,
    PlugState,
)
from controller.logic.faults import FaultBook
from controller.logic.inputs import Inputs, Level
from controller.logic.lock import LockMachine, Motion, Wanted
from controller.logic.plateau import ASKING_S, LOW_PLATEAU_V, STALE_S, TOLERANCE_S, Plateau
from controller.logic.protection import Protection
from controller.logic.proximity import Proximity, rating_a
from controller.logic.rcd import SelfTest
from controller.logic.reasons import Reason, texts_of
from controller.logic.thermal import Thermal

FORCED_OPEN_S = 6.0  # 10.2: PWM off while the vehicle still asks
SHOW_F_S = 0.300
UPWARD_S = 5.0  # between two increases of the duty
RECLOSE_S = 5.0  # after the last opening
CLOSES = 6
CLOSES_PER_S = 600.0
AFTER_ERROR_S = 30.0
LONGEST_LEASE_S = 2.0
PWM_SETTLE_S = 0.050  # a low plateau sampled earlier may still show the steady line
DUTY_OFF_PCT = 5.0  # of the period, between the measured and the driven duty
DUTY_BAD_S = 1.0
LINE_SETTLE_S = 0.020  # after F: a sample taken earlier may still show it
DIODE_BAD_S = 1.0
LOW_STALE_S = 1.0
PILOT_LOST_S = (
    1.0  # a pilot lost this soon after the contactor opened was lost under power: its plateau fell through others
)
PILOT_BAD_S = 3.0  # an unusable pilot with the contactor open is reported as a fault after this long
CODING_BAD_S = 1.0
DROWSY_S = 30.0  # offered current for so long without asking
WAKE_S = 4.0
AFTER_WAKING_S = 0.750
MAINS_GONE_S = 0.500  # a flicker opens, but lets no cable go
# A low plateau above this is none at all: a held one rests at 0 V; without a diode it is -2.4 V at the most.
PWM_DEAD_V = -1.2


class Supply(Enum):
    """What is physically true of the supply. `K` is the coil, as we drive it."""

    __hash__ = object.__hash__  # Enum's own is a call in Python, twenty times a pass

    UNPROVEN = "unproven"  # K off, X1; the mirror has not yet proven the contactor open since start or a fault
    IDLE = "idle"  # K off, X1; it was proven open
    OFFERING = "offering"  # K off, X2: the vehicle is told its current
    CLOSING = "closing"  # K on, X2; the mirror has not yet followed
    CLOSED = "closed"  # K on, X2; the mirror agrees
    STOPPING = "stopping"  # K on, X1: the vehicle has its time to stop
    PAUSING = "pausing"  # K off, X2; the vehicle stopped asking, the mirror has not yet proven open
    OPENING = "opening"  # K off, X1; the mirror has not yet proven open
    SHOWING_FAULT = "showing fault"  # K off, F
    FAULTED = "faulted"  # K off, X1; a fault that demands opening stands
    WAKING = "waking"  # K off, F or E: to a vehicle that sleeps it looks as if it were plugged in anew


class Event(Enum):
    """Facts of a pass, in the order in which they are applied."""

    __hash__ = object.__hash__

    TRIPPED = "tripped"  # a fault demands opening, and F
    HALTED = "halted"  # a fault demands opening
    HEALTHY = "healthy"  # no fault demands opening
    UNSEEN = "unseen"  # pilot E, F or invalid (stale, between bands, blinded): confirmed
    ABSENT = "absent"  # pilot A: nothing plugged in
    WAITING = "waiting"  # pilot B, or D where there is no ventilation
    ASKING = "asking"  # pilot C, or D with ventilation
    REFUSED = "refused"  # there is a reason against offering
    OFFERED = "offered"  # there is none
    PROVEN_OPEN = "proven open"  # by the mirror
    PROVEN_CLOSED = "proven closed"  # by the mirror
    TIME_UP = "time up"  # of STOPPING, SHOWING_FAULT or WAKING
    DROWSY = "drowsy"  # offered current long enough, never asked, and it may be woken
    READY = "ready"  # there is no reason left against closing


_U, _I, _O, _C, _K = Supply.UNPROVEN, Supply.IDLE, Supply.OFFERING, Supply.CLOSING, Supply.CLOSED
_S, _P, _X, _F, _Z = Supply.STOPPING, Supply.PAUSING, Supply.OPENING, Supply.SHOWING_FAULT, Supply.FAULTED
_W = Supply.WAKING

# Read a row as: in this state, what each event leads to. Every pair is written down.
# fmt: off
_TABLE: dict[Supply, tuple[Supply, ...]] = {
    #    TRIPPED HALTED HEALTHY | UNSEEN ABSENT WAITING ASKING | REFUSED OFFERED | P_OPEN P_CLOSED | TIME_UP DROWSY | READY
    _U: (_F,     _Z,    _U,       _U,    _U,    _U,     _U,      _U,     _U,       _I,    _U,        _U,     _U,      _U),
    _I: (_F,     _Z,    _I,       _I,    _I,    _I,     _I,      _I,     _O,       _I,    _I,        _I,     _I,      _I),
    _O: (_F,     _Z,    _O,       _I,    _I,    _O,     _O,      _I,     _O,       _O,    _O,        _O,     _W,      _C),
    _C: (_F,     _Z,    _C,       _X,    _X,    _P,     _C,      _S,     _C,       _C,    _K,        _C,     _C,      _C),
    _K: (_F,     _Z,    _K,       _X,    _X,    _P,     _K,      _S,     _K,       _K,    _K,        _K,     _K,      _K),
    _S: (_F,     _Z,    _S,       _X,    _X,    _X,     _S,      _S,     _S,       _S,    _S,        _X,     _S,      _S),
    _P: (_F,     _Z,    _P,       _X,    _X,    _P,     _P,      _X,     _P,       _O,    _P,        _P,     _P,      _P),
    _X: (_F,     _Z,    _X,       _X,    _X,    _X,     _X,      _X,     _X,       _I,    _X,        _X,     _X,      _X),
    _F: (_F,     _F,    _F,       _F,    _F,    _F,     _F,      _F,     _F,       _F,    _F,        _Z,     _F,      _F),
    _Z: (_Z,     _Z,    _U,       _Z,    _Z,    _Z,     _Z,      _Z,     _Z,       _Z,    _Z,        _Z,     _Z,      _Z),
    _W: (_F,     _Z,    _W,       _W,    _I,    _W,     _W,      _I,     _W,       _W,    _W,        _I,     _W,      _W),
}
# fmt: on

TRANSITIONS: dict[tuple[Supply, Event], Supply] = {
    (state, event): target for state, row in _TABLE.items() for event, target in zip(Event, row, strict=True)
}

ENERGISED = frozenset({Supply.CLOSING, Supply.CLOSED, Supply.STOPPING})  # K on
PULSING = frozenset({Supply.OFFERING, Supply.CLOSING, Supply.CLOSED, Supply.PAUSING})  # X2
_BLINDING = frozenset(
    {Supply.SHOWING_FAULT, Supply.WAKING}
)  # the line shows our own F or E, and nothing of the vehicle
_CONTACTS = {
    Level.NO: LimitContact.INACTIVE,
    Level.YES: LimitContact.ACTIVE,
    Level.UNKNOWN: LimitContact.UNREADABLE,
}
_UNSEEN_STATES = frozenset({PilotState.E, PilotState.F, PilotState.INVALID})


@dataclass(frozen=True, slots=True)
class EvseConfig:
    """What the machine knows of its EVSE. cable_a: of a tethered cable, else None (then PP tells).

    upstream_rcd: named where the board has no monitor of its own. longest_lease_s: a permit is never believed for longer.
    switches_phases: also with a vehicle plugged in; phase_wait_s: from the switch to the PWM. wake_up: what a sleeping vehicle is
    shown, E or F; None: it is let sleep. unlocks_without_mains: the lock lets the cable go once mains is absent. rcd_outputs: trip
    outputs of the monitor, 1 or 2 (6 mA and 30 mA).
    """

    evse_id: int
    phases: int = 3
    hardware_max_a: float = 32.0
    cable_a: int | None = None
    has_lock: bool = True
    has_ventilation: bool = False
    has_rcd: bool = False
    has_rcd_test: bool = False
    upstream_rcd: str = ""
    period_s: float = 0.010
    longest_lease_s: float = LONGEST_LEASE_S
    has_temperature: bool = False
    has_phase_sense: bool = False
    switches_phases: bool = False
    phase_wait_s: float = 60.0
    wake_up: PilotOutput | None = None
    unlocks_without_mains: bool = False
    rcd_outputs: int = 1


@dataclass(slots=True)
class Outputs:
    """What to drive now. Refreshed in place by `step`. duty_pct: of X2, else None."""

    closed: bool = False
    phases: int = 1
    pilot: PilotOutput = PilotOutput.X1
    duty_pct: float | None = None
    motion: Motion = Motion.REST
    rcd_test: bool = False


class PilotMachine:
    """One EVSE's supply.

    Per pass: `step(inputs, now)`. Between passes: `permit_renewed`, `permit_withdrawn`, `station_lost`, `lock_wished`,
    `fault_reset`. All times monotonic seconds.
    """

    def __init__(self, config: EvseConfig, now: float, run_id: str = "") -> None:
        self.config = config
        self.run_id = run_id
        self.supply = Supply.UNPROVEN
        self.outputs = Outputs(phases=config.phases)
        self.plateau = Plateau(now, config.period_s)
        self.mirror = MirrorWatch(now)
        self.faults = FaultBook()
        self.lock = LockMachine()
        self.proximity = Proximity()
        self.self_test = SelfTest(now if config.has_rcd_test else None, config.rcd_outputs)
        self.protection = Protection(config.phases)
        self.thermal = Thermal(now) if config.has_temperature else None
        self.thermal_a = float("inf")  # what warmth allows as of this pass; inf while it limits nothing
        self.plug = PlugState.UNKNOWN
        self.plug_count = 0
        self.cycles = 0
        self.under_load_opens = 0
        self.permit: Permit | None = None
        self.permit_until_s = float("-inf")
        self.diode_seen_good = False
        self.against = 0  # reasons against offering or closing, as of the last step
        self.has_changed = True
        self._no_permit = Reason.NO_PERMIT
        self._spent_record = ""
        self._wish: bool | None = None
        self._now = now
        self._inputs = Inputs()
        self._state_until: float | None = None
        self._plugged_at = now
        self._pwm_since = now
        self._low_bad_at: float | None = None
        self._duty_since = now
        self._duty_bad_at: float | None = None
        self._raised_at = float("-inf")
        self._fell_at = now  # a start is a fall: whatever ran before may have been killed with the contactor closed
        self._broke_at = float("-inf")
        self._closes: deque[float] = deque(maxlen=CLOSES)
        self._has_error = False
        self._has_stalled = False
        self._locked_out_until = float("-inf")
        self._needs_test = False
        self._phases_latched: int | None = None
        self._phases_settled_at = float("-inf")
        self._has_asked = False  # under this PWM
        self._was_woken = False  # in this plug-in
        self._awake_at = float("-inf")
        self._mains_gone_at: float | None = None
        self._key: tuple[object, ...] = ()
        self._texts_key: tuple[int, int] = (-1, -1)
        self._texts: tuple[str, ...] = ()

    # --- what the station says ------------------------------------------------------------------------------------------

    def permit_renewed(self, permit: Permit, now: float) -> bool:
        """Return whether more than the lease changed, so that a step is worth making."""
        if self.plug is PlugState.UNPLUGGED and permit.charging_record_id == self._spent_record:
            return False  # rule 5
        is_new = permit != self.permit
        self.permit = permit
        self.permit_until_s = now + min(permit.lease_s, self.config.longest_lease_s)
        if permit.measurements is not None:
            self.protection.measured(permit.measurements, now)
        return is_new or permit.measurements is not None

    def permit_withdrawn(self) -> None:
        self._drop_permit(Reason.NO_PERMIT)

    def station_lost(self) -> None:
        self._drop_permit(Reason.STATION_LOST)
        if self._wish:
            self._wish = None  # nobody is left who could let go of a kept cable

    def station_returned(self) -> None:
        """A station is there again: from now on it is its permit that is missing."""
        if self._no_permit is Reason.STATION_LOST:
            self._no_permit = Reason.NO_PERMIT

    def lock_wished(self, locked: bool) -> None:
        self._wish = locked

    def fault_reset(self, fault_id: str) -> bool:
        """Return whether the fault was latched, and is cleared."""
        if fault_id == "lock_jammed" and self.faults.has(fault_id):
            self.lock.retry()
            self.faults.report(fault_id, False)
        if fault_id == "rcd_self_test":
            self.self_test.has_failed = False
            self.faults.report(fault_id, False)
        return self.faults.reset(fault_id)

    def invariant_broken(self) -> None:
        """The monitor saw what must never be: open and latch."""
        self.faults.report("invariant", True)
        self.faults.report("invariant", False)

    def loop_stalled(self) -> None:
        """The loop was away so long that the hardware watchdog may have dropped the contactor: begin anew."""
        self._has_stalled = True

    def _drop_permit(self, why: Reason) -> None:
        self._no_permit = why
        self.permit = None
        self.permit_until_s = float("-inf")
        self.protection.permit_gone()

    # --- one pass -------------------------------------------------------------------------------------------------------

    def step(self, inputs: Inputs, now: float) -> Outputs:
        """Judge the levels of this pass and return what to drive."""
        self._now = now
        self._inputs = inputs
        self._see_pilot(inputs, now)
        self._see_vehicle(inputs, now)
        if self.permit is not None and now >= self.permit_until_s - TOLERANCE_S:
            self._drop_permit(Reason.LEASE_EXPIRED)
        self._see_devices(inputs, now)
        self._see_faults(inputs, now)
        self._decide(now)
        self._drive(inputs, now)
        self._note_changes()
        return self.outputs

    def _decide(self, now: float) -> None:
        """Apply the facts of this pass to the table, in the order of `Event`."""
        before = self.supply
        if not self.faults.is_open_demanded:
            self._apply(Event.HEALTHY, now)
        else:
            self._apply(Event.TRIPPED if self.faults.shows_f else Event.HALTED, now)
        self._apply(self._vehicle(), now)
        against = self._against_offering(now)
        self._apply(Event.REFUSED if against else Event.OFFERED, now)
        if self.mirror.is_proven_open:
            self._apply(Event.PROVEN_OPEN, now)
        elif self.mirror.is_proven_closed:
            self._apply(Event.PROVEN_CLOSED, now)
        if self._state_until is not None and now >= self._state_until - TOLERANCE_S:
            self._apply(Event.TIME_UP, now)
        drowsy_at = self._drowsy_at()
        if drowsy_at is not None and now >= drowsy_at - TOLERANCE_S:
            self._apply(Event.DROWSY, now)
        if self.supply not in ENERGISED:
            against |= self._against_closing(now)
            if not against and self.supply is before:
                self._apply(Event.READY, now)
        self.against = against

    def _apply(self, event: Event, now: float) -> None:
        target = TRANSITIONS[self.supply, event]
        if target is not self.supply:
            self._enter(target, now)

    def _enter(self, target: Supply, now: float) -> None:
        left = self.supply
        self.supply = target
        self._state_until = None
        if left in ENERGISED and target not in ENERGISED:
            self._fell_at = self._broke_at = now
            self.mirror.commanded(False, now)
            if self.plateau.state in (PilotState.C, PilotState.D) and left is not Supply.CLOSING:
                self.under_load_opens += 1
        elif target is Supply.CLOSING:
            self.cycles += 1
            self._closes.append(now)
            self._needs_test = True
            self.mirror.commanded(True, now)
        if target is Supply.STOPPING:
            self._state_until = now + FORCED_OPEN_S
        elif target is Supply.SHOWING_FAULT:
            self._state_until = now + SHOW_F_S
            self.plateau.blind(float("inf"))
        elif target is Supply.WAKING:
            self._state_until = now + WAKE_S
            self._was_woken = True
            self.plateau.blind(float("inf"))
        elif left in _BLINDING:
            self.plateau.blind(now + LINE_SETTLE_S)
            self._awake_at = now + AFTER_WAKING_S if left is Supply.WAKING else self._awake_at
        if target in PULSING and left not in PULSING:
            self._begin_pwm(now)
        self.self_test.disturb()  # one that runs has begun in the state that is left, or is disturbed already

    def _begin_pwm(self, now: float) -> None:
        self._pwm_since = now
        self._raised_at = now
        self.diode_seen_good = False  # rule 4
        self._has_asked = False
        if self._phases_latched is None and self.permit is not None:
            self._phases_latched = min(self.permit.phases, self.config.phases)

    def _drowsy_at(self) -> float | None:
        """Return when a vehicle that only waits in B is to be woken (rule 9)."""
        if self.config.wake_up is None or self._was_woken or self._has_asked or self.supply is not Supply.OFFERING:
            return None
        if self.plateau.state is not PilotState.B:
            return None
        return max(self._pwm_since, self.plateau.since_s) + DROWSY_S

    # --- seeing ---------------------------------------------------------------------------------------------------------

    def _see_pilot(self, inputs: Inputs, now: float) -> None:
        if self.supply not in PULSING:
            self._low_bad_at = self._duty_bad_at = None
        if self.supply in _BLINDING:
            return
        self.plateau.sampled(inputs.high_v, inputs.high_at_s, now)
        if self.plateau.state not in (PilotState.B, PilotState.C, PilotState.D) or (
            self.plateau.state is PilotState.D and not self.config.has_ventilation
        ):
            self.diode_seen_good = False
        if self.supply not in PULSING:
            return
        self._has_asked = self._has_asked or self._vehicle() is Event.ASKING
        self._see_low_plateau(inputs, now)
        self._see_duty(inputs, now)

    def _see_low_plateau(self, inputs: Inputs, now: float) -> None:
        """Judge the low plateau under PWM: -12 V needs the diode in the vehicle (a shorted one: -8.8 / -5.6 / -2.4 V)."""
        low_v, at_s = inputs.low_v, inputs.low_at_s
        if low_v is None or at_s is None or at_s < self._pwm_since + PWM_SETTLE_S - TOLERANCE_S:
            return
        if not self.plateau.is_steady or self.plateau.state not in (PilotState.B, PilotState.C, PilotState.D):
            return
        if LOW_PLATEAU_V[0] <= low_v <= LOW_PLATEAU_V[1]:
            self.diode_seen_good = True
            self._low_bad_at = None
        elif self._low_bad_at is None:
            self._low_bad_at = now

    def _see_duty(self, inputs: Inputs, now: float) -> None:
        """Hold the duty on the line, where the front end measures it, against the driven one, which is what the vehicle should be told."""
        measured, driven = inputs.duty_pct, self.outputs.duty_pct
        if measured is None or driven is None or inputs.high_at_s < self._duty_since + PWM_SETTLE_S - TOLERANCE_S:
            return
        if abs(measured - driven) <= DUTY_OFF_PCT:
            self._duty_bad_at = None
        elif self._duty_bad_at is None:
            self._duty_bad_at = now

    def _see_vehicle(self, inputs: Inputs, now: float) -> None:
        state = self.plateau.state
        if state is PilotState.A:
            if self.plug is not PlugState.UNPLUGGED:
                self._vehicle_left()
        elif state not in _UNSEEN_STATES and self.plug is not PlugState.PLUGGED:
            self.plug = PlugState.PLUGGED
            self.plug_count += 1
            self._plugged_at = now
            self._wish = None
            self._was_woken = False
            self.proximity.plugged()
        if self.config.cable_a is None:
            is_plugged = self.plug is PlugState.PLUGGED
            self.proximity.sampled(inputs.proximity_ohm, inputs.proximity_at_s, is_plugged=is_plugged)

    def _vehicle_left(self) -> None:
        self.plug = PlugState.UNPLUGGED
        if self.permit is not None:
            self._spent_record = self.permit.charging_record_id
        self._drop_permit(Reason.NO_PERMIT)
        self._phases_latched = None
        self._was_woken = False
        self.proximity.unplugged()

    def _see_devices(self, inputs: Inputs, now: float) -> None:
        self.mirror.observed(inputs.mirror, now)
        test = self.self_test
        if test.is_running:
            test.run(inputs.rcd_tripped, inputs.rcd_error, now, inputs.rcd_partly_tripped)
        elif self._is_test_due(inputs, now):
            self._needs_test = False
            test.start(now)
        if inputs.mains_absent is not Level.YES:
            self._mains_gone_at = None
        elif self._mains_gone_at is None:
            self._mains_gone_at = now
        if self.config.has_lock:
            self.lock.step(self._lock_wanted(now), inputs.locked, self._may_unlock(), now)
        if self.config.has_phase_sense:
            self.protection.sensed(inputs.current_a, inputs.voltage_v, inputs.phases_at_s, now)
        self.protection.judge(self.signalled_a, self.supply in ENERGISED, now)
        if self.thermal is not None:
            self.thermal.sampled(inputs.temperature_c, inputs.temperature_at_s, now)
            self.thermal_a = self.thermal.limit_a(self.config.hardware_max_a)
        self._switch_phases(now)

    @property
    def _phases_wanted(self) -> int | None:
        """What the relay is to become with this vehicle plugged in; None: what it is (rule 8)."""
        if not self.config.switches_phases or self._phases_latched is None or self.permit is None:
            return None
        wanted = min(self.permit.phases, self.config.phases)
        return None if wanted == self._phases_latched or self.permit.max_current_a < LEAST_A else wanted

    def _switch_phases(self, now: float) -> None:
        """Invariant 18: only with the contactor proven open, and where the line has been steady since the last pass."""
        wanted = self._phases_wanted
        if wanted is None or self.supply is not Supply.IDLE or self.outputs.pilot is not PilotOutput.X1:
            return
        if self.mirror.is_proven_open:
            self._phases_latched = wanted
            self._phases_settled_at = now + self.config.phase_wait_s

    def _is_test_due(self, inputs: Inputs, now: float) -> bool:
        """With the contactor proven open and X1: after each session, and before a close when the last is too old."""
        if not self.config.has_rcd_test or self.supply is not Supply.IDLE or not self.mirror.is_proven_open:
            return False
        test = self.self_test
        if test.has_failed or inputs.rcd_tripped is not Level.NO or self.faults.has("rcd_self_test"):
            return False
        if test.passed_at_s is None:
            return True
        if self.plug is PlugState.UNPLUGGED:
            return self._needs_test
        return not test.is_good(now)

    def _lock_wanted(self, now: float) -> Wanted:
        if now >= self._let_go_at - TOLERANCE_S:
            return Wanted.UNLOCKED  # rule 10; whether it may is judged as ever
        if self.plug is PlugState.UNKNOWN or self.plateau.is_blind:
            return Wanted.AS_IT_IS
        if self._wish is False or (self.plug is PlugState.UNPLUGGED and not self._keeps_cable()):
            return Wanted.UNLOCKED
        return Wanted.LOCKED

    @property
    def _let_go_at(self) -> float:
        """When the cable is let go for want of mains; inf: not at all."""
        if self._mains_gone_at is None or not self.config.unlocks_without_mains:
            return float("inf")
        return self._mains_gone_at + MAINS_GONE_S

    def _keeps_cable(self) -> bool:
        """The vehicle has let go of its end: the cable stays for its owner while the station wishes so and it is there."""
        return self._wish is True and not self.proximity.is_empty

    def _may_unlock(self) -> bool:
        return self.supply not in ENERGISED and self.mirror.is_proven_open and not self.faults.has("contactor_welded")

    def _see_faults(self, inputs: Inputs, now: float) -> None:
        report = self.faults.report
        energised = self.supply in ENERGISED
        report("contactor_welded", self.mirror.is_welded)
        report("contactor_stuck_open", self.mirror.is_stuck_open)
        report("contactor_dropped", self.mirror.is_dropped)
        report("mirror_unreadable", self.mirror.is_unreadable)
        report("loop_stalled", self._has_stalled)
        self._has_stalled = False
        testing = self.self_test.is_running
        report("rcd_trip", inputs.rcd_tripped is Level.YES and not testing)
        report("rcd_error", inputs.rcd_error is Level.YES and not testing)
        report("rcd_self_test", self.self_test.has_failed)
        report("emergency_stop", inputs.estop_pressed is Level.YES)
        report("mains_lost", inputs.mains_absent is Level.YES)
        report("ground_lost", inputs.ground_lost is Level.YES)
        report("input_unreadable", self._is_input_unreadable(inputs))
        report("output_failed", inputs.outputs_failed is not Level.NO)
        if self.config.has_lock:
            report("lock_jammed", self.lock.state is LockState.JAMMED)
            report("lock_lost", energised and inputs.locked is Level.NO)
        self._see_coding_faults(inputs, now)
        self._see_pilot_faults(inputs, energised, now)
        self._see_measured_faults()
        if self.plug is PlugState.UNPLUGGED and self.faults.ids:
            self.faults.unplugged()
        if self.faults.locks_out:
            self._has_error = True
        elif self._has_error:
            self._has_error = False
            self._locked_out_until = now + AFTER_ERROR_S

    def _is_input_unreadable(self, inputs: Inputs) -> bool:
        unknown = Level.UNKNOWN
        return (
            inputs.estop_pressed is unknown
            or inputs.mains_absent is unknown
            or inputs.ground_lost is unknown
            or inputs.rcd_tripped is unknown
            or inputs.rcd_error is unknown
            or (self.config.has_lock and inputs.locked is unknown)
        )

    def _see_coding_faults(self, inputs: Inputs, now: float) -> None:
        if self.config.cable_a is not None:
            return
        is_plugged = self.plug is PlugState.PLUGGED
        missing = is_plugged and self.proximity.latched is None
        late = now >= self._plugged_at + CODING_BAD_S - TOLERANCE_S
        self.faults.report("proximity", missing and late)
        changed = is_plugged and self.proximity.has_changed
        self.faults.report("proximity_changed", changed and inputs.locked is not Level.NO)

    def _see_pilot_faults(self, inputs: Inputs, energised: bool, now: float) -> None:
        report, plateau = self.faults.report, self.plateau
        state = plateau.state
        unseen = state in _UNSEEN_STATES and (plateau.is_stale or not plateau.is_blind)
        energised = energised or now < self._broke_at + PILOT_LOST_S - TOLERANCE_S
        lasting = unseen and (energised or now >= plateau.since_s + PILOT_BAD_S - TOLERANCE_S)
        has = self.faults.has
        report("pilot_short", unseen and state is PilotState.E and (lasting or has("pilot_short")))
        report("pilot_reversed", unseen and state is PilotState.F and (lasting or has("pilot_reversed")))
        invalid = unseen and state is PilotState.INVALID
        report("pilot_invalid", invalid and not plateau.is_stale and (lasting or has("pilot_invalid")))
        low_lost = self.supply in PULSING and self._is_low_stale(inputs, now)
        report("pilot_unread", low_lost or (plateau.is_stale and (lasting or has("pilot_unread"))))
        bad_at = self._low_bad_at
        bad = bad_at is not None and now >= bad_at + DIODE_BAD_S - TOLERANCE_S
        is_dead = inputs.low_v is not None and inputs.low_v > PWM_DEAD_V
        report("pilot_diode", bad and not is_dead)
        report("pilot_pwm", bad and is_dead)
        off_at = self._duty_bad_at
        report("pilot_duty", off_at is not None and now >= off_at + DUTY_BAD_S - TOLERANCE_S)

    def _is_low_stale(self, inputs: Inputs, now: float) -> bool:
        since = self._pwm_since if inputs.low_at_s is None else max(self._pwm_since, inputs.low_at_s)
        return now >= since + LOW_STALE_S - TOLERANCE_S

    def _see_measured_faults(self) -> None:
        report, protection = self.faults.report, self.protection
        report("over_current", protection.is_over_current)
        report("over_current_high", protection.is_far_over_current)
        report("over_voltage", protection.is_over_voltage)
        report("under_voltage", protection.is_under_voltage)
        if self.thermal is not None:
            report("over_temperature", self.thermal.is_too_warm)
            report("temperature_lost", self.thermal.is_lost)

    # --- deciding -------------------------------------------------------------------------------------------------------

    def _vehicle(self) -> Event:
        state = self.plateau.state
        if state is PilotState.A:
            return Event.ABSENT
        if state is PilotState.B:
            return Event.WAITING
        if state is PilotState.C:
            return Event.ASKING
        if state is PilotState.D:
            return Event.ASKING if self.config.has_ventilation else Event.WAITING
        return Event.UNSEEN

    @property
    def cable_a(self) -> int | None:
        """The cable's rating in force, amperes; None while it is not known."""
        if self.config.cable_a is not None:
            return self.config.cable_a
        latched = self.proximity.latched
        return None if latched is None else rating_a(latched, self.config.phases)

    @property
    def allowed_a(self) -> float:
        """The least of permit, cable, hardware and warmth, amperes; 0 without a permit or a known cable."""
        cable_a = self.cable_a
        if self.permit is None or cable_a is None:
            return 0.0
        return min(self.permit.max_current_a, cable_a, self.config.hardware_max_a, self.thermal_a)

    @property
    def signalled_a(self) -> float:
        duty = self.outputs.duty_pct
        return 0.0 if duty is None else current_for_duty(duty)

    def _against_offering(self, now: float) -> int:
        """Return the reasons for X1, as bits of `Reason`."""
        against = 0
        if self.faults.is_open_demanded or self.faults.is_suspended:
            against |= Reason.FAULT.bit
        if self.plateau.state is PilotState.A:
            against |= Reason.NO_VEHICLE.bit
        elif self.plateau.state in _UNSEEN_STATES:
            against |= Reason.PILOT_UNUSABLE.bit if self.supply is not Supply.WAKING else 0
        elif self.cable_a is None:
            against |= Reason.CABLE_UNKNOWN.bit
        if self.permit is None:
            against |= self._no_permit.bit
        elif self.permit.max_current_a < LEAST_A:
            against |= Reason.PERMIT_BELOW_6_A.bit
        elif self.thermal_a < LEAST_A:
            against |= Reason.TOO_WARM.bit
        elif not against and not self.allowed_a >= LEAST_A:
            against |= Reason.CABLE_OR_BOARD_BELOW_6_A.bit
        if self._phases_wanted is not None:
            against |= Reason.SWITCHING_PHASES.bit
        if self._wish is False and self.config.has_lock:
            against |= Reason.UNLOCK_WISHED.bit
        if self.supply not in PULSING and self.supply is not Supply.STOPPING:
            against |= self._against_beginning(now)
        if self.supply not in ENERGISED:
            against |= self._against_waiting(now)
        return against

    def _against_beginning(self, now: float) -> int:
        """Reasons that delay the begin of PWM, and do not end it."""
        against = 0
        if not self.mirror.is_proven_open:
            against |= Reason.NOT_PROVEN_OPEN.bit
        if now < self._raised_at + UPWARD_S - TOLERANCE_S:
            against |= Reason.DUTY_PACED.bit
        if now < self._awake_at - TOLERANCE_S:
            against |= Reason.WAKING.bit
        if now < self._phases_settled_at - TOLERANCE_S:
            against |= Reason.SWITCHING_PHASES.bit
        return against

    def _against_waiting(self, now: float) -> int:
        """Reasons for X1 while the contactor is open: what forbids a close for long must not keep the vehicle waiting in C."""
        against = 0
        if now < self._locked_out_until - TOLERANCE_S:
            against |= Reason.AFTER_ERROR.bit
        if len(self._closes) == CLOSES and now < self._closes[0] + CLOSES_PER_S - TOLERANCE_S:
            against |= Reason.TOO_MANY_CLOSES.bit
        if self.self_test.is_running or (self.config.has_rcd_test and not self.self_test.is_good(now)):
            against |= Reason.SELF_TEST.bit
        return against

    def _against_closing(self, now: float) -> int:
        """Return the reasons, beside those against offering, why the contactor must not close now."""
        against = 0
        if self._vehicle() is Event.WAITING:
            vented = self.plateau.state is PilotState.B
            against |= Reason.VEHICLE_NOT_ASKING.bit if vented else Reason.NO_VENTILATION.bit
        elif self.supply is Supply.WAKING:
            return against | Reason.WAKING.bit
        elif self.supply not in PULSING:
            return against  # X1: the reasons against offering are the story
        elif not self.plateau.is_steady or now < self.plateau.held_since_s + ASKING_S - TOLERANCE_S:
            against |= Reason.ASKING_TOO_SHORT.bit
        if self.supply in PULSING:
            if not self.diode_seen_good or self._low_bad_at is not None:
                against |= Reason.DIODE_NOT_SEEN.bit
            if self._duty_bad_at is not None:
                against |= Reason.DUTY_WRONG.bit
            if self.config.has_lock and not self._is_locked():
                against |= Reason.NOT_LOCKED.bit
            if now < self._fell_at + RECLOSE_S - TOLERANCE_S:
                against |= Reason.RECLOSE_PACED.bit
            if not self.mirror.is_proven_open:
                against |= Reason.NOT_PROVEN_OPEN.bit
        return against

    def _is_locked(self) -> bool:
        return self.lock.state is LockState.LOCKED and self._inputs.locked is Level.YES

    # --- driving --------------------------------------------------------------------------------------------------------

    def _drive(self, inputs: Inputs, now: float) -> None:
        out = self.outputs
        out.closed = self.supply in ENERGISED
        if self._phases_latched is not None and self.supply not in ENERGISED and self.mirror.is_proven_open:
            out.phases = self._phases_latched
        out.motion = self.lock.motion
        if out.motion is Motion.UNLOCK and not self._may_unlock():
            out.motion = Motion.REST
        out.rcd_test = self.self_test.is_line_active
        if self.supply in PULSING:
            out.pilot = PilotOutput.X2
            self._steer_duty(now)
        else:
            out.pilot = PilotOutput.X1
            if self.supply is Supply.SHOWING_FAULT:
                out.pilot = PilotOutput.F
            elif self.supply is Supply.WAKING and self.config.wake_up is not None:
                out.pilot = self.config.wake_up
            out.duty_pct = None

    def _steer_duty(self, now: float) -> None:
        """Down at once, up at most every 5 s (sequences 5 and 6)."""
        wanted = duty_for_current(self.allowed_a)
        current = self.outputs.duty_pct
        if wanted is None:  # a pass in which the offer ends is X1 already: the table saw to it
            raise AssertionError("PWM without a current to tell")
        if current is None or wanted < current:
            self.outputs.duty_pct = wanted
            self._duty_since = now
        elif wanted > current and now >= self._raised_at + UPWARD_S - TOLERANCE_S:
            self.outputs.duty_pct = wanted
            self._raised_at = self._duty_since = now

    # --- telling --------------------------------------------------------------------------------------------------------

    def _note_changes(self) -> None:
        out = self.outputs
        key = (
            self.supply,
            self.against,
            self.faults.version,
            self.plateau.state,
            self.plateau.is_blind,
            self.plug,
            self.plug_count,
            self.mirror.state,
            self.lock.state,
            out.motion,
            out.pilot,
            out.duty_pct,
            out.rcd_test,
            self.proximity.latched,
            self.self_test.step,
            self.thermal_a,
            self._inputs.limit_active,
            out.phases,
            None if self.permit is None else self.permit.charging_record_id,
        )
        self.has_changed = key != self._key
        self._key = key

    @property
    def blocked_by(self) -> tuple[str, ...]:
        """Why the contactor is not closed, plain words, most important first; empty while it is."""
        if self.supply in (Supply.CLOSING, Supply.CLOSED):
            return ()
        key = (self.against, self.faults.version)
        if key != self._texts_key:
            self._texts_key = key
            self._texts = texts_of(self.against, self.faults.ids)
        return self._texts

    def facts(self, now: float) -> EvseFacts:
        """Return a snapshot for the station."""
        out, inputs = self.outputs, self._inputs
        hidden = out.pilot in (PilotOutput.E, PilotOutput.F) or self.plateau.is_blind
        thermal, thermal_a = self.thermal, self.thermal_a
        warmth_c = thermal.temperature_c if thermal is not None else None
        return EvseFacts(
            evse_id=self.config.evse_id,
            run_id=self.run_id,
            at_s=now,
            pilot=self.plateau.state,
            plug=PlugState.UNKNOWN if hidden else self.plug,
            plug_count=self.plug_count,
            output=out.pilot,
            duty_pct=out.duty_pct,
            signalled_a=self.signalled_a,
            high_v=inputs.high_v if inputs.high_at_s > float("-inf") else None,
            low_v=inputs.low_v,
            contactor=self.mirror.state,
            lock=self.lock.state if self.config.has_lock else LockState.NONE,
            cable_a=self.cable_a,
            record_id=None if self.permit is None else self.permit.charging_record_id,
            faults=self.faults.ids,
            blocked_by=self.blocked_by,
            cycles=self.cycles,
            under_load_opens=self.under_load_opens,
            temperature_c=None if warmth_c is None else float(round(warmth_c)),
            thermal_a=None if thermal_a == float("inf") else thermal_a,
            limit_contact=_CONTACTS[self._inputs.limit_active],
        )

    # --- time -----------------------------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """Return when, with unchanged inputs, the next step could change anything; None: never.

        It may be early, never late by more than one period.
        """
        now, period = self._now, self.config.period_s
        if self.has_changed:
            return now + period  # what this pass changed may allow the next thing
        due = [
            self.plateau.deadline(self._inputs.high_at_s, now) if self.supply not in _BLINDING else None,
            self.mirror.deadline(now),
            self.self_test.deadline(),
            self.protection.deadline(now),
            self._state_until,
            self._locked_out_until,
            self.permit_until_s,
            self.thermal.deadline(now) if self.thermal is not None else None,
            self._drowsy_at(),
            *self._paced(),
            *self._watched(),
        ]
        if self.config.has_lock:
            due.append(self.lock.deadline(self._inputs.locked, self._may_unlock(), now))
        later = [at for at in due if at is not None and now + TOLERANCE_S < at < float("inf")]
        if self._needs_samples():
            later.append(now + period)
        return min(later, default=None)

    def _paced(self) -> tuple[float, ...]:
        closes = self._closes[0] + CLOSES_PER_S if len(self._closes) == CLOSES else float("-inf")
        tested = self.self_test.passed_at_s
        expires = tested + 24 * 3600.0 if tested is not None and self.plug is PlugState.PLUGGED else float("-inf")
        return (
            self._raised_at + UPWARD_S,
            self._fell_at + RECLOSE_S,
            self._awake_at,
            self._let_go_at,
            self._phases_settled_at,
            closes,
            expires,
        )

    def _watched(self) -> tuple[float, ...]:
        """Times at which something that has begun has lasted long enough."""
        plateau, inputs = self.plateau, self._inputs
        asked = plateau.held_since_s + ASKING_S
        unseen = plateau.since_s + PILOT_BAD_S if plateau.state in _UNSEEN_STATES else float("-inf")
        coding = self._plugged_at + CODING_BAD_S
        diode = self._low_bad_at + DIODE_BAD_S if self._low_bad_at is not None else float("-inf")
        duty = self._duty_bad_at + DUTY_BAD_S if self._duty_bad_at is not None else float("-inf")
        if self.supply not in PULSING:
            return asked, unseen, coding, diode
        low_at = self._pwm_since if inputs.low_at_s is None else max(self._pwm_since, inputs.low_at_s)
        stalled = low_at < self._now - TOLERANCE_S
        low = low_at + LOW_STALE_S if stalled else float("-inf")
        settled = self._pwm_since + PWM_SETTLE_S, self._duty_since + PWM_SETTLE_S
        return asked, unseen, coding, diode, duty, low, *settled

    def _needs_samples(self) -> bool:
        """More samples of the same values would change something."""
        arrive = self._now <= self._inputs.proximity_at_s + STALE_S
        return self.config.cable_a is None and arrive and self.proximity.is_settling
