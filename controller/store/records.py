"""The transactions of a database that is only read: which there are, and how far the delivery of each has come."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from controller.logic.records import OpenTransaction
from controller.logic.values import Stamp
from controller.store.archive import Archive
from controller.store.boots import PastBoots
from controller.store.codec import decode
from controller.store.exc import StoreError
from controller.store.reading import ReadOnly
from controller.store.rows import ArchivedTransaction, Fate
from controller.store.transactions import TRANSACTION_COLUMNS, as_transaction


@dataclass(frozen=True, slots=True)
class Choice:
    """Which transactions are meant: those that were there at any time from `since` to before `until` (aware), and so on."""

    since: datetime | None = None
    until: datetime | None = None
    evse_id: int | None = None
    open_only: bool = False
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """One transaction in short. ended: None while it is open. fates: how many of its messages came to which end."""

    transaction: OpenTransaction
    csms: str
    ended: Stamp | None
    stopped_reason: str | None
    fates: dict[Fate, int]

    @property
    def energy_wh(self) -> int | None:
        """What it has taken so far; None where a register is not known."""
        begin_wh, last_wh = self.transaction.start_register_wh, self.transaction.last_register_wh
        return None if begin_wh is None or last_wh is None else last_wh - begin_wh


class Records(PastBoots, Archive):
    """Whatever one call yields of one transaction is of one moment; the next transaction may be of a later one."""

    _db: ReadOnly

    def __init__(self, db: ReadOnly) -> None:
        PastBoots.__init__(self, db)
        Archive.__init__(self, db)
        self._last_monotonics: dict[str, float] = {}

    @classmethod
    def open(cls, path: Path) -> Records:
        """Raises StoreError in one line, also where the file is damaged."""
        with telling(path):
            return cls(ReadOnly(path))

    def summaries(self, choice: Choice) -> Iterator[Summary]:
        """Yield the chosen transactions, oldest first."""
        for number in self._chosen(choice):
            with telling(self._db.path), self._db.snapshot():
                row = self._row(number)
                found = self._summary(row) if row is not None and self._is_within(row, choice) else None
            if found is not None:
                yield found

    def transactions(self, choice: Choice) -> Iterator[ArchivedTransaction]:
        """Yield the chosen transactions whole, oldest first."""
        for number in self._chosen(choice):
            with telling(self._db.path), self._db.snapshot():
                row = self._row(number)
                found = self._archived(row) if row is not None and self._is_within(row, choice) else None
            if found is not None:
                yield found

    def has(self, transaction_id: str) -> bool:
        with telling(self._db.path):
            return self._db.row("SELECT 1 FROM transactions WHERE id = ?", (transaction_id,)) is not None

    def close(self) -> None:
        self._db.close()

    def _chosen(self, choice: Choice) -> list[int]:
        with telling(self._db.path):
            rows = self._db.rows(
                "SELECT number FROM transactions WHERE (?1 IS NULL OR evse_id = ?1) AND (?2 IS NULL OR id = ?2) "
                "AND (ended IS NULL OR NOT ?3) ORDER BY number",
                (choice.evse_id, choice.transaction_id, choice.open_only),
            )
        return [row["number"] for row in rows]

    def _row(self, number: int) -> sqlite3.Row | None:
        """Return None for one that the station has let go of meanwhile (see `pruning`)."""
        row = self._db.row(TRANSACTION_COLUMNS + "WHERE t.number = ?", (number,))
        if row is None and self._db.row("SELECT 1 FROM transactions WHERE number = ?", (number,)) is not None:
            raise StoreError(f"transaction number {number} has no row in streams: see pilotline records verify")
        return row

    def _is_within(self, row: sqlite3.Row, choice: Choice) -> bool:
        if choice.until is not None and self.wall_of(decode(row["started"], Stamp)) >= choice.until:
            return False
        is_open = row["ended"] is None
        return choice.since is None or is_open or self.wall_of(decode(row["ended"], Stamp)) >= choice.since

    def _summary(self, row: sqlite3.Row) -> Summary:
        fates: Counter[Fate] = Counter()
        rows = self._db.rows(
            "SELECT e.position <= s.settled_through AS is_settled, o.fate, count(*) AS count FROM streams s "
            "JOIN events e ON e.stream = s.id AND e.position BETWEEN s.first_position AND s.last_position "
            "LEFT JOIN outcomes o ON o.position = e.position WHERE s.id = ? GROUP BY 1, 2",
            (row["stream"],),
        )
        for found in rows:
            settled = Fate.DELIVERED if found["is_settled"] else Fate.WAITING
            fates[Fate(found["fate"]) if found["fate"] is not None else settled] += found["count"]
        gone = self._db.rows(
            "SELECT fate, count(*) AS count FROM outcomes WHERE stream = ? AND position BETWEEN ? AND ? "
            "AND NOT EXISTS (SELECT 1 FROM events WHERE events.position = outcomes.position) GROUP BY fate",
            (row["stream"], row["first_position"], row["last_position"]),
        )
        for found in gone:
            fates[Fate(found["fate"])] += found["count"]
        return Summary(
            as_transaction(row),
            row["csms"],
            decode(row["ended"], Stamp) if row["ended"] is not None else None,
            row["stopped_reason"],
            {fate: fates[fate] for fate in Fate if fates[fate]},
        )

    def _last_monotonic_s(self, stamp: Stamp) -> float:
        # A search through all events: once a boot is enough for one look.
        if stamp.boot_id not in self._last_monotonics:
            self._last_monotonics[stamp.boot_id] = super()._last_monotonic_s(stamp)
        return self._last_monotonics[stamp.boot_id]


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn what damaged pages and rows raise in the block into a StoreError of one line."""
    try:
        yield
    except (sqlite3.DatabaseError, msgspec.MsgspecError, ValueError) as error:
        raise StoreError(f"{path}: {error}; all that is wrong: pilotline records verify {path}") from error
