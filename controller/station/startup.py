"""What the station finds of its former life when it starts: open transactions go on or end, once the facts are known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from controller.clock import Clock
from controller.logic import session_events as to
from controller.logic.evse import EvseFacts, PlugState
from controller.logic.records import OpenTransaction, StopReason, Trigger
from controller.logic.resumption import End, Resume, ResumptionRules, awaits_time, decide
from controller.logic.session import STOP_LIMIT_S
from controller.logic.values import ClockQuality
from controller.station.recorder import Recorder
from controller.station.runner import Runner
from controller.store.boots import Certainty
from controller.store.store import Store

_log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.2
TIME_WITHIN_S = 60.0  # of our start: who vouches for the clock has done so by then, or is not there
OPEN_WITHIN_S = STOP_LIMIT_S  # of our start: whatever our predecessor had permitted is open by then


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is needed to decide at one EVSE (None: of those without). facts: its newest, None before the first."""

    runner: Runner
    facts: Callable[[], EvseFacts | None]
    rules: Callable[[], ResumptionRules]


class Startup:
    """was_orderly: the station had been stopped on purpose before this start."""

    def __init__(self, store: Store, recorder: Recorder, clock: Clock, *, was_orderly: bool) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._was_orderly = was_orderly
        self._open_by = clock.monotonic() + OPEN_WITHIN_S
        self._time_by = clock.monotonic() + TIME_WITHIN_S
        self._open = [_mended(transaction, store) for transaction in store.open_transactions()]
        self._resumed_sessions: set[str] = set()

    def close_orphans(self) -> None:
        """Close the sessions that nothing goes on in. After every EVSE's `settle`."""
        for session_id, _, _ in self._store.open_sessions():
            if session_id not in self._resumed_sessions:
                self._recorder.close_session(session_id)

    @property
    def open_ids(self) -> set[str]:
        return {transaction.id for transaction in self._open}

    def end_strangers(self, known: Collection[int | None]) -> None:
        """End what was open at an EVSE that this board does not have."""
        for transaction in self._open:
            if transaction.evse_id not in known:
                _log.warning("transaction %s was open on EVSE %s, which is gone", transaction.id, transaction.evse_id)
                register_wh = transaction.last_register_wh
                self._recorder.ended_before(
                    transaction.id,
                    Trigger.ABNORMAL_CONDITION,
                    StopReason.OTHER,
                    register_wh if register_wh is not None else transaction.start_register_wh,
                    True,
                    transaction.evse_id,
                    False,
                )

    async def settle(self, arrival: Arrival) -> None:
        """Decide about everything that was open at one EVSE, or where none was known, as soon as enough is known for it."""
        runner = arrival.runner
        mine = [transaction for transaction in self._open if transaction.evse_id == runner.evse_id]
        while not self._can_decide(arrival, mine):
            await _soon()
        if not mine:
            self._spend_plug(arrival)
            return
        if runner.feed is not None:
            await runner.feed.meter.refresh()  # where the contactor had to open first, only this register is final
        for superseded in mine[:-1]:  # two at once were never begun here: a damaged store
            self._end(superseded, arrival, decided=None)
        goes_on = self._decide(mine[-1], arrival)
        if not goes_on and arrival.runner.feed is not None:
            while not _plug_is_known(arrival):  # it may have been too late to wait for them before
                await _soon()
            self._spend_plug_of(mine[-1], arrival)

    def _can_decide(self, arrival: Arrival, mine: list[OpenTransaction]) -> bool:
        """Facts of the plug are needed unless it is too late anyway. What ends does so with an open contactor."""
        if mine and self._awaits_time(mine[-1], arrival):
            return False
        if arrival.runner.feed is None:
            return True
        if mine and isinstance(self._verdict(mine[-1], arrival), End):
            facts = arrival.facts()
            is_open = facts is not None and not facts.is_energised
            return is_open or self._clock.monotonic() >= self._open_by
        return _plug_is_known(arrival)

    def _awaits_time(self, transaction: OpenTransaction, arrival: Arrival) -> bool:
        """Whether all hangs on how long the power was gone, and that may be known in a moment."""
        now = self._clock.now()
        if now.monotonic_s >= self._time_by or not awaits_time(transaction.last_stamp, now, arrival.rules()):
            return False
        verdict = self._verdict(transaction, arrival)
        return not (isinstance(verdict, End) and verdict.reason is StopReason.EV_DISCONNECTED)

    def _verdict(self, transaction: OpenTransaction, arrival: Arrival) -> Resume | End:
        feed = arrival.runner.feed
        live_wh = feed.meter.register_wh if feed is not None and not feed.meter.is_stale else None
        return decide(
            transaction,
            arrival.facts(),
            live_wh,
            self._clock.now(),
            arrival.rules(),
            was_orderly=self._was_orderly,
        )

    def _decide(self, transaction: OpenTransaction, arrival: Arrival) -> bool:
        """Return whether it goes on."""
        verdict = self._verdict(transaction, arrival)
        if isinstance(verdict, End):
            self._end(transaction, arrival, verdict)
            return False
        session_id = transaction.session_id
        if session_id is None or self._store.has_losses(transaction.id):
            self._end(transaction, arrival, decided=None)
            return False
        _log.info("transaction %s goes on", transaction.id)
        self._resumed_sessions.add(session_id)
        billed = to.Billed(
            id=transaction.id,
            id_token=transaction.id_token,
            group=transaction.group,
            start_register_wh=transaction.start_register_wh,
            reported_state=transaction.charging_state,
        )
        since = self._clock.monotonic()
        if transaction.started.boot_id == self._clock.boot_id:
            since = transaction.started.monotonic_s
        arrival.runner.resume(
            to.Resumed(
                session_id=session_id,
                billed=billed,
                is_authorized=self._recorder.is_authorized(transaction.id),
                allows_energy=arrival.rules().allows_energy,
                facts=arrival.facts() if verdict.plug_is_known else None,
            ),
            since,
            self._store.wall_of(transaction.started),
        )
        return True

    def _end(self, transaction: OpenTransaction, arrival: Arrival, decided: End | None) -> None:
        facts = arrival.facts()
        is_plugged = facts is not None and facts.plug is PlugState.PLUGGED
        if decided is None:
            rules = arrival.rules()
            never = ResumptionRules(0.0, False, rules.ends_with_plug, rules.max_power_w)
            verdict = decide(transaction, None, None, self._clock.now(), never, was_orderly=self._was_orderly)
            assert isinstance(verdict, End)
            decided = verdict
        _log.warning("transaction %s does not go on: %s", transaction.id, decided.reason)
        self._recorder.ended_before(
            transaction.id,
            decided.trigger,
            decided.reason,
            decided.register_wh,
            decided.is_stale,
            transaction.evse_id,
            is_plugged,
        )

    def _spend_plug_of(self, transaction: OpenTransaction, arrival: Arrival) -> None:
        """The plug-in of a transaction that is over begins no other."""
        facts = arrival.facts()
        was_here = transaction.plug_run_id is not None
        is_plugged = facts is not None and facts.plug is PlugState.PLUGGED
        if facts is not None and was_here and is_plugged and not _is_another(transaction, facts):
            self._recorder.spend_plug(facts.evse_id, (facts.run_id, facts.plug_count))
            arrival.runner.post(to.PlugSpent(facts))

    def _spend_plug(self, arrival: Arrival) -> None:
        facts = arrival.facts()
        if facts is None or facts.plug is not PlugState.PLUGGED:
            return
        if self._recorder.plug_spent(facts.evse_id) == (facts.run_id, facts.plug_count):
            arrival.runner.post(to.PlugSpent(facts))


def _mended(transaction: OpenTransaction, store: Store) -> OpenTransaction:
    """Say when it was last heard of as well as it is known by now."""
    last = transaction.last_stamp
    if store.certainty_of(last) is not Certainty.MENDED:
        return transaction
    return replace(transaction, last_stamp=replace(last, wall=store.wall_of(last), quality=ClockQuality.TRUSTED))


def _plug_is_known(arrival: Arrival) -> bool:
    facts = arrival.facts()
    return facts is not None and facts.plug is not PlugState.UNKNOWN


def _is_another(transaction: OpenTransaction, facts: EvseFacts) -> bool:
    return facts.run_id == transaction.plug_run_id and facts.plug_count != transaction.plug_count


async def _soon() -> None:
    """Let a little time pass before looking again."""
    await asyncio.sleep(LOOK_AGAIN_S)
