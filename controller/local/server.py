"""The station's control API on a Unix socket, mode 0660: who is in its group may ask and command.

One JSON object a line: {"id": …, "do": "status"} is answered {"id": …, "ok": true, …} or {"id": …, "ok": false,
"error": "one line"}. After `watch` the events follow as {"id": …, "event": {…}} until the client leaves.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.local.requests import BadRequest, Request, StationApi, answer, parse

_LONGEST_REQUEST = 1 << 16
_MOST_CLIENTS = 32
_MODE = 0o660


class LocalApi:
    """Serves one station. config: the values in force, secrets hidden, as `config` gives them out."""

    def __init__(self, station: StationApi, config: Mapping[str, Any]) -> None:
        self._station = station
        self._config = config
        self._path: Path | None = None
        self._server: asyncio.AbstractServer | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self, path: Path) -> None:
        """Begin to serve. Raises OSError naming the path; EADDRINUSE when another process serves it."""
        listening = listen(path)
        self._path = path
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=_LONGEST_REQUEST)

    async def stop(self) -> None:
        """Stop serving, close every connection, remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._server = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._clients) >= _MOST_CLIENTS:
            writer.close()
            return
        self._clients.add(task)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._clients.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                limit = f"a request is at most {_LONGEST_REQUEST} bytes long"
                await _send(writer, {"id": None, "ok": False, "error": limit})
                return
            if not line:
                return
            try:
                request = parse(line)
                if request.do == "watch":
                    await self._watch(request, reader, writer)
                    return
                reply = answer(request, self._station, self._config)
            except BadRequest as error:
                await _send(writer, {"id": error.id, "ok": False, "error": str(error)})
                continue
            await _send(writer, {"id": request.id, "ok": True, **reply})

    async def _watch(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer with the status, then pass events on until the client closes its end; none is lost in between."""
        gone = asyncio.create_task(reader.read())
        try:
            with self._station.events.subscribe() as subscription:
                await _send(writer, {"id": request.id, "ok": True, **answer(request, self._station, self._config)})
                while not gone.done():
                    coming = asyncio.create_task(subscription.next())
                    await asyncio.wait({gone, coming}, return_when=asyncio.FIRST_COMPLETED)
                    if not coming.done():
                        coming.cancel()
                        return
                    await _send(writer, {"id": request.id, "event": coming.result()})
        finally:
            gone.cancel()


async def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(json.dumps(message, ensure_ascii=False, default=str).encode() + b"\n")
    await writer.drain()


def listen(path: Path) -> socket.socket:
    """Return a listening socket at `path`, mode 0660. A socket that a dead process left behind is replaced."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.setblocking(False)
    try:
        if path.is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.setblocking(False)
                if probe.connect_ex(str(path)) not in (errno.ECONNREFUSED, errno.ENOENT):
                    raise OSError(errno.EADDRINUSE, "another process serves this socket")
            path.unlink(missing_ok=True)
        before = os.umask(0o777 & ~_MODE)
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        listening.listen(_MOST_CLIENTS)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, str(path)) from error
    return listening
