"""A pseudo-terminal whose far end is a byte-level peer, served by the test's own event loop."""

from __future__ import annotations

import asyncio
import os
import time
import tty
from collections.abc import Callable
from pathlib import Path

from drivers.mock.peer import Peer


class PtyLink:
    """`path` is a symlink to the terminal, as udev and the mock bench make them.

    mangle: what happens to bytes on their way to the driver. lag_s: how much later they come. heard: all the driver sent.
    """

    def __init__(self, path: Path, peer: Peer) -> None:
        self.path = path
        self.peer = peer
        self.heard: list[bytes] = []
        self.lag_s = 0.0
        self.mangle: Callable[[bytes], bytes] = lambda data: data
        self._news = asyncio.Event()
        self._master = -1
        self._timer: asyncio.TimerHandle | None = None

    def plug(self) -> None:
        """Let the device appear."""
        master, slave = os.openpty()
        tty.setraw(slave)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        os.close(slave)
        os.set_blocking(master, False)
        self._master = master
        asyncio.get_running_loop().add_reader(master, self._readable)

    def unplug(self) -> None:
        """Let the device vanish."""
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            self._master = -1
        if self._timer is not None:
            self._timer.cancel()
        self.path.unlink(missing_ok=True)

    def nudge(self) -> None:
        """Send what the peer has to say by now, and come back for the rest."""
        data = self.peer.take(time.monotonic())
        if data and self._master >= 0:
            asyncio.get_running_loop().call_later(self.lag_s, self.inject, self.mangle(data))
        if self._timer is not None:
            self._timer.cancel()
        due = self.peer.deadline()
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - time.monotonic()), self.nudge)

    async def heard_at_least(self, messages: int) -> None:
        """Wait until the driver has sent so many messages."""
        while len(self.heard) < messages:
            self._news.clear()
            await self._news.wait()

    def inject(self, data: bytes) -> None:
        if self._master >= 0:
            os.write(self._master, data)

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 4096)
        except BlockingIOError:
            return
        except OSError:  # nobody has the terminal open at the moment: the kernel keeps saying so
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._master)
            master = self._master
            loop.call_later(0.01, lambda: loop.add_reader(master, self._readable) if self._master == master else None)
            return
        self.heard.append(data)
        self._news.set()
        self.peer.receive(data, time.monotonic())
        self.nudge()
