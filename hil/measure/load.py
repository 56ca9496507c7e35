"""What goes on beside the measured safety processes: a station of real processes, idle or saturated, and a machine under stress.

`python -m hil.measure.load CONDITION DIRECTORY` keeps it up, says READY on standard output, and ends with standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from hil.csms.csms import CommandFailed, Csms
from hil.csms.server import WebSocketServer
from hil.processes import Rig, RigError, RigSettings

CONDITIONS = {
    "idle": "a station beside it, idle",
    "saturated": "a station beside it: 20 messages a second, every other one committed, 300 KB every 5 s, two sessions",
    "stress": "the idle station, and two busy processes a core, and one that writes and syncs 8 MiB again and again",
}
IDENTITY = "LOADED"
MESSAGES_PER_S = 20
BIG_BYTES, BIG_EVERY_S = 300_000, 5.0
BURNERS_PER_CORE = 2
WRITTEN_BYTES = 8 << 20
_READY_S = 60.0
_VARIABLES = {"SampledDataCtrlr.TxUpdatedInterval": 1}


class Load:
    """One condition, in a process of its own. Use as a context manager. Raises RigError when it does not come up."""

    def __init__(self, condition: str, directory: Path) -> None:
        self._command = [sys.executable, "-P", "-m", "hil.measure.load", condition, str(directory)]

    def __enter__(self) -> Load:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != b"READY":
            self._process.wait()
            raise RigError("the load beside the measurement did not come up; its own words are above")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        if self._process.returncode != 0:
            raise RigError("the load beside the measurement ended with an error; its own words are above")


async def keep_up(condition: str, directory: Path) -> None:
    """Hold a condition until standard input ends."""
    ended = asyncio.Event()
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def end() -> None:
        loop.remove_reader(stdin)
        ended.set()

    loop.add_reader(stdin, end)
    async with _station(directory) as (csms, rig):
        with _stress(directory) if condition == "stress" else contextlib.nullcontext():
            print("READY", flush=True)
            if condition == "saturated":
                for evse in (1, 2):
                    await rig.bench.verb_async("plug_in", evse=evse)
                await _flood(csms, ended)
            await ended.wait()


@contextlib.asynccontextmanager
async def _station(directory: Path) -> AsyncIterator[tuple[Csms, Rig]]:
    csms = Csms(keeps_frames=100)
    server = WebSocketServer(csms)
    await server.start("127.0.0.1", 0)
    settings = RigSettings(
        csms_url=f"ws://127.0.0.1:{server.port}/",
        protocols=["ocpp2.0.1"],
        identity=IDENTITY,
        variables=_VARIABLES,
        station={"authorization_required": False},
    )
    try:
        async with Rig(directory, settings) as rig:
            await rig.until(lambda: IDENTITY in csms.connected and rig.is_whole(), _READY_S, "a registered station")
            yield csms, rig
    finally:
        await server.stop()


async def _flood(csms: Csms, ended: asyncio.Event) -> None:
    """Send MESSAGES_PER_S commands, each as soon as the one before is answered and its time has come."""
    due = time.monotonic()
    big_at = due
    number = 0
    while not ended.is_set():
        number += 1
        now = time.monotonic()
        if now >= big_at:
            big_at = now + BIG_EVERY_S
            await csms.command(IDENTITY, "DataTransfer", {"vendorId": "measure", "data": "x" * BIG_BYTES})
        elif number % 2:
            await csms.command(IDENTITY, "SetVariables", {"setVariableData": [_setting(number)]})
        else:
            await csms.command(IDENTITY, "GetVariables", {"getVariableData": [_variable()]})
        due = max(due + 1.0 / MESSAGES_PER_S, time.monotonic() - 1.0)
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def _variable() -> dict[str, object]:
    return {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


def _setting(number: int) -> dict[str, object]:
    """A value that is new each time, so that it has to be committed."""
    return {**_variable(), "attributeValue": str(300 + number % 1000)}


@contextlib.contextmanager
def _stress(directory: Path) -> Iterator[None]:
    burners = [
        multiprocessing.get_context("spawn").Process(target=work, args=args, daemon=True)
        for work, args in [(_burn, ())] * (BURNERS_PER_CORE * (os.cpu_count() or 1))
        + [(_write, (directory / "filler",))]
    ]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.join()


def _burn() -> None:
    number = 1
    while True:
        number = number * 1103515245 % 2147483647


def _write(path: Path) -> None:
    block = os.urandom(WRITTEN_BYTES)
    while True:
        with path.open("wb") as file:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())


def main() -> int:
    condition, directory = sys.argv[1:]
    try:
        asyncio.run(keep_up(condition, Path(directory)))
    except (RigError, CommandFailed) as error:
        print(f"measure: {condition}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
