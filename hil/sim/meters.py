"""How a simulated station watches its meters: a poll that would tell nothing new is implied, not made."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from controller.hal import EnergyMeter
from controller.logic.values import MeterReading
from controller.station.meters import MeterWatch
from drivers.mock.ports import SimMeter
from hil.plant.evse import EvseModel
from hil.plant.meter import MeterShown, resolved
from hil.plant.plant import Plant

ANSWER_S = 0.15


@dataclass(slots=True)
class _Steady:
    """What the last poll saw, and still holds: only the register goes on, with the power. at_s: when its answer came."""

    at_s: float
    pause_s: float  # from then to the next poll
    wh: float
    power_w: float
    shown: MeterShown


class ImpliedWatch(MeterWatch):
    """Reads at the same times as its base would, as long as somebody looks; polls only when the plant has changed.

    plant: where the meter is. on_polled: called after every poll that was made.
    """

    def __init__(
        self,
        plant: Plant,
        on_polled: Callable[[], None],
        evse_id: int,
        meter: EnergyMeter | None,
        monotonic: Callable[[], float],
        on_reading: Callable[[], None],
        on_health: Callable[[], None],
    ) -> None:
        self._steady: _Steady | None = None
        self._latest: MeterReading | None = None
        self._awaited = False
        super().__init__(evse_id, meter, monotonic, on_reading, on_health)
        self._plant = plant
        self._model: EvseModel = plant.evses[evse_id]
        self._on_polled = on_polled
        self._answers_at: float | None = None  # of a poll that is under way although nobody had to make it
        self._then_again = False
        self._timer: asyncio.TimerHandle | None = None

    # --- what is known, as of the last poll that would have been

    @property
    def latest(self) -> MeterReading | None:
        self._catch_up()
        return self._latest

    @latest.setter
    def latest(self, reading: MeterReading | None) -> None:
        self._latest = reading

    @property
    def register_wh(self) -> int | None:
        self._catch_up()
        return super().register_wh

    @property
    def is_awaited(self) -> bool:
        return self._awaited

    @is_awaited.setter
    def is_awaited(self, awaited: bool) -> None:
        if awaited and not self._awaited:
            self._disturb()
        self._awaited = awaited

    def _catch_up(self) -> None:
        steady, now = self._steady, self._monotonic()
        if steady is None or self._latest is None or now < self._next_s(steady):
            return
        round_s = self._pause_s() + ANSWER_S
        at_s = self._next_s(steady)
        at_s += math.floor((now - at_s) / round_s) * round_s
        steady.wh += steady.power_w * (at_s - steady.at_s) / 3600.0
        steady.at_s, steady.pause_s = at_s, self._pause_s()
        register_wh = int(resolved(steady.wh))
        assert isinstance(self._meter, SimMeter)
        self._meter.judge("meter", register_wh, at_s)
        self._register.refusal(register_wh, at_s, is_billed=self.is_billed)
        self._health.answered(at_s)
        self._latest = replace(self._latest, taken_at_s=at_s, energy_import_wh=register_wh)

    def _next_s(self, steady: _Steady) -> float:
        """Return when the answer of the next poll would come."""
        return steady.at_s + steady.pause_s + ANSWER_S

    # --- polls that must be made

    def hurry(self, is_busy: bool) -> None:
        self._catch_up()
        if is_busy and not self.is_busy:
            self._then_again = self._fly()
        super().hurry(is_busy)

    async def refresh(self) -> None:
        self._catch_up()
        self._fly()
        await super().refresh()

    def _fly(self) -> bool:
        """Whether a poll would be under way now; then it is."""
        steady, now = self._steady, self._monotonic()
        if steady is None or now <= self._next_s(steady) - ANSWER_S:
            return False
        self._answers_at = self._next_s(steady)
        self._begun += 1
        self._steady = None
        self._poll_now.set()
        return True

    def _changed(self) -> None:
        """Something changed at the plant; if that is to be seen here, the next poll is made."""
        if self._steady is not None and not self._is_as(self._steady.shown):
            self._disturb()

    def _disturb(self) -> None:
        self._catch_up()
        steady = self._steady
        if steady is not None and not self._fly():
            self._steady = None
            begins_s = self._next_s(steady) - ANSWER_S
            self._timer = asyncio.get_running_loop().call_at(begins_s, self._poll_now.set)

    def _is_as(self, shown: MeterShown) -> bool:
        now = self._plant.now
        seen = self._model.meter(now)
        return seen is not None and replace(seen, energy_wh=shown.energy_wh) == shown

    async def run(self) -> None:
        stop = self._plant.subscribe(self._changed)
        try:
            await super().run()
        finally:
            stop()
            self._forget_timer()

    async def _poll(self, meter: EnergyMeter) -> None:
        self._forget_timer()
        assert isinstance(meter, SimMeter)
        meter.answer_s = ANSWER_S
        if self._answers_at is not None:
            meter.answer_s = max(0.0, self._answers_at - self._monotonic())
            self._answers_at = None
            self._begun -= 1
        await super()._poll(meter)
        if self._then_again:
            self._then_again = False
            self._poll_now.set()
        self._settle()
        self._on_polled()

    def _settle(self) -> None:
        """From here on the meter can only go on as it does, until something changes."""
        shown = self._model.meter(self._plant.now)
        if shown is None or self.problem or self._awaited or "meter_value" in self._model.faults:
            return
        model, now = self._model, self._monotonic()
        wh = model.built.meter_start_wh + model.energy.at(now)
        self._steady = _Steady(now, self._pause_s(), wh, model.energy.power_w, shown)

    async def _nap(self) -> None:
        if self._steady is None:
            await super()._nap()
        else:
            await self._poll_now.wait()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
