"""The residual-current monitor's self-test: with the contactor proven open and X1, make it trip, and see it release.

Sequence, from its begin: test line active until 0.25 s; the trip must show by 1.65 s; 400 ms after it the error line must be clear;
by 3.25 s the trip must be gone. A trip seen meanwhile is the test's own. Of a monitor with two outputs the first (6 mA) must show by
0.99 s, both (6 and 30 mA) by 1.65 s, and both must be gone.

A start may come into the midst of a test that a killed predecessor began: the kernel kept its line active. So the first thing is
to let such a trip come and go, with the contactor open. One that stays is real.
"""

from __future__ import annotations

from enum import Enum

from controller.logic.inputs import Level

PULSE_S = 0.250
FIRST_BY_S = 0.990  # of two trip outputs
TRIPPED_BY_S = 1.650
ERROR_S = 0.400  # after the trip
RELEASED_BY_S = 3.250
GOOD_FOR_S = 24 * 3600.0
TOLERANCE_S = 1e-6


class Step(Enum):
    """Where the test is."""

    SETTLING = "settling"  # at the start: the trip of an unfinished test may still come
    RESTING = "resting"  # no test runs
    PULSING = "pulsing"  # the test line is active
    TRIPPING = "tripping"  # the line is released, the trip is awaited
    READING = "reading"  # tripped; the error line is read at the end of this step
    RELEASING = "releasing"  # the trip must go


class SelfTest:
    """One monitor's test. passed_at_s: of the last good one, None before. has_failed: the last one did.

    started_at_s: when this process took over the test line; None where there is none, and nothing can be unfinished.
    outputs: trip outputs, 1 or 2.
    """

    __slots__ = ("_at", "_begun_at", "_first_by_s", "_has_first", "_is_disturbed", "has_failed", "passed_at_s", "step")

    def __init__(self, started_at_s: float | None = None, outputs: int = 1) -> None:
        self._first_by_s = FIRST_BY_S if outputs == 2 else TRIPPED_BY_S
        self._begun_at = self._at = started_at_s or 0.0  # _at: of the present step
        self._has_first = False  # some trip output has become active in this test
        self._is_disturbed = True  # of what is settling nothing is concluded
        self.step = Step.RESTING if started_at_s is None else Step.SETTLING
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
        self._go(Step.PULSING, now)
        self._begun_at = now
        self._has_first = self._is_disturbed = False
        self.has_failed = False

    def disturb(self) -> None:
        """Something else happened meanwhile: a test that runs goes on to its end, so that its trip stays its own, and proves nothing."""
        self._is_disturbed = True

    def run(self, tripped: Level, error: Level, now: float, partly: Level = Level.NO) -> None:
        """Go on with the levels of this pass. partly: of two trip outputs one is active and one is not."""
        now_or_so = now + TOLERANCE_S
        if self.step is Step.SETTLING:
            if tripped is Level.YES:
                self._go(Step.RELEASING, now)
            elif now_or_so >= self._begun_at + TRIPPED_BY_S:
                self._end(False, now)
        elif self.step is Step.PULSING:
            if now_or_so >= self._at + PULSE_S:
                self._go(Step.TRIPPING, now)
        elif self.step is Step.TRIPPING:
            self._has_first = self._has_first or tripped is Level.YES
            if tripped is Level.YES and partly is Level.NO:
                self._go(Step.READING, now)
            elif now_or_so >= self._begun_at + (self._first_by_s if tripped is Level.NO else TRIPPED_BY_S):
                self._end(False, now)
        elif self.step is Step.READING:
            if now_or_so >= self._at + ERROR_S:
                if error is Level.NO:
                    self._go(Step.RELEASING, now)
                else:
                    self._end(False, now)
        elif self.step is Step.RELEASING:
            if tripped is Level.NO:
                self._end(True, now)
            elif now_or_so >= self._begun_at + RELEASED_BY_S:
                self._end(False, now)

    def _go(self, step: Step, now: float) -> None:
        self.step = step
        self._at = now

    def _end(self, passed: bool, now: float) -> None:
        self.step = Step.RESTING
        if self._is_disturbed:
            return
        self.has_failed = not passed
        if passed:
            self.passed_at_s = now

    def deadline(self) -> float | None:
        """Return when something here would next change with unchanged inputs."""
        if self.step is Step.PULSING:
            return self._at + PULSE_S
        if self.step is Step.TRIPPING and not self._has_first:
            return self._begun_at + self._first_by_s
        if self.step in (Step.SETTLING, Step.TRIPPING):
            return self._begun_at + TRIPPED_BY_S
        if self.step is Step.READING:
            return self._at + ERROR_S
        return self._begun_at + RELEASED_BY_S if self.step is Step.RELEASING else None
