"""The session machine: who may charge, what is billed, why it ended."""

from __future__ import annotations

import dataclasses

import pytest

from controller.logic import session_events as to
from controller.logic.evse import ContactorState, PilotState, PlugState
from controller.logic.records import Basis, ChargingState, EventKind, StopReason, Trigger
from controller.logic.session import Stage
from controller.logic.session_events import RecordEvent
from controller.logic.values import IdToken, IdTokenType
from tests.logic.driving import ANNA, BERT, Drive, events_in, rules

K, T, R, S = EventKind, Trigger, StopReason, ChargingState


def brief(effects: list[object]) -> list[tuple[EventKind, Trigger, ChargingState]]:
    return [(e.kind, e.trigger, e.charging_state) for e in effects if isinstance(e, RecordEvent)]


def charging(drive: Drive) -> Drive:
    drive.plug_in()
    drive.swipe()
    drive.charge()
    assert drive.machine.charging_state is S.CHARGING
    return drive


# --- the beginning -------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1", "E01.FR.05", "E01.FR.10", "E02.FR.01", "C01.FR.01")
def test_cable_first_begins_with_the_token_and_commits_before_the_permit() -> None:
    drive = Drive()
    assert not events_in(drive.plug_in())
    assert drive.permit is None
    effects = drive.swipe()
    (started,) = events_in(effects)
    assert brief(effects) == [(K.STARTED, T.AUTHORIZED, S.EV_CONNECTED)]
    assert started.id_token == ANNA and started.record_id == drive.permit
    order = [type(e) for e in effects if isinstance(e, to.CommitRecord | RecordEvent | to.GrantPermit)]
    assert order == [to.CommitRecord, RecordEvent, to.GrantPermit]
    assert brief(drive.charge()) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.CHARGING)]


@pytest.mark.ocpp("2.0.1", "E03.FR.01")
def test_token_first_begins_at_the_plug_and_names_the_token() -> None:
    drive = Drive()
    assert not events_in(drive.swipe())
    assert drive.machine.stage is Stage.AWAITING_EV
    effects = drive.plug_in()
    assert brief(effects) == [(K.STARTED, T.CABLE_PLUGGED_IN, S.EV_CONNECTED)]
    assert events_in(effects)[0].id_token == ANNA


@pytest.mark.ocpp("2.0.1", "E01.FR.02", "E02.FR.06", "E02.FR.17", "E02.FR.20")
def test_ev_connected_starts_before_anybody_authorised() -> None:
    drive = Drive(rules("EVConnected", "EVConnected"))
    assert brief(drive.plug_in()) == [(K.STARTED, T.CABLE_PLUGGED_IN, S.EV_CONNECTED)]
    effects = drive.swipe()
    assert brief(effects) == [(K.UPDATED, T.AUTHORIZED, S.EV_CONNECTED)]
    assert events_in(effects)[0].id_token == ANNA
    assert drive.committed[drive.permit or ""].transaction_id == "tx-1"


@pytest.mark.ocpp("2.0.1", "E01.FR.03", "E03.FR.12")
def test_authorized_starts_before_the_plug() -> None:
    drive = Drive(rules("Authorized", "Authorized"))
    assert brief(drive.swipe()) == [(K.STARTED, T.AUTHORIZED, S.IDLE)]
    assert brief(drive.plug_in()) == [(K.UPDATED, T.CABLE_PLUGGED_IN, S.EV_CONNECTED)]


@pytest.mark.ocpp("2.0.1", "E01.FR.06", "TC_E_02_CS")
def test_energy_transfer_starts_when_energy_flows() -> None:
    drive = Drive(rules("EnergyTransfer", "EVConnected"))
    drive.plug_in()
    assert not events_in(drive.swipe())
    assert drive.permit is not None
    effects = drive.charge()
    assert brief(effects) == [(K.STARTED, T.CHARGING_STATE_CHANGED, S.CHARGING)]
    assert events_in(effects)[0].id_token == ANNA and events_in(effects)[0].record_id == drive.permit


