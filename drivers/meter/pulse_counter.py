"""Counts the pulses of a meter's pulse output from the edges of its line. Pure: edges with their times in, pulses out.

A level counts once it has stood for the shortest time a pulse or a gap may have (IEC 62053-31, class A: 30 ms each): a spike is no
pulse, and a pulse with a spike in it is one. A line that is active from the start, or hangs, counts nothing more. What cannot be
told is not counted: energy may be missed, never invented.
"""

from __future__ import annotations


class PulseCounter:
    """is_active: the line at the start. at_s: monotonic, like all times here.

    pulses: since the start. last_at_s, spacing_s: onset of the last pulse, and its distance from the one before.
    """

    def __init__(self, shortest_s: float, is_active: bool, at_s: float) -> None:
        self.pulses = 0
        self.last_at_s: float | None = None
        self.spacing_s: float | None = None
        self._shortest_s = shortest_s
        self._believed = self._level = is_active
        self._since_s = at_s

    def edge(self, is_active: bool, at_s: float) -> None:
        """The line has now this level. The same level twice: what was in between went by unseen."""
        self.settle(at_s)
        self._level = is_active
        self._since_s = at_s

    def settle(self, at_s: float) -> None:
        """Believe the level if it has stood for long enough by now."""
        if self._level is self._believed or at_s - self._since_s < self._shortest_s:
            return
        self._believed = self._level
        if self._believed:
            self.pulses += 1
            self.spacing_s = None if self.last_at_s is None else self._since_s - self.last_at_s
            self.last_at_s = self._since_s

    def per_second(self, at_s: float) -> float:
        """Return how often pulses come: by the last two, and never more than the wait for the next allows. 0: not known yet."""
        if self.last_at_s is None or self.spacing_s is None:
            return 0.0
        longest_s = max(self.spacing_s, at_s - self.last_at_s)
        return 1 / longest_s if longest_s > 0 else 0.0
