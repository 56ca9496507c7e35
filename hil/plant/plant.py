"""The world outside the Pi: all EVSEs, the one-shot, mains, cards. Sans-I/O, deterministic from a seed.

Outputs of the controller go in with the time they were made; inputs can be read at any time. `advance` lets time pass;
`next_change` tells when something observable will change by itself, so a simulation need not tick. With `clock` the plant
advances by itself whenever it is touched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from drivers.mock.curve import Curve
from hil.plant import verbs
from hil.plant.card import CardField, ReaderModel
from hil.plant.evse import EvseModel, Supply
from hil.plant.meter import MeterShown
from hil.plant.one_shot import OneShot
from hil.plant.values import Edge, PlantEvse, PlantReader


@dataclass(frozen=True, slots=True)
class ObservedEvse:
    """What the plant saw of one EVSE itself. energy_wh: its own integral since the beginning."""

    edges: tuple[Edge, ...]
    energy_wh: float
    contact_closed: bool
    is_advertising: bool
    current_a: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Observed:
    """one_shot_alive, kicked_at_s, drops: state of the one-shot and how often it has dropped."""

    evses: Mapping[int, ObservedEvse]
    one_shot_alive: bool
    kicked_at_s: float | None
    drops: int


class _Timed(Protocol):
    def deadline(self) -> float | None: ...


class Plant:
    """evses: as built. now: monotonic seconds. readers: card readers. seed: decides every time that varies."""

    def __init__(
        self,
        evses: Sequence[PlantEvse],
        now: float,
        *,
        readers: Sequence[PlantReader] = (),
        seed: int = 0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._now = now
        self._clock = clock
        self.one_shot = OneShot()
        self.network_up = True
        self.station_faults: dict[str, Any] = {}
        self.supply = Supply(is_kicked=False, mains=True, estop=False)
        self.evses = {evse.id: EvseModel(evse, self.supply, f"{seed}:{evse.id}", now) for evse in evses}
        self.readers = {reader.name: ReaderModel(reader) for reader in readers}
        self._timed: tuple[_Timed, ...] = (self.one_shot, *self.evses.values(), *self.readers.values())
        self._subscribers: list[Callable[[], None]] = []
        self._planners: list[Callable[[], None]] = []
        self._noticed = 0
        self._other_changes = 0
        self._telling = False

    # --- time

    @property
    def now(self) -> float:
        return self._now

    def advance(self, now: float) -> None:
        """Let time pass up to `now`, doing everything that falls due in its order. Going back is ignored.

        Subscribers are told at each instant at which something changed, so they can act before the next.
        """
        while self._step(now):
            self._tell()
        self._now = max(self._now, now)
        self._tell()

    def next_change(self, now: float | None = None) -> float | None:
        """Return the next instant at which something observable changes by itself, None when nothing will."""
        soonest = math.inf
        for part in self._timed:
            due = part.deadline()
            if due is not None and due < soonest:
                soonest = due
        if soonest == math.inf:
            return None
        return max(soonest, self._now if now is None else now)

    def subscribe(self, on_change: Callable[[], None]) -> Callable[[], None]:
        """Call `on_change` whenever an input or anything a spectator can see has changed. Returns how to stop that."""
        self._subscribers.append(on_change)
        return lambda: self._subscribers.remove(on_change)

    def subscribe_plan(self, on_plan: Callable[[], None]) -> Callable[[], None]:
        """Call `on_plan` whenever `next_change` may have come nearer, also when nothing changed yet."""
        self._planners.append(on_plan)
        return lambda: self._planners.remove(on_plan)

    def touch(self) -> None:
        """Advance to the clock, where there is one."""
        if self._clock is not None:
            self._pass_time(self._clock())

    # --- outputs of the controller; `at`: when the output was written (default: now)

    def pwm(self, evse: int, duty_pct: float | None, level: bool = False, at: float | None = None) -> None:
        """Drive the pilot's generator: a duty of the 1 kHz PWM, or None and a steady level (True +12 V, False -12 V)."""
        model = self._at(evse, at)
        if (model.duty_pct, model.level) != (duty_pct, level):
            model.duty_pct, model.level = duty_pct, level
            self._refresh(model)

    def cp_enable(self, evse: int, enabled: bool, at: float | None = None) -> None:
        model = self._at(evse, at)
        if model.cp_enable != enabled:
            model.cp_enable = enabled
            self._refresh(model)

    def contactor(self, evse: int, closed: bool, at: float | None = None) -> None:
        model = self._at(evse, at)
        if model.command != closed:
            model.command = closed
            self._refresh(model)

    def phase_relay(self, evse: int, closed: bool, at: float | None = None) -> None:
        model = self._at(evse, at)
        if model.phase_command != closed:
            model.phase_command = closed
            self._refresh(model)

    def lock(self, evse: int, direction: int, at: float | None = None) -> None:
        """Drive the lock's motor: 1 locks, -1 unlocks, 0 rests."""
        model = self._at(evse, at)
        model.bolt.drive(direction, self._now)
        self._refresh(model)

    def rcd_test(self, evse: int, active: bool, at: float | None = None) -> None:
        model = self._at(evse, at)
        model.rcd.test(active, self._now)
        self._refresh(model)

    def kick(self, at: float | None = None) -> None:
        """Kick the one-shot."""
        self._pass(at)
        kicked_at = self._now if at is None else at
        if self.one_shot.kick(kicked_at):
            self._resupply()
        self._tell()

    def imply_kicks(self, kicking: bool, at: float | None = None) -> None:
        """Begin kicks that come by themselves, or end them: the safety loop was killed at that moment."""
        self._pass(at)
        if self.one_shot.imply(kicking, self._now):
            self._resupply()
        self._tell()

    @property
    def are_kicks_implied(self) -> bool:
        return self.one_shot.is_implied

    # --- inputs of the controller

    def pilot(self, evse: int) -> tuple[float, float]:
        """Return the held plateaus at this moment, volts: (high, low)."""
        self.touch()
        return self.evses[evse].pilot(self._now)

    def pilot_curves(self, evse: int) -> tuple[Curve, Curve]:
        return self.evses[evse].curves()

    def proximity_ohm(self, evse: int) -> float:
        self.touch()
        return self.evses[evse].proximity_ohm()

    def mirror(self, evse: int) -> tuple[bool, bool]:
        """Return the auxiliary contacts: (closes with the main contact, opens with it). Equal: they contradict."""
        self.touch()
        return self.evses[evse].mirror()

    def lock_feedback(self, evse: int) -> bool:
        self.touch()
        return self.evses[evse].bolt.is_locked(self._now)

    def temperature_c(self, evse: int) -> float:
        return self.evses[evse].temperature_c()

    def phase_values(self, evse: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the true currents and voltages of the phases, whatever a meter says."""
        model = self.evses[evse]
        return model.current_a, model.voltage_v

    def ground(self, evse: int) -> bool:
        """Return whether the earth monitor sees the protective conductor."""
        return "ground" not in self.evses[evse].faults

    def rcd(self, evse: int) -> tuple[bool, bool]:
        """Return (tripped, error)."""
        self.touch()
        rcd = self.evses[evse].rcd
        return (rcd.is_tripped, rcd.has_error)

    def rcd_partly(self, evse: int) -> bool:
        """Return whether of two trip outputs one is active and the other is not."""
        self.touch()
        return self.evses[evse].rcd.is_partly_tripped

    @property
    def mains(self) -> bool:
        return self.supply.mains

    @property
    def estop(self) -> bool:
        return self.supply.estop

    @property
    def limit(self) -> bool:
        return self.supply.limited

    def meter(self, evse: int) -> MeterShown | None:
        """Return what the meter shows now, None when it does not answer."""
        self.touch()
        return self.evses[evse].meter(self._now)

    @property
    def adc_works(self) -> bool:
        return "adc" not in self.station_faults

    def has_phase_relay(self, evse: int) -> bool:
        return self.evses[evse].built.has_phase_relay

    def phases(self, evse: int) -> int:
        return self.evses[evse].built.phases

    def card(self, reader: str) -> CardField:
        """Return what a reader's field shows. Raises KeyError for a reader that is not there."""
        self.touch()
        return self.readers[reader].field()

    @property
    def observed(self) -> Observed:
        """What the plant saw itself; what tests compare with."""
        self.touch()
        evses = {
            number: ObservedEvse(
                tuple(model.edges),
                model.energy.at(self._now),
                model.contactor.is_closed,
                model.is_advertising,
                model.current_a,
            )
            for number, model in self.evses.items()
        }
        return Observed(evses, self.one_shot.is_alive, self.one_shot.kicked_at, self.one_shot.drops)

    # --- verbs

    def verb(self, name: str, /, **args: Any) -> dict[str, Any]:
        """Do a bench verb now and return its answer. Raises PlantError; then nothing has changed."""
        self.touch()
        answer = verbs.perform(self, name, args)
        self._tell()
        return answer

    def power_cut(self) -> None:
        """All supply was gone for a moment: every output is as at boot, what is mechanical stays."""
        self.one_shot.drop()
        for model in self.evses.values():
            model.command = model.phase_command = model.cp_enable = model.level = False
            model.duty_pct = None
            model.bolt.drive(0, self._now)
            model.rcd.test(False, self._now)
        self._resupply()

    def resupply(self) -> None:
        """Something that all EVSEs share has changed."""
        self._resupply()

    def note_change(self) -> None:
        """Something outside the EVSEs changed that a spectator can see."""
        self._other_changes += 1

    # --- inside

    def _at(self, evse: int, at: float | None) -> EvseModel:
        self._pass(at)
        return self.evses[evse]

    def _pass(self, at: float | None) -> None:
        if at is None:
            self.touch()
        else:
            self._pass_time(at)

    def _pass_time(self, now: float) -> None:
        while self._step(now):
            pass
        self._now = max(self._now, now)

    def _step(self, until: float) -> bool:
        """Go to the next instant at which something falls due, if that is not after `until`. Returns whether it was."""
        due = self.next_change(self._now)
        if due is None or due > until:
            return False
        self._now = max(self._now, due)
        self._fall_due()
        return True

    def _fall_due(self) -> None:
        now = self._now
        if self.one_shot.on_deadline(now):
            self._resupply()
        for model in self.evses.values():
            due = model.deadline()
            if due is not None and due <= now:
                model.on_deadline(now)
        for reader in self.readers.values():
            self._other_changes += reader.on_deadline(now)

    def _resupply(self) -> None:
        faults = self.station_faults
        self.supply = Supply(self.one_shot.is_alive, "mains" not in faults, "estop" in faults, "limit" in faults)
        for model in self.evses.values():
            if model.supply != self.supply:
                model.supply = self.supply
            model.refresh(self._now)

    def _refresh(self, model: EvseModel) -> None:
        model.refresh(self._now)
        self._tell()

    def _tell(self) -> None:
        """Tell subscribers what changed since the last time; what they change in turn is told after them."""
        if self._telling:
            return
        self._telling = True
        try:
            while (noticed := self._changes()) != self._noticed:
                self._noticed = noticed
                for subscriber in tuple(self._subscribers):
                    subscriber()
            for planner in tuple(self._planners):
                planner()
        finally:
            self._telling = False

    def _changes(self) -> int:
        return self._other_changes + sum(model.changes for model in self.evses.values())
