"""B05-B08, B11, B12: variables, reports, reset."""

from __future__ import annotations

from typing import Any

import pytest

from controller.ocpp.ports import Decision, ResetKind
from tests.ocpp_core.ocpp_rig import Rig, rig, virtually


def item(component: str, variable: str, **more: Any) -> dict[str, Any]:
    evse, instance = more.pop("evse", None), more.pop("instance", None)
    place = {"name": component} | ({"evse": evse} if evse else {})
    name = {"name": variable} | ({"instance": instance} if instance is not None else {})
    return {"component": place, "variable": name, **more}


async def get(r: Rig, *items: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await r.csms.call("GetVariables", {"getVariableData": list(items)})
    return list(answer[2]["getVariableResult"])


async def put(r: Rig, *items: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await r.csms.call("SetVariables", {"setVariableData": list(items)})
    return list(answer[2]["setVariableResult"])


@pytest.mark.ocpp(
    "2.0.1", "B06.FR.01", "B06.FR.02", "B06.FR.03", "B06.FR.04", "B06.FR.06", "B06.FR.07", "B06.FR.08", "B06.FR.09",
    "B06.FR.10", "B06.FR.11", "B06.FR.14", "B06.FR.15",
)  # fmt: skip
@virtually
async def test_each_variable_asked_for_gets_its_own_result() -> None:
    async with rig() as r:
        await r.online()
        asked = [
            item("OCPPCommCtrlr", "MessageTimeout", instance="Default"),
            item("OCPPCommCtrlr", "MessageTimeout", attributeType="Actual"),
            item("OCPPCommCtrlr", "MessageTimeout", instance="Default", attributeType="Target"),
            item("Nowhere", "MessageTimeout"),
            item("OCPPCommCtrlr", "Nothing"),
            item("SecurityCtrlr", "BasicAuthPassword"),
            item("Connector", "AvailabilityState", evse={"id": 1, "connectorId": 1}),
            item("EVSE", "Power", evse={"id": 2}),
            item("EVSE", "Power", evse={"id": 3}),
            item("ChargingStation", "AvailabilityState"),
        ]
        results = await get(r, *asked)
        assert [(each["attributeStatus"], each.get("attributeValue")) for each in results] == [
            ("Accepted", "30"),
            ("UnknownVariable", None),
            ("NotSupportedAttributeType", None),
            ("UnknownComponent", None),
            ("UnknownVariable", None),
            ("Rejected", None),
            ("Accepted", "Available"),
            ("Accepted", "7360"),
            ("UnknownComponent", None),
            ("Accepted", "Available"),
        ]
        for each, result in zip(asked, results, strict=True):
            assert result["component"] == each["component"]
            assert result["variable"] == each["variable"]
            assert result["attributeType"] == each.get("attributeType", "Actual")


@pytest.mark.ocpp("2.0.1", "B06.FR.16")
@virtually
async def test_too_many_items_are_refused_as_a_whole() -> None:
    async with rig() as r:
        await r.online()
        answer = await r.csms.call("GetVariables", {"getVariableData": [item("ClockCtrlr", "TimeSource")] * 101})
        assert answer[2] == "OccurrenceConstraintViolation"


@pytest.mark.ocpp(
    "2.0.1", "B05.FR.01", "B05.FR.02", "B05.FR.03", "B05.FR.04", "B05.FR.05", "B05.FR.06", "B05.FR.07", "B05.FR.08",
    "B05.FR.09", "B05.FR.10", "B05.FR.12",
)  # fmt: skip
@virtually
async def test_each_variable_set_gets_its_own_result_and_good_ones_hold() -> None:
    async with rig() as r:
        await r.online()
        results = await put(
            r,
            item("TxCtrlr", "EVConnectionTimeOut", attributeValue="90"),
            item("TxCtrlr", "EVConnectionTimeOut", attributeValue="90", attributeType="Target"),
            item("Nowhere", "X", attributeValue="1"),
            item("TxCtrlr", "X", attributeValue="1"),
            item("TxCtrlr", "EVConnectionTimeOut", attributeValue="soon"),
            item("TxCtrlr", "EVConnectionTimeOut", attributeValue="0", attributeType="Actual"),
            item("ClockCtrlr", "DateTime", attributeValue="2026-01-01T00:00:00Z"),
            item("OCPPCommCtrlr", "NetworkConfigurationPriority", attributeValue="1"),
        )
        assert [each["attributeStatus"] for each in results] == [
            "Accepted",
            "NotSupportedAttributeType",
            "UnknownComponent",
            "UnknownVariable",
            "Rejected",
            "Rejected",
            "Rejected",
            "RebootRequired",
        ]
        assert "at least 1 s" in results[5]["attributeStatusInfo"]["additionalInfo"]
        assert results[6]["attributeStatusInfo"]["reasonCode"] == "ReadOnly"
        assert r.model.int("TxCtrlr.EVConnectionTimeOut") == 90
        assert r.store.variables()["TxCtrlr.EVConnectionTimeOut"].source == "csms"


async def report(r: Rig, action: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask for a report and return its entries, checking how it is cut into messages."""
    before = len(r.csms.of("NotifyReport"))
    answer = await r.csms.call(action, {"requestId": 42, **request})
    assert answer[2]["status"] == "Accepted"
    entries: list[dict[str, Any]] = []
    for seq_no in range(1000):
        part = (await r.csms.until("NotifyReport", before + seq_no + 1)).payload
        assert (part["requestId"], part["seqNo"]) == (42, seq_no)
        entries += part.get("reportData", [])
        if not part["tbc"]:
            break
    return entries


@pytest.mark.ocpp("2.0.1", "B07.FR.01", "B07.FR.03", "B07.FR.04", "B07.FR.08", "B07.FR.10", "B07.FR.11", "B07.FR.12")
@virtually
async def test_the_full_inventory_holds_every_variable_and_no_secret() -> None:
    async with rig() as r:
        await r.online()
        r.model.set("SecurityCtrlr.BasicAuthPassword", "correct-horse-battery", "technician")
        entries = await report(r, "GetBaseReport", {"reportBase": "FullInventory"})
        assert len(entries) == len(r.model.variables())
        password = next(each for each in entries if each["variable"]["name"] == "BasicAuthPassword")
        assert "value" not in password["variableAttribute"][0]
        power = next(each for each in entries if each["variable"]["name"] == "Power")
        assert power["variableCharacteristics"] == {
            "unit": "W",
            "dataType": "decimal",
            "maxLimit": 22080.0,
            "supportsMonitoring": False,
        }
        assert len(r.csms.of("NotifyReport")) > 1


@pytest.mark.ocpp("2.0.1", "B07.FR.07", "B07.FR.09")
@virtually
async def test_the_other_inventories_are_parts_of_it() -> None:
    async with rig() as r:
        await r.online()
        writable = await report(r, "GetBaseReport", {"reportBase": "ConfigurationInventory"})
        assert {each["variableAttribute"][0]["mutability"] for each in writable} == {"ReadWrite", "WriteOnly"}
        summary = await report(r, "GetBaseReport", {"reportBase": "SummaryInventory"})
        assert {each["variable"]["name"] for each in summary} == {"AvailabilityState"}
        assert [each["component"].get("evse") for each in summary] == [
            None,
            {"id": 1},
            {"id": 1, "connectorId": 1},
            {"id": 2},
            {"id": 2, "connectorId": 1},
        ]


@pytest.mark.ocpp(
    "2.0.1", "B08.FR.01", "B08.FR.05", "B08.FR.08", "B08.FR.15", "B08.FR.20", "B08.FR.21", "B08.FR.22", "B08.FR.23"
)
@virtually
async def test_a_custom_report_is_limited_to_what_was_asked() -> None:
    async with rig() as r:
        await r.online()
        connectors = await report(r, "GetReport", {"componentVariable": [{"component": {"name": "Connector"}}]})
        assert len(connectors) == 8
        first = {"component": {"name": "Connector", "evse": {"id": 1}}, "variable": {"name": "ConnectorType"}}
        assert len(await report(r, "GetReport", {"componentVariable": [first]})) == 1
        items = {"component": {"name": "DeviceDataCtrlr"}, "variable": {"name": "ItemsPerMessage"}}
        assert len(await report(r, "GetReport", {"componentVariable": [items]})) == 3
        absent = await report(r, "GetReport", {"componentCriteria": ["Available"]})
        assert "ReservationCtrlr" not in {each["component"]["name"] for each in absent}
        nothing = {"requestId": 1, "componentCriteria": ["Problem"]}
        assert (await r.csms.call("GetReport", nothing))[2] == {"status": "EmptyResultSet"}


@pytest.mark.ocpp("2.0.1", "B11.FR.01", "B11.FR.09", "B12.FR.01", "B12.FR.02")
@pytest.mark.parametrize(
    ("request_", "decision", "status", "asked"),
    [
        ({"type": "Immediate"}, Decision(True), "Accepted", (ResetKind.IMMEDIATE, None)),
        ({"type": "OnIdle"}, Decision(True, scheduled=True), "Scheduled", (ResetKind.ON_IDLE, None)),
        (
            {"type": "OnIdle", "evseId": 2},
            Decision(False, reason_code="UnsupportedParam"),
            "Rejected",
            (ResetKind.ON_IDLE, 2),
        ),
        ({"type": "Immediate", "evseId": 9}, Decision(True), "Rejected", None),
    ],
)
def test_reset_is_the_stations_decision(request_: dict[str, Any], decision: Decision, status: str, asked: Any) -> None:
    @virtually
    async def run() -> None:
        async with rig() as r:
            await r.online()
            r.station.decision = decision
            assert (await r.csms.call("Reset", request_))[2]["status"] == status
            assert [each[1:] for each in r.station.asked if each[0] == "reset"] == ([asked] if asked else [])

    run()


@pytest.mark.ocpp("2.0.1", "B09.FR.02", "B09.FR.05")
@virtually
async def test_network_profiles_are_the_configuration_files() -> None:
    async with rig() as r:
        await r.online()
        data = {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": "ws://x",
            "messageTimeout": 30,
            "securityProfile": 1,
            "ocppInterface": "Wired0",
        }
        for slot, reason in ((1, "InvalidNetworkConf"), (7, "InvalidConfSlot")):
            answer = await r.csms.call("SetNetworkProfile", {"configurationSlot": slot, "connectionData": data})
            assert answer[2] == {"status": "Rejected", "statusInfo": answer[2]["statusInfo"]}
            assert answer[2]["statusInfo"]["reasonCode"] == reason
