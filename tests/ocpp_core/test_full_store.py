"""The store has no room left: the connection lives on, and a CSMS that wants something kept is told why it is not."""

from __future__ import annotations

import sqlite3
from asyncio import sleep

import pytest

from controller.ocpp.ports import ConnectorStatus
from tests.ocpp_core.ocpp_rig import Rig, rig, virtually


def fill(r: Rig) -> None:
    r.store.flush()
    r.store._db.before_commit.append(_refuse)


def free(r: Rig) -> None:
    r.store._db.before_commit.remove(_refuse)


def _refuse(connection: sqlite3.Connection) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorname = "SQLITE_FULL"
    raise error


@pytest.mark.ocpp("2.0.1", "B05.FR.01")
@virtually
async def test_a_variable_that_cannot_be_kept_is_rejected_with_the_reason_and_not_in_force() -> None:
    async with rig() as r:
        await r.online()
        before = r.model.int("OCPPCommCtrlr.HeartbeatInterval")
        fill(r)
        data = {
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "HeartbeatInterval"},
            "attributeValue": "77",
        }
        [result] = (await r.csms.call("SetVariables", {"setVariableData": [data]}))[2]["setVariableResult"]
        assert result["attributeStatus"] == "Rejected"
        assert result["attributeStatusInfo"]["reasonCode"] == "OutOfStorage"
        assert "storage is full" in result["attributeStatusInfo"]["additionalInfo"]
        assert r.model.int("OCPPCommCtrlr.HeartbeatInterval") == before
        free(r)
        [result] = (await r.csms.call("SetVariables", {"setVariableData": [data]}))[2]["setVariableResult"]
        assert result["attributeStatus"] == "Accepted" and r.model.int("OCPPCommCtrlr.HeartbeatInterval") == 77


@virtually
async def test_a_command_that_cannot_be_kept_is_answered_with_an_error_that_says_so() -> None:
    async with rig() as r:
        await r.online()
        fill(r)
        profile = {
            "id": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [
                {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}]}
            ],
        }
        answer = await r.csms.call("SetChargingProfile", {"evseId": 1, "chargingProfile": profile})
        assert (answer[0], answer[2]) == (4, "InternalError") and "storage is full" in answer[3]
        free(r)


@virtually
async def test_a_station_boots_reports_and_stays_connected_with_a_full_store() -> None:
    async with rig(trusted=False) as r:
        fill(r)
        r.csms.script["BootNotification"] = [{"status": "Accepted", "interval": 500}]  # another than it has
        await r.online()
        for status in (ConnectorStatus.FAULTED, ConnectorStatus.AVAILABLE):
            await sleep(100)
            r.station.statuses[1, 1] = status
            r.client.status_changed(1, 1)
        await sleep(4000)
        told = [each.payload["connectorStatus"] for each in r.csms.of("StatusNotification")]
        assert told == ["Available", "Available", "Faulted", "Available"]
        assert r.client.is_online and len(r.network.attempts) == 1
        free(r)
