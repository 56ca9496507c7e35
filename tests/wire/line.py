"""What may listen where a CSMS should: a TCP line that stalls, and servers that are none."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable

_CHUNK = 65536
_KEY = re.compile(rb"sec-websocket-key: *(\S+)", re.IGNORECASE)
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3

Answer = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Line:
    """Forwards TCP to a port on loopback. Stalled, it takes connections and bytes, and nothing comes out of it."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._flows = asyncio.Event()
        self._flows.set()
        self._to_station: set[asyncio.StreamWriter] = set()
        self.connections = 0

    def stall(self) -> None:
        self._flows.clear()

    def flow(self) -> None:
        self._flows.set()

    def inject(self, data: bytes) -> None:
        """Put bytes on the line towards the station, as if its CSMS had sent them."""
        for writer in self._to_station:
            writer.write(data)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._to_station.add(writer)
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._to_station.discard(writer)
            for each in (writer, far_writer):
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while True:
                data = await reader.read(_CHUNK)
                await self._flows.wait()
                if not data:
                    break
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()


@contextlib.asynccontextmanager
async def line_to(target_port: int) -> AsyncIterator[tuple[Line, int]]:
    """Lay a line; yield it and the port to come in by."""
    line = Line(target_port)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    try:
        yield line, server.sockets[0].getsockname()[1]
    finally:
        line.flow()
        server.close()


class Pretender:
    """Something that answers HTTP upgrade requests in its own way, for as long as `listening` lasts.

    accepted_s: when each connection came (monotonic). heard: what came after the request, of all connections.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.accepted_s: list[float] = []
        self.heard = b""

    @contextlib.asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[Pretender]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted_s.append(time.monotonic())
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            await self._answer(request, reader, writer)
            await writer.drain()
            self.heard += await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def upgrade(request: bytes, subprotocol: str | None) -> bytes:
    """Return the answer that opens the WebSocket, with the subprotocol given or none."""
    key = _KEY.search(request)
    assert key is not None, request
    accept = base64.b64encode(hashlib.sha1(key[1] + _GUID).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines.append(f"Sec-WebSocket-Accept: {accept}")
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def picks(subprotocol: str | None) -> Pretender:
    """A WebSocket server that picks this subprotocol, whatever was offered, and then says nothing."""

    async def answer(request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(upgrade(request, subprotocol))

    return Pretender(answer)


def accepts_and_closes(subprotocol: str) -> Pretender:
    async def answer(request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(upgrade(request, subprotocol))
        await writer.drain()
        writer.close()

    return Pretender(answer)


def says(text: str) -> Pretender:
    """A server that answers this to every request and hangs up."""

    async def answer(request: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text.encode())
        await writer.drain()
        writer.close()

    return Pretender(answer)


def text_frame(payload: bytes, *, binary: bool = False) -> bytes:
    """Return a whole WebSocket message as a server sends it (RFC 6455 §5.2), whatever its bytes are."""
    head = bytes([0x82 if binary else 0x81])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    return head + b"\x7f" + len(payload).to_bytes(8, "big") + payload
