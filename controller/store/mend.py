"""Making rows that were salvaged one by one into a database that keeps the promises of `schema`.

Nothing is invented: a row of `streams` or `transactions` that is gone is made again from the events of the transaction, and where
those do not tell, the field stays unknown.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from controller.store.rows import Fate

_UNKNOWN = "whether the CSMS has it is not known: that lay in a damaged part of the database"

# A row in a stream that tells of another transaction, or a pair of rows that contradict each other, is no row of ours.
_CONTRADICTIONS = (
    "DELETE FROM transactions WHERE EXISTS "
    "(SELECT 1 FROM streams s WHERE s.id = transactions.stream AND s.transaction_id IS NOT transactions.id)",
    "DELETE FROM transactions WHERE number NOT IN (SELECT min(number) FROM transactions GROUP BY stream)",
    "DELETE FROM streams WHERE transaction_id IS NULL AND id > (SELECT min(id) FROM streams WHERE transaction_id IS NULL)",
    "CREATE TEMP TABLE owners AS SELECT id AS stream, transaction_id FROM streams "
    "UNION SELECT stream, id FROM transactions",
    "INSERT INTO owners SELECT stream, json_extract(body, '$.transaction_id') FROM events "
    "WHERE stream NOT IN (SELECT stream FROM owners) GROUP BY stream HAVING position = min(position)",
    "CREATE INDEX temp.owned ON owners (stream)",
    "DELETE FROM events WHERE position IN (SELECT e.position FROM events e JOIN owners o ON o.stream = e.stream "
    "WHERE json_extract(e.body, '$.transaction_id') IS NOT o.transaction_id)",
    "DELETE FROM owners WHERE transaction_id IS NOT NULL AND stream NOT IN "
    "(SELECT min(stream) FROM owners GROUP BY transaction_id)",
    "DELETE FROM events WHERE stream NOT IN (SELECT stream FROM owners)",
    "DELETE FROM outcomes WHERE stream NOT IN (SELECT stream FROM owners)",
    "DELETE FROM outcomes WHERE position IN (SELECT o.position FROM outcomes o JOIN events e ON e.position = o.position "
    "WHERE e.stream != o.stream OR o.fate IN ('dropped', 'lost'))",
)

# Every place of every stream, with what is known of it.
_PLACES = (
    "CREATE TEMP TABLE places AS SELECT e.stream, e.position, 1 AS is_there, m.position IS NOT NULL AS has_message, m.seq_no, o.fate "
    "FROM events e LEFT JOIN messages m ON m.position = e.position LEFT JOIN outcomes o ON o.position = e.position "
    "UNION ALL SELECT o.stream, o.position, 0, m.position IS NOT NULL, m.seq_no, o.fate "
    "FROM outcomes o LEFT JOIN messages m ON m.position = o.position "
    "WHERE o.position NOT IN (SELECT position FROM events)",
    "CREATE INDEX temp.placed ON places (stream, position)",
)

_MARKS = """UPDATE streams SET
    first_position = coalesce((SELECT min(position) FROM places p WHERE p.stream = streams.id), 0),
    last_position = coalesce((SELECT max(position) FROM places p WHERE p.stream = streams.id), 0),
    last_seq_no = max(last_seq_no, coalesce((SELECT max(seq_no) FROM places p WHERE p.stream = streams.id), -1)),
    frozen_through = max(frozen_through, coalesce(
        (SELECT max(position) FROM places p WHERE p.stream = streams.id AND has_message), 0)),
    settled_through = max(settled_through, coalesce((SELECT max(position) FROM places p
        WHERE p.stream = streams.id AND fate IN ('delivered', 'gave up', 'undeliverable', 'skipped')), 0))"""

_AFTER_MARKS = (
    "UPDATE streams SET settled_through = min(settled_through, last_position), "
    "frozen_through = max(min(frozen_through, last_position), first_position - 1, 0)",
    "UPDATE streams SET waiting = (SELECT count(*) FROM places p "
    "WHERE p.stream = streams.id AND is_there AND position > streams.settled_through)",
    "UPDATE streams SET closed = transaction_id IS NOT NULL AND ended AND waiting = 0",
    # What is settled does not wait, whatever an old row says; and what waits was not told of as settled.
    "DELETE FROM outcomes WHERE fate = 'waiting' AND position <= "
    "(SELECT settled_through FROM streams s WHERE s.id = outcomes.stream)",
)

_LINKS = (
    "DELETE FROM record_transactions WHERE record_id NOT IN (SELECT id FROM charging_records) "
    "OR transaction_id NOT IN (SELECT id FROM transactions)",
    "DELETE FROM session_transactions WHERE transaction_id NOT IN (SELECT id FROM transactions)",
)


def mend(connection: sqlite3.Connection, holed: set[str], source: str) -> None:
    """Within a transaction of the caller's. holed: tables of which not all could be read. source: the damaged file, for `losses`."""
    _Mending(connection, holed, source).carry_out()


