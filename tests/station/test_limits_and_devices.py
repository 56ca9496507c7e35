"""Limits by name, silent meters, lost readers, a full card, shared readers: what the station does by itself."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from controller.hal import DeviceGone, Presented, TokenRead, TokenRefused
from controller.logic.values import AuthorizationStatus, IdToken, Measurand, SampleContext, TokenInfo
from controller.ocpp.ports import ConnectorStatus, TokenUnfit
from controller.store.database import StoreLimits
from tests.station.station_world import ANNA, BERT, World, in_world


@in_world(site_max_a=20.0, evses=2)
async def test_the_site_limit_is_shared_and_who_came_first_is_served_first(world: World) -> None:
    await world.charge(1, ANNA)
    await asyncio.sleep(10)
    assert world.drawn_a(1) == pytest.approx(20.0, abs=0.1)
    await world.charge(2, BERT)
    await asyncio.sleep(15)
    assert world.drawn_a(1) == pytest.approx(10.0, abs=0.1) and world.drawn_a(2) == pytest.approx(10.0, abs=0.1)
    world.station.set_local_limit(1, 6.0)
    await asyncio.sleep(15)
    assert world.drawn_a(1) == pytest.approx(6.0, abs=0.1) and world.drawn_a(2) == pytest.approx(14.0, abs=0.1)
    assert [e["binding"] for e in world.station.why()["evses"]] == ["local", "site"]


@in_world(site_max_a=8.0, evses=2)
async def test_where_there_is_not_enough_for_two_the_second_waits(world: World) -> None:
    await world.charge(1, ANNA)
    world.verb("plug_in", evse=2)
    await asyncio.sleep(2)
    await world.swipe(BERT)
    await asyncio.sleep(30)
    assert world.is_closed(1) and not world.is_closed(2)
    assert world.station.status(2, 1).status is ConnectorStatus.SUSPENDED_EVSE
    assert "site" in world.station.why()["evses"][1]["not_charging"][0]
    await world.swipe(ANNA)
    await world.until(lambda: world.is_closed(2), 60)


@in_world(limit={"watts": 4200.0})
async def test_the_grids_contact_limits_while_it_is_active_and_why_tells(world: World) -> None:
    await world.charge()
    assert "external" not in [limit["name"] for limit in world.station.why()["evses"][0]["limits"]]
    world.verb("fault", kind="limit")
    await asyncio.sleep(6)
    assert world.drawn_a() == pytest.approx(6.0, abs=0.1)  # 4200 W on three phases are 6.09 A
    told = world.station.why()["evses"][0]
    assert told["binding"] == "external"
    assert told["limits"][0]["why"] == ("4200 W for all together: the contact of [limit] in the board file is active")
    world.verb("fault", kind="limit", clear=True)
    await world.until(lambda: world.drawn_a() > 20.0, 20)


@in_world(limit={"amps": 16.0}, evses=2)
async def test_the_grids_contact_limits_all_together(world: World) -> None:
    await world.charge(1, ANNA)
    await world.charge(2, BERT)
    world.verb("fault", kind="limit")
    await asyncio.sleep(12)
    assert (world.drawn_a(1), world.drawn_a(2)) == (pytest.approx(8.0, abs=0.1), pytest.approx(8.0, abs=0.1))


@in_world(limit={"watts": 4200.0})
async def test_without_word_of_the_contact_it_counts_as_active(world: World) -> None:
    await world.charge()
    world.site.kill_safety()
    await asyncio.sleep(5)
    told = world.station.why()["evses"][0]
    assert told["binding"] == "external" and "cannot be read, which counts as active" in told["limits"][0]["why"]
    world.site.start_safety()
    await world.until(lambda: world.station.why()["evses"][0]["binding"] != "external", 10)


@in_world(limit={"watts": 2000.0}, built={"phase_switching": True, "phase_wait_s": 10})
async def test_a_limit_too_small_for_three_phases_is_offered_on_one_where_they_can_be_switched(world: World) -> None:
    world.verb("plug_in", evse=1, ev={"phases": 3})
    await asyncio.sleep(2)
    await world.swipe()
    await world.until(lambda: world.drawn_a() > 20.0, 30)
    world.verb("fault", kind="limit")
    await world.until(lambda: 8.0 < world.drawn_a() < 9.0, 60)
    assert sum(amps > 0 for amps in world.plant.observed.evses[1].current_a) == 1


@in_world(limit={"watts": 2000.0})
async def test_a_limit_too_small_for_three_phases_pauses_where_they_cannot_be_switched(world: World) -> None:
    await world.charge()
    world.verb("fault", kind="limit")
    await world.until(lambda: not world.is_closed(), 15)
    assert world.station.status(1, 1).status is ConnectorStatus.SUSPENDED_EVSE
    assert "external" in world.station.why()["evses"][0]["not_charging"][0]
    world.verb("fault", kind="limit", clear=True)
    await world.until(world.is_closed, 60)


@in_world()
async def test_a_local_limit_outlives_a_restart_and_below_six_suspends(world: World) -> None:
    world.station.set_local_limit(1, 5.0)
    world.verb("plug_in", evse=1)
    await asyncio.sleep(2)
    await world.swipe()
    await asyncio.sleep(20)
    assert not world.is_closed() and len(world.open_transactions()) == 1
    await world.stop_station()
    await world.start_station()
    assert world.station.why()["evses"][0]["binding"] == "local"
    world.station.set_local_limit(1, None)
    await world.until(world.is_closed, 30)


@in_world()
async def test_a_cable_limits_to_its_coding(world: World) -> None:
    world.verb("plug_in", evse=1, cable_a=20)
    await asyncio.sleep(2)
    await world.swipe()
    await world.until(lambda: world.drawn_a() > 1, 20)
    await asyncio.sleep(10)
    assert world.drawn_a() <= 20.05 and world.station.why()["evses"][0]["binding"] == "cable"


@in_world()
async def test_warmth_is_a_limit_with_a_name_and_a_stop_by_it_no_end(world: World) -> None:
    await world.charge()
    world.verb("fault", evse=1, kind="over_temperature", value=67)
    await asyncio.sleep(15)
    why = world.station.why()["evses"][0]
    (thermal,) = [limit for limit in why["limits"] if limit["name"] == "thermal"]
    assert why["binding"] == "thermal" and thermal["why"] == "67 °C inside"
    assert 1.0 < world.drawn_a() <= 21.05 and why["offered_a"] == 21
    world.verb("fault", evse=1, kind="over_temperature", value=80)
    await world.until(lambda: not world.is_closed(), 20)
    assert world.open_transactions() and "too warm inside" in str(world.station.why())
    world.verb("fault", evse=1, kind="over_temperature", clear=True)
    await world.until(world.is_closed, 30)
    assert len(world.committed("Started")) == 1


@in_world()
async def test_a_lost_earth_opens_and_comes_back_by_itself(world: World) -> None:
    await world.charge()
    assert world.station.snapshot()["evses"][0]["offered_a"] == 32.0
    world.verb("fault", evse=1, kind="ground")
    await world.until(lambda: not world.is_closed(), 1)
    seen = world.station.snapshot()["evses"][0]
    assert "ground_lost" in seen["faults"] and seen["output"] != "X2"
    (offered,) = world.station.samples(1, (Measurand.CURRENT_OFFERED,), SampleContext.TRIGGER)
    assert seen["offered_a"] == offered.value == 0.0, "what the EV is told, whatever would be allowed"
    world.verb("fault", evse=1, kind="ground", clear=True)
    await asyncio.sleep(5)
    assert "ground_lost" not in world.station.snapshot()["evses"][0]["faults"]


@in_world()
async def test_faults_and_the_contactor_s_use_are_remembered_across_restarts(world: World) -> None:
    await world.charge()
    world.verb("fault", evse=1, kind="cp_short")
    await world.until(lambda: bool(world.station.faults()), 1)
    (past,) = world.station.faults()
    assert (past["evse"], past["id"], past["cleared"]) == (1, "pilot_short", None)
    world.verb("fault", evse=1, kind="cp_short", clear=True)
    await asyncio.sleep(1)
    assert world.station.faults()[0]["cleared"] is not None
    await world.until(world.is_closed, 60)
    used = world.station.contactors()[0]
    assert (used["cycles"], used["under_load_opens"], used["worn"]) == (2, 1, False)
    await world.stop_station()
    await world.start_station()
    await asyncio.sleep(30)
    assert world.station.contactors()[0]["cycles"] >= 2 and world.station.faults()[-1]["id"] == "pilot_short"
    world.station.contactor_replaced(1)
    assert world.station.contactors()[0]["cycles"] == 0


@in_world(built={"contactor_cycles": 2})
async def test_a_worn_contactor_is_a_notice_and_charges_on(world: World) -> None:
    await world.charge()
    assert "contactor_worn" not in str(world.station.why())
    world.verb("pause", evse=1)
    await world.until(lambda: not world.is_closed(), 10)
    world.verb("resume", evse=1)
    await world.until(world.is_closed, 30)
    await asyncio.sleep(1)
    assert "contactor_worn" in str(world.station.why()) and world.is_closed()
    assert world.station.status(1, 1).status is ConnectorStatus.CHARGING
    assert [past["id"] for past in world.station.faults()] == ["contactor_worn"]


@in_world()
async def test_a_silent_meter_stops_energy_but_not_the_transaction(world: World) -> None:
    await world.charge()
    world.verb("fault", evse=1, kind="meter_silent")
    await world.until(lambda: not world.is_closed(), 40)
    assert len(world.open_transactions()) == 1
    assert world.station.why()["evses"][0]["binding"] == "meter loss"
    assert world.station.status(1, 1).fault_id == "meter_lost"
    await world.swipe()
    await world.until(lambda: not world.open_transactions(), 20)
    (ended,) = world.committed("Ended")
    assert ended["register_is_stale"] is True and ended["register_wh"] >= 1_000_000
    assert ended["register_wh"] <= 1_000_000 + world.energy_wh()


@pytest.mark.parametrize("silent_s", [4, 8, 30, 120])
@pytest.mark.parametrize("start", ["PowerPathClosed", "EVConnected"])
def test_nobody_pays_what_another_drew_while_the_meter_was_silent(tmp_path: Path, start: str, silent_s: float) -> None:
    @in_world(variables={"TxCtrlr.TxStartPoint": start, "TxCtrlr.TxStopPoint": "EVConnected,Authorized"})
    async def test(world: World) -> None:
        await world.charge()
        await asyncio.sleep(60)
        world.verb("fault", evse=1, kind="meter_silent")
        await asyncio.sleep(silent_s)
        world.verb("unplug", evse=1)
        await asyncio.sleep(4)
        before_wh = world.energy_wh()
        world.verb("plug_in", evse=1)
        await asyncio.sleep(2)
        await world.swipe(BERT)
        await asyncio.sleep(10)
        world.verb("fault", evse=1, kind="meter_silent", clear=True)
        await asyncio.sleep(15)
        if not world.is_closed():
            await world.swipe(BERT)
        await world.until(lambda: world.drawn_a() > 1.0, 30)
        await asyncio.sleep(120)
        world.verb("unplug", evse=1)
        await world.until(lambda: not world.open_transactions(), 20)
        begun, ended = world.committed("Started")[-1], world.committed("Ended")[-1]
        assert begun["transaction_id"] == ended["transaction_id"]
        told = {s["context"]: s["value"] for e in world.committed() for s in e.get("samples", ()) if e is not None}
        billed_wh = ended["register_wh"] - begun["register_wh"]
        assert billed_wh <= world.energy_wh() - before_wh + 1, told

    test(tmp_path)


@in_world()
async def test_a_silent_meter_that_comes_back_lets_energy_flow_again(world: World) -> None:
    await world.charge()
    world.verb("fault", evse=1, kind="meter_silent")
    await world.until(lambda: not world.is_closed(), 40)
    world.verb("fault", evse=1, kind="meter_silent", clear=True)
    await world.until(world.is_closed, 60)


@in_world()
async def test_nothing_begins_before_the_meter_has_answered(world: World) -> None:
    await world.stop_station()
    world.verb("fault", evse=1, kind="meter_silent")
    await world.start_station(settle_s=10)
    world.verb("plug_in", evse=1)
    await asyncio.sleep(2)
    await world.swipe()
    assert not world.committed() and not world.csms.asked
    assert any("energy meter" in why for why in world.station.why()["evses"][0]["not_charging"])
    world.verb("fault", evse=1, kind="meter_silent", clear=True)
    await asyncio.sleep(5)
    await world.swipe()
    await world.until(world.is_closed, 30)


@in_world()
async def test_a_full_card_refuses_new_sessions_with_a_clear_reason(world: World) -> None:
    await world.charge()
    world.store._db.limits = dataclasses.replace(StoreLimits(), free_floor_bytes=1 << 60)
    await asyncio.sleep(30)
    assert world.is_closed(), "what has begun goes on"
    await world.swipe()
    await world.until(lambda: not world.open_transactions(), 20)
    await asyncio.sleep(2)
    await world.swipe()
    assert len(world.committed("Started")) == 1
    assert any(e["kind"] == "token" and "storage is full" in e["text"] for e in world.events)


@pytest.mark.ocpp("2.0.1", "TC_C_05_CS")
@in_world()
async def test_a_refused_token_starts_nothing(world: World) -> None:
    world.csms.tokens[ANNA] = TokenInfo(AuthorizationStatus.INVALID)
    world.verb("plug_in", evse=1)
    await asyncio.sleep(2)
    await world.swipe()
    assert world.csms.asked == [ANNA] and not world.committed()
    assert any(e["kind"] == "token" and e["text"] == "refused: the CSMS says Invalid" for e in world.events)


@pytest.mark.ocpp("2.0.1", "C01.FR.03", "E07.FR.01")
@in_world()
async def test_a_cached_token_of_the_same_group_stops_without_asking(world: World) -> None:
    for token in (ANNA, BERT):
        world.csms.tokens[token] = TokenInfo(AuthorizationStatus.ACCEPTED, "family")
    await world.charge(1, BERT)
    await world.swipe(BERT)
    await world.until(lambda: not world.open_transactions(), 20)
    await world.swipe(ANNA)
    await world.until(world.is_closed, 30)
    asked = len(world.csms.asked)
    await world.swipe(BERT)
    await world.until(lambda: not world.open_transactions(), 20)
    assert len(world.csms.asked) == asked
    assert world.committed("Ended")[-1]["id_token"]["value"] == BERT


@pytest.mark.ocpp("2.0.1", "C15.FR.08", "C15.FR.01")
@in_world(variables={"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"})
async def test_an_unknown_token_may_charge_offline_where_configured(world: World) -> None:
    world.csms.is_online = False
    await world.charge()
    assert '"offline"' in world.rows("SELECT body FROM charging_records")[0][0]
    assert world.rows("SELECT count(*) FROM authorization_cache") == [(0,)]


@in_world()
async def test_an_unknown_token_may_not_charge_offline_by_default(world: World) -> None:
    world.csms.is_online = False
    world.verb("plug_in", evse=1)
    await asyncio.sleep(2)
    await world.swipe()
    await asyncio.sleep(20)
    assert not world.is_closed() and not world.committed()


@in_world(authorization_required=False)
async def test_whoever_plugs_in_charges_where_nobody_need_authorise(world: World) -> None:
    world.verb("plug_in", evse=1)
    await world.until(world.is_closed, 20)
    assert world.committed("Started")[0]["id_token"]["kind"] == "NoAuthorization"
    world.verb("unplug", evse=1)
    await world.until(lambda: not world.open_transactions(), 10)
    assert world.committed("Ended")[0]["stopped_reason"] == "EVDisconnected"


@in_world(evses=2)
async def test_a_shared_reader_serves_whoever_waits_and_stops_whose_card_it_is(world: World) -> None:
    await world.charge(2, BERT)
    await world.charge(1, ANNA)
    await world.swipe(BERT)
    await world.until(lambda: not world.is_closed(2), 20)
    assert world.is_closed(1)
    assert {t.evse_id for t in world.open_transactions()} == {1}


@in_world()
async def test_a_reader_that_vanishes_is_opened_again(world: World) -> None:
    class Flaky:
        def __init__(self) -> None:
            self.reads = 0

        async def read(self) -> TokenRead:
            self.reads += 1
            if self.reads <= 3:
                raise DeviceGone("reader", "unplugged")
            if self.reads == 4:
                return TokenRead(ANNA, "ISO14443", 0.0)
            await asyncio.sleep(1e6)
            raise AssertionError

        async def close(self) -> None:
            pass

    world.verb("plug_in", evse=1)
    await asyncio.sleep(2)
    world.station.spawn(world.station._read_tokens(0, Flaky(), 1))
    await world.until(world.is_closed, 30)
    lost = [e["active"] for e in world.events if e.get("id") == "reader_lost"]
    assert lost == [True, False]


@in_world()
async def test_what_a_reader_refuses_is_told_where_a_technician_looks(world: World) -> None:
    class Refusing:
        async def read(self) -> Presented:
            await asyncio.sleep(1)
            if not world.station.last_token:
                return TokenRefused("a random UID", 0.0)
            await asyncio.sleep(1e6)
            raise AssertionError

        async def close(self) -> None:
            pass

    world.verb("plug_in", evse=1)
    world.station.spawn(world.station._read_tokens(0, Refusing(), 1))
    await world.until(lambda: world.station.why()["last_token"], 10)
    assert world.station.why()["last_token"] == {"evse": 1, "text": "refused: a random UID", "ago_s": 0}
    told = [e for e in world.events if e["kind"] == "token"]
    assert [(e["text"], e["reader"]) for e in told] == [("refused: a random UID", 1)]
    assert world.csms.asked == []


@in_world()
async def test_a_token_the_protocol_has_no_room_for_is_refused_with_the_reason(world: World) -> None:
    async def unfit(id_token: IdToken, evse_id: int | None) -> TokenInfo:
        raise TokenUnfit("the token has 21 characters")

    world.csms.authorize = unfit  # type: ignore[method-assign]
    world.verb("plug_in", evse=1)
    await asyncio.sleep(2)
    await world.swipe(ANNA)
    assert world.station.why()["last_token"]["text"] == "refused: the token has 21 characters"
    assert not world.is_closed(1)


@in_world()
async def test_a_presented_token_is_told_with_its_reader_and_without_its_number(world: World) -> None:
    await world.swipe(ANNA)
    [told] = [e for e in world.events if e["kind"] == "token" and e["text"].startswith("presented")]
    assert told["text"] == f"presented: ISO14443, {len(ANNA)} characters, …{ANNA[-4:]}" and told["reader"] == 1


@pytest.mark.ocpp("2.0.1", "J01.FR.14", "J02.FR.11")
@in_world(variables={"AlignedDataCtrlr.Interval": "900", "SampledDataCtrlr.TxUpdatedInterval": "60"})
async def test_periodic_and_clock_aligned_values(world: World) -> None:
    await asyncio.sleep(1000)
    metered = [body for (body,) in world.rows("SELECT body FROM events WHERE kind = 'Metered'")]
    assert len(metered) == 1 and '"Sample.Clock"' in metered[0] and "06:15:00" in metered[0]
    await world.charge()
    await asyncio.sleep(1000)
    world.store.flush()  # mere samples may wait a minute
    triggers = [e["trigger"] for e in world.committed("Updated")]
    assert triggers.count("MeterValueClock") == 1
    assert triggers.count("MeterValuePeriodic") == 16
    periodic = next(e for e in world.committed("Updated") if e["trigger"] == "MeterValuePeriodic")
    assert {s["context"] for s in periodic["samples"]} == {"Sample.Periodic"}
    assert world.rows("SELECT count(*) FROM events WHERE kind = 'Metered'") == [(1,)]


@in_world()
async def test_a_technician_sees_and_clears_faults(world: World) -> None:
    await world.charge()
    world.verb("fault", evse=1, kind="rcd")
    await world.until(lambda: not world.open_transactions(), 20)
    assert world.committed("Ended")[0]["stopped_reason"] == "GroundFault"
    shown = world.station.why()["evses"][0]["faults"]
    assert shown[0]["id"] == "rcd_trip" and "reset" in shown[0]["hint"]
    with pytest.raises(ValueError, match="EVSE 1 has no fault 'nonsense'; active: rcd_trip"):
        world.station.clear_fault(1, "nonsense")
    with pytest.raises(ValueError, match="there is no EVSE 9; known: 1"):
        world.station.clear_fault(9, "rcd_trip")
    world.verb("fault", evse=1, kind="rcd", clear=True)
    await asyncio.sleep(1)
    world.station.clear_fault(1, "rcd_trip")
    await asyncio.sleep(1)
    assert world.station.snapshot()["evses"][0]["status"] == "Finishing"


@pytest.mark.parametrize("start", ["EVConnected", "Authorized", "Authorized,EVConnected", "PowerPathClosed"])
@pytest.mark.parametrize("early_s", [0.6, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.0])
def test_a_car_that_comes_while_its_token_is_checked_has_one_transaction(
    tmp_path: Path, start: str, early_s: float
) -> None:
    """early_s: by so much the plug is before the answer; seeing it takes some of that time."""

    @in_world(evses=2, variables={"TxCtrlr.TxStartPoint": start, "TxCtrlr.TxStopPoint": "EVConnected"})
    async def test(world: World) -> None:
        world.csms.answers_after_s = 1.0
        await world.swipe(wait_s=0.0)
        await world.until(lambda: world.csms.asked, 5)
        await asyncio.sleep(1.0 - early_s)
        world.verb("plug_in", evse=2)
        await world.until(lambda: world.is_closed(2), 20)
        await asyncio.sleep(90)
        assert world.is_closed(2), "the time for an EV to come is not over for one that is there"
        (started,) = world.committed("Started")
        world.verb("unplug", evse=2)
        await world.until(lambda: not world.open_transactions(), 20)
        (ended,) = world.committed("Ended")
        assert ended["transaction_id"] == started["transaction_id"]
        assert not world.store.open_sessions()

    test(tmp_path)


@in_world()
async def test_a_renewal_that_fails_to_come_is_noticed(world: World) -> None:
    await world.charge()
    world.site.link.send = lambda message: None  # type: ignore[method-assign]
    await asyncio.sleep(20)
    with pytest.raises(AssertionError, match="permit not renewed"):
        world.check()
    world.forgive()
