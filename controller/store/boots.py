"""Boots, and the wall time of what happened before anybody vouched for the clock."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from controller.logic.values import ClockQuality, Stamp
from controller.store.codec import decode, encode
from controller.store.database import Database
from controller.store.exc import StorageFull
from controller.store.reading import Reads
from controller.store.rows import Boot

_PLAUSIBLE = datetime(2025, 1, 1, tzinfo=UTC)  # no wall clock of this program can rightly be before it


class Certainty(StrEnum):
    """How far a wall time can be relied on."""

    TRUSTED = "trusted"  # the clock was vouched for when it was taken
    MENDED = "mended"  # taken before, and told exactly by what the same boot learned later
    GUESSED = "guessed"  # nobody vouched for the clock in that whole boot


class PastBoots:
    """Starts of the station and what each boot learned of the time, read only."""

    def __init__(self, db: Reads) -> None:
        self._db = db
        self._learned: dict[str, Stamp] = {}
        self._load()

    def boots(self) -> list[Boot]:
        """Every start, oldest first."""
        return [
            Boot(
                row["number"],
                row["boot_id"],
                row["reason"],
                decode(row["started"], Stamp),
                self._learned.get(row["boot_id"]),
            )
            for row in self._db.rows("SELECT number, boot_id, reason, started FROM boots ORDER BY number")
        ]

    def wall_of(self, stamp: Stamp) -> datetime:
        """Return the wall time to report for an instant, mended as well as it can be.

        Within a boot that came to be trusted the monotonic clock tells it exactly. A boot that never was is left as it says
        if that fits between the boots around it; otherwise it is taken to have ended when the next trusted one began.
        """
        reference = self._learned.get(stamp.boot_id)
        if stamp.quality is ClockQuality.TRUSTED or reference is not None:
            return stamp.corrected(reference) if reference is not None else stamp.wall
        earliest, latest = self._surroundings(stamp.boot_id)
        if latest is None or earliest <= stamp.wall <= latest:
            return stamp.wall
        return latest - timedelta(seconds=max(0.0, self._last_monotonic_s(stamp) - stamp.monotonic_s))

    def certainty_of(self, stamp: Stamp) -> Certainty:
        """Return how far `wall_of` an instant can be relied on."""
        if stamp.quality is ClockQuality.TRUSTED:
            return Certainty.TRUSTED
        return Certainty.MENDED if stamp.boot_id in self._learned else Certainty.GUESSED

    def _load(self) -> None:
        rows = self._db.rows("SELECT boot_id, learned FROM clocks")
        self._learned = {row["boot_id"]: decode(row["learned"], Stamp) for row in rows}

    def _surroundings(self, boot_id: str) -> tuple[datetime, datetime | None]:
        """Return the latest time known before a boot and the earliest known after it."""
        earliest, latest, seen = _PLAUSIBLE, None, False
        for boot in self.boots():
            if boot.boot_id == boot_id:
                seen = True
            elif boot.learned is not None and not seen:
                earliest = max(earliest, boot.learned.wall)
            elif boot.learned is not None and latest is None:
                latest = boot.started.corrected(boot.learned)
        return earliest, latest

    def _last_monotonic_s(self, stamp: Stamp) -> float:
        row = self._db.row(
            "SELECT max(json_extract(body, '$.stamp.monotonic_s')) AS last FROM events "
            "WHERE json_extract(body, '$.stamp.boot_id') = ?",
            (stamp.boot_id,),
        )
        return float(row["last"]) if row is not None and row["last"] is not None else stamp.monotonic_s


class Boots(PastBoots):
    """The same of a station that runs: it goes on learning."""

    _db: Database

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        db.before_commit.append(self._learn)
        db.after_rollback.append(self._load)

    def begin_boot(self, reason: str) -> None:
        """Note a start of the station. reason: as told to the CSMS or a technician (`PowerUp`, `Watchdog`, …)."""
        now = self._db.clock.now()
        with self._db.change(necessary=True) as connection:
            connection.execute(
                "INSERT INTO boots (boot_id, reason, started) VALUES (?, ?, ?)", (now.boot_id, reason, encode(now))
            )

    def learn_wall_clock(self) -> None:
        """Note the time if it has just become trusted. Every commit does so by itself; this is for when none is near."""
        if self._db.clock.boot_id not in self._learned and self._db.clock.now().quality is ClockQuality.TRUSTED:
            with contextlib.suppress(StorageFull), self._db.change():
                pass  # the commit itself learns; where there is no room for it, the next one does

    def wall_of(self, stamp: Stamp) -> datetime:
        self.learn_wall_clock()
        return super().wall_of(stamp)

    def latest_known(self) -> datetime:
        """Return the latest time that is known to be over, whatever the clock says now: a machine without a clock chip may fall back."""
        known = [_PLAUSIBLE, *(stamp.wall for stamp in self._learned.values())]
        newest = self._db.row(
            "SELECT json_extract(body, '$.stamp') AS stamp FROM events ORDER BY position DESC LIMIT 1"
        )
        if newest is not None:
            stamp = decode(newest["stamp"], Stamp)
            if self.certainty_of(stamp) is not Certainty.GUESSED:
                known.append(super().wall_of(stamp))
        return max(known)

    def _learn(self, connection: sqlite3.Connection) -> None:
        boot_id = self._db.clock.boot_id
        if boot_id in self._learned:
            return
        now = self._db.clock.now()
        if now.quality is ClockQuality.TRUSTED:
            connection.execute("INSERT OR REPLACE INTO clocks (boot_id, learned) VALUES (?, ?)", (boot_id, encode(now)))
            self._learned[boot_id] = now
