"""Delivery's side of the store: what waits, what was frozen, what became of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from controller.store.codec import decode_event, is_update
from controller.store.database import Database
from controller.store.exc import UnknownRecord
from controller.store.rows import Fate, Frozen, QueuedRecord

_WAITING = """SELECT e.position, e.stream, e.kind, e.body, s.transaction_id, s.protocol, s.csms,
    m.protocol AS frozen_protocol, m.action, m.payload, m.seq_no,
    coalesce(o.attempts, 0) AS attempts, coalesce(o.unanswered, 0) AS unanswered
    FROM events e JOIN streams s ON s.id = e.stream
    LEFT JOIN messages m ON m.position = e.position LEFT JOIN outcomes o ON o.position = e.position
    WHERE e.position > s.settled_through AND s.waiting > 0"""

# Whether a stream may go to this protocol and CSMS: pinned to them, or pinned to nothing yet.
_PINNED = "(s.protocol = ? AND s.csms = ?)"
_LANE = f"({_PINNED} OR s.protocol = '')"


class Queue:
    """Within a stream events are settled in order, first to last. Every method is one durable commit unless it says lazy."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def waiting(
        self,
        limit: int,
        *,
        lane: tuple[str, str] | None = None,
        except_streams: Collection[int] = (),
        pinned_only: bool = False,
        after: int = 0,
    ) -> list[QueuedRecord]:
        """Return the oldest events that wait, in chronological order.

        lane: (protocol, csms), only what may go there; pinned_only: without what is pinned to nothing.
        except_streams: leave these out (they wait for a retry). after: only what is behind this position.
        """
        chosen = "s.closed = 0"
        parameters: list[object] = []
        if lane is not None:
            chosen += f" AND {_PINNED if pinned_only else _LANE}"
            parameters += lane
        if except_streams:
            chosen += f" AND s.id NOT IN ({','.join('?' * len(except_streams))})"
            parameters += except_streams
        if not after:
            # Everything at or below the lowest mark of the chosen streams is settled: never walk the archive.
            low = self._db.row(
                f"SELECT min(settled_through) FROM streams s WHERE s.waiting > 0 AND {chosen}", parameters
            )
            if low is None or low[0] is None:
                return []
            after = low[0]
        rows = self._db.rows(
            f"{_WAITING} AND {chosen} AND e.position > ? ORDER BY e.position LIMIT ?", (*parameters, after, limit)
        )
        return [_as_record(row) for row in rows]

    def next_seq_no(self, transaction_id: str, position: int | None = None) -> int:
        """Return the seqNo for the transaction's next event to be frozen.

        Counted from 0 over what was frozen, plus what was dropped in between: the gap is where the loss was (E01.FR.07).
        position: of that event; by default the oldest that is neither frozen nor settled.
        """
        row = self._db.row(
            "SELECT s.last_seq_no + 1 + (SELECT count(*) FROM outcomes o WHERE o.stream = s.id AND o.fate = 'dropped' "
            "AND o.position > s.frozen_through AND o.position < coalesce(?2, (SELECT min(e.position) FROM events e "
            "WHERE e.stream = s.id AND e.position > max(s.frozen_through, s.settled_through)), s.last_position + 1)) "
            "FROM streams s WHERE s.transaction_id = ?1",
            (transaction_id, position),
        )
        if row is None:
            raise UnknownRecord(f"no transaction {transaction_id} in the store")
        return int(row[0])

    def freeze(self, position: int, frozen: Frozen, *, more_follow: bool = False) -> None:
        """Fix the message of an event for all its sendings; nothing may be sent before this has returned.

        more_follow: lazy, because the caller freezes more and sends nothing until the last of them is durable.
        """
        with self._db.change(lazy=more_follow) as connection:
            _fix(connection, [(position, self._stream_at(connection, position)["id"], frozen)])

    def freeze_all(self, records: Sequence[QueuedRecord]) -> None:
        """As `freeze`, lazily, for several that wait, each with the message it is to have."""
        with self._db.change(lazy=True) as connection:
            _fix(connection, [(each.position, each.stream, each.frozen) for each in records if each.frozen is not None])

    def attempted(self, position: int, why: str = "", *, counts: bool = True) -> None:
        """Note a sending that failed; counts False: nobody answered for a reason that is not held against the message."""
        failed, unanswered = (1, 0) if counts else (0, 1)
        with self._db.change() as connection:
            stream = self._stream_at(connection, position)
            connection.execute(
                "INSERT INTO outcomes (position, stream, fate, attempts, unanswered, why, at) "
                "VALUES (?1, ?2, 'waiting', ?3, ?4, ?5, ?6) ON CONFLICT (position) DO UPDATE SET "
                "attempts = attempts + ?3, unanswered = unanswered + ?4, why = ?5, at = ?6",
                (position, stream["id"], failed, unanswered, why, self._db.wall_text()),
            )

    def delivered(self, *positions: int, wire_id: int | None = None, more_follow: bool = False) -> None:
        """Note the CSMS's acknowledgement of the next messages of a stream. wire_id: the number a 1.6 CSMS gave the transaction.

        Lazy for mere updates: a power cut before the next commit only means that they are sent once more. more_follow: lazy for
        all, because the caller commits before it sends what depends on it, and before it rests.
        """
        found = self._db.rows(
            "SELECT e.position, e.kind, e.stream FROM streams s JOIN events e ON e.stream = s.id "
            "WHERE s.id = (SELECT stream FROM events WHERE position = ?1) "
            "AND e.position > s.settled_through AND e.position <= ?1 ORDER BY e.position",
            (positions[-1],),
        )
        _check_turn(positions, [row["position"] for row in found])
        is_lazy = more_follow or (wire_id is None and all(is_update(row["kind"]) for row in found))
        with self._db.change(lazy=is_lazy) as connection:
            connection.execute(
                "UPDATE outcomes SET fate = ?, at = ? WHERE stream = ? AND fate = 'waiting' AND position BETWEEN ? AND ?",
                (Fate.DELIVERED, self._db.wall_text(), found[0]["stream"], positions[0], positions[-1]),
            )
            _advance(connection, found[0]["stream"], positions)
            if wire_id is not None:
                connection.execute(
                    "UPDATE transactions SET wire_id = ? WHERE stream = ?", (wire_id, found[0]["stream"])
                )

    def gave_up(self, position: int, why: str) -> None:
        """Take a message off the wire queue for good (E13.FR.04); it stays in the archive with the reason."""
        with self._db.change() as connection:
            self._settle(connection, position, Fate.GAVE_UP, why)

    def undeliverable(self, position: int, why: str) -> None:
        """As `gave_up`, for a message whose protocol or CSMS is no longer configured."""
        with self._db.change() as connection:
            self._settle(connection, position, Fate.UNDELIVERABLE, why)

    def skip(self, position: int) -> None:
        """Settle an event for which its protocol has no message (lazy: the encoder would say the same again).

        Harmless where it was thinned out since it was looked at.
        """
        with self._db.change(lazy=True) as connection:
            if connection.execute("SELECT 1 FROM events WHERE position = ?", (position,)).fetchone() is not None:
                self._settle(connection, position, Fate.SKIPPED, "")

    def queued_count(self, transaction_id: str | None = None) -> int:
        """Return how many events wait, of one transaction or (None) of the whole station (E14)."""
        if transaction_id is None:
            return self._db.number("SELECT sum(waiting) FROM streams WHERE closed = 0")
        return self._db.number("SELECT waiting FROM streams WHERE transaction_id = ?", (transaction_id,))

    def lanes(self) -> list[tuple[str, str]]:
        """Return the (protocol, csms) pairs that something pinned still waits for."""
        rows = self._db.rows(
            "SELECT DISTINCT protocol, csms FROM streams WHERE closed = 0 AND waiting > 0 AND protocol != ''"
        )
        return [(row["protocol"], row["csms"]) for row in rows]

    def last_position(self) -> int:
        """Return the highest position given so far; 0 before the first."""
        return self._db.number("SELECT max(position) FROM events")

    def _settle(self, connection: sqlite3.Connection, position: int, fate: Fate, why: str) -> None:
        """Note that the next event of a stream was not delivered."""
        stream = self._stream_at(connection, position)
        first = connection.execute(
            "SELECT position FROM events WHERE stream = ? AND position > ? ORDER BY position LIMIT 1",
            (stream["id"], stream["settled_through"]),
        ).fetchone()
        _check_turn([position], [first[0]])
        connection.execute(
            "INSERT INTO outcomes (position, stream, fate, why, at) VALUES (?1, ?2, ?3, ?4, ?5) "
            "ON CONFLICT (position) DO UPDATE SET fate = ?3, why = ?4, at = ?5",
            (position, stream["id"], fate, why, self._db.wall_text()),
        )
        _advance(connection, stream["id"], [position])

    def _stream_at(self, connection: sqlite3.Connection, position: int) -> sqlite3.Row:
        found: sqlite3.Row | None = connection.execute(
            "SELECT s.id, s.settled_through FROM events e JOIN streams s ON s.id = e.stream "
            "WHERE e.position = ? AND e.position > s.settled_through",
            (position,),
        ).fetchone()
        if found is None:
            raise UnknownRecord(f"nothing waits at position {position}")
        return found


