"""The hardware one-shot: relay supply and CP_EN stay on for HOLD_S after each kick, and no longer.

Its time is chosen so that the contact, which opens after its own delay, is open within 250 ms of the last kick.
"""

from __future__ import annotations

HOLD_S = 0.220


class OneShot:
    """Judged by the kicks' own time stamps. Before the first kick it has dropped.

    A simulation that makes a safety pass only when something happens implies the kicks in between: see `imply`.
    """

    def __init__(self) -> None:
        self.is_alive = False
        self.kicked_at: float | None = None
        self.drops = 0
        self.is_implied = False

    def kick(self, at: float) -> bool:
        """Return whether the kick brought it back to life."""
        self.kicked_at = at
        revived, self.is_alive = not self.is_alive, True
        return revived

    def imply(self, kicking: bool, at: float) -> bool:
        """Begin or end kicks that come by themselves as fast as they must; the end is the last kick."""
        self.is_implied = kicking
        return self.kick(at)

    def drop(self) -> None:
        """Power is gone: as after switching on."""
        self.is_alive, self.kicked_at, self.is_implied = False, None, False

    def deadline(self) -> float | None:
        if not self.is_alive or self.is_implied or self.kicked_at is None:
            return None
        return self.kicked_at + HOLD_S

    def on_deadline(self, now: float) -> bool:
        """Return whether it dropped now."""
        due = self.deadline()
        if due is None or due > now:
            return False
        self.is_alive = False
        self.drops += 1
        return True
