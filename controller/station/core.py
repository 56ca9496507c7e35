"""The running station: one task per EVSE and what they share. What may be asked of it is in `commands.py` and `app.py`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from math import inf
from typing import Any

from controller.clock import Clock
from controller.config import BoardConfig, StationConfig
from controller.hal import DeviceError, EnergyMeter, Indicator, Presented, TokenReader, TokenRefused
from controller.logic import session_events as to
from controller.logic.evse import EvseFacts, LimitContact, PilotOutput, PlugState
from controller.logic.faults import FAULTS
from controller.logic.limits import Offer
from controller.logic.metering import next_aligned
from controller.logic.records import StopReason, Trigger
from controller.logic.session import Session, Stage
from controller.logic.values import IdToken, IdTokenType, SampleContext
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.dialect import BootReason
from controller.ocpp.ports import Csms, SecurityEventType
from controller.station.authorizer import Authorizer
from controller.station.events import EventBus
from controller.station.meters import MakeWatch, MeterWatch
from controller.station.recorder import CONNECTOR, Recorder
from controller.station.runner import LastToken, Runner
from controller.station.safety_link import SafetyConnected, SafetyDisconnected, SafetyLink
from controller.station.service_book import ServiceBook
from controller.station.settings import Settings
from controller.station.startup import Arrival, Startup
from controller.station.supply import Feed, Supply
from controller.store.exc import StorageFull
from controller.store.store import Store

_log = logging.getLogger(__name__)

REOPEN_READER_S = 2.0
SAFETY_WITHIN_S = 10.0  # both processes start together: only a later absence is a fault
_OBEYED = ("txctrlr.", "authctrlr.", "authcachectrlr.", "ocppcommctrlr.", "smartchargingctrlr.")
_FLUSH_EARLY_S = 1.0
_ALIGNED_EARLY = timedelta(milliseconds=1)  # a clock-aligned moment may be met this much before its time
_METERED = ("sampleddatactrlr.", "aligneddatactrlr.")
ORDERLY = "stopped_orderly"


class _Ids:
    """Fresh identifiers from the store's own source, which a simulation seeds."""

    def __init__(self, store: Store) -> None:
        self.session = self.record = self.transaction = store.new_transaction_id


