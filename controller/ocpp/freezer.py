"""What goes next, made ahead of its sending. The message of an event is made once; only what is committed is given out.

Rules
* A message is made (frozen), committed and only then given out. A crash before the commit leaves an event without a message: nobody
  has seen it, and the one that is made instead gets the same seqNo. A crash after it finds the message and sends it as it is.
* A commit costs a card more than a message costs the line. So while the CSMS works at one message, the next ones are made, and one commit
  covers all that were made while those of the commit before went out: twice as many each time, up to _MOST. What was noted of
  earlier messages in between (their acknowledgement) is in it, too.
* Only of a backlog anything is made ahead. What happened online must still learn of a drop before it is sent (E11.FR.07), and what follows
  a start in 1.6 waits for its answer, which may give the id to use.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import groupby

import msgspec

from controller.logic.records import MeterSampled, OpenTransaction, TransactionEvent
from controller.ocpp.delivery import Encoder
from controller.store.rows import Frozen, QueuedRecord
from controller.store.store import Store

OCPP16 = "ocpp1.6"
_UNKNOWN_TRANSACTION = -1
_FIRST, _STEP, _MOST = 16, 4, 128  # messages: to begin with, each time one goes out, and made without a commit


class Freezer:
    """A list of messages in the order in which they go. Every change of what it was begun with wants a new one: `begin`.

    frozen: gets the position of each event whose message is made here, for the first time ever.
    """

    def __init__(self, store: Store, encoders: Mapping[str, Encoder], frozen: Callable[[int], None]) -> None:
        self._store = store
        self._encoders = encoders
        self._frozen = frozen
        self._ready: deque[QueuedRecord] = deque()  # committed
        self._made: list[QueuedRecord] = []  # not committed yet
        self._lane = ("", "")
        self._blocked: Collection[int] = ()
        self._offline_through = 0
        self._last = 0  # position of the newest in the list
        self._goes_on = False

    def begin(self, lane: tuple[str, str], blocked: Collection[int], offline_through: int) -> bool:
        """Begin the list anew with the oldest that waits; return whether there is any. Nothing may be under way or unsettled.

        blocked: streams left out. offline_through: the newest position that waited while there was no link.
        """
        self.forget()
        self._lane, self._blocked, self._offline_through = lane, blocked, offline_through
        self._last, self._goes_on = 0, True
        self._make(_FIRST)
        self._commit()
        return bool(self._ready)

    def go_on(self) -> None:
        """Make some more behind what is there. Raises StorageFull."""
        if self._goes_on and len(self._made) < _MOST:
            self._make(_STEP)
        if self.is_used_up:
            self._commit()

    @property
    def is_used_up(self) -> bool:
        """Whether nothing committed is left: `go_on` commits what was made."""
        return not self._ready

    def next(self) -> QueuedRecord | None:
        """Take the next off the list. Its `frozen` is None where this version has no message for it."""
        return self._ready.popleft() if self._ready else None

    def forget(self) -> None:
        """Drop the list. What was made is found by the next one, committed there at the latest."""
        self._ready.clear()
        self._made.clear()
        self._goes_on = False

    def _is_offline(self, record: QueuedRecord) -> bool:
        """Whether it happened offline or was still queued when the link dropped (E04.FR.03, E11.FR.07)."""
        return record.position <= self._offline_through or not record.event.online

    def _commit(self) -> None:
        if any(record.frozen is not None for record in self._made):
            self._store.flush()
        self._ready.extend(self._made)
        self._made.clear()

    def _make(self, count: int) -> None:
        for _, records in groupby(self._choose(count), key=lambda record: record.stream):
            self._made += self._with_messages(list(records))

    def _choose(self, count: int) -> list[QueuedRecord]:
        """Return those of the next that may be made now."""
        waiting = self._store.waiting(count, lane=self._lane, except_streams=self._blocked, after=self._last)
        self._goes_on = len(waiting) == count
        for number, record in enumerate(waiting):
            is_alone = record.frozen is None and not self._is_offline(record)
            if is_alone and self._last:
                self._goes_on = False
                return waiting[:number]
            self._last = record.position
            if is_alone or (record.is_start and self._lane[0] == OCPP16):
                self._goes_on = False
                return waiting[: number + 1]
        return waiting

    def _with_messages(self, records: list[QueuedRecord]) -> list[QueuedRecord]:
        """Make the messages of events of one stream as of now, and keep them for good; durable with the next commit."""
        transaction = self._transaction(records[0])
        made: list[QueuedRecord] = []
        for number, record in enumerate(records):
            if record.frozen is None and (message := self._message(record, transaction, len(made))) is not None:
                records[number] = replace(record, frozen=message)
                made.append(records[number])
        if made:
            self._store.freeze_all(made)
        for record in made:
            self._frozen(record.position)
        return records

    def _message(self, record: QueuedRecord, transaction: OpenTransaction | None, behind: int) -> Frozen | None:
        """Return an event's message; None where this version has none for it. behind: how many go before it that the store does not know of yet."""
        protocol = self._lane[0]
        event, seq_no = record.event, None
        if record.transaction_id is not None:
            seq_no = self._store.next_seq_no(record.transaction_id, record.position) + behind
            event = self._with_mended_times(event)
        at = self._store.wall_of(event.stamp)
        encoded = self._encoders[protocol].encode(event, transaction, seq_no, self._is_offline(record), at)
        if encoded is None:
            return None
        action, payload = encoded
        return Frozen(protocol, action, msgspec.json.encode(payload).decode(), seq_no)

    def _with_mended_times(self, event: TransactionEvent | MeterSampled) -> TransactionEvent | MeterSampled:
        if not isinstance(event, TransactionEvent) or not event.kept:
            return event
        wall_of = self._store.wall_of
        kept = (replace(each, stamp=replace(each.stamp, wall=wall_of(each.stamp))) for each in event.kept)
        return replace(event, kept=tuple(kept))

    def _transaction(self, record: QueuedRecord) -> OpenTransaction | None:
        """Return the transaction of an event as the encoder wants it."""
        transaction = self._store.transaction(record.transaction_id) if record.transaction_id is not None else None
        if transaction is None:
            return None
        started_at = self._store.wall_of(transaction.started)  # as its own message told it
        if started_at != transaction.started.wall:
            transaction = replace(transaction, started=replace(transaction.started, wall=started_at))
        if transaction.wire_id is None and not record.is_start and self._lane[0] == OCPP16:
            # The start was given up, or its answer gave no id: what follows is still sent, with transactionId -1
            # (OCPP 1.6 errata v4.0 §3.18, to the end of §4.8).
            return replace(transaction, wire_id=_UNKNOWN_TRANSACTION)
        return transaction
