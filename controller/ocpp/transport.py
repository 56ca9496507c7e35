"""The line to the CSMS as the OCPP side sees it, whatever carries it: WebSocket or memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import quote

from controller.ocpp.exc import ConnectFailed, ConnectionLost

__all__ = ["ConnectFailed", "Connection", "ConnectionLost", "Connector", "connection_url"]


def connection_url(endpoint: str, identity: str) -> str:
    """Return the connection URL (Part 4 §3.1.1): the endpoint, a slash, the identity percent-encoded."""
    return f"{endpoint.rstrip('/')}/{quote(identity, safe='')}"


class Connection(Protocol):
    """An open connection. Order is kept; `send` may be called by several tasks, `recv` by one."""

    @property
    def subprotocol(self) -> str | None:
        """What the server picked, None if nothing."""

    async def send(self, text: str) -> None:
        """Hand a message to the network. Raises ConnectionLost; a return proves nothing about its arrival."""

    async def recv(self) -> str:
        """Return the next message. Raises ConnectionLost."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in good order. Never raises, and does nothing the second time."""


class Connector(Protocol):
    async def connect(self, url: str, subprotocols: Sequence[str], headers: Mapping[str, str]) -> Connection:
        """Open a connection to a whole connection URL. Raises ConnectFailed."""
