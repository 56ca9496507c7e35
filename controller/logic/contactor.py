"""The contactor as its mirror contact shows it, against what the coil was told.

Rules
1. After each change of the command the mirror has 100 ms to settle. A mirror that then differs from the command for 250 ms is a
   fault: WELDED when told to open, STUCK_OPEN when told to close. Both stay until reset.
2. "Proven open" is: told to open, and the mirror has read OPEN without a break for 20 ms (two readings). Anything else counts
   as closed.
3. A contactor that was proven closed and reads OPEN for 20 ms has DROPPED: somebody took the coil's supply. The command must go
   before the supply comes back, or it would close by itself.
4. A mirror that cannot be read proves nothing, and is a fault of its own after the same time.
"""

from __future__ import annotations

from controller.logic.evse import ContactorState
from controller.logic.inputs import Mirror

SETTLE_S = 0.100
MISMATCH_S = 0.250
PROOF_S = 0.020
TOLERANCE_S = 1e-6


class MirrorWatch:
    """Follows one contactor. state: what is known of it. is_proven_open, is_proven_closed: by the mirror, now."""

    __slots__ = (
        "_command_at",
        "_commanded",
        "_differs_at",
        "_mirror",
        "_mirror_at",
        "is_dropped",
        "is_proven_closed",
        "is_proven_open",
        "is_stuck_open",
        "is_unreadable",
        "is_welded",
        "state",
        "was_proven_closed",
    )

    def __init__(self, now: float) -> None:
        self._commanded = False
        self._command_at = now
        self._mirror = Mirror.UNKNOWN
        self._mirror_at = now
        self._differs_at: float | None = None
        self.state = ContactorState.UNKNOWN
        self.is_proven_open = False
        self.is_proven_closed = False
        self.is_welded = False
        self.is_stuck_open = False
        self.is_unreadable = False
        self.is_dropped = False
        self.was_proven_closed = False  # under the present command

    def commanded(self, closed: bool, now: float) -> None:
        """The coil was switched in this pass."""
        if closed is self._commanded:
            return
        self._commanded = closed
        self._command_at = now
        self._differs_at = None
        self.is_proven_open = False
        self.is_proven_closed = False
        self.was_proven_closed = False
        self.is_dropped = False
        self._judge_state()

    def observed(self, mirror: Mirror, now: float) -> None:
        if mirror is not self._mirror:
            self._mirror = mirror
            self._mirror_at = now
        agrees = mirror is (Mirror.CLOSED if self._commanded else Mirror.OPEN)
        settled = now >= self._command_at + SETTLE_S - TOLERANCE_S
        if agrees:
            self._differs_at = None
        elif self._differs_at is None and settled:
            self._differs_at = now
        differs = self._differs_at is not None and now >= self._differs_at + MISMATCH_S - TOLERANCE_S
        self.is_unreadable = mirror is Mirror.UNKNOWN and (differs or self.is_unreadable)
        self.is_welded = differs and mirror is Mirror.CLOSED  # so the command was to open
        self.is_stuck_open = differs and mirror is Mirror.OPEN
        self.is_proven_closed = agrees and self._commanded
        self.was_proven_closed = self.was_proven_closed or self.is_proven_closed
        lasted = now >= self._mirror_at + PROOF_S - TOLERANCE_S
        self.is_dropped = self.was_proven_closed and mirror is Mirror.OPEN and lasted
        since = max(self._mirror_at, self._command_at)
        self.is_proven_open = agrees and not self._commanded and now >= since + PROOF_S - TOLERANCE_S
        self._judge_state()

    def _judge_state(self) -> None:
        if self.is_welded:
            self.state = ContactorState.WELDED
        elif self.is_stuck_open:
            self.state = ContactorState.STUCK_OPEN
        elif self._commanded:
            self.state = ContactorState.CLOSED if self.is_proven_closed else ContactorState.CLOSING
        elif self.is_proven_open:
            self.state = ContactorState.OPEN
        elif self.state not in (ContactorState.UNKNOWN, ContactorState.STUCK_OPEN):
            self.state = ContactorState.OPENING

    def deadline(self, now: float) -> float | None:
        """Return when something here would next change with an unchanged mirror."""
        if self.was_proven_closed and self._mirror is Mirror.OPEN and not self.is_dropped:
            return self._mirror_at + PROOF_S
        if self._differs_at is not None:
            due = self._differs_at + MISMATCH_S
            return due if due > now + TOLERANCE_S else None
        if self._mirror is not (Mirror.CLOSED if self._commanded else Mirror.OPEN):
            return self._command_at + SETTLE_S
        if not self._commanded and not self.is_proven_open:
            return max(self._mirror_at, self._command_at) + PROOF_S
        return None
