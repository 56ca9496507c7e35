"""A contactor: a coil, contacts that follow after a mechanical delay, and a mirror contact bolted to them."""

from __future__ import annotations


class MainContact:
    """close_s, open_s: from the coil to the contact. A weld is a contact that is closed whatever the coil does."""

    def __init__(self, close_s: float = 0.025, open_s: float = 0.015) -> None:
        self._close_s = close_s
        self._open_s = open_s
        self.coil = False
        self.is_closed = False
        self._moves_at: float | None = None
        self._welded = False
        self._stuck_open = False

    def energise(self, coil: bool, now: float) -> None:
        """Drive the coil. Reversed before the armature moved, nothing happens."""
        if coil != self.coil:
            self.coil = coil
            self._aim(now)

    def weld(self, welded: bool, now: float) -> None:
        self._welded = welded
        if welded:
            self.is_closed = True
        self._aim(now)

    def stick_open(self, stuck: bool, now: float) -> None:
        self._stuck_open = stuck
        if stuck:
            self.is_closed = False
        self._aim(now)

    def deadline(self) -> float | None:
        return self._moves_at

    def on_deadline(self, now: float) -> None:
        if self._moves_at is not None and self._moves_at <= now:
            self._moves_at = None
            self.is_closed = self._wanted()

    def _wanted(self) -> bool:
        return self._welded or (self.coil and not self._stuck_open)

    def _aim(self, now: float) -> None:
        wanted = self._wanted()
        if wanted == self.is_closed:
            self._moves_at = None
        elif self._moves_at is None:
            self._moves_at = now + (self._close_s if wanted else self._open_s)
