"""What a station of real processes needs and gives, seen from outside."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from hil.csms.csms import Csms
from hil.csms.server import WebSocketServer
from hil.measure.platform import bare_python_mib, bare_python_s, rss_mib, seconds_of
from hil.measure.shape import Shape
from hil.processes import Rig, RigError, RigSettings

SETTLE_S = 3.0  # after start, before memory is read


def command_line() -> list[Shape]:
    """How long the command line takes to say something."""
    taken = seconds_of([sys.executable, "-P", "-m", "controller", "--help"])
    return [Shape("cli_help_s", taken, "s", bare_python_s(), "a bare Python start", 20)]


async def start_and_memory(directory: Path) -> list[Shape]:
    """How long from the command to READY, and what the processes occupy then."""
    csms = Csms()
    server = WebSocketServer(csms)
    await server.start("127.0.0.1", 0)
    bare_s, bare_mib = bare_python_s(), bare_python_mib()
    try:
        rig = Rig(directory, RigSettings(csms_url=f"ws://127.0.0.1:{server.port}/"))
        started = time.perf_counter()
        async with rig:
            ready_s = time.perf_counter() - started
            await asyncio.sleep(SETTLE_S)
            memory = {name: rss_mib(_pid(rig, name)) for name in ("safety", "station")}
    finally:
        await server.stop()
    return [
        Shape("run_ready_s", ready_s, "s", bare_s, "a bare Python start", 150),
        Shape("safety_rss_mib", memory["safety"], "MiB", bare_mib, "a bare Python", 4),
        Shape("station_rss_mib", memory["station"], "MiB", bare_mib, "a bare Python", 8),
    ]


def _pid(rig: Rig, name: str) -> int:
    pid = rig.pid(name)
    if pid is None:
        raise RigError(f"{name} has no pid file in {rig.run_dir}")
    return pid
