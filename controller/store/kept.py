"""Meter values that are kept for the last message of their transaction."""

from __future__ import annotations

from itertools import pairwise

from controller.logic.records import Kept
from controller.store.codec import decode, encode_event
from controller.store.database import Database

MOST_KEPT = 60  # of one transaction, so that its last message stays one that every peer takes


class KeptValues:
    def __init__(self, db: Database) -> None:
        self._db = db

    def keep(self, transaction_id: str, values: Kept) -> None:
        """Keep values, the newest last (lazy). Above the bound one in between goes, where they stand closest together."""
        with self._db.change(lazy=True) as connection:
            connection.execute(
                "INSERT INTO kept_values (transaction_id, at_s, body) VALUES (?, ?, ?)",
                (transaction_id, values.stamp.wall.timestamp(), encode_event(values)),
            )
            rows = connection.execute(
                "SELECT position, at_s FROM kept_values WHERE transaction_id = ? ORDER BY position", (transaction_id,)
            ).fetchall()
            if len(rows) > MOST_KEPT:
                connection.execute("DELETE FROM kept_values WHERE position = ?", (_least_missed(rows),))

    def kept(self, transaction_id: str) -> tuple[Kept, ...]:
        """Return what is kept of a transaction, oldest first."""
        rows = self._db.rows(
            "SELECT body FROM kept_values WHERE transaction_id = ? ORDER BY position", (transaction_id,)
        )
        return tuple(decode(row["body"], Kept) for row in rows)

    def forget_kept(self, transaction_id: str) -> None:
        """Let go of a transaction's values: its end has taken them (lazy)."""
        with self._db.change(lazy=True) as connection:
            connection.execute("DELETE FROM kept_values WHERE transaction_id = ?", (transaction_id,))


def _least_missed(rows: list[tuple[int, float]]) -> int:
    """Return the position of the row, neither first nor last, whose neighbours are closest together."""
    gaps = [later[1] - earlier[1] for earlier, later in pairwise(rows)]
    spans = [one + other for one, other in pairwise(gaps)]
    return rows[spans.index(min(spans)) + 1][0]
