"""The archive's quota: where room is short, the oldest transactions go of which the CSMS has everything. Nothing else ever does."""

from __future__ import annotations

import sqlite3

from controller.store.database import Database

# Of those that are over but for the newest: none of which anything was lost, refused or could not be delivered.
_OLDEST = """SELECT s.id, s.transaction_id, s.first_position, s.last_position FROM streams s
    WHERE s.closed = 1 AND s.transaction_id IS NOT NULL
    AND s.id < (SELECT id FROM streams WHERE transaction_id IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET ?)
    AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.position BETWEEN s.first_position AND s.last_position
        AND o.stream = s.id AND o.fate NOT IN ('delivered', 'skipped', 'dropped'))
    AND NOT EXISTS (SELECT 1 FROM losses l WHERE l.transaction_id = s.transaction_id)
    ORDER BY s.id LIMIT 1"""


class Pruning:
    def __init__(self, db: Database) -> None:
        self._db = db

    def forget_oldest(self) -> str | None:
        """Delete the oldest transaction that was delivered whole, if room is short (lazy); return its id, None if none went.

        With it go the meter values that were delivered before its end.
        """
        if not self._db.is_crowded():
            return None
        row = self._db.row(_OLDEST, (max(0, self._db.limits.archive_transactions - 1),))
        if row is None:
            return None
        with self._db.change(lazy=True) as connection:
            _forget(connection, row)
        return str(row["transaction_id"])


def _forget(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
    _forget_events(connection, row["id"], row["first_position"], row["last_position"])
    _forget_links(connection, row["transaction_id"])
    connection.execute("DELETE FROM transactions WHERE stream = ?", (row["id"],))
    connection.execute("DELETE FROM streams WHERE id = ?", (row["id"],))
    others = connection.execute(
        "SELECT id, first_position, min(settled_through, last_position - 1, ?) AS last FROM streams WHERE transaction_id IS NULL",
        (row["last_position"],),
    ).fetchone()
    if others is not None and others["first_position"] <= others["last"]:
        _forget_events(connection, others["id"], others["first_position"], others["last"])
        connection.execute(
            "UPDATE streams SET first_position = (SELECT min(position) FROM (SELECT position FROM events WHERE stream = ?1 "
            "AND position >= ?2 UNION ALL SELECT position FROM outcomes WHERE stream = ?1 AND position >= ?2)) WHERE id = ?1",
            (others["id"], others["first_position"]),
        )


def _forget_events(connection: sqlite3.Connection, stream: int, first: int, last: int) -> None:
    """What was not delivered stays: of a transaction nothing, of the meter values outside any perhaps something."""
    gone = (
        "SELECT position FROM events e WHERE stream = ? AND position BETWEEN ? AND ? AND NOT EXISTS "
        "(SELECT 1 FROM outcomes o WHERE o.position = e.position AND o.fate IN ('gave up', 'undeliverable'))"
    )
    connection.execute(f"DELETE FROM messages WHERE position IN ({gone})", (stream, first, last))
    connection.execute(f"DELETE FROM events WHERE position IN ({gone})", (stream, first, last))
    connection.execute(
        "DELETE FROM outcomes WHERE stream = ? AND position BETWEEN ? AND ? AND fate IN ('delivered', 'skipped', 'dropped')",
        (stream, first, last),
    )


def _forget_links(connection: sqlite3.Connection, transaction_id: str) -> None:
    """Its sessions and charging records, but for those that belong to another transaction as well."""
    for links, column, table in (
        ("session_transactions", "session_id", "sessions"),
        ("record_transactions", "record_id", "charging_records"),
    ):
        found = connection.execute(
            f"SELECT {column} FROM {links} WHERE transaction_id = ?", (transaction_id,)
        ).fetchall()
        connection.execute(f"DELETE FROM {links} WHERE transaction_id = ?", (transaction_id,))
        connection.executemany(
            f"DELETE FROM {table} WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM {links} WHERE {column} = ?1)",
            [(each[0],) for each in found],
        )
