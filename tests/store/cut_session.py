"""A session of the store to cut the power in: each thing it does, in some fifty commits, with what it was promised.

usage: python cut_session.py PATH PROMISES (appends each promise to a file as one JSON line)
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from controller.store.database import StoreLimits
from controller.store.rows import Frozen
from controller.store.schema import MIGRATIONS
from controller.store.store import Store
from tests.store.facts import CSMS, V16, V201, HandClock, begin, ended, metered, open_store, updated

Promise = Callable[[dict[str, Any]], None]


class Session:
    """promise: gets what `Promises.take` takes, after the call that promised it has returned."""

    def __init__(self, path: Path, promise: Promise, limits: StoreLimits) -> None:
        self._path = path
        self._promise = promise
        self._limits = limits
        self._clock = HandClock()
        self._register = 1000
        self.store = self._open()

    def play(self) -> None:
        self.store.begin_boot("PowerUp")
        self.store.open_session("session-1", 1, self._clock.now())
        self._charge_online(self._begin())
        checkpoint(self._path)
        self._charge_offline([self._begin(online=False), self._begin(online=False)])
        checkpoint(self._path)
        self._deliver_backlog()
        self.store.close()  # the log goes into the database and is removed
        self.store = self._open()
        self._charge_for_16()
        self.store.close_session("session-1", self._clock.now())
        self.store.close()

    def _open(self) -> Store:
        store = Store.open(self._path, self._clock, self._limits)
        self._promise({"opened": True})
        return store

    def _begin(self, **how: Any) -> str:
        self._clock.advance(1)
        transaction_id = begin(self.store, self._clock, **how)
        self._promise({"begun": transaction_id, "settles": True})
        return transaction_id

    def _update(self, transaction_id: str, *, may_drop: bool = True, online: bool = True) -> None:
        self._clock.advance(5)
        self._register += 1
        self.store.note_register(transaction_id, self._register, self._clock.now())
        now = self._clock.now()
        self.store.add_event(updated(transaction_id, now, online=online, register_wh=self._register, may_drop=may_drop))
        if not may_drop:
            self._promise({"register": self._register, "settles": True})

    def _end(self, transaction_id: str, *, online: bool = True) -> None:
        self.store.add_event(ended(transaction_id, self._clock.now(), online=online))
        self._promise({"ended": transaction_id, "settles": True})

    def _freeze(self, *, more_follow: bool = False, protocol: str = V201) -> int:
        """Freeze the oldest event that is not, and return its position."""
        record = next(each for each in self.store.waiting(99) if each.frozen is None)
        seq_no = self.store.next_seq_no(record.transaction_id) if record.transaction_id else None
        payload = json.dumps({"position": record.position, "at": record.event.stamp.monotonic_s})
        self.store.freeze(
            record.position, Frozen(protocol, "TransactionEvent", payload, seq_no), more_follow=more_follow
        )
        if not more_follow and record.transaction_id and protocol == V201:
            self._promise({"frozen": record.position, "payload": payload, "seq_no": seq_no, "settles": True})
        return record.position

    def _deliver(self) -> None:
        """Send the oldest event and have it acknowledged."""
        self._acknowledged(self._freeze())

    def _acknowledged(self, position: int) -> None:
        self.store.delivered(position)
        self._promise({"acked": position, "settles": self.store.flush_due_s is None})

    def _charge_online(self, transaction_id: str) -> None:
        self._deliver()
        for number in range(4):
            self._update(transaction_id, may_drop=number % 2 == 0)
            if number == 2:
                position = self._freeze()
                self.store.attempted(position, "InternalError")
                self._acknowledged(position)
            else:
                self._deliver()
        self.store.set_variable("SampledDataCtrlr.TxUpdatedInterval", "30", "csms")
        self._promise({"variable": "SampledDataCtrlr.TxUpdatedInterval", "value": "30", "settles": True})
        self._end(transaction_id)
        self._deliver()

    def _charge_offline(self, transaction_ids: list[str]) -> None:
        for number in range(12):
            self._update(transaction_ids[number % 2], online=False)
            self.store.add_event(metered(self._clock.now(), online=False))
        self.store.flush()
        self._promise({"settles": True})
        for transaction_id in transaction_ids:
            self._end(transaction_id, online=False)

    def _deliver_backlog(self) -> None:
        for _ in range(3):
            self._freeze(more_follow=True)
        self._freeze()
        for record in self.store.waiting(3):
            self._acknowledged(record.position)
        record = self.store.waiting(1)[0]
        self.store.gave_up(record.position, "the CSMS refused it three times")
        self._promise({"acked": record.position, "settles": True})

    def _charge_for_16(self) -> None:
        self._clock.advance(1)
        transaction_id = begin(self.store, self._clock, protocol=V16, csms=CSMS)
        self._promise({"begun": transaction_id, "settles": True})
        while self.store.waiting(1)[0].transaction_id != transaction_id:
            self._deliver()
        position = self._freeze(protocol=V16)
        self.store.delivered(position, wire_id=77)
        self._promise({"transaction": transaction_id, "wire_id": 77, "settles": True})
        self._update(transaction_id, may_drop=False)
        self._end(transaction_id)


def checkpoint(path: Path) -> None:
    """Copy the log into the database as SQLite does by itself after a thousand pages; the next commit begins the log anew."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def store_of_first_schema(path: Path) -> str:
    return store_of_schema(path, 1)


def store_of_schema(path: Path, version: int) -> str:
    """Leave a database as an older version of the program did, with a transaction under way; return its id."""
    store, clock = open_store(path), HandClock()
    transaction_id = begin(store, clock)
    store.add_event(updated(transaction_id, clock.now(), may_drop=False))
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        for statement in (statement for statements in MIGRATIONS[version:] for statement in statements):
            kind, name = statement.split()[1:3]
            if kind == "TABLE":
                connection.execute(f"DROP TABLE {name}")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("VACUUM")
    return transaction_id


def main(path: Path, promises: Path) -> None:
    # Without a buffer: each line lies between the writes that it comes between.
    with promises.open("ab", buffering=0) as file:

        def promise(line: dict[str, Any]) -> None:
            file.write(json.dumps(line).encode() + b"\n")

        Session(path, promise, StoreLimits()).play()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
