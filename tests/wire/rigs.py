"""A rig with the bundled CSMS on loopback, for the wire tests. Whatever a test is about, its plant and its logs are judged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from controller.local.client import LineClient
from controller.logic.invariants import Breach
from hil.bench.client import BenchUnreachable
from hil.csms.csms import Csms
from hil.csms.schemas import Version
from hil.csms.server import WebSocketServer
from hil.processes import Rig, RigSettings
from hil.script import STEPS, VARIABLES, World, play_step
from tests.wire.watch import Incident, Strike, broken_invariants, complaints, returns_of_station

IDENTITY = "WIRE-1"
SUBPROTOCOLS = {"1.6": Version.V16, "2.0.1": Version.V201}
# Reconnects soon, so that a test need not wait for it.
EAGER = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": 1,
    "OCPPCommCtrlr.RetryBackOffRandomRange": 1,
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": 1,
}
CARD_AWAY_S = 3.5  # the bench holds it for 1 s, the reader wants it away for 1.5 s

_DEATHS = {"safety": Strike.SAFETY_DIED, "station": Strike.STATION_DIED}


class WatchedRig(Rig):
    """Keeps account of what is done to its processes and judges, each time it stops, all that the plant saw.

    environment: of the processes, beside our own.
    """

    def __init__(self, directory: Path, settings: RigSettings, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(directory, settings)
        self._environment = dict(environment or {})
        self._incidents: list[Incident] = []
        self._breaches: list[Breach] = []
        self._expected: list[str] = []

    def _spawn(self, ready_fd: int) -> subprocess.Popen[bytes]:
        with _environment(self._environment):
            return super()._spawn(ready_fd)

    def kill(self, name: str, sig: signal.Signals = signal.SIGKILL) -> float:
        at = super().kill(name, sig)
        if sig is signal.SIGCONT:
            self._incidents.append(Incident(at, Strike.STATION_RETURNED))
        elif sig is signal.SIGSTOP:
            self._incidents.append(Incident(at, Strike.STATION_HANGS))
        else:
            self._died(name, at, sig.name)
        return at

    def power_cut(self) -> float:
        """Cut the power of both processes through the bench. Returns the time just before."""
        at = time.monotonic()
        killed = self.bench.verb("power_cut")["killed"]
        assert set(killed) == set(_DEATHS), f"only {killed} lived"
        for name in killed:
            self._died(name, at, "SIGKILL")
        return at

    def _died(self, name: str, at: float, how: str) -> None:
        self._incidents.append(Incident(at, _DEATHS[name]))
        self.expect(rf"run +WARNING {name} was ended by {how}; it is started again")
        if name == "safety":
            self.expect(r"station ERROR the safety process is gone")

    def expect(self, *patterns: str) -> None:
        """Lines of the log that match one of these regular expressions are no complaint."""
        self._expected += patterns

    async def stop(self) -> None:
        with contextlib.suppress(BenchUnreachable, FileNotFoundError):
            state = self.bench.verb("state", since_s=0)
            incidents = [*self._incidents, *returns_of_station(self.log.read_text(errors="replace"))]
            self._breaches += broken_invariants(state, incidents)
        self._incidents.clear()
        await super().stop()

    def problems(self) -> list[str]:
        """What is wrong after a stop, whatever the test was about."""
        log = self.log.read_text(errors="replace")
        return [str(breach) for breach in self._breaches] + complaints(log, self._expected)

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Ask the station's local API. Raises Refused with its answer, NotRunning."""
        with LineClient(self.run_dir / "api.sock", "the station") as client:
            return client.ask({"id": 1, "do": do, **arguments})

    def said(self, pattern: str) -> list[str]:
        """Return the lines of the common log in which this regular expression is found."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if re.search(pattern, line)]

    async def hears(self, pattern: str, within_s: float = 15.0, times: int = 1) -> str:
        """Wait until the log has such a line (the last of so many), and return it."""
        await self.until(lambda: len(self.said(pattern)) >= times, within_s, f"log line /{pattern}/")
        return self.said(pattern)[times - 1]


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


@contextlib.asynccontextmanager
async def judged(rig: WatchedRig) -> AsyncIterator[WatchedRig]:
    """Run a rig; afterwards nothing may have broken that the test did not mean to break."""
    try:
        async with rig:
            yield rig
    except Exception as error:
        if rig.log.exists():
            for problem in rig.problems():
                error.add_note(f"also: {problem}")
            error.add_note("\n".join(["the log ends with:", *rig.log.read_text(errors="replace").splitlines()[-40:]]))
        raise
    problems = rig.problems()
    assert not problems, "\n".join(problems)


@contextlib.asynccontextmanager
async def world(directory: Path, version: str, *, variables: Any = None, keys: Any = None) -> AsyncIterator[World]:
    """Run a station and a CSMS; both are gone afterwards. directory: short, for the sockets in it."""
    csms = Csms(subprotocols=(SUBPROTOCOLS[version],))
    async with serving(csms) as port:
        settings = settings_for(port, version, variables=variables, keys=keys)
        async with judged(WatchedRig(directory, settings)) as rig:
            yield world_of(rig, csms, version)


def settings_for(port: int, *versions: str, variables: Any = None, keys: Any = None, path: str = "ocpp") -> RigSettings:
    """Return the settings of a station whose CSMS listens at this port."""
    return RigSettings(
        csms_url=f"ws://127.0.0.1:{port}/{path}",
        protocols=[SUBPROTOCOLS[version].value for version in versions],
        identity=IDENTITY,
        variables={**VARIABLES, **(variables or {})},
        keys=keys or {},
    )


def world_of(rig: Rig, csms: Csms, version: str) -> World:
    return World(rig, csms, version, lambda action, payload: csms.command(IDENTITY, action, payload), IDENTITY)


@contextlib.asynccontextmanager
async def serving(csms: Csms, port: int = 0) -> AsyncIterator[int]:
    """Serve a CSMS on loopback and yield its port."""
    server = WebSocketServer(csms)
    await server.start("127.0.0.1", port)
    try:
        yield server.port
    finally:
        await server.stop()


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """pytest's own paths are too long for sockets."""
    with tempfile.TemporaryDirectory(prefix="pl-") as directory:
        yield Path(directory)


def together(*scenes: Callable[[Path], Awaitable[None]]) -> None:
    """Play several scenes side by side, each with a station of its own in a directory of its own."""

    async def play_all(directory: Path) -> None:
        async with asyncio.TaskGroup() as group:
            for number, scene in enumerate(scenes):
                group.create_task(_as_coroutine(scene, directory / str(number)))

    with short_directory() as directory:
        asyncio.run(play_all(directory))


async def _as_coroutine(scene: Callable[[Path], Awaitable[None]], directory: Path) -> None:
    await scene(directory)


async def play(world: World, *names: str) -> None:
    """Play the named steps of the script; every sight of each must be seen."""
    by_name = {step.name: step for step in STEPS}
    for name in names:
        if name in ("swipe", "stop"):
            await _let_the_card_be_away(world)
        played = await play_step(world, by_name[name])
        missing = [f"{seen.kind}: {seen.what}" for seen in played.seen if seen.evidence is None]
        assert not played.problem, f"{name}: {played.problem}"
        assert not missing, f"{name}: not seen: {missing}; log: {world.rig.log_tail()}"


async def _let_the_card_be_away(world: World) -> None:
    """A card that comes back at once has never left: the reader takes it for the same presentation."""
    await asyncio.sleep(max(0.0, world.memory.get("swiped_at", 0.0) + CARD_AWAY_S - time.monotonic()))
    world.memory["swiped_at"] = time.monotonic()
