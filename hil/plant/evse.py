"""One EVSE of the plant: joins EV, pilot circuit, contactor, lock, RCD and meter."""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from drivers.mock.curve import Curve
from hil.plant.contactor import MainContact
from hil.plant.energy import EnergyIntegral
from hil.plant.ev import Ev, Signal, offered_a
from hil.plant.ev_options import EvOptions
from hil.plant.lock import BoltModel
from hil.plant.meter import MeterShown, resolved
from hil.plant.rcd import RcdModel
from hil.plant.values import FREQUENCY_HZ, NOMINAL_V, Edge, PlantEvse
from hil.plant.wiring import CABLE_OHM, GENERATOR_V, STEP_S, Load, PeakHold, line_v

EDGES_KEPT = 10_000
NO_PHASES: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Supply:
    """What all EVSEs share. is_kicked: the one-shot is up. limited: the contact of whoever limits the current.

    Lines at rest: mains there, e-stop not pressed, not limited.
    """

    is_kicked: bool
    mains: bool
    estop: bool
    limited: bool = False


class EvseModel:
    """Mutators change one thing and then call `refresh`, which works out everything that follows."""

    def __init__(self, built: PlantEvse, supply: Supply, seed: str, now: float) -> None:
        self.built = built
        self.supply = supply
        self.dice = random.Random(seed)
        self.ev: Ev | None = None
        self.cable_ohm = math.inf
        self.faults: dict[str, Any] = {}
        self.contactor = MainContact(self.dice.uniform(0.020, 0.030), self.dice.uniform(0.010, 0.020))
        self.phase_relay = MainContact(0.015, 0.010)
        self.bolt = BoltModel(now, built.bolt_rests)
        self.rcd = RcdModel(built.rcd_outputs)
        self.command = False
        self.phase_command = False
        self.cp_enable = False
        self.duty_pct: float | None = None  # None: steady
        self.level = False  # of a steady pilot: True +12 V, False -12 V
        self.energy = EnergyIntegral(0.0, now)
        self.current_a = (0.0, 0.0, 0.0)
        self.high = PeakHold(True, 0.0, now)
        self.low = PeakHold(False, 0.0, now)
        self.edges: deque[Edge] = deque(maxlen=EDGES_KEPT)
        self.edge_count = 0  # ever, also of those not kept any more
        self.changes = 0  # counts what a controller or a spectator could notice
        self._step_at: float | None = None
        self._others_at = math.inf  # when something else than the settling pilot falls due
        self._deadline: float | None = None
        self._seen: dict[str, str | float | bool | None] = {}
        self._inputs: tuple[object, ...] = ()
        self.refresh(now)

    # --- what it is

    @property
    def relay_supply(self) -> bool:
        """RCD latch and one-shot and the supply of the coil circuit: what lets a command reach the coil."""
        return self.supply.is_kicked and self.supply.mains and not self.supply.estop and not self.rcd.is_tripped

    @property
    def is_connected(self) -> bool:
        return self.cp_enable and self.supply.is_kicked

    @property
    def is_advertising(self) -> bool:
        """Whether the pilot tells an EV that it may charge (or talk): a PWM of 3 to 97 % on a connected line."""
        return self.is_connected and self.duty_pct is not None and 3.0 <= self.duty_pct <= 97.0

    @property
    def is_plugged(self) -> bool:
        return self.ev is not None

    @property
    def voltage_v(self) -> tuple[float, float, float]:
        volts = NOMINAL_V if self.supply.mains else 0.0
        if self.supply.mains:
            volts = self.faults.get("under_voltage", self.faults.get("over_voltage", NOMINAL_V))
        return (volts, volts, volts) if self.built.phases == 3 else (volts, 0.0, 0.0)

    @property
    def live_phases(self) -> frozenset[int]:
        """Return the phases (0..2) that have voltage behind the contacts."""
        if not self.contactor.is_closed or not self.supply.mains:
            return NO_PHASES
        if self.built.phases == 1 or (self.built.has_phase_relay and not self.phase_relay.is_closed):
            return frozenset((0,))
        return frozenset((0, 1, 2))

    def mirror(self) -> tuple[bool, bool]:
        """Return what the two auxiliary contacts say: (the one that closes with the main contact, the one that opens)."""
        truth = self.contactor.is_closed
        lie = self.faults.get("mirror")
        if lie == "contradictory":
            return (True, True)
        if lie is not None:
            truth = {"open": False, "closed": True, "inverted": not truth}[lie]
        return (truth, not truth)

    def proximity_ohm(self) -> float:
        if "ground" in self.faults:
            return math.inf
        return float(self.faults.get("pp_ohm", self.cable_ohm))

    def temperature_c(self) -> float:
        return float(self.faults.get("over_temperature", 25.0))

    def meter(self, now: float) -> MeterShown | None:
        """Return what can be read of the meter, None when nobody gets an answer of it."""
        lost = self.faults.keys() & {"meter_silent", "meter_garbage", "meter_address"}
        return None if lost or not self.supply.mains else self.display(now)

    def display(self, now: float) -> MeterShown:
        """Return what the meter shows on its own display."""
        volts = self.voltage_v
        power = tuple(v * i for v, i in zip(volts, self.current_a, strict=True))
        register = resolved(self.built.meter_start_wh + self.energy.at(now))
        shown = MeterShown(volts, self.current_a, power, register, FREQUENCY_HZ)  # type: ignore[arg-type]
        return shown.falsified(self.faults.get("meter_value", {}))

    # --- plugging

    def plug_in(self, options: EvOptions, cable_a: int, now: float) -> None:
        self.ev = Ev(options, self.dice, now)
        self.cable_ohm = math.inf if self.built.tethered else CABLE_OHM[cable_a]
        self.refresh(now)

    def unplug(self, now: float) -> None:
        """The EV leaves; a cable that the lock holds stays in the socket until it is free."""
        self.ev = None
        self.refresh(now)

    # --- its time

    def deadline(self) -> float | None:
        return self._deadline

    def on_deadline(self, now: float) -> None:
        if self._others_at > now:  # only the pilot is to be looked at again
            self._plan(now)
            return
        for part in (self.contactor, self.phase_relay, self.bolt, self.rcd):
            part.on_deadline(now)
        if self.ev is not None:
            due = self.ev.deadline()
            if due is not None and due <= now:
                self.ev.on_deadline(now)
        self.refresh(now)

    def refresh(self, now: float) -> None:
        """Work out what follows from the present state; note what changed; find when something changes next."""
        self.contactor.energise(self.command and self.relay_supply, now)
        self.phase_relay.energise(self.phase_command and self.relay_supply, now)
        if self.ev is None and self.bolt.is_open(now):
            self.cable_ohm = math.inf
        self._let_ev_see(now)
        self._drive_pilot(now)
        self._count(now)
        self._note(now)
        self._plan(now)

    def _let_ev_see(self, now: float) -> None:
        if self.ev is None:
            return
        over = self.faults.get("over_current")
        if over == "auto":
            over = offered_a(self.duty_pct or 0.0) * 1.3 + 1.0
        if over != self.ev.overdraw_a:
            self.ev.overdraw(over, now)
        self.ev.see(self._signal(), self.duty_pct or 0.0, self.live_phases, now)

    def _signal(self) -> Signal:
        if not self.is_connected or "cp_short" in self.faults or "ground" in self.faults:
            return Signal.GONE
        if self.duty_pct is not None:
            return Signal.PWM
        return Signal.STEADY if self.level else Signal.NEGATIVE

    def plateaus(self) -> tuple[float, float]:
        """Return the upper and the lower volts of the line itself, before any hold circuit; equal where it is steady."""
        if not self.is_connected:
            return (0.0, 0.0)
        load = Load.A if self.ev is None or "ground" in self.faults else self.ev.load
        short = self.faults.get("cp_short", math.inf)
        behind = short == "after_diode"
        ohms = math.inf if behind else float(short)
        diode = "diode" in self.faults

        def at(generator_v: float) -> float:
            return line_v(generator_v, load, diode_shorted=diode, short_ohm=ohms, after_diode=behind)

        if self.duty_pct is not None:
            return (at(GENERATOR_V), at(-GENERATOR_V))
        steady = at(GENERATOR_V if self.level else -GENERATOR_V)
        return (steady, steady)

    def _drive_pilot(self, now: float) -> None:
        high_v, low_v = self.plateaus()
        if self.high.drive(high_v, now) | self.low.drive(low_v, now):
            self._step_at = now

    def _count(self, now: float) -> None:
        self.current_a = self.ev.draw_a if self.ev is not None and self.live_phases else (0.0, 0.0, 0.0)
        power = sum(v * i for v, i in zip(self.voltage_v, self.current_a, strict=True))
        self.energy.set_power(power, now)
        if self.ev is not None:
            self.ev.powered(power, now)

    def _note(self, now: float) -> None:
        inputs = (
            self.high.curve,
            self.low.curve,
            self.proximity_ohm(),
            self.temperature_c(),
            "ground" in self.faults,
            self.mirror(),
            self.bolt.is_locked(now),
            self.rcd.is_tripped,
            self.rcd.is_partly_tripped,
            self.rcd.has_error,
            self.supply,
        )
        if inputs != self._inputs:
            self._inputs = inputs
            self.changes += 1
        self._edge(now, "command", self.command)
        self._edge(now, "relay_supply", self.relay_supply)
        self._edge(now, "coil", self.contactor.coil)
        self._edge(now, "contact", self.contactor.is_closed)
        self._edge(now, "mirror", "closed" if self.mirror()[0] else "open")
        self._edge(now, "pilot", self.pilot_output())
        self._edge(now, "advertising", self.is_advertising)
        self._edge(now, "ev", self.ev.load.value if self.ev is not None else "A")
        self._edge(now, "locked", self.bolt.is_locked(now))
        self._edge(now, "rcd", self.rcd.is_tripped)
        self._edge(now, "current", sum(self.current_a))

    def pilot_output(self) -> str | float:
        """Return what drives the line: `E`, `F`, `X1`, or the duty in percent."""
        if not self.is_connected:
            return "E"
        if self.duty_pct is not None:
            return self.duty_pct
        return "X1" if self.level else "F"

    def _edge(self, now: float, what: str, value: str | float | bool | None) -> None:
        if self._seen.get(what, _UNSEEN) != value:
            if what in self._seen:
                self.edges.append(Edge(now, what, value))
                self.edge_count += 1
                self.changes += 1
            self._seen[what] = value

    def _plan(self, now: float) -> None:
        """While a held plateau settles, the pilot is worth a look every STEP_S."""
        if self._step_at is not None and self._step_at <= now:
            settled = max(self.high.settled_at(), self.low.settled_at())
            self.changes += 1
            self._step_at = min(now + STEP_S, settled) if settled > now else None
        parts = (self.contactor, self.phase_relay, self.bolt, self.rcd)
        times = [part.deadline() for part in parts]
        if self.ev is not None:
            times.append(self.ev.deadline())
        self._others_at = min((at for at in times if at is not None), default=math.inf)
        soonest = min(self._others_at, math.inf if self._step_at is None else self._step_at)
        self._deadline = None if math.isinf(soonest) else soonest

    def pilot(self, now: float) -> tuple[float, float]:
        """Return the held plateaus in volts: (high, low)."""
        return (self.high.curve.value(now), self.low.curve.value(now))

    def curves(self) -> tuple[Curve, Curve]:
        return (self.high.curve, self.low.curve)


_UNSEEN = object()
