"""The residual-current monitor: a trip that also gates the relay, an error output, and a self-test input.

The test input makes the module send its own residual current: the trip output answers some time after the input has
been active for at least MIN_TEST_S, and rests again by itself.
"""

from __future__ import annotations

MIN_TEST_S = 0.2
TRIPS_AFTER_S = 0.6  # of the test's begin
SECOND_AFTER_S = 1.2  # of the test's begin: the 30 mA output of a monitor that has two
RESTS_AFTER_S = 1.9  # of the test's begin
HEALTH = ("ok", "trip", "error", "dead", "half_dead")


class RcdModel:
    """health: ok · trip (a residual current flows; latched until the fault is cleared) · error · dead (never trips) · half_dead
    (of two outputs the 30 mA one never trips). outputs: 1, or 2 (6 mA and 30 mA).
    """

    def __init__(self, outputs: int = 1) -> None:
        self._outputs = outputs
        self._second = False  # the 30 mA output is active, in a test
        self.health = "ok"
        self._test_input = False
        self._asked_at: float | None = None
        self._begun_at: float | None = None
        self._testing_trip = False

    @property
    def is_tripped(self) -> bool:
        return self.health == "trip" or self._testing_trip

    @property
    def is_partly_tripped(self) -> bool:
        """A fault current as `trip` makes it is of 6 mA: it is not for the other output."""
        return self._outputs == 2 and self.is_tripped and not self._second

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
            if not self._testing_trip:
                return self._begun_at + TRIPS_AFTER_S
            return self._begun_at + (SECOND_AFTER_S if self._awaits_second else RESTS_AFTER_S)
        return None if self._asked_at is None else self._asked_at + MIN_TEST_S

    @property
    def _awaits_second(self) -> bool:
        return self._outputs == 2 and not self._second and self.health != "half_dead"

    def on_deadline(self, now: float) -> None:
        due = self.deadline()
        if due is None or due > now:
            return
        if self._begun_at is None:
            self._begun_at, self._asked_at = self._asked_at, None
        elif self._testing_trip and self._awaits_second:
            self._second = True
        elif self._testing_trip or self.health == "dead":
            self._begun_at, self._testing_trip, self._second = None, False, False
        else:
            self._testing_trip = True