class Core:
    """What runs. Use `app.Station`."""

    def __init__(
        self,
        config: StationConfig,
        board: BoardConfig,
        store: Store,
        clock: Clock,
        model: DeviceModel,
        csms: Csms,
        safety: SafetyLink,
        meters: Mapping[int, EnergyMeter],
        readers: Sequence[tuple[TokenReader, int | None]],
        events: EventBus,
        indicators: Sequence[tuple[Indicator, int | None]] = (),
        *,
        make_watch: MakeWatch = MeterWatch,
    ) -> None:
        self.config = config
        self.board = board
        self.store = store
        self.clock = clock
        self.model = model
        self.csms = csms
        self.link = safety
        self.events = events
        self.settings = Settings(config, model)
        self.authorizer = Authorizer(self.settings, store, csms, clock)
        self.recorder = Recorder(store, clock, csms, self.settings, events, config.csms_url)
        self.book = ServiceBook(store, board.evses)
        self._make_watch = make_watch
        feeds = {evse.id: self._feed(evse.id, meters.get(evse.id)) for evse in board.evses}
        self.supply = Supply(
            feeds, safety, self.settings, store, clock, config.site_max_a, self._limit_changed, board.limit
        )
        self.runners = {evse_id: self._runner(evse_id) for evse_id in feeds}
        self.lobby = self._runner(None)
        self.restart_reason: BootReason | None = None
        self.last_token: LastToken | None = None
        self._readers = readers
        self._indicators = indicators
        self._facts: dict[int, EvseFacts] = {}
        self._settled: set[int | None] = set()
        self._has_settled = asyncio.Event()  # all of them, and their sessions know it
        self._startup = Startup(store, self.recorder, clock, was_orderly=store.meta(ORDERLY) is not None)
        self._availability = store.availability()
        self._was_accepted = False
        self._refuses = ""  # why nothing may begin any more: a reset is under way or pending
        self._lets_finish = False  # what has begun may go on until then
        self._is_safety_gone = False
        self._is_full = False  # the store: nothing begins
        self._safety_due_s: float | None = None  # by then it must have been there, None once it was
        self.reader_problems = [""] * len(readers)  # in the board's order
        self._stopping = asyncio.Event()
        self._calendar_changed = asyncio.Event()  # renewed at every change
        self._cares = asyncio.Event()  # there is something else to look after
        self._tasks: asyncio.TaskGroup  # from `run` on
        self._running: set[asyncio.Task[None]] = set()
        model.subscribe(self._variable_changed)

    def _feed(self, evse_id: int, meter: EnergyMeter | None) -> Feed:
        def read() -> None:
            self.runners[evse_id].meter_read()

        watch = self._make_watch(
            evse_id,
            meter,
            self.clock.monotonic,
            read,
            self._meter_health_changed,
        )
        board = next(evse for evse in self.board.evses if evse.id == evse_id)
        return Feed(board, watch, lambda amps: self.runners[evse_id].post(to.OfferChanged(amps)))

    def _runner(self, evse_id: int | None) -> Runner:
        feed = self.supply.feeds[evse_id] if evse_id is not None else None
        rules = self.settings.session(feed.board if feed else None, self.csms.protocol)
        return Runner(Session(evse_id, rules, _Ids(self.store)), feed, self)

    @property
    def all_runners(self) -> tuple[Runner, ...]:
        return (*self.runners.values(), self.lobby)

    @property
    def is_restarting(self) -> bool:
        """Nothing begins any more: a restart is about to come, or waits until nothing runs."""
        return bool(self._refuses)

    def _begin_to_show(self) -> None:
        """Where there is something to show on."""

    # --- running -----------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until `stop`. Open transactions stay open: the next start resumes or ends them.

        Raises StoreError where something that must be kept could not be: energy stops with the process then.
        """
        self.store.set_meta(ORDERLY, None)
        self.supply.forget_transactions(self._startup.open_ids)
        self.supply.recompute()
        self._startup.end_strangers([None, *self.runners])
        self._warn_of_settings()
        self._safety_due_s = self.clock.monotonic() + SAFETY_WITHIN_S
        forget_clock = self.clock.on_set(self._wall_set)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for runner in self.all_runners:
                self.spawn(runner.run())
            for feed in self.supply.feeds.values():
                self.spawn(feed.meter.run())
            for place, (reader, evse_id) in enumerate(self._readers):
                self.spawn(self._read_tokens(place, reader, evse_id))
            self._begin_to_show()
            for loop in (self._listen, self.supply.run, self._settle, self._look_after):
                self.spawn(loop())
            for loop in (self._sample_aligned, self._keep_aligned):
                self.spawn(loop())
            try:
                await self._stopping.wait()
                self.supply.withdraw_all()
                self._note_registers()
                self.store.set_meta(ORDERLY, "1")
                self.store.flush()
            finally:
                forget_clock()
                for task in tuple(self._running):
                    task.cancel()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the rest until it ends or the station does. Its failure is the station's."""
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def stop(self) -> None:
        """End `run` in good order: permits are withdrawn, everything known is committed."""
        self._stopping.set()

    def _note_registers(self) -> None:
        for runner in self.runners.values():
            if runner.session.billed is not None and runner.feed is not None:
                self.recorder.note_register(runner.session.billed.id, runner.feed)

    def _warn_of_settings(self) -> None:
        if not self.settings.stops_on_ev_side_disconnect:
            _log.warning(
                "StopTxOnEVSideDisconnect is false: another EV may charge on an authorisation whose EV was unplugged"
            )
        if self.settings.authorization.offline_unknown:
            _log.warning("OfflineTxForUnknownIdEnabled is true: anybody may charge while the station is offline")

    # --- the safety process ------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        async for news in self.link.news():
            match news:
                case EvseFacts():
                    self._facts_seen(news)
                case SafetyConnected():
                    self._safety_due_s = None
                    self._safety_missing(False)
                    self.supply.renew()
                case SafetyDisconnected():
                    self._safety_missing(True)
                    self._facts.clear()
                    self.supply.contact_is(LimitContact.UNREADABLE)
                    for feed in self.supply.feeds.values():
                        feed.is_signalled = False
                    for runner in self.runners.values():
                        runner.post(to.SafetyLost())

    def _safety_missing(self, is_gone: bool) -> None:
        if is_gone is not self._is_safety_gone:
            self._is_safety_gone = is_gone
            self.events.emit("fault", id="safety_lost", active=is_gone)
            for evse_id in self.runners:
                self._note_faults(evse_id)
                self.csms.status_changed(evse_id, CONNECTOR)

    def faults_of(self, evse_id: int) -> list[str]:
        """Return every fault that stands at an EVSE, also those that the safety process does not see."""
        facts = self._facts.get(evse_id) or self.runners[evse_id].session.facts
        found = [fault for fault in facts.faults if fault in FAULTS] if facts is not None else []
        if self._is_safety_gone:
            found.insert(0, "safety_lost")
        if self.supply.feeds[evse_id].meter.is_lost:
            found.append("meter_lost")
        if self._is_full:
            found.append("storage_full")
        if self.book.is_worn(evse_id):
            found.append("contactor_worn")
        return found

    def _note_faults(self, evse_id: int) -> None:
        if evse_id in self._facts or self._is_safety_gone:  # else nothing is known yet of what stood before the start
            self.book.stands(evse_id, self.faults_of(evse_id))

    def _facts_seen(self, facts: EvseFacts) -> None:
        runner = self.runners.get(facts.evse_id)
        if runner is None or runner.feed is None:
            return
        old = self._facts.get(facts.evse_id)
        if old is not None and replace(facts, at_s=old.at_s) == old:
            return
        self._facts[facts.evse_id] = facts
        self.book.counts(facts)
        self._note_faults(facts.evse_id)
        self._tell_facts(old, facts)
        if facts.plug is PlugState.UNPLUGGED or (old is not None and old.run_id != facts.run_id):
            self.supply.phases_free(facts.evse_id)
        self.supply.contact_is(facts.limit_contact)
        feed, limits = runner.feed, (facts.cable_a, facts.thermal_a)
        feed.temperature_c = facts.temperature_c
        feed.is_signalled = facts.output is PilotOutput.X2
        if (feed.cable_a, feed.thermal_a) != limits:
            feed.cable_a, feed.thermal_a = limits
            self.supply.recompute()
        if facts.evse_id in self._settled:
            self._pass_on(runner, facts)

    def _pass_on(self, runner: Runner, facts: EvseFacts) -> None:
        """Hand facts to the session; an EV that has come is for the driver who waits without an EVSE."""
        comes = facts.plug is PlugState.PLUGGED and not runner.session.is_plugged
        comes = comes and runner.session.billed is None
        if comes and self.lobby.session.stage is Stage.AWAITING_EV and self._may_take_over(runner):
            handover, _ = self.lobby.session.release(self.clock.monotonic())
            runner.post(to.HandedOver(handover))
        runner.post(to.FactsSeen(facts))

    def _may_take_over(self, runner: Runner) -> bool:
        """Whether an EVSE whose EV is there, or just comes, is free for a driver who authorised where none was known."""
        session = runner.session
        is_anothers = session.authorization is not None or session.keeps_cable or runner.has_business_waiting
        return not is_anothers and session.stage is not Stage.ASKING and not self.gate(runner.evse_id).refuses

    def _tell_facts(self, old: EvseFacts | None, new: EvseFacts) -> None:
        emit, evse = self.events.emit, new.evse_id
        pilot = (new.pilot, new.output, new.duty_pct)
        if old is None or (old.pilot, old.output, old.duty_pct) != pilot:
            emit(
                "pilot", evse=evse, state=new.pilot.value, output=new.output.value, duty_pct=new.duty_pct,
                offered_a=new.signalled_a, high_v=new.high_v, low_v=new.low_v,
            )  # fmt: skip
        if old is None or old.contactor is not new.contactor:
            emit("contactor", evse=evse, state=new.contactor.value)
        if old is None or old.lock is not new.lock:
            emit("lock", evse=evse, state=new.lock.value)
        before = set(old.faults) if old is not None else set()
        for fault in sorted(set(new.faults) ^ before):
            emit("fault", evse=evse, id=fault, active=fault in new.faults)

    # --- starting ----------------------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Decide what becomes of what was open, EVSE by EVSE, then let business begin there."""
        async with asyncio.TaskGroup() as group:
            for runner in self.all_runners:
                group.create_task(self._settle_one(runner))
        self._startup.close_orphans()
        for runner in self.runners.values():
            await runner.until(_has_facts(runner), None)
        self._has_settled.set()

    async def _settle_one(self, runner: Runner) -> None:
        evse_id, feed = runner.evse_id, runner.feed
        if feed is not None:
            await feed.meter.first_answer()
        arrival = Arrival(
            runner,
            lambda: self._facts.get(evse_id) if evse_id is not None else None,
            lambda: self.settings.resumption(feed.board if feed else None, self.csms.protocol),
        )
        await self._startup.settle(arrival)
        self._settled.add(evse_id)
        runner.look_again()
        self.lobby.look_again()
        if evse_id is not None and (facts := self._facts.get(evse_id)) is not None:
            self._pass_on(runner, facts)

    # --- cards ---------------------------------------------------------------------------------------------------------------

    async def _read_tokens(self, place: int, reader: TokenReader, evse_id: int | None) -> None:
        """Take tokens from one reader; open it again after it has gone."""
        problems = self.reader_problems
        try:
            while True:
                try:
                    read = await reader.read()
                except DeviceError as error:
                    if not problems[place]:
                        _log.warning("%s", error)
                        self.events.emit("fault", id="reader_lost", active=True, evse=evse_id, detail=str(error))
                    problems[place] = str(error)
                    self._note_readers()
                    await asyncio.sleep(REOPEN_READER_S)
                    continue
                if problems[place]:
                    problems[place] = ""
                    self.events.emit("fault", id="reader_lost", active=False, evse=evse_id)
                self._note_readers()
                self._presented(read, place, evse_id)
        finally:
            await reader.close()

    def _note_readers(self) -> None:
        self.book.stands(None, ["reader_lost"] if any(self.reader_problems) else [])

    def _presented(self, event: Presented, place: int, evse_id: int | None) -> None:
        """Take what was held to a reader. place: the reader's in the board file, from 0."""
        if isinstance(event, TokenRefused):
            text = f"refused: {event.why}"
            _log.info("reader %d: token: %s", place + 1, text)
            self.last_token = LastToken(evse_id, text, self.clock.monotonic(), is_refused=True)
            self.events.emit("token", evse=evse_id, text=text, reader=place + 1)
            return
        token = IdToken(event.value, IdTokenType(event.kind))
        self.events.emit("token", evse=evse_id, text=f"presented: {token.redacted}", reader=place + 1)
        self.place_of(token, evse_id).post(to.TokenPresented(token))

    def place_of(self, token: IdToken, evse_id: int | None) -> Runner:
        """Return whose business a token is. evse_id: of the reader; None where it serves all EVSEs."""
        if evse_id is not None:
            return self.runners[evse_id]
        for runner in self.all_runners:
            given = runner.session.authorization
            if given is not None and token.same_as(given.id_token):
                return runner
            if runner.session.keeps_cable_for(token):
                return runner
        if len(self.runners) == 1:
            return next(iter(self.runners.values()))
        waiting = [r for r in self.runners.values() if r.session.stage in (Stage.AWAITING_DRIVER, Stage.FINISHED)]
        if waiting:
            return max(
                waiting, key=lambda runner: (runner.session.stage is Stage.AWAITING_DRIVER, runner.plugged_at or 0.0)
            )
        known = self.authorizer.known(token)
        group = known.info.group if known is not None else None
        for runner in self.runners.values():
            given = runner.session.authorization
            if group and given is not None and given.group == group:
                return runner
        return self.lobby

    def answered_without_evse(self, answer: to.AuthorizationAnswered) -> to.AuthorizationAnswered | to.AnswerMoved:
        """Find out where the answer to a token that was presented without an EVSE belongs; return what remains for that place.

        To a running session of the token's group, which it stops (C01.FR.03, 1.6 §3.4); else to an EV that came meanwhile.
        """
        if not answer.is_accepted or answer.ask is not to.AskFor.START:
            return answer
        for runner in self.runners.values():
            given = runner.session.authorization
            if answer.group and given is not None and given.group == answer.group:
                return self._move(replace(answer, ask=to.AskFor.STOP), runner)
        came = [runner for runner in self.runners.values() if self._has_come(runner) and self._may_take_over(runner)]
        if came and not answer.is_master:
            return self._move(replace(answer, is_moved=True), max(came, key=lambda runner: runner.plugged_at or inf))
        return answer

    def _has_come(self, runner: Runner) -> bool:
        """Whether an EV is there that has not had its session, even if the machine is only about to hear of it."""
        facts = self._facts.get(runner.evse_id) if runner.evse_id is not None else None
        is_new = runner.session.stage in (Stage.FREE, Stage.AWAITING_DRIVER)
        return is_new and facts is not None and facts.plug is PlugState.PLUGGED

    def _move(self, answer: to.AuthorizationAnswered, runner: Runner) -> to.AnswerMoved:
        runner.post(answer)
        return to.AnswerMoved(answer.id_token, f"EVSE {runner.evse_id}")

    # --- what runners share ----------------------------------------------------------------------------------------------------

    def gate(self, evse_id: int | None) -> to.GateChanged:
        if why := self._why_nothing_begins(evse_id):
            return to.GateChanged(False, why)
        meter = self.supply.feeds[evse_id].meter if evse_id is not None else None
        if meter is not None and meter.exists and meter.is_stale:
            return to.GateChanged(False, f"waiting for the energy meter: {meter.problem}", is_brief=True)
        return to.GateChanged(True)

    def _why_nothing_begins(self, evse_id: int | None) -> str:
        if evse_id not in self._settled or (evse_id is None and not self._settled.issuperset(self.runners)):
            return "the station is starting"  # who comes without an EVSE might be of one whose past is not known yet
        if self._refuses and not (self._lets_finish and self._has_transaction(evse_id)):
            return self._refuses
        if not self.is_available(evse_id, CONNECTOR if evse_id is not None else None):
            return "out of service (set by ChangeAvailability)"
        if not self._has_room(evse_id):
            return "the storage is full: nothing begins that could not be recorded"
        if not self._was_accepted and not self.settings.charges_before_accepted:
            return "the CSMS has not accepted this station yet (TxBeforeAcceptedEnabled is false)"
        meter = self.supply.feeds[evse_id].meter if evse_id is not None else None
        if meter is not None and meter.exists and not meter.has_answered:
            return f"no answer from the energy meter yet: {meter.problem}".rstrip(": ")
        if meter is not None and meter.is_lost:  # the next driver would pay what the last one drew unseen
            return f"the energy meter is lost: {meter.problem}"
        return ""

    def _has_room(self, evse_id: int | None) -> bool:
        """Whether something that begins could be recorded, and what was before it is."""
        has_room = self.store.has_space()
        if self.recorder.owes(evse_id):
            self.recorder.settle()
            has_room = has_room and not self.recorder.owes(evse_id)
        return has_room

    def _note_fullness(self) -> None:
        """Tell when the store becomes full or has room again: a fault of every EVSE, since nothing begins there."""
        is_full = not self.store.has_space()
        if is_full is self._is_full:
            return
        self._is_full = is_full
        _log.log(logging.ERROR if is_full else logging.WARNING, "the storage %s", "is full" if is_full else "has room")
        self.events.emit("fault", id="storage_full", active=is_full)
        if is_full:
            self.csms.security_event(SecurityEventType.MEMORY_EXHAUSTION, FAULTS["storage_full"].title)
        for evse_id in self.runners:
            self._note_faults(evse_id)
            self.csms.status_changed(evse_id, CONNECTOR)

    def _has_transaction(self, evse_id: int | None) -> bool:
        runner = self.lobby if evse_id is None else self.runners[evse_id]
        return runner.session.billed is not None

    def is_available(self, evse_id: int | None, connector_id: int | None) -> bool:
        """Operative (not the same as free): the persistent setting, not a fault."""
        places = [(0, 0)]
        if evse_id is not None:
            places.append((evse_id, 0))
            if connector_id is not None:
                places.append((evse_id, connector_id))
        return all(self._availability.get(place, True) for place in places)

    def billing_changed(self) -> None:
        """A transaction has begun or ended: its register is to be noted, or not any more."""
        self._cares.set()

    def status_changed(self, evse_id: int) -> None:
        runner = self.runners[evse_id]
        session = runner.session
        if not session.is_plugged:
            runner.plugged_at = None
        elif runner.plugged_at is None:
            runner.plugged_at = self.clock.monotonic()
        self.csms.status_changed(evse_id, CONNECTOR)
        self.events.emit("status", evse=evse_id, stage=session.stage.value, charging_state=session.charging_state.value)

    def stop_everywhere(self, effect: to.StopEverywhere) -> None:
        for runner in self.all_runners:
            stop = to.StopAsked(Trigger.STOP_AUTHORIZED, StopReason.MASTER_PASS, id_token=effect.id_token)
            runner.post(stop)  # C16.FR.02

    def look_again(self) -> None:
        """Something that decides whether business may begin has changed."""
        for runner in self.all_runners:
            runner.look_again()

    def rules_changed(self) -> None:
        for runner in self.all_runners:
            board = runner.feed.board if runner.feed is not None else None
            runner.post(to.RulesChanged(self.settings.session(board, self.csms.protocol)))
        self.supply.recompute()

    def _variable_changed(self, key: str) -> None:
        if key.casefold().startswith(_OBEYED):
            self.rules_changed()
        if key.casefold().startswith(_METERED):
            self._look_at_calendar()
            self.look_again()  # the next periodic values may be due earlier

    def _wall_set(self) -> None:
        self._look_at_calendar()
        self.supply.recompute()

    def _look_at_calendar(self) -> None:
        """What is aligned to the clock may be due at another moment than was thought."""
        self._calendar_changed.set()
        self._calendar_changed = asyncio.Event()

    def _meter_health_changed(self) -> None:
        self.supply.recompute()
        for evse_id in self.runners:
            self._note_faults(evse_id)
            self.csms.status_changed(evse_id, CONNECTOR)
        self.look_again()

    def _limit_changed(self, evse_id: int, offer: Offer) -> None:
        self.events.emit(
            "limit", evse=evse_id, offered_a=offer.current_a, binding=offer.binding.name, why=offer.binding.why
        )

    # --- what comes round --------------------------------------------------------------------------------------------------------

    async def _look_after(self) -> None:
        """Flush in time what may wait, the registers of what runs with it, so that no more than that is lost to a power cut;
        look now and then for room in the store; miss the safety process that never came.
        """
        limits, look_s = self.store.limits, self.clock.monotonic()
        note_every_s = max(limits.flush_every_s, 2 * _FLUSH_EARLY_S)
        note_s: float | None = None
        self.store.on_waiting(self._cares.set)
        while True:
            self._cares.clear()
            now = self.clock.monotonic()
            if not any(runner.session.billed is not None for runner in self.runners.values()):
                note_s = None
            elif note_s is None:
                note_s = now + note_every_s
            if _is_past(self._flush_by_s, now) or _is_past(note_s, now):
                note_s = now + note_every_s
                self._note_registers()
                try:
                    self.store.flush()
                except StorageFull as error:
                    _log.error("what was to be kept lazily is lost: %s", error)
            if _is_past(look_s, now):
                look_s = now + limits.look_every_s
                self.store.look_for_room()
                self.recorder.settle()
                self._forget_oldest()
                self._note_fullness()
                self.look_again()
            if _is_past(self._safety_due_s, now):
                self._safety_due_s = None
                self._safety_missing(True)
            times = (look_s, note_s, self._flush_by_s, self._safety_due_s)
            due = min(time for time in times if time is not None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - self.clock.monotonic())):
                    await self._cares.wait()

    @property
    def _flush_by_s(self) -> float | None:
        """When what waits is flushed here: before the next change that finds it overdue flushes it without the registers."""
        due = self.store.flush_due_s
        return due - _FLUSH_EARLY_S if due is not None else None

    def _forget_oldest(self) -> None:
        try:
            gone = self.store.forget_oldest()
        except StorageFull as error:
            _log.error("the archive cannot be made smaller: %s", error)
            return
        if gone is not None:
            _log.info("room is short: transaction %s, delivered whole, is no longer in the archive", gone)

    async def _sample_aligned(self) -> None:
        """Take clock-aligned meter values: in an event of the transaction where one runs, else by themselves (J01)."""
        while True:
            await self._next_aligned(lambda: self.settings.metering.aligned_interval_s)
            rules = self.settings.metering
            busy = any(runner.session.billed is not None for runner in self.all_runners)
            for runner in self.runners.values():
                if rules.aligned_only_idle and busy:
                    continue
                if not runner.report(Trigger.METER_VALUE_CLOCK) and runner.feed is not None:
                    self.recorder.sampled(runner.feed, rules.aligned, SampleContext.SAMPLE_CLOCK)

    async def _keep_aligned(self) -> None:
        """Take the clock-aligned meter values that a transaction's last message tells."""
        keeper = self.recorder.keeper
        while True:
            await self._next_aligned(lambda: keeper.rules.aligned_interval_s)
            for runner in self.runners.values():
                if runner.session.billed is not None and runner.feed is not None:
                    keeper.aligned(runner.session.billed.id, runner.feed)

    async def _next_aligned(self, interval_s: Callable[[], int]) -> None:
        """Wait for the next clock-aligned moment, whatever becomes of the interval and the clock meanwhile."""
        while True:
            now = self.clock.now().wall + _ALIGNED_EARLY  # what is due within this has been dealt with
            due = next_aligned(now, interval_s())
            nap_s = self.clock.longest_nap_s
            if due is not None:
                nap_s = min(nap_s, (due - now + _ALIGNED_EARLY).total_seconds())
            changed = self._calendar_changed
            try:
                async with asyncio.timeout(nap_s):
                    await changed.wait()
            except TimeoutError:
                if due is not None and self.clock.now().wall >= due - _ALIGNED_EARLY:
                    return


def _is_past(due_s: float | None, now: float) -> bool:
    return due_s is not None and now >= due_s


def _has_facts(runner: Runner) -> Callable[[], bool]:
    return lambda: runner.session.facts is not None
