"""A DS18B20 on the kernel's 1-Wire bus (family temperature).

The kernel answers a read of `w1_slave` once the sensor has converted, 750 ms later; also the result of a bulk conversion takes some
10 ms of bus time to fetch. The safety loop cannot wait for either. So a small process of its own reads (`w1_reader.py`), and `read`
takes what came through a pipe. It is started again when it dies, and ends when the safety process does.

Sources: Documentation/w1/slaves/w1_therm.rst of Linux; Maxim DS18B20 data sheet, "Memory" and "Measuring temperature" (unverified).
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from controller.hal import DeviceError, DeviceGone, DeviceSilent, ImplausibleReading, TemperatureReading, setting
from drivers.bus import Buses, CloseStage

SILENT_S = 5.0  # without any word of the reader
RESTART_S = 5.0  # between two starts of it
_READER = Path(__file__).with_name("w1_reader.py")
_MOST_BYTES = 4096
_POWER_ON = b"\x50\x05"  # 85.0000 degC: what the register holds before the first conversion
_FIRST_LINE = re.compile(r"((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (YES|NO)")
_WIRES = "check the sensor's wires, its pull-up resistor, and dtoverlay=w1-gpio"


class W1:
    """Reads degC of the sensor that a process of its own looks at all the time."""

    @dataclass(frozen=True)
    class Settings:
        sensor: str = setting("The sensor's name, such as 28-00000a1b2c3d; absent: the only one.", default="", high=32)
        root: str = setting("Where the kernel shows the sensors.", default="/sys/bus/w1/devices")
        pause_s: float = setting("Pause between two conversions.", default=1.0, low=0.1, high=2.0, unit="s")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._device = f"temperature sensor {settings.sensor or 'DS18B20'} of {where}"
        self._monotonic = buses.monotonic
        self._latest: TemperatureReading | DeviceError | None = None
        self._heard_at_s = self._started_at_s = buses.monotonic()
        self._rest = b""
        self._pid = 0
        self._pipe: int | None = None
        self._start()
        buses.at_close(CloseStage.DEVICES, self._stop)

    def read(self) -> TemperatureReading:
        now = self._monotonic()
        self._take_news(now)
        if self._latest is None or now - self._heard_at_s > SILENT_S:
            raise DeviceSilent(
                self._device, "has not been read yet" if self._latest is None else "is not read any more"
            )
        if isinstance(self._latest, DeviceError):
            raise self._latest
        return self._latest

    # --- the reader ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        settings = self._settings
        try:
            self._pid, self._pipe = start_reader(settings.root, settings.sensor, settings.pause_s)
        except OSError as error:
            raise DeviceGone(self._device, f"its reader does not start: {error}") from error

    def _take_news(self, now: float) -> None:
        came = b""
        if self._pipe is not None:
            try:
                came = os.read(self._pipe, _MOST_BYTES)
            except BlockingIOError:
                return
        if not came:  # the process is dead
            if now - self._started_at_s >= RESTART_S:
                self._started_at_s = now
                self._stop()
                self._start()
            return
        *lines, self._rest = (self._rest + came)[-_MOST_BYTES:].split(b"\n")
        for line in lines:
            self._heard_at_s = now
            try:
                self._latest = reading_of(line.decode("ascii", "replace"), self._device)
            except DeviceError as error:
                self._latest = error

    def _stop(self) -> None:
        if self._pipe is None:
            return
        os.close(self._pipe)
        self._pipe, self._rest = None, b""
        with contextlib.suppress(OSError):
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def start_reader(root: str, sensor: str, pause_s: float) -> tuple[int, int]:
    """Start the program; return its process id and the end of the pipe that gives its lines, never blocking. Raises OSError.

    It gets nothing of ours but the pipe, an ordinary priority, and no Ctrl-C of its own: it ends with the pipe.
    """
    ours, its = os.pipe()
    program = [sys.executable, "-I", "-S", str(_READER), root, sensor, str(pause_s)]
    try:
        pid = os.posix_spawn(
            program[0],
            program,
            {},
            file_actions=[(os.POSIX_SPAWN_DUP2, its, 1)],
            setsigmask=[signal.SIGINT],
            scheduler=(os.SCHED_OTHER, os.sched_param(0)),
        )
    except OSError:
        os.close(ours)
        raise
    finally:
        os.close(its)
    os.set_blocking(ours, False)
    return pid, ours


def reading_of(line: str, device: str) -> TemperatureReading:
    """Return the reading of one line of the reader. Raises DeviceGone, ImplausibleReading."""
    stamp, kind, *rest = [*line.split(" ", 2), "", ""][:3]
    try:
        at_s = float(stamp)
    except ValueError:
        raise ImplausibleReading(device, f"its reader says {line[:60]!r}") from None
    text = rest[0]
    if kind == "found":
        if not text:
            raise DeviceGone(device, "is not on the bus: not powered, or a broken wire?", _WIRES)
        raise DeviceGone(device, f"is one of several: {text}", "name one as 'sensor'")
    name, _, content = text.partition(" ")
    if kind != "read":
        raise DeviceGone(device, f"{name} cannot be read ({content}): not powered, or a broken wire?", _WIRES)
    return TemperatureReading(_celsius(content, device), at_s)


def _celsius(content: str, device: str) -> float:
    """Decode the nine bytes of the first line; what follows t= may be an older value that the kernel has kept."""
    match = _FIRST_LINE.match(content)
    if match is None:
        raise ImplausibleReading(device, f"the kernel says {content[:60]!r}")
    scratchpad = bytes.fromhex(match[1])
    if match[2] != "YES":
        raise ImplausibleReading(
            device, f"its checksum is wrong ({match[1].strip()}): a broken wire, or disturbed?", _WIRES
        )
    if not any(scratchpad):  # zeros have the checksum 0
        raise ImplausibleReading(device, "gives nothing but zeros: a short of the data wire?", _WIRES)
    if scratchpad[:2] == _POWER_ON:
        raise ImplausibleReading(
            device, "gives its power-on value, 85 degC: it was reset before it had converted", _WIRES
        )
    undefined = 3 - (scratchpad[4] >> 5 & 3)  # low bits, at less than 12 bits
    raw = int.from_bytes(scratchpad[:2], "little", signed=True) >> undefined << undefined
    return raw / 16
