"""The clock that is passed in: monotonic seconds for durations, stamps for what others read."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from controller.logic.values import ClockQuality, Stamp

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_RTC = Path("/sys/class/rtc/rtc0/since_epoch")
_PLAUSIBLE_S = datetime(2025, 1, 1, tzinfo=UTC).timestamp()  # a clock chip without a battery begins at 1970 or 2000
_RTC_TOLERANCE_S = 2.0  # it counts whole seconds


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

    def keep_wall(self) -> None:
        """A CSMS agrees with the wall clock: from now on it goes on as it is, whoever steps the system's."""

    def on_set(self, told: Callable[[], None]) -> Callable[[], None]:
        """Call `told` whenever the wall clock was set. Returns how to stop that."""


class SystemClock:
    """The machine's clocks, with the offset that a CSMS taught us (the system's own clock is never set).

    Its wall clock is trusted from then on, or as soon as the system is synchronised (NTP), or where a clock chip vouches for it. rtc: that
    chip's seconds since 1970. Without any of them the system goes on from the time it last wrote down, however long it was off.
    """

    longest_nap_s = 60.0

    def __init__(
        self,
        system_is_synchronised: Callable[[], bool] = lambda: Path("/run/systemd/timesync/synchronized").exists(),
        rtc: Path = _RTC,
    ) -> None:
        self._boot_id = _BOOT_ID.read_text().strip()
        self._offset: timedelta | None = None  # wall minus monotonic, once told
        self._system_is_synchronised = system_is_synchronised
        self._chip_vouches = _agrees(rtc)
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
        is_vouched = self._chip_vouches or self._system_is_synchronised()
        quality = ClockQuality.TRUSTED if is_vouched else ClockQuality.UNTRUSTED
        return Stamp(self._boot_id, monotonic, datetime.now(UTC), quality)

    def set_wall(self, wall: datetime) -> None:
        self._offset = wall - datetime.fromtimestamp(0, UTC) - timedelta(seconds=time.monotonic())
        for told in self._on_set:
            told()

    def keep_wall(self) -> None:
        if self._offset is None:
            self._offset = datetime.now(UTC) - datetime.fromtimestamp(0, UTC) - timedelta(seconds=time.monotonic())

    def on_set(self, told: Callable[[], None]) -> Callable[[], None]:
        self._on_set.append(told)
        return lambda: self._on_set.remove(told)


def _agrees(rtc: Path) -> bool:
    """Whether the system has its time from a clock chip that kept it."""
    try:
        told_s = float(rtc.read_text())
    except (OSError, ValueError):
        return False
    return told_s >= _PLAUSIBLE_S and abs(time.time() - told_s) <= _RTC_TOLERANCE_S
