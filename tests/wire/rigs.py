"""A rig with the bundled CSMS on loopback, for the wire tests."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from hil.csms.csms import Csms
from hil.csms.schemas import Version
from hil.csms.server import WebSocketServer
from hil.rig import Rig, RigSettings
from hil.script import VARIABLES, World, play_step

IDENTITY = "WIRE-1"
SUBPROTOCOLS = {"1.6": Version.V16, "2.0.1": Version.V201}


@contextlib.asynccontextmanager
async def world(directory: Path, version: str, *, variables: Any = None, keys: Any = None) -> AsyncIterator[World]:
    """Run a station and a CSMS; both are gone afterwards. directory: short, for the sockets in it."""
    csms = Csms(subprotocols=(SUBPROTOCOLS[version],))
    server = WebSocketServer(csms)
    await server.start("127.0.0.1", 0)
    settings = RigSettings(
        csms_url=f"ws://127.0.0.1:{server.port}/ocpp",
        protocols=[SUBPROTOCOLS[version].value],
        identity=IDENTITY,
        variables={**VARIABLES, **(variables or {})},
        keys=keys or {},
    )
    try:
        async with Rig(directory, settings) as rig:
            yield World(rig, csms, version, lambda action, payload: csms.command(IDENTITY, action, payload), IDENTITY)
    finally:
        await server.stop()


async def play(world: World, *names: str) -> None:
    """Play the named steps of the script; every sight of each must be seen."""
    from hil.script import STEPS

    by_name = {step.name: step for step in STEPS}
    for name in names:
        played = await play_step(world, by_name[name])
        missing = [f"{seen.kind}: {seen.what}" for seen in played.seen if seen.evidence is None]
        assert not played.problem, f"{name}: {played.problem}"
        assert not missing, f"{name}: not seen: {missing}; log: {world.rig.log_tail()}"
