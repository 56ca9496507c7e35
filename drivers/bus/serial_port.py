"""A serial port on the event loop: pyserial without timeouts, read when the kernel says there is something."""

from __future__ import annotations

import asyncio
import errno
import termios
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.hal import DeviceGone

if TYPE_CHECKING:
    import serial

_MOST_WAITING = 64  # chunks kept for a reader that does not come; the oldest go first


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes as the kernel delivered them, and the monotonic time of it."""

    data: bytes
    at_s: float


class SerialPort:
    """One port, held exclusively while open. device: how errors name its user.

    Bytes that arrive while nobody waits are kept with their time of arrival.
    """

    def __init__(self, path: str, baud: int, device: str, monotonic: Callable[[], float]) -> None:
        self._path = path
        self._baud = baud
        self._device = device
        self._monotonic = monotonic
        self._serial: serial.Serial | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._chunks: deque[Chunk] = deque(maxlen=_MOST_WAITING)
        self._wake = asyncio.Event()
        self._lost: str | None = None

    @property
    def is_open(self) -> bool:
        return self._serial is not None

    def open(self) -> None:
        """Open the port. Raises DeviceGone."""
        import serial

        self.close()
        try:
            port = serial.Serial(self._path, self._baud, timeout=0, write_timeout=0, exclusive=True)
        except (serial.SerialException, termios.error, ValueError) as error:
            problem, hint = _explained(getattr(error, "errno", None), error)
            raise DeviceGone(self._device, f"{self._path} {problem}", hint) from error
        self._serial = port
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(port.fileno(), self._readable)

    def close(self) -> None:
        if self._serial is not None and self._loop is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._serial.fileno())
            self._serial.close()
        self._serial = None
        self._lost = None
        self._wake.set()  # who still waits learns that the port was closed
        self.discard()

    def discard(self) -> None:
        """Forget what has arrived."""
        self._chunks.clear()
        self._wake.clear()

    def send(self, data: bytes) -> None:
        """Write a short message. Raises DeviceGone when the port vanished or does not take it."""
        import serial

        if self._serial is None:
            raise DeviceGone(self._device, f"{self._path} is not open")
        try:
            written = self._serial.write(data)
        except (serial.SerialException, OSError) as error:
            self.close()
            raise self._vanished(str(error)) from error
        if written != len(data):
            self.close()
            raise DeviceGone(self._device, f"{self._path} does not take data", "is the adapter stuck? re-plug it")

    async def receive(self, timeout_s: float | None) -> Chunk | None:
        """Return the next bytes, or None when none came in time. Raises DeviceGone when the port vanished.

        Nothing is lost when the call is cancelled.
        """
        if not self._chunks and self._lost is None:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
            except TimeoutError:
                return None
        if self._chunks:
            chunk = self._chunks.popleft()
            if not self._chunks and self._lost is None:
                self._wake.clear()
            return chunk
        reason = self._lost or "closed"
        self.close()
        raise self._vanished(reason)

    def _readable(self) -> None:
        import serial

        assert self._serial is not None and self._loop is not None
        try:
            data = self._serial.read(4096)
        except (serial.SerialException, OSError) as error:
            self._loop.remove_reader(self._serial.fileno())
            self._lost = str(error)
        else:
            if data:
                self._chunks.append(Chunk(data, self._monotonic()))
        self._wake.set()

    def _vanished(self, reason: str) -> DeviceGone:
        return DeviceGone(self._device, f"{self._path} vanished: {reason}", "is the adapter plugged in?")


def _explained(number: int | None, error: Exception) -> tuple[str, str]:
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO):
        return "is not there", "is it plugged in? /dev/serial/by-path lists the ports"
    if number == errno.EACCES:
        return "may not be opened", "is the user in the group dialout?"
    if number in (errno.EBUSY, errno.EAGAIN):
        return "is in use by another program", "`fuser` names the program"
    return f"cannot be opened: {error}", ""
