"""What a CSMS asks of the station, and what comes of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from controller.logic.evse import LockState
from controller.logic.profiles import ChargingProfile, ProfileKind, ProfilePurpose, RateUnit, SchedulePeriod
from controller.logic.records import Trigger
from controller.logic.values import AuthorizationStatus, IdToken, Measurand, SampleContext, TokenInfo
from controller.ocpp.ports import ConnectorStatus, ResetKind, StartRequest, UnlockOutcome
from tests.station.station_world import ANNA, BERT, World, facts_of, in_world

TOKEN = IdToken(ANNA)


def profile(purpose: ProfilePurpose, limit: float, world: World, **changes: object) -> ChargingProfile:
    given: dict[str, object] = {
        "id": 1,
        "purpose": purpose,
        "kind": ProfileKind.ABSOLUTE,
        "stack_level": 0,
        "unit": RateUnit.A,
        "periods": (SchedulePeriod(0, limit),),
        "start": world.clock.now().wall,
    }
    return ChargingProfile(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.ocpp("2.0.1", "F01.FR.02", "F01.FR.04", "F01.FR.24", "F01.FR.25")
@in_world()
async def test_remote_start_and_stop(world: World) -> None:
    world.verb("plug_in", evse=1)
    await asyncio.sleep(2)
    request = StartRequest(TOKEN, 1, remote_start_id=42)
    assert world.station.request_start(request).accepted
    await world.until(world.is_closed, 20)
    (started,) = world.committed("Started")
    assert (started["trigger"], started["remote_start_id"]) == ("RemoteStart", 42)
    assert not world.csms.asked
    assert not world.station.request_start(request).accepted
    assert not world.station.request_stop("nonsense").accepted
    assert world.station.request_stop(started["transaction_id"]).accepted
    await world.until(lambda: not world.open_transactions(), 20)
    ended = world.committed("Ended")[0]
    assert (ended["trigger"], ended["stopped_reason"]) == ("RemoteStop", "Remote")


@pytest.mark.ocpp("2.0.1", "F01.FR.23", "F02.FR.25", "F01.FR.20")
@in_world(evses=2)
async def test_remote_start_picks_an_evse_and_refuses_a_faulted_one(world: World) -> None:
    world.verb("plug_in", evse=2)
    await asyncio.sleep(2)
    assert world.station.request_start(StartRequest(TOKEN)).accepted
    await world.until(lambda: world.is_closed(2), 20)
    world.verb("fault", evse=1, kind="rcd")
    await asyncio.sleep(2)
    answer = world.station.request_start(StartRequest(IdToken(BERT), 1))
    assert not answer.accepted and "fault" in answer.detail
    assert not world.station.request_start(StartRequest(IdToken(BERT))).accepted
    assert not world.station.request_start(StartRequest(IdToken(BERT), 9)).accepted


@pytest.mark.ocpp("2.0.1", "F01.FR.10", "K01.FR.07", "K01.FR.27")
@in_world()
async def test_the_profile_of_a_remote_start_dies_with_its_transaction(world: World) -> None:
    world.verb("plug_in", evse=1)
    await asyncio.sleep(2)
    given = profile(ProfilePurpose.TX, 10.0, world)
    world.station.request_start(StartRequest(TOKEN, 1, 1, profile=given))
    await world.until(lambda: world.drawn_a() > 5, 20)
    await asyncio.sleep(6)
    assert world.drawn_a() <= 10.01
    assert next(m.max_current_a for _, m in world.permits() if hasattr(m, "max_current_a")) == 10.0
    assert world.store.profiles()[0][1].transaction_id == world.open_transactions()[0].id
    await world.swipe()
    await world.until(lambda: not world.open_transactions(), 20)
    assert world.store.profiles() == []


@pytest.mark.ocpp("2.0.1", "K01.FR.04", "K01.FR.09", "K01.FR.28", "K01.FR.33")
@in_world()
async def test_limits_follow_profiles_and_zero_suspends(world: World) -> None:
    station = world.station
    assert not station.set_profile(1, profile(ProfilePurpose.TX, 10.0, world)).accepted
    assert not station.set_profile(7, profile(ProfilePurpose.TX_DEFAULT, 10.0, world)).accepted
    await world.charge()
    await asyncio.sleep(10)
    assert world.drawn_a() == pytest.approx(32.0, abs=0.1)
    running = world.open_transactions()[0].id
    assert not station.set_profile(1, profile(ProfilePurpose.TX, 10.0, world, transaction_id="other")).accepted
    assert station.set_profile(1, profile(ProfilePurpose.TX, 10.0, world, transaction_id=running)).accepted
    await asyncio.sleep(12)
    assert world.drawn_a() == pytest.approx(10.0, abs=0.1)
    assert station.why()["evses"][0]["binding"] == "profile"
    assert station.set_profile(1, profile(ProfilePurpose.TX, 0.0, world)).accepted
    await world.until(lambda: not world.is_closed(), 10)
    assert len(world.open_transactions()) == 1
    assert station.status(1, 1).status is ConnectorStatus.SUSPENDED_EVSE
    assert station.clear_profiles(profile_id=None, evse_id=1, purpose="TxProfile", stack_level=None)
    assert not station.clear_profiles(profile_id=1, evse_id=None, purpose=None, stack_level=None)
    await world.until(lambda: world.drawn_a() > 30, 30)


@pytest.mark.ocpp("2.0.1", "K01.FR.30")
@in_world()
async def test_a_schedule_takes_effect_when_its_periods_begin(world: World) -> None:
    await world.charge()
    start = world.clock.now().wall + timedelta(seconds=60)
    periods = (SchedulePeriod(0, 16.0), SchedulePeriod(60, 8.0))
    world.station.set_profile(1, profile(ProfilePurpose.TX_DEFAULT, 0, world, start=start, periods=periods))
    for wait_s, amps in ((50, 32.0), (30, 16.0), (60, 8.0)):
        await asyncio.sleep(wait_s)
        assert world.drawn_a() == pytest.approx(amps, abs=0.1)


@in_world(evses=2)
async def test_a_station_profile_is_shared(world: World) -> None:
    await world.charge(1, ANNA)
    world.station.set_profile(0, profile(ProfilePurpose.STATION_MAX, 30.0, world))
    await asyncio.sleep(12)
    assert world.drawn_a(1) == pytest.approx(30.0, abs=0.1)
    await world.charge(2, BERT)
    await asyncio.sleep(15)
    assert world.drawn_a(1) == pytest.approx(15.0, abs=0.1) and world.drawn_a(2) == pytest.approx(15.0, abs=0.1)


@pytest.mark.ocpp("2.0.1", "K01.FR.43")
@in_world(evses=2)
async def test_fewer_phases_than_can_be_ensured_are_refused(world: World) -> None:
    one_phase = (SchedulePeriod(0, 16.0, phases=1),)
    switched = profile(ProfilePurpose.TX_DEFAULT, 0, world, periods=one_phase)
    assert world.station.set_profile(1, switched).accepted  # it has a phase relay
    assert not world.station.set_profile(2, switched).accepted


@in_world(built={"phase_switching": True, "phase_wait_s": 10})
async def test_a_profile_switches_phases_under_way_where_the_board_does(world: World) -> None:
    world.verb("plug_in", evse=1, ev={"phases": 3})
    await asyncio.sleep(2)
    await world.swipe()
    await world.until(lambda: min(world.plant.observed.evses[1].current_a) > 1, 30)
    one_phase = profile(ProfilePurpose.TX_DEFAULT, 0, world, periods=(SchedulePeriod(0, 16.0, phases=1),))
    assert world.station.set_profile(1, one_phase).accepted
    await world.until(lambda: not world.is_closed(), 10)
    await world.until(world.is_closed, 30)
    await asyncio.sleep(8)
    first, second, third = world.plant.observed.evses[1].current_a
    assert first == pytest.approx(16.0, abs=0.1) and second == third == 0
    (transaction,) = world.open_transactions()
    assert transaction.id == world.committed("Started")[0]["transaction_id"]


@pytest.mark.ocpp("2.0.1", "B12.FR.02", "B12.FR.04", "B11.FR.03")
@in_world()
async def test_an_immediate_reset_ends_the_transaction_first(world: World) -> None:
    await world.charge()
    decision = world.station.request_reset(ResetKind.IMMEDIATE, None)
    assert decision.accepted and not decision.scheduled
    assert not world.committed("Ended"), "the answer goes first"
    await asyncio.wait_for(asyncio.shield(world._station_tasks[0]), 60)
    (ended,) = world.committed("Ended")
    assert (ended["trigger"], ended["stopped_reason"]) == ("ResetCommand", "ImmediateReset")
    assert world.station.restart_reason == "RemoteReset" and not world.is_closed()


@pytest.mark.ocpp("2.0.1", "B12.FR.01", "B12.FR.03")
@in_world(evses=2)
async def test_a_reset_on_idle_waits_for_the_driver(world: World) -> None:
    world.csms.is_online = True
    await world.charge(1)
    assert world.station.request_reset(ResetKind.ON_IDLE, None).scheduled
    await asyncio.sleep(600)
    assert world.is_closed(1)
    assert world.station.status(2, 1).status is ConnectorStatus.UNAVAILABLE
    world.csms.is_online = False  # nobody takes the messages in this world
    await world.swipe()
    await asyncio.wait_for(asyncio.shield(world._station_tasks[0]), 60)
    assert world.committed("Ended")[0]["stopped_reason"] == "Local"
    assert world.station.restart_reason == "ScheduledReset"


@in_world(evses=2)
async def test_the_reset_of_one_evse_leaves_the_other(world: World) -> None:
    await world.charge(1, ANNA)
    await world.charge(2, BERT)
    assert world.station.request_reset(ResetKind.IMMEDIATE, 1).accepted
    await world.until(lambda: len(world.open_transactions()) == 1, 20)
    await asyncio.sleep(20)
    assert world.is_closed(2) and not world.is_closed(1) and world.station.restart_reason is None


@pytest.mark.ocpp("2.0.1", "G03.FR.03", "G03.FR.05", "G03.FR.08", "B11.FR.02")
@in_world(evses=2)
async def test_availability_is_scheduled_persistent_and_refuses_drivers(world: World) -> None:
    await world.charge(1)
    station = world.station
    decision = station.change_availability(False, 1, None)
    assert decision.accepted and decision.scheduled and world.is_closed(1)
    assert station.change_availability(False, 2, None).scheduled is False
    assert station.change_availability(False, 2, None) == station.change_availability(False, 2, 1)
    assert station.status(2, 1).status is ConnectorStatus.UNAVAILABLE
    assert station.status(1, 1).status is ConnectorStatus.CHARGING
    await world.swipe()
    await world.until(lambda: not world.open_transactions(), 20)
    assert station.status(1, 1).status is ConnectorStatus.UNAVAILABLE
    await world.stop_station()
    await world.start_station()
    assert not world.station.is_available(1, None) and world.station.is_available(None, None)
    await world.swipe()
    assert not world.open_transactions()
    assert not world.station.request_start(StartRequest(TOKEN, 1)).accepted
    assert world.station.change_availability(True, 1, None).accepted
    await world.swipe()
    await world.until(lambda: world.is_closed(1), 30)


@pytest.mark.ocpp("2.0.1", "F05.FR.02", "F05.FR.04", "F05.FR.03", "F05.FR.06")
@in_world()
async def test_unlock(world: World) -> None:
    assert await world.station.unlock(1, 2, stops_transaction=False) is UnlockOutcome.UNKNOWN_CONNECTOR
    assert await world.station.unlock(1, 1, stops_transaction=False) is UnlockOutcome.UNLOCKED
    await world.charge()
    outcome = await world.station.unlock(1, 1, stops_transaction=False)
    assert outcome is UnlockOutcome.ONGOING_AUTHORIZED_TRANSACTION and world.is_closed()
    assert await world.station.unlock(1, 1, stops_transaction=True) is UnlockOutcome.UNLOCKED
    (ended,) = world.committed("Ended")
    assert (ended["trigger"], ended["stopped_reason"]) == ("UnlockCommand", "Other")
    assert facts_of(world).lock is LockState.UNLOCKED


@pytest.mark.ocpp("2.0.1", "E05.FR.10", "C10.FR.05")
@in_world(variables={"AuthCtrlr.LocalPreAuthorize": "true"})
async def test_a_token_the_csms_refuses_afterwards_stops_the_session(world: World) -> None:
    await world.charge()
    transaction = world.open_transactions()[0].id
    world.station.token_learned(TOKEN, TokenInfo(AuthorizationStatus.BLOCKED), transaction)
    await world.until(lambda: not world.open_transactions(), 20)
    (ended,) = world.committed("Ended")
    assert (ended["trigger"], ended["stopped_reason"]) == ("Deauthorized", "DeAuthorized")
    assert facts_of(world).lock is LockState.LOCKED
    world.csms.tokens[ANNA] = TokenInfo(AuthorizationStatus.BLOCKED)
    await world.swipe()
    await asyncio.sleep(3)
    assert facts_of(world).lock is LockState.UNLOCKED
    await world.swipe()
    assert world.csms.asked[-1] == ANNA and not world.open_transactions()


@pytest.mark.ocpp("2.0.1", "C16.FR.02", "C16.FR.03")
@in_world(evses=2, variables={"AuthCtrlr.MasterPassGroupId": "police"})
async def test_a_master_pass_stops_all(world: World) -> None:
    await world.charge(1, ANNA)
    await world.charge(2, BERT)
    world.csms.tokens["04010203040506"] = TokenInfo(AuthorizationStatus.ACCEPTED, "police")
    await world.swipe("04010203040506")
    await world.until(lambda: not world.open_transactions(), 20)
    assert [e["stopped_reason"] for e in world.committed("Ended")] == ["MasterPass", "MasterPass"]
    assert len(world.committed("Started")) == 2


@pytest.mark.ocpp("2.0.1", "E03.FR.11", "E03.FR.05")
@in_world(evses=2, variables={"TxCtrlr.TxStartPoint": "Authorized", "TxCtrlr.TxStopPoint": "Authorized,EVConnected"})
async def test_a_transaction_begins_before_its_evse_is_known(world: World) -> None:
    await world.swipe()
    (started,) = world.committed("Started")
    assert "evse_id" not in started
    world.verb("plug_in", evse=2)
    await world.until(lambda: world.is_closed(2), 20)
    assert world.open_transactions()[0].evse_id == 2
    begun = [e for e in world.committed("Updated") if e.get("samples")]
    assert begun[0]["samples"][0]["context"] == "Transaction.Begin"
    await world.swipe()
    await world.until(lambda: not world.open_transactions(), 20)
    world.verb("unplug", evse=2)
    await asyncio.sleep(3)
    await world.swipe()
    await asyncio.sleep(65)
    assert [e["stopped_reason"] for e in world.committed("Ended")] == ["Local", "Timeout"]


@in_world()
async def test_samples_and_triggered_reports(world: World) -> None:
    station = world.station
    assert not station.report_transaction(1, Trigger.TRIGGER)
    idle = station.samples(1, (Measurand.ENERGY_IMPORT,), SampleContext.TRIGGER)
    assert [s.value for s in idle] == [1_000_000]
    await world.charge()
    assert station.report_transaction(None, Trigger.TRIGGER)
    last = world.committed()[-1]
    assert last["trigger"] == "Trigger" and last["samples"]
    assert station.samples(9, (Measurand.ENERGY_IMPORT,), SampleContext.TRIGGER) == ()
