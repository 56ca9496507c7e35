"""Latched faults that outlive the safety process: a killed process is no technician who has looked.

A page of memory on the file `latches.page` in the run directory: written in the loop without a system call, there again for the
next process. It does not outlive a boot: mains and e-stop were gone then, and what stays broken is found again by its own checks.

Each EVSE has two slots of 512 bytes: CRC-32 of the rest, a count that grows with every note, the length, the ids of the faults
separated by commas. A note goes into the older slot, so that a death in the midst of one leaves the one before.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

_HEAD_BYTES = 64  # of the file: the boot it belongs to
_SLOT_BYTES = 512
_SLOT_HEAD = struct.Struct("<IQH")
_LONGEST = _SLOT_BYTES - _SLOT_HEAD.size
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Latches(Protocol):
    """Where latched faults are noted. place: 0 for the first EVSE of the board, and so on."""

    def restored(self, place: int) -> tuple[str, ...]:
        """Return what was noted last."""

    def note(self, place: int, fault_ids: Sequence[str]) -> None: ...


class LatchMemory:
    """Of a simulation, in which the process dies and this does not."""

    def __init__(self) -> None:
        self._noted: dict[int, tuple[str, ...]] = {}

    def restored(self, place: int) -> tuple[str, ...]:
        return self._noted.get(place, ())

    def note(self, place: int, fault_ids: Sequence[str]) -> None:
        self._noted[place] = tuple(fault_ids)


class LatchPage:
    """places: how many EVSEs the board has. Raises OSError where the file cannot be made."""

    def __init__(self, path: Path, places: int, boot_id: str | None = None) -> None:
        boot = (_this_boot() if boot_id is None else boot_id).encode()[:_HEAD_BYTES].ljust(_HEAD_BYTES, b"\0")
        size = _HEAD_BYTES + places * 2 * _SLOT_BYTES
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as file:
            if file.read(_HEAD_BYTES) != boot or os.fstat(file.fileno()).st_size != size:
                file.truncate(0)
                os.posix_fallocate(
                    file.fileno(), 0, size
                )  # a full file system shows here, and not as a signal in the loop
                file.seek(0)
                file.write(boot)
                file.flush()
            self._page = mmap.mmap(file.fileno(), size)
        self._noted = [self._newest(place) for place in range(places)]

    def restored(self, place: int) -> tuple[str, ...]:
        _, text = self._noted[place]
        return tuple(text.split(",")) if text else ()

    def note(self, place: int, fault_ids: Sequence[str]) -> None:
        count, noted = self._noted[place]
        text = ",".join(fault_ids)
        if text == noted:
            return
        body = text.encode()
        if len(body) > _LONGEST:
            raise ValueError(f"{len(fault_ids)} latched faults do not fit into the page")
        rest = _SLOT_HEAD.pack(0, count + 1, len(body))[4:] + body
        at = self._at(place, (count + 1) % 2)
        self._page[at : at + 4 + len(rest)] = struct.pack("<I", zlib.crc32(rest)) + rest
        self._noted[place] = (count + 1, text)

    def close(self) -> None:
        self._page.close()

    def _at(self, place: int, slot: int) -> int:
        return _HEAD_BYTES + (place * 2 + slot) * _SLOT_BYTES

    def _newest(self, place: int) -> tuple[int, str]:
        """Return the count and the text of the newer whole slot."""
        found = (0, "")
        for slot in (0, 1):
            at = self._at(place, slot)
            crc, count, length = _SLOT_HEAD.unpack_from(self._page, at)
            rest = self._page[at + 4 : at + _SLOT_HEAD.size + min(length, _LONGEST)]
            if zlib.crc32(rest) == crc and count > found[0]:
                found = (count, rest[_SLOT_HEAD.size - 4 :].decode())
        return found


def _this_boot() -> str:
    with contextlib.suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return "unknown"
