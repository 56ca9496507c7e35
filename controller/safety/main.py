"""The safety process: outputs safe first, then ports, socket, loop; outputs safe at every end."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from controller.logic.invariants import Breach
from controller.notify import Notifier, watchdog_period_s
from controller.safety.latches import LatchPage
from controller.safety.loop import SafetyLoop
from controller.safety.realtime import enter_real_time
from controller.safety.server import StationServer
from controller.safety.slow import SlowCalls
from controller.safety.supervisor import SafetySupervisor
from controller.signals import stop_signals
from controller.wiring_safety import SafetyWiring, build_safety

if TYPE_CHECKING:
    from controller.config import BoardConfig, StationConfig

_log = logging.getLogger(__name__)

_TELL_STALLS_S = 60.0
LATCHES = "latches.page"  # in the run directory


def run(config: StationConfig, board: BoardConfig, ready: Callable[[], None]) -> int:
    """Run until a stop signal and return 0. Raises DeviceError, OSError, DriverMistake, or what a pass raised: outputs are safe then."""
    stopped = _Stop()
    for number in stop_signals():
        signal.signal(number, stopped)
    wiring = build_safety(board)
    try:
        with wiring.naming_drivers():
            _supervise(wiring, config, board, stopped, ready)
    finally:
        wiring.buses.close()
    return 0


def _supervise(
    wiring: SafetyWiring, config: StationConfig, board: BoardConfig, stopped: _Stop, ready: Callable[[], None]
) -> None:
    supervisor = SafetySupervisor(
        wiring.evses,
        wiring.board,
        wiring.buses.monotonic(),
        os.urandom(16).hex(),
        told=_log_breaches,
        monotonic=wiring.buses.monotonic,
        stood_still=_Stalls(wiring.slow, wiring.buses.monotonic),
        latches=LatchPage(config.run_dir / LATCHES, len(wiring.evses)),
    )
    try:
        server = StationServer(config.safety_socket)
        try:
            _loop(supervisor, server, board, stopped, ready)
        finally:
            supervisor.make_safe()
            server.close()
    finally:
        supervisor.make_safe()


def _loop(
    supervisor: SafetySupervisor, server: StationServer, board: BoardConfig, stopped: _Stop, ready: Callable[[], None]
) -> None:
    notifier = Notifier.from_environment()
    alive_s = watchdog_period_s()
    loop = SafetyLoop(
        supervisor,
        server,
        board.period_ms / 1000.0,
        alive=notifier.alive if alive_s is not None else _nothing,
        alive_s=alive_s or 0.5,
    )
    stopped.loop = loop
    refused = enter_real_time()
    if refused:
        _log.info("running without real-time guarantees: %s", "; ".join(refused))
    if not stopped.called:
        loop.run(ready)
    notifier.stopping()
    _log.info(
        "stopping: outputs safe; %d passes, %d overruns, %d stalls, longest pass %.1f ms",
        supervisor.passes,
        loop.overruns,
        supervisor.stalls,
        loop.longest_s * 1000.0,
    )


class _Stop:
    """Signal handler: tells the loop to end after the pass it is in."""

    def __init__(self) -> None:
        self.called = False
        self.loop: SafetyLoop | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.called = True
        if self.loop is not None:
            self.loop.stop = True


class _Stalls:
    """Says that the loop stood still, and who held it up: the first time, then once a minute at most."""

    def __init__(self, slow: SlowCalls, monotonic: Callable[[], float]) -> None:
        self._slow = slow
        self._monotonic = monotonic
        self._told_at_s = float("-inf")

    def __call__(self, gap_s: float) -> None:
        now = self._monotonic()
        if now - self._told_at_s < _TELL_STALLS_S:
            return
        self._told_at_s = now
        who = self._slow.named(gap_s) or "no driver of somebody else's: the load and power supply of the Pi"
        _log.warning("the safety loop stood still for %.0f ms: %s", gap_s * 1000, who)


def _nothing() -> None:
    pass


def _log_breaches(breaches: Sequence[Breach]) -> None:
    for breach in breaches:
        _log.critical("%s", breach)
