"""A plain, blocking client of sockets that speak one JSON object a line: the station's API and the mock bench."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from controller.local.exc import LocalError, NotRunning, Refused

_LONGEST_LINE = 1 << 22


class LineClient:
    """One connection. what: who should answer there, for messages. Use as a context manager."""

    def __init__(self, path: Path, what: str, timeout_s: float | None = 5.0) -> None:
        """Connect. Raises NotRunning, or LocalError where this user may not."""
        self._what = what
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            self._socket.close()
            raise NotRunning(f"{what} is not running (nobody answers at {path})") from error
        except OSError as error:
            self._socket.close()
            raise LocalError(f"{path}: {(error.strerror or str(error)).lower()}") from error
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> LineClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and return the whole answer. Raises Refused with the answer's `error`, NotRunning."""
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise NotRunning(f"{self._what} went away") from error
        answer = self._read()
        if answer is None:
            raise NotRunning(f"{self._what} went away before it answered")
        if not answer.get("ok"):
            raise Refused(str(answer.get("error", "no reason was given")))
        return answer

    def stream(self) -> Iterator[dict[str, Any]]:
        """Yield what comes until the other side closes. Waits as long as it takes."""
        self._socket.settimeout(None)
        while (message := self._read()) is not None:
            yield message

    def _read(self) -> dict[str, Any] | None:
        try:
            line = self._lines.readline(_LONGEST_LINE)
        except TimeoutError as error:
            raise LocalError(f"{self._what} does not answer; is it hanging?") from error
        except OSError as error:
            raise NotRunning(f"{self._what} went away") from error
        if not line:
            return None
        try:
            message = json.loads(line)
        except ValueError as error:
            raise LocalError(f"{self._what} answered something that is not JSON") from error
        if not isinstance(message, dict):
            raise LocalError(f"{self._what} answered something that is not a JSON object")
        return message
