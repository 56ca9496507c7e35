"""An EV: what it sees on the pilot, when it closes S2, how much it draws.

By default a willing car: a valid duty makes it close S2 and draw what is offered up to its own limit, within 5 s of a
change; when the PWM stops it draws nothing within 1 s and opens S2 within 3 s. If the supply goes away under load it just
loses current.

Sans-I/O with deadlines: `see` tells it the world, `deadline`/`on_deadline` let its time pass; `load` and `draw_a` are what
the world gets from it.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from enum import Enum

from hil.plant.energy import EnergyIntegral
from hil.plant.ev_options import EvOptions
from hil.plant.wiring import Load

MIN_OFFER_A = 6.0
WAKES_AFTER_S = 3.0
TOGGLE_S = 0.3
NO_CURRENT = (0.0, 0.0, 0.0)


class Signal(Enum):
    """The pilot as the EV sees it."""

    PWM = "pwm"
    STEADY = "steady"  # +12 V behind the source resistance
    GONE = "gone"  # no voltage: disconnected, shorted, or no earth
    NEGATIVE = "negative"  # steady -12 V


def offered_a(duty_pct: float) -> float:
    """Return what a duty offers an EV without digital communication, 0 for none (IEC 61851-1:2017 Table A.8, unverified)."""
    if 8.0 <= duty_pct < 10.0:
        return 6.0
    if 10.0 <= duty_pct <= 85.0:
        return duty_pct * 0.6
    if 85.0 < duty_pct <= 96.0:
        return (duty_pct - 64.0) * 2.5
    return 80.0 if 96.0 < duty_pct <= 97.0 else 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the EV takes, seconds: to close S2, to stop drawing, to open S2 after that, to follow a new offer."""

    close_s: float
    stop_s: float
    release_s: float
    follow_s: float

    @classmethod
    def of(cls, options: EvOptions, dice: random.Random) -> Pace:
        if options.slow:
            return cls(close_s=8.0, stop_s=2.5, release_s=2.9, follow_s=4.8)
        return cls(dice.uniform(0.8, 1.5), 0.5, dice.uniform(1.0, 2.0), dice.uniform(1.0, 2.5))


