"""The file system of `hil.cuts.fuse`, in a process of its own: `python -m hil.cuts.fuse_server MOUNT RECORD`.

Serves one empty directory at MOUNT until it is unmounted, and then leaves the operations in RECORD. A file `promises` in it is no file: a line
that is written to it becomes a `Promised`. Not written down: `-shm` files, which SQLite makes anew after every cut.
"""

from __future__ import annotations

import errno
import os
import pickle
import stat
import sys
from pathlib import Path
from typing import Any

import mfusepy  # type: ignore[import-untyped]  # has none

from hil.cuts.disk import Created, DirectorySynced, Operation, Promised, Removed, Synced, Truncated, Written
from hil.cuts.fuse import PROMISES

_BLOCK_BYTES = 4096
_BLOCKS = 1 << 20


class Files(mfusepy.Operations):  # type: ignore[misc]
    """The calls of FUSE on one flat directory in memory; each may raise OSError."""

    use_ns = True  # times of files in nanoseconds

    def __init__(self) -> None:
        self.done: list[Operation] = []
        self._content: dict[str, bytearray] = {}

    def getattr(self, path: str, handle: int | None = None) -> dict[str, int]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2, "st_uid": os.getuid(), "st_gid": os.getgid()}
        size = len(self._file(path))
        return {
            "st_mode": stat.S_IFREG | 0o644,
            "st_nlink": 1,
            "st_size": size,
            "st_uid": os.getuid(),
            "st_gid": os.getgid(),
        }

    def readdir(self, path: str, handle: int) -> list[str]:
        return [".", "..", *self._content]

    def statfs(self, path: str) -> dict[str, int]:
        return {"f_bsize": _BLOCK_BYTES, "f_frsize": _BLOCK_BYTES, "f_namemax": 255} | dict.fromkeys(
            ("f_blocks", "f_bfree", "f_bavail"), _BLOCKS
        )

    def create(self, path: str, mode: int, info: Any = None) -> int:
        self._content[path[1:]] = bytearray()
        self._note(path, Created(path[1:]))
        return 0

    def open(self, path: str, flags: int) -> int:
        self._file(path)
        return 0

    def read(self, path: str, size: int, offset: int, handle: int) -> bytes:
        return bytes(self._file(path)[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, handle: int) -> int:
        content = self._file(path)
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data
        self._note(path, Written(path[1:], offset, bytes(data)))
        return len(data)

    def truncate(self, path: str, length: int, handle: int | None = None) -> int:
        content = self._file(path)
        content.extend(bytes(max(0, length - len(content))))
        del content[length:]
        self._note(path, Truncated(path[1:], length))
        return 0

    def fsync(self, path: str, datasync: int, handle: int) -> int:
        self._note(path, Synced(path[1:]))
        return 0

    def fsyncdir(self, path: str, datasync: int, handle: int) -> int:
        self.done.append(DirectorySynced())
        return 0

    def unlink(self, path: str) -> int:
        del self._content[path[1:]]
        self._note(path, Removed(path[1:]))
        return 0

    def rename(self, old: str, new: str) -> int:
        """Only what libfuse itself does, when a file is removed that is still open (`.fuse_hidden…`)."""
        self._content[new[1:]] = self._content.pop(old[1:])
        self._note(old, Removed(old[1:]))
        return 0

    def chmod(self, path: str, mode: int) -> int:
        return 0

    def utimens(self, path: str, times: Any = None) -> int:
        return 0

    def _file(self, path: str) -> bytearray:
        try:
            return self._content[path[1:]]
        except KeyError:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT)) from None

    def _note(self, path: str, operation: Operation) -> None:
        name = path[1:]
        if name == PROMISES and isinstance(operation, Written):
            self.done += [Promised(line) for line in operation.data.decode().splitlines()]
        elif name != PROMISES and not name.endswith("-shm") and not name.startswith(".fuse_hidden"):
            self.done.append(operation)


def main(mount: str, record: Path) -> None:
    files = Files()
    mfusepy.FUSE(files, mount, foreground=True, nothreads=True)
    record.write_bytes(pickle.dumps(files.done))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
