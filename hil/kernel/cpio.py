"""A writer of the archive form that the kernel unpacks as its first root file system: cpio "newc".

Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

_TRAILER = "TRAILER!!!"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, directory, link or device. name: without a leading slash. device: major and minor number of a node."""

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)

    @classmethod
    def file(cls, name: str, data: bytes, mode: int = 0o644) -> Entry:
        return cls(name, stat.S_IFREG | mode, data)

    @classmethod
    def directory(cls, name: str) -> Entry:
        return cls(name, stat.S_IFDIR | 0o755)

    @classmethod
    def node(cls, name: str, major: int, minor: int) -> Entry:
        return cls(name, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Iterable[Entry]) -> bytes:
    """Return the archive. Directories that files need are made; a later entry of the same name replaces the earlier."""
    named = {entry.name: entry for entry in entries}
    parents = {parent for name in named for parent in _parents(name)}
    whole = sorted([*(Entry.directory(name) for name in parents if name not in named), *named.values()], key=_name)
    return b"".join(_record(number, entry) for number, entry in enumerate([*whole, Entry(_TRAILER, 0)], 1))


def _name(entry: Entry) -> str:
    return entry.name


def _parents(name: str) -> Iterator[str]:
    for parent in PurePosixPath(name).parents:
        if str(parent) != ".":
            yield str(parent)


def _record(number: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    fields = (
        number,
        entry.mode,
        0,  # owner
        0,  # group
        1,  # links
        0,  # time
        len(entry.data),
        0,  # the archive's own device
        0,
        *entry.device,
        len(name),
        0,  # checksum: of the form "crc" only
    )
    head = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(head + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