@pytest.mark.ocpp("2.0.1", "E01.FR.01", "E06.FR.01", "TC_E_19_CS")
def test_parking_bay_starts_and_ends_it() -> None:
    drive = Drive(rules("ParkingBayOccupancy", "ParkingBayOccupancy"))
    assert brief(drive.send(to.BayChanged(True))) == [(K.STARTED, T.EV_DETECTED, S.IDLE)]
    drive.plug_in()
    drive.swipe()
    drive.swipe()
    drive.unplug()
    (ended,) = events_in(drive.send(to.BayChanged(False)))
    assert (ended.kind, ended.trigger, ended.stopped_reason) == (K.ENDED, T.EV_DEPARTED, R.LOCAL)


def test_a_refused_token_starts_nothing_and_is_told() -> None:
    drive = Drive()
    drive.plug_in()
    effects = drive.swipe(accepted=False)
    assert not events_in(effects) and drive.permit is None
    assert to.Tell("token", "refused: Invalid", is_refusal=True) in effects


def test_where_nobody_need_authorise_the_plug_does_once() -> None:
    drive = Drive(rules(authorization_required=False))
    effects = drive.plug_in()
    assert events_in(effects)[0].id_token == IdToken("", IdTokenType.NO_AUTHORIZATION)
    assert next(iter(drive.committed.values())).basis is Basis.FREE
    drive.send(to.StopAsked(T.REMOTE_STOP, R.REMOTE))
    assert drive.permit is None and drive.machine.stage is Stage.FINISHED
    drive.unplug()
    drive.plug_in()
    assert drive.permit is not None and drive.started == ["tx-1", "tx-2"]


# --- remote start ----------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1", "F01.FR.02", "F01.FR.19", "F01.FR.25", "F02.FR.01")
def test_remote_start_with_the_cable_in() -> None:
    drive = Drive()
    drive.plug_in()
    (started,) = events_in(drive.send(to.RemoteStartAsked(ANNA, 7, None, authorize=False)))
    assert (started.trigger, started.remote_start_id, started.id_token) == (T.REMOTE_START, 7, ANNA)
    assert drive.committed[drive.permit or ""].basis is Basis.REMOTE


@pytest.mark.ocpp("2.0.1", "F02.FR.21", "F02.FR.05")
def test_remote_start_first_is_told_as_the_cause_at_the_plug() -> None:
    drive = Drive(rules("EVConnected", "EVConnected"))
    drive.send(to.RemoteStartAsked(ANNA, 7, None, authorize=False))
    (started,) = events_in(drive.plug_in())
    assert (started.trigger, started.remote_start_id) == (T.REMOTE_START, 7)
    assert brief(drive.charge()) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.CHARGING)]


@pytest.mark.ocpp("2.0.1", "F01.FR.01", "F02.FR.09")
def test_remote_start_that_must_be_authorised_asks_first() -> None:
    drive = Drive()
    drive.plug_in()
    effects = drive.send(to.RemoteStartAsked(ANNA, 7, None, authorize=True))
    assert to.Authorize(ANNA, to.AskFor.START, None, 7, is_remote=True) in effects and drive.permit is None
    answer = to.AuthorizationAnswered(ANNA, to.AskFor.START, True, remote_start_id=7, is_remote=True)
    (started,) = events_in(drive.send(answer))
    assert (started.trigger, started.remote_start_id) == (T.REMOTE_START, 7)


# --- the end ---------------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1", "C01.FR.03", "E07.FR.01", "E07.FR.02", "E06.FR.03", "TC_E_15_CS")
def test_same_token_stops_without_asking_and_ends_when_the_contactor_is_open() -> None:
    drive = charging(Drive())
    effects = drive.send(to.TokenPresented(IdToken(ANNA.value.lower())))
    assert not any(isinstance(e, to.Authorize) for e in effects)
    assert drive.permit is None and not events_in(effects)
    (ended,) = events_in(drive.open_contactor())
    assert (ended.kind, ended.trigger, ended.stopped_reason) == (K.ENDED, T.STOP_AUTHORIZED, R.LOCAL)
    assert ended.charging_state is S.EV_CONNECTED and ended.id_token == IdToken(ANNA.value.lower())
    assert to.WishLock(False) in drive.effects[-4:]


