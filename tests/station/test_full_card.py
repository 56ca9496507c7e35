"""The card is full to the last byte while cars charge: what has begun goes on and ends, nothing begins, one EVSE never stops another."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from controller.logic.faults import FAULTS
from controller.logic.values import IdToken
from controller.ocpp.ports import ConnectorStatus, StartRequest
from tests.station.station_world import ANNA, BERT, World, in_world


def fill(world: World) -> None:
    """From now on no commit finds room for a single byte."""
    world.store.flush()
    world.store._db.before_commit.append(_refuse)


def free(world: World) -> None:
    world.store._db.before_commit.remove(_refuse)


def _refuse(connection: sqlite3.Connection) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorname = "SQLITE_FULL"
    raise error


def not_charging(world: World, evse: int) -> str:
    return "; ".join(world.station.why()["evses"][evse - 1]["not_charging"])


@in_world(evses=2, variables={"SampledDataCtrlr.TxUpdatedInterval": "0"})
async def test_what_charges_goes_on_and_one_end_that_cannot_be_kept_stops_nobody_else(world: World) -> None:
    await world.charge(1, ANNA)
    await world.charge(2, BERT)
    ids = {each.evse_id: each.id for each in world.open_transactions()}
    fill(world)
    await asyncio.sleep(600)
    assert world.is_closed(1) and world.is_closed(2), "their records are committed"
    world.verb("unplug", evse=1)
    await world.until(lambda: not world.is_closed(1), 2)
    left_at = world.clock.now().wall
    await asyncio.sleep(120)
    left_wh = world.station.supply.feeds[1].meter.register_wh
    assert world.is_closed(2) and not world.is_closed(1)
    assert [each.id for each in world.open_transactions()] == list(ids.values()), "nothing of the end is kept yet"
    assert world.station.status(1, 1).status is ConnectorStatus.FAULTED
    assert world.station.status(1, 1).fault_id == "storage_full" and world.station.status(1, 1).info
    assert world.station.status(2, 1).status is ConnectorStatus.CHARGING
    free(world)
    await world.until(lambda: [each.id for each in world.open_transactions()] == [ids[2]], 120)
    [end] = world.committed("Ended")
    assert end["transaction_id"] == ids[1] and end["register_wh"] == left_wh
    assert abs(world.store.transaction(ids[1]).last_stamp.wall - left_at).total_seconds() < 5, "as of then"  # type: ignore[union-attr]
    assert world.is_closed(2)
    await asyncio.sleep(60)
    assert world.station.status(1, 1).status is ConnectorStatus.AVAILABLE
    await world.charge(1, ANNA)
    assert world.csms.status_changes


@in_world(evses=2)
async def test_nothing_begins_and_everybody_who_asks_is_told_why(world: World) -> None:
    await world.charge(2, BERT)
    fill(world)
    await asyncio.sleep(70)
    world.verb("plug_in", evse=1)
    await asyncio.sleep(2)
    await world.swipe(ANNA)
    await asyncio.sleep(20)
    assert not world.is_closed(1) and world.is_closed(2)
    assert "storage is full" in not_charging(world, 1)
    assert any(e["kind"] == "token" and "storage is full" in e["text"] for e in world.events)
    assert any(e["kind"] == "fault" and e["id"] == "storage_full" and e["active"] for e in world.events)
    assert "storage_full" in [each["id"] for each in world.station.why()["evses"][0]["faults"]]
    [(event, told)] = world.csms.security_events
    assert event == "MemoryExhaustion" and "storage full" in told
    with pytest.raises(ValueError, match=r"not set: .*no room left"):
        world.station.set_local_limit(2, 10.0)
    assert world.station.supply.feeds[2].offer.current_a > 10, "what is not kept is not in force"  # type: ignore[union-attr]
    answer = world.station.request_start(StartRequest(IdToken("04AA"), 1))
    assert not answer.accepted and "storage is full" in answer.detail
    assert world.station.status(1, 1).info == FAULTS["storage_full"].title
    free(world)
    await asyncio.sleep(70)
    assert any(e["kind"] == "fault" and e["id"] == "storage_full" and not e["active"] for e in world.events)
    await world.swipe(ANNA)
    await world.until(lambda: world.is_closed(1), 30)


@in_world(evses=2, variables={"TxCtrlr.TxStartPoint": "EnergyTransfer"})
async def test_a_beginning_that_cannot_be_kept_stops_energy_there_and_the_next_car_has_none_of_it(world: World) -> None:
    world.verb("plug_in", evse=1)
    world.verb("ev", evse=1, pilot="B")
    await asyncio.sleep(2)
    await world.swipe(ANNA)
    await asyncio.sleep(5)
    assert world.store.open_sessions() and not world.open_transactions()
    await world.charge(2, BERT)
    fill(world)
    world.verb("ev", evse=1, pilot="C", draw_a=16)
    await world.until(lambda: world.is_closed(1), 10)
    await world.until(lambda: not world.is_closed(1), 20)
    assert "storage is full" in not_charging(world, 1) and world.is_closed(2)
    world.verb("unplug", evse=1)
    await asyncio.sleep(5)
    world.verb("plug_in", evse=1)  # another car
    await asyncio.sleep(60)
    closed_before = world.energy_wh(1)
    free(world)
    await world.until(lambda: len(world.open_transactions()) == 1, 120)
    await asyncio.sleep(60)
    assert not world.is_closed(1) and world.energy_wh(1) == closed_before
    [begin] = [each for each in world.committed("Started") if each["evse_id"] == 1]
    [end] = [each for each in world.committed("Ended") if each["evse_id"] == 1]
    assert end["transaction_id"] == begin["transaction_id"] and end["register_wh"] >= begin["register_wh"]


@in_world()
async def test_an_authorisation_that_ended_on_a_full_card_stays_ended(world: World) -> None:
    await world.charge()
    fill(world)
    await world.swipe(ANNA)
    await world.until(lambda: not world.is_closed(), 20)
    free(world)
    await asyncio.sleep(120)
    await world.kill_station()
    await asyncio.sleep(1)
    await world.start_station(20)
    assert not world.open_transactions() and not world.is_closed()
