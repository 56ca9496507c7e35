"""B05, B06: setting and getting variables, one by one, many at once, and everything that can be wrong with a request."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.conformance_v201.octt import Octt, Payload, named, octt
from tests.conformance_v201.patterns import ABSENT, differences

THRESHOLD = "OCPPCommCtrlr.OfflineThreshold"
OFFLINE = "AuthCtrlr.LocalAuthorizeOffline"


async def get(o: Octt, *items: Payload) -> list[Payload]:
    answer = await o.command("GetVariables", {"getVariableData": list(items)})
    results: list[Payload] = answer["getVariableResult"]
    for item, result in zip(items, results, strict=True):  # B06.FR.01, B06.FR.02, B06.FR.03, B06.FR.11
        wanted = {"attributeType": "Actual", **{key: item[key] for key in item if key != "attributeValue"}}
        assert not differences(result, wanted)
    return results


async def put(o: Octt, *items: Payload) -> list[Payload]:
    answer = await o.command("SetVariables", {"setVariableData": list(items)})
    results: list[Payload] = answer["setVariableResult"]
    for item, result in zip(items, results, strict=True):
        wanted = {"attributeType": "Actual", **{key: item[key] for key in item if key != "attributeValue"}}
        assert not differences(result, wanted)
    return results


def setting(key: str, value: str, **more: str) -> Payload:
    return {**named(key), "attributeValue": value, **more}


@pytest.mark.ocpp("2.0.1", "TC_B_06_CS", "TC_B_09_CS", "TC_P_03_CS", "B05.FR.01", "B05.FR.02", "B05.FR.03", "B05.FR.10")
@pytest.mark.ocpp("2.0.1", "B05.FR.12", "B06.FR.01", "B06.FR.02", "B06.FR.03", "B06.FR.04", "B06.FR.10", "B06.FR.11")
@pytest.mark.parametrize("kind", [{}, {"attributeType": "Actual"}], ids=["omitted", "Actual"])
@octt()
async def test_a_variable_is_set_and_read_back(o: Octt, kind: dict[str, str]) -> None:
    custom = {"vendorId": "org.openchargealliance.octt"}
    item = {**setting(THRESHOLD, "200", **kind), "customData": custom}
    answer = await o.command("SetVariables", {"setVariableData": [item], "customData": custom})
    (done,) = answer["setVariableResult"]
    assert done["attributeType"] == "Actual"
    assert done["attributeStatus"] == "Accepted"
    (found,) = await get(o, {**named(THRESHOLD), **kind})
    assert (found["attributeStatus"], found["attributeValue"]) == ("Accepted", "200")


@pytest.mark.ocpp("2.0.1", "TC_B_07_CS", "TC_B_10_CS")
@octt()
async def test_two_variables_are_set_and_read_back(o: Octt) -> None:
    done = await put(o, setting(THRESHOLD, "300"), setting(OFFLINE, "true"))
    assert [result["attributeStatus"] for result in done] == ["Accepted", "Accepted"]
    found = await get(o, named(THRESHOLD), named(OFFLINE))
    assert [result["attributeValue"] for result in found] == ["300", "true"]


@pytest.mark.ocpp("2.0.1", "B05.FR.10", "B06.FR.14")
@octt()
async def test_a_value_survives_a_power_cut(o: Octt) -> None:
    await put(o, setting(THRESHOLD, "321"), setting("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", "7"))
    await o.power_cycle()
    await o.booted()
    assert await o.value(THRESHOLD) == "321"
    assert await o.value("OCPPCommCtrlr.MessageAttempts[TransactionEvent]") == "7"


@pytest.mark.ocpp("2.0.1", "TC_B_08_CS", "B06.FR.05", "B06.FR.16")
@octt()
async def test_as_many_items_as_told_and_no_more(o: Octt) -> None:
    most = int(await o.value("DeviceDataCtrlr.ItemsPerMessage[GetVariables]"))
    found = await get(o, *[named(THRESHOLD)] * most)
    assert len(found) == most
    too_many = {"getVariableData": [named(THRESHOLD)] * (most + 1)}
    assert await o.refused("GetVariables", too_many) == "OccurrenceConstraintViolation"
    most = int(await o.value("DeviceDataCtrlr.ItemsPerMessage[SetVariables]"))
    too_many = {"setVariableData": [setting(THRESHOLD, "1")] * (most + 1)}
    assert await o.refused("SetVariables", too_many) == "OccurrenceConstraintViolation"
    assert await o.value(THRESHOLD) != "1"


@pytest.mark.ocpp("2.0.1", "TC_B_32_CS", "TC_B_33_CS", "TC_B_34_CS", "B06.FR.06", "B06.FR.07", "B06.FR.08", "B06.FR.15")
@pytest.mark.parametrize(
    ("item", "status"),
    [
        (named("UnknownComponent.OfflineThreshold"), "UnknownComponent"),
        (named("EVSE@9.AvailabilityState"), "UnknownComponent"),
        ({"component": {"name": "EVSE", "instance": "x"}, "variable": {"name": "Available"}}, "UnknownComponent"),
        (named("OCPPCommCtrlr.UnknownVariable"), "UnknownVariable"),
        (named("OCPPCommCtrlr.MessageTimeout"), "UnknownVariable"),
        (named("OCPPCommCtrlr.MessageTimeout[Other]"), "UnknownVariable"),
        ({**named(THRESHOLD), "attributeType": "Target"}, "NotSupportedAttributeType"),
        ({**named(THRESHOLD), "attributeType": "MaxSet"}, "NotSupportedAttributeType"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
@octt()
async def test_what_is_not_there_cannot_be_read(o: Octt, item: Payload, status: str) -> None:
    (found,) = await get(o, item)
    assert not differences(found, {"attributeStatus": status, "attributeValue": ABSENT})


@pytest.mark.ocpp("2.0.1", "TC_B_35_CS", "TC_B_36_CS", "TC_B_37_CS", "TC_B_39_CS")
@pytest.mark.ocpp("2.0.1", "B05.FR.04", "B05.FR.05", "B05.FR.06", "B05.FR.09")
@pytest.mark.parametrize(
    ("item", "status"),
    [
        (setting("UnknownComponent.OfflineThreshold", "1"), "UnknownComponent"),
        (setting("OCPPCommCtrlr.UnknownVariable", "1"), "UnknownVariable"),
        (setting(THRESHOLD, "1", attributeType="Target"), "NotSupportedAttributeType"),
        (setting("OCPPCommCtrlr.MessageTimeout[Default]", "10"), "Rejected"),
        (setting("ChargingStation.Available", "false"), "Rejected"),
        (setting("EVSE@1.AvailabilityState", "Faulted"), "Rejected"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
@octt()
async def test_what_is_not_to_be_set_is_not(o: Octt, item: Payload, status: str) -> None:
    (done,) = await put(o, item)
    assert done["attributeStatus"] == status


INTEGERS = (THRESHOLD, "60", ["60.1", "true", "abc", "", " ", "2026-01-05T06:00:00Z"])
DECIMALS = ("SmartChargingCtrlr.LimitChangeSignificance", "10.5", ["true", "abc", "2026-01-05T06:00:00Z"])
BOOLEANS = ("AuthCtrlr.AuthorizeRemoteStart", "true", ["60", "60.1", "abc", "", "2026-01-05T06:00:00Z"])
MEMBERS = ("TxCtrlr.TxStartPoint", "Authorized,EVConnected", ["abc", "Authorized,abc", "", "Authorized,Authorized"])
SEQUENCES = ("ClockCtrlr.TimeSource", "NTP,Heartbeat", ["abc", "NTP;Heartbeat"])


@pytest.mark.ocpp("2.0.1", "TC_B_11_CS", "B05.FR.07")
@pytest.mark.parametrize(("key", "good", "bad"), [INTEGERS, DECIMALS, BOOLEANS, MEMBERS, SEQUENCES])
@octt()
async def test_a_value_of_the_wrong_form_is_rejected(o: Octt, key: str, good: str, bad: list[str]) -> None:
    (done,) = await put(o, setting(key, good))
    assert done["attributeStatus"] == "Accepted"
    results = await put(o, *[setting(key, value) for value in bad])
    assert [result["attributeStatus"] for result in results] == ["Rejected"] * len(bad)
    assert {result["attributeStatusInfo"]["reasonCode"] for result in results} == {"InvalidValue"}
    assert await o.value(key) == good


@pytest.mark.ocpp("2.0.1", "B05.FR.08")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        (THRESHOLD, "-1"),
        ("OCPPCommCtrlr.HeartbeatInterval", "0"),
        ("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", "0"),
        ("SmartChargingCtrlr.LimitChangeSignificance", "100.1"),
        ("SecurityCtrlr.BasicAuthPassword", "tooshort"),
        ("AuthCtrlr.MasterPassGroupId", "x" * 37),
    ],
)
@octt()
async def test_a_value_out_of_range_is_rejected(o: Octt, key: str, value: str) -> None:
    (done,) = await put(o, setting(key, value))
    assert done["attributeStatus"] == "Rejected"


@pytest.mark.ocpp("2.0.1", "B05.FR.01", "B05.FR.10")
@octt()
async def test_one_bad_item_spoils_no_other(o: Octt) -> None:
    done = await put(o, setting(THRESHOLD, "abc"), setting(OFFLINE, "false"), setting("No.Thing", "1"))
    assert [result["attributeStatus"] for result in done] == ["Rejected", "Accepted", "UnknownComponent"]
    assert await o.value(OFFLINE) == "false"


@pytest.mark.ocpp("2.0.1", "B05.FR.10")
@octt()
async def test_what_needs_a_reboot_says_so(o: Octt) -> None:
    (done,) = await put(o, setting("OCPPCommCtrlr.NetworkConfigurationPriority", "1"))
    assert done["attributeStatus"] in ("Accepted", "RebootRequired")
    (done,) = await put(o, setting("OCPPCommCtrlr.NetworkConfigurationPriority", "2"))
    assert done["attributeStatus"] == "Rejected"


@pytest.mark.ocpp("2.0.1", "B06.FR.09", "B05.FR.10")
@octt()
async def test_a_password_can_be_set_but_never_read(o: Octt) -> None:
    (done,) = await put(o, setting("SecurityCtrlr.BasicAuthPassword", "0123456789abcdefABCD"))
    assert done["attributeStatus"] == "Accepted"
    await o.sleep(30)
    await o.until(lambda: o.world.network.is_connected, 60, "the station is back with it")
    (found,) = await get(o, named("SecurityCtrlr.BasicAuthPassword"))
    assert not differences(found, {"attributeStatus": "Rejected", "attributeValue": ABSENT})
    assert not any("0123456789abcdefABCD" in frame.text for frame in o.calls())


@pytest.mark.ocpp("2.0.1", "B06.FR.10")
@octt()
async def test_names_are_compared_without_regard_to_case(o: Octt) -> None:
    item = {"component": {"name": "ocppcommctrlr"}, "variable": {"name": "offlinethreshold"}}
    (found,) = await get(o, item)
    assert found["attributeStatus"] == "Accepted"
    at = datetime.fromisoformat(await o.value("ClockCtrlr.DateTime"))
    assert at.tzinfo is not None and at.astimezone(UTC).year == 2026


@pytest.mark.ocpp("2.0.1", "TC_B_43_CS", "B09.FR.02")
@octt()
async def test_a_network_profile_for_no_slot_is_rejected(o: Octt) -> None:
    data = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "ws://elsewhere/ocpp",
        "messageTimeout": 30,
        "securityProfile": 1,
        "ocppInterface": "Wired0",
    }
    answer = await o.command("SetNetworkProfile", {"configurationSlot": 999, "connectionData": data})
    assert answer["status"] == "Rejected"
