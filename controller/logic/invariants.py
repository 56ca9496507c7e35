"""The safety invariants as predicates over a trace, and the two monitors that judge them.

`Monitor` watches one EVSE through what the safety loop read and drove; it shares no state with the machine and classifies
raw voltages itself. `PlantMonitor` (in `plant_monitor`) watches from outside, through what the plant saw. A trace may be ticked or
made of the passes that mattered: between two points nothing changed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from controller.logic.evse import PilotOutput, PilotState
from controller.logic.faults import FAULTS, Stop
from controller.logic.inputs import Level, Mirror
from controller.logic.lock import Motion

TOLERANCE_S = 1e-5
_MIRROR_FAULTS = frozenset({"contactor_welded", "contactor_stuck_open", "mirror_unreadable"})
_OPENING = frozenset(row.id for row in FAULTS.values() if row.stops is Stop.OPEN)

INVARIANTS: dict[int, str] = {
    1: "K => pilot C or D confirmed",
    2: "K rising => PWM on and 10 <= duty <= 97",
    3: "K => no fault that demands opening",
    4: "K rising => diode seen good since last A/E/F/D, under this PWM",
    5: "K and pilot D => ventilation available",
    6: "pilot leaves C/D to A/B at t => not K by t+60 ms",
    7: "pilot E or invalid => not K within 500 ms",
    8: "PWM off while K => not K within 6.5 s",
    9: "C confirmed and every permission => K within 3 s or a reason recorded",
    10: "C held < 500 ms never raises K",
    11: "pilot sample older than 150 ms => not K",
    12: "signalled amps <= min(permit, cable, hardware, warmth)",
    13: "a limit < 6 A => X1; duty never in (0, 10) %",
    14: "upward duty changes >= 5 s apart",
    15: "K rising => permit unexpired, with the id of a committed charging record",
    16: "socket: K => locked and PP valid; unlock => not K and mirror open",
    17: "mirror != command > 250 ms after settling => latched fault and not K",
    18: "the phase relay moves only if not K, mirror open, PWM off",
    19: "RCD trip => not K within 50 ms, latched",
    20: "K rising => RCD self-test passed <= 24 h ago, run with K open",
    21: "K rises >= 5 s after its last fall, <= 6 times in 10 min",
    22: "I > (signalled + 0.5) x 1.10 for 7 s => stop",
    23: "watchdog kick only after a complete pass within 100 ms",
    24: "lost lease => X1 at once, not K within 6.5 s; the first K needs a weld check; start => not K, no PWM",
    25: "the energy register never decreases; an exception in the loop => not K",
    26: "e-stop pressed or mains absent => not K within 50 ms; the e-stop latches",
}

# What these say instead while the limit is told by high-level communication (ISO 15118): the duty is 5 % and no current by itself.
HIGH_LEVEL: dict[int, str] = {
    2: "K rising => PWM on and duty 5 %",
    12: "amps told digitally <= min(permit, cable, hardware, warmth)",
    13: "a limit < 6 A => told 0 A; duty is 5 %",
}
_HIGH_LEVEL_DUTY = (4.5, 5.5)

NOT_JUDGED_HERE: dict[int, str] = {
    6: "the contact itself, open by t+100 ms: PlantMonitor",
    12: "grid and profile limits are inside the permit's one number; the station's own tests judge how it is made",
    19: "automatic re-close where a board allows it: no board setting exists, so every trip latches",
    23: "no kick => open within 250 ms is the hardware one-shot's: PlantMonitor",
    24: "crash, SIGKILL, reboot: the process is dead and cannot judge itself: PlantMonitor",
    25: "wall-clock jumps: the machines import no clock at all, which the import test shows; the register is judged where "
    "somebody feeds it (`registered`)",
}


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that did not hold. evse_id: 0 for the loop as a whole."""

    invariant: int
    evse_id: int
    at_s: float
    detail: str

    def __str__(self) -> str:
        return f"invariant {self.invariant} broken on EVSE {self.evse_id} at {self.at_s:.3f}: {self.detail}"


@dataclass(slots=True)
class TracePoint:
    """What one pass read and drove, refreshed in place. Outputs are those decided in this pass.

    faults: active or latched ids. thermal_a: what warmth allows. is_explained: a reason is recorded for K being off. permit_until_s: -inf without one.
    drawn_a: the highest phase current of a fresh measurement, None without. is_high_level: the vehicle is told its limit by high-level
    communication; then signalled_a is what it was told so.
    """

    at_s: float = 0.0
    closed: bool = False
    phases: int = 3
    output: PilotOutput = PilotOutput.X1
    duty_pct: float | None = None
    signalled_a: float = 0.0
    motion: Motion = Motion.REST
    pilot: PilotState = PilotState.INVALID
    high_v: float = 0.0
    high_at_s: float = float("-inf")
    low_v: float | None = None
    low_at_s: float | None = None
    mirror: Mirror = Mirror.UNKNOWN
    locked: Level = Level.NO
    rcd_tripped: Level = Level.NO
    estop_pressed: Level = Level.NO
    mains_absent: Level = Level.NO
    thermal_a: float = float("inf")
    is_testing: bool = False
    tested_at_s: float | None = None
    cable_a: int | None = None
    faults: tuple[str, ...] = ()
    is_explained: bool = True
    permit_until_s: float = float("-inf")
    permit_a: float = 0.0
    record_id: str = ""
    drawn_a: float | None = None
    is_high_level: bool = False


