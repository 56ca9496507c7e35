"""What the answers to a station's messages are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from hil.csms.behaviour import Behaviour
from hil.csms.log import Kind
from hil.csms.tokens import Tokens
from hil.csms.transactions import Book


@dataclass(slots=True)
class Facts:
    """What the CSMS knows of one station beyond its transactions.

    boot: the last BootNotification. statuses: (evse, connector) to status; 1.6 has evse = connector, and (0, 0) for the
    station itself. reports: NotifyReport parts by requestId. newest_at: newest time of a transaction message (1.6). seen:
    texts of meter values outside transactions (1.6).
    failed_starts: 1.6 StartTransactions that were not answered properly, on purpose.
    """

    boot: dict[str, Any] = field(default_factory=dict)
    statuses: dict[tuple[int, int], str] = field(default_factory=dict)
    meter_values: list[dict[str, Any]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    reports: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    newest_at: datetime | None = None
    failed_starts: int = 0
    last_heard_at: datetime | None = None


@dataclass(slots=True)
class Context:
    """One station's message being answered. report, duplicated: to the log."""

    station: str
    now: datetime
    facts: Facts
    book: Book
    tokens: Tokens
    behaviour: Behaviour
    report: Callable[[Kind, str], None]
    duplicated: Callable[[str, str], None]


class Answers(Protocol):
    """The version's part of a CSMS."""

    STATION_ACTIONS: frozenset[str]

    def answer(self, action: str, payload: dict[str, Any], context: Context) -> dict[str, Any]:
        """Take in a schema-valid request and return the response. The action is one of STATION_ACTIONS."""
