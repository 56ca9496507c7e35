"""Delivery of what happened: in order, at least once, every repetition the same, nothing lost.

Rules
* The message of an event is made at its first sending, committed (frozen) and only then sent; a retry is the same payload
  under a new message id, after a failure, a lost link or a restart alike.
* OCPP 1.6 has one chronological queue for the station: what waits for its retry holds up everything behind it (§3.7).
  OCPP 2.x is in order per transaction: one that is stuck does not hold up the others.
* A CALLERROR counts as a failure, and so does silence in 2.x (E13). A lost link never does. After a failure the message waits
  interval x number of its failures; the silence before it was noticed comes on top (TC_E_41_CS). When the attempts are
  used up, the wire goes on with the next one (E13.FR.04) and the message stays in the archive and is reported.
* A transaction stays with the protocol and CSMS it began with (its lane), and is never re-encoded for another. While the link
  speaks something else its messages wait and hold up nobody. Once its lane is not configured any more, its remaining
  messages are archived as undeliverable and reported. Meter values outside transactions are pinned when they are frozen.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from controller.clock import Clock
from controller.logic.records import MeterSampled, OpenTransaction, TransactionEvent
from controller.logic.values import IdToken, TokenInfo
from controller.ocpp.delivery import Encoder, Report, RetryPolicy, Send, Trouble
from controller.ocpp.exc import CallError, CallTimeout, ConnectionLost, PayloadError
from controller.ocpp.ports import NotOnline
from controller.store.exc import StorageFull
from controller.store.rows import Frozen, QueuedRecord
from controller.store.store import Store

_log = logging.getLogger(__name__)

_OCPP16 = "ocpp1.6"
_UNKNOWN_TRANSACTION = -1
_BATCH = 32  # messages of a backlog frozen with one commit
_NO_ROOM_WAIT_S = 60.0


class Outbox:
    """Delivers what the store has queued while the link is up.

    send: raises CallError, CallTimeout, ConnectionLost or NotOnline. policy: asked by protocol before each retry.
    lanes: every (protocol, csms) the station is configured for. on_token: (token, what the CSMS said of it in an answer,
    transaction id). on_report: see Report.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        encoders: Mapping[str, Encoder],
        send: Send,
        policy: Callable[[str], RetryPolicy],
        *,
        lanes: Collection[tuple[str, str]],
        on_token: Callable[[IdToken, TokenInfo, str | None], None] = lambda token, info, transaction_id: None,
        on_report: Callable[[Report], None] = lambda report: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._encoders = encoders
        self._send = send
        self._policy = policy
        self._lanes = frozenset(lanes)
        self._on_token = on_token
        self._on_report = on_report
        self._lane: tuple[str, str] | None = None
        self._links = 0  # how often the link came up: tells an answer of an earlier one
        self._changed = asyncio.Event()
        # What is queued at start waited through a time without a link, and so did what is queued whenever it drops.
        self._offline_through = store.last_position()
        self._retry_at: dict[int, float] = {}  # stream -> monotonic
        self._no_room_until = 0.0
        self._silences: dict[int, int] = {}  # position -> sendings in vain that do not count
        self._surely_unknown: set[int] = set()  # positions the CSMS cannot have taken in: never sent, or refused
        self._ready: deque[QueuedRecord] = deque()  # frozen, to be sent next

    def link_up(self, protocol: str, csms: str) -> None:
        """The registration is accepted on a live connection: deliver. The clock has been set by then.

        csms: names it as `Store.begin_transaction` was told.
        """
        if self._lane != (protocol, csms):
            self._retry_at.clear()
        self._lane = (protocol, csms)
        self._links += 1
        self._changed.set()

    def link_down(self) -> None:
        """The connection is gone. What waits now is offline from here on (E11.FR.07), unless it is frozen already."""
        if self._lane is not None:
            self._lane = None
            self._offline_through = self._store.last_position()
            self._ready.clear()
        self._changed.set()

    def records_added(self) -> None:
        """There is something new in the store."""
        self._changed.set()

    async def run(self) -> None:
        """Deliver until cancelled. A cut at any await loses nothing."""
        try:
            self._hand_over()
        except StorageFull as error:  # it holds up nobody; the next start does it
            _log.error("what cannot be delivered any more is not archived yet: %s", error)
        while True:
            self._changed.clear()
            try:
                while await self._deliver_next():
                    pass
            except StorageFull as error:
                # What could not be noted is as if it had not happened: it is sent again, unchanged, when there is room.
                _log.error("delivery pauses: %s", error)
                self._no_room_until = self._clock.monotonic() + _NO_ROOM_WAIT_S
                self._ready.clear()
            await self._wait()

    # ── choosing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _deliver_next(self) -> bool:
        """Send one message if one may go now; return whether to look for another."""
        if self._lane is None or self._clock.monotonic() < self._no_room_until:
            return False
        if not self._ready and not self._fill():
            return False
        if self._ready:
            await self._attempt(self._ready.popleft())
        return True

    def _fill(self) -> bool:
        """Freeze what goes next into `_ready`; return False when nothing may go now."""
        assert self._lane is not None
        now = self._clock.monotonic()
        self._retry_at = {stream: at for stream, at in self._retry_at.items() if at > now}
        blocked: Collection[int] = self._retry_at
        if blocked and self._lane[0] == _OCPP16:
            return False
        records = self._store.waiting(_BATCH, lane=self._lane, except_streams=blocked)
        frozen_any = False
        for record in records:
            if record.frozen is None:
                if self._ready and not self._is_offline(record):
                    break  # not ahead of its turn: see below
                frozen = self._encode(record)
                if frozen is None:
                    if any(ready.stream == record.stream for ready in self._ready):
                        break  # a stream is settled in order: look again when those before it are
                    self._store.skip(record.position)
                    continue
                self._freeze(record, frozen)
                frozen_any = True
            elif record.frozen.protocol != self._lane[0]:
                self._abandon(record, f"it was encoded for {record.frozen.protocol}")
                break
            else:
                self._ready.append(record)
            # Only a backlog is frozen ahead: what was told while online must still learn of a drop before it is sent. And what
            # follows a start waits for the answer, which may give the id to use (1.6).
            if record.is_start or not self._is_offline(record):
                break
        if frozen_any:
            self._store.flush()
        return bool(records)

    def _is_offline(self, record: QueuedRecord) -> bool:
        """Whether it happened offline or was still queued when the link dropped (E04.FR.03, E11.FR.07)."""
        return record.position <= self._offline_through or not record.event.online

    async def _wait(self) -> None:
        """Sleep until something changes, a retry is due, or lazy changes of the store want to be written."""
        now = self._clock.monotonic()
        due = [at for at in (*self._retry_at.values(), self._no_room_until) if self._lane is not None and at > now]
        if self._store.flush_due_s is not None:
            due.append(self._store.flush_due_s)
        try:
            async with asyncio.timeout(max(0.0, min(due) - now) if due else None):
                await self._changed.wait()
        except TimeoutError:
            if self._store.flush_due_s is not None and self._store.flush_due_s <= self._clock.monotonic():
                try:
                    self._store.flush()
                except StorageFull as error:
                    _log.error("what was to be kept lazily is lost: %s", error)

    # ── freezing ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _encode(self, record: QueuedRecord) -> Frozen | None:
        """Make the message of an event as of now. Return None where this version has none for it."""
        assert self._lane is not None
        protocol = self._lane[0]
        event, transaction, seq_no = record.event, None, None
        if record.transaction_id is not None:
            transaction = self._transaction(record)
            seq_no = self._store.next_seq_no(record.transaction_id)
            event = self._with_mended_times(event)
        at = self._store.wall_of(event.stamp)
        encoded = self._encoders[protocol].encode(event, transaction, seq_no, self._is_offline(record), at)
        if encoded is None:
            return None
        action, payload = encoded
        return Frozen(protocol, action, json.dumps(payload, separators=(",", ":"), ensure_ascii=False), seq_no)

    def _with_mended_times(self, event: TransactionEvent | MeterSampled) -> TransactionEvent | MeterSampled:
        if not isinstance(event, TransactionEvent) or not event.kept:
            return event
        wall_of = self._store.wall_of
        kept = (replace(each, stamp=replace(each.stamp, wall=wall_of(each.stamp))) for each in event.kept)
        return replace(event, kept=tuple(kept))

    def _freeze(self, record: QueuedRecord, frozen: Frozen) -> None:
        """Keep the message for good; durable with the next flush."""
        self._store.freeze(record.position, frozen, more_follow=True)
        self._ready.append(replace(record, frozen=frozen))
        self._surely_unknown.add(record.position)

    def _transaction(self, record: QueuedRecord) -> OpenTransaction | None:
        transaction = self._store.transaction(record.transaction_id or "")
        if transaction is None:
            return None
        started = replace(
            transaction.started, wall=self._store.wall_of(transaction.started)
        )  # as its own message told it
        transaction = replace(transaction, started=started)
        assert self._lane is not None
        if record.is_start or self._lane[0] != _OCPP16:
            return transaction
        if transaction.wire_id is None:
            # The start was given up, or its answer gave no id: what follows is still sent, with transactionId -1
            # (OCPP 1.6 errata v4.0 §3.18, to the end of §4.8).
            return replace(transaction, wire_id=_UNKNOWN_TRANSACTION)
        return transaction

    # ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _attempt(self, record: QueuedRecord) -> None:
        frozen, link = record.frozen, self._links
        assert frozen is not None
        if frozen.protocol == _OCPP16 and record.is_start and record.position not in self._surely_unknown:
            self._report(record, Trouble.MAY_BE_DOUBLED, "it was sent before, and the answer was lost")
        self._surely_unknown.discard(record.position)
        try:
            reply = await self._send(frozen.action, json.loads(frozen.payload))
        except (ConnectionLost, NotOnline) as error:
            self._unanswered(record, link, str(error))
        except PayloadError as error:
            # Nothing went out, and the same bytes would be refused for ever.
            self._abandon(record, f"not well formed: {error}", Trouble.GAVE_UP)
        except CallTimeout as error:
            if link != self._links or self._lane is None:
                self._unanswered(record, link, str(error))
            else:
                self._failed(record, str(error), is_silence=True)
        except CallError as error:
            self._surely_unknown.add(record.position)
            self._failed(record, str(error), is_silence=False)
        else:
            self._delivered(record, reply)

    def _unanswered(self, record: QueuedRecord, link: int, why: str) -> None:
        """The link went away under the message: that is not the message's fault."""
        if link == self._links:
            self.link_down()
        self._store.attempted(record.position, why or "link lost before the answer", counts=False)

    def _delivered(self, record: QueuedRecord, reply: Any) -> None:
        assert record.frozen is not None
        delivery = self._encoders[record.frozen.protocol].accept(record.event, reply)
        self._store.delivered(record.position, wire_id=delivery.wire_id)
        self._silences.pop(record.position, None)
        token = self._token_of(record)
        if delivery.token_info is not None and token is not None:
            self._on_token(token, delivery.token_info, record.transaction_id)

    def _token_of(self, record: QueuedRecord) -> IdToken | None:
        if not isinstance(record.event, TransactionEvent):
            return None
        if record.event.id_token is not None:
            return record.event.id_token
        transaction = self._store.transaction(record.event.transaction_id)
        return transaction.id_token if transaction is not None else None

    def _failed(self, record: QueuedRecord, why: str, *, is_silence: bool) -> None:
        """Count a failure, then wait for the retry or let the wire go on without the message (E13.FR.02-04)."""
        assert record.frozen is not None
        protocol = record.frozen.protocol
        counts = not is_silence or protocol != _OCPP16 or record.is_start
        # In 1.6 only a CALLERROR is a "failure to process" (J errata §3.3), and only that allows to skip a message (§3.7.1).
        # A start that is never answered is the exception: errata §3.18 has the rest go on without its id.
        self._store.attempted(record.position, why, counts=counts)
        failures = record.attempts + (1 if counts else 0)
        policy = self._policy(protocol)
        if failures >= max(1, policy.attempts):
            self._abandon(record, f"{failures} attempts, the last: {why}", Trouble.GAVE_UP)
            return
        if not counts:
            self._silences[record.position] = self._silences.get(record.position, 0) + 1
        wait_s = policy.wait_s(failures + self._silences.get(record.position, 0))
        _log.info("%s at %d failed (%s), again in %g s", record.frozen.action, record.position, why, wait_s)
        self._retry_at[record.stream] = self._clock.monotonic() + wait_s
        self._ready.clear()

    def _abandon(self, record: QueuedRecord, why: str, trouble: Trouble = Trouble.UNDELIVERABLE) -> None:
        """Let the wire go on; the archive keeps the message."""
        if trouble is Trouble.GAVE_UP:
            self._store.gave_up(record.position, why)
        else:
            self._store.undeliverable(record.position, why)
        self._silences.pop(record.position, None)
        self._report(record, trouble, why)

    def _report(self, record: QueuedRecord, trouble: Trouble, why: str) -> None:
        action = record.frozen.action if record.frozen is not None else type(record.event).__name__
        _log.warning("%s at %d: %s (%s)", action, record.position, trouble, why)
        self._on_report(Report(trouble, record.position, record.transaction_id, action, why))

    # ── hand-over ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _hand_over(self) -> None:
        """Archive what is pinned to a protocol or CSMS that the configuration no longer names."""
        for lane in self._store.lanes():
            if lane in self._lanes:
                continue
            why = f"{lane[0]} at {lane[1]} is no longer configured"
            while records := self._store.waiting(_BATCH, lane=lane, pinned_only=True):
                for record in records:
                    self._abandon(record, why)
