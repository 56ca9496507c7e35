"""One task per EVSE: feeds its session machine with events and deadlines, and performs what it asks for, in order.

What is to be committed is committed before what relies on it is done. Where there is no room for it, this EVSE waits: without a permit,
with its cable let go of, and with everything that happens meanwhile in its queue. The others go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from controller.clock import Clock
from controller.logic import session_events as to
from controller.logic.evse import EvseFacts, LockState, LockWish
from controller.logic.metering import EARLY_S, next_periodic
from controller.logic.profiles import ChargingProfile
from controller.logic.records import EventKind, Trigger
from controller.logic.session import Session
from controller.logic.session_events import SessionEffect, SessionEvent
from controller.logic.values import MeterReading
from controller.station.authorizer import Authorizer
from controller.station.events import EventBus
from controller.station.recorder import Recorder
from controller.station.safety_link import SafetyLink
from controller.station.settings import Settings
from controller.station.supply import Feed, Supply
from controller.store.exc import StorageFull

_log = logging.getLogger(__name__)

TRY_AGAIN_S = 5.0  # where there was no room to keep what energy relies on
_MAY_BEGIN_BUSINESS = (
    to.RemoteStartAsked,
    to.TokenPresented,
    to.AuthorizationAnswered,
    to.HandedOver,
    to.Resumed,
    to.PlugSpent,
)


@dataclass(frozen=True, slots=True)
class LastToken:
    """What came of the last token that was presented. evse_id: None where none was known. at_s: monotonic."""

    evse_id: int | None
    text: str
    at_s: float
    is_refused: bool


class Parts(Protocol):
    """What all runners of a station share."""

    clock: Clock
    settings: Settings
    authorizer: Authorizer
    recorder: Recorder
    supply: Supply
    link: SafetyLink
    events: EventBus
    last_token: LastToken | None

    def spawn(self, work: Coroutine[Any, Any, None]) -> None: ...

    def status_changed(self, evse_id: int) -> None: ...

    def billing_changed(self) -> None: ...

    def stop_everywhere(self, effect: to.StopEverywhere) -> None: ...

    def gate(self, evse_id: int | None) -> to.GateChanged: ...

    def answered_without_evse(self, answer: to.AuthorizationAnswered) -> to.AuthorizationAnswered | to.AnswerMoved: ...


class Runner:
    """feed: None for the place of those who authorise before any EVSE is known."""

    def __init__(self, session: Session, feed: Feed | None, parts: Parts) -> None:
        self.session = session
        self.feed = feed
        self.plugged_at: float | None = None
        self._parts = parts
        self._queue: deque[SessionEvent] = deque()
        self._news = asyncio.Event()
        self._gate: to.GateChanged | None = None
        self._gate_may_differ = True
        self._heard: MeterReading | None = None  # the newest that the machine knows of
        self._resumes_from: datetime | None = None
        self._awaited_profile: tuple[int | None, ChargingProfile] | None = None
        self._transaction_id: str | None = None
        self._transaction_since = 0.0
        self._noted_plug: tuple[str, int] | None = None
        self._next_sample: float | None = None
        self._next_kept: float | None = None
        self._lock_wish: bool | None = None
        self.stuck = ""  # why it waits for room, else empty
        self._grants_later = False  # once the queue has told what became of the plug while it waited
        self.turned = asyncio.Event()  # set after every turn: for those who wait for something to become true

    @property
    def evse_id(self) -> int | None:
        return self.session.evse_id

    def post(self, event: SessionEvent) -> None:
        """Let the machine have an event, in a later turn of the loop."""
        if isinstance(event, to.RegisterRead) and self._queue and isinstance(self._queue[-1], to.RegisterRead):
            self._queue.pop()  # who waits for long needs the newest only
        self._queue.append(event)
        self._news.set()

    @property
    def has_business_waiting(self) -> bool:
        """Whether the machine is still to hear of something by which it may get busy."""
        return any(isinstance(event, _MAY_BEGIN_BUSINESS) for event in self._queue)

    async def run(self) -> None:
        while True:
            await self._wait()
            while self._queue:
                await self._hear_meter()
                event = self._queue.popleft()
                if self._gate_may_differ or self._may_begin_something(event):
                    await self._look_at_gate()
                if isinstance(event, to.Resumed) and self.feed is not None:
                    self.feed.ready_at = self._resumes_from
                    self._parts.billing_changed()
                if isinstance(event, to.AuthorizationAnswered) and self.feed is None:
                    event = self._parts.answered_without_evse(event)
                await self._perform(self.session.handle(event, self._now()))
            await self._hear_meter()
            if self._gate_may_differ:
                await self._look_at_gate()
            self._grant_again()
            now = self._now()
            due = self.session.deadline()
            if due is not None and due <= now:
                await self._perform(self.session.on_deadline(now))
            self._sample()

    def look_again(self) -> None:
        """Something that decides about the gate has changed."""
        self._gate_may_differ = True
        self._news.set()

    def meter_read(self) -> None:
        """There is a new reading."""
        self._news.set()

    def resume(self, event: to.Resumed, since: float, ready_at: datetime) -> None:
        """Go on with a transaction of before the restart, begun at `since` (monotonic); profiles count from `ready_at`."""
        self._resumes_from = ready_at
        self._transaction_id, self._transaction_since = event.billed.id, since
        if self.feed is not None:
            self._parts.supply.transaction_began(self.feed.board.id, event.billed.id)
            self.feed.meter.is_billed = True
        self.post(event)

    async def until(self, holds: Callable[[], bool], limit_s: float | None) -> bool:
        """Wait until something is true of this session, at most so long (None: for ever); return whether it is."""
        try:
            async with asyncio.timeout(limit_s):
                while not holds():
                    self.turned.clear()
                    await self.turned.wait()
        except TimeoutError:
            return holds()
        return True

    # --- time ------------------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._parts.clock.monotonic()

    async def _wait(self) -> None:
        """Sleep until there is an event or something is due."""
        if self._queue or self._gate_may_differ or self._unheard() is not None:
            return
        self._news.clear()
        times = [self.session.deadline(), self._next_sample, self._next_kept]
        due = min((time for time in times if time is not None), default=None)
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - self._now())):
                await self._news.wait()
        except TimeoutError:
            return

    def _sample(self) -> None:
        """Send and keep periodic meter values while a transaction runs."""
        billed, feed, now = self.session.billed, self.feed, self._now()
        if billed is None or feed is None:
            self._next_sample = self._next_kept = None
            return
        interval_s = self._parts.settings.metering.updated_interval_s
        if self._next_sample is not None and now >= self._next_sample - EARLY_S:
            self._parts.recorder.periodic(billed.id, self.session, feed, Trigger.METER_VALUE_PERIODIC)
        self._next_sample = next_periodic(self._transaction_since, interval_s, now)
        keeper = self._parts.recorder.keeper
        if self._next_kept is not None and now >= self._next_kept - EARLY_S:
            keeper.periodic(billed.id, feed)
        self._next_kept = next_periodic(self._transaction_since, keeper.rules.sampled_interval_s, now)

    async def _hear_meter(self) -> None:
        """Let the machine know the newest reading before it hears of anything else."""
        reading = self._unheard()
        if reading is not None:
            self._heard = reading
            read = to.RegisterRead(reading.energy_import_wh, reading.power_w)
            await self._perform(self.session.handle(read, self._now()))

    def _unheard(self) -> MeterReading | None:
        reading = self.feed.meter.latest if self.feed is not None else None
        return reading if reading is not self._heard else None

    # --- effects -----------------------------------------------------------------------------------------------------------

    async def _look_at_gate(self) -> None:
        self._gate_may_differ = False
        gate = self._parts.gate(self.evse_id)
        if gate != self._gate:
            self._gate = gate
            await self._perform(self.session.handle(gate, self._now()))

    def _may_begin_something(self, event: SessionEvent) -> bool:
        """What comes every second begins nothing: the gate costs a look at the file system."""
        if isinstance(event, to.FactsSeen):
            return self._is_plug_edge(event.facts)
        return not isinstance(event, to.OfferChanged)

    def _is_plug_edge(self, facts: EvseFacts) -> bool:
        known = self.session.facts
        return known is None or (known.plug, known.plug_count) != (facts.plug, facts.plug_count)

    async def _perform(self, effects: list[SessionEffect]) -> None:
        self._follow_authorization()
        self._follow_transaction()
        for effect in effects:
            await self._do(effect)
        self.turned.set()

    async def _do(self, effect: SessionEffect) -> None:
        parts = self._parts
        match effect:
            case to.OpenSession(session_id):
                parts.recorder.open_session(session_id, self.evse_id)
            case to.CloseSession(session_id):
                parts.recorder.close_session(session_id, self.evse_id)
            case to.Authorize():
                parts.spawn(self._authorize(effect))
            case to.CommitRecord() if self.feed is not None:
                await self._kept(parts.recorder.charging_record(effect, self.feed))
            case to.GrantPermit(record_id) if self.feed is not None:
                if not self._grants_later:
                    parts.supply.grant(self.feed.board.id, record_id)
            case to.WithdrawPermit(why) if self.feed is not None:
                _log.info("EVSE %d: permit withdrawn: %s", self.feed.board.id, why)
                parts.supply.withdraw(self.feed.board.id)
            case to.RecordEvent():
                await self._record(effect)
            case to.NoteAuthorizationEnded(transaction_id):
                parts.recorder.authorization_ended(transaction_id, self.evse_id)
            case to.WishLock(lock) if self.feed is not None:
                self._lock_wish = lock
                parts.link.send(LockWish(self.feed.board.id, lock))
            case to.StopEverywhere():
                parts.stop_everywhere(effect)
            case to.Tell(kind, text, is_refusal):
                _log.info("%s: %s: %s", self._name(), kind, text)
                if kind == "token":
                    parts.last_token = LastToken(self.evse_id, text, self._now(), is_refusal)
                parts.events.emit(kind, evse=self.evse_id, text=text)
            case to.ReportStatus():
                if self.evse_id is not None:
                    parts.status_changed(self.evse_id)
            case _:
                raise AssertionError(f"{effect} makes no sense without an EVSE")

    async def _record(self, effect: to.RecordEvent) -> None:
        if self.feed is not None and effect.kind is EventKind.ENDED:
            await self.feed.meter.refresh()  # the contactor is open: this register is final
        await self._kept(self._parts.recorder.event(effect, self.feed, self.session))
        reason = f", {effect.stopped_reason}" if effect.stopped_reason else ""
        _log.info(
            "%s: transaction %s %s: %s%s", self._name(), effect.transaction_id, effect.kind, effect.trigger, reason
        )
        if effect.kind is EventKind.ENDED and self.feed is not None:
            self._parts.supply.transaction_ended(self.feed.board.id, effect.transaction_id)

    async def _kept(self, commit: Callable[[], None]) -> None:
        """Commit what energy relies on; where there is no room, stop it here and wait until there is."""
        while True:
            try:
                commit()
                break
            except StorageFull as error:
                if not self.stuck:
                    self._let_go(str(error))
            await asyncio.sleep(TRY_AGAIN_S)
        if self.stuck:
            self.stuck = ""
            self._take_up()

    def _let_go(self, why: str) -> None:
        _log.error("%s: no energy until this can be kept: %s", self._name(), why)
        self.stuck, self._grants_later = f"the storage is full: {why}", True
        if self.feed is None:
            return
        self._parts.supply.withdraw(self.feed.board.id)
        if self._lock_wish:
            self._parts.link.send(LockWish(self.feed.board.id, False))
        self._parts.status_changed(self.feed.board.id)

    def _take_up(self) -> None:
        _log.warning("%s: there is room again, it goes on", self._name())
        if self.feed is None:
            return
        if self._lock_wish:
            self._parts.link.send(LockWish(self.feed.board.id, True))
        self._parts.status_changed(self.feed.board.id)

    def _grant_again(self) -> None:
        if not self._grants_later:
            return
        self._grants_later = False
        record_id = self.session.record_id
        if self.feed is not None and record_id is not None:
            self._parts.supply.grant(self.feed.board.id, record_id)

    async def _authorize(self, ask: to.Authorize) -> None:
        self.post(await self._parts.authorizer.check(ask, self.evse_id))

    def _follow_transaction(self) -> None:
        """Note what the running transaction is and which plug-in it is on."""
        billed, plug_key = self.session.billed, self.session.plug_key
        transaction_id = billed.id if billed is not None else None
        if self.feed is not None:
            self.feed.meter.is_billed = transaction_id is not None
            self.feed.meter.is_awaited = self.session.awaits_register
        if transaction_id != self._transaction_id:
            self._transaction_id, self._transaction_since = transaction_id, self._now()
            self._parts.billing_changed()
            self._noted_plug = plug_key
            if transaction_id is not None and self.feed is not None:
                self._parts.supply.transaction_began(self.feed.board.id, transaction_id)
        elif transaction_id is not None and plug_key is not None and plug_key != self._noted_plug:
            self._noted_plug = plug_key
            self._parts.recorder.note_plug(transaction_id, plug_key)

    def _follow_authorization(self) -> None:
        """Profiles count from it, and the one of a remote start comes with it."""
        given, feed = self.session.authorization, self.feed
        if feed is None:
            return
        if given is None:
            if feed.ready_at is not None or feed.coming_profile is not None:
                self._parts.supply.authorization_ended(feed.board.id)
        elif given.is_remote and self._awaited_profile is not None:
            remote_start_id, profile = self._awaited_profile
            self._awaited_profile = None
            if remote_start_id == given.remote_start_id:
                self._parts.supply.profile_came(feed.board.id, profile)

    def _name(self) -> str:
        return f"EVSE {self.evse_id}" if self.evse_id is not None else "no EVSE yet"

    # --- what others ask -----------------------------------------------------------------------------------------------------

    def await_profile(self, remote_start_id: int | None, profile: ChargingProfile | None) -> None:
        """The remote start that was just posted brings this profile, or none."""
        self._awaited_profile = (remote_start_id, profile) if profile is not None else None

    def lock_is(self, *states: LockState) -> bool:
        facts = self.session.facts
        return facts is not None and facts.lock in states

    def report(self, trigger: Trigger) -> bool:
        """Queue an UPDATED event with meter values now; return whether there is a transaction to report on."""
        billed = self.session.billed
        if billed is None or self.feed is None:
            return False
        self._parts.recorder.periodic(billed.id, self.session, self.feed, trigger)
        return True
