"""What readers have in common that send by themselves: a port, a parser, one event for each presentation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from controller.hal import DeviceError, TokenRead
from drivers.bus.serial_port import Chunk
from drivers.rfid.presence import Presence


class Port(Protocol):
    """A stream of bytes with their times; `drivers.bus.serial_port.SerialPort` is one."""

    @property
    def is_open(self) -> bool: ...
    def open(self) -> None: ...
    def close(self) -> None: ...
    async def receive(self, timeout_s: float | None) -> Chunk | None: ...


class Listener:
    """Reads tokens out of what a port sends.

    feed: bytes and their time in, (token, time) out, whatever is whole by then; `reset` begins anew after the port was opened.
    """

    def __init__(
        self,
        port: Port,
        feed: Callable[[bytes, float], Iterable[tuple[str, float]]],
        reset: Callable[[], None],
        token_type: str,
    ) -> None:
        self._port = port
        self._feed = feed
        self._reset = reset
        self._token_type = token_type
        self._tokens: deque[tuple[str, float]] = deque()
        self._presence = Presence()

    async def read(self) -> TokenRead:
        try:
            if not self._port.is_open:
                self._reset()
                self._port.open()
            while True:
                while self._tokens:
                    token, at_s = self._tokens.popleft()
                    if self._presence.is_new(token, at_s):
                        return TokenRead(token, self._token_type, at_s)
                chunk = await self._port.receive(None)
                if chunk is not None:
                    self._tokens.extend(self._feed(chunk.data, chunk.at_s))
        except DeviceError:
            self._port.close()
            raise

    async def close(self) -> None:
        self._port.close()