@pytest.mark.ocpp("2.0.1", "C01.FR.03")
def test_a_token_of_the_same_group_stops_another_does_not() -> None:
    drive = Drive()
    drive.plug_in()
    drive.swipe(ANNA, group="family")
    drive.charge()
    drive.swipe(BERT, group="other")
    assert drive.permit is not None
    effects = drive.send(to.TokenPresented(BERT))
    assert to.Authorize(BERT, to.AskFor.STOP, "family") in effects
    drive.send(to.AuthorizationAnswered(BERT, to.AskFor.STOP, True, group="family"))
    assert drive.permit is None
    assert events_in(drive.open_contactor())[0].id_token == BERT


@pytest.mark.ocpp("2.0.1", "TC_C_04_CS")
def test_a_different_token_without_a_group_never_stops() -> None:
    drive = charging(Drive())
    drive.swipe(BERT)
    assert drive.permit is not None and not drive.ended


def test_a_contactor_that_will_not_open_does_not_hold_the_end_for_ever() -> None:
    drive = charging(Drive())
    drive.send(to.TokenPresented(ANNA))
    effects = drive.wait(10.0)
    assert [e.kind for e in events_in(effects)] == [K.ENDED]


@pytest.mark.ocpp("2.0.1", "E06.FR.02", "E06.FR.08")
def test_unplugging_ends_with_ev_disconnected() -> None:
    drive = charging(Drive(rules("PowerPathClosed", "EVConnected")))
    (ended,) = events_in(drive.unplug())
    assert (ended.trigger, ended.stopped_reason, ended.charging_state) == (
        T.EV_COMMUNICATION_LOST,
        R.EV_DISCONNECTED,
        S.IDLE,
    )
    assert drive.machine.stage is Stage.FREE


@pytest.mark.ocpp("2.0.1", "E06.FR.02", "TC_E_14_CS")
def test_the_reason_is_what_initiated_the_end() -> None:
    drive = charging(Drive(rules("PowerPathClosed", "EVConnected")))
    effects = drive.send(to.TokenPresented(ANNA))
    assert brief(effects) == [(K.UPDATED, T.STOP_AUTHORIZED, S.CHARGING)]
    assert brief(drive.open_contactor()) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.EV_CONNECTED)]
    (ended,) = events_in(drive.unplug())
    assert (ended.trigger, ended.stopped_reason) == (T.EV_COMMUNICATION_LOST, R.LOCAL)


@pytest.mark.ocpp("2.0.1", "F03.FR.02", "F03.FR.03", "TC_E_21_CS")
@pytest.mark.parametrize("stop", ["Authorized", "PowerPathClosed", "EVConnected"])
def test_remote_stop(stop: str) -> None:
    drive = charging(Drive(rules("PowerPathClosed", stop)))
    effects = drive.send(to.StopAsked(T.REMOTE_STOP, R.REMOTE)) + drive.open_contactor()
    assert drive.permit is None
    events = events_in(effects)
    assert events[0].trigger is T.REMOTE_STOP
    if stop == "EVConnected":
        assert events[0].kind is K.UPDATED
        events = events_in(drive.unplug())
    assert (events[-1].kind, events[-1].stopped_reason) == (K.ENDED, R.REMOTE)


@pytest.mark.ocpp("2.0.1", "E06.FR.07")
def test_energy_transfer_as_stop_point_ends_when_the_ev_pauses() -> None:
    drive = charging(Drive(rules("PowerPathClosed", "EnergyTransfer")))
    (ended,) = events_in(drive.open_contactor())
    assert (ended.trigger, ended.stopped_reason) == (T.CHARGING_STATE_CHANGED, R.STOPPED_BY_EV)


@pytest.mark.ocpp("2.0.1", "E06.FR.16")
def test_a_latched_fault_ends_the_transaction_with_its_reason() -> None:
    drive = charging(Drive())
    drive.see(faults=("rcd_trip",))
    (ended,) = events_in(drive.see(contactor=ContactorState.OPEN))
    assert (ended.trigger, ended.stopped_reason) == (T.ABNORMAL_CONDITION, R.GROUND_FAULT)