class Ev:
    """One EV from plug-in to unplug. `load`: what it hangs on the pilot. `draw_a`: amperes on L1, L2, L3."""

    def __init__(self, options: EvOptions, dice: random.Random, now: float) -> None:
        self.options = options
        self.load = self._asking_load() if options.no_s2 else Load.B
        self.draw_a = NO_CURRENT
        self.is_paused = False
        self.overdraw_a: float | None = None  # draws this much, whatever is offered
        self._pace = Pace.of(options, dice)
        self._forced_load: Load | None = None
        self._forced_draw_a: float | None = None
        self._signal = Signal.GONE
        self._signal_since = now
        self._offer_a = 0.0
        self._last_offer_a = 0.0
        self._live_phases: frozenset[int] = frozenset()
        self._awake = not options.sleepy
        self._toggles = 2 * options.bcb
        self._switches_at: float | None = None
        self._draws_at: float | None = None
        self._stops_at: float | None = None
        self._battery = EnergyIntegral(0.0, now)

    # --- what happens to it

    def see(self, signal: Signal, duty_pct: float, live_phases: frozenset[int], now: float) -> None:
        """The pilot and the phases that are live (0..2) are like this from now on."""
        if signal is not self._signal:
            if self._signal in (Signal.GONE, Signal.NEGATIVE) and now - self._signal_since >= WAKES_AFTER_S:
                self._awake = True
            if not {signal, self._signal} <= {Signal.GONE, Signal.NEGATIVE}:
                self._signal_since = now
            self._signal = signal
        self._offer_a = offered_a(duty_pct) if signal is Signal.PWM else 0.0
        if self._offer_a:
            self._last_offer_a = self._offer_a
        if live_phases != self._live_phases:
            self._live_phases = live_phases
            self.draw_a = self._alive(self.draw_a)
        self._think(now)

    def force(self, load: Load | None, draw_a: float | None, phases: int | None, now: float) -> None:
        """Behave as told until `unforce`: hold this load, draw this much whatever is offered."""
        self._forced_load = load
        self._forced_draw_a = draw_a
        if phases is not None:
            self.options = replace(self.options, phases=phases)
        if load is not None:
            self._set_load(load)
        self._think(now)
        if self._forced_draw_a is not None or phases is not None:
            self.draw_a = self._target_draw()

    def unforce(self, now: float) -> None:
        self._forced_load = self._forced_draw_a = None
        self._think(now)

    def pause(self, paused: bool, now: float) -> None:
        """The driver wants no energy for a while."""
        self.is_paused = paused
        self._think(now)

    def overdraw(self, amps: float | None, now: float) -> None:
        self.overdraw_a = amps
        self.draw_a = self._target_draw()
        self._think(now)

    def powered(self, power_w: float, now: float) -> None:
        """The battery takes this much from now on."""
        self._battery.set_power(power_w, now)

    # --- its time

    def deadline(self) -> float | None:
        times = [at for at in (self._switches_at, self._draws_at, self._stops_at, self._full_at()) if at is not None]
        return min(times, default=None)

    def on_deadline(self, now: float) -> None:
        if self._stops_at is not None and self._stops_at <= now:
            self._stops_at = None
            self.draw_a = NO_CURRENT
        if self._switches_at is not None and self._switches_at <= now:
            self._switch(now)
        if self._draws_at is not None and self._draws_at <= now:
            self._draws_at = None
            self.draw_a = self._target_draw()
        if self.is_full(now):
            self.draw_a = NO_CURRENT
        self._think(now)

    # --- what it is

    def soc_pct(self, now: float) -> float | None:
        if math.isinf(self.options.capacity_kwh):
            return None
        return min(100.0, self.options.soc_pct + self._battery.at(now) / self.options.capacity_kwh / 10.0)

    def is_full(self, now: float) -> bool:
        return self._battery.at(now) >= self._room_wh() - 1e-6

    def _room_wh(self) -> float:
        if math.isinf(self.options.capacity_kwh):
            return math.inf
        return self.options.capacity_kwh * 1000.0 * (1.0 - self.options.soc_pct / 100.0)

    def _full_at(self) -> float | None:
        at = self._battery.reaches(self._room_wh())
        return None if math.isinf(at) else at

    # --- what it wants

    def _wants(self, now: float) -> bool:
        return not self.is_paused and not self.is_full(now)

    def _asking_load(self) -> Load:
        return Load.D if self.options.ventilation else Load.C

    def _wanted_load(self, now: float) -> Load:
        if self._forced_load is not None:
            return self._forced_load
        if self.options.no_s2:
            return self._asking_load()
        if not self._wants(now):
            return Load.B
        if self._signal is Signal.PWM:
            return self._asking_load() if self._offer_a >= MIN_OFFER_A and self._awake else Load.B
        return self.load if self.options.ignores_pwm_off else Load.B

    def _target_draw(self) -> tuple[float, float, float]:
        if self.load not in (Load.C, Load.D) or not self._live_phases:
            return NO_CURRENT
        amps = self._target_amps()
        one, two, three = (amps * share for share in self.options.imbalance)
        phases = self.options.phases
        return self._alive((one, two if phases > 1 else 0.0, three if phases > 2 else 0.0))

    def _alive(self, amps: tuple[float, float, float]) -> tuple[float, float, float]:
        """Return what of a draw the live phases can carry."""
        one, two, three = (amps[phase] if phase in self._live_phases else 0.0 for phase in range(3))
        return (one, two, three)

    def _target_amps(self) -> float:
        if self.overdraw_a is not None:
            return self.overdraw_a
        if self._forced_draw_a is not None:
            return self._forced_draw_a
        if self.is_paused:
            return 0.0
        if self._offer_a >= MIN_OFFER_A:
            return min(self._offer_a, self.options.max_a)
        return min(self._last_offer_a, self.options.max_a) if self.options.ignores_pwm_off else 0.0

    def _think(self, now: float) -> None:
        """Decide what to do about S2 and the draw, and when. A decision on its way keeps its time."""
        wanted = self._wanted_load(now)
        if wanted is self.load:
            if not self._toggling():
                self._switches_at = None
        elif self._switches_at is None:
            closing = wanted in (Load.C, Load.D)
            self._switches_at = now + (self._pace.close_s if closing else self._pace.release_s)
        target = NO_CURRENT if self.is_full(now) else self._target_draw()
        if target == self.draw_a:
            self._draws_at = self._stops_at = None
        elif not any(target):
            self._draws_at = None
            self._stops_at = now + self._pace.stop_s if self._stops_at is None else self._stops_at
        else:
            self._stops_at = None
            self._draws_at = now + self._pace.follow_s if self._draws_at is None else self._draws_at

    def _toggling(self) -> bool:
        return 0 < self._toggles < 2 * self.options.bcb

    def _switch(self, now: float) -> None:
        self._switches_at = None
        wanted = self._wanted_load(now)
        if wanted in (Load.C, Load.D) and self._toggles:
            self._toggles -= 1
            self._set_load(wanted if self.load is Load.B else Load.B)
            self._switches_at = now + TOGGLE_S
        else:
            self._toggles = 0
            self._set_load(wanted)

    def _set_load(self, load: Load) -> None:
        self.load = load
        if load not in (Load.C, Load.D):
            self.draw_a = NO_CURRENT
