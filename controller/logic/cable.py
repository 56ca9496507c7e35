"""What the lock of a loose cable shall do where that differs from what it does by itself. Used by `session.py`.

By itself it locks at plug-in and unlocks when the EV has left. We hold it while somebody is authorised, so that the cable cannot
be taken when the EV's end comes off; after the end it opens, unless it is kept for its owner (E05.FR.11, E09.FR.03, E10.FR.01).
"""

from __future__ import annotations

from controller.logic.session_events import Authorization


class Cable:
    def __init__(self) -> None:
        self.kept_for: Authorization | None = None
        self._wish: bool | None = None

    def wishes_forgotten(self) -> None:
        """The safety process forgets wishes at each plug-in, and when it starts anew."""
        self._wish = None

    def wish(self, *, is_plugged: bool, is_authorized: bool, has_ended: bool, is_ending: bool) -> bool | None:
        """Return a new wish (True: lock), or None where nothing changes."""
        if self.kept_for is not None or (is_authorized and is_plugged):
            wish = True
        elif is_authorized or is_ending or not (has_ended or self._wish):
            return None
        else:
            wish = False
        if wish is self._wish:
            return None
        self._wish = wish
        return wish