def test_a_passing_fault_suspends_and_goes_on() -> None:
    drive = charging(Drive())
    effects = drive.see(faults=("under_voltage",), contactor=ContactorState.OPEN)
    assert brief(effects) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.SUSPENDED_EVSE)]
    drive.see(faults=())
    assert brief(drive.charge()) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.CHARGING)]


@pytest.mark.ocpp("2.0.1", "B12.FR.04", "B12.FR.08", "TC_B_22_CS")
def test_an_immediate_reset_ends_whatever_the_stop_points() -> None:
    drive = charging(Drive(rules("PowerPathClosed", "EVConnected")))
    drive.send(to.StopAsked(T.RESET_COMMAND, R.IMMEDIATE_RESET, ends_transaction=True))
    (ended,) = events_in(drive.open_contactor())
    assert (ended.kind, ended.trigger, ended.stopped_reason) == (K.ENDED, T.RESET_COMMAND, R.IMMEDIATE_RESET)
    assert ended.id_token is None and ended.charging_state is S.EV_CONNECTED


def test_several_transactions_in_one_plug_in() -> None:
    drive = charging(Drive())
    drive.swipe()
    drive.open_contactor()
    assert drive.machine.stage is Stage.FINISHED
    drive.swipe(BERT)
    drive.charge()
    assert drive.started == ["tx-1", "tx-2"] and drive.ended == ["tx-1"]
    assert len(drive.committed) == 2


def test_a_plug_that_stays_does_not_begin_a_second_transaction() -> None:
    drive = charging(Drive(rules("EVConnected", "Authorized")))
    drive.swipe()
    drive.open_contactor()
    drive.wait(3600)
    assert drive.started == drive.ended == ["tx-1"]


# --- nobody comes ----------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1", "E03.FR.05", "F02.FR.07", "C01.FR.26", "TC_E_39_CS")
def test_no_ev_in_time_ends_the_transaction() -> None:
    drive = Drive(rules("Authorized", "EVConnected"))
    drive.swipe()
    (ended,) = events_in(drive.wait(60.0))
    assert (ended.kind, ended.trigger, ended.stopped_reason) == (K.ENDED, T.EV_CONNECT_TIMEOUT, R.TIMEOUT)
    assert drive.machine.authorization is None
    assert not events_in(drive.plug_in()) and drive.permit is None


@pytest.mark.ocpp("2.0.1", "E03.FR.15", "F02.FR.08")
def test_no_ev_in_time_only_deauthorises_where_the_bay_decides() -> None:
    drive = Drive(rules("ParkingBayOccupancy", "ParkingBayOccupancy"))
    drive.send(to.BayChanged(True))
    drive.swipe()
    (updated,) = events_in(drive.wait(60.0))
    assert (updated.kind, updated.trigger) == (K.UPDATED, T.EV_CONNECT_TIMEOUT)
    assert drive.machine.authorization is None


# --- the EV's end comes off ------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1", "E09.FR.01", "E09.FR.02", "TC_E_24_CS")
def test_ev_side_disconnect_deauthorises_and_unlocks() -> None:
    drive = charging(Drive(rules("PowerPathClosed", "Authorized")))
    (ended,) = events_in(drive.unplug())
    assert (ended.trigger, ended.stopped_reason) == (T.EV_COMMUNICATION_LOST, R.EV_DISCONNECTED)
    assert drive.effects[-3:].count(to.WishLock(False)) == 1
    drive.plug_in()
    assert drive.permit is None


@pytest.mark.ocpp("2.0.1", "E09.FR.03", "TC_E_25_CS")
def test_ev_side_disconnect_keeps_the_cable_for_its_owner() -> None:
    drive = charging(Drive(rules("PowerPathClosed", "Authorized", unlock_on_ev_side_disconnect=False)))
    drive.unplug()
    assert drive.ended and to.WishLock(False) not in drive.effects
    assert drive.machine.stage is Stage.FINISHED
    drive.send(to.TokenPresented(BERT))
    assert to.WishLock(False) not in drive.effects
    assert to.WishLock(False) in drive.send(to.TokenPresented(ANNA))
    assert drive.machine.stage is Stage.FREE and drive.machine.session_id is None


