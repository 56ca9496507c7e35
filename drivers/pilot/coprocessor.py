"""A co-processor that decodes the pilot and tells it over a serial line (family pilot_sense).

It samples both plateaus on the PWM's edges, and sends a frame of seven bytes every 5 ms or so; `hw/docs/coprocessor.md` is the protocol.
The port is read without waiting, on each pass, by the kernel's own calls: the safety process loads no serial library. What does not
come grows old, and the contactor opens at 150 ms.
"""

from __future__ import annotations

import errno
import os
import termios
from collections.abc import Iterator
from dataclasses import dataclass

from controller.hal import DeviceGone, DeviceSilent, ImplausibleReading, LowPlateau, PilotDecoded, setting
from controller.logic.evse import PilotState
from drivers.bus import Buses, CloseStage

SYNC, VERSION = 0x50, 1
FRAME = 7  # sync, version, sequence, state, low plateau, duty, checksum
_STATES = {ord(state.value): state for state in PilotState if state is not PilotState.INVALID} | {
    ord("?"): PilotState.INVALID
}
_LOWS = {
    ord("N"): LowPlateau.NEGATIVE,
    ord("D"): LowPlateau.NO_DIODE,
    ord("P"): LowPlateau.NO_PWM,
    ord("U"): LowPlateau.UNKNOWN,
}
_MOST = 512  # bytes read in a pass: 5 ms of frames, many times over
_REOPEN_S = 1.0
_SPEEDS = {9600: termios.B9600, 19200: termios.B19200, 57600: termios.B57600, 115200: termios.B115200}


@dataclass(frozen=True, slots=True)
class Frame:
    sequence: int
    state: PilotState
    low: LowPlateau
    duty_pct: float | None


def crc8(data: bytes) -> int:
    """Return the checksum of a frame: CRC-8, polynomial 07, beginning with 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc << 1 & 0xFF ^ (0x07 if crc & 0x80 else 0)
    return crc


class FrameParser:
    """Cuts a stream into frames, however it arrives. other_version: the version of a frame that we do not speak, 0: none."""

    def __init__(self) -> None:
        self._gathered = bytearray()
        self.other_version = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes and yield each whole, right frame."""
        self._gathered += data
        while len(self._gathered) >= FRAME:
            candidate = bytes(self._gathered[:FRAME])
            frame = self._frame(candidate)
            del self._gathered[: FRAME if frame is not None else 1]
            if frame is not None:
                yield frame

    def reset(self) -> None:
        self._gathered.clear()

    def _frame(self, data: bytes) -> Frame | None:
        sync, version, sequence, state, low, duty, checksum = data
        if sync != SYNC or crc8(data[:-1]) != checksum:
            return None
        if version != VERSION:
            self.other_version = version
            return None
        if state not in _STATES or low not in _LOWS or 200 < duty < 255:
            return None
        return Frame(sequence, _STATES[state], _LOWS[low], None if duty == 255 else duty / 2)


class Coprocessor:
    """Implements `controller.hal.PilotSense` with decoded readings."""

    @dataclass(frozen=True)
    class Settings:
        port: str = setting("Serial port of the co-processor, best by /dev/serial/by-path.")
        baud: int = setting("Line speed; one on USB does not mind.", default=115200, choices=tuple(_SPEEDS))

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._device = f"pilot co-processor on {settings.port} of {where}"
        self._monotonic = buses.monotonic
        self._parser = FrameParser()
        self._fd = -1
        self._try_at = float("-inf")
        self._problem: DeviceGone | None = None
        self._sequence = -1
        self._latest: PilotDecoded | None = None
        self._looked_at = buses.monotonic()
        buses.at_close(CloseStage.DEVICES, self._close)

    def begin(self) -> None:
        """Nothing to start: the co-processor samples by itself. Opens the port when it is not open. Raises DeviceGone."""
        if self._fd >= 0:
            return
        now = self._monotonic()
        if now >= self._try_at:
            self._try_at = now + _REOPEN_S
            self._problem = None
            self._open()
        if self._problem is not None:
            raise self._problem

    def collect(self) -> PilotDecoded:
        """Return the newest frame; its age counts from the pass before, since when it must have come."""
        since, self._looked_at = self._looked_at, self._monotonic()
        for frame in self._parser.feed(self._received()):
            if frame.sequence != self._sequence:  # one that repeats itself samples no more
                self._sequence = frame.sequence
                self._latest = PilotDecoded(frame.state, frame.low, since, frame.duty_pct)
        if self._parser.other_version:
            version, self._parser.other_version = self._parser.other_version, 0
            hint = "flash the co-processor with the firmware of this release"
            raise ImplausibleReading(self._device, f"speaks version {version}, not {VERSION}", hint)
        if self._latest is None:
            raise DeviceSilent(self._device, "has sent no frame yet", f"its supply, TX, and {self._settings.baud} baud")
        return self._latest

    def _received(self) -> bytes:
        if self._fd < 0:
            raise self._problem or DeviceGone(self._device, "is not open")
        try:
            data = os.read(self._fd, _MOST)
        except BlockingIOError:
            return b""
        except OSError as error:
            self._vanished(error.strerror or str(error))
            raise self._problem or error from error
        if not data:
            self._vanished("hung up")
            raise self._problem or DeviceGone(self._device, "hung up")
        return data

    def _open(self) -> None:
        try:
            fd = os.open(self._settings.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            gone = error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO)
            hint = (
                "is it plugged in? /dev/serial/by-path lists the ports" if gone else "is the user in the group dialout?"
            )
            self._problem = DeviceGone(self._device, (error.strerror or str(error)).lower(), hint)
            return
        try:
            _make_raw(fd, _SPEEDS[self._settings.baud])
        except termios.error as error:
            os.close(fd)
            self._problem = DeviceGone(
                self._device, f"is no serial port: {error.args[-1]}", "name the co-processor's tty"
            )
            return
        self._fd = fd
        self._parser.reset()
        self._sequence = -1

    def _vanished(self, why: str) -> None:
        self._close()
        self._problem = DeviceGone(self._device, f"vanished: {why.lower()}", "is it plugged in?")

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._latest = None


def _make_raw(fd: int, speed: int) -> None:
    """Eight bits, no parity, no echo, no waiting. Raises termios.error."""
    iflag, oflag, cflag, lflag, _, _, chars = termios.tcgetattr(fd)
    iflag &= ~(termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR | termios.IGNCR)
    iflag &= ~(termios.ICRNL | termios.IXON | termios.IXOFF)
    oflag &= ~termios.OPOST
    lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    cflag = cflag & ~(termios.CSIZE | termios.PARENB | termios.CSTOPB) | termios.CS8 | termios.CREAD | termios.CLOCAL
    chars[termios.VMIN], chars[termios.VTIME] = 1, 0  # nothing there is EAGAIN, so that an empty read means hung up
    termios.tcsetattr(fd, termios.TCSANOW, [iflag, oflag, cflag, lflag, speed, speed, chars])
    termios.tcflush(fd, termios.TCIFLUSH)
