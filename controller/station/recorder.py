"""Turns what a session machine asks to record into committed facts: stamp, register, samples.

Where there is no room it depends on what would be missing. Updates are left out. What must be kept, but nothing waits for, is owed: it
is tried again, unchanged and in its order, until there is room, and meanwhile nothing begins at that EVSE. What energy relies on
(the charging record, the beginning of a transaction) raises StorageFull.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial

from controller.clock import Clock
from controller.logic.metering import samples
from controller.logic.records import (
    ChargingRecord,
    ChargingState,
    EventKind,
    MeterSampled,
    StopReason,
    TransactionEvent,
    Trigger,
)
from controller.logic.session import Session
from controller.logic.session_events import CommitRecord, RecordEvent
from controller.logic.values import Measurand, Sample, SampleContext
from controller.ocpp.ports import Csms
from controller.station.events import EventBus
from controller.station.keeper import Keeper
from controller.station.settings import MeterRules, Settings
from controller.station.supply import Feed
from controller.store.exc import StorageFull
from controller.store.store import Store

_log = logging.getLogger(__name__)

CONNECTOR = 1  # every EVSE has one
_FLOWS_A = 1.0  # a phase that carries less is not in use
_SPENT = "spent_plug.{}"
_DEAUTHORIZED = "deauthorized.{}"


class Recorder:
    """csms_url: names the CSMS that transactions are pinned to."""

    def __init__(
        self, store: Store, clock: Clock, csms: Csms, settings: Settings, events: EventBus, csms_url: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._csms = csms
        self._settings = settings
        self._events = events
        self._csms_url = csms_url
        self.keeper = Keeper(store, clock, settings, lambda: csms.protocol, self.samples)
        self._owed: deque[tuple[int | None, Callable[[], None]]] = deque()  # EVSE, what is to be committed there
        # Transactions whose STARTED had no register, and whether an event has told it since.
        self._begun_blind: dict[str, bool] = {}

    # --- sessions and charging records -----------------------------------------------------------------------------------

    def open_session(self, session_id: str, evse_id: int | None) -> None:
        now = self._clock.now()
        self._keep(evse_id, lambda: self._store.open_session(session_id, evse_id, now))

    def close_session(self, session_id: str, evse_id: int | None = None) -> None:
        now = self._clock.now()
        self._keep(evse_id, lambda: self._store.close_session(session_id, now))

    def charging_record(self, effect: CommitRecord, feed: Feed) -> Callable[[], None]:
        """Return what commits why energy may flow as of now. It raises StorageFull: then no permit may follow."""
        record = ChargingRecord(
            id=effect.record_id,
            session_id=effect.session_id,
            evse_id=feed.board.id,
            basis=effect.basis,
            id_token=effect.id_token,
            register_wh=feed.meter.register_wh,
            stamp=self._clock.now(),
        )
        return lambda: self._store.add_charging_record(record, effect.transaction_id)

    # --- transactions ------------------------------------------------------------------------------------------------------

    def event(self, effect: RecordEvent, feed: Feed | None, session: Session) -> Callable[[], None]:
        """Return what commits one event of a transaction as of now. It raises StorageFull for a beginning only, and may be repeated."""
        event = TransactionEvent(
            transaction_id=effect.transaction_id,
            kind=effect.kind,
            trigger=effect.trigger,
            stamp=self._clock.now(),
            online=self._csms.is_online,
            charging_state=effect.charging_state,
            evse_id=feed.board.id if feed is not None else None,
            connector_id=CONNECTOR if feed is not None else None,
            id_token=effect.id_token,
            remote_start_id=effect.remote_start_id,
            stopped_reason=effect.stopped_reason,
            register_wh=feed.meter.register_wh if feed is not None else None,
            register_is_stale=feed is not None and feed.meter.is_stale,
            samples=self._samples(effect, feed),
            cable_max_current_a=_cable_a(feed, session),
            phases_used=_phases_used(effect.charging_state, feed),
            kept=self.keeper.taken(effect.transaction_id) if effect.kind is EventKind.ENDED else (),
        )
        if effect.kind is EventKind.STARTED:
            return partial(self._begin, event, effect, feed, session.plug_key)
        return partial(self._go_on, event, feed, session.plug_key)

    def _begin(
        self, event: TransactionEvent, effect: RecordEvent, feed: Feed | None, plug_key: tuple[str, int] | None
    ) -> None:
        run_id, count = plug_key or (None, None)
        self._store.begin_transaction(
            event,
            protocol=self._csms.protocol,
            csms=self._csms_url,
            session_id=effect.session_id,
            record_id=effect.record_id,
            group=effect.group,
            plug_run_id=run_id,
            plug_count=count,
        )
        if feed is not None:
            self.keeper.began(effect.transaction_id, feed)
        self._tell(event)

    def _go_on(self, event: TransactionEvent, feed: Feed | None, plug_key: tuple[str, int] | None) -> None:
        self._add(event)
        if event.kind is EventKind.ENDED:
            self._ended(event.transaction_id, feed, plug_key)
        self._tell(event)

    def periodic(self, transaction_id: str, session: Session, feed: Feed, trigger: Trigger) -> None:
        """Commit an UPDATED event that only brings meter values."""
        rules = self._settings.metering
        aligned = trigger is Trigger.METER_VALUE_CLOCK
        contexts = {
            Trigger.METER_VALUE_PERIODIC: SampleContext.SAMPLE_PERIODIC,
            Trigger.METER_VALUE_CLOCK: SampleContext.SAMPLE_CLOCK,
        }
        context = contexts.get(trigger, SampleContext.TRIGGER)
        event = TransactionEvent(
            transaction_id=transaction_id,
            kind=EventKind.UPDATED,
            trigger=trigger,
            stamp=self._clock.now(),
            online=self._csms.is_online,
            charging_state=session.charging_state,
            evse_id=feed.board.id,
            connector_id=CONNECTOR,
            register_wh=feed.meter.register_wh,
            register_is_stale=feed.meter.is_stale,
            samples=self.samples(feed, rules.aligned if aligned else rules.updated, context),
            phases_used=_phases_used(session.charging_state, feed),
            may_drop=trigger is not Trigger.TRIGGER,
        )
        self._add(event)
        self._tell(event)

    def sampled(self, feed: Feed, measurands: tuple[Measurand, ...], context: SampleContext) -> None:
        """Commit meter values outside any transaction (J01)."""
        found = self.samples(feed, measurands, context)
        if found:
            self._add(MeterSampled(feed.board.id, self._clock.now(), self._csms.is_online, found))

    def ended_before(
        self,
        transaction_id: str,
        trigger: Trigger,
        reason: StopReason,
        register_wh: int | None,
        is_stale: bool,
        evse_id: int | None,
        is_plugged: bool,
    ) -> None:
        """Commit the end of a transaction that did not survive the restart."""
        measurands = self._settings.metering.ended
        wants = register_wh is not None and evse_id is not None and Measurand.ENERGY_IMPORT in measurands
        last = Sample(Measurand.ENERGY_IMPORT, float(register_wh or 0), "Wh", SampleContext.TRANSACTION_END)
        event = TransactionEvent(
            transaction_id=transaction_id,
            kind=EventKind.ENDED,
            trigger=trigger,
            stamp=self._clock.now(),
            online=self._csms.is_online,
            charging_state=ChargingState.EV_CONNECTED if is_plugged else ChargingState.IDLE,
            evse_id=evse_id,
            connector_id=CONNECTOR if evse_id is not None else None,
            stopped_reason=reason,
            register_wh=register_wh,
            register_is_stale=is_stale,
            samples=(last,) if wants else (),
            kept=self.keeper.taken(transaction_id),
        )
        self._add(event)
        self._forget(transaction_id, evse_id)
        self._tell(event)

    def note_register(self, transaction_id: str, feed: Feed) -> None:
        if feed.meter.register_wh is None or feed.meter.is_stale:
            return
        try:
            self._store.note_register(transaction_id, feed.meter.register_wh, self._clock.now())
        except StorageFull as error:
            _log.error("EVSE %d: the register was not noted: %s", feed.board.id, error)

    def note_plug(self, transaction_id: str, plug_key: tuple[str, int]) -> None:
        """Note the plug-in that a transaction is on now. Missing, a restart takes the EV for another one and ends it."""
        try:
            self._store.note_plug(transaction_id, *plug_key)
        except StorageFull as error:
            _log.error("the plug-in of transaction %s was not noted: %s", transaction_id, error)

    # --- what is owed ------------------------------------------------------------------------------------------------------

    def owes(self, evse_id: int | None) -> bool:
        """Whether something of an EVSE (None: of those without) still waits for room."""
        return any(place == evse_id for place, _ in self._owed)

    def settle(self) -> None:
        """Commit what is owed, as far as there is room now."""
        if not self._owed:
            return
        try:
            while self._owed:
                self._owed[0][1]()
                self._owed.popleft()
        except StorageFull:
            return
        _log.warning("everything that waited for room in the store is kept now")
        self._csms.records_added()

    def _keep(self, evse_id: int | None, commit: Callable[[], None]) -> None:
        """Commit now, or owe it: after what is owed already."""
        if not self._owed:
            try:
                return commit()
            except StorageFull as error:
                _log.error("%s: not kept yet, it is tried again: %s", _place(evse_id), error)
        self._owed.append((evse_id, commit))

    def samples(self, feed: Feed, measurands: tuple[Measurand, ...], context: SampleContext) -> tuple[Sample, ...]:
        """Return what the meter last said and what is offered. A lost meter says nothing."""
        meter = feed.meter
        phases = feed.offer.phases if feed.offer is not None else feed.board.phases
        reading = None if meter.is_lost else meter.latest
        return samples(reading, measurands, context, offered_a=feed.offered_a, phases=phases)

    # --- what is remembered across a restart -------------------------------------------------------------------------------

    def authorization_ended(self, transaction_id: str, evse_id: int | None) -> None:
        self._keep(evse_id, lambda: self._store.set_meta(_DEAUTHORIZED.format(transaction_id), "1"))

    def is_authorized(self, transaction_id: str) -> bool:
        """Whether the authorisation of an open transaction had not been ended before the restart."""
        return self._store.meta(_DEAUTHORIZED.format(transaction_id)) is None

    def plug_spent(self, evse_id: int) -> tuple[str, int] | None:
        """Return the plug-in that had its transaction already: run id of the safety process and plug count."""
        stored = self._store.meta(_SPENT.format(evse_id))
        run_id, _, count = (stored or "").rpartition(" ")
        return (run_id, int(count)) if run_id else None

    def spend_plug(self, evse_id: int, plug_key: tuple[str, int]) -> None:
        told = f"{plug_key[0]} {plug_key[1]}"
        self._keep(evse_id, lambda: self._store.set_meta(_SPENT.format(evse_id), told))

    # --- inside --------------------------------------------------------------------------------------------------------------

    def _samples(self, effect: RecordEvent, feed: Feed | None) -> tuple[Sample, ...]:
        rules = self._settings.metering
        if effect.kind is EventKind.STARTED:
            if feed is None or feed.meter.latest is None:
                self._begun_blind[effect.transaction_id] = False
                return ()
            return self.samples(feed, rules.started, SampleContext.TRANSACTION_BEGIN)
        if feed is None:
            return ()
        if effect.kind is EventKind.ENDED:
            if feed.meter.is_stale and feed.meter.register_wh is not None and Measurand.ENERGY_IMPORT in rules.ended:
                last = float(feed.meter.register_wh)
                return (Sample(Measurand.ENERGY_IMPORT, last, "Wh", SampleContext.TRANSACTION_END),)
            return self.samples(feed, self._ending(rules), SampleContext.TRANSACTION_END)
        return self._late_begin(effect, feed, rules)

    def _late_begin(self, effect: RecordEvent, feed: Feed, rules: MeterRules) -> tuple[Sample, ...]:
        """Tell the begin of a transaction that began before its EVSE was known.

        E03.FR.11 wants it when charging starts, TC_J_08_CS in the first event that names the EVSE: it comes in both.
        """
        was_told, charges = (
            self._begun_blind.get(effect.transaction_id),
            effect.charging_state is ChargingState.CHARGING,
        )
        if was_told is None or (was_told and not charges):
            return ()
        found = self.samples(feed, rules.started, SampleContext.TRANSACTION_BEGIN)
        self._begun_blind[effect.transaction_id] = bool(found)
        if charges:
            del self._begun_blind[effect.transaction_id]
        return found

    def _ending(self, rules: MeterRules) -> tuple[Measurand, ...]:
        """1.6 has the end of whatever transactionData holds (errata §3.14), 2.x of what is configured for it."""
        kept = self.keeper.rules
        return kept.all if kept.keeps_begin else rules.ended

    def _add(self, event: TransactionEvent | MeterSampled) -> None:
        """A full card costs updates, never a beginning or an end."""
        if isinstance(event, TransactionEvent) and event.kind is EventKind.ENDED:
            self._keep(event.evse_id, lambda: self._store.add_event(event))
        else:
            try:
                self._store.add_event(event)
            except StorageFull as error:
                _log.error("an update was not kept: %s", error)
        self._csms.records_added()

    def _ended(self, transaction_id: str, feed: Feed | None, plug_key: tuple[str, int] | None) -> None:
        self._begun_blind.pop(transaction_id, None)
        self._forget(transaction_id, feed.board.id if feed is not None else None)
        if feed is not None and plug_key is not None:
            self.spend_plug(feed.board.id, plug_key)

    def _forget(self, transaction_id: str, evse_id: int | None) -> None:
        """What was noted of a transaction for its end only."""
        self._keep(evse_id, lambda: self.keeper.forget(transaction_id))
        self._keep(evse_id, lambda: self._store.set_meta(_DEAUTHORIZED.format(transaction_id), None))

    def _tell(self, event: TransactionEvent) -> None:
        if event.kind is EventKind.STARTED:
            self._csms.records_added()
        self._events.emit(
            "transaction",
            evse=event.evse_id,
            id=event.transaction_id,
            event=event.kind.value,
            trigger=event.trigger.value,
            charging_state=event.charging_state.value if event.charging_state else None,
            register_wh=event.register_wh,
            reason=event.stopped_reason.value if event.stopped_reason else None,
        )


def _place(evse_id: int | None) -> str:
    return f"EVSE {evse_id}" if evse_id is not None else "no EVSE yet"


def _cable_a(feed: Feed | None, session: Session) -> int | None:
    if feed is None or not session.is_plugged:
        return None
    return feed.board.cable_a if feed.board.tethered else feed.cable_a


def _phases_used(state: ChargingState, feed: Feed | None) -> int | None:
    """E02.FR.18: told while energy flows, as the meter sees it."""
    if feed is None or state is not ChargingState.CHARGING or feed.meter.latest is None:
        return None
    return sum(current >= _FLOWS_A for current in feed.meter.latest.current_a) or None
