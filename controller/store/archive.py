"""Reading back what ever happened, delivered or not, for export and for a technician."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from controller.logic.records import ChargingRecord
from controller.logic.values import Stamp
from controller.store.codec import decode, decode_event
from controller.store.queue import as_frozen
from controller.store.reading import Reads
from controller.store.rows import ArchivedMessage, ArchivedTransaction, Fate
from controller.store.transactions import TRANSACTION_COLUMNS, as_transaction

_LOST = "fate IN ('gave up', 'undeliverable')"

# Dropped events have no row of their own any more; their outcome still marks the place.
_MESSAGES = """SELECT p.position, e.kind, e.body, m.protocol AS frozen_protocol, m.action, m.payload, m.seq_no,
    o.fate, o.attempts, o.unanswered, o.why, s.settled_through
    FROM (SELECT position FROM events WHERE stream = ?1 AND position BETWEEN ?2 AND ?3
          UNION SELECT position FROM outcomes WHERE stream = ?1 AND position BETWEEN ?2 AND ?3) p
    JOIN streams s ON s.id = ?1
    LEFT JOIN events e ON e.position = p.position LEFT JOIN messages m ON m.position = p.position
    LEFT JOIN outcomes o ON o.position = p.position ORDER BY p.position"""


class Archive:
    """Nothing here changes anything. What the wire queue let go of is still here (delivered, given up, undeliverable)."""

    def __init__(self, db: Reads) -> None:
        self._db = db

    def archive(self, *, undelivered_only: bool = False) -> Iterator[ArchivedTransaction]:
        """Yield every transaction, oldest first, with its messages and their fate.

        undelivered_only: only transactions of which the wire lost something, for the operator to bill by hand.
        """
        chosen = f"WHERE t.stream IN (SELECT stream FROM outcomes WHERE {_LOST}) " if undelivered_only else ""
        numbers = [row["number"] for row in self._db.rows(f"SELECT number FROM transactions t {chosen}ORDER BY number")]
        for number in numbers:
            row = self._db.row(TRANSACTION_COLUMNS + "WHERE t.number = ?", (number,))
            if row is not None:
                yield self._archived(row)

    def archived_transaction(self, transaction_id: str) -> ArchivedTransaction | None:
        row = self._db.row(TRANSACTION_COLUMNS + "WHERE t.id = ?", (transaction_id,))
        return self._archived(row) if row is not None else None

    def archived_meter_values(self) -> Iterator[ArchivedMessage]:
        """Yield the meter values taken outside any transaction, oldest first."""
        for row in self._db.rows("SELECT id, first_position, last_position FROM streams WHERE transaction_id IS NULL"):
            yield from self._messages(row["id"], row["first_position"], row["last_position"])

    def undelivered_count(self) -> int:
        """Return how many messages the wire has let go of without delivery, ever."""
        return self._db.number(f"SELECT count(*) FROM outcomes WHERE {_LOST}")

    def _archived(self, row: sqlite3.Row) -> ArchivedTransaction:
        transaction = as_transaction(row)
        sessions = self._db.rows(
            "SELECT session_id FROM session_transactions WHERE transaction_id = ? ORDER BY rowid", (transaction.id,)
        )
        records = self._db.rows(
            "SELECT r.body FROM record_transactions l JOIN charging_records r ON r.id = l.record_id "
            "WHERE l.transaction_id = ? ORDER BY l.rowid",
            (transaction.id,),
        )
        return ArchivedTransaction(
            transaction=transaction,
            csms=row["csms"],
            ended=decode(row["ended"], Stamp) if row["ended"] is not None else None,
            stopped_reason=row["stopped_reason"],
            sessions=tuple(found["session_id"] for found in sessions),
            records=tuple(decode(found["body"], ChargingRecord) for found in records),
            messages=tuple(self._messages(row["stream"], row["first_position"], row["last_position"])),
        )

    def _messages(self, stream: int, first: int, last: int) -> Iterator[ArchivedMessage]:
        for row in self._db.rows(_MESSAGES, (stream, first, last)):
            settled = Fate.DELIVERED if row["position"] <= row["settled_through"] else Fate.WAITING
            yield ArchivedMessage(
                position=row["position"],
                event=decode_event(row["kind"], row["body"]) if row["body"] is not None else None,
                frozen=as_frozen(row),
                fate=Fate(row["fate"]) if row["fate"] is not None else settled,
                attempts=row["attempts"] or 0,
                unanswered=row["unanswered"] or 0,
                why=row["why"] or "",
            )
