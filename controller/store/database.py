"""The one connection to the database: opened with care, changed one commit at a time.

A change is durable (WAL, synchronous=FULL) when `change` returns. A lazy change only joins the transaction that the
next durable one commits; it is lost by a power cut until then, at most `flush_every_s` after it was made. Reads see both.

Damage is looked for at opening. A large database would make a start wait for minutes on a slow card, so of one only the tables that change
are looked at; the archive, which is only added to, is looked at whole at the next opening after a sign of damage (a file `….suspect`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.clock import Clock
from controller.store.damaged import MAGIC, is_ours
from controller.store.exc import NewerSchema, StorageFull, StoreError, StoreUnusable
from controller.store.reserve import Reserve
from controller.store.salvage import Salvage, finish, replace_damaged
from controller.store.schema import APPLICATION_ID, ARCHIVE_TABLES, MIGRATIONS, PAGE_BYTES

_BUSY_S = 0.3  # the event loop waits: a reader never holds us up, a second writer is a mistake
_LOG_BYTES = 4 << 20  # a log is copied into the database after a thousand pages
_SOON_BYTES = 8 << 20
_PROBE_BYTES = 32 << 10  # what must fit before it is believed that there is room again
_DAMAGE = {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_TOOBIG"}  # the last: of a schema that is garbage


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """flush_every_s: how long a lazy change may wait. look_every_s: how often room is looked for. free_floor_bytes: below this much free space on the file system no
    new session begins. max_bytes: quota of the database; new sessions end `reserve_bytes` before it, so that begun
    ones can finish. archive_bytes: size of the database above which the oldest transactions go that were delivered
    whole, archive_transactions: which always stay, the newest. ballast_bytes: held back on the card itself, for the same when it is full to the last byte.
    max_waiting: queued events above which updates are thinned out. cache_entries: authorization cache.
    check_bytes: up to this size all of the database is checked at opening. durable False gives up every promise about power cuts (simulations that do not test them).
    """

    flush_every_s: float = 60.0
    look_every_s: float = 5.0
    free_floor_bytes: int = 16 << 20
    max_bytes: int = 1 << 30
    reserve_bytes: int = 4 << 20
    archive_bytes: int = 768 << 20
    archive_transactions: int = 100
    ballast_bytes: int = 2 << 20
    max_waiting: int = 10_000
    cache_entries: int = 1_000
    check_bytes: int = 32 << 20
    durable: bool = True


class Database:
    """path: the database file. salvage: what came of a damaged predecessor that was found at this opening, else None."""

    def __init__(self, path: Path, clock: Clock, limits: StoreLimits) -> None:
        self.path = path
        self.clock = clock
        self.limits = limits
        self.before_commit: list[Callable[[sqlite3.Connection], None]] = []
        self.after_rollback: list[Callable[[], None]] = []
        self.on_waiting: Callable[[], None] = lambda: None  # called when a lazy change begins to wait
        self._waiting_since: float | None = None
        self._is_full = False
        self._suspect = path.with_name(path.name + ".suspect")
        self.salvage: Salvage | None = None
        _check_place(path)
        self._reserve = Reserve(path, limits.ballast_bytes if limits.durable else 0)
        self._reserve.make_room()  # to open it takes room, too
        self._connection = self._open()
        self._reserve.refill(limits.free_floor_bytes)

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Raises StoreError, as the other two do."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._translated(error) from error

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        try:
            found: sqlite3.Row | None = self._connection.execute(sql, parameters).fetchone()
        except sqlite3.DatabaseError as error:
            raise self._translated(error) from error
        return found

    def number(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Return the first column of the first row; 0 for no row or NULL."""
        found = self.row(sql, parameters)
        return int(found[0] or 0) if found is not None else 0

    # ── changing ────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextlib.contextmanager
    def change(self, *, lazy: bool = False, necessary: bool = False) -> Iterator[sqlite3.Connection]:
        """Apply the statements of the block whole or not at all. Raises StorageFull, StoreError.

        necessary: what has begun cannot be ended without it, so that on a full card it may use what is held back.
        """
        connection = self._connection
        if necessary:
            self._reserve.make_room()
        try:
            if not connection.in_transaction:
                connection.execute("BEGIN IMMEDIATE")
            connection.execute("SAVEPOINT step")
        except sqlite3.Error as error:
            raise self._translated(error) from error
        try:
            yield connection
            connection.execute("RELEASE step")
        except BaseException as error:
            self._undo_step()
            if isinstance(error, sqlite3.Error):
                raise self._translated(error) from error
            raise
        now = self.clock.monotonic()
        began = self._waiting_since is None
        if self._waiting_since is None:
            self._waiting_since = now
        if not lazy or now - self._waiting_since >= self.limits.flush_every_s:
            self.flush()
        elif began:
            self.on_waiting()

    def flush(self) -> None:
        """Make every lazy change durable. Raises StorageFull; the lazy changes are then gone, as after a power cut."""
        if not self._connection.in_transaction:
            return
        try:
            for hook in self.before_commit:
                hook(self._connection)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._rollback()
            raise self._translated(error) from error
        self._waiting_since = None
        self._reserve.refill(self.limits.free_floor_bytes)

    @property
    def flush_due_s(self) -> float | None:
        """When (monotonic) waiting lazy changes want to be flushed; None when there are none."""
        return None if self._waiting_since is None else self._waiting_since + self.limits.flush_every_s

    def has_space(self) -> bool:
        if self._is_full or self._used_bytes() >= self.limits.max_bytes - self.limits.reserve_bytes:
            return False
        free, floor = shutil.disk_usage(self.path.parent).free, self.limits.free_floor_bytes
        # What is unused within the file is as good as free space, but for what the log takes until it is copied.
        return free >= floor or (free >= _LOG_BYTES and free + self._spare_bytes() >= floor)

    def is_crowded(self) -> bool:
        """Whether the archive is over its quota, or so large that there is soon no space for new sessions."""
        if self._used_bytes() > self.limits.archive_bytes:
            return True
        free = shutil.disk_usage(self.path.parent).free
        return free + self._spare_bytes() < self.limits.free_floor_bytes + _SOON_BYTES

    def _spare_bytes(self) -> int:
        return self._pragma("freelist_count") * PAGE_BYTES

    def _used_bytes(self) -> int:
        return self._pragma("page_count") * PAGE_BYTES - self._spare_bytes()

    def look_for_room(self) -> None:
        """Where something did not fit, find out whether it would now. That something small fits says nothing."""
        if not self._is_full:
            return
        try:
            with self.change() as connection:
                connection.execute("INSERT INTO meta VALUES ('probe', ?)", ("x" * _PROBE_BYTES,))
                connection.execute("DELETE FROM meta WHERE key = 'probe'")
        except StorageFull:
            return
        self._is_full = False

    def wall_text(self) -> str:
        """Return the wall time now for a row that only a reader needs it in."""
        return self.clock.now().wall.isoformat()

    def close(self) -> None:
        self.flush()
        self._connection.close()

    def _undo_step(self) -> None:
        # A full disk may have ended the whole transaction already: then there is nothing left to undo.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK TO step")
            self._connection.execute("RELEASE step")
            if self._waiting_since is None:
                self._connection.execute("ROLLBACK")
        else:
            self._rollback()

    def _rollback(self) -> None:
        self._waiting_since = None
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        for hook in self.after_rollback:
            hook()

    def _translated(self, error: sqlite3.Error) -> StoreError:
        name = getattr(error, "sqlite_errorname", "") or ""
        if _is_damage(error):
            with contextlib.suppress(OSError):
                self._suspect.touch()
            return StoreError(f"{self.path}: {error}; at the next start all of it is checked")
        if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and self._disk_is_full()):
            self._is_full = True
            return StorageFull(f"{self.path}: no room left; free space on this file system or enlarge the card")
        if name.startswith("SQLITE_BUSY"):
            return StoreError(f"{self.path}: another program is writing to it; stop that one first")
        return StoreError(f"{self.path}: {error} ({name or type(error).__name__})")

    def _disk_is_full(self) -> bool:
        return shutil.disk_usage(self.path.parent).free < PAGE_BYTES * 8

    # ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self) -> sqlite3.Connection:
        connection = self._opened()
        self._suspect.unlink(missing_ok=True)
        return connection

    def _opened(self) -> sqlite3.Connection:
        try:
            finish(self.path)  # a power cut may have come between
            if _has_lost_its_head(self.path):
                raise _damaged("its head is gone")
            return self._prepared()
        except OSError as error:
            raise StoreUnusable(f"{self.path}: {error.strerror}; check the directory's owner and the card") from error
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise StoreUnusable(f"{self.path}: {error}; check the directory's owner and the card") from error
        try:
            self.salvage = replace_damaged(self.path, self.wall_text())
            return self._prepared()
        except (sqlite3.Error, OSError) as error:
            raise StoreUnusable(f"{self.path}: {error}; check the directory's owner and the card") from error

    def _prepared(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=_BUSY_S)
        try:
            connection.row_factory = sqlite3.Row
            _check_owner(connection, self.path)
            self._set_up(connection)
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        is_new = not connection.execute("PRAGMA page_count").fetchone()[0]
        if is_new:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        else:
            self._check(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self.limits.durable else 'OFF'}")
        connection.execute(f"PRAGMA max_page_count = {self.limits.max_bytes // PAGE_BYTES}")
        # A power cut in the first start can leave one page with nothing in it: that is not marked as ours yet.
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def _check(self, connection: sqlite3.Connection) -> None:
        """Raises sqlite3.DatabaseError for damage."""
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        checks = ["PRAGMA quick_check(1)"]
        if pages * PAGE_BYTES > self.limits.check_bytes and not self._suspect.exists():
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            checks = [f"PRAGMA quick_check({name})" for (name,) in tables if name not in ARCHIVE_TABLES]
        for check in checks:
            verdict = connection.execute(check).fetchone()[0]
            if verdict != "ok":
                raise _damaged(verdict)

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])


