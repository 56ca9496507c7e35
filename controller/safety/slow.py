"""Times the calls of somebody else's drivers: who held the safety loop up is named."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

_SLOW_S = 0.005  # what docs/drivers.md allows
_RECENT_S = 0.5


class SlowCalls:
    """Remembers the longest of the calls that just were too long."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._where = ""
        self._took_s = 0.0
        self._ended_at_s = float("-inf")

    def watch(self, driver: object, where: str, calls: Iterable[str]) -> None:
        """Time these calls of a driver from now on. One that takes no attributes, for its slots, stays as it is."""
        for name in calls:
            try:
                setattr(driver, name, self._timed(getattr(driver, name), where))
            except AttributeError:
                return

    def named(self, gap_s: float) -> str:
        """Return who was called too long within this time up to now, and how long; empty where nobody was."""
        if self._ended_at_s < self._monotonic() - gap_s:
            return ""
        return f"{self._where} took {self._took_s * 1000:.0f} ms"

    def _timed(self, call: Callable[..., Any], where: str) -> Callable[..., Any]:
        def timed(*args: Any) -> Any:
            began_s = self._monotonic()
            try:
                return call(*args)
            finally:
                self._ended(where, began_s, self._monotonic())

        return timed

    def _ended(self, where: str, began_s: float, ended_s: float) -> None:
        took_s = ended_s - began_s
        if took_s > _SLOW_S and (took_s >= self._took_s or ended_s - self._ended_at_s > _RECENT_S):
            self._where, self._took_s, self._ended_at_s = where, took_s, ended_s
