"""How quickly a long backlog reaches a CSMS that is back, beside a bare loop, and whether the station grows by it.

The station's own processes deliver from their database on the disk to the bundled CSMS. In stretches, so that both meet the same machine:
while the station waits for the answer to the last message of a stretch, the bare loop plays that stretch's very frames, over a WebSocket
of its own, to a second CSMS in the place of the first. Both are timed where they arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from controller.store.store import DATABASE
from hil.csms.csms import Csms
from hil.csms.log import Frame, Party
from hil.csms.peer import Admission, Peer
from hil.csms.schemas import Version
from hil.csms.server import WebSocketServer
from hil.measure import backlog
from hil.measure.platform import rss_mib
from hil.measure.shape import Shape
from hil.processes import Rig, RigError, RigSettings

MESSAGES, STRETCH = 10_000, 250
LEAST_RATIO, MOST_GROWTH_MIB = 0.8, 4.0
SETTLE_S = 3.0  # after start, before memory is read
WITHIN_S = 60.0  # of a stretch
_SAMPLE_S = 0.1
_KEPT_FRAMES = 100
_ACTIONS = frozenset({"TransactionEvent", "StartTransaction", "MeterValues", "StopTransaction"})
_SOON = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": 1,
    "OCPPCommCtrlr.RetryBackOffRandomRange": 0,
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": 1,
}

Say = Callable[[str], None]


class Counter:
    """The messages that came to a CSMS; the rate is that between the first and the last of each stretch."""

    def __init__(self, csms: Csms, stretch: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self.frames: list[str] = []  # of this stretch
        self.count = 0
        self.is_full = asyncio.Event()
        self._stretch = stretch
        self._clock = clock
        self._began_s = self._taken_s = 0.0
        csms.log.frame_observers.append(self._note)

    def _note(self, frame: Frame) -> None:
        if frame.sender is not Party.STATION or frame.kind != "call" or frame.action not in _ACTIONS:
            return
        now = self._clock()
        if not self.frames:
            self._began_s = now
        self.frames.append(frame.text)
        self.count += 1
        if len(self.frames) == self._stretch:
            self._taken_s += now - self._began_s
            self.is_full.set()

    def next_stretch(self) -> None:
        self.frames = []
        self.is_full.clear()

    @property
    def per_s(self) -> float:
        stretches = self.count // self._stretch
        return stretches * (self._stretch - 1) / self._taken_s


class Turnstile:
    """A CSMS that holds back its answer to the last message of a stretch until `next_stretch`."""

    def __init__(self, csms: Csms, counter: Counter) -> None:
        self._csms = csms
        self._counter = counter
        self._released = asyncio.Event()

    def admit(self, path: str, subprotocols: tuple[str, ...], headers: Mapping[str, str]) -> Admission:
        return self._csms.admit(path, subprotocols, headers)

    async def serve(self, path: str, peer: Peer) -> None:
        await self._csms.serve(path, _HeldPeer(peer, self))

    async def passed(self) -> None:
        if self._counter.is_full.is_set():
            await self._released.wait()
            self._released.clear()

    def release(self) -> None:
        self._counter.next_stretch()
        self._released.set()


class _HeldPeer:
    def __init__(self, peer: Peer, turnstile: Turnstile) -> None:
        self._peer = peer
        self._turnstile = turnstile

    @property
    def subprotocol(self) -> str | None:
        return self._peer.subprotocol

    async def send(self, text: str) -> None:
        await self._turnstile.passed()
        await self._peer.send(text)

    async def recv(self) -> str:
        return await self._peer.recv()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._peer.close(code, reason)


class BareLoop:
    """`hil.measure.bare` as a process of its own, at a CSMS of its own."""

    def __init__(self, directory: Path, protocol: str, stretch: int) -> None:
        self._frames = directory / "frames"
        self._protocol = protocol
        self.csms = Csms(keeps_frames=_KEPT_FRAMES)
        self.counter = Counter(self.csms, stretch)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = WebSocketServer(self.csms)
        await server.start("127.0.0.1", 0)
        command = ("-P", "-m", "hil.measure.bare", f"ws://127.0.0.1:{server.port}/BARE", self._protocol)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            await self._hears("ready")
            yield
        finally:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()
            await server.stop()

    async def play(self, frames: list[str]) -> None:
        self._frames.write_text("\n".join(frames), encoding="utf-8")
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self._frames}\n".encode())
        await self._hears("done")
        self.counter.next_stretch()

    async def _hears(self, word: str) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            line = await self._process.stdout.readline()
        if line.decode().strip() != word:
            raise RigError("the bare loop was not answered as it should be; see above")


async def drain(
    directory: Path, version: Version, say: Say, messages: int = MESSAGES, stretch: int = STRETCH
) -> list[Shape]:
    """Let a station deliver a backlog. Raises RigError where the CSMS did not get all of it, once and in order."""
    say(f"drain: {messages} messages of {version.value} wait, and leave beside a bare loop")
    csms = Csms(keeps_frames=_KEPT_FRAMES)
    counter = Counter(csms, stretch)
    turnstile = Turnstile(csms, counter)
    server = WebSocketServer(turnstile)
    await server.start("127.0.0.1", 0)
    port = server.port
    await server.stop()
    settings = RigSettings(csms_url=f"ws://127.0.0.1:{port}/", protocols=[version.value], variables=_SOON)
    rig, bare = Rig(directory, settings), BareLoop(directory, version.value, stretch)
    backlog.write(rig.state_dir / DATABASE, messages, protocol=version.value, csms=settings.csms_url)
    async with rig, bare.running():
        await asyncio.sleep(SETTLE_S)
        memory = Memory(rig)
        watching = asyncio.create_task(memory.watch())
        await server.start("127.0.0.1", port)
        try:
            for _ in range(messages // stretch):
                async with asyncio.timeout(WITHIN_S):
                    await counter.is_full.wait()
                await bare.play(counter.frames)
                turnstile.release()
            await asyncio.sleep(_SAMPLE_S)
        except TimeoutError:
            raise RigError(f"only {counter.count} of {messages} messages came: {rig.log_tail()}") from None
        finally:
            watching.cancel()
            await server.stop()
    check(csms, counter.count, messages, waiting=rig.rows("SELECT coalesce(sum(waiting), 0) FROM streams")[0][0])
    name = version.name.lower()
    rate = Shape(
        f"drain_{name}_per_s",
        counter.per_s,
        "1/s",
        bare.counter.per_s,
        "a bare loop with the same frames",
        LEAST_RATIO,
        at_most=False,
        samples=counter.count,
    )
    what = f"while {messages} messages leave, of {memory.resting_mib:.0f} MiB"
    return [rate, Shape.within(f"drain_{name}_growth_mib", memory.growth_mib, "MiB", MOST_GROWTH_MIB, what)]


class Memory:
    """The station's resident memory, from before it connects to the end."""

    def __init__(self, rig: Rig) -> None:
        pid = rig.pid("station")
        if pid is None:
            raise RigError(f"the station has no pid file in {rig.state_dir}")
        self._pid = pid
        self.resting_mib = self._highest_mib = rss_mib(pid)

    async def watch(self) -> None:
        while True:
            self._highest_mib = max(self._highest_mib, rss_mib(self._pid))
            await asyncio.sleep(_SAMPLE_S)

    @property
    def growth_mib(self) -> float:
        return self._highest_mib - self.resting_mib


def check(csms: Csms, count: int, messages: int, *, waiting: int) -> None:
    """Raise RigError where something else than delivery was measured. waiting: what the station still has to send."""
    if csms.violations:
        raise RigError(f"{len(csms.violations)} violations, the first: {csms.violations[0]}")
    if csms.duplicates or count != messages or waiting:
        raise RigError(f"{messages} messages: {count} came, {len(csms.duplicates)} again, {waiting} still wait")
