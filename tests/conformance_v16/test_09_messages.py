"""Messages that nobody should send, and central systems with habits of their own (OCPP-J §4, field reports)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hil.csms.log import Kind
from hil.sim.world import IDENTITY
from tests.conformance_v16.octt import TAG, Octt, scenario

# What 1.6 and its security extension have, and this station does not do yet.
UNSUPPORTED: dict[str, dict[str, Any]] = {
    "CancelReservation": {"reservationId": 1},
    "ReserveNow": {"connectorId": 1, "expiryDate": "2026-01-06T00:00:00Z", "idTag": TAG, "reservationId": 1},
    "GetDiagnostics": {"location": "ftp://example.com/"},
    "UpdateFirmware": {"location": "ftp://example.com/x", "retrieveDate": "2026-01-06T00:00:00Z"},
    "GetLocalListVersion": {},
    "SendLocalList": {"listVersion": 1, "updateType": "Full"},
    "ExtendedTriggerMessage": {"requestedMessage": "Heartbeat"},
    "GetLog": {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "ftp://example.com/"}},
    "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
    "InstallCertificate": {"certificateType": "CentralSystemRootCertificate", "certificate": "x"},
}


NO_FRAMES = [
    "",
    "hello",
    "{}",
    "[]",
    "[2]",
    '[2,"x"]',
    '[2,"x","Reset"]',
    '[2,"x","Reset",{"type":"Hard"},1]',
    '[2,"x",5,{}]',
    '[2,5,"Reset",{"type":"Hard"}]',
    '[2,"","Reset",{"type":"Hard"}]',
    f'[2,"{"i" * 37}","Reset",{{"type":"Hard"}}]',
    '[2,"x","Reset",{"type":"Hard"}',
    '[2,"x","Reset",{"type":NaN}]',
    '["2","x","Reset",{"type":"Hard"}]',
    '[2.5,"x","Reset",{"type":"Hard"}]',
    '[7,"x","Reset",{"type":"Hard"}]',
    '[6,"x","Reset",{"type":"Hard"}]',
    '[3,"nobody asked",{}]',
    "[3]",
    '[4,"nobody asked","GenericError","",{}]',
    '[4,"x"]',
    "[" * 2000,
    "\x00",
    '[2,"x","Reset",{"type":"Hard","type":"Hard"}',
]


async def works(octt: Octt) -> None:
    """Whatever came before, the station goes on."""
    reply = await octt.command("GetConfiguration", key=["NumberOfConnectors"])
    assert reply["configurationKey"][0]["value"] == "2"


@pytest.mark.ocpp("1.6", "J §4.2.3", "§3.3", *UNSUPPORTED)
@pytest.mark.parametrize("action", UNSUPPORTED)
@scenario
async def test_a_known_action_of_another_profile_is_not_supported(octt: Octt, action: str) -> None:
    assert await octt.refused(action, **UNSUPPORTED[action]) == "NotSupported"
    await works(octt)


@pytest.mark.ocpp("1.6", "J §4.2.3")
@pytest.mark.parametrize("action", ["Explode", "reset", "RequestStartTransaction", "", "A" * 300], ids=len)
@scenario
async def test_an_unknown_action_is_not_implemented(octt: Octt, action: str) -> None:
    """Actions are case-sensitive (OCPP-J §4.2.1)."""
    (answer,) = await octt.says([2, "x", action, {}])
    assert answer[:3] == [4, "x", "NotImplemented"] and len(answer) == 5 and answer[4] == {}
    await works(octt)


@pytest.mark.ocpp("1.6", "J §4.2.3")
@pytest.mark.parametrize("action", ["BootNotification", "StartTransaction", "StatusNotification"])
@scenario
async def test_an_action_of_the_other_direction_is_not_supported(octt: Octt, action: str) -> None:
    (answer,) = await octt.says([2, "x", action, {}])
    assert answer[:2] == [4, "x"] and answer[2] in ("NotSupported", "NotImplemented")


@pytest.mark.ocpp("1.6", "J §4.2.3", "§6.39")
@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Reset", {}, "ProtocolError"),
        ("Reset", {"type": 1}, "TypeConstraintViolation"),
        ("Reset", {"type": None}, "TypeConstraintViolation"),
        ("Reset", {"type": "Medium"}, "PropertyConstraintViolation"),
        ("Reset", {"type": "Hard", "why": "because"}, "FormationViolation"),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": 300}, "TypeConstraintViolation"),
        ("ChangeConfiguration", {"key": "K" * 51, "value": "1"}, "PropertyConstraintViolation"),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "1" * 501}, "PropertyConstraintViolation"),
        ("ChangeAvailability", {"connectorId": "1", "type": "Operative"}, "TypeConstraintViolation"),
        ("ChangeAvailability", {"connectorId": 1.5, "type": "Operative"}, "TypeConstraintViolation"),
        ("ChangeAvailability", {"connectorId": 10**12, "type": "Operative"}, "PropertyConstraintViolation"),
        ("RemoteStartTransaction", {"connectorId": 1}, "ProtocolError"),
        ("RemoteStartTransaction", {"idTag": "T" * 21}, "PropertyConstraintViolation"),
        ("RemoteStopTransaction", {"transactionId": "abc"}, "TypeConstraintViolation"),
        ("GetConfiguration", {"key": "HeartbeatInterval"}, "TypeConstraintViolation"),
        ("GetConfiguration", {"key": [1, 2]}, "TypeConstraintViolation"),
        ("UnlockConnector", {}, "ProtocolError"),
        ("TriggerMessage", {"requestedMessage": "Everything"}, "PropertyConstraintViolation"),
        ("DataTransfer", {"messageId": "x"}, "ProtocolError"),
        ("SetChargingProfile", {"connectorId": 1}, "ProtocolError"),
        ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": []}, "TypeConstraintViolation"),
    ],
)
@scenario
async def test_a_payload_that_breaks_its_schema_gets_the_right_code(
    octt: Octt, action: str, payload: dict[str, Any], code: str
) -> None:
    (answer,) = await octt.says([2, "x", action, payload])
    assert answer[:3] == [4, "x", code]
    assert answer[3] and isinstance(answer[4], dict)
    assert octt.actions() == []
    await works(octt)


@pytest.mark.ocpp("1.6", "J §4.2.1")
@pytest.mark.parametrize("payload", [None, {}])
@scenario
async def test_an_empty_payload_may_be_written_as_null(octt: Octt, payload: dict[str, Any] | None) -> None:
    (answer,) = await octt.says([2, "x", "ClearCache", payload])
    assert answer == [3, "x", {"status": "Accepted"}]


@pytest.mark.ocpp("1.6", "J §4.2", "J §4.1.3", "J §4.1.2", "J §4.1.4")
@pytest.mark.parametrize("number", range(len(NO_FRAMES)))
@scenario
async def test_a_frame_that_is_none_does_no_harm(octt: Octt, number: int) -> None:
    answers = await octt.says(NO_FRAMES[number])
    assert len(answers) <= 1 and all(answer[0] == 4 and len(answer) == 5 for answer in answers)
    await octt.sleep(15)
    assert not octt.calls("BootNotification")
    await works(octt)
    await octt.charging()


@pytest.mark.ocpp("1.6", "J §4.1.3")
@pytest.mark.parametrize("kind", [1, 5, 6, 99])
@scenario
async def test_another_message_type_is_ignored(octt: Octt, kind: int) -> None:
    assert await octt.says([kind, "x", "Reset", {"type": "Hard"}]) == []
    await works(octt)


@pytest.mark.ocpp("1.6", "J §4.1.4", "J §4.2.3")
@scenario
async def test_a_request_repeated_with_its_id_is_carried_out_once(octt: Octt) -> None:
    await octt.plug()
    request = [2, "same", "RemoteStartTransaction", {"connectorId": 1, "idTag": TAG}]
    first = await octt.says(request)
    second = await octt.says(request)
    assert first == second == [[3, "same", {"status": "Accepted"}]]
    assert len(octt.calls("StartTransaction")) == 1


@pytest.mark.ocpp("1.6", "J §4.1.1", "J §4.1.2")
@scenario
async def test_calls_that_cross_are_both_answered(octt: Octt) -> None:
    octt.csms.behaviour.delays_s["Authorize"] = 5.0
    await octt.swipe()
    await octt.sees("Authorize")
    await works(octt)  # while our own CALL waits for its answer
    await octt.plug()
    await octt.energised()


# --- answers that nobody should give --------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6", "J §4.2.2", "§4.2", "BootNotification")
@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"status": "Accepted"},
        {"status": "Welcome", "currentTime": "2026-01-05T06:00:00Z", "interval": 300},
        {"status": "Accepted", "currentTime": "now", "interval": 300},
        {"status": "Accepted", "currentTime": "2026-01-05T06:00:00Z", "interval": "300"},
        {"status": "Accepted", "currentTime": 1767592800, "interval": 300},
    ],
)
@scenario(boot=False)
async def test_a_boot_answer_that_makes_no_sense_is_none(octt: Octt, answer: dict[str, Any]) -> None:
    octt.csms.behaviour.answer("BootNotification", answer)
    octt.may_break.update({Kind.TOO_EARLY, Kind.NOT_REGISTERED})
    await octt.sleep(30)
    assert octt.actions() == ["BootNotification"]
    await octt.sees("BootNotification")
    await octt.sees("BootNotification", 120)
    await octt.status("Available", 2)


@pytest.mark.ocpp("1.6", "§4.1", "J §4.2.2", "Authorize")
@pytest.mark.parametrize("answer", [{}, {"idTagInfo": {}}, {"idTagInfo": {"status": "Yes"}}, {"idTagInfo": "Accepted"}])
@scenario
async def test_an_authorize_answer_that_makes_no_sense_is_a_refusal(octt: Octt, answer: dict[str, Any]) -> None:
    octt.csms.behaviour.answer("Authorize", answer)
    await octt.plug()
    await octt.swipe()
    await octt.sleep(15)
    assert octt.contact() == "open"
    await octt.swipe()
    await octt.energised()


@pytest.mark.ocpp("1.6", "§4.8", "StartTransaction")
@pytest.mark.parametrize("number", [0, -5, 2**31 - 1])
@scenario
async def test_any_transaction_id_is_used_as_it_is_given(octt: Octt, number: int) -> None:
    """Errata §3.54: zero and negative numbers mean nothing special."""
    answer = {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
    octt.csms.behaviour.answer("StartTransaction", answer)
    octt.may_break.add(Kind.TRANSACTION)
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    await octt.sleep(70)
    assert await octt.told("RemoteStopTransaction", transactionId=number) == "Accepted"
    assert (await octt.sees("StopTransaction"))["transactionId"] == number
    assert {values["transactionId"] for values in octt.calls("MeterValues")} == {number}


@pytest.mark.ocpp("1.6", "§4.8", "J §4.2.2", "§3.7.1")
@scenario(keys={"TransactionMessageAttempts": 5, "TransactionMessageRetryInterval": 5})
async def test_a_start_answer_that_makes_no_sense_is_asked_for_again(octt: Octt) -> None:
    octt.csms.behaviour.answer("StartTransaction", {"transactionId": "seven"}, 2)
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    await octt.sleep(60)
    assert len(octt.calls("StartTransaction")) == 3
    await octt.swipe()
    (transaction,) = octt.csms.transactions
    assert (await octt.sees("StopTransaction", 60))["transactionId"] == int(transaction.id)


@pytest.mark.ocpp("1.6", "§7.2", "§4.1")
@scenario
async def test_the_expiry_of_a_token_is_understood_by_its_schemas_name(octt: Octt) -> None:
    answer = {"idTagInfo": {"status": "Accepted", "expiryDate": "2030-01-01T00:00:00.000+02:00", "parentIdTag": "P"}}
    octt.csms.behaviour.answer("Authorize", answer)
    await octt.charging()


@pytest.mark.ocpp("1.6", "§4.9", "J §4.2.3", "StatusNotification")
@scenario
async def test_a_refused_status_stops_nothing(octt: Octt) -> None:
    octt.csms.behaviour.fail("StatusNotification", 3, code="NotSupported")
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    await octt.sees("StartTransaction")
    await octt.sleep(5)
    octt.world.verb("pause", evse=1)
    await octt.status("SuspendedEV")


# --- habits ---------------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6", "§4.9", "§4.8")
@scenario
async def test_the_status_of_a_connector_comes_before_its_transaction(octt: Octt) -> None:
    """Some central systems know a connector only from its StatusNotification."""
    await octt.plug()
    await octt.swipe()
    await octt.sees("StartTransaction")
    order = [f.action for f in octt.csms.frames if f.sender == "station" and f.kind == "call"]
    assert order.index("StatusNotification") < order.index("StartTransaction")
    assert octt.statuses()[0] == "Preparing"


@pytest.mark.ocpp("1.6", "J §3.1.1")
@scenario
async def test_a_central_system_that_closes_at_once_is_not_flooded(octt: Octt) -> None:
    network = octt.world.network
    before = len(network.attempts)
    network.accept_and_close(8)
    network.cut()
    await octt.sleep(120)
    assert len(network.attempts) - before <= 6
    await octt.world.until(lambda: IDENTITY in octt.csms.connected, 3000, "the connection")
    await octt.sleep(5)
    await works(octt)


@pytest.mark.ocpp("1.6", "J §5.3", "WebSocketPingInterval")
@scenario
async def test_a_half_open_line_is_noticed_and_replaced(octt: Octt) -> None:
    transaction = await octt.charging()
    octt.world.network.stall()
    await octt.sleep(100)
    octt.world.network.resume()
    await octt.world.until(lambda: IDENTITY in octt.csms.connected, 600, "the connection")
    await octt.sleep(5)
    await octt.swipe()
    await octt.sees("StopTransaction", 120, transactionId=transaction)


@pytest.mark.ocpp("1.6", "J §4.1.1")
@scenario
async def test_a_central_system_that_answers_nothing_at_all_stops_no_charging(octt: Octt) -> None:
    transaction = await octt.charging()
    for action in ("Heartbeat", "MeterValues", "StatusNotification", "StopTransaction", "BootNotification"):
        octt.csms.behaviour.ignore(action, 50)
    octt.may_break.add(Kind.IN_FLIGHT)
    await octt.sleep(600)
    assert octt.contact() == "closed"
    octt.csms.behaviour.silences.clear()
    await octt.swipe()
    await octt.sees("StopTransaction", 300, transactionId=transaction)


@pytest.mark.ocpp("1.6", "J §4.2.1")
@scenario
async def test_text_beyond_ascii_is_taken_and_given_back_whole(octt: Octt) -> None:
    await octt.plug()
    assert await octt.told("RemoteStartTransaction", connectorId=1, idTag="Zoë-Ω") == "Accepted"
    await octt.sees("StartTransaction", idTag="Zoë-Ω")
    (answer,) = await octt.says(json.dumps([2, "ü", "GetConfiguration", {"key": ["Größe"]}], ensure_ascii=False))
    assert answer == [3, "ü", {"unknownKey": ["Größe"]}]
