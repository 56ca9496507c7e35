"""The socket by which a second terminal talks to a running CSMS: one JSON object a line, both ways."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any

from hil.csms import schemas
from hil.csms.csms import CommandFailed, Csms
from hil.csms.transactions import Transaction
from hil.csms.words import BadWords, Scene, expand

_LINE_LIMIT = 1 << 20
_REPORT_WITHIN_S = 20.0


class NoCsms(Exception):
    """Nobody answers at the control socket. The message says what to do."""


def socket_path(port: int) -> Path:
    """Return where the CSMS that listens on `port` has its control socket: in the user's own run directory."""
    base = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/pilotline-{os.getuid()}"
    return Path(base) / f"pilotline-csms-{port}.sock"


class Control:
    """Serves the control socket of one CSMS.

    Requests: {"send": [words...], "station": id or null} sends a command; {"show": "stations" | "transactions" |
    "violations"}. Answers: {"ok": true, ...} or {"ok": false, "error": one line}, with "usage": true where
    the words make no command.
    """

    def __init__(self, csms: Csms) -> None:
        self._csms = csms
        self._server: asyncio.AbstractServer | None = None
        self._requests = 0
        self._path: Path | None = None

    async def start(self, path: Path) -> None:
        self._server = await asyncio.start_unix_server(self._talk, sock=_bind(path), limit=_LINE_LIMIT)
        self._path = path

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        if self._path is not None:
            _remove(self._path)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.LimitOverrunError, ValueError):
            while line := await reader.readline():
                answer = await self.answer(line)
                writer.write(schemas.render(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def answer(self, line: bytes) -> dict[str, Any]:
        """Carry out one request line."""
        try:
            request = json.loads(line)
        except ValueError:
            return _no("not JSON")
        match request:
            case {"send": [*words], "station": str() | None as station} if all(isinstance(w, str) for w in words):
                return await self._send(words, station)
            case {"show": "stations"}:
                return {"ok": True, "stations": [self._station(name) for name in self._csms.connected]}
            case {"show": "transactions"}:
                return {"ok": True, "transactions": [_transaction(t) for t in self._csms.transactions]}
            case {"show": "violations"}:
                return {"ok": True, "violations": [str(v) for v in self._csms.violations]}
            case _:
                return _no('expected {"send": [...], "station": ...} or {"show": ...}')

    async def _send(self, words: list[str], station: str | None) -> dict[str, Any]:
        names = self._csms.connected
        if not names:
            return _no("no station is connected")
        if station is None and len(names) > 1:
            return _no(f"several stations are connected, name one with --station: {', '.join(names)}")
        name = station or names[0]
        if name not in names:
            return _no(f"station {name} is not connected; connected: {', '.join(names)}")
        running = self._csms.open_transaction(name)
        self._requests += 1
        scene = Scene(self._csms.station(name).version, running.id if running else None, self._requests)
        try:
            action, payload = expand(words, scene)
            reply = await self._csms.command(name, action, payload)
        except BadWords as error:
            return _no(str(error)) | {"usage": True}
        except CommandFailed as error:
            return _no(str(error))
        answer = {"ok": True, "station": name, "action": action, "payload": payload, "reply": reply}
        if action == "GetBaseReport" and reply.get("status") == "Accepted":
            answer["report"] = await self._report(name, payload["requestId"])
        return answer

    async def _report(self, name: str, request_id: int) -> list[dict[str, Any]]:
        """Wait for the last part of a report and return its variables; what has come when the station pauses too long."""
        reports = self._csms.station(name).facts.reports
        deadline = asyncio.get_running_loop().time() + _REPORT_WITHIN_S
        while not any(not part.get("tbc", False) for part in reports.get(request_id, ())):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.05)
        return [row for part in reports.get(request_id, ()) for row in part.get("reportData", ())]

    def _station(self, name: str) -> dict[str, Any]:
        core = self._csms.station(name)
        return {
            "id": name,
            "ocpp": core.version,
            "registration": core.registration,
            "statuses": {f"{evse}/{connector}": status for (evse, connector), status in core.facts.statuses.items()},
        }


def _bind(path: Path) -> socket.socket:
    """A socket left behind by a CSMS that was killed is replaced: whoever holds the TCP port owns the path."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    return listener


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _transaction(transaction: Transaction) -> dict[str, Any]:
    return {
        "id": transaction.id,
        "station": transaction.station,
        "evse": transaction.evse,
        "token": transaction.id_token,
        "started": transaction.started_at.isoformat(),
        "stopped": transaction.stopped_at.isoformat() if transaction.stopped_at else None,
        "reason": transaction.reason,
        "energy_wh": transaction.energy_wh,
    }


def _no(why: str) -> dict[str, Any]:
    return {"ok": False, "error": why}


def ask(port: int, request: dict[str, Any], timeout_s: float = 40.0) -> dict[str, Any]:
    """Send one request to the CSMS that listens on `port` and return its answer. Raises NoCsms."""
    path = socket_path(port)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
    except OSError:
        raise NoCsms(
            f"no CSMS answers for port {port} ({path}): start one with `pilotline csms --port {port}`"
        ) from None
    if not line:
        raise NoCsms(f"the CSMS on port {port} hung up: look at its terminal")
    answer: dict[str, Any] = json.loads(line)
    return answer
