"""Authorization, remote control, triggers, availability, data transfer: what the CSMS asks and what the station is asked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.logic.profiles import ProfilePurpose
from controller.logic.records import Trigger
from controller.logic.values import AuthorizationStatus, IdToken, IdTokenType, TokenInfo
from controller.ocpp.ports import Decision, StartRequest, UnlockOutcome
from tests.ocpp_core.ocpp_rig import Rig, rig, virtually

TOKEN = {"idToken": "04A1B2C3", "type": "ISO14443"}


async def ask(r: Rig, action: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await r.csms.call(action, request)
    assert answer[0] == 3, answer
    return dict(answer[2])


@pytest.mark.ocpp("2.0.1", "C01.FR.02", "C10.FR.13", "C09.FR.09")
@virtually
async def test_authorize_asks_with_the_token_and_reads_the_whole_answer() -> None:
    async with rig() as r:
        await r.online()
        r.csms.script["Authorize"] = [
            {
                "idTokenInfo": {
                    "status": "Accepted",
                    "groupIdToken": {"idToken": "FLEET", "type": "Central"},
                    "cacheExpiryDateTime": "2026-03-01T00:00:00+01:00",
                }
            }
        ]
        info = await r.client.authorize(IdToken("04A1B2C3"), 1)
        assert r.csms.of("Authorize")[0].payload == {"idToken": TOKEN}
        expires = datetime(2026, 2, 28, 23, tzinfo=UTC)
        assert info == TokenInfo(AuthorizationStatus.ACCEPTED, "FLEET", expires)


@pytest.mark.ocpp("2.0.1", "C01.FR.20", "C01.FR.21")
@virtually
async def test_a_token_for_some_evses_is_good_for_those_only() -> None:
    async with rig() as r:
        await r.online()
        r.csms.script["Authorize"] = [{"idTokenInfo": {"status": "Accepted", "evseId": [2]}}]
        assert (await r.client.authorize(IdToken("A"), 2)).status is AuthorizationStatus.ACCEPTED
        assert (await r.client.authorize(IdToken("A"), 1)).status is AuthorizationStatus.NOT_ALLOWED_TYPE_EVSE
        assert (await r.client.authorize(IdToken("A"), None)).evses == (2,)


@virtually
async def test_a_token_that_does_not_fit_the_wire_is_invalid_and_not_sent() -> None:
    async with rig() as r:
        await r.online()
        assert (await r.client.authorize(IdToken("x" * 37), 1)).status is AuthorizationStatus.INVALID
        assert r.csms.of("Authorize") == []


@pytest.mark.ocpp("2.0.1", "C11.FR.01", "C11.FR.03", "C11.FR.04", "D02.FR.03")
@virtually
async def test_the_cache_is_cleared_unless_it_is_off() -> None:
    async with rig() as r:
        await r.online()
        token = IdToken("04A1B2C3")
        r.store.cache_put(token, TokenInfo(AuthorizationStatus.ACCEPTED))
        assert await ask(r, "ClearCache") == {"status": "Accepted"}
        assert r.store.cache_get(token) is None
        r.model.set("AuthCacheCtrlr.Enabled", "false", "technician")
        assert (await ask(r, "ClearCache"))["status"] == "Rejected"
        assert await ask(r, "GetLocalListVersion") == {"versionNumber": 0}


@pytest.mark.ocpp("2.0.1", "F01.FR.02", "F01.FR.04", "F01.FR.13", "F02.FR.14", "F02.FR.16", "F02.FR.18", "C05.FR.01")
@virtually
async def test_a_remote_start_is_handed_to_the_station_whole() -> None:
    async with rig(variables={"AuthCtrlr.AuthorizeRemoteStart": "true"}) as r:
        await r.online()
        r.station.decision = Decision(True, transaction_id="tx-7")
        profile = {
            "id": 5,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [
                {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.5}]}
            ],
        }
        request = {
            "remoteStartId": 77,
            "idToken": TOKEN,
            "evseId": 2,
            "groupIdToken": {"idToken": "FLEET", "type": "Central"},
            "chargingProfile": profile,
        }
        assert await ask(r, "RequestStartTransaction", request) == {"status": "Accepted", "transactionId": "tx-7"}
        asked: StartRequest = r.station.asked[-1][1]
        assert (asked.id_token, asked.evse_id, asked.remote_start_id) == (IdToken("04A1B2C3"), 2, 77)
        assert (asked.group, asked.authorize) == ("FLEET", True)
        assert asked.profile is not None
        assert (asked.profile.purpose, asked.profile.periods[0].limit) == (ProfilePurpose.TX, 10.5)
        central = {"remoteStartId": 78, "idToken": {"idToken": "app", "type": "Central"}}
        await ask(r, "RequestStartTransaction", central)
        assert r.station.asked[-1][1] == StartRequest(IdToken("app", IdTokenType.CENTRAL), None, 78)


@pytest.mark.ocpp("2.0.1", "F01.FR.26", "F02.FR.17", "F02.FR.25", "F02.FR.27")
@virtually
async def test_a_remote_start_that_cannot_be_is_rejected_with_its_reason() -> None:
    async with rig() as r:
        await r.online()
        schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 5, "limit": 6}]}
        profile = {
            "id": 5,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [schedule],
        }
        cases = [
            ({"evseId": 9}, "UnknownEvse"),
            ({"chargingProfile": profile}, "InvalidSchedule"),
            ({"chargingProfile": profile | {"chargingProfilePurpose": "TxDefaultProfile"}}, "InvalidProfile"),
        ]
        for more, reason in cases:
            answer = await ask(r, "RequestStartTransaction", {"remoteStartId": 1, "idToken": TOKEN, **more})
            assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", reason)
        assert not [each for each in r.station.asked if each[0] == "start"]
        r.station.decision = Decision(False, reason_code="TxInProgress", detail="EVSE 1 is taken")
        answer = await ask(r, "RequestStartTransaction", {"remoteStartId": 1, "idToken": TOKEN})
        assert answer["statusInfo"] == {"reasonCode": "TxInProgress", "additionalInfo": "EVSE 1 is taken"}


@pytest.mark.ocpp("2.0.1", "F01.FR.12", "K01.FR.29")
@virtually
async def test_without_smart_charging_profiles_are_ignored_or_not_supported() -> None:
    async with rig(variables={"SmartChargingCtrlr.Enabled": "false"}) as r:
        await r.online()
        schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]}
        profile = {
            "id": 5,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [schedule],
        }
        request = {"remoteStartId": 1, "idToken": TOKEN, "chargingProfile": profile}
        assert (await ask(r, "RequestStartTransaction", request))["status"] == "Accepted"
        assert r.station.asked[-1][1].profile is None
        answer = await r.csms.call("SetChargingProfile", {"evseId": 1, "chargingProfile": profile})
        assert answer[2] == "NotSupported"


@pytest.mark.ocpp("2.0.1", "F03.FR.07", "F03.FR.08")
@virtually
async def test_a_remote_stop_needs_a_transaction_that_runs() -> None:
    async with rig() as r:
        await r.online()
        r.station.transactions[1] = "tx-1"
        assert await ask(r, "RequestStopTransaction", {"transactionId": "tx-1"}) == {"status": "Accepted"}
        assert (await ask(r, "RequestStopTransaction", {"transactionId": "tx-2"}))["status"] == "Rejected"


@pytest.mark.ocpp("2.0.1", "F05.FR.01", "F05.FR.02", "F05.FR.03", "F05.FR.04", "F05.FR.05")
@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (UnlockOutcome.UNLOCKED, "Unlocked"),
        (UnlockOutcome.UNLOCK_FAILED, "UnlockFailed"),
        (UnlockOutcome.ONGOING_AUTHORIZED_TRANSACTION, "OngoingAuthorizedTransaction"),
        (UnlockOutcome.UNKNOWN_CONNECTOR, "UnknownConnector"),
        (UnlockOutcome.NOT_SUPPORTED, "UnlockFailed"),
    ],
)
def test_unlocking_never_stops_a_transaction(outcome: UnlockOutcome, status: str) -> None:
    @virtually
    async def run() -> None:
        async with rig() as r:
            await r.online()
            r.station.unlocked = outcome
            assert (await ask(r, "UnlockConnector", {"evseId": 1, "connectorId": 1}))["status"] == status
            assert r.station.asked[-1] == ("unlock", 1, 1, False)
            assert (await ask(r, "UnlockConnector", {"evseId": 1, "connectorId": 2}))["status"] == "UnknownConnector"
            assert len([each for each in r.station.asked if each[0] == "unlock"]) == 1

    run()


@pytest.mark.ocpp("2.0.1", "F06.FR.04", "F06.FR.05", "F06.FR.06", "F06.FR.10", "F06.FR.15", "F06.FR.16")
@pytest.mark.parametrize(
    ("trigger", "action", "payload"),
    [
        ({"requestedMessage": "Heartbeat"}, "Heartbeat", {}),
        ({"requestedMessage": "LogStatusNotification"}, "LogStatusNotification", {"status": "Idle"}),
        ({"requestedMessage": "FirmwareStatusNotification"}, "FirmwareStatusNotification", {"status": "Idle"}),
    ],
)
def test_a_trigger_is_answered_before_the_message_it_asks_for(
    trigger: dict[str, Any], action: str, payload: dict[str, Any]
) -> None:
    @virtually
    async def run() -> None:
        async with rig() as r:
            await r.online()
            before = len(r.csms.received)
            assert await ask(r, "TriggerMessage", trigger) == {"status": "Accepted"}
            assert (await r.csms.until(action)).payload == payload
            assert [each.frame[0] for each in r.csms.received[before:]] == [3, 2]

    run()


@pytest.mark.ocpp("2.0.1", "F06.FR.06", "F06.FR.11", "F06.FR.12")
@virtually
async def test_triggered_status_and_meter_values_are_those_of_the_place_named() -> None:
    async with rig() as r:
        await r.online()
        status = {"requestedMessage": "StatusNotification"}
        assert (await ask(r, "TriggerMessage", status))["status"] == "Rejected"
        assert (await ask(r, "TriggerMessage", status | {"evse": {"id": 1}}))["status"] == "Rejected"
        assert (await ask(r, "TriggerMessage", status | {"evse": {"id": 9, "connectorId": 1}}))["status"] == "Rejected"
        good = status | {"evse": {"id": 2, "connectorId": 1}}
        assert (await ask(r, "TriggerMessage", good))["status"] == "Accepted"
        assert (await r.csms.until("StatusNotification", 3)).payload["evseId"] == 2
        assert (await ask(r, "TriggerMessage", {"requestedMessage": "MeterValues"}))["status"] == "Accepted"
        await r.csms.until("MeterValues", 2)
        told = [each.payload for each in r.csms.of("MeterValues")]
        assert [each["evseId"] for each in told] == [1, 2]
        assert told[0]["meterValue"][0]["sampledValue"][1] == {
            "value": 7360.5,
            "context": "Trigger",
            "measurand": "Power.Active.Import",
            "unitOfMeasure": {"unit": "W"},
        }


@pytest.mark.ocpp("2.0.1", "F06.FR.07", "F06.FR.08", "F06.FR.17")
@virtually
async def test_a_triggered_transaction_event_needs_a_transaction_and_a_boot_a_reason() -> None:
    async with rig() as r:
        await r.online()
        event = {"requestedMessage": "TransactionEvent"}
        assert (await ask(r, "TriggerMessage", event))["status"] == "Rejected"
        r.station.transactions[2] = "tx-1"
        assert (await ask(r, "TriggerMessage", event))["status"] == "Accepted"
        await asyncio.sleep(1)
        assert r.station.asked[-1] == ("report", 2, Trigger.TRIGGER)
        assert (await ask(r, "TriggerMessage", {"requestedMessage": "BootNotification"}))["status"] == "Rejected"
        other = {"requestedMessage": "SignV2GCertificate"}
        assert (await ask(r, "TriggerMessage", other))["status"] == "NotImplemented"


@pytest.mark.ocpp("2.0.1", "G03.FR.01", "G03.FR.02", "G03.FR.05", "G04.FR.01", "G04.FR.02")
@virtually
async def test_change_availability_names_the_place_and_tells_the_decision() -> None:
    async with rig() as r:
        await r.online()
        off = {"operationalStatus": "Inoperative"}
        assert await ask(r, "ChangeAvailability", off) == {"status": "Accepted"}
        r.station.decision = Decision(True, scheduled=True)
        assert await ask(r, "ChangeAvailability", off | {"evse": {"id": 2}}) == {"status": "Scheduled"}
        on = {"operationalStatus": "Operative", "evse": {"id": 1, "connectorId": 1}}
        assert await ask(r, "ChangeAvailability", on) == {"status": "Scheduled"}
        assert [each[1:] for each in r.station.asked if each[0] == "availability"] == [
            (False, None, None),
            (False, 2, None),
            (True, 1, 1),
        ]
        unknown = await ask(r, "ChangeAvailability", off | {"evse": {"id": 1, "connectorId": 2}})
        assert (unknown["status"], unknown["statusInfo"]["reasonCode"]) == ("Rejected", "UnknownConnectorId")


@pytest.mark.ocpp("2.0.1", "P01.FR.05")
@virtually
async def test_no_vendor_is_known() -> None:
    async with rig() as r:
        await r.online()
        request = {"vendorId": "org.example", "messageId": "x", "data": {"any": [1, None, "thing"]}}
        assert await ask(r, "DataTransfer", request) == {"status": "UnknownVendorId"}


@pytest.mark.ocpp("2.0.1", "E14.FR.01", "E14.FR.06", "E14.FR.08")
@virtually
async def test_a_transaction_nobody_knows_is_not_going_on() -> None:
    async with rig() as r:
        await r.online()
        unknown = await ask(r, "GetTransactionStatus", {"transactionId": "x"})
        assert unknown == {"ongoingIndicator": False, "messagesInQueue": False}
        assert await ask(r, "GetTransactionStatus") == {"messagesInQueue": False}
