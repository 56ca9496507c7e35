"""A new database from what can still be read of a damaged one.

Rows are taken over as they are or not at all. Delivery goes by the marks: what they call settled stays settled, and where they
are gone nothing of the transaction is sent again (it may have arrived); it stays in the archive, to be billed by hand.
What is missing of a transaction is a row of `losses`.

Of the archive only the newest is taken over, so that a start does not take minutes; all of it stays in the old file.

The new file is made beside the old one and takes its name only when it is whole; a power cut in between is made good at the
next opening (`finish`).
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from controller.store.codec import decode
from controller.store.damaged import DamagedFile
from controller.store.exc import StoreError
from controller.store.mend import mend
from controller.store.reading import ReadOnly
from controller.store.schema import APPLICATION_ID, MIGRATIONS, PAGE_BYTES
from controller.store.shape import tables_of
from controller.store.verify import Verifier

META = "salvage"  # the key of the last one's Salvage
MOST_EVENTS = 10_000  # of what is over and done with; some ten seconds of a Pi's time
_ALL = 1 << 60
_BY_POSITION = ("events", "messages", "outcomes")


@dataclass(frozen=True, slots=True)
class Salvage:
    """What came of a damaged database. source: where it is kept. holed_tables: of which something could not be read.

    holed: transactions of which something is missing. older: those that are over and were left in the old file. waiting: messages that are still to be delivered. problem: why nothing was
    salvaged, else empty.
    """

    source: str
    at: str
    transactions: int = 0
    holed: int = 0
    older: int = 0
    waiting: int = 0
    holed_tables: tuple[str, ...] = ()
    problem: str = ""

    @property
    def gain(self) -> str:
        """Tell what was got out of it."""
        lost = f", {self.holed} of them with parts missing" if self.holed else ""
        older = f" ({self.older} older ones stay in the old file)" if self.older else ""
        tables = f"; unreadable rows in {', '.join(self.holed_tables)}" if self.holed_tables else ""
        return f"{self.transactions} transactions{lost}{older}, {self.waiting} messages that wait{tables}"

    def __str__(self) -> str:
        """Tell it in one line."""
        kept = f"the old file is kept: pilotline records verify {self.source}"
        if self.problem:
            return f"the database was damaged and nothing could be salvaged ({self.problem}); {kept}"
        return f"the database was damaged, and salvaged were {self.gain}; {kept}"


def replace_damaged(path: Path, at: str) -> Salvage:
    """Set a damaged database aside and put what can be salvaged of it in its place. Raises OSError where not even that can be done.

    at: the time now, for people.
    """
    aside = free_name(path)
    work = _work(path)
    _remove(work)
    try:
        found = _build(path, work, str(aside), at, MOST_EVENTS)
    except (sqlite3.Error, OSError) as error:
        _remove(work)
        found = Salvage(str(aside), at, problem=str(error))
        _make(work, found).close()
    _sync(work)
    work.replace(_done(path))
    _sync(path.parent)
    finish(path)
    return found


def rehearse(path: Path) -> Salvage:
    """Return what a start would salvage of a database, which is only read. Raises StoreError."""
    with tempfile.TemporaryDirectory(prefix="pilotline-") as directory:
        return salvage_into(path, Path(directory) / "station.db", MOST_EVENTS)


def salvage_into(path: Path, copy: Path, most_events: int = _ALL) -> Salvage:
    """Make a sound copy of what can be read of a database. Raises StoreError."""
    try:
        return _build(path, copy, str(path), "", most_events)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: nothing can be salvaged of it: {error}") from error


def is_damaged(path: Path) -> bool:
    """Whether SQLite finds a file damaged, which is only read. Raises StoreUnusable for what is not one of ours."""
    try:
        with ReadOnly(path) as db:
            return [row[0] for row in db.rows("PRAGMA quick_check(1)")] != ["ok"]
    except sqlite3.DatabaseError:
        return True


def finish(path: Path) -> None:
    """Bring a salvaged database into its place, if there is one."""
    done = _done(path)
    if not done.exists():
        return
    aside = free_name(path)
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    done.replace(path)
    _sync(path.parent)


def free_name(path: Path) -> Path:
    """Return where a damaged database is kept next; it is evidence and can be looked at."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return kept