class _Mending:
    def __init__(self, connection: sqlite3.Connection, holed: set[str], source: str) -> None:
        connection.row_factory = sqlite3.Row
        self._connection = connection
        self._execute = connection.execute
        self._holed = holed
        self._source = source

    def carry_out(self) -> None:
        floor = self._highest_position()
        for sql in _CONTRADICTIONS:
            self._execute(sql)
        self._make_streams()
        self._make_transactions()
        self._place_lost_events()
        self._agree_on_ends()
        for sql in _PLACES:
            self._execute(sql)
        self._set_marks()
        for sql in _LINKS:
            self._execute(sql)
        if "meta" in self._holed:
            for row in self._execute("SELECT id FROM transactions WHERE ended IS NULL").fetchall():
                self._lost(row["id"], "what the CSMS said of its token since it began may be lost")
        self._execute("INSERT OR REPLACE INTO meta VALUES ('position_floor', ?)", (str(floor),))

    def _highest_position(self) -> int:
        """Return the highest position that anything knows of: none at or below it is given again."""
        found = self._execute(
            "SELECT max(highest) FROM (SELECT max(position) AS highest FROM events UNION ALL SELECT max(position) FROM messages "
            "UNION ALL SELECT max(position) FROM outcomes "
            "UNION ALL SELECT max(max(last_position, frozen_through, settled_through)) FROM streams "
            "UNION ALL SELECT max(CAST(value AS INTEGER)) FROM meta WHERE key = 'position_floor')"
        ).fetchone()
        return int(found[0] or 0)

    # ── rows that are gone ──────────────────────────────────────────────────────────────────────────────────────────

    def _make_streams(self) -> None:
        """A stream whose row is gone is made again, with all of it settled: it may have arrived, and is not sent twice."""
        protocol, csms = self._newest_lane()
        gone = self._execute(
            "SELECT DISTINCT stream, transaction_id FROM owners WHERE stream NOT IN (SELECT id FROM streams)"
        ).fetchall()
        for stream, transaction_id in gone:
            begun = self._execute(
                "SELECT started, start_register_wh FROM transactions WHERE stream = ?", (stream,)
            ).fetchone()
            lane = (protocol, csms) if transaction_id is not None else ("", "")
            stamp = self._latest(stream, "stamp")
            self._execute(
                "INSERT INTO streams (id, transaction_id, protocol, csms, last_stamp, last_register_wh, charging_state) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(stream, transaction_id, *lane),
                    stamp if stamp is not None or begun is None else begun["started"],
                    begun["start_register_wh"] if begun is not None else None,
                    self._latest(stream, "charging_state"),
                ),
            )
            # The marks follow: what has such a fate is settled.
            self._execute(
                "INSERT INTO outcomes (position, stream, fate, why, at) SELECT position, stream, ?1, ?2, '' FROM events "
                "WHERE stream = ?3 ON CONFLICT (position) DO UPDATE SET fate = ?1, why = ?2 WHERE fate = 'waiting'",
                (Fate.UNDELIVERABLE, _UNKNOWN, stream),
            )
            if transaction_id is not None:
                self._lost(transaction_id, "how far its delivery had come; none of it is sent again")
        self._execute(
            "UPDATE streams SET last_register_wh = max(coalesce(last_register_wh, 0), register) FROM "
            "(SELECT stream, max(json_extract(body, '$.register_wh')) AS register FROM events GROUP BY stream) "
            "WHERE stream = streams.id AND register IS NOT NULL"
        )

    def _newest_lane(self) -> tuple[str, str]:
        """Return what was last delivered to; empty where that is gone as well: then it is pinned to nothing."""
        row = self._execute(
            "SELECT protocol, csms FROM streams WHERE protocol != '' ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return (row[0], row[1]) if row is not None else ("", "")

    def _make_transactions(self) -> None:
        """A transaction whose row is gone is what its events tell."""
        gone = self._execute(
            "SELECT id, transaction_id, last_stamp, ended FROM streams WHERE transaction_id IS NOT NULL "
            "AND id NOT IN (SELECT stream FROM transactions) ORDER BY id"
        ).fetchall()
        for row in gone:
            stream, transaction_id = row["id"], row["transaction_id"]
            started = self._earliest(stream, "stamp") or row["last_stamp"]
            if started is None:
                self._execute("DELETE FROM streams WHERE id = ?", (stream,))  # its name, and nothing else
                continue
            self._execute(
                "INSERT INTO transactions (id, stream, evse_id, connector_id, id_token, started, start_register_wh, remote_start_id, "
                "wire_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(transaction_id, stream, self._latest(stream, "evse_id"), self._latest(stream, "connector_id")),
                    *(self._earliest(stream, "id_token", "kind != 'Ended'"), started),
                    *(self._earliest(stream, "register_wh"), self._earliest(stream, "remote_start_id")),
                    self._wire_id(stream),
                ),
            )
            self._lost(transaction_id, "its row in transactions; made again from its events")

    def _earliest(self, stream: int, field: str, only: str = "1") -> Any:
        return self._field(stream, field, only, "ASC")

    def _latest(self, stream: int, field: str) -> Any:
        return self._field(stream, field, "1", "DESC")

    def _field(self, stream: int, field: str, only: str, direction: str) -> Any:
        row = self._execute(
            f"SELECT json_extract(body, '$.{field}') AS value FROM events WHERE stream = ? AND {only} AND value IS NOT NULL "
            f"ORDER BY position {direction} LIMIT 1",
            (stream,),
        ).fetchone()
        return row[0] if row is not None else None

    def _wire_id(self, stream: int) -> int | None:
        """Return the number that a 1.6 CSMS gave, from a message that told it."""
        row = self._execute(
            "SELECT json_extract(m.payload, '$.transactionId') AS number FROM messages m JOIN events e ON e.position = m.position "
            "WHERE e.stream = ? AND typeof(number) = 'integer' AND number != -1 LIMIT 1",
            (stream,),
        ).fetchone()
        return int(row[0]) if row is not None else None

    def _place_lost_events(self) -> None:
        """Where an event is gone but a message or an outcome of it is not, that marks its place."""
        orphans = self._execute(
            "SELECT m.position, m.payload FROM messages m WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.position = m.position) "
            "AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.position = m.position)"
        ).fetchall()
        for position, payload in orphans:
            stream = self._stream_told(json.loads(payload))
            if stream is None:
                self._execute("DELETE FROM messages WHERE position = ?", (position,))
            else:
                self._execute(
                    "INSERT INTO outcomes (position, stream, fate, at) VALUES (?, ?, 'lost', '')", (position, stream)
                )
        self._execute(
            "UPDATE outcomes SET fate = 'lost' WHERE fate != 'dropped' AND position NOT IN (SELECT position FROM events)"
        )
        self._execute("DELETE FROM messages WHERE position IN (SELECT position FROM outcomes WHERE fate = 'dropped')")

    def _stream_told(self, payload: Any) -> int | None:
        """Return the stream of the transaction that a message names."""
        info = payload.get("transactionInfo")
        named, number = info.get("transactionId") if isinstance(info, dict) else None, payload.get("transactionId")
        row = None
        if isinstance(named, str):
            row = self._execute("SELECT id FROM streams WHERE transaction_id = ?", (named,)).fetchone()
        elif isinstance(number, int):
            found = self._execute("SELECT stream FROM transactions WHERE wire_id = ?", (number,)).fetchall()
            row = found[0] if len(found) == 1 else None
        return int(row[0]) if row is not None else None

    # ── what must agree ─────────────────────────────────────────────────────────────────────────────────────────────

    def _agree_on_ends(self) -> None:
        """Whatever still tells of an end is believed."""
        self._execute(
            "UPDATE transactions SET ended = json_extract(e.body, '$.stamp'), stopped_reason = json_extract(e.body, '$.stopped_reason') "
            "FROM (SELECT stream, body FROM events WHERE kind = 'Ended') e WHERE e.stream = transactions.stream AND ended IS NULL"
        )
        self._execute(
            "UPDATE transactions SET ended = s.last_stamp FROM streams s "
            "WHERE s.id = transactions.stream AND s.ended AND transactions.ended IS NULL"
        )
        self._execute(
            "UPDATE streams SET ended = EXISTS "
            "(SELECT 1 FROM transactions t WHERE t.stream = streams.id AND t.ended IS NOT NULL)"
        )
        self._execute(
            "UPDATE streams SET last_stamp = (SELECT started FROM transactions t WHERE t.stream = streams.id) "
            "WHERE last_stamp IS NULL AND transaction_id IS NOT NULL"
        )

    def _set_marks(self) -> None:
        """Each stream's row says what its places say; what it knew beyond them is lost."""
        query = (
            "SELECT id, transaction_id, first_position, last_position, settled_through, waiting FROM streams "
            "WHERE transaction_id IS NOT NULL"
        )
        before = {row["id"]: row for row in self._execute(query)}
        self._execute(_MARKS)
        for sql in _AFTER_MARKS:
            self._execute(sql)
        for now in self._execute(query).fetchall():
            was = before[now["id"]]
            if now["waiting"] > was["waiting"]:
                self._settle_doubtful(now, was["waiting"])
            if now["last_position"] < was["last_position"]:
                self._lost(now["transaction_id"], f"its newest event, at {was['last_position']}")
            if was["first_position"] and now["first_position"] > was["first_position"]:
                self._lost(now["transaction_id"], f"its oldest event, at {was['first_position']}")
            if now["settled_through"] == was["settled_through"] and now["waiting"] < was["waiting"]:
                self._lost(now["transaction_id"], f"{was['waiting'] - now['waiting']} messages that waited")

    def _settle_doubtful(self, now: sqlite3.Row, waiting: int) -> None:
        """By one half of its row more waits than by the other: what may have arrived is not sent again."""
        last = self._execute(
            "SELECT position FROM places WHERE stream = ? AND is_there ORDER BY position DESC LIMIT 1 OFFSET ?",
            (now["id"], waiting),
        ).fetchone()[0]
        self._execute(
            "INSERT INTO outcomes (position, stream, fate, why, at) SELECT position, stream, ?1, ?2, '' FROM events "
            "WHERE stream = ?3 AND position > ?4 AND position <= ?5 "
            "ON CONFLICT (position) DO UPDATE SET fate = ?1, why = ?2 WHERE fate = 'waiting'",
            (Fate.UNDELIVERABLE, _UNKNOWN, now["id"], now["settled_through"], last),
        )
        self._execute(
            "UPDATE streams SET settled_through = ?, waiting = ?, closed = ended AND ? = 0 WHERE id = ?",
            (last, waiting, waiting, now["id"]),
        )
        self._lost(now["transaction_id"], "how far its delivery had come; what may have arrived is not sent again")

    def _lost(self, transaction_id: str, what: str) -> None:
        self._execute(
            "INSERT INTO losses (transaction_id, what, source) VALUES (?, ?, ?)", (transaction_id, what, self._source)
        )
