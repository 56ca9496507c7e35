"""Proving a database: SQLite's own check, the schema, and everything that `schema` promises of the rows.

`Verifier.violations` yields one line for each thing that is wrong and changes nothing. What cannot be read is a line too.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from controller.logic.records import EventKind, MeterSampled, TransactionEvent
from controller.store.codec import decode_event
from controller.store.reading import ReadOnly
from controller.store.rows import Fate
from controller.store.shape import BODIES, fresh, undecodable

_MOST_LINES = 100  # of SQLite's own check

# What no row may be. Each gives the subject of a line and what is wrong with it.
_NEVER: tuple[str, ...] = (
    "SELECT 'transaction ' || id, 'table transactions: has ' || count(*) || ' rows: its id was used twice' "
    "FROM transactions NOT INDEXED GROUP BY id HAVING count(*) > 1",
    "SELECT 'transaction ' || transaction_id, 'table streams: has ' || count(*) || ' rows: its id was used twice' "
    "FROM streams NOT INDEXED WHERE transaction_id IS NOT NULL GROUP BY transaction_id HAVING count(*) > 1",
    "SELECT 'transaction ' || t.id, 'table transactions row ' || t.number || ': its stream ' || t.stream || "
    "coalesce(' is that of transaction ' || s.transaction_id, ' is missing') "
    "FROM transactions t LEFT JOIN streams s ON s.id = t.stream WHERE s.transaction_id IS NOT t.id",
    "SELECT 'transaction ' || s.transaction_id, 'table streams row ' || s.id || ': has no row in transactions' "
    "FROM streams s WHERE s.transaction_id IS NOT NULL AND s.id NOT IN (SELECT stream FROM transactions)",
    "SELECT 'table streams row ' || id, 'a second one of meter values outside transactions' FROM streams "
    "WHERE transaction_id IS NULL AND id > (SELECT min(id) FROM streams WHERE transaction_id IS NULL)",
    "SELECT 'table events row ' || e.position, 'belongs to stream ' || e.stream || "
    "CASE WHEN s.id IS NULL THEN ', which is missing' ELSE ', whose marks leave it out' END "
    "FROM events e LEFT JOIN streams s ON s.id = e.stream "
    "WHERE s.id IS NULL OR e.position NOT BETWEEN s.first_position AND s.last_position",
    "SELECT 'table messages row ' || m.position, 'is the message of an event that is missing' FROM messages m "
    "WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.position = m.position) "
    "AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.position = m.position AND o.fate = 'lost')",
    "SELECT 'table outcomes row ' || o.position, 'belongs to stream ' || o.stream || "
    "CASE WHEN s.id IS NULL THEN ', which is missing' ELSE ', its event to stream ' || e.stream END "
    "FROM outcomes o LEFT JOIN streams s ON s.id = o.stream LEFT JOIN events e ON e.position = o.position "
    "WHERE s.id IS NULL OR e.stream != o.stream",
    "SELECT 'table ' || name || ' row ' || position, 'is newer than the newest event: its position would be given again' "
    "FROM (SELECT 'messages' AS name, max(position) AS position FROM messages "
    "UNION ALL SELECT 'outcomes', max(position) FROM outcomes) WHERE position > max("
    "coalesce((SELECT max(position) FROM events), 0), "
    "coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'position_floor'), 0))",
    "SELECT 'transaction ' || l.transaction_id, 'table record_transactions: charging record ' || l.record_id || ' is missing' "
    "FROM record_transactions l WHERE l.record_id NOT IN (SELECT id FROM charging_records)",
    "SELECT 'transaction ' || l.transaction_id, 'table record_transactions: there is no such transaction' "
    "FROM record_transactions l WHERE l.transaction_id NOT IN (SELECT id FROM transactions)",
    "SELECT 'transaction ' || l.transaction_id, 'table session_transactions: there is no such transaction' "
    "FROM session_transactions l WHERE l.transaction_id NOT IN (SELECT id FROM transactions)",
)

_STREAM = """SELECT p.position, e.kind, e.body, m.position IS NOT NULL AS has_message, m.action, m.payload, m.seq_no, o.fate
    FROM (SELECT position FROM events WHERE stream = ?1 AND position BETWEEN ?2 AND ?3
          UNION SELECT position FROM outcomes WHERE stream = ?1 AND position BETWEEN ?2 AND ?3) p
    LEFT JOIN events e ON e.position = p.position LEFT JOIN messages m ON m.position = p.position
    LEFT JOIN outcomes o ON o.position = p.position ORDER BY p.position"""

# What names a row of a table in a line, where it is not its id.
_KEYS = {
    "boots": "number", "clocks": "boot_id", "messages": "position", "profiles": "profile_id", "authorization_cache": "rowid",
    "kept_values": "position", "faults": "position", "wear": "evse_id", "security_events": "number",
}  # fmt: skip
_OF_NO_TRANSACTION = "meter values outside transactions"
_SETTLED = (Fate.DELIVERED, Fate.GAVE_UP, Fate.UNDELIVERABLE, Fate.SKIPPED)


@dataclass(frozen=True, slots=True)
class _Item:
    """One place of a stream. event: None where it was dropped or cannot be read (which is told apart by `is_there`)."""

    position: int
    is_there: bool
    event: TransactionEvent | MeterSampled | None
    row: sqlite3.Row

    @property
    def fate(self) -> str | None:
        return self.row["fate"]  # type: ignore[no-any-return]


class Verifier:
    """Looks at the file once. transactions, events: how many were looked at so far."""

    _db: ReadOnly

    def __init__(self, path: Path) -> None:
        self._path = path
        self.transactions = 0
        self.events = 0

    def violations(self) -> Iterator[str]:
        """Yield a line for each thing that is wrong. Raises StoreUnusable where the file is not one of ours to judge."""
        try:
            self._db = ReadOnly(self._path)
        except sqlite3.DatabaseError as error:
            yield f"file: cannot be opened: {error}"
            return
        with self._db:
            yield from self._all()

    def _all(self) -> Iterator[str]:
        yield from self._guarded("file", self._integrity)
        yield from self._guarded("schema", self._schema)
        for sql in _NEVER:
            yield from self._guarded(f"table {_table_in(sql)}", self._never, sql)
        for (table, column), kind in BODIES.items():
            if self._has(table):
                yield from self._guarded(f"table {table}", self._bodies, table, column, kind)
        yield from self._guarded("table streams", self._streams)

    # ── the file ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _integrity(self) -> Iterator[str]:
        for row in self._db.rows(f"PRAGMA integrity_check({_MOST_LINES})"):
            for line in str(row[0]).splitlines():
                if line != "ok" and not line.startswith("***"):
                    yield f"file: {line}"

    def _schema(self) -> Iterator[str]:
        empty = fresh(self._db.version)
        listed = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        expected = {(row[0], row[1]): row[2] for row in empty.execute(listed)}
        empty.close()
        found = {(row[0], row[1]): row[2] for row in self._db.rows(listed)}
        for kind, name in sorted({*expected, *found}):
            if (kind, name) not in found:
                yield f"schema: {kind} {name} is missing"
            elif (kind, name) not in expected:
                yield f"schema: {kind} {name} is not one of schema {self._db.version}"
            elif found[kind, name].split() != expected[kind, name].split():
                yield f"schema: {kind} {name} is not as schema {self._db.version} has it"

    # ── rows by themselves ──────────────────────────────────────────────────────────────────────────────────────────

    def _never(self, sql: str) -> Iterator[str]:
        for row in self._db.rows(sql):
            yield f"{row[0]}: {row[1]}"

    def _bodies(self, table: str, column: str, kind: Any) -> Iterator[str]:
        key = _KEYS.get(table, "id")
        for row in self._db.rows(f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL"):
            if problem := undecodable(row[1], kind):
                yield f"table {table} row {row[0]}: {column} {problem}"

    # ── streams ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def holes(self) -> Iterator[tuple[str, str]]:
        """Yield (transaction, what) for all that does not hold of a transaction because something of it is missing."""
        with ReadOnly(self._path) as self._db:
            for stream, transaction_id in self._listed():
                if transaction_id is not None and (lines := list(self._stream(stream))):
                    wrong = set(self._stream(stream, is_lossy=True))
                    yield from ((transaction_id, line) for line in lines if line not in wrong)

    def _streams(self) -> Iterator[str]:
        lossy = set()
        if self._has("losses"):
            lossy = {row[0] for row in self._db.rows("SELECT DISTINCT transaction_id FROM losses")}
        for stream, transaction_id in self._listed():
            name = f"transaction {transaction_id}" if transaction_id is not None else _OF_NO_TRANSACTION
            self.transactions += transaction_id is not None
            is_lossy = transaction_id in lossy or (transaction_id is None and self._was_salvaged())
            for line in self._guarded("events", self._stream, stream, is_lossy):
                yield f"{name}: {line}"

    def _listed(self) -> list[tuple[int, str | None]]:
        return [(row[0], row[1]) for row in self._db.rows("SELECT id, transaction_id FROM streams ORDER BY id")]

    def _was_salvaged(self) -> bool:
        return bool(self._db.number("SELECT count(*) FROM meta WHERE key = 'salvage'"))

    def _stream(self, stream: int, is_lossy: bool = False) -> Iterator[str]:
        """is_lossy: what is missing of it is noted already; only what contradicts itself is told."""
        with self._db.snapshot():
            marks = self._db.row("SELECT * FROM streams WHERE id = ?", (stream,))
            if marks is None:
                return
            transaction = self._db.row("SELECT * FROM transactions WHERE stream = ?", (stream,))
            rows = self._db.rows(_STREAM, (stream, marks["first_position"], marks["last_position"]))
        items, lines = [], []
        for row in rows:
            event, problem = _event_of(row)
            items.append(_Item(row["position"], row["body"] is not None, event, row))
            if problem:
                lines.append(f"table events row {row['position']}: {problem}")
        self.events += sum(item.is_there for item in items)
        yield from lines
        yield from _marks(marks, items, is_lossy)
        yield from _deliveries(marks, items, is_lossy)
        if marks["transaction_id"] is not None:
            yield from _life(marks, transaction, items, is_lossy)
            yield from _registers(marks, transaction, items, is_lossy)
            yield from _numbers(marks, items, is_lossy)

    def _has(self, table: str) -> bool:
        try:
            return bool(self._db.number("SELECT count(*) FROM sqlite_master WHERE name = ?", (table,)))
        except sqlite3.DatabaseError:
            return False  # told by `_schema`

    def _guarded(self, subject: str, check: Callable[..., Iterator[str]], *arguments: Any) -> Iterator[str]:
        try:
            yield from check(*arguments)
        except sqlite3.DatabaseError as error:
            yield f"{subject}: cannot be read: {error}"


def _marks(marks: sqlite3.Row, items: list[_Item], is_lossy: bool) -> Iterator[str]:
    """How far delivery has come is one small row: it must fit what it stands for."""
    row = f"table streams row {marks['id']}"
    there = [item.position for item in items if item.is_there]
    if not there and not is_lossy:
        yield f"{row}: has no event"
    if not items:
        return
    frozen = [item.position for item in items if item.row["has_message"]]
    waiting = sum(position > marks["settled_through"] for position in there)
    expected = {
        "first_position": items[0].position,
        "last_position": items[-1].position,
        "waiting": waiting,
        "closed": int(bool(marks["ended"]) and not waiting),
    }
    if not is_lossy:
        expected["frozen_through"] = frozen[-1] if frozen else items[0].position - 1
    for column, value in expected.items():
        if marks[column] != value:
            yield f"{row}: {column} is {marks[column]}, by its events it is {value}"
    if marks["settled_through"] > marks["last_position"]:
        yield f"{row}: settled_through {marks['settled_through']} is beyond its last event {marks['last_position']}"


def _deliveries(marks: sqlite3.Row, items: list[_Item], is_lossy: bool) -> Iterator[str]:
    """What waits and what is archived is the same list, cut at one mark."""
    for item in items:
        row = f"table outcomes row {item.position}"
        is_settled = item.position <= marks["settled_through"]
        if item.fate is not None and item.fate not in list(Fate):
            yield f"{row}: fate {item.fate!r} is none there is"
        elif item.fate == Fate.DROPPED and item.is_there:
            yield f"{row}: dropped, but its event is there"
        elif item.fate == Fate.LOST and item.is_there:
            yield f"{row}: lost, but its event is there"
        elif not item.is_there and item.fate != Fate.DROPPED and not (is_lossy and item.fate == Fate.LOST):
            yield f"{row}: {item.fate}, but its event is missing"
        elif item.is_there and item.fate in _SETTLED and not is_settled:
            yield f"{row}: {item.fate}, but the message still waits"
        elif item.fate == Fate.WAITING and is_settled:
            yield f"{row}: waiting, but it is settled"
        elif is_settled and item.fate in (None, Fate.DELIVERED) and not item.row["has_message"] and not is_lossy:
            yield f"table messages row {item.position}: is missing, though it was delivered"


def _life(marks: sqlite3.Row, transaction: sqlite3.Row | None, items: list[_Item], is_lossy: bool) -> Iterator[str]:
    """One begin, at the front; one end at most, at the back."""
    events = [(item.position, item.event) for item in items if isinstance(item.event, TransactionEvent)]
    for position, event in events:
        if event.transaction_id != marks["transaction_id"]:
            yield f"table events row {position}: tells of transaction {event.transaction_id}"
    begins = [position for position, event in events if event.kind is EventKind.STARTED]
    ends = [(position, event) for position, event in events if event.kind is EventKind.ENDED]
    if len(begins) > 1 or (not begins and not is_lossy):
        yield f"table events: has {len(begins)} begins{_listed(begins)}"
    elif begins and begins[0] != items[0].position:
        yield f"table events row {items[0].position}: is older than the begin, row {begins[0]}"
    if len(ends) > 1:
        yield f"table events: has {len(ends)} ends{_listed([position for position, _ in ends])}"
    elif ends and ends[0][0] != items[-1].position:
        yield f"table events row {items[-1].position}: is newer than the end, row {ends[0][0]}"
    if bool(ends) != bool(marks["ended"]) and (ends or not is_lossy):
        yield f"table streams row {marks['id']}: {_claim(marks['ended'])}, by its events it {_claim(ends)}"
    if transaction is None:
        return
    row = f"table transactions row {transaction['number']}"
    if bool(marks["ended"]) != (transaction["ended"] is not None):
        yield f"{row}: {_claim(transaction['ended'])}, by its row in streams it {_claim(marks['ended'])}"
    elif bool(ends) != (transaction["ended"] is not None) and (ends or not is_lossy):
        yield f"{row}: {_claim(transaction['ended'])}, by its events it {_claim(ends)}"
    elif ends and transaction["stopped_reason"] != ends[-1][1].stopped_reason:
        yield f"{row}: stopped_reason {transaction['stopped_reason']}, its end says {ends[-1][1].stopped_reason}"


def _registers(
    marks: sqlite3.Row, transaction: sqlite3.Row | None, items: list[_Item], is_lossy: bool
) -> Iterator[str]:
    """What was counted once is never taken back."""
    known = [
        (item.position, item.event.register_wh)
        for item in items
        if isinstance(item.event, TransactionEvent) and item.event.register_wh is not None
    ]
    highest: int | None = None
    for position, register_wh in known:
        if highest is not None and register_wh < highest:
            yield f"table events row {position}: register {register_wh} Wh is below {highest} Wh before it"
        highest = register_wh if highest is None else max(highest, register_wh)
    if not known:
        return
    if not is_lossy and transaction is not None and transaction["start_register_wh"] != known[0][1]:
        begin_wh = transaction["start_register_wh"]
        yield f"table transactions row {transaction['number']}: start_register_wh {begin_wh}, its first event says {known[0][1]}"
    last_wh = marks["last_register_wh"]
    if highest is not None and (last_wh is None or last_wh < highest):
        yield f"table streams row {marks['id']}: last_register_wh {last_wh}, its events say {highest}"


def _numbers(marks: sqlite3.Row, items: list[_Item], is_lossy: bool) -> Iterator[str]:
    """seqNo counts from 0 over what was sent, and skips exactly what was dropped in between (E01.FR.07)."""
    expected, last = 0, -1
    for item in items:
        if item.fate == Fate.DROPPED:
            expected += 1
        if not item.row["has_message"]:
            continue
        row, seq_no = f"table messages row {item.position}", item.row["seq_no"]
        if seq_no is None:
            yield f"{row}: has no seqNo"
            continue
        if seq_no <= last:
            yield f"{row}: seqNo {seq_no} was used before"
        elif seq_no != expected and not is_lossy:
            yield f"{row}: seqNo {seq_no}, {expected} would be next and no drop is noted"
        yield from (f"{row}: {problem}" for problem in _wording(marks, item))
        last = max(last, seq_no)
        expected = last + 1
    if marks["last_seq_no"] != last and not (is_lossy and marks["last_seq_no"] > last):
        yield f"table streams row {marks['id']}: last_seq_no {marks['last_seq_no']}, by its messages {last}"


def _wording(marks: sqlite3.Row, item: _Item) -> Iterator[str]:
    """A frozen message says what its row says."""
    if item.row["action"] != "TransactionEvent":
        return
    try:
        payload = json.loads(item.row["payload"])
    except (ValueError, TypeError):
        return  # told with the other bodies
    if not isinstance(payload, dict):
        return
    if "seqNo" in payload and payload["seqNo"] != item.row["seq_no"]:
        yield f"seqNo {item.row['seq_no']}, but its payload says {payload['seqNo']}"
    told = payload.get("transactionInfo")
    if isinstance(told, dict) and told.get("transactionId") != marks["transaction_id"]:
        yield f"its payload tells of transaction {told.get('transactionId')}"


def _event_of(row: sqlite3.Row) -> tuple[TransactionEvent | MeterSampled | None, str]:
    if row["body"] is None:
        return None, ""
    try:
        event = decode_event(row["kind"], row["body"])
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        return None, f"cannot be read: {error}"
    if isinstance(event, TransactionEvent) and event.kind.value != row["kind"]:
        return event, f"kind {row['kind']!r}, but it tells of {event.kind.value!r}"
    return event, ""


def _table_in(sql: str) -> str:
    return sql.partition("FROM ")[2].split()[0].strip("(")


def _listed(positions: list[int]) -> str:
    return f": rows {', '.join(map(str, positions))}" if positions else ""


def _claim(is_over: object) -> str:
    return "has ended" if is_over else "runs"
