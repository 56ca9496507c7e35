"""Watches one EVSE's energy meter: polls it, judges its silence, keeps its register from going backwards."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TypeAlias

from controller.hal import DeviceError, EnergyMeter
from controller.logic.evse import Measurements
from controller.logic.metering import MeterHealth, Register
from controller.logic.values import MeterReading

_log = logging.getLogger(__name__)

BUSY_POLL_S = 1.0
IDLE_POLL_S = 10.0
REFRESH_LIMIT_S = 2.0


MakeWatch: TypeAlias = (
    "Callable[[int, EnergyMeter | None, Callable[[], float], Callable[[], None], Callable[[], None]], MeterWatch]"
)


class MeterWatch:
    """on_reading: called after every good poll. on_health: called whenever the meter is lost or found, or answers again.

    meter None: the EVSE has none. Then there is nothing to poll and nothing to lose.
    """

    def __init__(
        self,
        evse_id: int,
        meter: EnergyMeter | None,
        monotonic: Callable[[], float],
        on_reading: Callable[[], None],
        on_health: Callable[[], None],
    ) -> None:
        self.evse_id = evse_id
        self.latest: MeterReading | None = None
        self.is_busy = False  # energy may flow: poll often
        self.is_billed = False
        self.is_awaited = False  # something is to happen when the register has come to a value
        self._meter = meter
        self._monotonic = monotonic
        self._on_reading = on_reading
        self._on_health = on_health
        self._health = MeterHealth(monotonic())
        self._register = Register()
        self._was_lost = False
        self._begun = self._ended = 0  # polls
        self._polled = asyncio.Event()
        self._poll_now = asyncio.Event()

    @property
    def exists(self) -> bool:
        return self._meter is not None

    @property
    def has_answered(self) -> bool:
        return self._health.has_answered

    @property
    def is_lost(self) -> bool:
        return self.exists and self._health.is_lost(self._monotonic())

    @property
    def problem(self) -> str:
        """What the last poll complained of; empty after a good one."""
        return self._health.problem

    @property
    def register_wh(self) -> int | None:
        """The newest register that is believed, however old."""
        return self._register.wh

    @property
    def is_stale(self) -> bool:
        """Whether that register is not of now."""
        return not self.has_answered or self.is_lost or bool(self.problem)

    def limit_a(self) -> float | None:
        """What a lost meter leaves of the current; None: everything."""
        return self._health.limit_a(self._monotonic(), is_billed=self.is_billed) if self.exists else None

    def measurements(self) -> Measurements | None:
        """What the safety process judges over-current and voltage by."""
        if self.latest is None:
            return None
        age_s = max(0.0, self._monotonic() - self.latest.taken_at_s)
        return Measurements(self.latest.current_a, self.latest.voltage_v, age_s)

    def hurry(self, is_busy: bool) -> None:
        """Poll often from now on, or not any more."""
        if is_busy and not self.is_busy:
            self._poll_now.set()
        self.is_busy = is_busy

    async def refresh(self) -> None:
        """Wait for a poll that begins after now, but not for ever: what is not known in time is flagged as stale."""
        if self._meter is None:
            return
        wanted = self._begun + 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFRESH_LIMIT_S):
                while self._ended < wanted:
                    self._poll_now.set()
                    self._polled.clear()
                    await self._polled.wait()

    async def first_answer(self) -> None:
        """Wait until the meter has answered, or has failed to."""
        while self._meter is not None and not self.has_answered and not self.problem:
            self._polled.clear()
            await self._polled.wait()

    async def run(self) -> None:
        if self._meter is None:
            return
        try:
            while True:
                await self._poll(self._meter)
                await self._nap()
        finally:
            await self._meter.close()

    async def _nap(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause_s()):
                await self._poll_now.wait()

    def _pause_s(self) -> float:
        """A silent meter is looked for as often as one that is needed: its loss has deadlines."""
        return BUSY_POLL_S if self.is_busy or self.is_awaited or self.problem else IDLE_POLL_S

    async def _poll(self, meter: EnergyMeter) -> None:
        self._poll_now.clear()
        self._begun += 1
        was_well = not self.problem
        try:
            reading = await meter.read()
            refusal = self._register.refusal(reading.energy_import_wh, reading.taken_at_s, is_billed=self.is_billed)
            if refusal:
                raise DeviceError(f"meter of EVSE {self.evse_id}", refusal)
        except DeviceError as error:
            if not self.problem:
                _log.warning("EVSE %d: %s", self.evse_id, error)
            self._health.failed(str(error))
        else:
            if self.problem:
                _log.info("EVSE %d: the meter answers again", self.evse_id)
            first = not self.has_answered
            self._health.answered(self._monotonic())
            self.latest = reading
            self._on_reading()
            if first or not was_well:
                self._on_health()
        self._ended = self._begun
        self._polled.set()
        self._watch_loss()

    def _watch_loss(self) -> None:
        """Tell of every change of what the loss means: lost, then worse after a minute, then found."""
        lost = self.is_lost
        if lost and not self._was_lost:
            _log.error("EVSE %d: meter lost: %s", self.evse_id, self.problem)
        if lost or lost != self._was_lost:
            self._was_lost = lost
            self._on_health()
