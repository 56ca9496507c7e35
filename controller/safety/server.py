"""The safety process' end of the socket: takes one station's messages, sends it facts. Never blocks.

One station at a time. A second connection is refused while the first is alive, because two writers of permits would make it
unknowable whose word stands; a first that has been silent for longer than its lease has nothing in force and is replaced (its
descriptor may live on in a forked child, so that no end of file ever comes).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import socket
from collections.abc import Iterable
from pathlib import Path

from controller.ipc import LONGEST_LEASE_S, MAX_PACKET, MalformedMessage, decode, encode
from controller.logic.evse import EvseFacts
from controller.safety.supervisor import SafetySupervisor

_log = logging.getLogger(__name__)

PACKETS_PER_PASS = 32  # what a flood may cost one pass; the rest waits in the kernel's queue, which is bounded
CONNECTIONS_PER_PASS = 4


class StationServer:
    """Listens at `path`. Per pass: `receive`, then `send`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener = _listen(path)
        self._poll = select.poll()  # one system call tells a pass that nothing has come, which is the usual case
        self._poll.register(self._listener, select.POLLIN)
        self._station: socket.socket | None = None
        self._heard_at = 0.0
        self.malformed = 0
        self.dropped = 0  # facts that found the queue full: snapshots, so the next one makes up for it
        self.refused = 0
        self._told_malformed = False
        self._told_full = False

    @property
    def is_connected(self) -> bool:
        return self._station is not None

    def receive(self, supervisor: SafetySupervisor, now: float) -> None:
        """Take what has come, at most PACKETS_PER_PASS, then look for a new station: an end of file frees its place first."""
        came = [fd for fd, _ in self._poll.poll(0)]
        if not came:
            return
        if self._station is not None and self._station.fileno() in came:
            self._read(supervisor, now)
        if self._listener.fileno() in came:
            self._accept(supervisor, now)

    def _accept(self, supervisor: SafetySupervisor, now: float) -> None:
        for _ in range(CONNECTIONS_PER_PASS):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # out of descriptors: the lease runs out, nothing worse
                if not self._told_full:
                    self._told_full = True
                    _log.error("cannot accept a station: %s", error)
                return
            self._told_full = False
            self._admit(connection, supervisor, now)

    def _admit(self, connection: socket.socket, supervisor: SafetySupervisor, now: float) -> None:
        if self._station is not None:
            if now - self._heard_at <= LONGEST_LEASE_S:
                self.refused += 1
                connection.close()
                return
            _log.warning("the station was silent for %.1f s and is replaced by a new connection", now - self._heard_at)
            self._lost(supervisor, now)
        connection.setblocking(False)
        self._poll.register(connection, select.POLLIN)
        self._station = connection
        self._heard_at = now
        self._told_malformed = False
        _log.info("station connected")
        supervisor.station_connected()

    def _read(self, supervisor: SafetySupervisor, now: float) -> None:
        for _ in range(PACKETS_PER_PASS):
            if self._station is None:
                return
            try:
                packet = self._station.recv(MAX_PACKET)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                packet = b""
            if not packet:  # end of file; an empty packet looks the same, and is forbidden
                _log.warning("station disconnected: its permits are withdrawn")
                self._lost(supervisor, now)
                return
            self._take(packet, supervisor, now)

    def _take(self, packet: bytes, supervisor: SafetySupervisor, now: float) -> None:
        try:
            message = decode(packet)
            if isinstance(message, EvseFacts):
                raise MalformedMessage("facts come from the safety process")
        except MalformedMessage as error:
            self.malformed += 1
            if not self._told_malformed:
                self._told_malformed = True
                _log.warning("malformed message ignored (later ones are only counted): %s", error)
            return
        self._heard_at = now
        supervisor.receive(message, now)

    def _lost(self, supervisor: SafetySupervisor, now: float) -> None:
        if self._station is not None:
            self._poll.unregister(self._station)
            self._station.close()
            self._station = None
        supervisor.station_lost(now)

    def send(self, facts: Iterable[EvseFacts]) -> None:
        """Send what fits. A broken connection is noticed by the next read."""
        if self._station is None:
            return
        for each in facts:
            try:
                self._station.send(encode(each), socket.MSG_NOSIGNAL)
            except OSError:
                self.dropped += 1

    def close(self) -> None:
        if self._station is not None:
            self._station.close()
            self._station = None
        self._listener.close()
        with contextlib.suppress(OSError):
            self._path.unlink()


def _listen(path: Path) -> socket.socket:
    """Bind with mode 0660. What a killed predecessor left is removed. Raises OSError that names the path."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    mask = os.umask(0o117)
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        listener.bind(str(path))
        listener.listen(4)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise OSError(error.errno or errno.EINVAL, error.strerror or str(error), str(path)) from error
    finally:
        os.umask(mask)
    return listener
