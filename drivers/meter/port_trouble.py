"""Why a serial port cannot be opened, and which program has it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from controller.hal import DeviceGone


class PortBusy(DeviceGone):
    """Another program has the port: very often the station."""


def not_open(device: str, port: str) -> DeviceGone:
    """Return the error for a port that did not open."""
    try:
        descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO):
            hint = "is the adapter plugged in? /dev/serial/by-path lists the ports"
            return DeviceGone(device, f"{port} is not there", hint)
        if error.errno == errno.EACCES:
            return DeviceGone(device, f"{port} may not be opened", "is the user in the group dialout?")
        if error.errno != errno.EBUSY:
            return DeviceGone(device, f"{port} cannot be opened: {error.strerror}")
    else:
        is_terminal = os.isatty(descriptor)
        os.close(descriptor)
        if not is_terminal:
            return DeviceGone(device, f"{port} is no serial port")
    holder = _holder_of(port)
    return PortBusy(device, f"{port} is in use by another program" + (f", {holder}" if holder else ""))


def _holder_of(port: str) -> str:
    """Return name and pid of a process that has the port open; empty where none may be seen."""
    target = os.path.realpath(port)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.name != str(os.getpid()) and any(os.readlink(fd) == target for fd in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue  # it ended, or is somebody else's
    return ""
