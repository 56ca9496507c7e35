"""What a station of real processes needs and gives, seen from outside."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hil.csms.csms import Csms
from hil.csms.log import Frame, Party
from hil.csms.server import WebSocketServer
from hil.measure.platform import bare_python_mib, bare_python_s, round_trips_per_s, rss_mib, seconds_of
from hil.measure.shape import Shape
from hil.processes import Rig, RigError, RigSettings

SETTLE_S = 3.0  # after start, before memory is read
OFFLINE_S = 45.0
QUIET_S = 2.0  # nothing came for this long: the queue is empty
RECONNECT_WITHIN_S = 30.0

# A sample a second from both EVSEs; come back at once when the CSMS does.
_OFFLINE = {
    "SampledDataCtrlr.TxUpdatedInterval": 1,
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": 1,
    "OCPPCommCtrlr.RetryBackOffRandomRange": 0,
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": 1,
}


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


async def delivery(directory: Path) -> list[Shape]:
    """How many queued messages a second reach a CSMS that comes back after a while."""
    csms = Csms()
    server = WebSocketServer(csms)
    await server.start("127.0.0.1", 0)
    port = server.port
    await server.stop()
    arrivals: list[float] = []

    def note(frame: Frame) -> None:
        if frame.sender is Party.STATION and frame.kind == "call" and _is_queued(frame.payload):
            arrivals.append(time.perf_counter())

    csms.log.frame_observers.append(note)
    settings = RigSettings(
        csms_url=f"ws://127.0.0.1:{port}/",
        protocols=["ocpp2.0.1"],
        variables=_OFFLINE,
        station={"authorization_required": False},
    )
    async with Rig(directory, settings) as rig:
        for evse in (1, 2):
            await rig.bench.verb_async("plug_in", evse=evse)
        await asyncio.sleep(OFFLINE_S)
        server = WebSocketServer(csms)
        await server.start("127.0.0.1", port)
        try:
            await _until_quiet(arrivals)
        finally:
            await server.stop()
    if len(arrivals) < 10:
        raise RigError(f"only {len(arrivals)} queued messages came after {OFFLINE_S:.0f} s without a CSMS")
    rate = (len(arrivals) - 1) / (arrivals[-1] - arrivals[0])
    bare = await round_trips_per_s()
    return [Shape("delivered_per_s", rate, "1/s", bare, "bare WebSocket round trips", 0.02, at_most=False)]


async def _until_quiet(arrivals: list[float]) -> None:
    started = time.perf_counter()
    while True:
        now = time.perf_counter()
        if arrivals and now - arrivals[-1] >= QUIET_S:
            return
        if not arrivals and now - started >= RECONNECT_WITHIN_S:
            raise RigError(f"the station did not come back to its CSMS within {RECONNECT_WITHIN_S:.0f} s")
        await asyncio.sleep(0.05)


def _is_queued(payload: Any) -> bool:
    return isinstance(payload, Mapping) and payload.get("offline") is True


def _pid(rig: Rig, name: str) -> int:
    pid = rig.pid(name)
    if pid is None:
        raise RigError(f"{name} has no pid file in {rig.run_dir}")
    return pid
