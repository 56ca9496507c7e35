"""F05, F06, P01 and everything that is not for this station: unlock, triggers, data transfer, the specified CALLERROR."""

from __future__ import annotations

from typing import Any

import pytest

from hil.csms import schemas
from hil.csms.log import Kind, Party
from hil.csms.schemas import Version
from hil.csms.v201 import Answers201
from tests.conformance_v201.octt import ANNA, BERT, Octt, Payload, octt
from tests.conformance_v201.patterns import ABSENT
from tests.conformance_v201.states import Run

UNLOCK = {"evseId": 1, "connectorId": 1}


async def unlock(o: Octt, place: Payload | None = None) -> str:
    return str((await o.command("UnlockConnector", place or UNLOCK))["status"])


async def trigger(o: Octt, message: str, **place: Any) -> str:
    o.forget()
    return str((await o.command("TriggerMessage", {"requestedMessage": message, **place}))["status"])


@pytest.mark.ocpp("2.0.1", "TC_F_05_CS", "F05.FR.01", "F05.FR.02")
@octt()
async def test_unlocking_does_not_touch_an_authorised_transaction(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    assert await unlock(o) == "OngoingAuthorizedTransaction"
    await o.silence(10, "TransactionEvent")
    assert (o.contact(), o.world.evse(1)["lock_position"]) == ("closed", 1)


@pytest.mark.ocpp("2.0.1", "TC_F_06_CS", "F05.FR.04")
@pytest.mark.parametrize("start", ["PowerPathClosed", "EVConnected"])
@octt()
async def test_a_cable_without_authorisation_is_let_go(o: Octt, start: str) -> None:
    run = await Run.configured(o, start)
    await run.ev_connected()
    await o.until(lambda: o.world.evse(1)["lock_position"] == 1, 5, "locked")
    assert await unlock(o) == "Unlocked"
    assert o.world.evse(1)["lock_position"] == 0
    assert not o.unplug()
    await o.status("Available")


@pytest.mark.ocpp("2.0.1", "TC_F_07_CS", "F05.FR.06")
@octt()
async def test_a_connector_without_a_cable_is_unlocked(o: Octt) -> None:
    assert await unlock(o) == "Unlocked"


@pytest.mark.ocpp("2.0.1", "F05.FR.05")
@octt()
async def test_a_bolt_that_does_not_move_is_told(o: Octt) -> None:
    o.plug()
    await o.status("Occupied")
    await o.until(lambda: o.world.evse(1)["lock_position"] == 1, 5, "locked")
    o.world.verb("fault", evse=1, kind="lock_jam")
    assert await unlock(o) == "UnlockFailed"


@pytest.mark.ocpp("2.0.1", "TC_F_10_CS", "F05.FR.03")
@pytest.mark.parametrize("place", [{"evseId": 1, "connectorId": 999}, {"evseId": 9, "connectorId": 1}])
@octt()
async def test_an_unknown_connector_is_not_unlocked(o: Octt, place: Payload) -> None:
    assert await unlock(o, place) == "UnknownConnector"


@pytest.mark.ocpp("2.0.1", "TC_F_11_CS", "TC_F_12_CS", "F06.FR.02", "F06.FR.04", "F06.FR.05", "F06.FR.06", "F06.FR.10")
@pytest.mark.ocpp("2.0.1", "F06.FR.11")
@pytest.mark.parametrize("place", [{"evse": {"id": 2}}, {}], ids=["one EVSE", "all"])
@octt({"AlignedDataCtrlr.Measurands": "Energy.Active.Import.Register,Voltage"})
async def test_meter_values_on_demand(o: Octt, place: Payload) -> None:
    assert await trigger(o, "MeterValues", **place) == "Accepted"
    for evse in [2] if place else [1, 2]:
        values = await o.expect("MeterValues", {"evseId": evse})
        samples = values["meterValue"][0]["sampledValue"]
        assert {sample["context"] for sample in samples} == {"Trigger"}
        assert {sample["measurand"] for sample in samples} == {"Energy.Active.Import.Register", "Voltage"}
    await o.silence(5, "MeterValues")


@pytest.mark.ocpp("2.0.1", "TC_F_13_CS", "TC_F_14_CS", "F06.FR.02", "F06.FR.04", "F06.FR.07", "F06.FR.10", "F06.FR.11")
@pytest.mark.parametrize("place", [{"evse": {"id": 2}}, {}], ids=["one EVSE", "all"])
@octt({"SampledDataCtrlr.TxUpdatedMeasurands": "Power.Active.Import,Energy.Active.Import.Register"})
async def test_transaction_events_on_demand(o: Octt, place: Payload) -> None:
    for evse, token in ((1, ANNA), (2, BERT)):
        run = Run(o, evse=evse)
        await run.ev_connected()
        await run.authorized(token)
        await run.energy_started()
    assert await trigger(o, "TransactionEvent", **place) == "Accepted"
    for evse in [2] if place else [1, 2]:
        info = {"chargingState": "Charging"}
        event = await o.event({"triggerReason": "Trigger", "evse": {"id": evse}, "transactionInfo": info})
        samples = event["meterValue"][0]["sampledValue"]
        assert {sample["context"] for sample in samples} == {"Trigger"}
        assert {sample["measurand"] for sample in samples} == {"Power.Active.Import", "Energy.Active.Import.Register"}
    await o.silence(5, "TransactionEvent", {"triggerReason": "Trigger"})


@pytest.mark.ocpp("2.0.1", "F06.FR.05")
@octt()
async def test_without_a_transaction_there_is_no_event_to_trigger(o: Octt) -> None:
    assert await trigger(o, "TransactionEvent") == "Rejected"
    await o.silence(5)


@pytest.mark.ocpp("2.0.1", "TC_F_15_CS", "TC_F_17_CS", "TC_F_18_CS", "F06.FR.03", "F06.FR.15", "F06.FR.16", "L01.FR.25")
@pytest.mark.parametrize("place", [{"evse": {"id": 1}}, {}], ids=["with an EVSE that matters not", "without"])
@pytest.mark.parametrize("message", ["LogStatusNotification", "FirmwareStatusNotification"])
@octt()
async def test_nothing_is_transferred_or_updated(o: Octt, message: str, place: Payload) -> None:
    assert await trigger(o, message, **place) == "Accepted"
    await o.expect(message, {"status": "Idle", "requestId": ABSENT})


@pytest.mark.ocpp("2.0.1", "TC_F_20_CS", "F06.FR.03", "F06.FR.04", "F06.FR.10")
@pytest.mark.parametrize("place", [{"evse": {"id": 1}}, {}])
@octt()
async def test_a_heartbeat_on_demand(o: Octt, place: Payload) -> None:
    assert await trigger(o, "Heartbeat", **place) == "Accepted"
    await o.expect("Heartbeat", within_s=2)


@pytest.mark.ocpp("2.0.1", "TC_F_23_CS", "TC_F_24_CS", "F06.FR.02", "F06.FR.04", "F06.FR.10", "F06.FR.09")
@pytest.mark.parametrize("state", ["Available", "Occupied"])
@octt()
async def test_a_status_on_demand(o: Octt, state: str) -> None:
    if state == "Occupied":
        o.plug()
        await o.status("Occupied")
    assert await trigger(o, "StatusNotification", evse={"id": 1, "connectorId": 1}) == "Accepted"
    await o.status(state)
    await o.silence(5)


@pytest.mark.ocpp("2.0.1", "F06.FR.12")
@pytest.mark.parametrize("place", [{}, {"evse": {"id": 1}}, {"evse": {"id": 1, "connectorId": 7}}])
@octt()
async def test_a_status_of_no_connector_is_rejected(o: Octt, place: Payload) -> None:
    assert await trigger(o, "StatusNotification", **place) == "Rejected"
    await o.silence(5)


@pytest.mark.ocpp("2.0.1", "TC_F_26_CS", "F06.FR.17")
@octt()
async def test_an_accepted_station_does_not_boot_on_demand(o: Octt) -> None:
    assert await trigger(o, "BootNotification") == "Rejected"
    await o.silence(5)


@pytest.mark.ocpp("2.0.1", "TC_F_27_CS", "F06.FR.08")
@pytest.mark.parametrize(
    "message",
    [
        "SignCombinedCertificate",
        "SignChargingStationCertificate",
        "SignV2GCertificate",
        "PublishFirmwareStatusNotification",
    ],
)
@octt()
async def test_a_message_that_is_not_implemented_cannot_be_triggered(o: Octt, message: str) -> None:
    assert await trigger(o, message) == "NotImplemented"
    await o.silence(5)


@pytest.mark.ocpp("2.0.1", "TC_P_01_CS", "P01.FR.05", "P01.FR.06")
@pytest.mark.parametrize("data", [{}, {"messageId": "x", "data": {"any": ["thing", 1, None]}}])
@octt()
async def test_data_for_an_unknown_vendor(o: Octt, data: Payload) -> None:
    answer = await o.command("DataTransfer", {"vendorId": "org.openchargealliance.octt", **data})
    assert answer["status"] == "UnknownVendorId"


NOT_HERE = (
    ("CancelReservation", {"reservationId": 1}),
    ("CertificateSigned", {"certificateChain": "x"}),
    ("ClearDisplayMessage", {"id": 1}),
    ("ClearVariableMonitoring", {"id": [1]}),
    ("CostUpdated", {"totalCost": 1.0, "transactionId": "x"}),
    ("CustomerInformation", {"requestId": 1, "report": True, "clear": False}),
    ("DeleteCertificate", {"certificateHashData": None}),
    ("GetChargingProfiles", {"requestId": 1, "chargingProfile": {}}),
    ("GetCompositeSchedule", {"duration": 60, "evseId": 1}),
    ("GetDisplayMessages", {"requestId": 1}),
    ("GetInstalledCertificateIds", {}),
    ("GetLog", {"log": {"remoteLocation": "ftp://x"}, "logType": "SecurityLog", "requestId": 1}),
    ("GetMonitoringReport", {"requestId": 1}),
    ("InstallCertificate", {"certificateType": "CSMSRootCertificate", "certificate": "x"}),
    ("PublishFirmware", {"location": "ftp://x", "checksum": "0" * 32, "requestId": 1}),
    (
        "ReserveNow",
        {"id": 1, "expiryDateTime": "2026-01-06T00:00:00Z", "idToken": {"idToken": ANNA, "type": "Central"}},
    ),
    ("SendLocalList", {"versionNumber": 1, "updateType": "Full"}),
    (
        "SetDisplayMessage",
        {"message": {"id": 1, "priority": "NormalCycle", "message": {"format": "UTF8", "content": "x"}}},
    ),
    ("SetMonitoringBase", {"monitoringBase": "All"}),
    ("SetMonitoringLevel", {"severity": 1}),
    ("SetVariableMonitoring", {"setMonitoringData": []}),
    ("UnpublishFirmware", {"checksum": "0" * 32}),
    (
        "UpdateFirmware",
        {"requestId": 1, "firmware": {"location": "ftp://x", "retrieveDateTime": "2026-01-06T00:00:00Z"}},
    ),
)


@pytest.mark.ocpp("2.0.1", "Part4 §4.3")
@pytest.mark.parametrize(("action", "request_"), NOT_HERE, ids=[action for action, _ in NOT_HERE])
@octt()
async def test_a_request_for_what_is_not_here_is_not_supported(o: Octt, action: str, request_: Payload) -> None:
    code, _ = await raw(o, f'[2,"id-1","{action}",{schemas.render(request_)}]')
    assert code == "NotSupported"


async def raw(o: Octt, text: str, wait_s: float = 2.0) -> tuple[str, str]:
    """Send a frame as it stands; return code and message id of the CALLERROR that answers it."""
    journal = o.world.network.journal
    before = len(journal)
    await o.csms.send_raw("SIM-1", text)
    await o.sleep(wait_s)
    answers = [schemas.parse(each.text) for each in list(journal)[before:] if each.text.startswith("[4")]
    assert len(answers) == 1, answers
    o.allowed_violations |= {Kind.UNASKED, Kind.FRAME}
    return str(answers[0][2]), str(answers[0][1])


@pytest.mark.ocpp("2.0.1", "Part4 §4.2", "Part4 §4.3")
@pytest.mark.parametrize(
    ("text", "codes", "answered"),
    [
        ('[2,"id-1","NoSuchAction",{}]', ("NotImplemented",), "id-1"),
        ('[2,"id-1","BootNotification",{"reason":"PowerUp"}]', ("NotSupported", "NotImplemented"), "id-1"),
        ('[2,"id-1","Reset",{}]', ("OccurrenceConstraintViolation",), "id-1"),
        ('[2,"id-1","Reset",{"type":"Sometime"}]', ("PropertyConstraintViolation",), "id-1"),
        ('[2,"id-1","Reset",{"type":7}]', ("TypeConstraintViolation",), "id-1"),
        (
            '[2,"id-1","Reset",{"type":"OnIdle","foo":1}]',
            ("FormatViolation", "FormationViolation", "OccurrenceConstraintViolation"),
            "id-1",
        ),
        ('[2,"id-1","GetVariables",{"getVariableData":[]}]', ("OccurrenceConstraintViolation",), "id-1"),
        ('[2,"id-1","Reset",[]]', ("FormatViolation", "TypeConstraintViolation"), "id-1"),
        ('[2,"id-1","Reset"]', ("RpcFrameworkError", "FormatViolation"), "id-1"),
        ('[2,"id-1"]', ("RpcFrameworkError", "FormatViolation"), "id-1"),
        ('[9,"id-1","Reset",{"type":"OnIdle"}]', ("MessageTypeNotSupported",), "id-1"),
        ("[2,", ("RpcFrameworkError",), "-1"),
        ("{}", ("RpcFrameworkError",), "-1"),
    ],
)
@octt()
async def test_a_bad_frame_gets_its_error(o: Octt, text: str, codes: tuple[str, ...], answered: str) -> None:
    code, message_id = await raw(o, text)
    assert code in codes and message_id == answered
    assert (await o.command("GetTransactionStatus"))["messagesInQueue"] is False  # and the station lives


@pytest.mark.ocpp("2.0.1", "Part4 §4.1.1")
@octt()
async def test_one_call_is_in_flight_at_a_time(o: Octt) -> None:
    o.csms.behaviour.delays_s["StatusNotification"] = 5.0
    o.forget()
    o.plug()
    o.plug(2)
    o.swipe()
    await o.sleep(40)
    in_flight = 0
    for frame in o.csms.frames:
        if frame.sender is Party.STATION and frame.kind == "call":
            in_flight += 1
            assert in_flight == 1, frame.text
        elif frame.sender is Party.CSMS and frame.kind in ("result", "error"):
            in_flight -= 1


def test_every_request_of_the_schemas_is_tried() -> None:
    """What a CSMS may send is either handled here or in the table of what is not."""
    sent = {action for action in schemas.actions(Version.V201)}
    handled = {
        "ChangeAvailability", "ClearCache", "ClearChargingProfile", "DataTransfer", "GetBaseReport", "GetLocalListVersion",
        "GetReport", "GetTransactionStatus", "GetVariables", "RequestStartTransaction", "RequestStopTransaction", "Reset",
        "SetChargingProfile", "SetNetworkProfile", "SetVariables", "TriggerMessage", "UnlockConnector",
    }  # fmt: skip
    assert sent - Answers201.STATION_ACTIONS - handled == {action for action, _ in NOT_HERE}
