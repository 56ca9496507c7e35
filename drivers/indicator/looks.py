"""How an indication looks as a light: a colour, steady or in a pattern. Data, and the arithmetic of its time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.logic.indication import Indication

Colour = tuple[int, int, int]  # red, green, blue: 0 to 255

_RED, _GREEN, _BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
_CYAN, _YELLOW, _MAGENTA, _WHITE = (0, 255, 255), (255, 160, 0), (255, 0, 255), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Look:
    """on_ms, off_ms: of the pattern; off_ms 0: steady. Whole milliseconds: an edge is on the one side of itself, always."""

    colour: Colour
    on_ms: int = 1000
    off_ms: int = 0

    def is_on(self, now: float) -> bool:
        return self.off_ms == 0 or round(now * 1000) % (self.on_ms + self.off_ms) < self.on_ms

    def next_edge(self, now: float) -> float | None:
        """Return when it goes on or off next; None: never."""
        if self.off_ms == 0:
            return None
        now_ms, period_ms = round(now * 1000), self.on_ms + self.off_ms
        begun_ms = now_ms - now_ms % period_ms
        return (begun_ms + (self.on_ms if self.is_on(now) else period_ms)) / 1000


LOOKS: Mapping[Indication, Look] = {
    Indication.CARD_REFUSED: Look(_RED, 100, 100),
    Indication.CARD_ACCEPTED: Look(_GREEN, 100, 100),
    Indication.FAULT: Look(_RED),
    Indication.CHECKING: Look(_BLUE, 100, 100),
    Indication.PLUG_IN: Look(_GREEN, 500, 500),
    Indication.WAITING_FOR_CARD: Look(_BLUE, 500, 500),
    Indication.STARTING: Look(_BLUE, 250, 250),
    Indication.FINISHED: Look(_WHITE),
    Indication.CHARGING: Look(_BLUE),
    Indication.PAUSED: Look(_CYAN, 500, 1500),
    Indication.PAUSED_BY_VEHICLE: Look(_CYAN),
    Indication.AVAILABLE: Look(_GREEN),
    Indication.OFFLINE: Look(_GREEN, 2800, 200),
    Indication.RESERVED: Look(_YELLOW),
    Indication.UNAVAILABLE: Look(_RED, 200, 2800),
    Indication.UPDATING: Look(_MAGENTA, 500, 500),
}
