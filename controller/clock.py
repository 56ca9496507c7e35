"""The clock that is passed in: monotonic seconds for durations, stamps for what others read."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from controller.logic.values import ClockQuality, Stamp

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """What the program knows of time. Monotonic seconds are comparable between processes of one boot."""

    @property
    def boot_id(self) -> str: ...

    @property
    def longest_nap_s(self) -> float:
        """Nobody may sleep longer than this by the wall clock: others may step it, unseen."""

    def monotonic(self) -> float: ...

    def now(self) -> Stamp: ...

    def set_wall(self, wall: datetime) -> None:
        """Believe a CSMS (G02.FR.06): from now on the wall clock continues from `wall` (aware UTC)."""

    def on_set(self, told: Callable[[], None]) -> Callable[[], None]:
        """Call `told` whenever the wall clock was set. Returns how to stop that."""


class SystemClock:
    """The machine's clocks, with the offset that a CSMS taught us (the system's own clock is never set)."""

    longest_nap_s = 60.0

    def __init__(
        self, system_is_synchronised: Callable[[], bool] = lambda: Path("/run/systemd/timesync/synchronized").exists()
    ) -> None:
        self._boot_id = _BOOT_ID.read_text().strip()
        self._offset: timedelta | None = None  # wall minus monotonic, once told
        self._system_is_synchronised = system_is_synchronised
        self._on_set: list[Callable[[], None]] = []

    @property
    def boot_id(self) -> str:
        return self._boot_id

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> Stamp:
        monotonic = time.monotonic()
        if self._offset is not None:
            wall = datetime.fromtimestamp(0, UTC) + self._offset + timedelta(seconds=monotonic)
            return Stamp(self._boot_id, monotonic, wall, ClockQuality.TRUSTED)
        quality = ClockQuality.TRUSTED if self._system_is_synchronised() else ClockQuality.UNTRUSTED
        return Stamp(self._boot_id, monotonic, datetime.now(UTC), quality)

    def set_wall(self, wall: datetime) -> None:
        self._offset = wall - datetime.fromtimestamp(0, UTC) - timedelta(seconds=time.monotonic())
        for told in self._on_set:
            told()

    def on_set(self, told: Callable[[], None]) -> Callable[[], None]:
        self._on_set.append(told)
        return lambda: self._on_set.remove(told)
