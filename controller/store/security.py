"""The security log: what happened, and whether the CSMS knows of it (A04)."""

from __future__ import annotations

from dataclasses import dataclass

from controller.logic.values import Stamp
from controller.store.codec import decode, encode
from controller.store.database import Database
from controller.store.rows import Fate

MOST_TOLD = 1_000  # of what the CSMS knows the oldest go beyond it; what waits is never lost


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """type: by its name in the specification's list. tech_info: may be empty. fate: waiting, delivered, undeliverable or skipped."""

    number: int
    type: str
    stamp: Stamp
    tech_info: str
    fate: Fate


class SecurityLog:
    def __init__(self, db: Database) -> None:
        self._db = db

    def add_security_event(self, type: str, tech_info: str) -> None:
        """Commit that it has happened now; it waits for delivery from then on (A04.FR.02, A04.FR.04)."""
        with self._db.change(necessary=True) as connection:
            connection.execute(
                "INSERT INTO security_events (type, stamp, tech_info, fate) VALUES (?, ?, ?, ?)",
                (type, encode(self._db.clock.now()), tech_info, Fate.WAITING),
            )
            connection.execute(
                "DELETE FROM security_events WHERE fate != ? AND number <= (SELECT max(number) FROM security_events) - ?",
                (Fate.WAITING, MOST_TOLD),
            )

    def security_events(self, *, waiting_only: bool = False) -> list[SecurityEvent]:
        """Return what was noted, oldest first."""
        chosen = "WHERE fate = 'waiting' " if waiting_only else ""
        rows = self._db.rows(
            f"SELECT number, type, stamp, tech_info, fate FROM security_events {chosen}ORDER BY number"
        )
        return [
            SecurityEvent(row["number"], row["type"], decode(row["stamp"], Stamp), row["tech_info"], Fate(row["fate"]))
            for row in rows
        ]

    def security_event_settled(self, number: int, fate: Fate) -> None:
        """Note the end of its delivery (lazy: a power cut only means that it is told once more)."""
        with self._db.change(lazy=True) as connection:
            connection.execute("UPDATE security_events SET fate = ? WHERE number = ?", (fate, number))
