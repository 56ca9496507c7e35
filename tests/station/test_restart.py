"""What becomes of a session when the station, the safety process or the power goes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.logic.evse import Permit
from controller.logic.values import AuthorizationStatus, IdToken, TokenInfo
from controller.ocpp.ports import StartRequest
from hil.virtual import EPOCH
from tests.station.station_world import ANNA, BERT, World, facts_of, in_world


@in_world()
async def test_a_killed_station_resumes_the_same_transaction(world: World) -> None:
    await world.charge()
    await asyncio.sleep(30)
    (before,) = world.open_transactions()
    await world.kill_station()
    await asyncio.sleep(7)
    assert not world.is_closed()
    await world.start_station()
    await world.until(world.is_closed, 30)
    (after,) = world.open_transactions()
    assert after.id == before.id and after.session_id == before.session_id
    records = world.rows("SELECT body FROM charging_records ORDER BY rowid")
    assert len(records) == 2 and '"resumed"' in records[1][0]
    await world.swipe()
    await world.until(lambda: not world.open_transactions(), 20)
    ended = world.committed("Ended")
    assert [e["stopped_reason"] for e in ended] == ["Local"]
    assert abs(ended[0]["register_wh"] - 1_000_000 - world.energy_wh()) <= 1


@in_world()
async def test_while_our_own_pause_lasts_it_is_we_who_suspend(world: World) -> None:
    await world.charge()
    await asyncio.sleep(30)
    before = len(world.committed())
    await world.kill_station()
    await asyncio.sleep(0.5)
    await world.start_station()
    await world.until(lambda: world.drawn_a() > 1, 30)
    await asyncio.sleep(5)
    states = [event["charging_state"] for event in world.committed()[before:]]
    assert states[-1] == "Charging" and set(states[:-1]) <= {"SuspendedEVSE", "Charging"}, states


@in_world()
async def test_an_orderly_stop_keeps_the_transaction_open_for_the_next_start(world: World) -> None:
    await world.charge()
    await world.stop_station()
    assert world.committed()[-1]["kind"] != "Ended"
    await world.start_station()
    assert len(world.open_transactions()) == 1
    await world.until(world.is_closed, 30)


@in_world()
async def test_an_ev_that_left_meanwhile_ends_it_with_the_final_register(world: World) -> None:
    await world.charge()
    await asyncio.sleep(60)
    await world.kill_station()
    await asyncio.sleep(8)
    world.verb("unplug", evse=1)
    await asyncio.sleep(2)
    await world.start_station()
    (ended,) = world.committed("Ended")
    assert (ended["trigger"], ended["stopped_reason"]) == ("EVCommunicationLost", "EVDisconnected")
    assert abs(ended["register_wh"] - 1_000_000 - world.energy_wh()) <= 1


@in_world()
async def test_another_plug_in_meanwhile_never_charges_on_the_old_authorisation(world: World) -> None:
    await world.charge()
    await world.kill_station()
    await asyncio.sleep(8)
    world.verb("unplug", evse=1)
    await asyncio.sleep(5)
    world.verb("plug_in", evse=1)
    await asyncio.sleep(2)
    await world.start_station()
    await asyncio.sleep(30)
    assert not world.is_closed()
    assert [e["stopped_reason"] for e in world.committed("Ended")] == ["EVDisconnected"]
    assert len(world.committed("Started")) == 1


@in_world()
async def test_a_short_power_cut_is_survived(world: World) -> None:
    await world.charge()
    await asyncio.sleep(120)
    await world.power_cut(20)
    await world.until(world.is_closed, 40)
    assert len(world.open_transactions()) == 1 and not world.committed("Ended")


@in_world()
async def test_a_long_power_cut_ends_with_power_loss_and_the_right_register(world: World) -> None:
    await world.charge()
    await asyncio.sleep(120)
    await world.power_cut(3600)
    (ended,) = world.committed("Ended")
    assert (ended["trigger"], ended["stopped_reason"]) == ("AbnormalCondition", "PowerLoss")
    assert abs(ended["register_wh"] - 1_000_000 - world.energy_wh()) <= 1
    await asyncio.sleep(30)
    assert not world.is_closed() and len(world.committed("Started")) == 1
    assert world.station.snapshot()["evses"][0]["status"] == "Finishing"


NO_RTC = {"trusted": False}


@in_world()
async def test_a_long_power_cut_that_the_clock_takes_for_a_short_one_is_no_continuity(world: World) -> None:
    """A Pi without a clock chip goes on from the time it last wrote down: who is plugged in after hours may be anybody."""
    await world.charge()
    await asyncio.sleep(120)
    hours = timedelta(hours=5)
    await world.power_cut(hours.total_seconds(), wall_error=timedelta(seconds=20) - hours, **NO_RTC)
    await asyncio.sleep(30)
    assert not world.is_closed(), "the time may still be told"
    await asyncio.sleep(60)
    (ended,) = world.committed("Ended")
    assert (ended["stopped_reason"], len(world.open_transactions())) == ("PowerLoss", 0)
    await asyncio.sleep(60)
    assert not world.is_closed()


@in_world()
async def test_after_a_short_power_cut_it_goes_on_as_soon_as_the_time_is_told(world: World) -> None:
    await world.charge()
    await asyncio.sleep(120)
    await world.power_cut(20, wall_error=-timedelta(seconds=15), **NO_RTC)
    await asyncio.sleep(10)
    assert not world.is_closed()
    world.clock.set_wall(world.clock.true_wall())  # the CSMS's answer to BootNotification
    await world.until(world.is_closed, 40)
    assert len(world.open_transactions()) == 1 and not world.committed("Ended")


@pytest.mark.ocpp("2.0.1", "C10.FR.13")
@in_world(variables={"AuthCacheCtrlr.Enabled": "true"})
async def test_a_clock_that_fell_back_makes_no_expired_token_valid(world: World) -> None:
    world.csms.tokens[ANNA] = TokenInfo(AuthorizationStatus.ACCEPTED, expires=EPOCH + timedelta(hours=1))
    world.csms.tokens[BERT] = TokenInfo(AuthorizationStatus.ACCEPTED, expires=EPOCH + timedelta(days=300))
    for token in (ANNA, BERT):
        await world.charge(token=token)
        world.verb("unplug", evse=1)
        await asyncio.sleep(7200)
    world.csms.is_online = False
    await world.power_cut(60, wall_error=datetime(1970, 1, 1, tzinfo=UTC) - world.clock.true_wall(), **NO_RTC)
    world.verb("plug_in", evse=1)
    await asyncio.sleep(2)
    await world.swipe(ANNA)
    await asyncio.sleep(20)
    assert not world.is_closed() and world.clock.now().wall.year == 1970
    await world.swipe(BERT)
    await world.until(world.is_closed, 20)


@in_world()
async def test_a_remote_start_that_awaits_its_ev_dies_with_the_station(world: World) -> None:
    """What no transaction was begun for is an authorisation, and that is nobody's after a restart: the CSMS learns of it by the boot."""
    assert world.station.request_start(StartRequest(IdToken(ANNA), 1, remote_start_id=7)).accepted
    await world.until(lambda: world.station.runners[1].session.authorization, 5)
    assert not world.open_transactions()
    await world.kill_station()
    await asyncio.sleep(1)
    await world.start_station()
    world.verb("plug_in", evse=1)
    await asyncio.sleep(60)
    assert not world.is_closed() and not world.committed() and world.store.open_sessions()[0][1] == 1
    assert world.station.request_start(StartRequest(IdToken(ANNA), 1, remote_start_id=8)).accepted
    await world.until(world.is_closed, 30)