def told(text: str | None) -> Salvage | None:
    """Return the Salvage that is kept as `META`."""
    return decode(text, Salvage) if text is not None else None


def _build(path: Path, work: Path, source: str, at: str, most_events: int) -> Salvage:
    connection = _make(work, None)
    try:
        connection.execute("BEGIN")
        with DamagedFile(path, work.with_name(work.name + ".copy")) as damaged:
            above = -1
            for table in tables_of(connection):
                columns = ("rowid", *table.names) if table.has_rowid else table.names
                names = ", ".join(dict.fromkeys(columns))
                places = ", ".join(f":{name}" for name in columns)
                if table.name == "events":  # streams were made before it
                    above = _above(connection, damaged, most_events)
                rows = damaged.rows(table, above if table.name in _BY_POSITION else -1)
                connection.executemany(f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({places})", rows)
            holed = damaged.holed
        older = _leave_older(connection, above)
        mend(connection, holed, source)
        connection.execute("COMMIT")
        _note_violations(connection, work, source)
        found = _counted(connection, source, at, holed, older)
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (META, json.dumps(asdict(found))))
        return found
    finally:
        connection.close()


def _make(work: Path, found: Salvage | None) -> sqlite3.Connection:
    """Make an empty database of ours. It is written without a log, and synced as a whole."""
    connection = sqlite3.connect(work, isolation_level=None)
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statements in MIGRATIONS:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    if found is not None:
        connection.execute("INSERT INTO meta VALUES (?, ?)", (META, json.dumps(asdict(found))))
    return connection


def _above(connection: sqlite3.Connection, damaged: DamagedFile, most_events: int) -> int:
    """Return the position above which events are taken over: the newest ones, and all since the oldest that is not over."""
    row = connection.execute(
        "SELECT max(last_position), min(first_position) FILTER (WHERE NOT closed AND transaction_id IS NOT NULL), "
        "min(settled_through) FILTER (WHERE NOT closed AND waiting) FROM streams"
    ).fetchone()
    newest = max(row[0] or 0, damaged.newest("events"))
    needed = [position - 1 for position in row[1:] if position is not None]
    return int(max(-1, min([newest - most_events, *needed])))


def _leave_older(connection: sqlite3.Connection, above: int) -> int:
    """Drop the transactions whose events are not all taken over; return how many."""
    ids = "SELECT id FROM streams WHERE closed AND first_position <= ? AND transaction_id IS NOT NULL"
    connection.execute(f"DELETE FROM transactions WHERE stream IN ({ids})", (above,))
    for table in ("events", "outcomes"):
        connection.execute(f"DELETE FROM {table} WHERE stream IN ({ids})", (above,))
    return int(connection.execute(f"DELETE FROM streams WHERE id IN ({ids})", (above,)).rowcount)


def _note_violations(connection: sqlite3.Connection, work: Path, source: str) -> None:
    """Note for each transaction what does not hold of it because something is missing."""
    lines = [(transaction_id, line, source) for transaction_id, line in Verifier(work).holes()]
    with_what = "INSERT INTO losses (transaction_id, what, source) VALUES (?, ?, ?)"
    connection.executemany(with_what, lines)


def _counted(connection: sqlite3.Connection, source: str, at: str, holed: set[str], older: int) -> Salvage:
    def number(sql: str) -> int:
        return int(connection.execute(sql).fetchone()[0] or 0)

    return Salvage(
        source,
        at,
        number("SELECT count(*) FROM transactions"),
        number("SELECT count(DISTINCT transaction_id) FROM losses"),
        older,
        number("SELECT sum(waiting) FROM streams WHERE closed = 0"),
        tuple(sorted(holed)),
    )


def _work(path: Path) -> Path:
    return path.with_name(path.name + ".salvaging")


def _done(path: Path) -> Path:
    return path.with_name(path.name + ".salvaged")


def _remove(work: Path) -> None:
    for suffix in ("", "-journal"):
        work.with_name(work.name + suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have a file, or the names in a directory, on the card."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
