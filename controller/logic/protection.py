"""Over-current and voltage from the measurements that a permit's renewals carry, and from what a board senses itself.

Rules
1. The meter and the board's own sense are judged beside each other, and the worse counts: a sense that has gone blind hides nothing.
   A measurement older than 10 s counts as missing; without any, a running count starts anew.
2. Any phase above (signalled + 0.5 A) x 1.10 for 7 s: stop. Above 1.5 x signalled for 1 s: open. "Signalled" is the highest
   current the duty told in the last 5 s: the vehicle has that long to follow.
3. Voltage outside 0.85..1.10 of nominal for 5 s: suspend, until it was inside for 5 s.
4. Only the EVSE's own phases are judged.
5. With its permit goes what the meter said: nobody would ever say that the voltage is right again. What a board senses itself stands.
"""

from __future__ import annotations

from controller.logic.evse import Measurements

STALE_S = 10.0
MARGIN_A = 0.5
MARGIN = 1.10
FAR_ABOVE = 1.5
OVER_S = 7.0
FAR_OVER_S = 1.0
FOLLOW_S = 5.0
NOMINAL_V = 230.0
LOW_SHARE = 0.85
HIGH_SHARE = 1.10
VOLTAGE_S = 5.0
TOLERANCE_S = 1e-6


class _Lasting:
    """A condition that must last: `is_due` once it stood for its time."""

    __slots__ = ("_for_s", "_since")

    def __init__(self, for_s: float) -> None:
        self._for_s = for_s
        self._since: float | None = None

    def tell(self, stands: bool, at_s: float) -> None:
        if not stands:
            self._since = None
        elif self._since is None:
            self._since = at_s

    @property
    def runs(self) -> bool:
        return self._since is not None

    def is_due(self, now: float) -> bool:
        return self._since is not None and now >= self._since + self._for_s - TOLERANCE_S

    def deadline(self, now: float) -> float | None:
        if self._since is None or self.is_due(now):
            return None
        return self._since + self._for_s


class _Source:
    """What one device has measured last; empty where it did not, or too long ago."""

    __slots__ = ("_current_at", "_voltage_at", "current_a", "voltage_v")

    def __init__(self) -> None:
        self.current_a: tuple[float, ...] = ()
        self.voltage_v: tuple[float, ...] = ()
        self._current_at = self._voltage_at = float("-inf")

    def measured(self, current_a: tuple[float, ...], voltage_v: tuple[float, ...], at_s: float) -> None:
        if current_a and at_s >= self._current_at - TOLERANCE_S:
            self.current_a, self._current_at = current_a, at_s
        if voltage_v and at_s >= self._voltage_at - TOLERANCE_S:
            self.voltage_v, self._voltage_at = voltage_v, at_s

    def forget_stale(self, now: float) -> None:
        if self.current_a and now >= self._current_at + STALE_S - TOLERANCE_S:
            self.current_a = ()
        if self.voltage_v and now >= self._voltage_at + STALE_S - TOLERANCE_S:
            self.voltage_v = ()

    def deadline(self) -> float | None:
        due = [
            at + STALE_S
            for at, held in ((self._current_at, self.current_a), (self._voltage_at, self.voltage_v))
            if held
        ]
        return min(due, default=None)


