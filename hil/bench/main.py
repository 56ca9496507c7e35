"""The bench's process: plant, pages, ports and socket in one event loop."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.config.board import BoardConfig
from controller.config.station import StationConfig
from controller.exits import ExitCode
from controller.signals import stop_signals
from drivers.mock.pages import PageError
from hil.bench.abilities import abilities
from hil.bench.devices import SerialDevices
from hil.bench.forward import Forwarder, Route
from hil.bench.layout import BenchError, Layout
from hil.bench.power import cut_power, pid_of
from hil.bench.server import BenchServer
from hil.bench.world import World
from hil.plant.verbs import VERBS
from hil.rig.twin import Twin

FORWARD_KEY = "PILOTLINE_CSMS_FORWARD"
SEED_KEY = "PILOTLINE_BENCH_SEED"
RIG_KEY = "PILOTLINE_BENCH_RIG"
BUSY_S = 0.002
IDLE_S = 0.005
IDLE_AFTER_S = 1.0

log = logging.getLogger(__name__)


class Bench:
    """Polls the world, serves the socket, keeps the serial devices and the network."""

    def __init__(self, config: StationConfig, board: BoardConfig) -> None:
        """Raises BenchError."""
        layout = Layout.of(board)
        for line in layout.left_alone:
            log.info("%s", line)
        self._state_dir = config.state_dir
        self._abilities = abilities(board)
        self._loop = asyncio.get_running_loop()
        fresh = pid_of(config.state_dir, "safety") is None
        try:
            self._world = World(layout, fresh=fresh, seed=_seed())
        except (OSError, PageError) as error:
            raise BenchError(f"mock bench in {config.run_dir}: {error}", ExitCode.DEVICE) from error
        self._devices = SerialDevices(layout, self._world.plant, self._loop)
        self._server = BenchServer(config.bench_socket, self._perform)
        self._forwarder = _forwarder(config)
        rig = os.environ.get(RIG_KEY)  # where the line of a rig without hardware appears; then EVSE 1 is the rig's
        self._twin = Twin(Path(rig), self._world.plant, self._loop) if rig else None
        self._acted_at = self._loop.time()
        self._changed = False
        self._timer: asyncio.TimerHandle | None = None
        self._world.plant.subscribe(self._note_change)

    async def open(self) -> None:
        """Raises BenchError."""
        if self._forwarder is not None:
            await self._forwarder.set_up(True)
        await self._server.open()
        self._poll()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._server.close()
        if self._forwarder is not None:
            await self._forwarder.close()
        self._devices.close()
        if self._twin is not None:
            self._twin.close()
        self._world.close()

    def _poll(self) -> None:
        """Look, and plan the next look: soon while something goes on, later while nothing does.

        A late look costs no accuracy: lines and PWM files carry the time of their writing.
        """
        acted = self._world.poll()
        if self._twin is not None:
            self._twin.step()
        now = self._loop.time()
        if acted or self._changed:
            self._acted_at = now
        if self._changed:
            self._changed = False
            self._devices.follow()
        wait = BUSY_S if now - self._acted_at < IDLE_AFTER_S else IDLE_S
        due = self._world.plant.next_change()
        if due is not None:
            wait = min(wait, max(0.0, due - now))
        self._timer = self._loop.call_later(wait, self._poll)

    def _note_change(self) -> None:
        self._changed = True

    async def _perform(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        if name == "power_cut" and not args:
            killed = await cut_power(self._state_dir)
            self._world.power_cut()
            log.info("power cut: killed %s", ", ".join(killed) or "nobody")
            return self._world.verb(name, args) | {"killed": killed}
        answer = self._world.verb(name, args)
        if name not in ("state", "swipe"):
            log.info("%s %s", name, args)
        if name == "state" and not args:
            answer["can"] = self._abilities
        if name == "network":
            answer |= await self._set_network(args["up"])
        self._devices.follow()
        return answer

    async def _set_network(self, up: bool) -> dict[str, Any]:
        if self._forwarder is not None:
            await self._forwarder.set_up(up)
        return {"forwarding": self._forwarder is not None}


def _forwarder(config: StationConfig) -> Forwarder | None:
    """`csms_forward` of the configuration or the environment: `LISTEN_PORT:HOST:PORT`."""
    text = getattr(config, "csms_forward", None) or os.environ.get(FORWARD_KEY)
    return Forwarder(Route.parse(text)) if text else None


def _seed() -> int:
    text = os.environ.get(SEED_KEY, "0")
    if not text.isdecimal():
        raise BenchError(f"{SEED_KEY} must be a whole number, not {text!r}")
    return int(text)


def run(config: StationConfig, board: BoardConfig, ready: Callable[[], None]) -> int:
    """Play the board's world until a stop signal. `ready` is called once everything can be used. Returns the exit code."""
    try:
        return asyncio.run(_serve(config, board, ready))
    except BenchError as error:
        log.error("%s", error)
        return error.code


async def _serve(config: StationConfig, board: BoardConfig, ready: Callable[[], None]) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, stopped.set)
    bench = Bench(config, board)
    try:
        await bench.open()
        log.info("the mock bench plays board %s; verbs on %s: %s", board.name, config.bench_socket, ", ".join(VERBS))
        ready()
        await stopped.wait()
    finally:
        await bench.close()
    return 0
