"""One event for each presentation of a token, however often its reader reports it. Pure."""

from __future__ import annotations

REARM_S = 1.5  # a token that was away this long is presented anew


class Presence:
    """Remembers which tokens are being held to the reader."""

    def __init__(self) -> None:
        self._last_seen_s: dict[str, float] = {}

    def is_new(self, token: str, now: float) -> bool:
        """Note that the token is there and say whether that begins a presentation."""
        self._last_seen_s = {known: seen_s for known, seen_s in self._last_seen_s.items() if now - seen_s < REARM_S}
        is_new = token not in self._last_seen_s
        self._last_seen_s[token] = now
        return is_new

    def skip(self, seconds: float) -> None:
        """Nobody looked for so long: that time does not count as absence."""
        self._last_seen_s = {token: seen_s + seconds for token, seen_s in self._last_seen_s.items()}
