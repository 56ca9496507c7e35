"""What the store hands out that is not a record of `controller/logic`: boots, queued and archived messages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controller.logic.records import ChargingRecord, EventKind, MeterSampled, OpenTransaction, TransactionEvent
from controller.logic.values import Stamp


@dataclass(frozen=True, slots=True)
class Boot:
    """One start of the station. learned: the first trusted stamp of the same boot of the machine, None until there is one."""

    number: int
    boot_id: str
    reason: str
    started: Stamp
    learned: Stamp | None


@dataclass(frozen=True, slots=True)
class Frozen:
    """A message as it was made at its first sending; every retry is this, under a new message id.

    payload: JSON text. seq_no: None where the message has none (meter values outside a transaction).
    """

    protocol: str
    action: str
    payload: str
    seq_no: int | None


@dataclass(frozen=True, slots=True)
class QueuedRecord:
    """An event that waits for delivery.

    position: chronological, never reused. stream: what it must stay in order with. protocol, csms: what it is pinned to;
    empty for meter values outside a transaction until they are frozen. attempts: counted failures so far; unanswered:
    sendings without an answer that do not count (link lost).
    """

    position: int
    stream: int
    transaction_id: str | None
    protocol: str
    csms: str
    event: TransactionEvent | MeterSampled
    frozen: Frozen | None
    attempts: int
    unanswered: int

    @property
    def is_start(self) -> bool:
        return isinstance(self.event, TransactionEvent) and self.event.kind is EventKind.STARTED

    @property
    def is_update(self) -> bool:
        """Neither begin nor end."""
        return not isinstance(self.event, TransactionEvent) or self.event.kind is EventKind.UPDATED


class Fate(StrEnum):
    """What became of an event on the wire. The event itself stays, whatever it says here."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GAVE_UP = "gave up"  # the CSMS refused it as often as the retry rule allows (E13.FR.04)
    UNDELIVERABLE = "undeliverable"  # its protocol or CSMS is no longer configured
    SKIPPED = "skipped"  # its protocol has no message for it
    DROPPED = "dropped"  # thinned out before it was encoded (E12.FR.04); only its place is known
    LOST = "lost"  # it lay in a damaged part of the file: only its place is known, and the message where there was one


@dataclass(frozen=True, slots=True)
class ArchivedMessage:
    """One event with what was made of it. event: None where it was dropped or lost. why: of a failure, else empty."""

    position: int
    event: TransactionEvent | MeterSampled | None
    frozen: Frozen | None
    fate: Fate
    attempts: int
    unanswered: int
    why: str


@dataclass(frozen=True, slots=True)
class ArchivedTransaction:
    """Everything known of one transaction. ended: None while it is open. stopped_reason: by its OCPP 2.0.1 name."""

    transaction: OpenTransaction
    csms: str
    ended: Stamp | None
    stopped_reason: str | None
    sessions: tuple[str, ...]
    records: tuple[ChargingRecord, ...]
    messages: tuple[ArchivedMessage, ...]
