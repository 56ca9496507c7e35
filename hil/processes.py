"""A station of real processes on the mock bench: what the demo, the wire tests and the measurements drive.

Everything lives in one directory: `pilotline.toml`, `state/` (the database), `run/` (sockets, pids, the bench's files).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.local.client import LineClient
from controller.local.exc import LocalError
from hil.bench.client import Bench

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0


class RigError(Exception):
    """The station did not do what it must for the run to go on. One line, for a person."""


@dataclass(frozen=True, slots=True)
class RigSettings:
    """What differs between rigs. variables, keys: `[ocpp.variables]` and `[ocpp.keys]`. station: more of `[station]`."""

    csms_url: str
    protocols: Sequence[str] = ("ocpp2.0.1", "ocpp1.6")
    identity: str = "RIG-1"
    variables: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)
    station: Mapping[str, Any] = field(default_factory=dict)


class Rig:
    """One supervised station (`pilotline run`) and its bench. Use as an asynchronous context manager."""

    def __init__(self, directory: Path, settings: RigSettings) -> None:
        self.directory = directory
        self.run_dir = directory / "run"
        self.state_dir = directory / "state"
        self.config = directory / "pilotline.toml"
        self.log = directory / "log.txt"
        self.bench = Bench(self.run_dir / "bench.sock")
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._alive_fd: int | None = None  # its other end tells the station that we are gone

    async def __aenter__(self) -> Rig:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the station and wait until it says that it is ready. Raises RigError with the end of its log."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config.write_text(station_toml(self._settings, self.state_dir, self.run_dir))
        reader, writer = os.pipe()
        self._process = self._spawn(writer)
        os.close(writer)
        os.set_blocking(reader, False)
        try:
            await self._wait_for_ready(reader)
        except BaseException:  # also a cancellation: nobody else knows yet that there is something to stop
            await self.stop()
            raise
        finally:
            os.close(reader)

    def _spawn(self, ready_fd: int) -> subprocess.Popen[bytes]:
        parent_fd, self._alive_fd = os.pipe()
        fds = ["--ready-fd", str(ready_fd), "--parent-fd", str(parent_fd)]
        try:
            with self.log.open("ab") as log:
                return subprocess.Popen(
                    [sys.executable, "-m", "controller", "run", "--config", str(self.config), *fds],
                    pass_fds=[ready_fd, parent_fd],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        finally:
            os.close(parent_fd)

    async def _wait_for_ready(self, reader: int) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                if os.read(reader, 64):
                    return
                break  # end of file: it exited before it was ready
            await asyncio.sleep(0.02)
        await self.stop()  # and with it the log is complete
        raise RigError(f"the station did not get ready; its log ends with: {self.log_tail()}")

    async def stop(self) -> None:
        """Stop in good order; what has not gone in time is killed. Harmless when nothing runs."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        try:
            await asyncio.to_thread(process.wait, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
        finally:
            if self._alive_fd is not None:
                os.close(self._alive_fd)
                self._alive_fd = None

    def log_tail(self, lines: int = 6) -> str:
        text = self.log.read_text(errors="replace").splitlines()
        return " / ".join(line for line in text[-lines:] if line.strip())

    def pid(self, name: str) -> int | None:
        """Return the pid of `safety`, `station` or `bench` as written at its last start, or None."""
        try:
            return int((self.state_dir / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def kill(self, name: str, sig: signal.Signals = signal.SIGKILL) -> float:
        """Send a signal to one of our processes. Return the monotonic time just before."""
        pid = self.pid(name)
        if pid is None:
            raise RigError(f"{name} has no pid file in {self.run_dir}")
        at = time.monotonic()
        os.kill(pid, sig)
        return at

    async def until(self, holds: Callable[[], Any], timeout_s: float, what: str) -> Any:
        """Poll until `holds()` is true and return its value. Raises RigError naming `what` when time runs out."""
        deadline = time.monotonic() + timeout_s
        while True:
            value = holds()
            if value:
                return value
            if time.monotonic() >= deadline:
                raise RigError(f"not seen within {timeout_s:.0f} s: {what}")
            await asyncio.sleep(0.02)

    def evse(self, evse: int) -> dict[str, Any]:
        """What the bench sees of one EVSE."""
        state = self.bench.verb("state")
        found: dict[str, Any] = next(e for e in state["evses"] if e["id"] == evse)
        return found

    def status(self) -> dict[str, Any] | None:
        """What the station says of itself over its local API, or None while it does not answer."""
        try:
            with LineClient(self.run_dir / "api.sock", "the station") as client:
                return client.ask({"id": 1, "do": "status"})
        except LocalError:
            return None

    def is_whole(self) -> bool:
        """Whether the station is up, sees the pilot through the safety process and is registered at its CSMS."""
        status = self.status()
        if status is None:
            return False
        shown = status["status"]
        return bool(shown["csms"]["online"]) and all(evse["pilot"] is not None for evse in shown["evses"])

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read the station's database as it is on the disk now."""
        uri = f"file:{self.state_dir / 'station.db'}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5)) as connection:
            return connection.execute(query, parameters).fetchall()


def station_toml(settings: RigSettings, state_dir: Path, run_dir: Path) -> str:
    """Return the `pilotline.toml` of a station on the mock board."""
    station = {
        "identity": settings.identity,
        "board": "mock",
        "state_dir": str(state_dir),
        "run_dir": str(run_dir),
        **settings.station,
    }
    csms = {"url": settings.csms_url, "protocols": list(settings.protocols)}
    sections = {"station": station, "csms": csms, "ocpp.variables": settings.variables, "ocpp.keys": settings.keys}
    # A JSON scalar or list of strings is also TOML.
    return "".join(
        f"[{name}]\n" + "".join(f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in table.items()) + "\n"
        for name, table in sections.items()
    )
