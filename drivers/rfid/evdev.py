"""A card reader that plays a keyboard: it types each card's number and Enter (family reader).

The kernel's event device is read directly and taken for ourselves alone, so that nothing is typed into a console. Events are the
records of linux/input.h; key codes those of linux/input-event-codes.h; the layout is that of a US keyboard, as such readers type.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from controller.hal import DeviceGone, TokenRead, setting
from controller.logic.values import IdTokenType
from drivers.bus import Buses
from drivers.bus.serial_port import Chunk
from drivers.rfid.ascii_line import token_of_line
from drivers.rfid.listener import Listener
from drivers.rfid.spelling import CASES, RADIXES, Spelling

EVENT = struct.Struct("llHHi")  # time in seconds and microseconds, type, code, value
EV_KEY, RELEASED, PRESSED = 1, 0, 1
EVIOCGRAB = 0x40044590
_LONGEST = 64
_MOST_WAITING = 64
_ENTERS = frozenset((28, 96))
_SHIFTS = frozenset((42, 54))
_PLAIN = {
    **dict(zip(range(2, 14), "1234567890-=", strict=True)),
    **dict(zip(range(16, 28), "qwertyuiop[]", strict=True)),
    **dict(zip(range(30, 42), "asdfghjkl;'`", strict=True)),
    **dict(zip(range(43, 54), "\\zxcvbnm,./", strict=True)),
    **dict(zip((71, 72, 73, 75, 76, 77, 79, 80, 81, 82), "7894561230", strict=True)),
    55: "*", 57: " ", 74: "-", 78: "+", 83: ".", 98: "/",
}  # fmt: skip
_SHIFTED = dict(zip("1234567890-=[];'`\\,./", '!@#$%^&*()_+{}:"~|<>?', strict=True))


class Keys:
    """Turns event records into typed lines, cut however they arrive. A line that is too long is dropped whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._typed: list[str] = []
        self._shifts: set[int] = set()

    def feed(self, data: bytes) -> Iterator[str]:
        """Take bytes of the event device and yield each line that Enter has ended."""
        data = self._rest + data
        whole = len(data) - len(data) % EVENT.size
        self._rest = data[whole:]
        for _, _, kind, code, value in EVENT.iter_unpack(data[:whole]):
            if kind == EV_KEY:
                yield from self._key(code, value)

    def _key(self, code: int, value: int) -> Iterator[str]:
        if code in _SHIFTS:
            (self._shifts.add if value != RELEASED else self._shifts.discard)(code)
        elif value != PRESSED:  # a repeat types nothing: no card has a key held down
            return
        elif code in _ENTERS:
            typed, self._typed = "".join(self._typed).strip(), []
            if 0 < len(typed) <= _LONGEST:
                yield typed
        elif code in _PLAIN and len(self._typed) <= _LONGEST:
            plain = _PLAIN[code]
            self._typed.append(_SHIFTED.get(plain, plain.upper()) if self._shifts else plain)

    def reset(self) -> None:
        self._rest = b""
        self._typed.clear()
        self._shifts.clear()


class EventDevice:
    """The kernel's event device on the event loop. device: how errors name it."""

    def __init__(self, path: str, grab: bool, device: str, monotonic: Callable[[], float]) -> None:
        self._path = path
        self._grab = grab
        self._device = device
        self._monotonic = monotonic
        self._fd: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._chunks: deque[Chunk] = deque(maxlen=_MOST_WAITING)
        self._wake = asyncio.Event()
        self._lost = ""

    @property
    def is_open(self) -> bool:
        return self._fd is not None

    def open(self) -> None:
        """Raises DeviceGone."""
        self.close()
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            hint = (
                "is the user in the group input?" if error.errno == errno.EACCES else "ls /dev/input/by-id lists them"
            )
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
        self._lost = ""
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
        """Return the next bytes, or None when none came in time. Raises DeviceGone when the reader vanished."""
        while not self._chunks:
            if self._lost or self._fd is None:
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
        except OSError as error:
            data, self._lost = b"", error.strerror or str(error)
        if data:
            self._chunks.append(Chunk(data, self._monotonic()))
        else:
            self._lost = self._lost or "closed"
            self._loop.remove_reader(self._fd)
        self._wake.set()


class KeyboardReader:
    """Reports each line that the reader types."""

    @dataclass(frozen=True)
    class Settings:
        device: str = setting("Event device of the reader, best by /dev/input/by-id.")
        grab: bool = setting("Take it for ourselves alone, so that nothing is typed into a console.", default=True)
        content: str = setting(
            "What a line holds: `text` any printable token, `hex` a UID of 8 to 20 digits, `decimal` a UID as a number.",
            default="text",
            choices=("text", "hex", "decimal"),
        )
        token_type: str = setting(
            "idToken type in OCPP 2.x.", default="Local", choices=tuple(kind.value for kind in IdTokenType)
        )
        case: str = setting("Case of a UID's hex digits.", default="upper", choices=CASES)
        reverse: bool = setting("Last UID byte first.", default=False)
        prefix: str = setting("Text put before every token.", default="", high=16)
        radix: int = setting("How a UID is written. 16: hex digits. 10: a decimal number.", default=16, choices=RADIXES)

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._name = f"keyboard reader {settings.device} of {where}"
        self._keys = Keys()
        self._spelling = Spelling(settings.case, settings.reverse, settings.prefix, settings.radix)
        port = EventDevice(settings.device, settings.grab, self._name, buses.monotonic)
        self._listener = Listener(port, self._tokens, self._keys.reset, settings.token_type)

    async def read(self) -> TokenRead:
        return await self._listener.read()

    async def close(self) -> None:
        await self._listener.close()

    def _tokens(self, data: bytes, at_s: float) -> Iterator[tuple[str, float]]:
        for line in self._keys.feed(data):
            token = token_of_line(line, self._settings.content, self._spelling, self._name)
            if token is not None:
                yield token, at_s
