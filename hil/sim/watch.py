"""What is noted and judged of the plant, whatever a run is about: broken invariants from outside, and where the energy went."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from controller.logic.invariants import Breach
from controller.logic.plant_monitor import PlantMonitor
from hil.plant.evse import EvseModel
from hil.plant.plant import Plant
from hil.plant.values import Edge

# Kinds of the `fault` verb with which the meter's register cannot be had, or is wrong.
METER_FAULTS = ("meter_silent", "meter_garbage", "meter_address", "meter_value")


@dataclass(frozen=True, slots=True)
class _Slope:
    """From at_s on the energy of an EVSE grows by power_w; until then it was wh."""

    at_s: float
    wh: float
    power_w: float


class EnergyRecord:
    """The plant's own energy integral of one EVSE at any time since `forget_before`."""

    def __init__(self, model: EvseModel, now: float) -> None:
        self._model = model
        self._slopes: list[_Slope] = []
        self.note(now)

    def note(self, now: float) -> None:
        """Call at every instant at which the plant changed."""
        power_w = self._model.energy.power_w
        if not self._slopes or self._slopes[-1].power_w != power_w:
            self._slopes.append(_Slope(now, self._model.energy.at(now), power_w))

    def at(self, at_s: float) -> float:
        """Return Wh since the beginning, as they were at a time."""
        index = max(0, bisect_right(self._slopes, at_s, key=lambda slope: slope.at_s) - 1)
        slope = self._slopes[index]
        return slope.wh + slope.power_w * max(0.0, at_s - slope.at_s) / 3600.0

    def forget_before(self, at_s: float) -> None:
        index = bisect_right(self._slopes, at_s, key=lambda slope: slope.at_s) - 1
        if index > 0:
            del self._slopes[:index]


class Times:
    """When something was so: from a moment to a moment, over and over."""

    def __init__(self) -> None:
        self._over: list[tuple[float, float]] = []
        self._since_s: float | None = None

    def note(self, is_so: bool, now: float) -> None:
        if is_so and self._since_s is None:
            self._since_s = now
        elif not is_so and self._since_s is not None:
            self._over.append((self._since_s, now))
            self._since_s = None

    def touch(self, begin_s: float, end_s: float) -> bool:
        """Whether it was so at any time between."""
        is_so = self._since_s is not None and self._since_s <= end_s
        return is_so or any(begin <= end_s and end >= begin_s for begin, end in self._over)

    def forget_before(self, at_s: float) -> None:
        self._over = [each for each in self._over if each[1] >= at_s]


class PlantWatch:
    """Shows the plant's edges to a `PlantMonitor` as they come.

    on_breaches: gets what it finds. A welded contact breaks invariants whatever the program does: while an EVSE's is, nothing
    is held against it.
    """

    def __init__(self, plant: Plant, on_breaches: Callable[[Sequence[Breach]], None]) -> None:
        self._plant = plant
        self._on_breaches = on_breaches
        self._edges_seen = {number: model.edge_count for number, model in plant.evses.items()}
        self._emergency = False
        self._welded: set[int] = set()  # a weld that is undone still has to open
        self.monitor = PlantMonitor(tuple(plant.evses))
        self.energy = {number: EnergyRecord(model, plant.now) for number, model in plant.evses.items()}
        self._meter_failed = {number: Times() for number in plant.evses}
        self._was_welded = {number: Times() for number in plant.evses}
        self._unsubscribe = plant.subscribe(self._look)

    def stop(self) -> None:
        """End watching; judges what stands once more."""
        self._unsubscribe()
        self.judge(self.monitor.check(self._plant.now))

    def judge(self, breaches: Sequence[Breach]) -> None:
        """Pass on what counts of the breaches that the monitor returned."""
        found = [breach for breach in breaches if breach.evse_id not in self._welded]
        if found:
            self._on_breaches(found)

    def meter_failed_within(self, evse: int, begin_s: float, end_s: float) -> bool:
        """Whether an EVSE's register could not be read, or showed something else, at any time between."""
        return self._meter_failed[evse].touch(begin_s, end_s)

    def welded_within(self, evse: int, begin_s: float, end_s: float) -> bool:
        return self._was_welded[evse].touch(begin_s, end_s)

    def forget_before(self, at_s: float) -> None:
        for number, record in self.energy.items():
            record.forget_before(at_s)
            self._meter_failed[number].forget_before(at_s)
            self._was_welded[number].forget_before(at_s)

    # --- inside

    def _look(self) -> None:
        plant, now = self._plant, self._plant.now
        found: list[Breach] = []
        emergency = plant.supply.estop or not plant.supply.mains
        if emergency is not self._emergency:
            self._emergency = emergency
            found += self.monitor.emergency(emergency, now)
        for number, model in plant.evses.items():
            self.energy[number].note(now)
            fails = not model.supply.mains or any(kind in model.faults for kind in METER_FAULTS)
            self._meter_failed[number].note(fails, now)
            news = model.edge_count - self._edges_seen[number]
            if news:
                self._edges_seen[number] += news
                for edge in islice(model.edges, max(0, len(model.edges) - news), None):
                    found += self._show(number, model, edge)
            if "weld" in model.faults:
                self._welded.add(number)
            self._was_welded[number].note(number in self._welded, now)
        if found:
            self.judge(found)
        self._welded = {number for number in self._welded if plant.evses[number].contactor.is_closed}

    def _show(self, number: int, model: EvseModel, edge: Edge) -> list[Breach]:
        match edge.what:
            case "contact":
                return self.monitor.contact(number, bool(edge.value), edge.at_s)
            case "advertising":
                return self.monitor.advertising(number, bool(edge.value), edge.at_s)
            case "ev":
                return self.monitor.vehicle(number, str(edge.value), edge.at_s)
            case "rcd":  # the self-test lets it trip, too
                return self.monitor.residual(number, model.rcd.health == "trip", edge.at_s)
            case _:
                return []
