"""What a 1.6 central system tells the station to do, on the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.logic.profiles import ProfileKind, ProfilePurpose, RateUnit, SchedulePeriod
from controller.logic.values import IdToken
from controller.ocpp.ports import Decision, ResetKind, UnlockOutcome
from hil.csms.csms import CommandFailed
from tests.ocpp_v16.station16 import World, play


def tx_profile(**changes: Any) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.5}]}
    return {
        "chargingProfileId": 7,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    } | changes


# --- remote start and stop ---


@pytest.mark.ocpp("1.6", "§5.11", "RemoteStartTransaction", "AuthorizeRemoteTxRequests")
def test_remote_start_asks_the_station_and_says_what_it_decided(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        payload = {"idTag": "CAFE", "connectorId": 2}
        assert await world.command("RemoteStartTransaction", payload) == {"status": "Accepted"}
        world.station.decision = Decision(accepted=False)
        assert await world.command("RemoteStartTransaction", {"idTag": "CAFE"}) == {"status": "Rejected"}
        first, second = (request for _, request in world.station.asked())
        assert (first.id_token.value, first.evse_id, first.authorize, first.profile) == ("CAFE", 2, False, None)
        assert second.evse_id is None
        await world.command("ChangeConfiguration", {"key": "AuthorizeRemoteTxRequests", "value": "true"})
        await world.command("RemoteStartTransaction", payload)
        assert world.station.asked()[-1][1].authorize is True

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.16.2", "RemoteStartTransaction")
def test_remote_start_takes_a_tx_profile_without_transaction_id_and_no_other(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        async def start(profile: dict[str, Any]) -> str:
            answer = await world.command(
                "RemoteStartTransaction", {"idTag": "CAFE", "connectorId": 1, "chargingProfile": profile}
            )
            return str(answer["status"])

        assert await start(tx_profile()) == "Accepted"
        profile = world.station.asked()[-1][1].profile
        assert (profile.purpose, profile.periods) == (ProfilePurpose.TX, (SchedulePeriod(0, 10.5),))
        assert await start(tx_profile(transactionId=5)) == "Rejected"
        assert await start(tx_profile(chargingProfilePurpose="TxDefaultProfile")) == "Rejected"
        assert await start(tx_profile(stackLevel=-1)) == "Rejected"
        assert len(world.station.asked()) == 1

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§3.8", "RemoteStartTransaction")
@pytest.mark.parametrize("connector", [0, 3, -1])
def test_remote_start_on_a_connector_there_is_not_is_rejected(tmp_path: Path, connector: int) -> None:
    async def script(world: World) -> None:
        answer = await world.command("RemoteStartTransaction", {"idTag": "CAFE", "connectorId": connector})
        assert answer == {"status": "Rejected"}
        assert world.station.asked() == []

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.12", "RemoteStopTransaction")
def test_remote_stop_finds_the_transaction_by_the_id_the_csms_gave(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        transaction_id = world.begin()
        await world.settle()
        wire_id = int(world.csms.transactions[0].id)
        assert await world.command("RemoteStopTransaction", {"transactionId": wire_id + 1}) == {"status": "Rejected"}
        assert await world.command("RemoteStopTransaction", {"transactionId": wire_id}) == {"status": "Accepted"}
        assert world.station.asked() == [("stop", transaction_id)]
        world.end(transaction_id, 1500)
        await world.settle()
        assert await world.command("RemoteStopTransaction", {"transactionId": wire_id}) == {"status": "Rejected"}

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§4.2", "BootNotification", "RemoteStartTransaction", "RemoteStopTransaction")
def test_remote_start_and_stop_are_rejected_while_pending_and_configuration_works(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.csms.behaviour.boot("Pending")
        await world.settle()
        assert await world.command("RemoteStartTransaction", {"idTag": "CAFE"}) == {"status": "Rejected"}
        assert await world.command("RemoteStopTransaction", {"transactionId": 1}) == {"status": "Rejected"}
        change = {"key": "MeterValueSampleInterval", "value": "15"}
        assert await world.command("ChangeConfiguration", change) == {"status": "Accepted"}
        assert world.sent("StatusNotification") == []
        await world.online()
        assert len(world.sent("StatusNotification")) == 3

    play(tmp_path, script, connects=False)


@pytest.mark.ocpp("1.6", "§4.2", "BootNotification")
def test_while_rejected_nothing_is_answered_or_sent_before_the_interval(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.csms.behaviour.boot("Rejected")
        await world.settle()
        with pytest.raises(CommandFailed, match="Timeout"):
            await world.csms.command("CS-1", "ClearCache", timeout_s=10)
        await world.online()
        assert len(world.sent("BootNotification")) == 2
        assert await world.command("ClearCache") == {"status": "Accepted"}

    play(tmp_path, script, connects=False)


# --- reset, availability, unlock ---


@pytest.mark.ocpp("1.6", "§5.14", "Reset")
def test_reset_tells_the_station_the_kind(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        assert await world.command("Reset", {"type": "Hard"}) == {"status": "Accepted"}
        assert await world.command("Reset", {"type": "Soft"}) == {"status": "Accepted"}
        assert world.station.asked() == [("reset", ResetKind.IMMEDIATE, None), ("reset", ResetKind.SOFT, None)]
        world.station.decision = Decision(accepted=False)
        assert await world.command("Reset", {"type": "Soft"}) == {"status": "Rejected"}

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.2", "ChangeAvailability")
def test_change_availability_reaches_the_station_the_connector_or_nothing(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        async def change(connector: int, kind: str) -> str:
            answer = await world.command("ChangeAvailability", {"connectorId": connector, "type": kind})
            return str(answer["status"])

        assert await change(0, "Inoperative") == "Accepted"
        assert await change(2, "Operative") == "Accepted"
        world.station.decision = Decision(accepted=True, scheduled=True)
        assert await change(1, "Inoperative") == "Scheduled"
        assert await change(3, "Inoperative") == "Rejected"
        assert world.station.asked() == [
            ("availability", False, 1, 1),
            ("availability", False, 2, 1),
            ("availability", False, None, None),
            ("availability", True, 2, 1),
            ("availability", False, 1, 1),
        ]

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.18", "UnlockConnector")
@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (UnlockOutcome.UNLOCKED, "Unlocked"),
        (UnlockOutcome.UNLOCK_FAILED, "UnlockFailed"),
        (UnlockOutcome.NOT_SUPPORTED, "NotSupported"),
        (UnlockOutcome.UNKNOWN_CONNECTOR, "NotSupported"),
    ],
)
def test_unlock_ends_the_transaction_first_and_tells_the_outcome(
    tmp_path: Path, outcome: UnlockOutcome, status: str
) -> None:
    async def script(world: World) -> None:
        world.station.outcome = outcome
        assert await world.command("UnlockConnector", {"connectorId": 1}) == {"status": status}
        assert world.station.asked() == [("unlock", 1, 1, True)]

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.18", "UnlockConnector")
@pytest.mark.parametrize("connector", [0, 3])
def test_unlock_of_an_unknown_connector_is_not_supported(tmp_path: Path, connector: int) -> None:
    async def script(world: World) -> None:
        assert await world.command("UnlockConnector", {"connectorId": connector}) == {"status": "NotSupported"}
        assert world.station.asked() == []

    play(tmp_path, script)


# --- charging profiles ---


def default_profile(**changes: Any) -> dict[str, Any]:
    return tx_profile(chargingProfilePurpose="TxDefaultProfile", **changes)


@pytest.mark.ocpp("1.6", "§5.16", "§5.16.4", "SetChargingProfile")
def test_a_default_profile_arrives_whole(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        schedule = {
            "chargingRateUnit": "W",
            "duration": 3600,
            "startSchedule": "2026-01-05T07:00:00+01:00",
            "minChargingRate": 6.1,
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 7400, "numberPhases": 1},
                {"startPeriod": 60, "limit": 0.3},
            ],
        }
        profile = default_profile(chargingProfileKind="Recurring", recurrencyKind="Daily", chargingSchedule=schedule)
        answer = await world.command("SetChargingProfile", {"connectorId": 2, "csChargingProfiles": profile})
        assert answer == {"status": "Accepted"}
        _, evse_id, got = world.station.asked()[0]
        assert (evse_id, got.id, got.stack_level, got.purpose) == (2, 7, 1, ProfilePurpose.TX_DEFAULT)
        assert (got.kind, got.unit, got.duration_s, got.min_rate) == (ProfileKind.RECURRING, RateUnit.W, 3600, 6.1)
        assert got.periods == (SchedulePeriod(0, 7400.0, 1), SchedulePeriod(60, 0.3))
        assert got.start.isoformat() == "2026-01-05T06:00:00+00:00"

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§7.13", "SetChargingProfile")
def test_an_absolute_profile_without_a_start_is_relative(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        profile = default_profile(chargingProfileKind="Absolute")
        await world.command("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile})
        assert world.station.asked()[0][2].kind is ProfileKind.RELATIVE

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.16.3", "SetChargingProfile")
def test_a_tx_profile_needs_its_running_transaction(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        async def send(connector: int, profile: dict[str, Any]) -> str:
            answer = await world.command(
                "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": profile}
            )
            return str(answer["status"])

        assert await send(1, tx_profile()) == "Rejected"
        transaction_id = world.begin()
        world.station.transactions[1] = transaction_id
        await world.settle()
        wire_id = int(world.csms.transactions[0].id)
        assert await send(1, tx_profile()) == "Accepted"
        assert await send(1, tx_profile(transactionId=wire_id)) == "Accepted"
        assert await send(1, tx_profile(transactionId=wire_id + 1)) == "Rejected"
        assert await send(0, tx_profile()) == "Rejected"
        assert [told[2].transaction_id for told in world.station.asked()] == [transaction_id] * 2
        world.end(transaction_id, 1000)
        await world.settle()

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.16", "SetChargingProfile")
def test_a_profile_for_an_unknown_connector_is_a_property_constraint_violation(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        with pytest.raises(CommandFailed) as failed:
            await world.command("SetChargingProfile", {"connectorId": 3, "csChargingProfiles": default_profile()})
        assert failed.value.code == "PropertyConstraintViolation"

    play(tmp_path, script)


def schedule_of(*periods: dict[str, Any]) -> dict[str, Any]:
    return {"chargingRateUnit": "A", "chargingSchedulePeriod": list(periods)}


@pytest.mark.ocpp("1.6", "§5.16", "§3.13.1", "SetChargingProfile")
@pytest.mark.parametrize(
    "profile",
    [
        default_profile(chargingSchedule=schedule_of()),
        default_profile(chargingSchedule=schedule_of({"startPeriod": 5, "limit": 6})),
        default_profile(chargingSchedule=schedule_of({"startPeriod": 0, "limit": 6}, {"startPeriod": 0, "limit": 7})),
        default_profile(chargingSchedule=schedule_of({"startPeriod": 0, "limit": -1})),
        default_profile(chargingSchedule=schedule_of({"startPeriod": 0, "limit": 6, "numberPhases": 4})),
        default_profile(chargingProfileKind="Recurring"),
        default_profile(stackLevel=101),
        default_profile(validFrom="2026-01-06T00:00:00Z", validTo="2026-01-05T00:00:00Z"),
        tx_profile(chargingProfilePurpose="ChargePointMaxProfile"),
    ],
)
def test_a_profile_that_makes_no_sense_is_rejected(tmp_path: Path, profile: dict[str, Any]) -> None:
    async def script(world: World) -> None:
        answer = await world.command("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
        assert answer == {"status": "Rejected"}
        assert world.station.asked() == []

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.5", "ClearChargingProfile")
def test_clear_matches_all_given_fields_and_an_id_alone(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        assert await world.command("ClearChargingProfile", {}) == {"status": "Accepted"}
        await world.command("ClearChargingProfile", {"id": 7, "connectorId": 99, "stackLevel": 3})
        fields = {"connectorId": 0, "chargingProfilePurpose": "ChargePointMaxProfile", "stackLevel": 3}
        await world.command("ClearChargingProfile", fields)
        assert world.station.asked() == [
            ("clear", None, None, None, None),
            ("clear", 7, None, None, None),
            ("clear", None, 0, "ChargingStationMaxProfile", 3),
        ]
        assert await world.command("ClearChargingProfile", {"connectorId": 99}) == {"status": "Unknown"}
        world.station.has_profiles = False
        assert await world.command("ClearChargingProfile", {}) == {"status": "Unknown"}

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.7", "GetCompositeSchedule")
def test_a_composite_schedule_that_cannot_be_reported_is_rejected(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        request = {"connectorId": 1, "duration": 3600}
        assert await world.command("GetCompositeSchedule", request) == {"status": "Rejected"}

    play(tmp_path, script)


# --- what is not there ---


@pytest.mark.ocpp("1.6", "J §4.2.3", "GetLocalListVersion", "ReserveNow", "UpdateFirmware")
@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("GetLocalListVersion", {}),
        ("ReserveNow", {"connectorId": 1, "expiryDate": "2026-01-05T07:00:00Z", "idTag": "A", "reservationId": 1}),
        ("CancelReservation", {"reservationId": 1}),
        ("UpdateFirmware", {"location": "ftp://x/y", "retrieveDate": "2026-01-05T07:00:00Z"}),
        ("GetDiagnostics", {"location": "ftp://x/y"}),
        ("SendLocalList", {"listVersion": 1, "updateType": "Full"}),
        ("Heartbeat", {}),
    ],
)
def test_requests_of_profiles_that_are_not_built_are_not_supported(
    tmp_path: Path, action: str, payload: dict[str, Any]
) -> None:
    async def script(world: World) -> None:
        with pytest.raises(CommandFailed) as failed:
            await world.command(action, payload)
        assert failed.value.code == "NotSupported"

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "J §4.2.3")
def test_an_unknown_action_is_not_implemented(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        await world.csms.send_raw("CS-1", '[2,"x","MakeCoffee",{}]')
        await world.settle()
        assert world.csms.frames[-1].text.startswith('[4,"x","NotImplemented"')

    play(tmp_path, script, violations=True)


@pytest.mark.ocpp("1.6", "§5.6", "DataTransfer")
def test_data_of_an_unknown_vendor_is_answered_without_data(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        answer = await world.command("DataTransfer", {"vendorId": "com.example", "data": "{}"})
        assert answer == {"status": "UnknownVendorId"}

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.4", "ClearCache")
def test_clear_cache_forgets_every_token(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        token = IdToken("CAFE")
        world.store.cache_put(token, await world.client.authorize(token, 1))
        assert await world.command("ClearCache") == {"status": "Accepted"}
        assert world.store.cache_get(token) is None

    play(tmp_path, script)


# --- triggers ---


@pytest.mark.ocpp("1.6", "§5.17", "TriggerMessage")
def test_a_triggered_message_comes_after_the_answer(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        before = len(world.csms.frames)
        assert await world.command("TriggerMessage", {"requestedMessage": "Heartbeat"}) == {"status": "Accepted"}
        await world.settle()
        kinds = [(frame.action, frame.kind) for frame in world.csms.frames[before:]]
        assert kinds == [
            ("TriggerMessage", "call"),
            ("TriggerMessage", "result"),
            ("Heartbeat", "call"),
            ("Heartbeat", "result"),
        ]

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.17", "TriggerMessage", "StatusNotification")
@pytest.mark.parametrize(("connector", "reported"), [(None, [0, 1, 2]), (0, [0]), (2, [2])])
def test_triggered_statuses_come_for_all_or_the_named_connector(
    tmp_path: Path, connector: int | None, reported: list[int]
) -> None:
    async def script(world: World) -> None:
        before = len(world.sent("StatusNotification"))
        where = {} if connector is None else {"connectorId": connector}
        answer = await world.command("TriggerMessage", {"requestedMessage": "StatusNotification", **where})
        assert answer == {"status": "Accepted"}
        await world.settle()
        assert [told["connectorId"] for told in world.sent("StatusNotification")[before:]] == reported

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.17", "TriggerMessage", "MeterValues")
def test_triggered_meter_values_are_the_latest_and_only_where_there_are_any(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        trigger = {"requestedMessage": "MeterValues"}
        assert await world.command("TriggerMessage", trigger) == {"status": "Rejected"}
        world.station.meter = {2: 4321}
        assert await world.command("TriggerMessage", trigger | {"connectorId": 1}) == {"status": "Rejected"}
        assert await world.command("TriggerMessage", trigger) == {"status": "Accepted"}
        await world.settle()
        (told,) = world.sent("MeterValues")
        assert told["connectorId"] == 2 and "transactionId" not in told
        sample = told["meterValue"][0]["sampledValue"][0]
        assert (sample["value"], sample["context"]) == ("4321", "Trigger")
        world.station.transactions = {2: "T"}
        await world.command("TriggerMessage", trigger)
        await world.settle()
        assert world.station.asked()[-1][:2] == ("report", 2)

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.17", "TriggerMessage")
@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("BootNotification", "Rejected"),
        ("FirmwareStatusNotification", "NotImplemented"),
        ("DiagnosticsStatusNotification", "NotImplemented"),
    ],
)
def test_what_will_not_be_sent_is_said(tmp_path: Path, message: str, status: str) -> None:
    async def script(world: World) -> None:
        assert await world.command("TriggerMessage", {"requestedMessage": message}) == {"status": status}
        unknown = {"requestedMessage": "StatusNotification", "connectorId": 9}
        assert await world.command("TriggerMessage", unknown) == {"status": "Rejected"}

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§4.2", "§5.17", "TriggerMessage", "BootNotification")
def test_a_triggered_boot_while_pending_comes_before_the_interval(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.csms.behaviour.retry_interval_s = 3600
        world.csms.behaviour.boot("Pending")
        await world.settle()
        answer = await world.command("TriggerMessage", {"requestedMessage": "BootNotification"})
        assert answer == {"status": "Accepted"}
        await world.settle()
        assert world.client.is_online

    play(tmp_path, script, connects=False)
