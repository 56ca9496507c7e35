"""Room held back on the card, so that what has begun can be ended although somebody else has filled it to the last byte."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

SLICE_BYTES = 128 << 10  # more than any one commit of ours takes


class Reserve:
    """A file of blocks beside the database, given back to the card slice by slice. database: its path. size_bytes: 0 for none.

    In slices, because whoever filled the card may take at once whatever becomes free.
    """

    def __init__(self, database: Path, size_bytes: int) -> None:
        self._path = database.with_name(database.name + ".reserve")
        self._size_bytes = size_bytes
        self._held_bytes = self._path.stat().st_size if self._path.exists() else 0

    def make_room(self) -> None:
        """Let there be a slice of free space, as long as there is something to give."""
        while self._held_bytes and self._free_bytes() < SLICE_BYTES:
            try:
                os.truncate(self._path, max(0, self._held_bytes - SLICE_BYTES))
                self._held_bytes = max(0, self._held_bytes - SLICE_BYTES)
            except OSError:
                self._held_bytes = 0  # somebody has removed it: there is nothing to give

    def refill(self, floor_bytes: int) -> None:
        """Hold back again what was given, where more than this stays free."""
        if self._held_bytes >= self._size_bytes or self._free_bytes() < floor_bytes + self._size_bytes:
            return
        try:
            with self._path.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, self._size_bytes)
            self._held_bytes = self._size_bytes
        except OSError:  # not this time
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._held_bytes = 0

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self._path.parent).free
