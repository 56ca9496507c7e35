"""The CSMS on real WebSockets."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from hil.csms.peer import PeerGone, PeerServer


class PortInUse(Exception):
    """We cannot listen where we should. The message says what to do. is_taken: because somebody else does."""

    def __init__(self, message: str, *, is_taken: bool) -> None:
        self.is_taken = is_taken
        super().__init__(message)


class WebSocketPeer:
    """A `Peer` over a server-side WebSocket."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket

    @property
    def subprotocol(self) -> str | None:
        return self._socket.subprotocol

    async def send(self, text: str) -> None:
        try:
            await self._socket.send(text)
        except ConnectionClosed as error:
            raise PeerGone(str(error)) from error

    async def recv(self) -> str:
        """A binary message is passed on as text: the core finds that it is not what OCPP-J allows."""
        try:
            message = await self._socket.recv()
        except ConnectionClosed as error:
            raise PeerGone(str(error)) from error
        return message if isinstance(message, str) else message.decode("utf-8", errors="replace")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._socket.close(code, reason)


class WebSocketServer:
    """Serves a `PeerServer` on TCP. `port` is the real one, also when 0 was asked for."""

    def __init__(self, peers: PeerServer) -> None:
        self._peers = peers
        self._picked: dict[int, str | None] = {}  # by connection, between request and response of a handshake
        self._server: Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises PortInUse."""
        try:
            self._server = await serve(
                self._serve,
                host,
                port,
                process_request=self._judge,
                select_subprotocol=self._select,
                close_timeout=2,
            )
        except OSError as error:
            raise PortInUse(_explain(error, host, port), is_taken=error.errno == errno.EADDRINUSE) from error

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("not started")
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        offered = [
            name.strip() for value in request.headers.get_all("Sec-WebSocket-Protocol") for name in value.split(",")
        ]
        admission = self._peers.admit(request.path, tuple(offered), dict(request.headers.raw_items()))
        if admission.status != 101:
            return connection.respond(HTTPStatus(admission.status), admission.reason + "\n")
        self._picked[id(connection)] = admission.subprotocol
        return None

    def _select(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        picked = self._picked.pop(id(connection), None)
        return None if picked is None else Subprotocol(picked)

    async def _serve(self, socket: ServerConnection) -> None:
        request = socket.request
        if request is not None:
            await self._peers.serve(request.path, WebSocketPeer(socket))


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: stop what listens there or choose another with --port"
    # asyncio words every failed bind at length and puts the reason at the end
    reason = (error.strerror or str(error)).rpartition(": ")[2]
    return f"cannot listen on {host} port {port}: {reason}; choose another --host or --port"