@pytest.mark.ocpp("2.0.1", "E10.FR.01", "E06.FR.03")
def test_a_transaction_can_outlive_the_plug() -> None:
    drive = charging(Drive(rules("PowerPathClosed", "Authorized", stop_on_ev_side_disconnect=False)))
    assert brief(drive.unplug()) == [(K.UPDATED, T.EV_COMMUNICATION_LOST, S.IDLE)]
    assert drive.permit is None
    assert brief(drive.plug_in()) == [(K.UPDATED, T.CABLE_PLUGGED_IN, S.EV_CONNECTED)]
    assert drive.permit is not None
    drive.charge()
    drive.unplug()
    (ended,) = events_in(drive.swipe())
    assert ended.stopped_reason is R.LOCAL and to.WishLock(False) in drive.effects[-4:]


@pytest.mark.ocpp("2.0.1", "E10.FR.02", "TC_E_27_CS")
def test_with_a_fixed_cable_the_ev_must_come_back_in_time() -> None:
    drive = charging(Drive(rules("PowerPathClosed", "Authorized", stop_on_ev_side_disconnect=False, is_tethered=True)))
    drive.unplug()
    (ended,) = events_in(drive.wait(60.0))
    assert (ended.trigger, ended.stopped_reason) == (T.EV_CONNECT_TIMEOUT, R.TIMEOUT)
    assert not any(isinstance(e, to.WishLock) for e in drive.effects)


def test_the_next_car_never_charges_on_the_last_cars_authorisation() -> None:
    for stop in ("Authorized", "EVConnected", "PowerPathClosed", "EnergyTransfer"):
        for start in ("Authorized", "EVConnected", "PowerPathClosed", "EnergyTransfer"):
            drive = charging(Drive(rules(start, stop)))
            drive.unplug()
            drive.plug_in()
            drive.see(pilot=PilotState.C)
            assert drive.permit is None and drive.machine.authorization is None


def test_an_unseen_replug_ends_the_authorisation() -> None:
    drive = charging(Drive())
    drive.see(plug_count=drive.facts.plug_count + 1, pilot=PilotState.B, contactor=ContactorState.OPEN)
    assert drive.permit is None and drive.ended == ["tx-1"]
    assert drive.machine.is_plugged and drive.machine.authorization is None


# --- the CSMS does not accept the token (E05) --------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1", "E05.FR.10", "E05.FR.11", "C15.FR.04", "TC_E_16_CS")
def test_invalid_id_stops_the_transaction_and_keeps_the_cable() -> None:
    drive = charging(Drive())
    drive.send(to.TokenJudged("tx-1", ANNA, is_accepted=False))
    assert drive.permit is None
    (ended,) = events_in(drive.open_contactor())
    assert (ended.trigger, ended.stopped_reason) == (T.DEAUTHORIZED, R.DE_AUTHORIZED)
    assert to.WishLock(False) not in drive.effects
    assert to.WishLock(False) in drive.send(to.TokenPresented(ANNA))


@pytest.mark.ocpp("2.0.1", "E05.FR.09")
def test_invalid_id_deauthorises_where_only_the_plug_ends() -> None:
    drive = charging(Drive(rules("PowerPathClosed", "EVConnected")))
    effects = drive.send(to.TokenJudged("tx-1", ANNA, is_accepted=False))
    assert brief(effects) == [(K.UPDATED, T.DEAUTHORIZED, S.CHARGING)]
    assert brief(drive.open_contactor()) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.EV_CONNECTED)]
    assert drive.permit is None and not drive.ended


@pytest.mark.ocpp("2.0.1", "E05.FR.02")
def test_invalid_id_without_stop_suspends() -> None:
    drive = charging(Drive(rules(stop_on_invalid_id=False)))
    effects = drive.send(to.TokenJudged("tx-1", ANNA, is_accepted=False))
    assert brief(effects) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.SUSPENDED_EVSE)]
    assert drive.permit is None and drive.machine.authorization is not None
    drive.send(to.TokenJudged("tx-1", ANNA, is_accepted=True))
    assert drive.permit is not None


