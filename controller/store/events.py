"""The append-only list of facts that go to a CSMS, and how it is thinned when room is short."""

from __future__ import annotations

import sqlite3
from itertools import pairwise

from controller.logic.records import EventKind, MeterSampled, TransactionEvent
from controller.store.codec import encode, encode_event, kind_of
from controller.store.exc import UnknownRecord


def stream_of(connection: sqlite3.Connection, transaction_id: str | None) -> int:
    """Return the id of an open transaction's stream, or (None) of the meter values outside any, made when missing."""
    if transaction_id is None:
        found = connection.execute("SELECT id FROM streams WHERE transaction_id IS NULL").fetchone()
        return int(found[0]) if found is not None else new_stream(connection, None, "", "")
    found = connection.execute("SELECT id, ended FROM streams WHERE transaction_id = ?", (transaction_id,)).fetchone()
    if found is None:
        raise UnknownRecord(f"no transaction {transaction_id} in the store")
    if found["ended"]:
        raise UnknownRecord(f"transaction {transaction_id} has ended: nothing more can happen in it")
    return int(found["id"])


def new_stream(connection: sqlite3.Connection, transaction_id: str | None, protocol: str, csms: str) -> int:
    cursor = connection.execute(
        "INSERT INTO streams (transaction_id, protocol, csms) VALUES (?, ?, ?)", (transaction_id, protocol, csms)
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def may_drop(event: TransactionEvent | MeterSampled) -> bool:
    """Whether it is a periodic value among others: lazily stored, and thinned out when room is short (E12.FR.04)."""
    if isinstance(event, MeterSampled):
        return True
    return event.may_drop and event.kind is EventKind.UPDATED


def append(connection: sqlite3.Connection, stream: int, event: TransactionEvent | MeterSampled) -> None:
    """Add a fact at the end of the queue and of its stream."""
    position = connection.execute(
        # The floor is above whatever a damaged predecessor of the file may have held (see `salvage`).
        "INSERT INTO events (position, stream, kind, may_drop, body) VALUES (1 + max("
        "coalesce((SELECT max(position) FROM events), 0), "
        "coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'position_floor'), 0)), ?, ?, ?, ?)",
        (stream, kind_of(event), may_drop(event), encode_event(event)),
    ).lastrowid
    register, state, ended = None, None, False
    if isinstance(event, TransactionEvent):
        register, state, ended = event.register_wh, event.charging_state, event.kind is EventKind.ENDED
    connection.execute(
        # A stream with nothing waiting has nothing older to settle: its marks move up, so that nobody looks for it in the archive.
        "UPDATE streams SET last_position = ?1, waiting = waiting + 1, last_stamp = ?2, ended = ?3, "
        "settled_through = CASE waiting WHEN 0 THEN ?1 - 1 ELSE settled_through END, "
        "frozen_through = CASE first_position WHEN 0 THEN ?1 - 1 ELSE frozen_through END, "
        "first_position = CASE first_position WHEN 0 THEN ?1 ELSE first_position END, "
        "last_register_wh = coalesce(?4, last_register_wh), charging_state = coalesce(?5, charging_state) WHERE id = ?6",
        (position, encode(event.stamp), ended, register, state, stream),
    )


def thin(connection: sqlite3.Connection, at: str) -> int:
    """Drop every other droppable update of the stream that has most of them, where they stand closest; return how many went.

    The 1st, 3rd, 5th… goes (E12.FR.05), and the next time of what has come since: what was thinned out is left alone until all
    stands as far apart. Never the newest, never what is already encoded (its seqNo may be known to the CSMS), never a begin or an end. Each leaves its place behind, so that its seqNo is missing where the CSMS can see it.
    """
    stream = connection.execute(
        "SELECT e.stream FROM events e JOIN streams s ON s.id = e.stream WHERE s.closed = 0 AND e.may_drop "
        "AND e.position > max(s.frozen_through, s.settled_through) "
        "AND e.position > (SELECT min(settled_through) FROM streams WHERE closed = 0 AND waiting > 0) "
        "GROUP BY e.stream ORDER BY count(*) DESC LIMIT 1"
    ).fetchone()
    if stream is None:
        return 0
    droppable = connection.execute(
        "SELECT e.position FROM events e JOIN streams s ON s.id = e.stream "
        "WHERE s.id = ? AND e.position > max(s.frozen_through, s.settled_through) AND e.may_drop ORDER BY e.position",
        (stream[0],),
    ).fetchall()
    before = connection.execute(
        "SELECT max(position) FROM events WHERE stream = ? AND position < ?", (stream[0], droppable[0][0])
    ).fetchone()
    dropped = [(position,) for position in _closest(before[0], [row[0] for row in droppable])]
    connection.executemany(
        "INSERT INTO outcomes (position, stream, fate, why, at) VALUES (?, ?, 'dropped', 'room was short', ?)",
        [(position, stream[0], at) for (position,) in dropped],
    )
    connection.executemany("DELETE FROM events WHERE position = ?", dropped)
    connection.execute("UPDATE streams SET waiting = waiting - ? WHERE id = ?", (len(dropped), stream[0]))
    return len(dropped)


def _closest(before: int | None, positions: list[int]) -> list[int]:
    """Return those to drop so that at least a quarter goes. before: what stays in front of them, None for nothing.

    Positions count what happened: how far apart they are stands for the time between.
    """
    if len(positions) < 2:
        return []
    gap = min(later - earlier for earlier, later in pairwise(positions))
    apart, dropped = 2 * gap, list[int]()
    while len(dropped) < max(1, (len(positions) - 1) // 4):
        last, dropped = positions[0] - gap if before is None else before, []
        for position in positions[:-1]:
            if position - last < apart:
                dropped.append(position)
            else:
                last = position
        apart *= 2
    return dropped