@dataclass(frozen=True, slots=True)
class Watched:
    """What the monitor must know of the EVSE."""

    evse_id: int
    hardware_max_a: float
    has_lock: bool
    has_ventilation: bool
    has_rcd_test: bool


class Monitor:
    """Judges one EVSE. `observe` each pass, in time order; a breach that stands is told once."""

    def __init__(self, evse: Watched) -> None:
        self._evse = evse
        self._is_first = True
        self._at = 0.0
        # of the previous point
        self._closed = False
        self._was_x2 = False
        self._duty = 0.0
        self._phases = 0
        self._mirror = Mirror.UNKNOWN
        # since when
        self._since: dict[str, float] = {}
        self._asking_at: float | None = None
        self._x2_at = float("-inf")
        self._commanded_at = float("-inf")
        self._fell_at = float("-inf")
        self._raised_at = float("-inf")
        self._rises: deque[float] = deque(maxlen=7)
        self._diode_good = False
        self._was_d = False
        self._kick_allowed = False
        self._register_wh: int | None = None
        self._standing: set[int] = set()
        self._rules: tuple[tuple[int, Callable[[TracePoint], str]], ...] = (
            (1, self._confirmed),
            (3, self._fault_free),
            (5, self._ventilated),
            (6, self._quick),
            (7, self._judged_pilot),
            (8, self._forced_open),
            (9, self._explained),
            (11, self._fresh),
            (12, self._within_limits),
            (13, self._permitted_duty),
            (14, self._paced_duty),
            (16, self._locked),
            (17, self._mirrored),
            (18, self._phase_relay),
            (19, self._residual),
            (20, self._tested),
            (22, self._drawn),
            (24, self._leased),
            (26, self._emergency),
        )

    def observe(self, point: TracePoint) -> list[Breach]:
        """Return what is newly broken at this point."""
        self._see(point)
        found: list[Breach] = []
        standing = self._standing
        for number, rule in self._rules:
            detail = rule(point)
            if detail or number in standing:
                self._note(number, detail, point, found)
        if point.closed and not self._closed:
            self._judge_rising(point, found)
        self._remember(point)
        return found

    def _note(self, number: int, detail: str, point: TracePoint, found: list[Breach]) -> None:
        if not detail:
            self._standing.discard(number)
        elif number not in self._standing:
            self._standing.add(number)
            found.append(self._breach(number, detail, point))

    def _breach(self, number: int, detail: str, point: TracePoint) -> Breach:
        claim = HIGH_LEVEL.get(number, INVARIANTS[number]) if point.is_high_level else INVARIANTS[number]
        return Breach(number, self._evse.evse_id, point.at_s, f"{claim}; {detail}")

    def _see(self, point: TracePoint) -> None:
        """Follow the raw pilot: its own classification, on samples alone."""
        volts = point.high_v
        if not 1.2 <= volts <= 7.8:
            self._asking_at = None
        elif self._asking_at is None:
            self._asking_at = point.high_at_s
        is_d = 1.2 <= volts <= 4.2
        if volts > 10.8 or volts < 1.2 or (is_d and not self._was_d):
            self._diode_good = False
        self._was_d = is_d
        if not self._was_x2:
            self._diode_good = False
        elif point.low_v is not None and point.low_at_s is not None and point.low_at_s >= self._x2_at:
            self._diode_good |= 1.2 <= volts <= 10.8 and -13.0 <= point.low_v <= -11.0

    def _late(self, key: str, stands: bool, closed: bool, limit_s: float, at_s: float) -> str:
        """Judge "stands => not K within limit": also a K that has just fallen may have fallen too late."""
        since = self._since.get(key)
        if since is None:
            if stands and closed:
                self._since[key] = at_s
            return ""
        lasted = at_s - since
        if not (stands and closed):
            del self._since[key]
        return f"K for {lasted * 1000:.0f} ms" if lasted > limit_s + TOLERANCE_S else ""

    # --- at every point -------------------------------------------------------------------------------------------------

    def _confirmed(self, p: TracePoint) -> str:
        return f"pilot {p.pilot}" if p.closed and p.pilot not in (PilotState.C, PilotState.D) else ""

    def _fault_free(self, p: TracePoint) -> str:
        if not p.closed or not p.faults:
            return ""
        return ", ".join(fault for fault in p.faults if fault in _OPENING)

    def _ventilated(self, p: TracePoint) -> str:
        refused = p.closed and p.pilot is PilotState.D and not self._evse.has_ventilation
        return "no ventilation" if refused else ""

    def _quick(self, p: TracePoint) -> str:
        left = 8.0 <= p.high_v <= 10.0 or 11.0 <= p.high_v <= 13.0
        return self._late("left", left, p.closed, 0.060, p.at_s)

    def _judged_pilot(self, p: TracePoint) -> str:
        bad = not (1.2 <= p.high_v <= 7.8 or 8.0 <= p.high_v <= 10.0 or 11.0 <= p.high_v <= 13.0)
        return self._late("bad", bad, p.closed, 0.500, p.at_s)

    def _forced_open(self, p: TracePoint) -> str:
        return self._late("x1", p.output is not PilotOutput.X2, p.closed, 6.5, p.at_s)

    def _explained(self, p: TracePoint) -> str:
        silent = p.pilot is PilotState.C and not p.closed and not p.is_explained
        return "no reason recorded" if self._late("silent", silent, True, 3.0, p.at_s) and silent else ""

    def _fresh(self, p: TracePoint) -> str:
        age_s = p.at_s - p.high_at_s
        return f"sample {age_s * 1000:.0f} ms old" if p.closed and age_s > 0.150 + TOLERANCE_S else ""

    def _within_limits(self, p: TracePoint) -> str:
        if p.output is not PilotOutput.X2:
            return ""
        most = min(p.permit_a, self._evse.hardware_max_a, 0.0 if p.cable_a is None else p.cable_a, p.thermal_a)
        return f"{p.signalled_a:.2f} A signalled, {most:.2f} A allowed" if p.signalled_a > most + 0.001 else ""

    def _permitted_duty(self, p: TracePoint) -> str:
        if p.output is not PilotOutput.X2:
            return ""
        is_unpermitted = p.permit_until_s <= p.at_s - TOLERANCE_S or p.permit_a < 6.0
        if is_unpermitted and (not p.is_high_level or p.signalled_a > 0.0):
            return f"PWM with a permit for {p.permit_a:g} A"
        duty = p.duty_pct
        if p.is_high_level:
            return "" if _is_high_level_duty(duty) else f"duty {duty}"
        return f"duty {duty}" if duty is None or not 10.0 <= duty <= 97.0 else ""

    def _paced_duty(self, p: TracePoint) -> str:
        duty = p.duty_pct if p.output is PilotOutput.X2 and p.duty_pct is not None else 0.0
        if duty <= self._duty:
            return ""
        waited, self._raised_at = p.at_s - self._raised_at, p.at_s
        return f"raised after {waited:.2f} s" if waited < 5.0 - TOLERANCE_S else ""

    def _locked(self, p: TracePoint) -> str:
        if not self._evse.has_lock:
            return ""
        if p.motion is Motion.UNLOCK and (p.closed or p.mirror is not Mirror.OPEN):
            return f"unlocking with K {'on' if p.closed else 'off'}, mirror {p.mirror.value}"
        if p.closed and (p.locked is not Level.YES or p.cable_a is None):
            return f"locked: {p.locked.value}, cable {p.cable_a} A"
        return ""

    def _mirrored(self, p: TracePoint) -> str:
        if p.closed is not self._closed or self._is_first:
            self._commanded_at = p.at_s
            self._since.pop("mirror", None)
        differs = p.mirror is not (Mirror.CLOSED if p.closed else Mirror.OPEN)
        if not differs:
            self._since.pop("mirror", None)
            return ""
        if p.at_s < self._commanded_at + 0.100 - TOLERANCE_S:
            return ""
        lasted = p.at_s - self._since.setdefault("mirror", p.at_s)
        if lasted < 0.250 + 0.030:
            return ""
        told = not p.closed and not _MIRROR_FAULTS.isdisjoint(p.faults)
        return "" if told else f"mirror {p.mirror.value} for {lasted * 1000:.0f} ms"

    def _phase_relay(self, p: TracePoint) -> str:
        if self._is_first or p.phases == self._phases:
            return ""
        quiet = not p.closed and not self._closed and p.mirror is Mirror.OPEN and not self._was_x2
        return "" if quiet else f"{self._phases} -> {p.phases} phases"

    def _residual(self, p: TracePoint) -> str:
        trips = p.rcd_tripped is not Level.NO and not p.is_testing
        if p.rcd_tripped is Level.YES and not p.is_testing and "rcd_trip" not in p.faults:
            return "not latched"
        return self._late("rcd", trips, p.closed, 0.050, p.at_s)

    def _tested(self, p: TracePoint) -> str:
        return "self-test with K on" if p.is_testing and p.closed else ""

    def _drawn(self, p: TracePoint) -> str:
        over = p.drawn_a is not None and p.output is PilotOutput.X2 and p.drawn_a > (p.signalled_a + 0.5) * 1.10
        # 7 s, after the 5 s that the vehicle has to follow a lowered duty, as seen by measurements that come now and then
        return self._late("drawn", over, p.closed, 7.0 + 5.0 + 1.0, p.at_s)

    def _leased(self, p: TracePoint) -> str:
        if self._is_first and (p.closed or p.output is PilotOutput.X2):
            return "energised or advertising at the start"
        lost = p.permit_until_s <= p.at_s - TOLERANCE_S
        if lost and p.output is PilotOutput.X2:
            return "PWM without a lease"
        return self._late("lease", lost, p.closed, 6.5, p.at_s)

    def _emergency(self, p: TracePoint) -> str:
        if p.estop_pressed is Level.YES and "emergency_stop" not in p.faults:
            return "e-stop not latched"
        bad = p.estop_pressed is not Level.NO or p.mains_absent is not Level.NO
        return self._late("emergency", bad, p.closed, 0.050, p.at_s)

    # --- when K rises ---------------------------------------------------------------------------------------------------

    def _judge_rising(self, p: TracePoint, found: list[Breach]) -> None:
        at = p.at_s
        duty = p.duty_pct if p.duty_pct is not None else 0.0
        is_offering = _is_high_level_duty(duty) if p.is_high_level else 10.0 <= duty <= 97.0
        asked_for = at - self._asking_at if self._asking_at is not None else 0.0
        waited = at - self._fell_at
        recent = sum(1 for rise in self._rises if rise > at - 600.0 + TOLERANCE_S) + 1
        tested_s = at - p.tested_at_s if p.tested_at_s is not None else float("inf")
        judged = (
            (2, not (self._was_x2 and p.output is PilotOutput.X2 and is_offering), f"{p.output}, duty {duty}"),
            (4, not self._diode_good, "diode not seen good"),
            (10, asked_for < 0.500 - TOLERANCE_S, f"asked for {asked_for * 1000:.0f} ms"),
            (15, p.permit_until_s <= at or not p.record_id, f"record {p.record_id!r}"),
            (20, self._evse.has_rcd_test and tested_s > 24 * 3600.0, f"tested {tested_s:.0f} s ago"),
            (21, waited < 5.0 - TOLERANCE_S or recent > 6, f"after {waited:.2f} s, {recent} times in 10 min"),
            (24, self._mirror is not Mirror.OPEN or p.mirror is not Mirror.OPEN, f"mirror {p.mirror.value} before"),
        )
        for number, broken, detail in judged:
            if broken:
                found.append(self._breach(number, detail, p))
        self._rises.append(at)

    def _remember(self, p: TracePoint) -> None:
        if self._closed and not p.closed:
            self._fell_at = p.at_s
        is_x2 = p.output is PilotOutput.X2
        if is_x2 and not self._was_x2:
            self._x2_at = p.at_s
        self._is_first = False
        self._at = p.at_s
        self._closed = p.closed
        self._was_x2 = is_x2
        self._duty = p.duty_pct if is_x2 and p.duty_pct is not None else 0.0
        self._phases = p.phases
        self._mirror = p.mirror
        self._kick_allowed = True

    # --- of the loop ----------------------------------------------------------------------------------------------------

    def kicked(self, at_s: float) -> list[Breach]:
        """The watchdog was kicked: only ever after a complete pass, and soon after."""
        allowed, self._kick_allowed = self._kick_allowed, False
        if allowed and at_s - self._at <= 0.100:
            return []
        detail = "no complete pass since the last kick" if not allowed else f"{at_s - self._at:.3f} s after the pass"
        return [Breach(23, self._evse.evse_id, at_s, f"{INVARIANTS[23]}; {detail}")]

    def excepted(self, at_s: float, closed: bool) -> list[Breach]:
        """A pass ended in an exception. closed: what the coil was told after it."""
        if not closed:
            return []
        return [Breach(25, self._evse.evse_id, at_s, f"{INVARIANTS[25]}; K on after an exception")]

    def registered(self, energy_wh: int, at_s: float) -> list[Breach]:
        """The energy register of the session was read."""
        before, self._register_wh = self._register_wh, energy_wh
        if before is None or energy_wh >= before:
            return []
        return [Breach(25, self._evse.evse_id, at_s, f"{INVARIANTS[25]}; {before} Wh, then {energy_wh} Wh")]


def _is_high_level_duty(duty_pct: float | None) -> bool:
    return duty_pct is not None and _HIGH_LEVEL_DUTY[0] <= duty_pct <= _HIGH_LEVEL_DUTY[1]
