"""Reading what can still be read of a damaged database: row by row, around the pages that cannot be.

Tables are read themselves, never through an index. Where page 1 or the schema is gone, a copy gets a new one: the tables of the
first schema always begin at the same pages, since they are made in an empty file.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from controller.store.schema import APPLICATION_ID, MIGRATIONS, PAGE_BYTES
from controller.store.shape import Table, fresh

MAGIC = b"SQLite format 3\0"
_SCHEMA = "CREATE TABLE charging_records ("  # tells a file of ours that has lost its head
_MOST_TRIES = 2_000  # halvings of what cannot be read, of one table
_TRIES_WITHOUT_ROW = 100  # after so many it is its first page that is gone
_LEAVES = (0x05, 0x0D, 0x02, 0x0A)  # the first byte of a page that a table can begin at
_LAST_ROWID = (1 << 63) - 1


def is_ours(path: Path) -> bool:
    """Whether a file without a database's head holds our schema further back."""
    mark = _SCHEMA.encode()
    with path.open("rb") as file:
        before = b""
        while block := file.read(1 << 20):
            if mark in before + block:
                return True
            before = block[-len(mark) :]
    return False


class DamagedFile:
    """The rows of a damaged database. holed: tables of which something cannot be read, so far. Use as a context manager.

    scratch: where a copy may be made, if one is needed; it is removed again.
    """

    def __init__(self, path: Path, scratch: Path) -> None:
        self.holed: set[str] = set()
        self._path = path
        self._copy = scratch
        self._connection = self._open()

    def __enter__(self) -> DamagedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._forget_copy()

    def rows(self, table: Table, above: int = -1) -> Iterator[dict[str, Any]]:
        """Yield every row that can be read, each once; `rowid` is among the columns where the table has one.

        above: only rows with a higher rowid.
        """
        reader = self._by_rowid(table, above) if table.has_rowid else self._by_key(table)
        for row in reader:
            if table.problem(row):
                self.holed.add(table.name)
            else:
                yield row

    def newest(self, table: str) -> int:
        """Return the highest rowid of a table; 0 where that cannot be read."""
        try:
            row = self._connection.execute(f"SELECT max(rowid) FROM {table} NOT INDEXED").fetchone()
        except sqlite3.Error:
            return 0
        return row[0] or 0 if row is not None and isinstance(row[0], int) else 0

    # ── a table ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _by_rowid(self, table: Table, above: int) -> Iterator[dict[str, Any]]:
        """Read ranges from both ends towards what cannot be read, then halve what is left, the widest first."""
        ranges: deque[tuple[int, int]] = deque([(above, _LAST_ROWID)])  # exclusive on both sides
        tries, is_any = 0, False
        while ranges and tries < (_MOST_TRIES if is_any else _TRIES_WITHOUT_ROW):
            low, high = ranges.popleft()
            for row in self._run(table, "ASC", low, high):
                low, is_any = row["rowid"], True
                yield row
            if not self._broke:
                continue
            self.holed.add(table.name)
            for row in self._run(table, "DESC", low, high):
                high, is_any = row["rowid"], True
                yield row
            if not self._broke:
                continue
            tries += 1
            if high == _LAST_ROWID:
                high = max(low + 1, self._most_rows)
            if high - low > 2:
                middle = (low + high) // 2
                ranges += [(low, middle + 1), (middle, high)]
        if ranges:
            self.holed.add(table.name)

    def _run(self, table: Table, direction: str, low: int, high: int) -> Iterator[dict[str, Any]]:
        """Yield rows between two rowids in order, until one cannot be read; `_broke` tells whether that happened."""
        columns = ", ".join(table.names)
        self._broke = False
        last = low if direction == "ASC" else high
        try:
            for found in self._connection.execute(
                f"SELECT rowid AS rowid, {columns} FROM {table.name} NOT INDEXED "
                f"WHERE rowid > ? AND rowid < ? ORDER BY rowid {direction}",
                (low, high),
            ):
                row = dict(zip(("rowid", *table.names), found, strict=True))
                # A page in another's place has rows that do not belong there.
                if not (last < row["rowid"] < high if direction == "ASC" else low < row["rowid"] < last):
                    self._broke = True
                    return
                last = row["rowid"]
                yield row
        except sqlite3.Error:
            self._broke = True

    def _by_key(self, table: Table) -> Iterator[dict[str, Any]]:
        """Read a small table from both ends."""
        seen: set[tuple[Any, ...]] = set()
        for direction in ("ASC", "DESC"):
            key = ", ".join(f"{name} {direction}" for name in self._keys(table))
            try:
                for found in self._connection.execute(
                    f"SELECT {', '.join(table.names)} FROM {table.name} ORDER BY {key}"
                ):
                    if tuple(found) not in seen:
                        seen.add(tuple(found))
                        yield dict(zip(table.names, found, strict=True))
                return
            except sqlite3.Error:
                self.holed.add(table.name)

    def _keys(self, table: Table) -> list[str]:
        empty = fresh()
        found = [(row[5], row[1]) for row in empty.execute(f"PRAGMA table_info({table.name})") if row[5]]
        empty.close()
        return [name for _, name in sorted(found)]

    # ── the file ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self) -> sqlite3.Connection:
        self._most_rows = 1 + self._path.stat().st_size // 8  # no row of ours is smaller
        log = self._path.with_name(self._path.name + "-wal")
        has_log = log.exists() and log.stat().st_size > 0
        with self._path.open("rb") as file:
            has_head = file.read(len(MAGIC)) == MAGIC
        if has_head:  # of any other SQLite would delete the log
            connection = _connect(self._path, "mode=ro" if has_log else "immutable=1")
            if _has_tables(connection):
                return connection
            connection.close()
        self._forget_copy()
        shutil.copyfile(self._path, self._copy)
        if has_log:
            apply_log(self._copy, log)
        connection = _connect(self._copy, "immutable=1")
        if _has_tables(connection):
            return connection
        connection.close()
        _give_schema(self._copy)
        return _connect(self._copy, "immutable=1")

    def _forget_copy(self) -> None:
        for suffix in ("", "-journal", "-wal", "-shm"):
            self._copy.with_name(self._copy.name + suffix).unlink(missing_ok=True)


