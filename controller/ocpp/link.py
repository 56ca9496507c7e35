"""The WebSocket to the CSMS. The only place that opens a connection to it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from socket import gaierror
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
    ProxyError,
)
from websockets.typing import Subprotocol

from controller.ocpp.exc import ConnectFailed, ConnectionLost

_MAX_BYTES = 1 << 20  # a message of the CSMS; more is refused with 1009
_OPEN_TIMEOUT_S = 20.0
_CLOSE_TIMEOUT_S = 2.0  # of a line gone dead: a station that is told to stop has 5 s for everything
_PONG_TIMEOUT_S = 20.0
# A00.FR.318: Python's own choice lacks the plain RSA ones.
_CIPHERS = ":".join(
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256",
     "ECDHE-RSA-AES256-GCM-SHA384", "AES128-GCM-SHA256", "AES256-GCM-SHA384")
)  # fmt: skip


class _Connect(connect):
    """A redirect is told, not followed: it would carry the password to another host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WebSocketConnector:
    """Opens WebSockets. ping_interval_s: asked at each connection, 0 sends no pings (WebSocketPingInterval).

    proxy: URL of a proxy, None to connect directly whatever the environment says.
    """

    def __init__(
        self,
        ping_interval_s: Callable[[], float],
        *,
        proxy: str | None = None,
        open_timeout_s: float = _OPEN_TIMEOUT_S,
        pong_timeout_s: float = _PONG_TIMEOUT_S,
    ) -> None:
        self._ping_interval_s = ping_interval_s
        self._proxy = proxy
        self._open_timeout_s = open_timeout_s
        self._pong_timeout_s = pong_timeout_s

    async def connect(self, url: str, subprotocols: Sequence[str], headers: Mapping[str, str]) -> WebSocketConnection:
        """Raises ConnectFailed."""
        is_secure = url.startswith("wss:")
        try:
            websocket = await _Connect(
                url,
                subprotocols=[Subprotocol(each) for each in subprotocols],
                additional_headers=dict(headers),
                user_agent_header="Pilotline",
                ssl=_tls_context() if is_secure else None,
                proxy=self._proxy,
                open_timeout=self._open_timeout_s,
                close_timeout=_CLOSE_TIMEOUT_S,
                ping_interval=self._ping_interval_s() or None,
                ping_timeout=self._pong_timeout_s,
                max_size=_MAX_BYTES,
            )
        except (OSError, InvalidHandshake, InvalidURI, EOFError) as error:
            raise _failure(error, url, self._open_timeout_s) from error
        return WebSocketConnection(websocket)


class WebSocketConnection:
    """A `transport.Connection` over a WebSocket."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket

    @property
    def subprotocol(self) -> str | None:
        return self._websocket.subprotocol

    async def send(self, text: str) -> None:
        try:
            await self._websocket.send(text)
        except ConnectionClosed as error:
            raise _lost(error) from error

    async def recv(self) -> str:
        try:
            message = await self._websocket.recv()
        except ConnectionClosed as error:
            raise _lost(error) from error
        # A binary message is not OCPP-J; what it holds is judged as text all the same, so that its sender gets an answer.
        return message if isinstance(message, str) else message.decode(errors="replace")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._websocket.close(code, reason[:120])


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    return context


def _lost(error: ConnectionClosed) -> ConnectionLost:
    if error.rcvd is not None:
        said = f" ({error.rcvd.reason})" if error.rcvd.reason else ""
        return ConnectionLost(f"the CSMS closed the connection with code {error.rcvd.code}{said}")
    if error.sent is not None:
        said = f" ({error.sent.reason})" if error.sent.reason else ""
        return ConnectionLost(f"closed by the station with code {error.sent.code}{said}")
    return ConnectionLost("the connection broke")


def _failure(error: Exception, url: str, timeout_s: float) -> ConnectFailed:
    """Say in one sentence what is wrong and, where it is known, what to change."""
    parts = urlsplit(url)
    where = parts.netloc
    if isinstance(error, InvalidStatus):
        return _refusal(error.response.status_code, error.response.headers.get("Location", ""))
    if isinstance(error, InvalidProxyStatus):
        return ConnectFailed(f"the proxy refused with HTTP {error.response.status_code}: check csms.proxy")
    if isinstance(error, ProxyError):
        return ConnectFailed(f"the proxy cannot be used: {error}")
    if isinstance(error, NegotiationError):
        return ConnectFailed(f"the CSMS at {where} chose something that was not offered: {error}")
    if isinstance(error, InvalidURI):
        return ConnectFailed(f"{url} is not a WebSocket URL: check csms.url")
    if isinstance(error, InvalidMessage | InvalidHandshake | EOFError):
        return ConnectFailed(f"what listens at {where} does not speak WebSocket: check csms.url")
    return ConnectFailed(_network_trouble(error, where, parts.hostname or "", timeout_s))


def _refusal(status: int, location: str) -> ConnectFailed:
    reasons = {
        401: "the CSMS refused the password (HTTP 401): check csms.password and the identity",
        403: "the CSMS does not let this station in (HTTP 403)",
        404: "the CSMS does not know this station (HTTP 404): check csms.url and the identity",
        429: "the CSMS asks for fewer attempts (HTTP 429)",
    }
    if 300 <= status < 400:
        return ConnectFailed(
            f"the CSMS sends elsewhere (HTTP {status}, {location or 'nowhere'}): set csms.url to it", status
        )
    return ConnectFailed(reasons.get(status, f"the CSMS refused with HTTP {status}"), status)


def _network_trouble(error: Exception, where: str, host: str, timeout_s: float) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {where} is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with {where}: {error.reason or error}"
    if isinstance(error, gaierror):
        return f"the name {host} cannot be resolved: check csms.url and the network"
    if isinstance(error, ConnectionRefusedError):
        return f"nobody listens at {where}"
    if isinstance(error, TimeoutError):
        return f"{where} did not answer within {timeout_s:g} s"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{where} cannot be reached: {text}"
