"""Transactions as a CSMS knows them: only from what the station sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from hil.csms.log import Kind

Report = Callable[[Kind, str], None]
Duplicated = Callable[[str, str], None]

_REGISTER = "Energy.Active.Import.Register"


@dataclass(frozen=True, slots=True)
class Reading:
    """One energy register value. at: as the station dated it."""

    at: datetime
    wh: Decimal


@dataclass(slots=True)
class Transaction:
    """id: of the CSMS's counter in 1.6, the station's own in 2.0.1. evse: connector in 1.6. readings: in order of arrival.

    stopped_at None: still open. by_seq_no, gaps: 2.0.1 only, events by their number and the numbers that never came.
    messages: payloads in order of arrival, duplicates left out. seen: their texts, to recognise duplicates by (1.6).
    on_evse_since: when the EVSE was first named (2.0.1).
    """

    id: str
    station: str
    evse: int | None
    id_token: str | None
    started_at: datetime
    readings: list[Reading] = field(default_factory=list)
    stopped_at: datetime | None = None
    reason: str | None = None
    charging_state: str | None = None
    remote_start_id: int | None = None
    by_seq_no: dict[int, dict[str, Any]] = field(default_factory=dict)
    newest_seq_no: int = -1
    gaps: list[int] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    last_at: datetime | None = None
    on_evse_since: datetime | None = None

    @property
    def times_on_evse(self) -> tuple[datetime, datetime] | None:
        """From when to when it was on its EVSE; None while that is not known."""
        if self.on_evse_since is None or self.stopped_at is None:
            return None
        return (self.on_evse_since, self.stopped_at)

    @property
    def is_open(self) -> bool:
        return self.stopped_at is None

    @property
    def seq_nos(self) -> list[int]:
        """2.0.1 sequence numbers in order of arrival."""
        return list(self.by_seq_no)

    @property
    def energy_wh(self) -> int:
        """What would be billed now: last register minus first, Wh; 0 before there are two."""
        if not self.readings:
            return 0
        return int(self.readings[-1].wh - self.readings[0].wh)

    def read(self, reading: Reading, report: Report) -> None:
        """Take a register value; it must not run backwards."""
        if self.readings and reading.wh < self.readings[-1].wh:
            report(Kind.METER, f"transaction {self.id}: {reading.wh} Wh after {self.readings[-1].wh} Wh")
        self.readings.append(reading)

    def advance(self, at: datetime, report: Report) -> None:
        """Note the time of a message of this transaction; it must not go backwards."""
        if self.last_at is not None and at < self.last_at:
            report(Kind.TIME, f"transaction {self.id}: {at.isoformat()} after {self.last_at.isoformat()}")
        self.last_at = at


def moment(text: str) -> datetime:
    """Parse a date-time that passed its schema."""
    return datetime.fromisoformat(text)


def registers(meter_values: list[dict[str, Any]]) -> Iterator[Reading]:
    """Yield the overall energy register values of meterValue elements, of either version, in Wh."""
    for meter_value in meter_values:
        for sample in meter_value["sampledValue"]:
            if sample.get("measurand", _REGISTER) == _REGISTER and "phase" not in sample:
                wh = _watt_hours(sample)
                if wh is not None:
                    yield Reading(moment(meter_value["timestamp"]), wh)


def _watt_hours(sample: dict[str, Any]) -> Decimal | None:
    unit_of_measure = sample.get("unitOfMeasure", {})
    unit = unit_of_measure.get("unit", sample.get("unit", "Wh"))
    try:
        value = Decimal(sample["value"]).scaleb(unit_of_measure.get("multiplier", 0))
    except InvalidOperation:
        return None  # signed data, not a plain number
    return value * 1000 if unit == "kWh" else value


class Book:
    """All transactions of all stations, in the order they were first heard of. first_id: of the 1.6 counter."""

    def __init__(self, first_id: int = 1) -> None:
        self._next_id = first_id
        self._by_key: dict[tuple[str, str], Transaction] = {}

    def __iter__(self) -> Iterator[Transaction]:
        return iter(self._by_key.values())

    def next_id(self) -> int:
        """Draw a 1.6 transaction id."""
        self._next_id += 1
        return self._next_id - 1

    def add(self, transaction: Transaction) -> None:
        self._by_key[(transaction.station, transaction.id)] = transaction

    def remove(self, transaction: Transaction) -> None:
        del self._by_key[(transaction.station, transaction.id)]

    def find(self, station: str, transaction_id: str) -> Transaction | None:
        return self._by_key.get((station, transaction_id))

    def open_on(self, station: str, evse: int | None = None) -> Transaction | None:
        """Return the newest open transaction of a station, or of one of its EVSEs."""
        candidates = (t for t in reversed(self._by_key.values()) if t.station == station and t.is_open)
        return next((t for t in candidates if evse is None or t.evse == evse), None)