@pytest.mark.ocpp("2.0.1", "E05.FR.03")
def test_invalid_id_may_have_its_allowance() -> None:
    drive = Drive(rules(stop_on_invalid_id=False, max_energy_on_invalid_wh=500))
    drive.send(to.RegisterRead(1000, 0.0))
    charging(drive)
    drive.send(to.TokenJudged("tx-1", ANNA, is_accepted=False))
    drive.send(to.RegisterRead(1499, 7000.0))
    assert drive.permit is not None
    effects = drive.send(to.RegisterRead(1500, 7000.0))
    assert drive.permit is None
    assert brief(effects) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.SUSPENDED_EVSE)]


# --- master pass -------------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1", "C16.FR.02", "C16.FR.03")
def test_master_pass_stops_everything_and_starts_nothing() -> None:
    drive = Drive()
    drive.plug_in()
    drive.send(to.TokenPresented(BERT))
    effects = drive.send(to.AuthorizationAnswered(BERT, to.AskFor.START, True, is_master=True))
    assert to.StopEverywhere(BERT) in effects and drive.permit is None and not drive.started
    drive.swipe()
    drive.charge()
    drive.send(to.StopAsked(T.STOP_AUTHORIZED, R.MASTER_PASS, id_token=BERT))
    (ended,) = events_in(drive.open_contactor())
    assert (ended.stopped_reason, ended.id_token) == (R.MASTER_PASS, BERT)


# --- limits, meters, the EV's own pauses ---------------------------------------------------------------------------------------


def test_a_limit_of_zero_suspends_and_does_not_end() -> None:
    drive = charging(Drive())
    effects = drive.send(to.OfferChanged(0.0))
    assert brief(effects) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.SUSPENDED_EVSE)]
    assert drive.permit is not None
    drive.open_contactor()
    drive.send(to.OfferChanged(10.0))
    assert brief(drive.charge()) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.CHARGING)]


def test_an_ev_that_takes_nothing_is_suspended_by_itself() -> None:
    drive = charging(Drive())
    drive.send(to.RegisterRead(10, 7000.0))
    drive.send(to.RegisterRead(20, 3.0))
    assert brief(drive.wait(15.0)) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.SUSPENDED_EV)]
    assert brief(drive.send(to.RegisterRead(21, 3000.0))) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.CHARGING)]


def test_an_ev_that_does_not_begin_is_told_after_its_patience() -> None:
    drive = Drive()
    drive.plug_in()
    drive.swipe()
    assert brief(drive.wait(9.9)) == []
    assert brief(drive.wait(0.2)) == [(K.UPDATED, T.CHARGING_STATE_CHANGED, S.SUSPENDED_EV)]


def test_an_ev_that_asks_again_is_not_told_to_wait_for_us_while_the_contactor_closes() -> None:
    drive = charging(Drive())
    drive.wait(60.0)
    drive.open_contactor()
    drive.wait(60.0)
    drive.see(pilot=PilotState.C)
    drive.wait(3.0)
    drive.see(contactor=ContactorState.CLOSED)
    assert [event.charging_state for event in events_in(drive.effects)][-2:] == [S.SUSPENDED_EV, S.CHARGING]


# --- the safety process ------------------------------------------------------------------------------------------------------


def test_a_lost_safety_process_suspends_and_the_same_record_goes_on() -> None:
    drive = charging(Drive())
    record = drive.permit
    effects = drive.send(to.SafetyLost())
    assert drive.permit is None and brief(effects)[0][2] is S.SUSPENDED_EVSE
    drive.now += 2.0
    drive.see(run_id="run-2", plug=PlugState.UNKNOWN, pilot=PilotState.INVALID, contactor=ContactorState.UNKNOWN)
    drive.see(plug=PlugState.PLUGGED, pilot=PilotState.B, plug_count=1, contactor=ContactorState.OPEN)
    assert drive.permit == record and not drive.ended


def test_a_safety_process_that_was_away_too_long_cannot_vouch_for_the_car() -> None:
    drive = charging(Drive())
    drive.send(to.SafetyLost())
    drive.now += 30.0
    drive.see(run_id="run-2", plug_count=1, pilot=PilotState.B, contactor=ContactorState.OPEN)
    assert drive.permit is None and drive.ended == ["tx-1"]


