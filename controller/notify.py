"""Tell whoever started us that we are ready, alive or stopping: systemd's datagram protocol and an inherited pipe."""

from __future__ import annotations

import contextlib
import os
import socket

READY = b"READY=1\n"


class Notifier:
    """Speaks to the service manager of `NOTIFY_SOCKET` (sd_notify(3)) and to the reader of `ready_fd`; both optional.

    Never blocks and never raises: a service manager that does not listen must not stop a safety loop.
    """

    def __init__(self, ready_fd: int | None = None, address: str | None = None) -> None:
        self._ready_fd = ready_fd
        self._address = ("\0" + address[1:] if address.startswith("@") else address) if address else None
        self._socket: socket.socket | None = None

    @classmethod
    def from_environment(cls, ready_fd: int | None = None) -> Notifier:
        return cls(ready_fd, os.environ.get("NOTIFY_SOCKET"))

    def ready(self) -> None:
        """Say that start-up is over. Calls after the first tell only the service manager."""
        self.tell("READY=1")
        if self._ready_fd is not None:
            with contextlib.suppress(OSError):
                os.write(self._ready_fd, READY)
                os.close(self._ready_fd)
            self._ready_fd = None

    def alive(self) -> None:
        """Reset the service manager's watchdog (WatchdogSec=)."""
        self.tell("WATCHDOG=1")

    def stopping(self) -> None:
        self.tell("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self.tell(f"STATUS={text}")

    def tell(self, state: str) -> None:
        if self._address is None:
            return
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with contextlib.suppress(OSError):
            self._socket.sendto(state.encode(), self._address)


def watchdog_period_s() -> float | None:
    """Return half of the service manager's watchdog time (WATCHDOG_USEC), or None when it does not watch this process."""
    usec, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 2e6
