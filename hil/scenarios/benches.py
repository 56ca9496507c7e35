"""Benches with real processes: the mock bench, a new one for each batch, and a rig that stands somewhere and answers the same verbs."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from controller.config import load_board
from controller.local.client import LineClient
from controller.local.exc import NotRunning
from hil.bench.abilities import abilities
from hil.bench.client import Bench
from hil.csms.csms import CommandFailed, Csms
from hil.csms.schemas import Version
from hil.csms.server import WebSocketServer
from hil.processes import Rig, RigError, RigSettings
from hil.scenarios.runner import Abilities
from hil.scenarios.scene import Doors

VARIANT = Path(__file__).with_name("variant.toml")
BOARDS = {"mock": "mock", "variant": str(VARIANT)}
# A short session: nobody drives up first. The rest is the default.
VARIABLES = {"SampledDataCtrlr.TxUpdatedInterval": 10}
BACK_S = 30.0  # a station that is started again answers within

T = TypeVar("T")


class SocketDoors:
    """The verbs over the bench's socket, the local API over the station's, commands from a CSMS in this process.

    identity: of the station at the CSMS; None: whichever is the only one connected.
    """

    def __init__(self, bench: Path, api: Path, csms: Csms, identity: str | None) -> None:
        self._bench = Bench(bench)
        self._api = api
        self._csms = csms
        self._identity = identity

    async def verb(self, name: str, /, **args: Any) -> dict[str, Any]:
        return await self._bench.verb_async(name, **args)

    async def ask(self, do: str, /, **args: Any) -> dict[str, Any]:
        return await _until_there(lambda: asyncio.to_thread(self._ask, {"id": 1, "do": do, **args}), NotRunning)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with LineClient(self._api, "the station") as client:
            return client.ask(request)

    async def command(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        return await _until_there(lambda: self._csms.command(self._station(), action, payload), CommandFailed)

    def _station(self) -> str:
        connected = self._csms.connected
        if self._identity is not None:
            return self._identity
        if len(connected) != 1:
            raise CommandFailed("NotConnected", f"one station must be connected, not {', '.join(connected) or 'none'}")
        return connected[0]

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _until_there(ask: Callable[[], Awaitable[T]], absent: type[Exception]) -> T:
    """Ask, and again for a while if nobody was there."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BACK_S
    while True:
        try:
            return await ask()
        except absent as error:
            is_gone = not isinstance(error, CommandFailed) or error.code == "NotConnected"
            if not is_gone or loop.time() > deadline:
                raise
        await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def listening(csms: Csms, host: str, port: int) -> AsyncIterator[int]:
    """Serve a CSMS and yield its port."""
    server = WebSocketServer(csms)
    await server.start(host, port)
    try:
        yield server.port
    finally:
        await server.stop()


class MockSource:
    """The mock bench with one of the boards, a new one at each opening.

    csms, port: what its stations connect to. identity: begins their names there, unlike those of any other source; None: the board's.
    """

    is_fresh = True

    def __init__(self, name: str, csms: Csms, port: int, identity: str | None = None) -> None:
        self.name = name
        self._identity = identity or name
        self._csms = csms
        self._port = port
        self._opened = 0

    async def abilities(self) -> Abilities:
        board = load_board(BOARDS[self.name], Path("/run"))
        return as_sets(abilities(board))

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Doors]:
        self._opened += 1
        identity = f"{self._identity}-{self._opened}"
        with tempfile.TemporaryDirectory(prefix="pl-") as directory:  # short, for the sockets in it
            async with self.rig(Path(directory), identity) as rig:
                yield SocketDoors(rig.run_dir / "bench.sock", rig.run_dir / "api.sock", self._csms, identity)

    def rig(self, directory: Path, identity: str) -> Rig:
        return Rig(directory, self.settings(identity))

    def settings(self, identity: str) -> RigSettings:
        return RigSettings(
            csms_url=f"ws://127.0.0.1:{self._port}/ocpp",
            protocols=[Version.V201.value],
            identity=identity,
            variables=VARIABLES,
            station={"board": BOARDS[self.name]},
        )


class StandingSource:
    """A bench that stands, with a station that runs: used as it is, and tidied after each scenario."""

    is_fresh = False

    def __init__(self, name: str, doors: SocketDoors) -> None:
        self.name = name
        self._doors = doors

    async def abilities(self) -> Abilities:
        """Raises RigError where the bench does not say what it can do."""
        said = (await self._doors.verb("state")).get("can")
        if not isinstance(said, dict):
            raise RigError(f"{self.name}: the bench's `state` has no `can`: by EVSE, a list of what it can do")
        return as_sets(said)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Doors]:
        yield self._doors


def as_sets(said: dict[str, list[str]]) -> Abilities:
    return {int(evse): frozenset(can) for evse, can in said.items()}
