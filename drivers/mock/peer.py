"""The far end of a serial line, sans-I/O: what every byte-level peer offers to whoever moves its bytes."""

from __future__ import annotations

from typing import Protocol


class Peer(Protocol):
    """Times are monotonic seconds."""

    def receive(self, data: bytes, now: float) -> None:
        """Bytes arrived from our side of the line."""

    def deadline(self) -> float | None:
        """Return when it next wants to be asked for its bytes, None when it has nothing to say."""

    def take(self, now: float) -> bytes:
        """Return the bytes that are due to be sent by now."""


class Answers:
    """Bytes that wait for their time."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, bytes]] = []

    def put(self, at: float, data: bytes) -> None:
        self._waiting.append((at, data))

    def clear(self) -> None:
        self._waiting.clear()

    def deadline(self) -> float | None:
        return min((at for at, _ in self._waiting), default=None)

    def take(self, now: float) -> bytes:
        due = [(at, data) for at, data in self._waiting if at <= now]
        self._waiting = [(at, data) for at, data in self._waiting if at > now]
        return b"".join(data for _, data in due)
