"""Delivery of what happened: in order, at least once, every repetition the same, nothing lost.

Rules
* The message of an event is made for its first sending, committed (frozen) and only then sent (see `freezer`); a retry is the same
  payload under a new message id, after a failure, a lost link or a restart alike.
* One CALL at a time. While the CSMS works at it, what was answered before is noted and what comes next is made. That a message was
  delivered is durable with the next commit only: that of the messages that come next, or where there are none, one of its own for a begin or an
  end. So what names the transaction in 1.6, the answer to its start, is committed before anything of it follows. A crash before that commit
  sends again what was answered, unchanged.
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
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping
from itertools import groupby
from typing import Any

from msgspec import Raw

from controller.clock import Clock
from controller.logic.records import TransactionEvent
from controller.logic.values import IdToken, TokenInfo
from controller.ocpp.delivery import Delivered, Encoder, Report, RetryPolicy, Send, Trouble
from controller.ocpp.exc import CallError, CallTimeout, ConnectionLost, PayloadError
from controller.ocpp.freezer import OCPP16, Freezer
from controller.ocpp.ports import NotOnline
from controller.store.exc import StorageFull, StoreError
from controller.store.rows import QueuedRecord
from controller.store.store import Store

_log = logging.getLogger(__name__)

_BATCH = 32  # messages handed over at a time
_NO_ROOM_WAIT_S = 60.0
_TOGETHER = 16  # acknowledgements of mere updates, noted with one change


class Outbox:
    """Delivers what the store has queued while the link is up.

    send: see Send. policy: asked by protocol before each retry. lanes: every (protocol, csms) the station is configured
    for. on_token: (token, what the CSMS said of it in an answer, transaction id). on_report: see Report.
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
        self._freezer = Freezer(store, encoders, self._surely_unknown.add)
        self._answered: list[tuple[QueuedRecord, Delivered]] = []  # and not noted yet
        self._owes_commit = False  # the begin or end of a transaction is noted, and not durable yet
        self._undone = 0  # how often the store lost what was not durable
        store.when_undone(self._forget)

    def link_up(self, protocol: str, csms: str) -> None:
        """The registration is accepted on a live connection: deliver. The clock has been set by then.

        csms: names it as `Store.begin_transaction` was told.
        """
        if self._lane != (protocol, csms):
            self._retry_at.clear()
        self._lane = (protocol, csms)
        self._links += 1
        self._freezer.forget()
        self._changed.set()

    def link_down(self) -> None:
        """The connection is gone. What waits now is offline from here on (E11.FR.07), unless it is frozen already."""
        if self._lane is not None:
            self._lane = None
            self._offline_through = self._store.last_position()
            self._freezer.forget()
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
                self._rest()
            except StorageFull as error:
                self._pause(error)
            except asyncio.CancelledError:
                with contextlib.suppress(StoreError):
                    self._note_answers()
                raise
            await self._wait()

    # ── choosing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _deliver_next(self) -> bool:
        """Send one message if one may go now; return whether to look for another."""
        now = self._clock.monotonic()
        if self._lane is None or now < self._no_room_until:
            return False
        if any(at <= now for at in self._retry_at.values()):
            self._retry_at = {stream: at for stream, at in self._retry_at.items() if at > now}
            self._freezer.forget()  # older ones may go again
        record = self._freezer.next()
        if record is None:
            self._note_answers()
            blocked = tuple(self._retry_at)
            if blocked and self._lane[0] == OCPP16:
                return False
            if not self._freezer.begin(self._lane, blocked, self._offline_through):
                return False
            self._owes_commit = self._owes_commit and self._store.flush_due_s is not None
            return True
        if record.frozen is None:
            self._note_answers()
            self._store.skip(record.position)
        elif record.frozen.protocol != self._lane[0]:
            self._note_answers()
            self._abandon(record, f"it was encoded for {record.frozen.protocol}")
        else:
            await self._attempt(record)
        return True

    def _rest(self) -> None:
        """Nothing may go now: what was answered is noted, and what matters of it durable."""
        self._note_answers()
        if self._owes_commit:
            self._store.flush()
            self._owes_commit = False

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

    def _pause(self, error: StorageFull) -> None:
        _log.error("delivery pauses: %s", error)
        self._no_room_until = self._clock.monotonic() + _NO_ROOM_WAIT_S
        self._forget()

    def _forget(self) -> None:
        """What could not be noted is as if it had not happened: it is sent again, unchanged, when there is room."""
        self._undone += 1
        self._freezer.forget()
        self._answered.clear()

    # ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _attempt(self, record: QueuedRecord) -> None:
        frozen, link, undone = record.frozen, self._links, self._undone
        assert frozen is not None
        if frozen.protocol == OCPP16 and record.is_start and record.position not in self._surely_unknown:
            self._report(record, Trouble.MAY_BE_DOUBLED, "it was sent before, and the answer was lost")
        self._surely_unknown.discard(record.position)
        outcome: Any
        try:
            outcome = await self._send(frozen.action, Raw(frozen.payload.encode()), self._meanwhile)
        except (ConnectionLost, NotOnline, PayloadError, CallTimeout, CallError) as error:
            outcome = error
        # After a loss it is sent again, with those before it; before a start there is nothing, and it must not come twice in 1.6.
        if undone == self._undone or record.is_start:
            self._judge(record, outcome, is_same_link=link == self._links)

    def _judge(self, record: QueuedRecord, outcome: Any, *, is_same_link: bool) -> None:
        if isinstance(outcome, Exception):
            self._note_answers()
        match outcome:
            case ConnectionLost() | NotOnline():
                self._unanswered(record, str(outcome), is_same_link)
            case PayloadError():
                # Nothing went out, and the same bytes would be refused for ever.
                self._abandon(record, f"not well formed: {outcome}", Trouble.GAVE_UP)
            case CallTimeout() if not is_same_link or self._lane is None:
                self._unanswered(record, str(outcome), is_same_link)
            case CallTimeout():
                self._failed(record, str(outcome), is_silence=True)
            case CallError():
                self._surely_unknown.add(record.position)
                self._failed(record, str(outcome), is_silence=False)
            case _:
                assert record.frozen is not None
                answer = self._encoders[record.frozen.protocol].accept(record.event, outcome)
                self._answered.append((record, answer))

    def _meanwhile(self) -> None:
        """The CSMS works at a message that has just gone out: note what was delivered before it, make what follows it."""
        try:
            matters = any(not _can_wait(*each) for each in self._answered[-1:])
            if matters or len(self._answered) >= _TOGETHER or self._freezer.is_used_up:
                self._note_answers()
            self._freezer.go_on()
        except StorageFull as error:
            self._pause(error)

    def _unanswered(self, record: QueuedRecord, why: str, is_same_link: bool) -> None:
        """The link went away under the message: that is not the message's fault."""
        if is_same_link:
            self.link_down()
        self._store.attempted(record.position, why or "link lost before the answer", counts=False)

    def _note_answers(self) -> None:
        """Settle what was answered, the acknowledgements of a stream that follow each other with one change."""
        answered, self._answered = self._answered, []
        for _, group in groupby(answered, key=lambda each: each[0].stream):
            records, answers = zip(*group, strict=True)
            # A start, which alone brings a wire id, is noted before anything follows it.
            positions = [record.position for record in records]
            self._store.delivered(*positions, wire_id=answers[-1].wire_id, more_follow=True)
            self._owes_commit = self._owes_commit or not all(record.is_update for record in records)
        for record, answer in answered:
            self._silences.pop(record.position, None)
            if answer.token_info is not None and (token := self._token_of(record)) is not None:
                self._on_token(token, answer.token_info, record.transaction_id)

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
        counts = not is_silence or protocol != OCPP16 or record.is_start
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
        self._freezer.forget()

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


def _can_wait(record: QueuedRecord, answer: Delivered) -> bool:
    """Whether an acknowledgement matters to nobody yet: that of a mere update, which says nothing."""
    return record.is_update and answer == Delivered()
