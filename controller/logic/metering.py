"""What is made of meter readings: samples for a message, when they are due, and what a silent meter means."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from controller.logic.profiles import NOMINAL_VOLTAGE_V
from controller.logic.values import Measurand, MeterReading, Sample, SampleContext

EARLY_S = 1e-6  # a timer may fire this much before its time: that is its time
_SIGNED = (SampleContext.TRANSACTION_BEGIN, SampleContext.TRANSACTION_END)
LEAP_WH = 1000.0  # resolution of a register, and what flows between a poll and its stamp
LEAP_W = 100_000.0  # twice what any AC station gives
LOSS_POLLS = 3
LOSS_AFTER_S = 10.0  # hardware-facts: 3 failed polls or 10 s, whichever is later
LOSS_STOPS_AFTER_S = 60.0
LOSS_CURRENT_A = 6.0


def samples(
    reading: MeterReading | None,
    measurands: Iterable[Measurand],
    context: SampleContext,
    *,
    offered_a: float,
    phases: int,
) -> tuple[Sample, ...]:
    """Return the samples of these measurands, without those the meter does not have. offered_a: 0 where nothing is offered."""
    found: list[Sample] = []
    for measurand in measurands:
        found += _of(measurand, reading, context, offered_a, phases)
    return tuple(found)


def _of(
    measurand: Measurand, reading: MeterReading | None, context: SampleContext, offered_a: float, phases: int
) -> list[Sample]:
    def one(value: float | None, unit: str, phase: str | None = None) -> list[Sample]:
        return [Sample(measurand, round(value, 3), unit, context, phase)] if value is not None else []

    def each(values: tuple[float, ...], unit: str, name: str) -> list[Sample]:
        return [s for number, value in enumerate(values, 1) for s in one(value, unit, name.format(number))]

    match measurand:
        case Measurand.CURRENT_OFFERED:
            return one(offered_a, "A")
        case Measurand.POWER_OFFERED:
            return one(offered_a * phases * NOMINAL_VOLTAGE_V, "W")
    if reading is None:
        return []
    match measurand:
        case Measurand.ENERGY_IMPORT:
            signed = reading.signed if context in _SIGNED else None
            return [Sample(measurand, reading.energy_import_wh, "Wh", context, None, signed)]
        case Measurand.ENERGY_EXPORT:
            return one(reading.energy_export_wh, "Wh")
        case Measurand.POWER_IMPORT:
            return one(reading.power_w, "W") + each(reading.phase_power_w, "W", "L{}")
        case Measurand.CURRENT_IMPORT:
            return each(reading.current_a, "A", "L{}")
        case Measurand.VOLTAGE:
            return each(reading.voltage_v, "V", "L{}-N")
        case Measurand.FREQUENCY:
            return one(reading.frequency_hz, "Hz")
        case Measurand.POWER_FACTOR:
            return one(reading.power_factor, "")


def next_periodic(started_at: float, interval_s: float, now: float) -> float | None:
    """Return the next moment (monotonic) a whole number of intervals after the start; None where the interval is 0."""
    if interval_s <= 0:
        return None
    return started_at + interval_s * (max(0, int((now - started_at + EARLY_S) // interval_s)) + 1)


def next_aligned(now: datetime, interval_s: int) -> datetime | None:
    """Return the next clock-aligned moment: evenly spaced from midnight UTC, anew each day (Part 2, J 2.2)."""
    if interval_s <= 0:
        return None
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    passed = (now - midnight) // timedelta(seconds=interval_s)
    return min(midnight + timedelta(seconds=interval_s) * (passed + 1), midnight + timedelta(days=1))


class Register:
    """An energy register that never goes backwards while somebody is billed by it (invariant 25), nor leaps by more than can flow.

    A meter that stays there has been exchanged, or is broken: only an idle EVSE goes on from what it shows then.
    """

    def __init__(self) -> None:
        self.wh: int | None = None
        self._at_s = 0.0

    def refusal(self, wh: int, at_s: float, *, is_billed: bool) -> str:
        """Take a value read at that monotonic time and return ""; or keep the old one and return why it cannot be true."""
        if self.wh is not None and is_billed:
            if wh < self.wh:
                return f"its register went back from {self.wh} to {wh} Wh"
            if wh > self.wh + LEAP_WH + LEAP_W * (at_s - self._at_s) / 3600:
                return f"its register leapt from {self.wh} to {wh} Wh"
        self.wh, self._at_s = wh, at_s
        return ""


class MeterHealth:
    """Whether a meter is lost, and what that leaves of the current.

    now: monotonic. Starts as never heard of: `has_answered` is False until the first good poll.
    """

    def __init__(self, now: float) -> None:
        self.has_answered = False
        self.problem = ""
        self._last_good_s = now
        self._failed = 0

    def answered(self, now: float) -> None:
        self.has_answered, self.problem = True, ""
        self._last_good_s, self._failed = now, 0

    def failed(self, problem: str) -> None:
        self.problem = problem
        self._failed += 1

    def is_lost(self, now: float) -> bool:
        return self._failed >= LOSS_POLLS and now - self._last_good_s >= LOSS_AFTER_S

    def limit_a(self, now: float, *, is_billed: bool) -> float | None:
        """Return what may still be offered: None is everything."""
        if not self.is_lost(now):
            return None
        return 0.0 if is_billed or now - self._last_good_s > LOSS_STOPS_AFTER_S else LOSS_CURRENT_A
