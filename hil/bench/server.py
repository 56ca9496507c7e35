"""The bench's socket: one JSON object a line, `{"verb": ..., ...}`, answered by `{"ok": true, ...}` or an error."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from controller.exits import ExitCode
from hil.bench.layout import BenchError
from hil.plant import PlantError

LONGEST_LINE = 1 << 20
Perform = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


class BenchServer:
    """perform: does one verb; PlantError and BenchError become its error answer."""

    def __init__(self, path: Path, perform: Perform) -> None:
        self._path = path
        self._perform = perform
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen. Raises BenchError."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LONGEST_LINE)
            self._path.chmod(0o660)
        except OSError as error:
            raise BenchError(f"bench socket {self._path}: {error.strerror}", ExitCode.DEVICE) from error

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.close()
            await self._server.wait_closed()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError):
                while line := await _line(reader):
                    writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            name, args = _request(line)
            return {"ok": True} | await self._perform(name, args)
        except (PlantError, BenchError) as error:
            return {"ok": False, "error": str(error)}


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line that is not empty; nothing at the end of the stream or when a line has no end."""
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            return b""
        if not line or line.strip():
            return line


def _request(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        request: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BenchError(f"not JSON: {error}") from error
    if not isinstance(request, Mapping):
        raise BenchError('a request is an object like {"verb": "state"}')
    args = dict(request)
    name = args.pop("verb", None)
    if not isinstance(name, str):
        raise BenchError("`verb` is missing or no text")
    return name, args