class Protection:
    """Judges one EVSE's measurements. The four claims hold as of the last `judge`."""

    __slots__ = (
        "_allowed_a",
        "_far_over",
        "_high",
        "_inside",
        "_low",
        "_lowered_at",
        "_meter",
        "_over",
        "_phases",
        "_sense",
        "_signalled_a",
        "is_far_over_current",
        "is_over_current",
        "is_over_voltage",
        "is_under_voltage",
    )

    def __init__(self, phases: int) -> None:
        self._phases = phases
        self._meter = _Source()
        self._sense = _Source()
        self._signalled_a = 0.0
        self._allowed_a = 0.0
        self._lowered_at = float("-inf")
        self._over = _Lasting(OVER_S)
        self._far_over = _Lasting(FAR_OVER_S)
        self._high = _Lasting(VOLTAGE_S)
        self._low = _Lasting(VOLTAGE_S)
        self._inside = _Lasting(VOLTAGE_S)
        self.is_over_current = False
        self.is_far_over_current = False
        self.is_over_voltage = False
        self.is_under_voltage = False

    def measured(self, measurements: Measurements, now: float) -> None:
        """A permit brought measurements, `age_s` old now."""
        if measurements.age_s <= STALE_S:
            self._meter.measured(measurements.current_a, measurements.voltage_v, now - max(0.0, measurements.age_s))

    def sensed(self, current_a: tuple[float, ...], voltage_v: tuple[float, ...], at_s: float, now: float) -> None:
        """The board itself measured the phases at `at_s`; empty where one quantity is not sensed."""
        if at_s >= now - STALE_S:
            self._sense.measured(current_a, voltage_v, at_s)

    def permit_gone(self) -> None:
        """No renewal carries the meter's readings any more."""
        self._meter = _Source()
        if not self._sense.voltage_v:
            self.is_over_voltage = self.is_under_voltage = False

    def judge(self, signalled_a: float, is_energised: bool, now: float) -> None:
        """signalled_a: what the duty tells now; 0 under X1, where the forced opening is the protection."""
        self._follow(signalled_a, now)
        self._meter.forget_stale(now)
        self._sense.forget_stale(now)
        self._judge_current(is_energised, now)
        self._judge_voltage(now)
        self.is_over_current = self._over.is_due(now)
        self.is_far_over_current = self._far_over.is_due(now)
        if self._inside.is_due(now):
            self.is_over_voltage = self.is_under_voltage = False
        self.is_over_voltage = self.is_over_voltage or self._high.is_due(now)
        self.is_under_voltage = self.is_under_voltage or self._low.is_due(now)

    def _follow(self, signalled_a: float, now: float) -> None:
        if signalled_a != self._signalled_a:
            if signalled_a < self._signalled_a:
                self._lowered_at = now
            self._signalled_a = signalled_a
        if signalled_a >= self._allowed_a or now >= self._lowered_at + FOLLOW_S - TOLERANCE_S:
            self._allowed_a = signalled_a

    def _judge_current(self, is_energised: bool, now: float) -> None:
        phases = self._phases
        most = max((*self._meter.current_a[:phases], *self._sense.current_a[:phases]), default=0.0)
        judged = is_energised and self._signalled_a > 0.0
        self._over.tell(judged and most > (self._allowed_a + MARGIN_A) * MARGIN, now)
        self._far_over.tell(judged and most > self._allowed_a * FAR_ABOVE, now)

    def _judge_voltage(self, now: float) -> None:
        volts = (*self._meter.voltage_v[: self._phases], *self._sense.voltage_v[: self._phases])
        high = bool(volts) and max(volts) > NOMINAL_V * HIGH_SHARE
        low = bool(volts) and min(volts) < NOMINAL_V * LOW_SHARE
        self._high.tell(high, now)
        self._low.tell(low, now)
        self._inside.tell(bool(volts) and not high and not low, now)

    @property
    def _is_about_to_claim(self) -> bool:
        """Whether a count is running that begins anew without a measurement, or a claim stands that one would end."""
        stands = self.is_over_voltage or self.is_under_voltage
        return stands or any(lasting.runs for lasting in (self._over, self._far_over, self._high, self._low))

    def deadline(self, now: float) -> float | None:
        """Return when a claim would next change with the same measurements and signal."""
        measured = [at for at in (self._meter.deadline(), self._sense.deadline()) if at is not None]
        due = measured if self._is_about_to_claim else []  # else that they are missing changes nothing
        if measured and self._allowed_a > self._signalled_a:
            due.append(self._lowered_at + FOLLOW_S)
        for lasting in (self._over, self._far_over, self._high, self._low, self._inside):
            at = lasting.deadline(now)
            if at is not None:
                due.append(at)
        return min(due, default=None)
