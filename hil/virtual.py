"""A deterministic event loop on virtual time: a year of timers in the time that the work between them takes."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple, Unpack

from controller.logic.values import ClockQuality, Stamp

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START_S = 1000.0
TICK_S = 2.0**-26  # 15 ns; every multiple is exact for four years
_MOST_TURNS = 100_000  # of the loop, at one instant
EPOCH = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)  # a Monday; wall time at monotonic START_S


class DeadlockError(Exception):
    """Nothing is ready, no timer is set: whatever the test waits for can never happen."""


class LivelockError(Exception):
    """Tasks wake each other, or themselves, without end and without any time going by."""


class _Selector(selectors.SelectSelector):
    """Where a real loop would sleep, virtual time jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = START_S
        self._turns_at_once = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise DeadlockError("every task waits and no timer is set")
        if timeout > 0:
            self.now_s = _tick(self.now_s + timeout - TICK_S / 2)
            self._turns_at_once = 0
        self._turns_at_once += 1
        if self._turns_at_once > _MOST_TURNS:
            raise LivelockError(f"{_MOST_TURNS} turns of the loop and it is still {self.now_s} s")
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """No real I/O happens here: tasks, futures and timers only. Call from one thread."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self._clock_resolution = TICK_S

    def time(self) -> float:
        return self._virtual.now_s

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """At the next tick, not before: who sleeps until a time must find when it wakes that the time has come."""
        return super().call_at(_tick(when), callback, *args, context=context)


def _tick(at_s: float) -> float:
    """Return the first tick that is not before a time."""
    tick = math.ceil(at_s / TICK_S) * TICK_S
    return tick if tick >= at_s else tick + TICK_S


class VirtualClock:
    """A `controller.clock.Clock` over a virtual loop, whose wall clock can be wrong, stepped and taught.

    wall_error: how far the wall clock is off before anybody corrects it.
    """

    longest_nap_s = 86400.0  # every step of it is told

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        boot_id: str = "boot-1",
        wall_error: timedelta = timedelta(),
        trusted: bool = True,
    ) -> None:
        self._loop = loop
        self._boot_id, self._is_kept = boot_id, False
        self._error = wall_error
        self._quality = ClockQuality.TRUSTED if trusted else ClockQuality.UNTRUSTED
        self._is_kept = False  # steps of the system's clock do not concern ours
        self._on_set: list[Callable[[], None]] = []

    @property
    def boot_id(self) -> str:
        return self._boot_id

    def monotonic(self) -> float:
        return self._loop.time()

    def true_wall(self) -> datetime:
        """The time it really is in the simulated world."""
        return true_wall(self._loop.time())

    def now(self) -> Stamp:
        return Stamp(self._boot_id, self._loop.time(), self.true_wall() + self._error, self._quality)

    def set_wall(self, wall: datetime) -> None:
        self._error = wall - self.true_wall()
        self._quality, self._is_kept = ClockQuality.TRUSTED, True
        self._tell()

    @property
    def is_kept(self) -> bool:
        """Whether a CSMS has agreed with the wall clock, or told it, since the last boot."""
        return self._is_kept

    def keep_wall(self) -> None:
        self._is_kept = True

    def on_set(self, told: Callable[[], None]) -> Callable[[], None]:
        self._on_set.append(told)
        return lambda: self._on_set.remove(told)

    def _tell(self) -> None:
        for told in tuple(self._on_set):
            told()

    def reboot(self, boot_id: str, *, wall_error: timedelta = timedelta(), trusted: bool = True) -> None:
        """The machine boots anew: what it was taught of the time is gone. The monotonic clock does not begin again."""
        self._boot_id = boot_id
        self._error = wall_error
        self._quality = ClockQuality.TRUSTED if trusted else ClockQuality.UNTRUSTED

    def step(self, by: timedelta) -> None:
        """Step the system's wall clock as a wrong NTP server or a technician would."""
        if not self._is_kept:
            self._error += by
            self._tell()


def true_wall(monotonic_s: float) -> datetime:
    """Return the time it really was in a simulated world, at an instant of its virtual time."""
    return EPOCH + timedelta(seconds=monotonic_s - START_S)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a new virtual loop, as `asyncio.run` would in real time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
