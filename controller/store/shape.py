"""What a row of each table must look like to be one of ours: the types of its columns, and what its JSON tells."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from controller.logic.profiles import ChargingProfile
from controller.logic.records import ChargingRecord, Kept
from controller.logic.values import IdToken, Stamp, TokenInfo
from controller.logic.wear import Wear
from controller.store.codec import decode, decode_event
from controller.store.rows import Fate
from controller.store.schema import MIGRATIONS

# (table, column) -> what its text must be.
BODIES: Mapping[tuple[str, str], Any] = {
    ("boots", "started"): Stamp,
    ("clocks", "learned"): Stamp,
    ("sessions", "opened"): Stamp,
    ("sessions", "closed"): Stamp,
    ("charging_records", "body"): ChargingRecord,
    ("streams", "last_stamp"): Stamp,
    ("transactions", "id_token"): IdToken,
    ("transactions", "started"): Stamp,
    ("transactions", "ended"): Stamp,
    ("messages", "payload"): dict[str, Any],
    ("profiles", "body"): ChargingProfile,
    ("authorization_cache", "body"): TokenInfo,
    ("kept_values", "body"): Kept,
    ("faults", "raised"): Stamp,
    ("faults", "cleared"): Stamp,
    ("wear", "body"): Wear,
    ("security_events", "stamp"): Stamp,
}
_TYPES: Mapping[str, type | tuple[type, ...]] = {"INTEGER": int, "TEXT": str, "REAL": (float, int)}
_HIGHEST = 1 << 53  # of any number of ours; far beyond it is garbage


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: str
    may_be_null: bool


@dataclass(frozen=True, slots=True)
class Table:
    """has_rowid: whether `rowid` tells its rows apart; else its primary key alone does."""

    name: str
    columns: tuple[Column, ...]
    has_rowid: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def problem(self, row: Mapping[str, Any]) -> str:
        """Return why this cannot be one of its rows; empty where it can."""
        for column in self.columns:
            value = row[column.name]
            if value is None:
                if not column.may_be_null:
                    return f"{column.name} is missing"
            elif not isinstance(value, _TYPES[column.kind]):
                return f"{column.name} is no {column.kind}"
            elif isinstance(value, int) and abs(value) > _HIGHEST:
                return f"{column.name} is out of range"
            elif isinstance(value, str) and "\0" in value:
                return f"{column.name} holds NUL"
            elif column.name == "at" and not (isinstance(value, str) and _is_time(value)):
                return "at is no time"
            elif (self.name, column.name) in BODIES:
                told = undecodable(value, BODIES[self.name, column.name])
                if told:
                    return f"{column.name} {told}"
        if self.name in ("outcomes", "security_events") and row["fate"] not in list(Fate):
            return f"fate {row['fate']!r} is none there is"
        return _event_problem(row) if self.name == "events" else ""


def _is_time(text: str) -> bool:
    try:
        return not text or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def undecodable(text: Any, kind: Any) -> str:
    """Return why a text is no such JSON; empty where it is."""
    try:
        decode(text, kind)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        return f"cannot be read: {error}"
    return ""


def _event_problem(row: Mapping[str, Any]) -> str:
    try:
        event = decode_event(row["kind"], row["body"])
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        return f"body cannot be read: {error}"
    kind = getattr(event, "kind", None)
    return (
        f"kind {row['kind']!r}, but it tells of {kind.value!r}"
        if kind is not None and kind.value != row["kind"]
        else ""
    )


def tables_of(connection: sqlite3.Connection) -> tuple[Table, ...]:
    """Return the tables of a database whose schema is sound, in the order in which they were made."""
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall()
    return tuple(
        Table(
            name,
            tuple(
                Column(row[1], row[2], not row[3] and not row[5])
                for row in connection.execute(f"PRAGMA table_info({name})")
            ),
            "WITHOUT ROWID" not in sql,
        )
        for name, sql in found
    )


def fresh(version: int = len(MIGRATIONS)) -> sqlite3.Connection:
    """Return an empty database in memory with the schema of a version."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statements in MIGRATIONS[:version]:
        for statement in statements:
            connection.execute(statement)
    return connection
