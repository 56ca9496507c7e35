"""B07, B08: base reports and custom reports, part by part."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conformance_v201.octt import Octt, Payload, named, octt

Key = tuple[str, int | None, int | None, str, str | None]
STATES = {"Available", "Occupied", "Reserved", "Unavailable", "Faulted"}
LISTS = ("OptionList", "SequenceList", "MemberList")
REQUIRED = Path(__file__).with_name("required_variables.csv")


async def report(o: Octt, action: str, request: Payload, request_id: int = 42) -> list[Payload]:
    """Ask for a report, check its parts, and return its entries."""
    o.forget()
    answer = await o.command(action, {"requestId": request_id, **request})
    assert answer == {"status": "Accepted"}
    await o.expect("NotifyReport", {"tbc": False}, within_s=60)
    parts = o.payloads("NotifyReport")
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert [part.get("tbc", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    assert {part["requestId"] for part in parts} == {request_id}
    for part in parts:
        assert abs(datetime.fromisoformat(part["generatedAt"]) - o.now) < timedelta(seconds=30)
    return [entry for part in parts for entry in part.get("reportData", [])]


def key(entry: Payload) -> Key:
    component, variable = entry["component"], entry["variable"]
    evse = component.get("evse", {})
    return component["name"], evse.get("id"), evse.get("connectorId"), variable["name"], variable.get("instance")


def attribute(entry: Payload) -> Payload:
    (found,) = entry["variableAttribute"]
    assert found.get("type", "Actual") == "Actual"
    return dict(found)


def assert_well_formed(entries: list[Payload]) -> None:
    keys = [key(entry) for entry in entries]
    assert len(set(keys)) == len(keys)
    for entry in entries:
        characteristics, found = entry["variableCharacteristics"], attribute(entry)
        if found["mutability"] == "WriteOnly":
            assert "value" not in found, entry
            continue
        assert "value" in found, entry
        if characteristics["dataType"] in LISTS:
            allowed = set(characteristics["valuesList"].split(","))
            assert allowed and set(found["value"].split(",")) - {""} <= allowed, entry
        if characteristics["dataType"] == "boolean":
            assert found["value"] in ("true", "false"), entry
        if characteristics["dataType"] in ("integer", "decimal"):
            number = float(found["value"])
            low, high = characteristics.get("minLimit"), characteristics.get("maxLimit")
            assert (low is None or float(low) <= number) and (high is None or number <= float(high)), entry


@pytest.mark.ocpp("2.0.1", "TC_B_13_CS", "TC_B_53_CS", "B07.FR.01", "B07.FR.03", "B07.FR.04", "B07.FR.08", "B07.FR.10")
@pytest.mark.ocpp("2.0.1", "B07.FR.11", "B07.FR.12")
@octt()
async def test_the_full_inventory_has_everything(o: Octt) -> None:
    entries = await report(o, "GetBaseReport", {"reportBase": "FullInventory"})
    assert_well_formed(entries)
    found = {key(entry) for entry in entries}
    for row in csv.DictReader(REQUIRED.open()):
        places: list[tuple[int | None, int | None]] = {
            "EVSE": [(1, None), (2, None)],
            "Connector": [(1, 1), (2, 1)],
        }.get(row["component"], [(None, None)])  # type: ignore[assignment]
        for evse, connector in places:
            wanted = (row["component"], evse, connector, row["variable"], row["instance"] or None)
            assert wanted in found, wanted
    for name in ("LocalAuthListCtrlr", "ReservationCtrlr", "MonitoringCtrlr", "DisplayMessageCtrlr"):
        (absent,) = [entry for entry in entries if entry["component"]["name"] == name]
        assert attribute(absent)["value"] == "false"  # what is not there says so


@pytest.mark.ocpp("2.0.1", "TC_B_12_CS", "B07.FR.07", "B07.FR.12")
@octt()
async def test_the_configuration_inventory_has_what_can_be_set(o: Octt) -> None:
    entries = await report(o, "GetBaseReport", {"reportBase": "ConfigurationInventory"})
    assert_well_formed(entries)
    assert {attribute(entry)["mutability"] for entry in entries} == {"ReadWrite", "WriteOnly"}
    found = {key(entry) for entry in entries}
    full = await report(o, "GetBaseReport", {"reportBase": "FullInventory"}, 43)
    settable = {key(entry) for entry in full if attribute(entry)["mutability"] != "ReadOnly"}
    assert found == settable


@pytest.mark.ocpp("2.0.1", "TC_B_14_CS", "B07.FR.09")
@octt()
async def test_the_summary_inventory_tells_availability(o: Octt) -> None:
    o.plug(2)
    await o.status("Occupied", 2)
    entries = await report(o, "GetBaseReport", {"reportBase": "SummaryInventory"})
    assert_well_formed(entries)
    states = {key(entry)[:3]: attribute(entry)["value"] for entry in entries if key(entry)[3] == "AvailabilityState"}
    assert states == {
        ("ChargingStation", None, None): "Available",
        ("EVSE", 1, None): "Available",
        ("EVSE", 2, None): "Occupied",
        ("Connector", 1, 1): "Available",
        ("Connector", 2, 1): "Occupied",
    }


@pytest.mark.ocpp("2.0.1", "B07.FR.09")
@octt()
async def test_the_summary_inventory_tells_a_problem(o: Octt) -> None:
    o.world.verb("fault", evse=1, kind="rcd", value="trip")
    await o.status("Faulted", 1)
    entries = await report(o, "GetBaseReport", {"reportBase": "SummaryInventory"})
    values: dict[Any, str] = {key(entry): attribute(entry)["value"] for entry in entries}
    assert values[("EVSE", 1, None, "AvailabilityState", None)] == "Faulted"
    assert values[("EVSE", 1, None, "Problem", None)] == "true"


@pytest.mark.ocpp("2.0.1", "TC_B_17_CS", "TC_B_56_CS", "B08.FR.01", "B08.FR.03", "B08.FR.04", "B08.FR.11", "B08.FR.12")
@pytest.mark.parametrize("place", [{"evse": {"id": 1}}, {}], ids=["of one EVSE", "of all"])
@octt()
async def test_a_custom_report_of_one_variable(o: Octt, place: Payload) -> None:
    wanted = {"component": {"name": "EVSE", **place}, "variable": {"name": "AvailabilityState"}}
    entries = await report(o, "GetReport", {"componentVariable": [wanted]})
    assert [entry["component"]["evse"]["id"] for entry in entries] == ([1] if place else [1, 2])
    for entry in entries:
        assert entry["variableCharacteristics"]["dataType"] == "OptionList"
        assert set(entry["variableCharacteristics"]["valuesList"].split(",")) == STATES
        assert attribute(entry)["mutability"] == "ReadOnly"


@pytest.mark.ocpp("2.0.1", "TC_B_54_CS", "TC_B_55_CS", "B08.FR.14")
@pytest.mark.parametrize("instance", [None, "GetReport"])
@octt()
async def test_a_custom_report_of_instances(o: Octt, instance: str | None) -> None:
    wanted = named("DeviceDataCtrlr.ItemsPerMessage" + (f"[{instance}]" if instance else ""))
    entries = await report(o, "GetReport", {"componentVariable": [wanted]})
    instances = {entry["variable"]["instance"] for entry in entries}
    assert instances == ({"GetReport"} if instance else {"GetReport", "GetVariables", "SetVariables"})


@pytest.mark.ocpp("2.0.1", "TC_B_18_CS", "B08.FR.05", "B08.FR.13", "B08.FR.15")
@octt()
async def test_a_custom_report_heeds_the_criteria(o: Octt) -> None:
    wanted = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}
    (entry,) = await report(o, "GetReport", {"componentCriteria": ["Available"], "componentVariable": [wanted]})
    assert key(entry) == ("EVSE", 1, None, "AvailabilityState", None)
    request = {"requestId": 8, "componentCriteria": ["Problem"], "componentVariable": [wanted]}
    o.forget()
    assert (await o.command("GetReport", request))["status"] == "EmptyResultSet"
    await o.silence(5, "NotifyReport")


@pytest.mark.ocpp("2.0.1", "TC_B_16_CS", "B08.FR.07", "B08.FR.09")
@octt({"AuthCacheCtrlr.Enabled": "true"})
async def test_a_custom_report_of_what_is_enabled(o: Octt) -> None:
    entries = await report(o, "GetReport", {"componentCriteria": ["Enabled"]})
    full = await report(o, "GetBaseReport", {"reportBase": "FullInventory"}, 44)
    enabled = {key(e)[0] for e in full if e["variable"]["name"] == "Enabled" and attribute(e)["value"] == "true"}
    assert {key(e)[0] for e in entries if e["variable"]["name"] == "Enabled"} == enabled
    assert all(attribute(e)["value"] == "true" for e in entries if e["variable"]["name"] == "Enabled")


@pytest.mark.ocpp("2.0.1", "B08.FR.10")
@octt()
async def test_a_custom_report_of_what_has_a_problem(o: Octt) -> None:
    o.world.verb("fault", evse=2, kind="rcd", value="trip")
    await o.status("Faulted", 2)
    entries = await report(o, "GetReport", {"componentCriteria": ["Problem"]})
    assert {key(entry)[:2] for entry in entries} == {("EVSE", 2), ("ChargingStation", None)}


@pytest.mark.ocpp("2.0.1", "B08.FR.20", "B08.FR.21", "B08.FR.22")
@pytest.mark.parametrize(
    ("place", "found"),
    [({}, {(1, 1), (2, 1)}), ({"evse": {"id": 2}}, {(2, 1)}), ({"evse": {"id": 1, "connectorId": 1}}, {(1, 1)})],
)
@octt()
async def test_a_custom_report_of_components(o: Octt, place: Payload, found: set[tuple[int, int]]) -> None:
    entries = await report(o, "GetReport", {"componentVariable": [{"component": {"name": "Connector", **place}}]})
    assert {key(entry)[1:3] for entry in entries} == found
    names = {entry["variable"]["name"] for entry in entries}
    assert names == {"Available", "AvailabilityState", "SupplyPhases", "ConnectorType"}


@pytest.mark.ocpp("2.0.1", "B08.FR.15")
@octt()
async def test_a_custom_report_of_nothing_is_empty(o: Octt) -> None:
    request = {"requestId": 9, "componentVariable": [named("NoSuch.Thing")]}
    assert (await o.command("GetReport", request))["status"] == "EmptyResultSet"


@pytest.mark.ocpp("2.0.1", "B07.FR.03")
@octt()
async def test_a_report_and_a_session_go_side_by_side(o: Octt) -> None:
    """One CALL in flight at a time: the report's parts and the session's events take turns."""
    await o.command("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    o.plug()
    o.swipe()
    await o.expect("NotifyReport", {"tbc": False})
    await o.event({"eventType": "Started"})
