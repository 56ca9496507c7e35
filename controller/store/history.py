"""What a technician asks for: which faults there were and when, and how worn each contactor is. Lazy: nobody is billed by it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from controller.logic.values import Stamp
from controller.logic.wear import Wear
from controller.store.codec import decode, encode
from controller.store.database import Database

MOST_FAULTS = 1_000  # the oldest that are over go beyond it


@dataclass(frozen=True, slots=True)
class PastFault:
    """evse_id: None for the station's own. cleared: None while it stands."""

    evse_id: int | None
    fault_id: str
    raised: Stamp
    cleared: Stamp | None


class History:
    def __init__(self, db: Database) -> None:
        self._db = db

    def note_faults(self, evse_id: int | None, standing: Collection[str]) -> None:
        """Tell which faults stand at an EVSE now: those that are new have begun, those that are missing are over (lazy)."""
        place = evse_id or 0
        rows = self._db.rows("SELECT fault FROM faults WHERE evse_id = ? AND cleared IS NULL", (place,))
        known = {row["fault"] for row in rows}
        if known == set(standing):
            return
        now = encode(self._db.clock.now())
        with self._db.change(lazy=True) as connection:
            for fault in sorted(set(standing) - known):
                connection.execute("INSERT INTO faults (evse_id, fault, raised) VALUES (?, ?, ?)", (place, fault, now))
            connection.executemany(
                "UPDATE faults SET cleared = ? WHERE evse_id = ? AND fault = ? AND cleared IS NULL",
                [(now, place, fault) for fault in sorted(known - set(standing))],
            )
            connection.execute(
                "DELETE FROM faults WHERE cleared IS NOT NULL AND position <= (SELECT max(position) FROM faults) - ?",
                (MOST_FAULTS,),
            )

    def faults(self, evse_id: int | None = None) -> list[PastFault]:
        """Return the faults of an EVSE (None: of all and of the station), newest first."""
        rows = self._db.rows(
            "SELECT evse_id, fault, raised, cleared FROM faults WHERE ?1 IS NULL OR evse_id = ?1 ORDER BY position DESC",
            (evse_id,),
        )
        return [
            PastFault(
                row["evse_id"] or None,
                row["fault"],
                decode(row["raised"], Stamp),
                decode(row["cleared"], Stamp) if row["cleared"] is not None else None,
            )
            for row in rows
        ]

    def wear(self, evse_id: int) -> Wear:
        """Return a contactor's wear; none for one that was never counted."""
        row = self._db.row("SELECT body FROM wear WHERE evse_id = ?", (evse_id,))
        return decode(row["body"], Wear) if row is not None else Wear()

    def set_wear(self, evse_id: int, wear: Wear) -> None:
        """Keep a contactor's wear (lazy: it tells itself what of a run it has counted, so a later count makes up for a lost one)."""
        with self._db.change(lazy=True) as connection:
            connection.execute("INSERT OR REPLACE INTO wear (evse_id, body) VALUES (?, ?)", (evse_id, encode(wear)))
