"""Sessions, charging records and transactions: written before anybody acts on them."""

from __future__ import annotations

import sqlite3
from random import Random
from uuid import UUID

from controller.logic.records import (
    ChargingRecord,
    ChargingState,
    EventKind,
    MeterSampled,
    OpenTransaction,
    TransactionEvent,
)
from controller.logic.values import IdToken, Stamp
from controller.store import events
from controller.store.codec import decode, encode
from controller.store.database import Database
from controller.store.exc import StorageFull, UnknownRecord

TRANSACTION_COLUMNS = """SELECT t.*, s.protocol, s.csms, s.first_position, s.last_position, s.last_register_wh, s.last_stamp, s.charging_state,
    (SELECT session_id FROM session_transactions WHERE transaction_id = t.id ORDER BY rowid DESC LIMIT 1) AS session_id,
    (SELECT record_id FROM record_transactions WHERE transaction_id = t.id ORDER BY rowid DESC LIMIT 1) AS record_id
    FROM transactions t JOIN streams s ON s.id = t.stream """


class Transactions:
    """The life of sessions and transactions. Every method is one durable commit unless it says otherwise."""

    def __init__(self, db: Database, random: Random) -> None:
        self._db = db
        self._random = random
        self._thin_above = db.limits.max_waiting

    def open_session(self, session_id: str, evse_id: int | None, stamp: Stamp) -> None:
        with self._db.change() as connection:
            connection.execute(
                "INSERT INTO sessions (id, evse_id, opened) VALUES (?, ?, ?)", (session_id, evse_id, encode(stamp))
            )

    def close_session(self, session_id: str, stamp: Stamp) -> None:
        with self._db.change() as connection:
            connection.execute("UPDATE sessions SET closed = ? WHERE id = ?", (encode(stamp), session_id))

    def open_sessions(self) -> list[tuple[str, int | None, Stamp]]:
        """Return (id, evse_id, opened) of the sessions that were never closed, oldest first."""
        found = self._db.rows("SELECT id, evse_id, opened FROM sessions WHERE closed IS NULL ORDER BY rowid")
        return [(row["id"], row["evse_id"], decode(row["opened"], Stamp)) for row in found]

    def add_charging_record(self, record: ChargingRecord, transaction_id: str | None = None) -> None:
        """Commit why energy may flow; only then may a permit name it. transaction_id: that runs already, linked with it."""
        with self._db.change() as connection:
            connection.execute(
                "INSERT INTO charging_records (id, session_id, evse_id, body) VALUES (?, ?, ?, ?)",
                (record.id, record.session_id, record.evse_id, encode(record)),
            )
            if transaction_id is not None:
                _link(connection, transaction_id, record.session_id, record.id)

    def charging_record(self, record_id: str) -> ChargingRecord | None:
        row = self._db.row("SELECT body FROM charging_records WHERE id = ?", (record_id,))
        return decode(row["body"], ChargingRecord) if row is not None else None

    def new_transaction_id(self) -> str:
        """Return a UUID of version 4: nothing that a repair or a restored backup could make us count from again (E01.FR.08)."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def begin_transaction(
        self,
        event: TransactionEvent,
        *,
        protocol: str,
        csms: str,
        session_id: str | None = None,
        record_id: str | None = None,
        group: str | None = None,
        plug_run_id: str | None = None,
        plug_count: int | None = None,
    ) -> None:
        """Commit the STARTED event and its transaction, pinned from now on to `protocol` and `csms`."""
        token = encode(event.id_token) if event.id_token is not None else None
        with self._db.change(necessary=True) as connection:
            stream = events.new_stream(connection, event.transaction_id, protocol, csms)
            connection.execute(
                "INSERT INTO transactions (id, stream, evse_id, connector_id, id_token, group_token, started, "
                "start_register_wh, remote_start_id, plug_run_id, plug_count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(event.transaction_id, stream, event.evse_id, event.connector_id, token, group),
                    *(encode(event.stamp), event.register_wh, event.remote_start_id, plug_run_id, plug_count),
                ),
            )
            _link(connection, event.transaction_id, session_id, record_id)
            events.append(connection, stream, event)

    def link(self, transaction_id: str, *, session_id: str | None = None, record_id: str | None = None) -> None:
        """Say that a transaction belongs to a session or record as well; the latest of each is the current one."""
        with self._db.change() as connection:
            if not self._exists(transaction_id):
                raise UnknownRecord(f"no transaction {transaction_id} in the store")
            _link(connection, transaction_id, session_id, record_id)

    def note_plug(self, transaction_id: str, plug_run_id: str, plug_count: int) -> None:
        """Note the plug-in that the transaction is on now (see EvseFacts)."""
        self._set(transaction_id, "plug_run_id = ?, plug_count = ?", plug_run_id, plug_count)

    def note_group(self, transaction_id: str, group: str | None) -> None:
        """Note the group of the transaction's token, once it is known."""
        self._set(transaction_id, "group_token = ?", group)

    def add_event(self, event: TransactionEvent | MeterSampled) -> None:
        """Queue what happened; ENDED closes the transaction in the same commit.

        An update that `may_drop` and meter values outside a transaction are lazy: a power cut may cost the last
        `flush_every_s` of them. Raises StorageFull with nothing written; UnknownRecord where there is no such transaction
        or it has ended.
        """
        transaction_id = event.transaction_id if isinstance(event, TransactionEvent) else None
        is_end = isinstance(event, TransactionEvent) and event.kind is EventKind.ENDED
        with self._db.change(lazy=events.may_drop(event), necessary=is_end) as connection:
            stream = events.stream_of(connection, transaction_id)
            if isinstance(event, TransactionEvent):
                _update_transaction(connection, event)
            if events.may_drop(event):
                self._make_room(connection)
            events.append(connection, stream, event)
            self._keep_bounded(connection)

    def note_register(self, transaction_id: str, register_wh: int, stamp: Stamp) -> None:
        """Note the newest energy register (lazy: call it as often as the meter is read)."""
        with self._db.change(lazy=True) as connection:
            connection.execute(
                "UPDATE streams SET last_register_wh = ?, last_stamp = ? WHERE transaction_id = ?",
                (register_wh, encode(stamp), transaction_id),
            )

    def open_transactions(self) -> list[OpenTransaction]:
        """Return the transactions that have begun and not ended, oldest first."""
        return [
            as_transaction(row)
            for row in self._db.rows(TRANSACTION_COLUMNS + "WHERE t.ended IS NULL ORDER BY t.number")
        ]

    def transaction(self, transaction_id: str) -> OpenTransaction | None:
        """Return a transaction as it stands, open or ended."""
        row = self._db.row(TRANSACTION_COLUMNS + "WHERE t.id = ?", (transaction_id,))
        return as_transaction(row) if row is not None else None

    def transaction_by_wire_id(self, wire_id: int) -> OpenTransaction | None:
        """Return the transaction a 1.6 CSMS gave this number to; of several the open one, else the newest."""
        row = self._db.row(
            TRANSACTION_COLUMNS + "WHERE t.wire_id = ? ORDER BY t.ended IS NULL DESC, t.number DESC LIMIT 1", (wire_id,)
        )
        return as_transaction(row) if row is not None else None

    def is_open(self, transaction_id: str) -> bool:
        return bool(
            self._db.number("SELECT count(*) FROM transactions WHERE id = ? AND ended IS NULL", (transaction_id,))
        )

    def has_losses(self, transaction_id: str) -> bool:
        """Whether something of a transaction was lost with a damaged database: what it says is not the whole truth."""
        return self._db.row("SELECT 1 FROM losses WHERE transaction_id = ?", (transaction_id,)) is not None

    def _exists(self, transaction_id: str) -> bool:
        return self._db.row("SELECT 1 FROM transactions WHERE id = ?", (transaction_id,)) is not None

    def _set(self, transaction_id: str, assignment: str, *values: object) -> None:
        with self._db.change() as connection:
            cursor = connection.execute(f"UPDATE transactions SET {assignment} WHERE id = ?", (*values, transaction_id))
            if not cursor.rowcount:
                raise UnknownRecord(f"no transaction {transaction_id} in the store")

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Below the floor thin out what waits (E12.FR.04); what room is left then belongs to the ends of transactions."""
        if not self._db.has_space() and not events.thin(connection, self._db.wall_text()):
            raise StorageFull(f"{self._db.path}: the room left is kept for ending transactions; free some space")

    def _keep_bounded(self, connection: sqlite3.Connection) -> None:
        """Thin out updates once more events wait than the bound."""
        bound = self._db.limits.max_waiting
        waiting = connection.execute("SELECT sum(waiting) FROM streams WHERE closed = 0").fetchone()[0]
        if waiting > self._thin_above:
            waiting -= events.thin(connection, self._db.wall_text())
            # Where begins and ends alone are over the bound there is nothing to gain by looking again at each event.
            self._thin_above = max(bound, waiting + bound // 10)
        elif waiting <= bound:
            self._thin_above = bound


def as_transaction(row: sqlite3.Row) -> OpenTransaction:
    state = row["charging_state"]
    return OpenTransaction(
        id=row["id"],
        protocol=row["protocol"],
        evse_id=row["evse_id"],
        connector_id=row["connector_id"],
        id_token=decode(row["id_token"], IdToken) if row["id_token"] is not None else None,
        group=row["group_token"],
        started=decode(row["started"], Stamp),
        start_register_wh=row["start_register_wh"],
        last_register_wh=row["last_register_wh"],
        last_stamp=decode(row["last_stamp"], Stamp),
        charging_state=ChargingState(state) if state is not None else None,
        session_id=row["session_id"],
        record_id=row["record_id"],
        remote_start_id=row["remote_start_id"],
        wire_id=row["wire_id"],
        plug_run_id=row["plug_run_id"],
        plug_count=row["plug_count"],
    )


def _link(connection: sqlite3.Connection, transaction_id: str, session_id: str | None, record_id: str | None) -> None:
    """REPLACE gives the pair a new rowid, so that the latest link is the highest."""
    if session_id is not None:
        connection.execute(
            "INSERT OR REPLACE INTO session_transactions (transaction_id, session_id) VALUES (?, ?)",
            (transaction_id, session_id),
        )
    if record_id is not None:
        connection.execute(
            "INSERT OR REPLACE INTO record_transactions (transaction_id, record_id) VALUES (?, ?)",
            (transaction_id, record_id),
        )


def _update_transaction(connection: sqlite3.Connection, event: TransactionEvent) -> None:
    """Carry over what an event makes known for the first time. A token on the end may be another driver's: not ours."""
    is_end = event.kind is EventKind.ENDED
    token = encode(event.id_token) if event.id_token is not None and not is_end else None
    known = (event.evse_id, event.connector_id, token, event.remote_start_id)
    if is_end or any(value is not None for value in known):
        connection.execute(
            "UPDATE transactions SET evse_id = coalesce(?, evse_id), connector_id = coalesce(?, connector_id), "
            "id_token = coalesce(id_token, ?), remote_start_id = coalesce(remote_start_id, ?), ended = ?, "
            "stopped_reason = ? WHERE id = ? AND ended IS NULL",
            (*known, encode(event.stamp) if is_end else None, event.stopped_reason, event.transaction_id),
        )
    if event.register_wh is not None:
        connection.execute(
            "UPDATE transactions SET start_register_wh = ? WHERE id = ? AND start_register_wh IS NULL",
            (event.register_wh, event.transaction_id),
        )
