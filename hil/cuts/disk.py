"""A disk that forgets what was not synced: operations go in, what it may hold after a power cut comes out.

What was synced is there. Of what was written since, a disk may have put down any part, in any order: each write whole, not at all,
in some of its sectors, or as zeros where the file had already grown. Of two writes to one place the later one wins where both are there.
A file is found under its name only once its directory was synced; until then the name may be new, old or missing.
Neighbours of a write in its sector are safe, as SQLite assumes of every disk (powersafe overwrite).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import TypeAlias

SECTOR_BYTES = 512
BLOCK_BYTES = 4096  # what a file system writes at least


@dataclass(frozen=True, slots=True)
class Created:
    name: str


@dataclass(frozen=True, slots=True)
class Written:
    name: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncated:
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    name: str


@dataclass(frozen=True, slots=True)
class Removed:
    name: str


@dataclass(frozen=True, slots=True)
class DirectorySynced:
    pass


@dataclass(frozen=True, slots=True)
class Promised:
    """Nothing for the disk: at this point the writer told somebody that something is done."""

    what: str


Operation: TypeAlias = Created | Written | Truncated | Synced | Removed | DirectorySynced | Promised
Image: TypeAlias = dict[str, bytes]


class Form(Enum):
    """What became of one change that was not synced."""

    WHOLE = "whole"
    LOST = "lost"
    TORN = "torn"  # some of its sectors
    ZEROED = "zeroed"  # the file is as long as if it were there


@dataclass(eq=False, slots=True)
class _File:
    durable: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class _Pending:
    """file, name: what it changes, the content of a file or what a name stands for (None: no file)."""

    change: Written | Truncated | None
    file: _File | None
    name: str = ""


class Disk:
    """One directory. files: what is durable in it at the beginning. Names are plain, without a path."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self._durable = {name: _File(bytearray(data)) for name, data in (files or {}).items()}
        self._now = dict(self._durable)
        self._pending: list[_Pending] = []

    def apply(self, operation: Operation) -> None:
        match operation:
            case Created(name):
                self._rename(name, _File())
            case Removed(name):
                self._rename(name, None)
            case Written(name) | Truncated(name):
                self._pending.append(_Pending(operation, self._now[name]))
            case Synced(name):
                file = self._now[name]
                for pending in self._take(lambda pending: pending.change is not None and pending.file is file):
                    assert pending.change is not None
                    _put(file.durable, pending.change)
            case DirectorySynced():
                self._take(lambda pending: pending.change is None)
                self._durable = dict(self._now)
            case Promised():
                pass

    def images(self, random: Random, most: int) -> Iterator[Image]:
        """Yield what may be found after a cut now: at most so many, of those beyond the plain ones drawn by chance.

        The plain ones: nothing of what is pending, all of it, all with its newest write torn. The others: each alone, each missing, each
        zeroed, and parts at random.
        """
        count = len(self._pending)
        nothing, everything = [Form.LOST] * count, [Form.WHOLE] * count
        yield self._image(nothing, random)
        if not count:
            return
        yield self._image(everything, random)
        yield self._image([*everything[:-1], Form.TORN], random)
        others = [
            [*base[:at], form, *base[at + 1 :]]
            for at in range(count)
            for base, form in ((nothing, Form.WHOLE), (everything, Form.LOST), (everything, Form.ZEROED))
        ]
        others += [random.choices(list(Form), k=count) for _ in range(4)]
        for forms in random.sample(others, min(len(others), max(0, most - 3))):
            yield self._image(forms, random)

    def _rename(self, name: str, file: _File | None) -> None:
        self._pending.append(_Pending(None, file, name))
        if file is None:
            del self._now[name]
        else:
            self._now[name] = file

    def _take(self, is_chosen: Callable[[_Pending], bool]) -> list[_Pending]:
        chosen = [pending for pending in self._pending if is_chosen(pending)]
        self._pending = [pending for pending in self._pending if not is_chosen(pending)]
        return chosen

    def _image(self, forms: list[Form], random: Random) -> Image:
        """A name is a matter of whole or not; of several changes of one name those before the last kept one do not show."""
        entries, contents = dict(self._durable), dict[_File, bytearray]()
        for pending, form in zip(self._pending, forms, strict=True):
            if pending.change is not None:
                assert pending.file is not None
                content = contents.setdefault(pending.file, bytearray(pending.file.durable))
                for part in _parts(pending.change, form, random):
                    _put(content, part)
            elif form is Form.WHOLE and pending.file is not None:
                entries[pending.name] = pending.file
            elif form is Form.WHOLE:
                entries.pop(pending.name, None)
        return {name: bytes(contents.get(file, file.durable)) for name, file in entries.items()}


def _parts(change: Written | Truncated, form: Form, random: Random) -> Iterator[Written | Truncated]:
    """Yield what of a change has come down."""
    if form is Form.WHOLE:
        yield change
    elif form is Form.TORN and isinstance(change, Written):
        yield from (sector for sector in _sectors(change) if random.random() < 0.5)
    elif form is Form.ZEROED and isinstance(change, Written):
        # Only what is new of the file reads as zeros: a size that was put down before the data.
        yield Written(change.name, change.offset + len(change.data), b"")


def _sectors(write: Written) -> Iterator[Written]:
    at, end = write.offset, write.offset + len(write.data)
    while at < end:
        until = min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
        yield Written(write.name, at, write.data[at - write.offset : until - write.offset])
        at = until


def _put(content: bytearray, change: Written | Truncated) -> None:
    end = change.size if isinstance(change, Truncated) else change.offset + len(change.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if isinstance(change, Truncated):
        del content[change.size :]
    else:
        content[change.offset : end] = change.data


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a run of operations costs a disk. written_bytes: as the program wrote them. block_bytes: in whole blocks, each counted once
    between two flushes of its file; without the file system's own journal. flushes: of files and of the directory."""

    written_bytes: int
    block_bytes: int
    flushes: int


def traffic(operations: Iterable[Operation]) -> Traffic:
    written = blocks = flushes = 0
    dirty: dict[str, set[int]] = {}
    for operation in operations:
        match operation:
            case Written(name, offset, data) if data:
                written += len(data)
                first, last = offset // BLOCK_BYTES, (offset + len(data) - 1) // BLOCK_BYTES
                dirty.setdefault(name, set()).update(range(first, last + 1))
            case Synced(name):
                flushes += 1
                blocks += len(dirty.pop(name, ()))
            case DirectorySynced():
                flushes += 1
            case Removed(name):
                dirty.pop(name, None)
    blocks += sum(len(left) for left in dirty.values())
    return Traffic(written, blocks * BLOCK_BYTES, flushes)