def _connect(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True, isolation_level=None)
    connection.text_factory = _text
    # So opens what is shorter than its head says, or what has a table whose schema cannot be read.
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _text(data: bytes) -> str | bytes:
    """What is no text stays bytes: `Table.problem` refuses it."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _has_tables(connection: sqlite3.Connection) -> bool:
    """Whether the whole schema of the first version can be read, as it must be."""
    empty = fresh(1)
    listed = "SELECT name FROM sqlite_master WHERE type = 'table'"
    expected = {row[0] for row in empty.execute(listed)}
    empty.close()
    try:
        return expected <= {row[0] for row in connection.execute(listed)}
    except sqlite3.Error:
        return False


def apply_log(path: Path, log: Path) -> None:
    """Write the pages of a write-ahead log's commits into a file, up to the first frame that is not whole.

    Source: the SQLite file format, section 4 (The Write-Ahead Log).
    """
    data = log.read_bytes()
    if len(data) < 32:
        return
    magic, _, page_bytes, _, salt_1, salt_2, sum_1, sum_2 = struct.unpack(">8I", data[:32])
    order = ">" if magic & 1 else "<"
    if magic & ~1 != 0x377F0682 or page_bytes != PAGE_BYTES or _summed(data[:24], (0, 0), order) != (sum_1, sum_2):
        return
    sums = (sum_1, sum_2)
    waiting: dict[int, bytes] = {}
    with path.open("r+b") as file:
        for start in range(32, len(data) - 24 - page_bytes + 1, 24 + page_bytes):
            page, size, *salts, sum_1, sum_2 = struct.unpack(">6I", data[start : start + 24])
            content = data[start + 24 : start + 24 + page_bytes]
            sums = _summed(content, _summed(data[start : start + 8], sums, order), order)
            if salts != [salt_1, salt_2] or sums != (sum_1, sum_2):
                return
            waiting[page] = content
            if size:  # the last frame of a commit
                for number, each in waiting.items():
                    file.seek((number - 1) * page_bytes)
                    file.write(each)
                waiting.clear()


def _summed(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    one, two = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + two) & 0xFFFFFFFF
        two = (two + odd + one) & 0xFFFFFFFF
    return one, two


def _give_schema(path: Path) -> None:
    """Put a new head and schema into a file, for the tables whose first page is known."""
    roots = _roots(path)
    empty = sqlite3.connect(":memory:", isolation_level=None)
    empty.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    empty.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    head = bytearray(empty.serialize()[:PAGE_BYTES])
    empty.close()
    pages = -(-path.stat().st_size // PAGE_BYTES)
    struct.pack_into(">I", head, 28, pages)
    with path.open("r+b") as file:
        file.write(head)
        file.truncate(pages * PAGE_BYTES)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany("INSERT INTO sqlite_master VALUES ('table', ?1, ?1, ?2, ?3)", roots)
    finally:
        connection.close()


def _roots(path: Path) -> list[tuple[str, int, str]]:
    """Return name, first page and SQL of each table: those of the first schema by where they always are, others as found."""
    statements = {sql for version in MIGRATIONS for sql in version if sql.startswith("CREATE TABLE")}
    with path.open("rb") as file:
        size = path.stat().st_size
        found = {}
        for number in range(1, 1 + size // PAGE_BYTES):
            for name, root, sql in _schema_rows(file.read(PAGE_BYTES), 100 if number == 1 else 0):
                if sql in statements:
                    found[name] = (name, root, sql)
        first = fresh_roots()
        if all(found.get(name, row) == row for name, row in first.items()):
            found = {**first, **found}
        kept = []
        for name, root, sql in found.values():
            file.seek((root - 1) * PAGE_BYTES)
            if (file.read(1) or b"\0")[0] in _LEAVES:
                kept.append((name, root, sql))
    return kept


def fresh_roots() -> dict[str, tuple[str, int, str]]:
    """Return where the tables of the first schema begin in every file of ours."""
    empty = sqlite3.connect(":memory:", isolation_level=None)
    empty.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    for sql in MIGRATIONS[0]:
        empty.execute(sql)
    rows = empty.execute("SELECT name, rootpage, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    empty.close()
    return {row[0]: (row[0], row[1], row[2]) for row in rows}


def _schema_rows(page: bytes, head: int) -> Iterator[tuple[str, int, str]]:
    """Yield (name, rootpage, sql) of the tables in a leaf page of the schema; nothing of any other page."""
    if len(page) < PAGE_BYTES or page[head] != 0x0D:
        return
    (count,) = struct.unpack_from(">H", page, head + 3)
    for cell in range(min(count, PAGE_BYTES // 4)):
        try:
            (start,) = struct.unpack_from(">H", page, head + 8 + 2 * cell)
            size, start = _varint(page, start)
            _, start = _varint(page, start)
            values = _record(page[start : start + size])
        except (IndexError, struct.error, UnicodeDecodeError):
            continue
        if len(values) == 5 and values[0] == "table" and isinstance(values[3], int):
            yield str(values[1]), values[3], str(values[4])


def _record(data: bytes) -> list[str | int | None]:
    """Return the values of a record; None for those that are neither text nor a whole number.

    Source: the SQLite file format, section 2.1 (Record Format).
    """
    head, place = _varint(data, 0)
    kinds = []
    while place < head:
        kind, place = _varint(data, place)
        kinds.append(kind)
    values: list[str | int | None] = []
    for kind in kinds:
        size = (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]
        if place + size > len(data):
            raise IndexError("the record goes on elsewhere")
        piece = data[place : place + size]
        place += size
        if kind >= 13 and kind % 2:
            values.append(piece.decode())
        else:
            values.append(int.from_bytes(piece, "big", signed=True) if 1 <= kind <= 6 else {8: 0, 9: 1}.get(kind))
    return values


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for count in range(8):
        byte = data[place + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + count + 1
    return value << 8 | data[place + 8], place + 9