def _is_damage(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorname", "") or "").split("_VTAB")[0] in _DAMAGE


def _check_place(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        head = b""
        if path.exists():
            with path.open("rb") as file:
                head = file.read(len(MAGIC))
    except OSError as error:
        raise StoreUnusable(f"{path}: {error.strerror}; fix the owner or set another state_dir") from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreUnusable(f"{path.parent}: cannot be written; fix the owner or set another state_dir")
    # A page of zeros is what a torn first write leaves of a database of ours: damage, not somebody else's file.
    if head.strip(b"\0") and head != MAGIC and not is_ours(path):
        raise StoreUnusable(f"{path}: is not a database; move that file away or set another state_dir")


def _has_lost_its_head(path: Path) -> bool:
    """Whether a file is no database any more. SQLite would delete the log of such a one: it holds what came last."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
    log = path.with_name(path.name + "-wal")
    return head != MAGIC and (bool(head) or (log.exists() and log.stat().st_size > 0))


def _damaged(what: str) -> sqlite3.DatabaseError:
    """Return what SQLite raises where it notices a damage by itself."""
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorname = "SQLITE_CORRUPT"
    return error


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and owner != APPLICATION_ID:
        if is_ours(path):
            raise _damaged("its mark is gone")
        raise StoreUnusable(f"{path}: is another program's database; move it away or set another state_dir")
    if version > len(MIGRATIONS):
        raise NewerSchema(
            f"{path}: has schema {version}, this program knows {len(MIGRATIONS)}; install the newer program again"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