def test_an_unknown_plug_is_held() -> None:
    drive = charging(Drive())
    drive.see(plug=PlugState.UNKNOWN, pilot=PilotState.F)
    assert drive.machine.is_plugged


# --- gate --------------------------------------------------------------------------------------------------------------------


def test_a_closed_gate_refuses_new_business_and_leaves_the_running() -> None:
    drive = charging(Drive())
    drive.send(to.GateChanged(False, "the store is full"))
    assert drive.permit is not None
    drive.swipe()
    drive.open_contactor()
    effects = drive.send(to.TokenPresented(BERT))
    assert to.Tell("token", "refused: the store is full", is_refusal=True) in effects
    drive.unplug()
    drive.plug_in()
    assert drive.permit is None and len(drive.started) == 1
    assert "the store is full" in drive.machine.obstacles()


def test_a_start_that_was_held_up_by_the_gate_happens_when_it_opens() -> None:
    drive = Drive(rules("EVConnected", "EVConnected"))
    drive.send(to.GateChanged(False, "inoperative"))
    assert not events_in(drive.plug_in())
    assert brief(drive.send(to.GateChanged(True))) == [(K.STARTED, T.CABLE_PLUGGED_IN, S.EV_CONNECTED)]


def test_a_transaction_that_lost_its_driver_before_any_ev_came_ends_at_any_stop_point() -> None:
    """Nothing could end it any more, and the next car would be taken for its own."""
    for lose in (
        lambda drive: drive.send(to.TokenPresented(ANNA)),
        lambda drive: drive.send(to.TokenJudged("tx-1", ANNA, False)),
    ):
        drive = Drive(rules("Authorized", "EVConnected"))
        drive.swipe(ANNA)
        assert drive.started == ["tx-1"]
        lose(drive)
        assert drive.ended == ["tx-1"] and drive.machine.billed is None
        drive.plug_in()
        drive.swipe(BERT)
        assert drive.started == ["tx-1", "tx-2"] and drive.permit is not None


@pytest.mark.parametrize("start", ["EVConnected", "Authorized", "PowerPathClosed"])
def test_who_comes_in_a_brief_pause_is_let_in_and_waits(start: str) -> None:
    drive = Drive(rules(start, "EVConnected"))
    drive.send(to.GateChanged(False, "waiting for the energy meter", is_brief=True))
    drive.plug_in()
    drive.swipe()
    assert drive.machine.stage is Stage.AUTHORIZED and drive.permit is None and not drive.started
    assert drive.machine.obstacles() == ("waiting for the energy meter",)
    drive.send(to.GateChanged(True))
    assert drive.permit is not None and drive.started == ["tx-1"]


def test_a_pause_that_turns_out_long_refuses() -> None:
    drive = Drive()
    drive.plug_in()
    drive.send(to.GateChanged(False, "the energy meter is lost"))
    drive.swipe()
    assert drive.machine.stage is Stage.AWAITING_DRIVER and not drive.started


# --- no EVSE yet, and after a restart ------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1", "E03.FR.11")
def test_a_transaction_without_an_evse_is_handed_to_the_one_where_the_ev_comes() -> None:
    lobby = Drive(rules("Authorized", "Authorized,EVConnected"), evse_id=None)
    lobby.swipe()
    assert lobby.started == ["tx-1"]
    handover, effects = lobby.machine.release(lobby.now)
    assert not any(isinstance(e, to.CloseSession) for e in effects) and lobby.machine.stage is Stage.FREE
    drive = Drive(rules("Authorized", "Authorized,EVConnected"))
    drive.started.append("tx-1")
    drive.send(to.HandedOver(handover))
    effects = drive.plug_in()
    assert brief(effects) == [(K.UPDATED, T.CABLE_PLUGGED_IN, S.EV_CONNECTED)]
    assert drive.permit is not None and not any(isinstance(e, to.OpenSession) for e in drive.effects)
    drive.charge()
    drive.swipe()
    assert events_in(drive.open_contactor())[0].kind is K.ENDED


