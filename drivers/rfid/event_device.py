"""An event device of the kernel (/dev/input/event…) on the event loop: found, taken for ourselves alone, read, noticed when it goes."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import re
from collections import deque
from collections.abc import Callable
from pathlib import Path

from controller.hal import DeviceGone
from drivers.bus.serial_port import Chunk
from drivers.rfid.keys import ENTER, EVENT

EVIOCGRAB = 0x40044590  # _IOW('E', 0x90, int)
_MOST_WAITING = 64
_LISTED = "/proc/bus/input/devices lists what there is"


def found_device(wanted: str, device: str, classes: Path = Path("/sys/class/input")) -> str:
    """Return the path of the keyboard that is wanted. Raises DeviceGone, also where several fit.

    wanted: a path, or `vendor:product` in hex as lsusb shows it, or the device's name. device: how errors name it.
    """
    if wanted.startswith("/"):
        return wanted
    found = [each.name for each in sorted(classes.glob("event*")) if _is(each / "device", wanted)]
    if not found:
        raise DeviceGone(device, f"there is no keyboard {wanted!r}", f"is it plugged in? {_LISTED}")
    if len(found) > 1:
        raise DeviceGone(device, f"{wanted!r} is more than one: {', '.join(found)}", "name one by /dev/input/by-path")
    return f"/dev/input/{found[0]}"


def _is(entry: Path, wanted: str) -> bool:
    """Whether an entry of the kernel's is that keyboard. Readers have further devices, which lack the Enter key."""
    try:
        if not int((entry / "capabilities/key").read_text().split()[-1], 16) >> ENTER & 1:
            return False
        if re.fullmatch("[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}", wanted):
            ids = ((entry / "id" / name).read_text().strip() for name in ("vendor", "product"))
            return ":".join(ids).lower() == wanted.lower()
        return (entry / "name").read_text().strip() == wanted.strip()
    except (OSError, ValueError, IndexError):  # it has just gone
        return False


class EventDevice:
    """wanted: as `found_device` takes it. grab: nothing else gets its keys. device: how errors name it."""

    def __init__(self, wanted: str, grab: bool, device: str, monotonic: Callable[[], float]) -> None:
        self._wanted = wanted
        self._path = wanted
        self._grab = grab
        self._device = device
        self._monotonic = monotonic
        self._fd: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._chunks: deque[Chunk] = deque(maxlen=_MOST_WAITING)
        self._wake = asyncio.Event()
        self._is_lost = False

    @property
    def is_open(self) -> bool:
        return self._fd is not None

    def open(self) -> None:
        """Raises DeviceGone."""
        self.close()
        self._path = found_device(self._wanted, self._device)
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            may_not = error.errno in (errno.EACCES, errno.EPERM)
            hint = "is the user in the group input?" if may_not else f"/dev/input/by-id, {_LISTED}"
            raise DeviceGone(self._device, f"{self._path}: {(error.strerror or '').lower()}", hint) from error
        try:
            if self._grab:
                fcntl.ioctl(fd, EVIOCGRAB, 1)
        except OSError as error:
            os.close(fd)
            busy = error.errno == errno.EBUSY
            problem = "is taken by another program" if busy else "is no event device of the kernel"
            raise DeviceGone(self._device, f"{self._path} {problem}", "name /dev/input/by-id/…-event-kbd") from error
        self._fd = fd
        self._is_lost = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(fd, self._readable)

    def close(self) -> None:
        if self._fd is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(self._fd)
            os.close(self._fd)
        self._fd = None
        self._chunks.clear()
        self._wake.set()

    async def receive(self, timeout_s: float | None) -> Chunk | None:
        """Return the next bytes, or None when none came in time. Raises DeviceGone when the device vanished."""
        while not self._chunks:
            if self._is_lost or self._fd is None:
                self.close()
                raise DeviceGone(self._device, f"{self._path} vanished", "is the reader plugged in?")
            self._wake.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
            except TimeoutError:
                return None
        return self._chunks.popleft()

    def _readable(self) -> None:
        assert self._fd is not None and self._loop is not None
        try:
            data = os.read(self._fd, 64 * EVENT.size)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._chunks.append(Chunk(data, self._monotonic()))
        else:
            self._is_lost = True
            self._loop.remove_reader(self._fd)
        self._wake.set()
