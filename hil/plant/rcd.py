"""The residual-current monitor: a trip that also gates the relay, an error output, and a self-test input.

The test input makes the module send its own residual current: the trip output answers some time after the input has
been active for at least MIN_TEST_S, and rests again by itself.
"""

from __future__ import annotations

MIN_TEST_S = 0.2
TRIPS_AFTER_S = 0.6  # of the test's begin
RESTS_AFTER_S = 1.9  # of the test's begin
HEALTH = ("ok", "trip", "error", "dead")


class RcdModel:
    """health: ok · trip (a residual current flows; latched until the fault is cleared) · error · dead (never trips)."""

    def __init__(self) -> None:
        self.health = "ok"
        self._test_input = False
        self._asked_at: float | None = None
        self._begun_at: float | None = None
        self._testing_trip = False

    @property
    def is_tripped(self) -> bool:
        return self.health == "trip" or self._testing_trip

    @property
    def has_error(self) -> bool:
        return self.health == "error"

    def test(self, active: bool, now: float) -> None:
        if active == self._test_input:
            return
        self._test_input = active
        if active and self._begun_at is None:
            self._asked_at = now
        elif not active and self._begun_at is None:
            self._asked_at = None  # too short to count

    def deadline(self) -> float | None:
        if self._begun_at is not None:
            return self._begun_at + (RESTS_AFTER_S if self._testing_trip else TRIPS_AFTER_S)
        return None if self._asked_at is None else self._asked_at + MIN_TEST_S

    def on_deadline(self, now: float) -> None:
        due = self.deadline()
        if due is None or due > now:
            return
        if self._begun_at is None:
            self._begun_at, self._asked_at = self._asked_at, None
        elif self._testing_trip or self.health == "dead":
            self._begun_at, self._testing_trip = None, False
        else:
            self._testing_trip = True
