"""A client of the bench's socket, for tests, the demo and the command line."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

TIMEOUT_S = 5.0
_LONGEST_ANSWER = 1 << 24


class BenchRefused(Exception):
    """The bench did not do it; the message is its own."""


class BenchUnreachable(Exception):
    """Nobody answers on the bench's socket. The message names it."""


class Bench:
    """path: the bench's socket. Every verb is one connection, so an object costs nothing while it is not used."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def verb(self, name: str, /, **args: Any) -> dict[str, Any]:
        """Do a verb and return its answer. Raises BenchRefused, BenchUnreachable."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_S)
            try:
                connection.connect(str(self.path))
                connection.sendall(_request(name, args))
                with connection.makefile("rb") as answers:
                    return _answer(self.path, answers.readline())
            except OSError as error:
                raise _unreachable(self.path, error) from error

    async def verb_async(self, name: str, /, **args: Any) -> dict[str, Any]:
        """As `verb`, without holding up the event loop."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(self.path, limit=_LONGEST_ANSWER)
                try:
                    writer.write(_request(name, args))
                    return _answer(self.path, await reader.readline())
                finally:
                    writer.close()
        except OSError as error:  # TimeoutError is one
            raise _unreachable(self.path, error) from error

    def evse(self, evse: int = 1) -> dict[str, Any]:
        """Return the state of one EVSE."""
        found: dict[str, Any] = next(each for each in self.verb("state")["evses"] if each["id"] == evse)
        return found


def _request(name: str, args: dict[str, Any]) -> bytes:
    return json.dumps({**args, "verb": name}).encode() + b"\n"


def _answer(path: Path, line: bytes) -> dict[str, Any]:
    if not line:
        raise BenchUnreachable(f"{path}: the bench closed the connection without an answer")
    answer: dict[str, Any] = json.loads(line)
    if not answer.pop("ok"):
        raise BenchRefused(answer["error"])
    return answer


def _unreachable(path: Path, error: OSError) -> BenchUnreachable:
    reason = error.strerror or "no answer in time"
    return BenchUnreachable(f"{path}: {reason}; is the mock bench running?")