@in_world(variables={"TxCtrlr.TxStartPoint": "Authorized", "TxCtrlr.TxStopPoint": "Authorized"})
async def test_a_transaction_that_awaits_its_ev_goes_on_awaiting_it(world: World) -> None:
    assert world.station.request_start(StartRequest(IdToken(ANNA), 1, remote_start_id=7)).accepted
    await world.until(world.open_transactions, 5)
    (before,) = world.open_transactions()
    await world.kill_station()
    await asyncio.sleep(1)
    await world.start_station()
    world.verb("plug_in", evse=1)
    await world.until(world.is_closed, 30)
    (after,) = world.open_transactions()
    assert (after.id, after.remote_start_id) == (before.id, 7)


@in_world(variables={"TxCtrlr.ResumptionTimeout": "0"})
async def test_configuration_can_forbid_resumption(world: World) -> None:
    await world.charge()
    await world.kill_station()
    await asyncio.sleep(7)
    await world.start_station()
    assert [e["stopped_reason"] for e in world.committed("Ended")] == ["Reboot"]
    await asyncio.sleep(20)
    assert not world.is_closed()


@pytest.mark.parametrize("ends", ["stopped", "killed"])
@pytest.mark.parametrize("safety", ["lives", "is killed"])
@pytest.mark.parametrize("ev", [{}, {"ignores_pwm_off": True}])
def test_a_transaction_that_does_not_go_on_ends_when_the_contactor_is_open(
    tmp_path: Path, ends: str, safety: str, ev: dict[str, Any]
) -> None:
    @in_world(variables={"TxCtrlr.ResumptionTimeout": "0"})
    async def test(world: World) -> None:
        world.verb("plug_in", evse=1, ev=ev)
        await asyncio.sleep(2)
        await world.swipe()
        await world.until(lambda: world.drawn_a() > 1.0, 20)
        await asyncio.sleep(60)
        await (world.stop_station() if ends == "stopped" else world.kill_station())
        if safety == "is killed":
            world.site.kill_safety()
        await asyncio.sleep(0.5)
        await world.start_station(settle_s=15)
        (ended,) = world.committed("Ended")
        assert ended["stopped_reason"] == "Reboot"
        assert abs(ended["register_wh"] - 1_000_000 - world.energy_wh()) <= 1

    test(tmp_path)


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7])
@pytest.mark.parametrize("token", [ANNA, BERT])
def test_a_card_shown_while_the_station_starts_begins_no_second_transaction(
    tmp_path: Path, token: str, after_s: float
) -> None:
    @in_world(evses=2)
    async def test(world: World) -> None:
        world.csms.answers_after_s = 0.05
        await world.charge()
        await world.kill_station()
        await asyncio.sleep(0.5)
        await world.start_station(settle_s=after_s)
        await world.swipe(token)
        await asyncio.sleep(20)
        (started,) = world.committed("Started")
        if world.open_transactions():
            assert world.station.runners[1].session.billed.id == started["transaction_id"]
            await world.until(world.is_closed, 20)
        else:
            assert token == ANNA and [e["stopped_reason"] for e in world.committed("Ended")] == ["Local"]

    test(tmp_path)


