"""Reading a database from beside the station that writes it: nothing is changed, nobody is ever waited for.

In WAL mode a reader never holds a writer up; a long one only keeps the log from starting anew, so each look is short
(`snapshot`). Where there is no log nobody writes, and the file is read without any lock or file of SQLite's own.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from controller.store.exc import NewerSchema, StoreError, StoreUnusable
from controller.store.schema import APPLICATION_ID, MIGRATIONS

_BUSY_S = 2.0  # SQLite's own short moments; the reader is the one who waits


class Reads(Protocol):
    """What those parts of the store need that only read."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]: ...

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None: ...

    def number(self, sql: str, parameters: Sequence[Any] = ()) -> int: ...


class ReadOnly:
    """A database file, read only. Raises StoreUnusable where it is not one of ours; `DatabaseError` where it is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._has_log = False
        _check(path)
        self._connection = self._open()
        try:
            self.version = self._owned_version()
        except BaseException:
            self.close()
            raise

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._connection.execute(sql, parameters).fetchone()
        return found

    def number(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Return the first column of the first row; 0 for no row or NULL."""
        found = self.row(sql, parameters)
        return int(found[0] or 0) if found is not None else 0

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything read in the block be of one moment. Keep it short, and never print within."""
        if not self._has_log and _has_log(self.path):  # the station was started meanwhile
            self._connection.close()
            self._connection = self._open()
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()
        if self._copy is not None:
            self._copy.cleanup()

    def __enter__(self) -> ReadOnly:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> sqlite3.Connection:
        self._has_log = _has_log(self.path)
        if not self._has_log:
            return _connect(self.path, "immutable=1")
        connection = _connect(self.path, "mode=ro")
        try:
            connection.execute("SELECT 1 FROM sqlite_master")
            return connection
        except sqlite3.OperationalError as error:
            connection.close()
            if error.sqlite_errorname.split("_")[1] not in ("CANTOPEN", "READONLY"):
                raise
        # The log is there, and what SQLite wants beside it is not ours to make: nobody has it open.
        self._copy = tempfile.TemporaryDirectory(prefix="pilotline-")
        copied = Path(self._copy.name) / self.path.name
        for suffix in ("", "-wal"):
            shutil.copyfile(self.path.with_name(self.path.name + suffix), copied.with_name(copied.name + suffix))
        return _connect(copied, "mode=ro")

    def _owned_version(self) -> int:
        owner = self.number("PRAGMA application_id")
        if owner != APPLICATION_ID:
            raise StoreUnusable(f"{self.path}: is not a database of a charging station")
        version = self.number("PRAGMA user_version")
        if version > len(MIGRATIONS):
            raise NewerSchema(
                f"{self.path}: has schema {version}, this program knows {len(MIGRATIONS)}; read it with the newer program"
            )
        return version


def _connect(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?{how}", uri=True, isolation_level=None, timeout=_BUSY_S
    )
    connection.row_factory = sqlite3.Row
    return connection


def _has_log(path: Path) -> bool:
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except OSError:
        return False


def _check(path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError as error:
        raise StoreUnusable(
            f"{path}: there is no such file; the station has not run here, or --config is wrong"
        ) from error
    except OSError as error:
        raise StoreUnusable(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    if not path.stat().st_size:
        raise StoreError(f"{path}: is empty")
