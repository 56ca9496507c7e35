"""One charging session after another at one EVSE: who may charge, what is billed, when energy may flow.

A session runs from the first interaction to the last. A transaction is what is billed; when it begins and ends is the
policy of `transaction.py` over this machine's facts. The machine is sans-I/O: events in, effects out, in the order in which
they must be performed.

Rules that hold in every state:

* A permit stands only while the EV is plugged in, an authorisation stands, and a charging record for it is committed.
* An authorisation ends with the token that gave it or one of its group (C01.FR.03), with the transaction, with the plug unless
  StopTxOnEVSideDisconnect is false and a transaction runs, and when no EV comes within EVConnectionTimeOut (C01.FR.26). So the
  next car never charges on the last car's authorisation.
* A transaction that is to end withdraws the permit first; its last event is recorded when the contactor is proven open, so
  that its register is final. It waits for nobody but the contactor, and for that at most STOP_LIMIT_S.
* The reason it ended is the one that initiated its end: a card, long before the plug, is Local.
* Facts that arrive in any order never raise: every event is defined in every stage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from controller.logic import session_events as to
from controller.logic.billing import Billing, Ending
from controller.logic.cable import Cable
from controller.logic.energy import Energy
from controller.logic.evse import ContactorState, EvseFacts, PilotOutput, PilotState, PlugState
from controller.logic.records import Basis, ChargingState, EventKind, StopReason, Trigger
from controller.logic.session_events import AskFor, Authorization, Billed, SessionEffect, SessionEvent, SessionRules
from controller.logic.transaction import Supply, TxFacts, TxPoint, charging_state
from controller.logic.values import IdToken, IdTokenType

STOP_LIMIT_S = (
    10.0  # a lost station's contactor is open 8.5 s later; who is still not open then is a fault, not a reason to wait
)
WATCH_GAP_S = 10.0  # a restarted safety process that saw nothing for longer cannot vouch for the same car

NO_TOKEN = IdToken("", IdTokenType.NO_AUTHORIZATION)
_ASKING_PILOT = (PilotState.C, PilotState.D)


class Stage(StrEnum):
    """Where a session stands, for people and for the status."""

    FREE = "free"  # nobody has begun anything
    ASKING = "asking"  # a token was presented, its answer is awaited
    AWAITING_EV = "awaiting EV"  # authorised, not plugged in
    AWAITING_DRIVER = "awaiting driver"  # plugged in, nobody authorised
    AUTHORIZED = "authorized"  # plugged in and authorised: energy may flow
    ENDING = "ending"  # the transaction is over but for the contactor to open
    FINISHED = "finished"  # plugged in (or the cable is held), authorisation has ended


class Ids(Protocol):
    """Fresh identifiers, never used before."""

    def session(self) -> str: ...

    def record(self) -> str: ...

    def transaction(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why the machine moves. tells: a running transaction gets an event for it. ends: it ends by it in any case."""

    trigger: Trigger = Trigger.CHARGING_STATE_CHANGED
    reason: StopReason = StopReason.OTHER
    tells: bool = False
    ends: bool = False
    id_token: IdToken | None = None


_QUIET = _Cause()