@in_world(variables={"TxCtrlr.AllowEnergyTransferResumption": "false"})
async def test_configuration_can_forbid_energy_in_a_resumed_transaction(world: World) -> None:
    await world.charge()
    await world.kill_station()
    await asyncio.sleep(7)
    await world.start_station()
    await asyncio.sleep(20)
    assert len(world.open_transactions()) == 1 and not world.is_closed()
    assert world.committed()[-1]["charging_state"] == "SuspendedEVSE"
    assert any("AllowEnergyTransferResumption" in why for why in world.station.why()["evses"][0]["not_charging"])


@in_world()
async def test_a_silent_meter_at_the_restart_gives_the_last_committed_register_flagged(world: World) -> None:
    await world.charge()
    await asyncio.sleep(120)
    await world.kill_station()
    world.verb("fault", evse=1, kind="meter_silent")
    await asyncio.sleep(400)
    await world.start_station(settle_s=30)
    (ended,) = world.committed("Ended")
    assert ended["register_is_stale"] is True
    assert 1_000_000 < ended["register_wh"] <= 1_000_000 + world.energy_wh()


@in_world(variables={"TxCtrlr.TxStartPoint": "EVConnected", "TxCtrlr.TxStopPoint": "Authorized"})
async def test_a_plug_in_that_had_its_transaction_has_no_second_after_a_restart(world: World) -> None:
    await world.charge()
    await world.swipe()
    await world.until(lambda: not world.open_transactions(), 20)
    await world.kill_station()
    await world.start_station(10)
    assert len(world.committed("Started")) == 1


