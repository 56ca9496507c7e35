"""What readers have in common that send by themselves: a port, a parser, one event for each presentation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from controller.hal import DeviceError, Presented, TokenRead
from drivers.bus.serial_port import Chunk
from drivers.rfid.presence import Presence


class Port(Protocol):
    """A stream of bytes with their times; `drivers.bus.serial_port.SerialPort` is one."""

    @property
    def is_open(self) -> bool: ...
    def open(self) -> None: ...
    def close(self) -> None: ...
    async def receive(self, timeout_s: float | None) -> Chunk | None: ...


class Parser(Protocol):
    """Bytes and their times in, whole tokens out. on_deadline: silence may end one; deadline None while it cannot."""

    def feed(self, data: bytes, at_s: float) -> Iterable[Presented]: ...
    def deadline(self) -> float | None: ...
    def on_deadline(self, now: float) -> Iterable[Presented]: ...
    def reset(self) -> None:
        """Begin anew: the port was opened."""


class Listener:
    """Reads tokens out of what a port sends. They may come once a presentation, or again and again."""

    def __init__(self, port: Port, parser: Parser, monotonic: Callable[[], float]) -> None:
        self._port = port
        self._parser = parser
        self._monotonic = monotonic
        self._waiting: deque[Presented] = deque()
        self._presence = Presence()
        self._lost_s: float | None = None

    async def read(self) -> Presented:
        try:
            if not self._port.is_open:
                self._parser.reset()
                self._port.open()
                if self._lost_s is not None:  # a tag may have been held all the while
                    self._presence.skip(self._monotonic() - self._lost_s)
                    self._lost_s = None
            while True:
                while self._waiting:
                    event = self._waiting.popleft()
                    seen = event.value if isinstance(event, TokenRead) else f"refused: {event.why}"
                    if self._presence.is_new(seen, event.at_s):
                        return event
                await self._gather()
        except DeviceError:
            self._port.close()
            if self._lost_s is None:
                self._lost_s = self._monotonic()
            raise

    async def close(self) -> None:
        self._port.close()

    async def _gather(self) -> None:
        due = self._parser.deadline()
        chunk = await self._port.receive(None if due is None else max(0.0, due - self._monotonic()))
        if chunk is not None:
            self._waiting.extend(self._parser.feed(chunk.data, chunk.at_s))
        else:
            self._waiting.extend(self._parser.on_deadline(self._monotonic()))
