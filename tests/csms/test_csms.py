"""The bundled CSMS answers as the specification says, and finds each wrong thing that a station does to it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.ocpp.transport import ConnectFailed
from hil.csms.csms import CommandFailed, Csms
from hil.csms.log import Kind, Party
from hil.csms.puppet import Gone, Puppet, Refused
from hil.csms.tokens import Tokens
from hil.memory import MemoryNetwork
from hil.virtual import EPOCH, VirtualClock, run_virtual

Script = Callable[["Desk"], Awaitable[None]]

BOOT = {
    "ocpp1.6": {"chargePointVendor": "V", "chargePointModel": "M"},
    "ocpp2.0.1": {"chargingStation": {"vendorName": "V", "model": "M"}, "reason": "PowerUp"},
}


class Desk:
    """A CSMS and the network to it on virtual time."""

    def __init__(self, **arguments: Any) -> None:
        self.clock = VirtualClock(asyncio.get_running_loop())
        self.csms = Csms(wall=self.clock.true_wall, **arguments)
        self.network = MemoryNetwork(self.csms)

    @asynccontextmanager
    async def station(
        self, version: str = "ocpp1.6", *, boots: bool = True, name: str = "CS-1", **arguments: Any
    ) -> AsyncIterator[Puppet]:
        wire = await self.network.connect(f"ws://csms/ocpp/{name}", [version], {})
        async with Puppet(wire, **arguments) as puppet:
            if boots:
                await puppet.call("BootNotification", BOOT[version])
            yield puppet

    def kinds(self) -> list[Kind]:
        return [violation.kind for violation in self.csms.violations]

    def at(self, seconds: float = 0) -> str:
        return (self.clock.true_wall() + timedelta(seconds=seconds)).isoformat()


def play(script: Script, **arguments: Any) -> None:
    async def main() -> None:
        await script(Desk(**arguments))

    run_virtual(main())


def start_16(desk: Desk, **changes: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "CAFE", "meterStart": 1000, "timestamp": desk.at()} | changes


def stop_16(desk: Desk, transaction_id: int, **changes: Any) -> dict[str, Any]:
    return {"transactionId": transaction_id, "meterStop": 3000, "timestamp": desk.at()} | changes


def event_201(desk: Desk, kind: str, seq_no: int, **changes: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": desk.at(),
        "triggerReason": "Authorized",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "T-1"},
        "evse": {"id": 1, "connectorId": 1},
    } | changes


def energy_201(desk: Desk, wh: float) -> list[dict[str, Any]]:
    return [{"timestamp": desk.at(), "sampledValue": [{"value": wh, "unitOfMeasure": {"unit": "Wh"}}]}]


# --- a clean session ---


def test_a_clean_16_session_is_billed_and_breaks_no_rule() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            await station.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
            reply = await station.call("StartTransaction", start_16(desk))
            assert reply == {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}
            await asyncio.sleep(60)
            value = {"timestamp": desk.at(), "sampledValue": [{"value": "2.5", "unit": "kWh"}]}
            await station.call("MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": [value]})
            assert desk.csms.energy_wh("1") == 1500
            await asyncio.sleep(60)
            await station.call("StopTransaction", stop_16(desk, 1))
        transaction = desk.csms.transactions[0]
        assert (transaction.energy_wh, transaction.reason, transaction.is_open) == (2000, "Local", False)
        assert desk.csms.station("CS-1").facts.statuses == {(1, 1): "Available"}
        assert desk.csms.violations == []

    play(script)


def test_a_clean_201_session_is_billed_and_breaks_no_rule() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station("ocpp2.0.1") as station:
            token = {"idToken": {"idToken": "CAFE", "type": "ISO14443"}}
            started = event_201(desk, "Started", 0, meterValue=energy_201(desk, 100.5), **token)
            assert (await station.call("TransactionEvent", started))["idTokenInfo"] == {"status": "Accepted"}
            await asyncio.sleep(60)
            await station.call("TransactionEvent", event_201(desk, "Updated", 1, meterValue=energy_201(desk, 600.5)))
            await station.call("TransactionEvent", event_201(desk, "Ended", 2, meterValue=energy_201(desk, 1100.5)))
        transaction = desk.csms.transactions[0]
        assert (transaction.energy_wh, transaction.id_token, transaction.seq_nos) == (1000, "CAFE", [0, 1, 2])
        assert desk.csms.violations == []

    play(script)


def test_tokens_are_judged_case_insensitively_with_group_and_expiry() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            answers = [(await station.call("Authorize", {"idTag": tag}))["idTagInfo"] for tag in ("cafe", "OLD", "new")]
        assert answers[0] == {"status": "Blocked", "parentIdTag": "FAMILY"}
        assert answers[1]["status"] == "Expired"
        assert answers[2] == {"status": "Invalid"}

    tokens = Tokens(default="Unknown")
    tokens.add("CAFE", "Blocked", group="FAMILY")
    tokens.add("OLD", expires=EPOCH - timedelta(days=1))
    play(script, tokens=tokens)


# --- registration and connection ---


def test_a_message_before_boot_is_refused_and_reported() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station(boots=False) as station:
            with pytest.raises(Refused, match="SecurityError"):
                await station.call("Heartbeat", {})
        assert desk.kinds() == [Kind.NOT_REGISTERED]

    play(script)


def test_a_pending_station_may_send_only_what_it_was_asked_for() -> None:
    async def script(desk: Desk) -> None:
        desk.csms.behaviour.boot("Pending")
        async with desk.station(answers={"TriggerMessage": {"status": "Accepted"}}) as station:
            await desk.csms.command("CS-1", "TriggerMessage", {"requestedMessage": "Heartbeat"})
            await station.call("Heartbeat", {})
            assert desk.kinds() == []
            with pytest.raises(Refused, match="SecurityError"):
                await station.call("Heartbeat", {})
            assert desk.kinds() == [Kind.NOT_REGISTERED]
            await asyncio.sleep(30)
            assert (await station.call("BootNotification", BOOT["ocpp1.6"]))["status"] == "Accepted"
        assert desk.kinds() == [Kind.NOT_REGISTERED]

    play(script)


def test_a_boot_before_the_interval_has_passed_is_reported() -> None:
    async def script(desk: Desk) -> None:
        desk.csms.behaviour.boot("Rejected")
        async with desk.station() as station:
            await asyncio.sleep(10)
            await station.call("BootNotification", BOOT["ocpp1.6"])
        assert desk.kinds() == [Kind.TOO_EARLY]

    play(script)


def test_a_registration_survives_a_reconnect() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station():
            pass
        await asyncio.sleep(1)
        async with desk.station(boots=False) as station:
            await station.call("Heartbeat", {})
        assert desk.kinds() == []

    play(script)


def test_a_station_that_offers_nothing_known_is_closed_and_reported() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station("ocpp1.5", boots=False) as station:
            assert station.wire.subprotocol is None
            await station.is_gone.wait()
        assert desk.kinds() == [Kind.SUBPROTOCOL]

    play(script)


def test_the_stations_order_of_versions_decides() -> None:
    async def script(desk: Desk) -> None:
        for offered in (["ocpp1.6", "ocpp2.0.1"], ["ocpp2.0.1", "ocpp1.6"], ["ocpp1.5", "ocpp1.6"]):
            wire = await desk.network.connect("ws://csms/a%20b/", offered, {})
            assert wire.subprotocol == next(name for name in offered if name != "ocpp1.5")
        await asyncio.sleep(1)
        assert desk.csms.connected == ["a b"]

    play(script)


def test_unknown_stations_and_wrong_passwords_are_turned_away() -> None:
    async def script(desk: Desk) -> None:
        def basic(text: str) -> dict[str, str]:
            return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

        async def status(name: str, headers: dict[str, str]) -> int | None:
            try:
                await desk.network.connect(f"ws://csms/{name}", ["ocpp1.6"], headers)
            except ConnectFailed as failed:
                return failed.status
            return 101

        assert await status("NOBODY", {}) == 404
        assert await status("LOCKED", {}) == 401
        assert await status("LOCKED", basic("LOCKED:wrong")) == 401
        assert await status("LOCKED", basic("LOCKED:secret")) == 101
        assert await status("FREE", {}) == 101

    play(script, stations=["LOCKED", "FREE"], passwords={"LOCKED": "secret"})


def test_a_second_connection_of_a_station_replaces_the_first() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as first, desk.station(boots=False) as second:
            await first.is_gone.wait()
            await second.call("Heartbeat", {})
            assert desk.csms.connected == ["CS-1"]

    play(script)


# --- frames ---


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "{}", "[]", "[2]", '[2,"1","Heartbeat"]', '[2,1,"Heartbeat",{}]', '[2,"1","Heartbeat",[]]',
     '[2,"' + "x" * 37 + '","Heartbeat",{}]', '[9,"1",{}]', '[2,"1","Heartbeat",{"a":NaN}]', "[" * 100_000],
)  # fmt: skip
@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
def test_what_is_no_frame_is_reported_and_the_connection_goes_on(version: str, text: str) -> None:
    async def script(desk: Desk) -> None:
        async with desk.station(version) as station:
            await station.say(text)
            await station.call("Heartbeat", {})
        assert desk.kinds() == [Kind.FRAME]

    play(script)


def test_a_message_id_that_comes_again_is_reported_except_a_16_retry() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            await station.call("Heartbeat", {}, message_id="same")
            await station.call("Heartbeat", {}, message_id="same")
            assert desk.kinds() == []
            await station.call("Authorize", {"idTag": "A"}, message_id="same")
        assert desk.kinds() == [Kind.FRAME]

    play(script)


def test_a_message_id_that_comes_again_is_reported_in_201_also_for_a_retry() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station("ocpp2.0.1") as station:
            await station.call("Heartbeat", {}, message_id="same")
            await station.call("Heartbeat", {}, message_id="same")
        assert desk.kinds() == [Kind.FRAME]

    play(script)


def test_a_second_call_in_flight_is_reported() -> None:
    async def script(desk: Desk) -> None:
        desk.csms.behaviour.delays_s["Heartbeat"] = 5
        async with desk.station() as station:
            first = await station.start("Heartbeat", {})
            await asyncio.sleep(1)
            await station.call("Authorize", {"idTag": "A"})
            await station.answer_to(first)
            await station.call("Authorize", {"idTag": "A"})
        assert desk.kinds() == [Kind.IN_FLIGHT]

    play(script)


def test_a_call_after_the_answer_never_came_is_no_violation_once_the_timeout_has_passed() -> None:
    async def script(desk: Desk) -> None:
        desk.csms.behaviour.ignore("Heartbeat")
        async with desk.station() as station:
            await station.start("Heartbeat", {})
            await asyncio.sleep(31)
            await station.call("Heartbeat", {})
        assert desk.kinds() == []

    play(script)


def test_answers_to_nothing_are_reported() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            await station.say('[3,"never asked",{}]')
            await station.say('[4,"never asked","InternalError","",{}]')
            await station.call("Heartbeat", {})
        assert desk.kinds() == [Kind.UNASKED, Kind.UNASKED]

    play(script)


# --- schemas, both directions ---


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Authorize", {}, "ProtocolError"),
        ("Authorize", {"idTag": "X" * 21}, "PropertyConstraintViolation"),
        ("Authorize", {"idTag": 5}, "TypeConstraintViolation"),
        ("Authorize", {"idTag": "A", "extra": 1}, "FormationViolation"),
        ("Authorize", {"idTag": None}, "TypeConstraintViolation"),
        ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Occupied"}, "PropertyConstraintViolation"),
        ("StatusNotification", {"connectorId": 2**31, "errorCode": "NoError", "status": "Available"}, "PropertyConstraintViolation"),
        ("StartTransaction", {"connectorId": 1, "idTag": "A", "meterStart": 1.5, "timestamp": "2026-01-05T06:00:00Z"}, "TypeConstraintViolation"),
        ("StartTransaction", {"connectorId": 1, "idTag": "A", "meterStart": 1, "timestamp": "yesterday"}, "PropertyConstraintViolation"),
        ("StartTransaction", {"connectorId": 1, "idTag": "A", "meterStart": 1, "timestamp": "2026-01-05T06:00:00"}, "PropertyConstraintViolation"),
        ("MakeCoffee", {}, "NotImplemented"),
        ("RemoteStartTransaction", {"idTag": "A"}, "NotSupported"),
    ],
)  # fmt: skip
def test_a_payload_that_breaks_its_schema_is_refused_and_reported(
    action: str, payload: dict[str, Any], code: str
) -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            with pytest.raises(Refused) as refused:
                await station.call(action, payload)
        assert refused.value.code == code
        assert desk.kinds() == [Kind.SCHEMA]

    play(script)


def test_a_wrong_answer_of_the_station_is_reported() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station(answers={"Reset": {"status": "Maybe"}, "ClearCache": {"status": "Accepted"}}):
            await desk.csms.command("CS-1", "ClearCache")
            assert desk.kinds() == []
            await desk.csms.command("CS-1", "Reset", {"type": "Soft"})
        assert desk.kinds() == [Kind.SCHEMA]

    play(script)


def test_a_command_that_breaks_its_schema_is_never_sent() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            for payload in ({}, {"type": "Maybe"}):
                with pytest.raises(CommandFailed, match="BadPayload"):
                    await desk.csms.command("CS-1", "Reset", payload)
            assert station.requests == []

    play(script)


def test_one_decimal_limits_pass_and_two_decimal_limits_do_not() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station(answers={"SetChargingProfile": {"status": "Accepted"}}):
            for limit in (0.3, 8.1, 16, 32.0, 6.7):
                assert await desk.csms.command("CS-1", "SetChargingProfile", profile_16(limit)) == {
                    "status": "Accepted"
                }
            with pytest.raises(CommandFailed, match="multiple"):
                await desk.csms.command("CS-1", "SetChargingProfile", profile_16(6.75))

    play(script)


def profile_16(limit: float) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    profile = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
               "chargingProfileKind": "Relative", "chargingSchedule": schedule}  # fmt: skip
    return {"connectorId": 0, "csChargingProfiles": profile}


def test_the_csmss_own_wrong_answer_is_its_own_violation() -> None:
    async def script(desk: Desk) -> None:
        desk.csms.tokens.add("ODD", "Accepted", group="G" * 40)
        async with desk.station() as station:
            await station.call("Authorize", {"idTag": "ODD"})
        assert [(v.kind, v.guilty) for v in desk.csms.violations] == [(Kind.SCHEMA, Party.CSMS)]

    play(script)


# --- transactions ---


def test_a_repeated_16_start_gets_the_same_id_and_is_reported_as_a_duplicate() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            start = start_16(desk)
            ids = [(await station.call("StartTransaction", start))["transactionId"] for _ in range(2)]
            stop = stop_16(desk, ids[0])
            await station.call("StopTransaction", stop)
            await station.call("StopTransaction", stop)
        assert ids == [1, 1]
        assert len(desk.csms.transactions) == 1
        assert [duplicate.action for duplicate in desk.csms.duplicates] == ["StartTransaction", "StopTransaction"]
        assert desk.kinds() == []

    play(script)


def test_a_second_different_start_on_a_busy_connector_is_reported() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            await station.call("StartTransaction", start_16(desk))
            await station.call("StartTransaction", start_16(desk, meterStart=1001))
        assert desk.kinds() == [Kind.TRANSACTION]
        assert len(desk.csms.transactions) == 2

    play(script)


@pytest.mark.parametrize("transaction_id", [77, -1])
def test_16_messages_of_a_transaction_that_never_started_are_answered_and_reported(transaction_id: int) -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            value = {"timestamp": desk.at(), "sampledValue": [{"value": "1"}]}
            payload = {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}
            await station.call("MeterValues", payload)
            await station.call("StopTransaction", stop_16(desk, transaction_id))
        assert desk.kinds() == [Kind.TRANSACTION, Kind.TRANSACTION]

    play(script)


def test_the_id_minus_one_is_right_after_a_start_the_csms_would_not_take() -> None:
    async def script(desk: Desk) -> None:
        desk.csms.behaviour.fail("StartTransaction")
        async with desk.station() as station:
            with pytest.raises(Refused, match="InternalError"):
                await station.call("StartTransaction", start_16(desk))
            await station.call("StopTransaction", stop_16(desk, -1))
        assert desk.kinds() == []

    play(script)


def test_16_messages_after_the_end_and_a_second_different_stop_are_reported() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            await station.call("StartTransaction", start_16(desk))
            await station.call("StopTransaction", stop_16(desk, 1))
            await station.call("StopTransaction", stop_16(desk, 1, meterStop=3001))
            value = {"timestamp": desk.at(), "sampledValue": [{"value": "3000"}]}
            await station.call("MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": [value]})
        assert desk.kinds() == [Kind.TRANSACTION, Kind.TRANSACTION]

    play(script)


def test_a_meter_that_runs_backwards_is_reported() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            await station.call("StartTransaction", start_16(desk))
            await station.call("StopTransaction", stop_16(desk, 1, meterStop=0))
        assert desk.kinds() == [Kind.METER]

    play(script)


def test_16_times_out_of_order_are_reported() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            await station.call("StartTransaction", start_16(desk))
            await station.call("StartTransaction", start_16(desk, connectorId=2, timestamp=desk.at(-60)))
            data = [{"timestamp": desk.at(-600), "sampledValue": [{"value": "1500"}]}]
            await station.call("StopTransaction", stop_16(desk, 1, transactionData=data))
        assert desk.kinds() == [Kind.TIME, Kind.TIME]

    play(script)


@pytest.mark.parametrize(
    ("timestamp", "kind"),
    [("1970-01-01T00:00:12Z", Kind.YEAR), (datetime(2030, 1, 1, tzinfo=UTC).isoformat(), Kind.FUTURE)],
)
def test_impossible_dates_are_reported(timestamp: str, kind: Kind) -> None:
    async def script(desk: Desk) -> None:
        async with desk.station() as station:
            await station.call("StartTransaction", start_16(desk, timestamp=timestamp))
        assert desk.kinds() == [kind]

    play(script)


def test_a_gap_in_seq_no_is_reported_and_so_is_what_fills_it_late() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station("ocpp2.0.1") as station:
            for kind, seq_no in (("Started", 0), ("Updated", 3)):
                await station.call("TransactionEvent", event_201(desk, kind, seq_no))
            assert desk.csms.transactions[0].gaps == [1, 2]
            await station.call("TransactionEvent", event_201(desk, "Updated", 1))
        assert desk.csms.transactions[0].gaps == [2]
        assert desk.kinds() == [Kind.GAP, Kind.TRANSACTION]

    play(script)


def test_a_repeated_201_event_is_a_duplicate_and_a_changed_one_a_violation() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station("ocpp2.0.1") as station:
            started = event_201(desk, "Started", 0)
            await station.call("TransactionEvent", started)
            await station.call("TransactionEvent", started)
            assert [duplicate.key for duplicate in desk.csms.duplicates] == ["T-1 seqNo 0"]
            assert desk.kinds() == []
            await station.call("TransactionEvent", started | {"triggerReason": "CablePluggedIn"})
        assert desk.kinds() == [Kind.TRANSACTION]

    play(script)


def test_201_events_out_of_place_are_reported() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station("ocpp2.0.1") as station:
            await station.call("TransactionEvent", event_201(desk, "Updated", 0))
            await station.call("TransactionEvent", event_201(desk, "Ended", 1))
            await station.call("TransactionEvent", event_201(desk, "Updated", 2))
        assert desk.kinds() == [Kind.TRANSACTION, Kind.TRANSACTION]

    play(script)


def test_201_times_that_go_backwards_within_a_transaction_are_reported() -> None:
    async def script(desk: Desk) -> None:
        async with desk.station("ocpp2.0.1") as station:
            await station.call("TransactionEvent", event_201(desk, "Started", 0))
            await station.call("TransactionEvent", event_201(desk, "Updated", 1, timestamp=desk.at(-1)))
        assert desk.kinds() == [Kind.TIME]

    play(script)


@pytest.mark.parametrize(("gap_s", "kinds"), [(-1, [Kind.TRANSACTION]), (1, [])])
def test_201_transactions_that_overlap_on_one_evse_are_reported_in_whatever_order_they_are_told(
    gap_s: int, kinds: list[Kind]
) -> None:
    async def script(desk: Desk) -> None:
        async with desk.station("ocpp2.0.1") as station:
            told = [
                ("T-1", "Started", 0, -10),
                ("T-2", "Started", 0, -5 + gap_s),
                ("T-2", "Ended", 1, -1),
                ("T-1", "Ended", 1, -5),
            ]
            for id, kind, seq_no, at_s in told:
                changes = {"transactionInfo": {"transactionId": id}, "timestamp": desk.at(at_s)}
                await station.call("TransactionEvent", event_201(desk, kind, seq_no, **changes))
        assert desk.kinds() == kinds

    play(script)


# --- scripted behaviour and commands ---


def test_scripted_failures_silences_odd_answers_and_closes_happen_once_each() -> None:
    async def script(desk: Desk) -> None:
        behaviour = desk.csms.behaviour
        behaviour.fail("Heartbeat", 2, code="GenericError")
        behaviour.answer("Heartbeat", {"currentTime": 5})
        async with desk.station() as station:
            for _ in range(2):
                with pytest.raises(Refused, match="GenericError"):
                    await station.call("Heartbeat", {})
            assert await station.call("Heartbeat", {}) == {"currentTime": 5}
            assert "currentTime" in await station.call("Heartbeat", {})
            behaviour.close_after = 1
            with pytest.raises(Gone):
                await station.call("Heartbeat", {})
                await station.call("Heartbeat", {})
        assert desk.kinds() == []

    play(script)


def test_a_start_without_an_answer_is_taken_in_all_the_same() -> None:
    async def script(desk: Desk) -> None:
        desk.csms.behaviour.ignore("StartTransaction")
        async with desk.station() as station:
            start = start_16(desk)
            await station.start("StartTransaction", start)
            await asyncio.sleep(31)
            await station.call("StartTransaction", start)
        assert len(desk.csms.transactions) == 1
        assert len(desk.csms.duplicates) == 1

    play(script)


def test_commands_wait_for_each_other_and_fail_with_the_reason() -> None:
    async def script(desk: Desk) -> None:
        with pytest.raises(CommandFailed, match="not connected"):
            await desk.csms.command("CS-1", "ClearCache")
        async with desk.station(answers={"ClearCache": {"status": "Accepted"}}) as station:
            replies = await asyncio.gather(*(desk.csms.command("CS-1", "ClearCache") for _ in range(3)))
            assert replies == [{"status": "Accepted"}] * 3
            with pytest.raises(CommandFailed, match="NotImplemented"):
                await desk.csms.command("CS-1", "Reset", {"type": "Hard"})
            desk.network.stall()
            with pytest.raises(CommandFailed, match="Timeout"):
                await desk.csms.command("CS-1", "ClearCache", timeout_s=5)
            waiting = asyncio.create_task(desk.csms.command("CS-1", "ClearCache"))
            await asyncio.sleep(1)
            desk.network.cut()
            with pytest.raises(CommandFailed, match="NotConnected"):
                await waiting
            assert [action for action, _ in station.requests] == ["ClearCache"] * 3 + ["Reset"]

    play(script)
