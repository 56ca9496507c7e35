"""The parts of a charging station that the rig stands for: a connector lock's bolt and a residual-current monitor."""

TRAVEL_US = 250_000  # of the bolt, from one end to the other

MIN_TEST_US = 200_000  # a test input that is shorter does not count
TRIPS_AFTER_US = 600_000  # of the test's begin
RESTS_AFTER_US = 1_900_000  # of the test's begin
HEALTH = ("trip", "error", "dead")


class Bolt:
    """A motor moves it while it is driven; at the end of its way the feedback closes. A jammed bolt stays where it is."""

    def __init__(self, now: int) -> None:
        self._way_us = 0  # 0 open ... TRAVEL_US locked
        self._since = now
        self._direction = 0
        self._is_jammed = False

    def drive(self, direction: int, now: int) -> None:
        """direction: 1 towards locked, -1 towards open, 0 rest."""
        self._way_us = self.way_us(now)
        self._since = now
        self._direction = direction

    def jam(self, jammed: bool, now: int) -> None:
        self.drive(self._direction, now)
        self._is_jammed = jammed

    def way_us(self, now: int) -> int:
        if self._is_jammed:
            return self._way_us
        return max(0, min(TRAVEL_US, self._way_us + self._direction * (now - self._since)))

    def is_locked(self, now: int) -> bool:
        return self.way_us(now) == TRAVEL_US

    def is_open(self, now: int) -> bool:
        return self.way_us(now) == 0


class Monitor:
    """A test input that is long enough makes it trip for a while, as a residual current does.

    health: None, `trip` (a residual current flows), `error`, `dead` (no test trips it).
    """

    def __init__(self) -> None:
        self.health: str | None = None
        self._input = False
        self._asked_at: int | None = None
        self._begun_at: int | None = None
        self._tests = False

    def is_tripped(self) -> bool:
        return self.health == "trip" or self._tests

    def has_error(self) -> bool:
        return self.health == "error"

    def test(self, active: bool, now: int) -> None:
        self.step(now)
        if active == self._input:
            return
        self._input = active
        if self._begun_at is None:
            self._asked_at = now if active else None

    def step(self, now: int) -> None:
        """Let time pass."""
        if self._begun_at is None and self._asked_at is not None and now - self._asked_at >= MIN_TEST_US:
            self._begun_at, self._asked_at = self._asked_at, None
        if self._begun_at is None:
            return
        passed = now - self._begun_at
        self._tests = TRIPS_AFTER_US <= passed < RESTS_AFTER_US and self.health != "dead"
        if passed >= RESTS_AFTER_US:
            self._begun_at = None
