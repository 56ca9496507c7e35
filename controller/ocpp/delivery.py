"""The words of delivery: what an encoder gives and reads, how often to try, what to tell when it does not work out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Raw

from controller.logic.records import MeterSampled, OpenTransaction, TransactionEvent
from controller.logic.values import TokenInfo

Event = TransactionEvent | MeterSampled


class Send(Protocol):
    """The way out. Raises CallError, CallTimeout, ConnectionLost, NotOnline; PayloadError where nothing was sent."""

    def __call__(self, action: str, payload: Raw, sent: Callable[[], None]) -> Awaitable[Any]:
        """Return the answer. sent: called once the message is on its way, before the answer is waited for."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What an answer says. wire_id: the number a 1.6 CSMS gave the transaction. token_info: of the message's token."""

    wire_id: int | None = None
    token_info: TokenInfo | None = None


class Encoder(Protocol):
    """How one protocol version words an event."""

    def encode(
        self, event: Event, transaction: OpenTransaction | None, seq_no: int | None, offline: bool, at: datetime
    ) -> tuple[str, Mapping[str, Any]] | None:
        """Return (action, payload of JSON values), or None where this version has no message for the event.

        transaction: as it stands now, ended or not, with the wall time of its start mended; None with MeterSampled. In 1.6 its
        wire_id is the CSMS's number, -1 where it never gave one, None only for the start itself. at: the event's mended wall
        time, which is its samples' too; the wall times of what it kept are mended as well.
        """

    def accept(self, event: Event, reply: Any) -> Delivered:
        """Read the answer that acknowledges the event's message."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """attempts: sendings in all, at least 1 (MessageAttempts[TransactionEvent]; TransactionMessageAttempts).
    interval_s: MessageAttemptInterval[TransactionEvent]; TransactionMessageRetryInterval.
    """

    attempts: int
    interval_s: float

    def wait_s(self, transmissions: int) -> float:
        """Return how long to wait after so many sendings in vain (E13.FR.03; 1.6 §3.7.1).

        Where silence does not count (1.6) there is no last one: the wait stops growing where that would have been.
        """
        return self.interval_s * min(transmissions, max(1, self.attempts))


class Trouble(StrEnum):
    GAVE_UP = "gave up"  # attempts used up, or the message is not well formed
    UNDELIVERABLE = "undeliverable"  # its protocol or CSMS is no longer configured
    MAY_BE_DOUBLED = "may be doubled"  # a StartTransaction is repeated whose answer was lost: 1.6 has no key to tell


@dataclass(frozen=True, slots=True)
class Report:
    """Something about delivery that a person should know."""

    trouble: Trouble
    position: int
    transaction_id: str | None
    action: str
    why: str
