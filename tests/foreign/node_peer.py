"""A CSMS that we did not write, as a process: npm `ocpp-rpc` in strict mode (see peer/server.js)."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_SOURCE = Path(__file__).with_name("peer")
_BUILD = Path(__file__).parents[2] / "build" / "foreign-peer"
_FILES = ("package.json", "package-lock.json", "server.js")
_INSTALL_TIMEOUT_S = 180


class NoPeer(Exception):
    """The peer cannot run here. The message says what is missing."""


def install() -> Path:
    """Install the peer into build/ where it is not there yet; return its directory. Raises NoPeer."""
    return installed(_SOURCE, _FILES, _BUILD, "to judge by a foreign CSMS")


def installed(source: Path, files: tuple[str, ...], build: Path, what_for: str) -> Path:
    """Copy the files and install the packages that their package-lock.json names, where they are not there yet. Raises NoPeer."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        raise NoPeer(f"{' and '.join(missing)} not found: install Node.js 18 or later {what_for}")
    build.mkdir(parents=True, exist_ok=True)
    with _locked(build / "lock"):
        for name in files:
            shutil.copyfile(source / name, build / name)
        mark = hashlib.sha256((build / "package-lock.json").read_bytes()).hexdigest()
        stamp = build / "installed"
        if not stamp.exists() or stamp.read_text() != mark:
            _npm_ci(build)
            stamp.write_text(mark)
    return build


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Test processes that run side by side install once."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _npm_ci(build: Path) -> None:
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(
            command, cwd=build, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise NoPeer(f"npm ci did not end within {_INSTALL_TIMEOUT_S} s: is the registry reachable?") from None
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        raise NoPeer(f"npm ci failed: {last[0] if last else done.stderr.strip()[-200:]}")


class NodePeer:
    """The running peer. Use as an asynchronous context manager.

    events: everything it told, in order. violations: what it found wrong, with whom and in which direction (`own schema`: in
    what it sent itself).
    """

    def __init__(self, directory: Path, *protocols: str) -> None:
        self._directory = directory
        self._protocols = protocols or ("ocpp2.0.1", "ocpp1.6")
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._news = asyncio.Condition()
        self.events: list[dict[str, Any]] = []

    async def __aenter__(self) -> NodePeer:
        self._process = await asyncio.create_subprocess_exec(
            "node",
            "server.js",
            ",".join(self._protocols),
            cwd=self._directory,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        self._reader = asyncio.create_task(self._read())
        await self.seen(lambda event: event["event"] == "listening")
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._process is not None and self._reader is not None
        with contextlib.suppress(ConnectionError):
            self._say({"quit": True})
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reader

    @property
    def url(self) -> str:
        """The endpoint, without a station's identity."""
        port = next(event["port"] for event in self.events if event["event"] == "listening")
        return f"ws://127.0.0.1:{port}/ocpp"

    @property
    def violations(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == "violation"]

    def calls(self, method: str) -> list[dict[str, Any]]:
        """Payloads of the stations' requests of an action."""
        return [event["params"] for event in self.events if event["event"] == "call" and event["method"] == method]

    async def seen(self, matches: Callable[[dict[str, Any]], bool], timeout_s: float = 20.0) -> dict[str, Any]:
        """Return the first event that matches, waiting for it. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._news:
            while True:
                found = next((event for event in self.events if matches(event)), None)
                if found is not None:
                    return found
                await self._news.wait()

    async def call(self, station: str, method: str, params: dict[str, Any], timeout_s: float = 20.0) -> dict[str, Any]:
        """Let the peer send a request. Returns {"result": ...} or {"error": code}."""
        number = len(self._replies)
        self._replies[number] = asyncio.get_running_loop().create_future()
        self._say({"id": number, "station": station, "call": method, "params": params})
        return await asyncio.wait_for(self._replies[number], timeout_s)

    def _say(self, request: dict[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        while line := await self._process.stdout.readline():
            event = json.loads(line)
            async with self._news:
                self.events.append(event)
                self._news.notify_all()
            if event["event"] == "reply":
                self._replies[event["id"]].set_result(
                    {name: event[name] for name in ("result", "error") if name in event}
                )
