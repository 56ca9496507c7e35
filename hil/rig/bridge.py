"""A rig as a bench: keeps its edges, its time and its line, and answers the verbs on a bench's socket.

The rig counts microseconds since its start; here they are monotonic seconds of this machine, so that an interval is the rig's own. The
bridge asks for the state a few times a second: that takes the edges away before the rig must forget them, and tells the rig that its
host lives. What happened to the rig in between, and spoils a run, is told with the next verb.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

from controller.exits import ExitCode
from hil.bench.layout import BenchError
from hil.bench.server import BenchServer
from hil.plant.evse import EDGES_KEPT
from hil.rig import words
from hil.rig.link import RigGone, RigLink

LOOK_S = 0.2  # the rig goes home when it hears nothing for 2 s
AGAIN_S = 0.5
VERBS = ("plug_in", "unplug", "ev", "pause", "resume", "fault", "state")

log = logging.getLogger(__name__)


class Bridge:
    """link: to the rig. evse: the number of the EVSE that it stands at. built: how that EVSE is built (hil.bench.abilities)."""

    def __init__(self, link: RigLink, evse: int, built: Collection[str]) -> None:
        self._link = link
        self._evse = evse
        self._built = built
        self._turn = asyncio.Lock()
        self._edges: deque[dict[str, Any]] = deque(maxlen=EDGES_KEPT)
        self._last_edge = 0
        self._can: list[str] = []
        self._boot: object = None
        self._begin_s = 0.0  # monotonic time of the rig's 0
        self._silences = 0
        self._trouble = ""  # what the next verb must tell

    async def open(self) -> None:
        """Find the rig. Raises RigGone."""
        async with self._turn:
            await self._greet()

    def close(self) -> None:
        self._link.close()

    async def watch(self) -> None:
        """Keep the rig company, for ever. A rig that is gone is looked for again."""
        while True:
            try:
                await self._look_again()
            except BenchError as error:
                if not self._trouble:
                    log.warning("%s", error)
                    self._trouble = str(error)
            await asyncio.sleep(LOOK_S if self._link.is_open else AGAIN_S)

    async def _look_again(self) -> None:
        async with self._turn:
            if not self._link.is_open:
                await self._greet()
                log.info("%s is back", self._link.name)
            await self._look()

    async def perform(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """Do one verb. Raises BenchError."""
        async with self._turn:
            if not self._link.is_open:
                await self._greet()
            if name not in VERBS:
                raise BenchError(f"{name}: not on a rig (it knows: {', '.join(VERBS)})", ExitCode.FAILED)
            state = await self._look()
            if self._trouble:
                trouble, self._trouble = self._trouble, ""
                raise BenchError(trouble, ExitCode.DEVICE)
            if name == "state":
                return self._report(state, _since(args))
            return await self._link.ask(name, **self._for_rig(name, args))

    def _for_rig(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """To the rig, its EVSE is number 1."""
        if "evse" not in args:
            return args
        if isinstance(args["evse"], bool) or args["evse"] != self._evse:
            raise BenchError(f"{name}: `evse` must be {self._evse}, not {args['evse']!r}", ExitCode.FAILED)
        return {**args, "evse": 1}

    # --- the rig's time and edges

    async def _greet(self) -> None:
        self._link.open()
        try:
            asked_s = time.monotonic()
            said = await self._link.hello()
        except BenchError:
            self._link.close()
            raise
        if self._boot is not None and said["boot"] == self._boot:  # the rig was not gone: its time and its edges go on
            self._note(f"{self._link.name} was away in mid-run and is back: its EV is unplugged")
            return
        self._begin_s = asked_s - said["now_us"] / 1e6
        self._can = said["can"]
        if self._boot is not None:
            self._note(f"{self._link.name} was reset in mid-run: its EV is unplugged, what it saw until then is lost")
        self._boot, self._last_edge, self._silences = said["boot"], 0, said["silences"]

    def _note(self, trouble: str) -> None:
        log.warning("%s", trouble)
        self._trouble = trouble

    async def _look(self) -> dict[str, Any]:
        """Take the rig's state and all new edges."""
        while True:
            state = await self._link.ask("state", after=self._last_edge)
            if wrong := words.wrong_in(state):
                self._link.close()
                raise RigGone(f"{self._link.name}: `{wrong}` of its state makes no sense", ExitCode.DEVICE)
            if state["boot"] != self._boot:
                self._link.close()
                await self._greet()
                continue
            if not self._take(state):
                break
        if state["silences"] != self._silences:
            self._silences = state["silences"]
            self._note(f"{self._link.name} heard nothing for 2 s and unplugged its EV: was this program held up?")
        return state

    def _take(self, state: dict[str, Any]) -> bool:
        """Keep the edges of an answer. Returns whether there are more."""
        for number, at_us, what, value in state["edges"]:
            if number > self._last_edge + 1 and self._last_edge:
                self._note(f"{self._link.name}: {number - self._last_edge - 1} edges came too fast and are lost")
            self._last_edge = number
            at_s = self._begin_s + at_us / 1e6
            self._edges.append({"at_s": at_s, "what": what, "value": words.in_bench_words(what, value)})
        return bool(state["edges"]) and bool(state["last_edge"] > self._last_edge)

    # --- the bench's words

    def _report(self, state: dict[str, Any], since_s: float | None) -> dict[str, Any]:
        return words.report(state, self._begin_s, self._evse, self.abilities(), self._edges, since_s)

    def abilities(self) -> list[str]:
        """What the rig is built for and the station has, and the faults that the rig can play."""
        return [each for each in self._can if each.startswith("fault ") or each in self._built]


def _since(args: dict[str, Any]) -> float | None:
    unknown = sorted(args.keys() - {"since_s"})
    if unknown:
        raise BenchError(f"state: unknown key `{unknown[0]}` (known: since_s)", ExitCode.FAILED)
    since_s = args.get("since_s")
    if since_s is None:
        return None
    if isinstance(since_s, bool) or not isinstance(since_s, (int, float)):
        raise BenchError(f"state: `since_s` must be a number, not {since_s!r}", ExitCode.FAILED)
    return float(since_s)


@contextlib.asynccontextmanager
async def bridged(port: str, evse: int, built: Collection[str], socket: Path) -> AsyncIterator[Bridge]:
    """Find the rig and serve its verbs on a socket. Raises BenchError."""
    bridge = Bridge(RigLink(port), evse, built)
    server = BenchServer(socket, bridge.perform)
    try:
        await bridge.open()
        await server.open()
        watcher = asyncio.create_task(bridge.watch())
        try:
            yield bridge
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
    finally:
        await server.close()
        bridge.close()
