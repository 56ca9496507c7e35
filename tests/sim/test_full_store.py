"""The store has no room left: what a CSMS sees of it, in both versions."""

from __future__ import annotations

import dataclasses
import sqlite3
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hil.csms.log import Kind, Party
from hil.sim.world import IDENTITY, LIMITS
from tests.sim.sim_tools import ANNA, BERT, Scene, both_versions, play

TITLE = "storage full: nothing new begins"
OFTEN = dataclasses.replace(LIMITS, look_every_s=5.0)


def told(scene: Scene, action: str) -> list[dict[str, Any]]:
    frames = [each for each in scene.world.csms.frames if each.sender is Party.STATION and each.kind == "call"]
    return [each.payload for each in frames if each.action == action]


def fill(scene: Scene, full: bool = True) -> None:
    floor = 1 << 60 if full else OFTEN.free_floor_bytes
    scene.world.store_or_fail._db.limits = dataclasses.replace(OFTEN, free_floor_bytes=floor)


@pytest.mark.ocpp("2.0.1", "A04.FR.01", "F01.FR.23", "G01.FR.01")
@pytest.mark.ocpp("1.6", "§4.9")
@both_versions
def test_who_charges_ends_well_and_who_comes_is_refused_with_the_reason(version: str, tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin(1, ANNA)
        fill(scene)
        await world.sleep(120)
        assert scene.is_closed(1)
        world.verb("plug_in", evse=2)
        await world.sleep(3)
        world.verb("swipe", token=BERT)
        await world.sleep(20)
        assert not scene.is_closed(2)
        statuses = told(scene, "StatusNotification")
        if version == "1.6":
            status = [each for each in statuses if each["connectorId"] == 2][-1]
            assert (status["status"], status["errorCode"], status["info"]) == ("Faulted", "InternalError", TITLE)
            assert status["vendorErrorCode"] == "storage_full"
            answer = await world.csms.command(IDENTITY, "RemoteStartTransaction", {"idTag": BERT, "connectorId": 2})
            assert answer["status"] == "Rejected"
            busy = [each for each in statuses if each["connectorId"] == 1][-1]
            assert (busy["status"], busy["info"]) == ("Charging", TITLE)
        else:
            status = [each for each in statuses if each["evseId"] == 2][-1]
            assert status["connectorStatus"] == "Faulted"
            token = {"idToken": BERT, "type": "Central"}
            request = {"remoteStartId": 1, "idToken": token, "evseId": 2}
            answer = await world.csms.command(IDENTITY, "RequestStartTransaction", request)
            assert answer["status"] == "Rejected"
            assert "storage is full" in answer["statusInfo"]["additionalInfo"]
        [event] = [each for each in told(scene, "SecurityEventNotification") if each["type"] != "StartupOfTheDevice"]
        assert (event["type"], event["techInfo"]) == ("MemoryExhaustion", TITLE)
        await scene.end(1, ANNA)
        await scene.delivered()
        assert not scene.only.is_open and abs(scene.only.energy_wh - scene.energy_wh(1)) <= 1
        fill(scene, False)
        world.verb("unplug", evse=2)
        await world.sleep(60)
        await scene.begin(2, BERT)
        await scene.end(2, BERT)
        await scene.delivered()
        assert len(scene.transactions) == 2

    play(tmp_path, version, script, limits=OFTEN)


@both_versions
def test_hours_without_room_for_a_single_byte_cost_updates_and_nothing_else(version: str, tmp_path: Path) -> None:
    """The other EVSE ends meanwhile; links drop and come back; the CSMS speaks to the station all the time."""

    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin(1, ANNA)
        await scene.begin(2, BERT)
        await world.sleep(300)
        world.store_or_fail.flush()
        world.store_or_fail._db.before_commit.append(refuse_commit)
        await world.sleep(600)
        world.verb("unplug", evse=2)
        await world.until(lambda: not scene.is_closed(2), 5, "it opens")
        for up in (False, True):
            await world.sleep(1800)
            world.verb("network", up=up)
        await world.sleep(1800)
        assert scene.is_closed(1), "its record is committed"
        assert len(world.store_or_fail.open_transactions()) == 2
        world.store_or_fail._db.before_commit.remove(refuse_commit)
        await world.sleep(120)
        assert [each.evse_id for each in world.store_or_fail.open_transactions()] == [1]
        await scene.end(1, ANNA)
        await scene.delivered()
        await world.sleep(60)
        await scene.begin(2, BERT)
        await scene.end(2, BERT)

    play(tmp_path, version, script, limits=OFTEN)


def refuse_commit(connection: sqlite3.Connection) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorname = "SQLITE_FULL"
    raise error


@pytest.mark.ocpp("2.0.1", "E12.FR.04", "E12.FR.05")
@both_versions
def test_meter_values_of_a_night_offline_are_thinned_and_neither_begin_nor_end_is_missed(
    version: str, tmp_path: Path
) -> None:
    async def script(scene: Scene) -> None:
        world = scene.world
        world.store_or_fail._db.limits = dataclasses.replace(LIMITS, max_waiting=60)
        world.verb("network", up=False)
        await scene.begin(1, ANNA)
        for _ in range(12):
            await world.sleep(3600)
            assert world.store_or_fail.queued_count() <= 66
        await scene.end(1, ANNA)
        world.verb("network", up=True)
        await scene.delivered()
        transaction = scene.only
        assert abs(transaction.energy_wh - scene.energy_wh(1)) <= 1 and not transaction.is_open
        assert transaction.stopped_at is not None
        assert transaction.stopped_at - transaction.started_at > timedelta(hours=12)
        if version == "2.0.1":
            assert (
                transaction.seq_nos[0] == 0 and transaction.gaps and transaction.seq_nos == sorted(transaction.seq_nos)
            )
        told = [each.at.timestamp() for each in transaction.readings]
        spread = [later - earlier for earlier, later in pairwise(sorted(told))]
        assert len(told) > 20 and max(spread) < 4 * 3600, "what is left is spread over the night"
        assert {each.kind for each in world.csms.violations} <= {Kind.GAP}, "where something was dropped (E01.FR.07)"

    play(tmp_path, version, script, limits=OFTEN, closes=False)  # what was dropped is missing in the books
