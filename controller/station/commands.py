"""What a CSMS may ask of the station (`ocpp.ports.ChargingStation`). Methods that are not async only decide and note."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from controller.logic import session_events as to
from controller.logic.evse import FaultReset, LockState, LockWish
from controller.logic.faults import FAULTS
from controller.logic.profiles import ChargingProfile, ProfilePurpose
from controller.logic.records import StopReason, Trigger
from controller.logic.session import Stage
from controller.logic.status import Seen, connector_status
from controller.logic.values import AuthorizationStatus, IdToken, Measurand, Sample, SampleContext, TokenInfo
from controller.ocpp.dialect import BootReason
from controller.ocpp.ports import (
    Decision,
    EvseInfo,
    ResetKind,
    SecurityEventType,
    StartRequest,
    StatusReport,
    UnlockOutcome,
)
from controller.station.core import Core
from controller.station.recorder import CONNECTOR
from controller.station.runner import Runner
from controller.station.supply import STATION
from controller.store.exc import StorageFull

_log = logging.getLogger(__name__)

ANSWER_FIRST_S = 0.1  # a reset is answered before anything comes of it
END_WITHIN_S = 12.0  # for transactions to end at a reset: the machines need 10 s at most
DELIVER_WITHIN_S = 10.0  # for their last messages; then they wait in the queue (B12.FR.05)
UNLOCK_WITHIN_S = 8.0  # five tries of the motor
_WAITING_STAGES = (Stage.AWAITING_DRIVER, Stage.FINISHED, Stage.FREE)  # best first, for a start without an EVSE
_RESET_REASONS = {
    ResetKind.IMMEDIATE: StopReason.IMMEDIATE_RESET,
    ResetKind.SOFT: StopReason.REBOOT,
    ResetKind.ON_IDLE: StopReason.REBOOT,
}


class Commands(Core):
    @property
    def evses(self) -> tuple[EvseInfo, ...]:
        return tuple(
            EvseInfo(evse.id, 1, (evse.connector_type,), evse.hardware_max_a, evse.phases) for evse in self.board.evses
        )

    # --- start and stop ------------------------------------------------------------------------------------------------------

    def request_start(self, request: StartRequest) -> Decision:
        """F01, F02."""
        runner = self._place_to_start(request.evse_id)
        if runner is None or runner.feed is None:
            if request.evse_id is not None:
                return Decision(False, reason_code="UnknownEvse", detail=f"there is no EVSE {request.evse_id}")
            return Decision(False, reason_code="NoError", detail="no EVSE is free")
        if why := self._why_no_start(runner):
            return Decision(False, reason_code="Unspecified", detail=why)
        profile = request.profile
        if profile is not None and self._breaks_phases(profile, runner):
            return Decision(False, reason_code="InvalidSchedule", detail="the EVSE cannot use fewer phases")
        runner.await_profile(request.remote_start_id, profile)
        runner.post(to.RemoteStartAsked(request.id_token, request.remote_start_id, request.group, request.authorize))
        billed = runner.session.billed
        return Decision(True, transaction_id=billed.id if billed is not None else None)  # F01.FR.13

    def _place_to_start(self, evse_id: int | None) -> Runner | None:
        """Return the EVSE, or of all the one where somebody seems to wait (F01.FR.20, F02.FR.22)."""
        if evse_id is not None:
            return self.runners.get(evse_id)
        for stage in _WAITING_STAGES:
            for runner in self.runners.values():
                if runner.session.stage is stage and not self._why_no_start(runner):
                    return runner
        return None

    def _why_no_start(self, runner: Runner) -> str:
        session = runner.session
        gate = self.gate(runner.evse_id)
        if gate.refuses:
            return gate.why  # F01.FR.23
        if not session.is_linked:
            return "the safety process is not there"
        if session.stopping_faults:
            return f"fault {session.stopping_faults[0]}"
        if session.authorization is not None or session.stage is Stage.ENDING:
            return "a transaction is authorised there"  # F01.FR.24
        if session.stage is Stage.ASKING or runner.has_business_waiting:
            return "another token is being checked"
        return ""

    def request_stop(self, transaction_id: str) -> Decision:
        """F03.FR.07, F03.FR.08."""
        runner = self._runner_of(transaction_id)
        if runner is None:
            return Decision(False, reason_code="TxNotFound", detail="no such transaction is running")
        runner.post(to.StopAsked(Trigger.REMOTE_STOP, StopReason.REMOTE))
        return Decision(True)

    def _runner_of(self, transaction_id: str) -> Runner | None:
        for runner in self.all_runners:
            if runner.session.billed is not None and runner.session.billed.id == transaction_id:
                return runner
        return None

    def transaction_on(self, evse_id: int) -> str | None:
        runner = self.runners.get(evse_id)
        billed = runner.session.billed if runner is not None else None
        return billed.id if billed is not None else None

    def token_learned(self, id_token: IdToken, info: TokenInfo, transaction_id: str | None) -> None:
        """E05, C10.FR.05."""
        self.authorizer.learned(id_token, info)
        runner = self._runner_of(transaction_id) if transaction_id is not None else None
        if runner is None or transaction_id is None:
            return
        accepted = info.status is AuthorizationStatus.ACCEPTED
        if not accepted:
            self.events.emit("token", evse=runner.evse_id, text=f"the CSMS says {info.status.value}")
        elif info.group is not None:
            self._note_group(transaction_id, info.group)
        runner.post(to.TokenJudged(transaction_id, id_token, accepted, info.group))

    def _note_group(self, transaction_id: str, group: str) -> None:
        try:
            self.store.note_group(transaction_id, group)
        except StorageFull as error:
            _log.error("the group of transaction %s is not kept: %s", transaction_id, error)

    # --- reset -----------------------------------------------------------------------------------------------------------------

    def request_reset(self, kind: ResetKind, evse_id: int | None) -> Decision:
        """B11, B12. An EVSE's reset ends its transaction and clears what a fault has latched."""
        if evse_id is not None and evse_id not in self.runners:
            return Decision(False, reason_code="UnknownEvse")
        if self._refuses:
            return Decision(False, reason_code="Unspecified", detail=self._refuses)  # B11.FR.06
        runners = [self.runners[evse_id]] if evse_id is not None else list(self.all_runners)
        waits = kind is ResetKind.ON_IDLE and any(runner.session.billed is not None for runner in runners)
        if evse_id is None:
            self._refuses = "a reset is pending" if waits else "the station is about to restart"
            self._lets_finish = waits
            self.look_again()
            self._report_all()
        self.spawn(self._reset(kind, evse_id, runners, waits))
        return Decision(True, scheduled=waits)  # B12.FR.01, B12.FR.02

    async def _reset(self, kind: ResetKind, evse_id: int | None, runners: Sequence[Runner], waits: bool) -> None:
        await asyncio.sleep(ANSWER_FIRST_S)
        if waits:
            for runner in runners:
                await runner.until(_is_idle(runner), None)
        else:
            stop = to.StopAsked(Trigger.RESET_COMMAND, _RESET_REASONS[kind], ends_transaction=True)
            for runner in runners:
                if runner.session.in_use:
                    runner.post(stop)
            for runner in runners:
                await runner.until(_is_idle(runner), END_WITHIN_S)
        if evse_id is not None:
            for fault_id in runners[0].session.stopping_faults:
                self.link.send(FaultReset(evse_id, fault_id))
            return
        await self._delivered()
        self.restart_reason = BootReason.SCHEDULED_RESET if waits else BootReason.REMOTE_RESET
        self.csms.security_event(SecurityEventType.RESET, f"{kind.value}, asked for by the CSMS")
        _log.info("restarting: reset asked for by the CSMS")
        self.stop()

    async def _delivered(self) -> None:
        """Wait until the CSMS has everything, as long as it is there and not for ever."""
        waited = 0.0
        while self.csms.is_online and self.store.queued_count() and waited < DELIVER_WITHIN_S:
            await asyncio.sleep(0.2)
            waited += 0.2

    # --- availability ------------------------------------------------------------------------------------------------------------

    def change_availability(self, operative: bool, evse_id: int | None, connector_id: int | None) -> Decision:
        """G03, G04. Stored at once; what runs is finished first."""
        place = (evse_id or 0, connector_id or 0)
        if evse_id is not None and (evse_id not in self.runners or connector_id not in (None, CONNECTOR)):
            return Decision(False, reason_code="UnknownConnectorId")
        runners = [self.runners[evse_id]] if evse_id is not None else list(self.all_runners)
        waits = not operative and any(runner.session.in_use for runner in runners)
        if self._availability.get(place, True) is operative:
            return Decision(True, scheduled=waits)  # G03.FR.03, G04.FR.04
        self.store.set_availability(*place, operative)
        self._availability[place] = operative
        for runner in runners:
            runner.look_again()
        self._report_all()
        return Decision(True, scheduled=waits)  # G03.FR.05, G04.FR.06

    # --- the cable ---------------------------------------------------------------------------------------------------------------

    async def unlock(self, evse_id: int, connector_id: int, *, stops_transaction: bool) -> UnlockOutcome:
        """F05; 1.6 §5.18."""
        runner = self.runners.get(evse_id)
        if runner is None or connector_id != CONNECTOR or runner.feed is None:
            return UnlockOutcome.UNKNOWN_CONNECTOR
        if runner.feed.board.tethered or runner.feed.board.lock is None:
            return UnlockOutcome.NOT_SUPPORTED
        session = runner.session
        if session.authorization is not None or session.stage is Stage.ENDING:
            if not stops_transaction:
                return UnlockOutcome.ONGOING_AUTHORIZED_TRANSACTION  # F05.FR.02
            runner.post(to.StopAsked(Trigger.UNLOCK_COMMAND, StopReason.OTHER, ends_transaction=True))
            await runner.until(lambda: session.billed is None and session.authorization is None, END_WITHIN_S)
        elif session.keeps_cable:
            runner.post(to.CableReleased())
        self.link.send(LockWish(evse_id, False))  # F05.FR.06: also where no cable is seen
        opened = await runner.until(lambda: runner.lock_is(LockState.UNLOCKED, LockState.JAMMED), UNLOCK_WITHIN_S)
        if opened and runner.lock_is(LockState.UNLOCKED):
            return UnlockOutcome.UNLOCKED
        return UnlockOutcome.UNLOCK_FAILED

    # --- charging profiles ---------------------------------------------------------------------------------------------------------

    def set_profile(self, evse_id: int, profile: ChargingProfile) -> Decision:
        """K01: what only the station can judge; the rest was checked where the message was read."""
        if evse_id != STATION and evse_id not in self.runners:
            return Decision(False, reason_code="UnknownEvse")  # K01.FR.28
        if profile.purpose is ProfilePurpose.TX:
            running = self.transaction_on(evse_id)
            if running is None or profile.transaction_id not in (None, running):
                return Decision(False, reason_code="TxNotFound")  # K01.FR.09, K01.FR.33
            profile = replace(profile, transaction_id=running)
        places = self.runners.values() if evse_id == STATION else [self.runners[evse_id]]
        if any(self._breaks_phases(profile, runner) for runner in places):
            return Decision(False, reason_code="InvalidSchedule", detail="the EVSE cannot use fewer phases")
        self.supply.put_profile(evse_id, profile)
        return Decision(True)

    def clear_profiles(
        self, *, profile_id: int | None, evse_id: int | None, purpose: str | None, stack_level: int | None
    ) -> bool:
        def wanted(where: int, profile: ChargingProfile) -> bool:
            return (
                profile_id in (None, profile.id)
                and evse_id in (None, where)
                and purpose in (None, profile.purpose.value)
                and stack_level in (None, profile.stack_level)
            )

        return self.supply.remove_profiles(wanted)

    def _breaks_phases(self, profile: ChargingProfile, runner: Runner) -> bool:
        """Whether it asks for fewer phases than the EVSE can keep an EV to (K01.FR.43)."""
        assert runner.feed is not None
        asked = [period.phases for period in profile.periods if period.phases is not None]
        if not asked or min(asked) >= runner.feed.board.phases:
            return False
        return min(asked) != 1 or not runner.feed.can_switch_phases

    # --- what it shows ---------------------------------------------------------------------------------------------------------------

    def status(self, evse_id: int, connector_id: int) -> StatusReport:
        session = self.runners[evse_id].session
        fault = "safety_lost" if self._is_safety_gone else next(iter(session.stopping_faults), "")
        meter = self.supply.feeds[evse_id].meter
        if not fault and meter.is_lost:
            fault = "meter_lost"
        if not fault and self._is_full:
            fault = "storage_full"
        stops = fault not in ("meter_lost", "storage_full") or (fault == "storage_full" and not session.in_use)
        seen = Seen(
            stage=session.stage,
            charging_state=session.charging_state,
            in_use=session.in_use,
            is_operative=self.is_available(evse_id, connector_id),
            ev_has_left=session.ev_has_left,
            fault=fault if stops else "",
            awaits_reset=bool(self._refuses),
        )
        row = FAULTS.get(fault)
        info = row.title if row is not None else ""
        if not info and (session.ev_has_left or session.ended_at_ev_side):
            info = "EV side disconnected"  # 1.6 §4.9
        board = self.supply.feeds[evse_id].board
        return StatusReport(connector_status(seen), fault, info, is_vacant=session.ev_has_left and board.tethered)

    def samples(self, evse_id: int, measurands: tuple[Measurand, ...], context: SampleContext) -> tuple[Sample, ...]:
        feed = self.supply.feeds.get(evse_id)
        return self.recorder.samples(feed, measurands, context) if feed is not None else ()

    def report_transaction(self, evse_id: int | None, trigger: Trigger) -> bool:
        places = [self.runners[evse_id]] if evse_id in self.runners else list(self.runners.values())
        return any([runner.report(trigger) for runner in places])

    def registered(self, at: datetime | None) -> None:
        self._was_accepted = True
        self.rules_changed()  # the version spoken may be another
        self.look_again()

    async def settled(self) -> None:
        await self._has_settled.wait()

    def link_lost(self) -> None:
        """Nothing waits for the CSMS: sessions go on by the offline rules."""

    def _report_all(self) -> None:
        for evse_id in self.runners:
            self.csms.status_changed(evse_id, CONNECTOR)


def _is_idle(runner: Runner) -> Callable[[], bool]:
    return lambda: runner.session.billed is None and runner.session.authorization is None