@in_world(variables={"TxCtrlr.TxStartPoint": "EVConnected", "TxCtrlr.TxStopPoint": "EVConnected"})
async def test_an_ended_authorisation_stays_ended_after_a_restart(world: World) -> None:
    await world.charge()
    await world.swipe()
    await world.until(lambda: not world.is_closed(), 20)
    await world.kill_station()
    await world.start_station(20)
    assert len(world.open_transactions()) == 1 and not world.is_closed()


@in_world()
async def test_a_killed_safety_process_is_a_fault_and_its_restart_recovers(world: World) -> None:
    await world.charge()
    world.site.kill_safety()
    await asyncio.sleep(1)
    assert not world.is_closed()
    assert world.station.snapshot()["evses"][0]["status"] == "Faulted"
    sent = len(world.permits())
    await asyncio.sleep(1)
    assert len(world.permits()) == sent, "permits went on without a safety process"
    world.site.start_safety()
    await world.until(world.is_closed, 60)
    assert len(world.open_transactions()) == 1 and len(world.committed("Started")) == 1
    assert world.station.snapshot()["evses"][0]["status"] == "Charging"


@in_world()
async def test_permits_name_committed_records_only(world: World) -> None:
    await world.charge()
    permits = [m for _, m in world.permits() if isinstance(m, Permit)]
    records = {id for (id,) in world.rows("SELECT id FROM charging_records")}
    assert permits and {permit.charging_record_id for permit in permits} <= records
    assert facts_of(world).record_id in records
    gaps = [b - a for (a, _), (b, _) in zip(world.permits(), world.permits()[1:], strict=False)]
    assert max(gaps) <= 0.6


@pytest.mark.ocpp("2.0.1", "E04.FR.01", "E12.FR.01", "C13.FR.02")
@in_world()
async def test_a_session_goes_on_and_ends_without_a_csms(world: World) -> None:
    await world.charge()
    world.csms.is_online = False
    await asyncio.sleep(3600)
    assert world.is_closed()
    await world.swipe()
    await world.until(lambda: not world.open_transactions(), 20)
    assert world.committed("Ended")[0]["online"] is False
    await world.swipe()  # offline, but the CSMS had accepted it: it is in the cache
    await world.until(world.is_closed, 30)
    basis = [body for (body,) in world.rows("SELECT body FROM charging_records ORDER BY rowid")]
    assert '"cache"' in basis[-1]


@pytest.mark.ocpp("2.0.1", "B01.FR.05")
@in_world()
async def test_a_station_that_is_just_starting_does_not_call_itself_faulted(world: World) -> None:
    await world.stop_station()
    world.site.kill_safety()
    await world.start_station(settle_s=1)
    assert world.station.status(1, 1).status == "Available"
    await asyncio.sleep(15)
    assert world.station.status(1, 1).status == "Faulted"
    world.site.start_safety()
    await asyncio.sleep(5)
    assert world.station.status(1, 1).status == "Available"


@in_world(evses=2)
async def test_a_transaction_of_an_evse_that_is_gone_ends(world: World) -> None:
    world.verb("plug_in", evse=2)
    await asyncio.sleep(2)
    await world.swipe()
    await world.until(lambda: world.is_closed(2), 20)
    await world.kill_station()
    world.evses = 1
    await world.start_station()
    (ended,) = world.committed("Ended")
    assert (ended["stopped_reason"], ended["register_is_stale"]) == ("Other", True)
    assert ended["register_wh"] >= 1_000_000
