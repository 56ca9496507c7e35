"""The connector lock: a motor or a solenoid that moves a bolt while it is driven, and a switch at the end of its way."""

from __future__ import annotations

TRAVEL_S = 0.25


class BoltModel:
    """position: 0 open … 1 locked; the feedback switch closes at 1. A jammed bolt stays where it is.

    rests: where a spring brings it while nothing drives it (1 locked, -1 open: a solenoid); 0: it stays (a motor).
    """

    def __init__(self, now: float, rests: int = 0) -> None:
        self._position = float(rests > 0)
        self._since = now
        self._rests = rests
        self._direction = rests
        self.is_jammed = False

    def drive(self, direction: int, now: float) -> None:
        """direction: 1 towards locked, -1 towards open, 0 not driven."""
        self._position = self.position(now)
        self._since = now
        self._direction = direction or self._rests

    def jam(self, jammed: bool, now: float) -> None:
        self.drive(self._direction, now)
        self.is_jammed = jammed

    def position(self, now: float) -> float:
        if self.is_jammed:
            return self._position
        moved = self._position + self._direction * (now - self._since) / TRAVEL_S
        return max(0.0, min(1.0, moved))

    def is_locked(self, now: float) -> bool:
        return self.position(now) >= 1.0 - 1e-6

    def is_open(self, now: float) -> bool:
        return self.position(now) <= 1e-6

    def deadline(self) -> float | None:
        """Return when the bolt arrives at the end it is being driven to."""
        if self.is_jammed or self._direction == 0:
            return None
        way = 1.0 - self._position if self._direction > 0 else self._position
        return self._since + way * TRAVEL_S if way > 0.0 else None

    def on_deadline(self, now: float) -> None:
        due = self.deadline()
        if due is not None and due <= now:
            self._position = 1.0 if self._direction > 0 else 0.0
            self._since = now
