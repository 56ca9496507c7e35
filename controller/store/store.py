"""The station's memory: one SQLite database, one object, synchronous calls on the event loop.

What a method has written when it returns survives a power cut, unless its docstring says *lazy* (see `Database`). Nothing
that happened is changed or lost by sending it: events are facts, delivery has rows of its own (see `schema`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random, SystemRandom

from controller.clock import Clock
from controller.store.archive import Archive
from controller.store.boots import Boots
from controller.store.database import Database, StoreLimits
from controller.store.history import History
from controller.store.kept import KeptValues
from controller.store.overlays import Overlays
from controller.store.pruning import Pruning
from controller.store.queue import Queue
from controller.store.salvage import META, Salvage, told
from controller.store.security import SecurityLog
from controller.store.transactions import Transactions

DATABASE = "station.db"  # in the state directory


class Store(Boots, Transactions, Queue, KeptValues, Overlays, Archive, History, SecurityLog, Pruning):
    """Everything that outlives a restart, by subject: boots, transactions, queue, kept values, overlays, archive, history, security log."""

    _db: Database

    def __init__(self, db: Database, random: Random) -> None:
        Boots.__init__(self, db)
        Transactions.__init__(self, db, random)
        Queue.__init__(self, db)
        KeptValues.__init__(self, db)
        Overlays.__init__(self, db)
        Archive.__init__(self, db)
        History.__init__(self, db)
        SecurityLog.__init__(self, db)
        Pruning.__init__(self, db)

    @classmethod
    def open(cls, path: Path, clock: Clock, limits: StoreLimits | None = None, random: Random | None = None) -> Store:
        """Open or make the database at `path` and bring its schema up to date.

        random: where transaction ids come from (a simulation passes a seeded one). Raises StoreUnusable, which says what to
        do; what can be read of a damaged database is salvaged into a new one (`salvage`).
        """
        return cls(Database(path, clock, limits or StoreLimits()), random or SystemRandom())

    @property
    def salvage(self) -> Salvage | None:
        """What came of a database that was found damaged at this opening; report it. None: it was sound, or new."""
        return self._db.salvage

    @property
    def damage(self) -> str:
        """What there is to tell of the last damage, in one line, for as long as the old file lies beside; else empty."""
        found = told(self.meta(META))
        return str(found) if found is not None and Path(found.source).exists() else ""

    def has_space(self) -> bool:
        """Whether there is room to begin another session and to end those that run (else refuse new ones)."""
        return self._db.has_space()

    def look_for_room(self) -> None:
        """Where something did not fit, find out whether it would now; `has_space` tells."""
        self._db.look_for_room()

    @property
    def flush_due_s(self) -> float | None:
        """When (monotonic) lazy changes want `flush` to be called; None when there are none."""
        return self._db.flush_due_s

    @property
    def limits(self) -> StoreLimits:
        return self._db.limits

    def on_waiting(self, told: Callable[[], None]) -> None:
        """Call `told` whenever lazy changes begin to wait."""
        self._db.on_waiting = told

    def flush(self) -> None:
        """Make every lazy change durable now."""
        self._db.flush()

    def when_undone(self, hook: Callable[[], None]) -> None:
        """Have a hook called whenever the lazy changes were lost for want of room, whoever's change met it."""
        self._db.after_rollback.append(hook)

    def close(self) -> None:
        """Flush and close. Nothing may be called afterwards."""
        self._db.close()
