"""An energy register in a small file that outlives restarts and power cuts.

Two slots in blocks of their own take turns, each with a number and a checksum: a write that a power cut tears leaves the other one.
The file does not grow, so a write costs one block and no metadata.
"""

from __future__ import annotations

import errno
import fcntl
import os
import zlib
from pathlib import Path

from controller.hal import DeviceGone

SLOT_BYTES = 64
_SLOT_AT = (0, 4096)
_SIZE = _SLOT_AT[1] + SLOT_BYTES


class PulseRegister:
    """micro_wh: what is in the file, in millionths of a Wh. One program has it at a time."""

    def __init__(self, path: Path, start_micro_wh: int, device: str) -> None:
        """Open it; make it where it is not there yet. Raises DeviceGone, also for a file that is not a register."""
        self._path = path
        self._device = device
        try:
            if not path.exists():
                _make(path, start_micro_wh)
            self._file = os.open(path, os.O_RDWR | os.O_DSYNC | os.O_CLOEXEC)
        except OSError as error:
            raise self._gone(error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            slots = [_read(os.pread(self._file, SLOT_BYTES, at)) for at in _SLOT_AT]
        except OSError as error:
            os.close(self._file)
            raise self._gone(error) from error
        good = [slot for slot in slots if slot is not None]
        if not good:
            os.close(self._file)
            hint = "remove it to begin anew at `start_kwh`: what the meter itself shows"
            raise DeviceGone(device, f"{path} is damaged, or is no register", hint)
        self._number, self.micro_wh = max(good)

    def save(self, micro_wh: int) -> None:
        """Write it through to the disk. Raises DeviceGone; the file then has the value of before."""
        if micro_wh == self.micro_wh:
            return
        number = self._number + 1
        try:
            os.pwrite(self._file, _slot(number, micro_wh), _SLOT_AT[number % 2])
        except OSError as error:
            raise self._gone(error) from error
        self._number, self.micro_wh = number, micro_wh

    def close(self) -> None:
        os.close(self._file)

    def _gone(self, error: OSError) -> DeviceGone:
        if error.errno == errno.EWOULDBLOCK:
            return DeviceGone(self._device, f"{self._path} is in use by another program", "does a station run already?")
        return DeviceGone(self._device, f"{self._path}: {error.strerror}", "`register` in the board file")


def _make(path: Path, micro_wh: int) -> None:
    """Make the file whole or not at all."""
    draft = path.with_name(f"{path.name}.new")
    with open(draft, "wb") as file:
        file.write(_slot(0, micro_wh).ljust(_SIZE, b"\0"))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _slot(number: int, micro_wh: int) -> bytes:
    text = f"{number} {micro_wh}"
    return f"{text} {zlib.crc32(text.encode()):08x}\n".encode().ljust(SLOT_BYTES)


def _read(slot: bytes) -> tuple[int, int] | None:
    """Return number and value; None for a slot that was never written, or torn."""
    text, _, checksum = slot.decode("ascii", "replace").rstrip().rpartition(" ")
    number, _, value = text.partition(" ")
    is_whole = checksum == f"{zlib.crc32(text.encode()):08x}" and number.isdecimal() and value.isdecimal()
    return (int(number), int(value)) if is_whole else None