def test_a_hand_over_to_a_place_that_has_just_been_taken_ends_what_was_begun() -> None:
    lobby = Drive(rules("Authorized", "Authorized,EVConnected"), evse_id=None)
    lobby.swipe()
    handover, _ = lobby.machine.release(lobby.now)
    drive = charging(Drive(rules("Authorized", "Authorized,EVConnected")))
    drive.started.append("tx-lobby")
    assert handover.billed is not None
    taken = dataclasses.replace(handover, billed=dataclasses.replace(handover.billed, id="tx-lobby"))
    (ended,) = events_in(drive.send(to.HandedOver(taken)))
    assert (ended.transaction_id, ended.kind, ended.stopped_reason) == ("tx-lobby", K.ENDED, R.OTHER)
    assert to.CloseSession(handover.session_id) in drive.effects
    assert drive.machine.billed is not None and drive.machine.billed.id == "tx-1" and drive.permit is not None


def test_a_session_without_an_evse_times_out() -> None:
    lobby = Drive(rules("Authorized", "Authorized"), evse_id=None)
    lobby.swipe()
    assert events_in(lobby.wait(60.0))[0].stopped_reason is R.TIMEOUT
    assert isinstance(lobby.effects[-2], to.CloseSession)


def resumed(drive: Drive, *, allows_energy: bool = True, is_authorized: bool = True) -> list[object]:
    drive.started.append("tx-9")
    drive.facts = drive.facts.__class__(
        **{
            **{name: getattr(drive.facts, name) for name in drive.facts.__slots__},
            "plug": PlugState.PLUGGED,
            "pilot": PilotState.B,
            "plug_count": 4,
        }
    )
    billed = to.Billed("tx-9", ANNA, None, 100, S.CHARGING)
    return list(drive.send(to.Resumed("session-9", billed, is_authorized, allows_energy, drive.facts)))


def test_a_resumed_transaction_gets_a_fresh_record_and_permit() -> None:
    drive = Drive()
    effects = resumed(drive)
    record = next(e for e in effects if isinstance(e, to.CommitRecord))
    assert (record.basis, record.transaction_id) == (Basis.RESUMED, "tx-9")
    assert drive.permit == record.record_id and not events_in(effects)  # type: ignore[arg-type]
    drive.see()
    drive.charge()
    drive.swipe()
    assert events_in(drive.open_contactor())[0].stopped_reason is R.LOCAL


def test_a_resumed_transaction_without_leave_for_energy_stays_suspended() -> None:
    drive = Drive()
    effects = resumed(drive, allows_energy=False)
    assert drive.permit is None
    drive.see()
    assert drive.machine.charging_state is S.SUSPENDED_EVSE and effects
    drive.swipe()
    assert drive.ended == ["tx-9"]


def test_a_plug_in_that_had_its_transaction_before_the_restart_has_no_second() -> None:
    drive = Drive(rules("EVConnected", "Authorized"))
    drive.facts = drive.facts.__class__(
        **{
            **{name: getattr(drive.facts, name) for name in drive.facts.__slots__},
            "plug": PlugState.PLUGGED,
            "pilot": PilotState.B,
            "plug_count": 4,
        }
    )
    drive.send(to.PlugSpent(drive.facts))
    drive.see()
    assert not drive.started and drive.machine.stage is Stage.FINISHED
    drive.swipe(BERT)
    assert drive.permit is not None
    assert drive.started == ["tx-1"], "no energy without a transaction, although TxStartPoint is spent"


@pytest.mark.ocpp("2.0.1", "E09.FR.01", "E09.FR.03")
def test_a_cable_kept_for_its_owner_serves_nobody_else_and_its_owner_again() -> None:
    drive = charging(Drive(rules("PowerPathClosed", "Authorized", unlock_on_ev_side_disconnect=False)))
    drive.unplug()
    drive.plug_in()
    drive.swipe(BERT)
    assert drive.permit is None and drive.machine.keeps_cable_for(ANNA)
    drive.swipe(ANNA)
    assert drive.permit is not None and not drive.machine.keeps_cable


def test_a_new_safety_process_is_told_the_lock_wish_again() -> None:
    drive = charging(Drive())
    assert to.WishLock(True) in drive.effects
    drive.send(to.SafetyLost())
    assert to.WishLock(True) in drive.see(run_id="run-2", plug_count=1)
