"""A rig for a whole run of tests: bridge and CSMS in an event loop of their own thread, called from the tests' one."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from controller.local.client import LineClient
from controller.local.exc import LocalError
from hil.bench.client import Bench
from hil.csms.csms import Csms
from hil.rig.bridge import bridged
from hil.rig.station import RigStation
from hil.scenarios.benches import SocketDoors, StandingSource, listening
from hil.scenarios.runner import play_all
from hil.scenarios.scenario import Outcome, Scenario

T = TypeVar("T")


class StandingRig:
    """port, evse: the rig's. csms: `HOST:PORT` at which the station finds its CSMS."""

    def __init__(self, port: str, evse: int, station: RigStation, csms: str) -> None:
        self.evse = evse
        self.station = station
        self._port = port
        self._csms_at = csms.rpartition(":")
        self._csms = Csms(keeps_frames=1000)
        self._directory = tempfile.TemporaryDirectory(prefix="pl-")
        self._socket = Path(self._directory.name) / "bench.sock"
        self._bench = Bench(self._socket)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rig", daemon=True)
        self._held = contextlib.AsyncExitStack()

    def open(self) -> None:
        """Find the rig and listen for the station. Raises BenchError, OSError."""
        self._thread.start()
        try:
            self._run(self._open())
        except BaseException:
            self.close()
            raise

    async def _open(self) -> None:
        await self._held.enter_async_context(bridged(self._port, self.evse, self.station.built, self._socket))
        host, _, port = self._csms_at
        await self._held.enter_async_context(listening(self._csms, host, int(port)))

    def close(self) -> None:
        self._run(self._held.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._directory.cleanup()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def station_runs(self) -> bool:
        """Whether the station answers, and so holds its pins."""
        try:
            LineClient(self.station.api, "the station").close()
        except LocalError:
            return False
        return True

    def play(self, scenario: Scenario) -> Outcome:
        source = StandingSource(self._port, SocketDoors(self._socket, self.station.api, self._csms, None))
        (outcome,) = self._run(play_all([scenario], [source], 1, lambda outcome: None))
        return outcome

    def verb(self, name: str, /, **args: Any) -> dict[str, Any]:
        """Do a verb at the rig's EVSE. Raises BenchRefused, BenchUnreachable."""
        return self._bench.verb(name, evse=self.evse, **args)

    def seen(self) -> dict[str, Any]:
        """What the rig sees of its EVSE now."""
        return self._bench.evse(self.evse)
