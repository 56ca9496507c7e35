"""What a CSMS sees of a station's connection, whatever carries it: a WebSocket or memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class PeerGone(Exception):
    """The connection has ended: closed by either side, cut, or silent for too long."""


class Peer(Protocol):
    """One accepted connection, seen from the server. subprotocol: None when none was agreed."""

    @property
    def subprotocol(self) -> str | None: ...

    async def send(self, text: str) -> None: ...

    async def recv(self) -> str: ...

    async def close(self, code: int = 1000, reason: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Admission:
    """Answer to an upgrade request. status: 101 lets it in, anything else is the HTTP refusal."""

    status: int
    subprotocol: str | None = None
    reason: str = ""


class PeerServer(Protocol):
    """A server of station connections."""

    def admit(self, path: str, subprotocols: tuple[str, ...], headers: Mapping[str, str]) -> Admission:
        """Judge an upgrade request. path: as in the request line, percent-encoded. headers: names in any case."""

    async def serve(self, path: str, peer: Peer) -> None:
        """Serve one admitted connection to its end. Never raises PeerGone."""
