"""The residual-current monitor's self-test: with the contactor proven open and X1, make it trip, and see it release.

Sequence: test line active 250 ms; the trip must show within 1.4 s of its end (6 mA after 740 ms, 30 mA after 660 more); 400 ms
later the error line must be clear; the trip must be gone 1.2 s after that. A trip seen meanwhile is the test's own.
"""

from __future__ import annotations

from enum import Enum

from controller.logic.inputs import Level

PULSE_S = 0.250
TRIP_S = 1.400
ERROR_S = 0.400
RELEASE_S = 1.200
GOOD_FOR_S = 24 * 3600.0
TOLERANCE_S = 1e-6


class Step(Enum):
    """Where the test is."""

    RESTING = "resting"  # no test runs
    PULSING = "pulsing"  # the test line is active
    TRIPPING = "tripping"  # the line is released, the trip is awaited
    READING = "reading"  # tripped; the error line is read at the end of this step
    RELEASING = "releasing"  # the trip must go


class SelfTest:
    """One monitor's test. passed_at_s: of the last good one, None before. has_failed: the last one did."""

    __slots__ = ("_at", "has_failed", "passed_at_s", "step")

    def __init__(self) -> None:
        self._at = 0.0
        self.step = Step.RESTING
        self.passed_at_s: float | None = None
        self.has_failed = False

    @property
    def is_running(self) -> bool:
        return self.step is not Step.RESTING

    @property
    def is_line_active(self) -> bool:
        return self.step is Step.PULSING

    def is_good(self, now: float) -> bool:
        """Whether a close may rely on it (invariant 20)."""
        return self.passed_at_s is not None and now < self.passed_at_s + GOOD_FOR_S - TOLERANCE_S

    def start(self, now: float) -> None:
        self.step = Step.PULSING
        self._at = now
        self.has_failed = False

    def abort(self) -> None:
        """Something else happened: neither passed nor failed."""
        self.step = Step.RESTING

    def run(self, tripped: Level, error: Level, now: float) -> None:
        """Go on with the levels of this pass."""
        lasted = now - self._at + TOLERANCE_S
        if self.step is Step.PULSING:
            if lasted >= PULSE_S:
                self._go(Step.TRIPPING, now)
        elif self.step is Step.TRIPPING:
            if tripped is Level.YES:
                self._go(Step.READING, now)
            elif lasted >= TRIP_S:
                self._end(False, now)
        elif self.step is Step.READING:
            if lasted >= ERROR_S:
                if error is Level.NO:
                    self._go(Step.RELEASING, now)
                else:
                    self._end(False, now)
        elif self.step is Step.RELEASING:
            if tripped is Level.NO:
                self._end(True, now)
            elif lasted >= RELEASE_S:
                self._end(False, now)

    def _go(self, step: Step, now: float) -> None:
        self.step = step
        self._at = now

    def _end(self, passed: bool, now: float) -> None:
        self.step = Step.RESTING
        self.has_failed = not passed
        if passed:
            self.passed_at_s = now

    def deadline(self) -> float | None:
        """Return when something here would next change with unchanged inputs."""
        lasts = {Step.PULSING: PULSE_S, Step.TRIPPING: TRIP_S, Step.READING: ERROR_S, Step.RELEASING: RELEASE_S}
        return self._at + lasts[self.step] if self.step in lasts else None
