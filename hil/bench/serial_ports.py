"""Pseudo-terminals that stand for serial ports: a stable name for our side, a byte-level peer on the other."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import termios
import tty
from collections.abc import Sequence
from pathlib import Path

from drivers.mock.peer import Peer


class BenchPort:
    """path: a symbolic link to the terminal. peers: who is on the line; each hears everything. baud: the line's speed.

    A port that is set to another speed carries nothing that a peer could understand.
    """

    def __init__(self, path: Path, peers: Sequence[Peer], baud: int, loop: asyncio.AbstractEventLoop) -> None:
        self.path = path
        self.peers = tuple(peers)
        self._speed = getattr(termios, f"B{baud}")
        self._loop = loop
        self._master: int | None = None
        self._slave = -1
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_there(self) -> bool:
        return self._master is not None

    def appear(self) -> None:
        """Plug the adapter in."""
        if self._master is not None:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self.path)
        self._loop.add_reader(self._master, self._receive)

    def vanish(self) -> None:
        """Pull the adapter out: whoever has it open gets a hang-up."""
        if self._master is None:
            return
        self._loop.remove_reader(self._master)
        if self._timer is not None:
            self._timer.cancel()
        self.path.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = None

    def poke(self) -> None:
        """A peer may have something to say."""
        if self._master is None:
            return
        now = self._loop.time()
        for peer in self.peers:
            if data := peer.take(now):
                with contextlib.suppress(BlockingIOError):  # nobody reads: a full line loses bytes
                    os.write(self._master, data)
        self._plan()

    def _receive(self) -> None:
        assert self._master is not None
        try:
            data = os.read(self._master, 4096)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno == errno.EIO:  # nobody has it open
                return
            raise
        if termios.tcgetattr(self._slave)[4] == self._speed:
            for peer in self.peers:
                peer.receive(data, self._loop.time())
        self.poke()

    def _plan(self) -> None:
        due = min((at for peer in self.peers if (at := peer.deadline()) is not None), default=None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None and due != float("inf"):
            self._timer = self._loop.call_at(due, self.poke)
