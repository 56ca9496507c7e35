"""The network between station and CSMS: a TCP forwarder that the bench can pull the plug of."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from controller.exits import ExitCode
from hil.bench.layout import BenchError

_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Route:
    """Listen on a loopback port, forward to host:port."""

    listen_port: int
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Route:
        """Read `port:host:port`. Raises BenchError."""
        first, _, rest = text.partition(":")
        host, _, last = rest.rpartition(":")
        if not (first.isdecimal() and host and last.isdecimal()):
            raise BenchError(
                f"CSMS forwarding {text!r}: must look like LISTEN_PORT:HOST:PORT, for example 9181:127.0.0.1:9180"
            )
        return cls(int(first), host.strip("[]"), int(last))


class Forwarder:
    """While the network is down nothing listens and every connection is cut."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def set_up(self, up: bool) -> None:
        """Raises BenchError when the port is taken."""
        if up and self._server is None:
            try:
                self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._route.listen_port)
            except OSError as error:
                problem = f"CSMS forwarding: port {self._route.listen_port}: {error.strerror}"
                raise BenchError(problem, ExitCode.BUSY) from error
        elif not up:
            await self.close()

    async def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        if server is not None:
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(self._route.host, self._route.port)
        except OSError:
            self._writers.discard(writer)
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            for each in (writer, far_writer):
                self._writers.discard(each)
                each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