class Session:
    """The machine of one EVSE. evse_id None: the place of those who authorised before any EVSE was known."""

    def __init__(self, evse_id: int | None, rules: SessionRules, ids: Ids) -> None:
        self.evse_id = evse_id
        self._rules = rules
        self._ids = ids
        self._effects: list[SessionEffect] = []
        self._billing = Billing()
        self._energy = Energy()
        self._cable = Cable()
        # of the world
        self._facts: EvseFacts | None = None
        self._is_linked = False
        self._lost_at: float | None = None
        self._is_plugged = False
        self._plug_key: tuple[str, int] | None = None
        self._bay_occupied = False
        self._gate = to.GateChanged(evse_id is None, "the station is starting")
        # of the driver
        self._authorization: Authorization | None = None
        self._asked: IdToken | None = None
        self._connect_by: float | None = None
        self._was_connected = False  # by this authorisation
        self._has_ended = False  # an authorisation or transaction, in this plug-in
        # of what we do about it
        self._session_id: str | None = None
        self._record_id: str | None = None
        self._has_permit = False
        self._state: ChargingState | None = None
        self._seen: object = None

    # --- what it shows -------------------------------------------------------------------------------------------------

    @property
    def stage(self) -> Stage:
        if self._billing.ending is not None:
            return Stage.ENDING
        if self._authorization is not None:
            return Stage.AUTHORIZED if self._is_plugged else Stage.AWAITING_EV
        if self._asked is not None:
            return Stage.ASKING
        if self._has_ended and (self._is_plugged or self._cable.kept_for is not None):
            return Stage.FINISHED
        return Stage.AWAITING_DRIVER if self._is_plugged else Stage.FREE

    @property
    def is_plugged(self) -> bool:
        return self._is_plugged

    @property
    def plug_key(self) -> tuple[str, int] | None:
        """Run id of the safety process and its plug counter, of this plug-in."""
        return self._plug_key

    @property
    def is_linked(self) -> bool:
        """Whether the safety process is there."""
        return self._is_linked

    @property
    def facts(self) -> EvseFacts | None:
        return self._facts

    @property
    def authorization(self) -> Authorization | None:
        return self._authorization

    @property
    def billed(self) -> Billed | None:
        return self._billing.open

    @property
    def session_id(self) -> str | None:
        return self._session_id

    @property
    def record_id(self) -> str | None:
        """The charging record of the permit that stands, else None."""
        return self._record_id if self._has_permit else None

    @property
    def charging_state(self) -> ChargingState:
        return self._state or ChargingState.IDLE

    @property
    def in_use(self) -> bool:
        """Whether a driver's business is under way that a change of availability must not interrupt."""
        return self._billing.open is not None or self._authorization is not None or self._asked is not None

    @property
    def ev_has_left(self) -> bool:
        """A transaction goes on, authorised, although its EV is unplugged (StopTxOnEVSideDisconnect = false)."""
        running = self._billing.is_running and self._authorization is not None
        return running and self._was_connected and not self._is_plugged

    @property
    def ended_at_ev_side(self) -> bool:
        """The EV's end was unplugged, and that ended what was authorised (StopTxOnEVSideDisconnect = true)."""
        ending = self._billing.ending
        ends_by_it = ending is not None and ending.reason is StopReason.EV_DISCONNECTED
        return not self._is_plugged and self._authorization is None and (ends_by_it or self.keeps_cable)

    @property
    def stopping_faults(self) -> tuple[str, ...]:
        return tuple(f for f in self._facts.faults if self._rules.stops_charging(f)) if self._facts else ()

    @property
    def keeps_cable(self) -> bool:
        return self._cable.kept_for is not None

    def keeps_cable_for(self, token: IdToken) -> bool:
        """Whether this token releases a cable that is kept locked for its owner."""
        kept_for = self._cable.kept_for
        return kept_for is not None and token.same_as(kept_for.id_token)

    def obstacles(self) -> tuple[str, ...]:
        """Return every reason why no energy flows, as this machine sees it, in plain words; empty where it may flow."""
        reasons = [] if self._is_linked else ["the safety process is not there"]
        if not self._gate.is_open:
            reasons.append(self._gate.why)
        reasons += [f"fault {fault}" for fault in self.stopping_faults]
        if not self._is_plugged:
            reasons.append("no EV is plugged in")
        if self._billing.ending is not None:
            reasons.append("the transaction is ending")
        elif self._authorization is None:
            reasons.append("waiting for the answer to a token" if self._asked else "nobody has authorised")
        if self._energy.barred:
            reasons.append(self._energy.barred)
        return tuple(reasons)

    @property
    def awaits_register(self) -> bool:
        """Whether something ends when the meter's register has come to a value."""
        return self._energy.awaits_register

    # --- in --------------------------------------------------------------------------------------------------------------

    def handle(self, event: SessionEvent, now: float) -> list[SessionEffect]:
        """Take an event; return what is to be done, in this order. now: monotonic seconds, never going back."""
        if isinstance(event, to.FactsSeen) and self._was_replugged(event.facts, now):
            self._turn(lambda: self._unplugged(now), now)
        self._turn(lambda: self._apply(event, now), now)
        return self._take()

    def deadline(self) -> float | None:
        """Return when `on_deadline` is next due."""
        ending = self._billing.ending
        times = (self._connect_by, ending.until if ending else None, self._energy.deadline())
        return min((time for time in times if time is not None), default=None)

    def on_deadline(self, now: float) -> list[SessionEffect]:
        self._turn(lambda: self._time_passed(now), now)
        return self._take()

    def release(self, now: float) -> tuple[to.Handover, list[SessionEffect]]:
        """Give the waiting session away to the EVSE where its EV has come. Only in stage AWAITING_EV."""
        assert self._authorization is not None and self._session_id is not None
        handover = to.Handover(self._session_id, self._authorization, self._billing.forget())
        self._authorization = self._session_id = self._connect_by = self._state = None
        self._turn(lambda: _QUIET, now)
        return handover, self._take()

    def _take(self) -> list[SessionEffect]:
        effects, self._effects = self._effects, []
        return effects

    def _apply(self, event: SessionEvent, now: float) -> _Cause:
        match event:
            case to.FactsSeen(facts):
                return self._facts_seen(facts, now)
            case to.SafetyLost():
                return self._safety_lost(now)
            case to.TokenPresented(id_token):
                return self._token_presented(id_token)
            case to.AuthorizationAnswered():
                return self._answered(event, now)
            case to.AnswerMoved():
                return self._answer_moved(event)
            case to.RemoteStartAsked():
                return self._remote_start(event, now)
            case to.StopAsked():
                return self._stop_asked(event)
            case to.TokenJudged():
                return self._judged(event)
            case to.RegisterRead(register_wh, power_w):
                self._energy.read(register_wh, power_w, now)
                self._billing.register_known(register_wh)
                return _Cause(reason=StopReason.STOPPED_BY_EV)
            case to.OfferChanged(current_a):
                self._energy.offer(current_a, now)
                return _QUIET
            case to.GateChanged():
                self._gate = event
                return _QUIET
            case to.BayChanged(is_occupied):
                self._bay_occupied = is_occupied
                trigger = Trigger.EV_DETECTED if is_occupied else Trigger.EV_DEPARTED
                return _Cause(trigger, StopReason.LOCAL, tells=True)
            case to.CableReleased():
                return self._let_go_of_cable()
            case to.RulesChanged(rules):
                self._rules = rules
                return _QUIET
            case to.HandedOver(handover):
                return self._handed_over(handover, now)
            case to.Resumed():
                return self._resumed(event, now)
            case to.PlugSpent(facts):
                self._see_plug(facts)
                self._has_ended = self._is_plugged
                self._billing.spend(frozenset({TxPoint.EV_CONNECTED}))
                return _QUIET

    # --- the plug and the safety process -------------------------------------------------------------------------------

    def _was_replugged(self, facts: EvseFacts, now: float) -> bool:
        """Whether another plug-in has happened that nobody saw."""
        if not self._is_plugged or facts.plug is not PlugState.PLUGGED or self._plug_key is None:
            return False
        run_id, count = self._plug_key
        if facts.run_id == run_id:
            return facts.plug_count != count
        return self._lost_at is not None and now - self._lost_at > WATCH_GAP_S

    def _see_plug(self, facts: EvseFacts) -> None:
        if self._facts is not None and self._facts.run_id != facts.run_id:
            self._cable.wishes_forgotten()
        self._facts, self._is_linked, self._lost_at = facts, True, None
        if facts.plug is not PlugState.UNKNOWN:  # unknown: what was last known is held
            self._is_plugged = facts.plug is PlugState.PLUGGED
            self._plug_key = (facts.run_id, facts.plug_count) if self._is_plugged else None

    def _facts_seen(self, facts: EvseFacts, now: float) -> _Cause:
        old, was_plugged = self._facts, self._is_plugged
        self._see_plug(facts)
        if facts.contactor is ContactorState.CLOSED and (old is None or old.contactor is not ContactorState.CLOSED):
            self._energy.contactor_closed(now)
        if self._has_permit and facts.pilot in _ASKING_PILOT and (old is None or old.pilot not in _ASKING_PILOT):
            self._energy.ask_again(now)  # it is our turn now: the contactor has its time to close
        if self._is_plugged and not was_plugged:
            return self._plugged_in()
        if was_plugged and not self._is_plugged:
            return self._unplugged(now)
        reason = next((r for f in facts.faults if (r := self._rules.reason_of(f)) is not None), None)
        if reason is not None and self._billing.is_running:
            self._end_authorization(reason)
            return _Cause(Trigger.ABNORMAL_CONDITION, reason, ends=True)  # E06.FR.16
        if self.stopping_faults:
            return _Cause(Trigger.ABNORMAL_CONDITION)
        left = old is not None and old.pilot in _ASKING_PILOT and facts.pilot is PilotState.B
        return _Cause(reason=StopReason.STOPPED_BY_EV if left else StopReason.OTHER)

    def _plugged_in(self) -> _Cause:
        self._connect_by = None
        self._was_connected = self._authorization is not None
        self._has_ended = False
        self._cable.wishes_forgotten()
        if self._authorization is not None:
            self._cable.kept_for = None  # its owner is here
        return _Cause(Trigger.CABLE_PLUGGED_IN, tells=True)

    def _unplugged(self, now: float) -> _Cause:
        self._is_plugged, self._plug_key = False, None
        self._energy.unplugged()
        given, rules = self._authorization, self._rules
        stays = (
            given is not None
            and given.basis is not Basis.FREE
            and self._billing.is_running
            and not rules.stop_on_ev_side_disconnect
            and not rules.policy.ends_with_plug
        )
        if not stays:
            self._end_authorization(StopReason.EV_DISCONNECTED)  # E09.FR.01
        elif rules.is_tethered:
            self._connect_by = self._time_limit(now)  # E10.FR.02 leaves the time to us: the same as for coming at first
        if given is not None and not rules.is_tethered and (stays or not rules.unlock_on_ev_side_disconnect):
            self._cable.kept_for = given  # E09.FR.03, E10.FR.01
        self._has_ended = self._has_ended and self._cable.kept_for is not None
        return _Cause(Trigger.EV_COMMUNICATION_LOST, StopReason.EV_DISCONNECTED, tells=True)

    def _safety_lost(self, now: float) -> _Cause:
        self._is_linked = False
        self._lost_at = now if self._lost_at is None else self._lost_at
        return _Cause(Trigger.ABNORMAL_CONDITION)

    # --- tokens and commands -------------------------------------------------------------------------------------------

    def _token_presented(self, token: IdToken) -> _Cause:
        given, kept_for, billed = self._authorization, self._cable.kept_for, self._billing.open
        if self._billing.ending is not None:
            return self._refuse("the transaction is just ending")
        if given is not None:
            if token.same_as(given.id_token) or given.id_token.kind is IdTokenType.NO_AUTHORIZATION:
                return self._stopped_by(token)  # C01.FR.03, E07.FR.01
            self._effects.append(to.Authorize(token, AskFor.STOP, given.group))
            return _QUIET
        came_back = self._is_plugged and not self._has_ended and kept_for is not None
        if kept_for is not None and not (came_back and token.same_as(kept_for.id_token)):
            if token.same_as(kept_for.id_token):
                return self._let_go_of_cable()
            self._effects.append(to.Authorize(token, AskFor.STOP, kept_for.group))
            return _QUIET
        if billed is not None and billed.id_token is not None and not token.same_as(billed.id_token):
            return self._refuse("another token's transaction is still open")  # C01.FR.23
        if self._asked is not None:
            return self._refuse("another token is being checked")
        if why := self._why_no_start():
            return self._refuse(why)
        self._asked = token
        self._effects.append(to.Authorize(token, AskFor.START))
        return _QUIET

    def _answered(self, event: to.AuthorizationAnswered, now: float) -> _Cause:
        if event.ask is AskFor.START and not event.is_moved:
            if not event.id_token.same_as(self._asked):
                return _QUIET  # the question has been overtaken
            self._asked = None
        if event.is_master:
            if event.is_accepted:
                self._effects.append(to.StopEverywhere(event.id_token))  # C16.FR.02
            return _QUIET  # C16.FR.03: it never starts one
        if event.ask is AskFor.STOP:
            return self._may_stop(event)
        why = event.why or "not accepted" if not event.is_accepted else self._why_no_start()
        if why or self._authorization is not None:
            return self._refuse(why or "the session is authorised already")
        if not event.is_remote:
            self._effects.append(to.Tell("token", "accepted"))
        given = Authorization(event.id_token, event.basis, event.group, event.remote_start_id, event.is_remote)
        return self._grant(given, now)

    def _answer_moved(self, event: to.AnswerMoved) -> _Cause:
        if event.id_token.same_as(self._asked):
            self._asked = None
            self._effects.append(to.Tell("token", f"is for {event.where}"))
        return _QUIET

    def _may_stop(self, event: to.AuthorizationAnswered) -> _Cause:
        holder = self._authorization or self._cable.kept_for
        if not event.is_accepted or holder is None or not holder.group or event.group != holder.group:
            return self._refuse(event.why or "another token's session is running here")
        return self._let_go_of_cable() if self._authorization is None else self._stopped_by(event.id_token)

    def _stopped_by(self, token: IdToken) -> _Cause:
        self._end_authorization(StopReason.LOCAL)
        self._cable.kept_for = None
        self._effects.append(to.Tell("token", "stops the session"))
        return _Cause(Trigger.STOP_AUTHORIZED, StopReason.LOCAL, tells=True, id_token=token)

    def _let_go_of_cable(self) -> _Cause:
        self._cable.kept_for = None
        self._effects.append(to.Tell("session", "the cable is released"))
        return _QUIET

    def _remote_start(self, event: to.RemoteStartAsked, now: float) -> _Cause:
        why = "the session is authorised already" if self._authorization else self._why_no_start()
        if why or self._billing.ending is not None:
            return self._refuse(why or "the transaction is just ending")
        if event.authorize:
            self._asked = event.id_token
            ask = to.Authorize(event.id_token, AskFor.START, None, event.remote_start_id, is_remote=True)
            self._effects.append(ask)
            return _QUIET
        self._asked = None
        given = Authorization(event.id_token, Basis.REMOTE, event.group, event.remote_start_id, is_remote=True)
        return self._grant(given, now)

    def _stop_asked(self, event: to.StopAsked) -> _Cause:
        self._asked = self._cable.kept_for = None
        self._end_authorization(event.reason)
        self._billing.authorization_ended(event.reason)
        ends = event.ends_transaction or self._rules.policy.ends_with_authorization  # F03.FR.03, B12.FR.04
        return _Cause(event.trigger, event.reason, tells=True, ends=ends, id_token=event.id_token)

    def _judged(self, event: to.TokenJudged) -> _Cause:
        billed, given = self._billing.open, self._authorization
        if billed is None or billed.id != event.transaction_id or given is None:
            return _QUIET
        if not event.id_token.same_as(given.id_token):
            return _QUIET
        if event.is_accepted:
            self._authorization = replace(given, group=event.group or given.group)
            self._billing.grouped(self._authorization.group)
            self._energy.unbar()
            return _QUIET
        if not self._rules.stop_on_invalid_id:
            self._billing.stop_reason = StopReason.DE_AUTHORIZED
            self._energy.allow(billed.start_register_wh, self._rules.max_energy_on_invalid_wh or 0)  # E05.FR.02, .03
            return _Cause(reason=StopReason.DE_AUTHORIZED)
        self._end_authorization(StopReason.DE_AUTHORIZED)
        if self._is_plugged and not self._rules.is_tethered:
            self._cable.kept_for = given  # E05.FR.11
        policy = self._rules.policy
        ends = policy.ends_with_authorization or TxPoint.ENERGY_TRANSFER in policy.stop  # E05.FR.10
        return _Cause(Trigger.DEAUTHORIZED, StopReason.DE_AUTHORIZED, tells=True, ends=ends)

    # --- time ----------------------------------------------------------------------------------------------------------

    def _time_passed(self, now: float) -> _Cause:
        self._energy.time_passed(now)
        if self._connect_by is None or now < self._connect_by:
            return _Cause(reason=StopReason.STOPPED_BY_EV)
        policy = self._rules.policy
        self._end_authorization(StopReason.TIMEOUT)  # C01.FR.26, E10.FR.02
        self._effects.append(to.Tell("session", "no EV was plugged in in time"))
        if self._was_connected:
            ends = policy.ends_with_authorization
        else:
            ends = TxPoint.PARKING_BAY_OCCUPANCY not in policy.stop  # E03.FR.05, E03.FR.15, F02.FR.07, F02.FR.08
        return _Cause(Trigger.EV_CONNECT_TIMEOUT, StopReason.TIMEOUT, tells=True, ends=ends)

    def _time_limit(self, now: float) -> float | None:
        return now + self._rules.connection_timeout_s if self._rules.connection_timeout_s > 0 else None

    # --- carried over --------------------------------------------------------------------------------------------------

    def _handed_over(self, handover: to.Handover, now: float) -> _Cause:
        if self._authorization is not None or self._billing.open is not None:
            return self._handed_in_vain(handover)
        if self._session_id is not None:
            self._effects.append(to.CloseSession(self._session_id))
        self._session_id, self._authorization = handover.session_id, handover.authorization
        self._billing.take_over(handover.billed, handover.authorization)
        self._was_connected = False
        self._connect_by = self._time_limit(now)
        return _QUIET

    def _handed_in_vain(self, handover: to.Handover) -> _Cause:
        """Somebody else's business began here first: what was begun for the one who comes ends."""
        if handover.billed is not None:
            trigger, reason = Trigger.ABNORMAL_CONDITION, StopReason.OTHER
            ended = to.RecordEvent(
                handover.billed.id,
                handover.session_id,
                EventKind.ENDED,
                trigger,
                ChargingState.IDLE,
                stopped_reason=reason,
            )
            self._effects.append(ended)
        self._effects.append(to.CloseSession(handover.session_id))
        return self._refuse("another token's session is running here")

    def _resumed(self, event: to.Resumed, now: float) -> _Cause:
        billed = event.billed
        self._session_id, self._state = event.session_id, billed.reported_state
        self._billing.take_over(billed, None)
        if event.facts is not None:
            self._see_plug(event.facts)
        if event.is_authorized and billed.id_token is not None:
            self._authorization = Authorization(billed.id_token, Basis.RESUMED, billed.group)
            self._was_connected = self._is_plugged
            self._connect_by = None if self._is_plugged else self._time_limit(now)
        else:
            self._has_ended = billed.id_token is not None
        if not event.allows_energy:
            self._energy.barred = "energy does not resume after an interruption (TxCtrlr.AllowEnergyTransferResumption)"
        return _QUIET

    # --- what follows ----------------------------------------------------------------------------------------------------

    def _turn(self, happens: Callable[[], _Cause], now: float) -> None:
        """Let one thing happen, then do everything that follows from it."""
        before, had_transaction = self._tx_facts(), self._billing.open is not None
        cause = happens()
        self._grant_where_free(now)
        if self._session_id is None and self._is_occupied():
            self._session_id = self._ids.session()
            self._effects.append(to.OpenSession(self._session_id))
        grants = self._follow_permit(cause, now)
        self._state = charging_state(self._supply())
        if self._billing.is_running:
            after = self._tx_facts()
            if cause.ends or after.is_abandoned or self._rules.policy.stopping_point(before, after) is not None:
                self._begin_ending(cause, now)
                grants = self._follow_permit(cause, now)
                self._state = charging_state(self._supply())
            elif had_transaction:
                self._update_transaction(cause)
        self._finish_ending(now)
        self._billing.follow(self._tx_facts())
        self._begin_transaction(cause)
        self._effects.extend(grants)
        self._follow_lock()
        if self._session_id is not None and not self._is_occupied():
            self._effects.append(to.CloseSession(self._session_id))
            self._session_id = None
        self._follow_status()

    def _tx_facts(self) -> TxFacts:
        return TxFacts(
            bay_occupied=self._bay_occupied,
            ev_connected=self._is_plugged,
            authorized=self._authorization is not None,
            energy_flows=self._state is ChargingState.CHARGING,
        )

    def _supply(self) -> Supply:
        facts = self._facts
        return Supply(
            connected=self._is_plugged,
            authorized=self._authorization is not None,
            offers=self._has_permit and self._energy.is_offered and not self.stopping_faults,
            signals=self._is_linked and facts is not None and facts.output is PilotOutput.X2,
            asks=facts is not None and facts.pilot in _ASKING_PILOT,
            closed=self._is_linked and facts is not None and facts.contactor is ContactorState.CLOSED,
            flows=self._energy.flows,
            patience_over=self._energy.is_patience_over,
            previous=self._state,
        )

    def _why_no_start(self) -> str:
        if self._gate.refuses:
            return self._gate.why
        if self.evse_id is not None and not self._is_linked:
            return "the safety process is not there"
        return next((f"fault {fault}" for fault in self.stopping_faults), "")

    def _refuse(self, why: str) -> _Cause:
        self._effects.append(to.Tell("token", f"refused: {why}", is_refusal=True))
        return _QUIET

    def _grant(self, given: Authorization, now: float) -> _Cause:
        self._authorization = given
        self._billing.authorized(given)
        self._energy.unbar()
        self._has_ended, self._cable.kept_for = False, None
        self._was_connected = self._is_plugged
        self._connect_by = None if self._is_plugged else self._time_limit(now)
        return _Cause(Trigger.AUTHORIZED, tells=True)

    def _grant_where_free(self, now: float) -> None:
        """Where nobody needs to authorise, the plug-in does: once, until the next."""
        if self._rules.authorization_required or self._authorization is not None or not self._is_plugged:
            return
        if not self._has_ended and self._billing.ending is None and not self._why_no_start():
            self._grant(Authorization(NO_TOKEN, Basis.FREE), now)

    def _end_authorization(self, reason: StopReason) -> None:
        if self._authorization is None:
            return
        if self._billing.is_running and self._billing.open is not None:
            self._effects.append(to.NoteAuthorizationEnded(self._billing.open.id))
        self._billing.authorization_ended(reason)
        self._authorization = self._record_id = self._connect_by = None
        self._has_ended = True
        self._energy.unbar()

    def _is_occupied(self) -> bool:
        return self._is_plugged or self._bay_occupied or self.in_use or self._cable.kept_for is not None

    def _follow_permit(self, cause: _Cause, now: float) -> list[SessionEffect]:
        """Withdraw at once, or commit what a permit needs and return the grant: it goes out last."""
        given = self._authorization
        wants = (
            self._is_linked
            and self._is_plugged
            and self._billing.ending is None
            and not self._energy.barred
            and (self._gate.is_open or self._record_id is not None)
        )
        if given is None or not wants or self._session_id is None:
            if self._has_permit:
                self._has_permit = False
                self._effects.append(to.WithdrawPermit(cause.trigger.value))
            return []
        if self._has_permit:
            return []
        self._has_permit = True
        self._energy.ask_again(now)
        if self._record_id is None:
            self._record_id = self._ids.record()
            running = self._billing.open.id if self._billing.open else None
            record = to.CommitRecord(self._record_id, self._session_id, given.basis, given.id_token, running)
            self._effects.append(record)
        return [to.GrantPermit(self._record_id)]

    def _begin_transaction(self, cause: _Cause) -> None:
        if self._billing.open is not None or self._session_id is None:
            return
        if not self._gate.is_open or self._why_no_start():
            return
        facts = self._tx_facts()
        point = self._rules.policy.starting_point(facts, self._billing.spent)
        if point is None:
            return
        given = self._authorization
        billed = Billed(
            id=self._ids.transaction(),
            id_token=given.id_token if given else None,
            group=given.group if given else None,
            start_register_wh=self._energy.register_wh,
        )
        event = self._billing.start(billed, point, facts, cause.trigger, self.charging_state, self._session_id)
        self._effects.append(replace(event, record_id=self._record_id))

    def _update_transaction(self, cause: _Cause) -> None:
        billed = self._billing.open
        assert billed is not None and self._session_id is not None
        if cause.tells or self.charging_state is not billed.reported_state:
            trigger = cause.trigger if cause.tells else Trigger.CHARGING_STATE_CHANGED
            event = self._billing.update(trigger, self.charging_state, self._session_id, cause.id_token)
            self._effects.append(event)

    def _begin_ending(self, cause: _Cause, now: float) -> None:
        reason = self._billing.stop_reason or cause.reason
        self._end_authorization(reason)  # it ends with the transaction
        until = now + STOP_LIMIT_S
        self._billing.ending = Ending(cause.trigger, reason, cause.id_token, until, self._plug_key)

    def _finish_ending(self, now: float) -> None:
        ending = self._billing.ending
        if ending is None or self._session_id is None:
            return
        if self._facts is not None and self._facts.is_energised and now < ending.until:
            return
        event = self._billing.finish(self._tx_facts(), self._plug_key, self._session_id)
        self._effects.append(event)
        if ending.plug_key == self._plug_key:
            self._has_ended = self._is_plugged or self._cable.kept_for is not None

    def _follow_lock(self) -> None:
        if self._rules.is_tethered or self.evse_id is None:
            return
        wish = self._cable.wish(
            is_plugged=self._is_plugged,
            is_authorized=self._authorization is not None,
            has_ended=self._has_ended,
            is_ending=self._billing.ending is not None,
        )
        if wish is not None:
            self._effects.append(to.WishLock(wish))

    def _follow_status(self) -> None:
        faults = self._facts.faults if self._facts else ()
        seen = (self.stage, self._is_plugged, self._is_linked, self._state, self.in_use, self._gate.is_open, faults)
        if seen != self._seen:
            self._seen = seen
            self._effects.append(to.ReportStatus())