def _fix(connection: sqlite3.Connection, messages: Sequence[tuple[int, int, Frozen]]) -> None:
    """Add messages, as (position, stream, message), in the order of their positions."""
    connection.executemany(
        "INSERT INTO messages (position, protocol, action, payload, seq_no) VALUES (?, ?, ?, ?, ?)",
        [(position, each.protocol, each.action, each.payload, each.seq_no) for position, _, each in messages],
    )
    newest = {stream: (position, each.seq_no) for position, stream, each in messages}
    connection.executemany(
        "UPDATE streams SET frozen_through = max(frozen_through, ?), last_seq_no = coalesce(?, last_seq_no) WHERE id = ?",
        [(position, seq_no, stream) for stream, (position, seq_no) in newest.items()],
    )


def _advance(connection: sqlite3.Connection, stream: int, positions: Sequence[int]) -> None:
    """Move a stream's mark over events that were the next to be settled."""
    connection.execute(
        "UPDATE streams SET settled_through = ?1, waiting = waiting - ?2, closed = ended AND waiting = ?2 WHERE id = ?3",
        (positions[-1], len(positions), stream),
    )


def _check_turn(positions: Sequence[int], waiting: Sequence[int]) -> None:
    """Raises UnknownRecord unless these are the next of their stream."""
    if not waiting:
        raise UnknownRecord(f"nothing waits at position {positions[-1]}")
    if list(positions) != list(waiting):
        raise UnknownRecord(f"position {positions[0]} is not the next of its stream: {waiting[0]} waits before it")


def as_frozen(row: sqlite3.Row) -> Frozen | None:
    if row["action"] is None:
        return None
    return Frozen(row["frozen_protocol"], row["action"], row["payload"], row["seq_no"])


def _as_record(row: sqlite3.Row) -> QueuedRecord:
    return QueuedRecord(
        position=row["position"],
        stream=row["stream"],
        transaction_id=row["transaction_id"],
        protocol=row["protocol"],
        csms=row["csms"],
        event=decode_event(row["kind"], row["body"]),
        frozen=as_frozen(row),
        attempts=row["attempts"],
        unanswered=row["unanswered"],
    )
