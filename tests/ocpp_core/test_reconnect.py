"""Back-off, choice of version, credentials, what is delivered after the link was away."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from controller.logic.records import EventKind, StopReason, TransactionEvent, Trigger
from controller.logic.values import AuthorizationStatus, IdToken, Measurand, Sample, SampleContext
from controller.ocpp.ports import ConnectorStatus
from hil.memory import Direction, Fate, calls
from tests.ocpp_core.ocpp_rig import ENDPOINT, V201, Rig, rig, virtually

BACKOFF = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "10",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "4",
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": "3",
}


def waits(r: Rig) -> list[float]:
    return [later.at_s - earlier.at_s for earlier, later in pairwise(r.network.attempts)]


@pytest.mark.ocpp("2.0.1", "Part4 §5.3")
@virtually
async def test_the_wait_doubles_with_fresh_jitter_up_to_its_cap() -> None:
    async with rig(variables=BACKOFF) as r:
        r.network.refuse(times=8)
        await r.online()
        seen = waits(r)
        for wait_s, least_s in zip(seen, (10, 20, 40, 80, 80, 80, 80, 80), strict=True):
            assert least_s <= wait_s <= least_s + 4.1
        assert len({round(wait_s, 3) for wait_s in seen[3:]}) == 5


@pytest.mark.ocpp("2.0.1", "Part4 §5.3")
@virtually
async def test_a_server_that_accepts_and_closes_is_not_hammered() -> None:
    async with rig(variables=BACKOFF) as r:
        r.network.accept_and_close(20)
        r.start()
        await asyncio.sleep(600)
        assert len(r.network.attempts) <= 12
        assert max(waits(r)) >= 80
        assert "before it answered anything: does it know the identity" in r.client.problem


@virtually
async def test_an_answer_sets_the_wait_back_to_its_minimum() -> None:
    async with rig(variables=BACKOFF) as r:
        r.network.refuse(times=5)
        await r.online()
        r.network.cut()
        await r.csms.until("Heartbeat")
        await asyncio.sleep(1)
        assert waits(r)[-1] <= 15.1
        r.network.cut()
        before = r.clock.monotonic()
        await r.csms.until("Heartbeat", 2)
        assert r.network.attempts[-1].at_s - before <= 14.1


@pytest.mark.ocpp("2.0.1", "Part4 §3.1.2", "Part4 §3.2")
@pytest.mark.parametrize(("picked", "said"), [(None, "no OCPP version"), ("ocpp1.5", "'ocpp1.5'")])
def test_a_server_without_a_common_version_is_left_and_told(picked: str | None, said: str) -> None:
    @virtually
    async def run() -> None:
        async with rig(variables=BACKOFF) as r:
            r.csms.subprotocol = picked
            r.start()
            await asyncio.sleep(5)
            assert r.csms.received == []
            assert not r.network.is_connected
            failures = [event["detail"] for event in r.events if event.get("state") == "failed"]
            assert len(failures) == 1
            assert said in failures[0]
            assert V201 in failures[0]
            assert r.client.problem == failures[0]
            r.csms.subprotocol = V201
            await r.csms.until("StatusNotification", 2)
            assert r.client.problem == ""

    run()


@pytest.mark.ocpp("2.0.1", "A00.FR.204")
@virtually
async def test_basic_authentication_and_a_password_set_by_the_csms() -> None:
    async with rig(password="first-password-123") as r:
        await r.online()
        assert r.csms.headers[0]["Authorization"] == "Basic Q1MgMS9hOmZpcnN0LXBhc3N3b3JkLTEyMw=="
        data = {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "attributeValue": "second-password-123",
        }
        answer = await r.csms.call("SetVariables", {"setVariableData": [data]})
        assert answer[2]["setVariableResult"][0]["attributeStatus"] == "Accepted"
        event = await r.csms.until("SecurityEventNotification")
        assert event.payload["type"] == "ReconfigurationOfSecurityParameters"
        await r.csms.until("Heartbeat")
        assert r.csms.headers[1]["Authorization"] == "Basic Q1MgMS9hOnNlY29uZC1wYXNzd29yZC0xMjM="


@pytest.mark.ocpp("2.0.1", "G01.FR.03")
@virtually
async def test_every_step_of_a_status_is_reported_in_order_and_nothing_twice() -> None:
    async with rig() as r:
        await r.online()
        for status in (ConnectorStatus.PREPARING, ConnectorStatus.CHARGING, ConnectorStatus.AVAILABLE):
            r.station.statuses[1, 1] = status
            r.client.status_changed(1, 1)
        r.client.status_changed(2, 1)
        await asyncio.sleep(1)
        told = [(each.payload["evseId"], each.payload["connectorStatus"]) for each in r.csms.of("StatusNotification")]
        assert told[2:] == [(1, "Occupied"), (1, "Available")]


@virtually
async def test_a_status_nobody_acknowledged_is_told_again_a_refused_one_is_not() -> None:
    async with rig() as r:
        await r.online()
        r.csms.script["StatusNotification"] = [None, ["GenericError", "no"], {}]
        r.station.statuses[1, 1] = ConnectorStatus.FAULTED
        r.client.status_changed(1, 1)
        await asyncio.sleep(100)
        assert [each.payload["connectorStatus"] for each in r.csms.of("StatusNotification")][2:] == ["Faulted"] * 2


@virtually
async def test_without_pings_a_dead_line_is_noticed_by_its_silence() -> None:
    async with rig(variables={**BACKOFF, "OCPPCommCtrlr.WebSocketPingInterval": "0"}) as r:
        await r.online()
        r.csms.script["Heartbeat"] = [None, None, None, {"currentTime": "2026-01-05T06:00:00Z"}]
        await r.csms.until("Heartbeat", 4)
        assert len(r.network.attempts) == 2


@virtually
async def test_a_cancelled_client_closes_its_connection() -> None:
    async with rig() as r:
        await r.online()
        assert r.running is not None
        r.running.cancel()
        await asyncio.gather(r.running, return_exceptions=True)
        await asyncio.sleep(1)
        assert not r.network.is_connected
        assert r.links()[-1] == "lost"


# --- delivery, with the 2.0.1 encoder ---

TOKEN = IdToken("04A1B2C3D4")


def begin(r: Rig, transaction_id: str, *, online: bool) -> None:
    session_id = f"session of {transaction_id}"
    r.store.open_session(session_id, 1, r.clock.now())
    event = TransactionEvent(
        transaction_id,
        EventKind.STARTED,
        Trigger.AUTHORIZED,
        r.clock.now(),
        online,
        evse_id=1,
        connector_id=1,
        id_token=TOKEN,
        register_wh=1000,
        samples=(Sample(Measurand.ENERGY_IMPORT, 1000.0, "Wh", SampleContext.TRANSACTION_BEGIN),),
    )
    r.store.begin_transaction(
        event,
        protocol=V201,
        csms=ENDPOINT,
        session_id=session_id,
        record_id=None,
        group=None,
        plug_run_id=None,
        plug_count=None,
    )
    r.client.records_added()


def add(
    r: Rig, transaction_id: str, kind: EventKind, trigger: Trigger, register_wh: int, samples: tuple[Sample, ...] = ()
) -> None:
    stopped = StopReason.LOCAL if kind is EventKind.ENDED else None
    r.store.add_event(
        TransactionEvent(
            transaction_id,
            kind,
            trigger,
            r.clock.now(),
            r.client.is_online,
            evse_id=1,
            connector_id=1,
            register_wh=register_wh,
            stopped_reason=stopped,
            samples=samples,
        )
    )
    r.client.records_added()


@pytest.mark.ocpp("2.0.1", "E04.FR.01", "E04.FR.02", "E04.FR.03", "E12.FR.01", "E12.FR.02", "E01.FR.07")
@virtually
async def test_what_happened_offline_is_told_in_order_with_its_own_times() -> None:
    async with rig() as r:
        await r.online()
        r.network.take_down()
        await asyncio.sleep(10)
        times = []
        begin(r, "tx-1", online=False)
        times.append(r.clock.true_wall())
        for register_wh in (1100, 1200):
            await asyncio.sleep(60)
            add(r, "tx-1", EventKind.UPDATED, Trigger.METER_VALUE_PERIODIC, register_wh)
            times.append(r.clock.true_wall())
        await asyncio.sleep(60)
        add(r, "tx-1", EventKind.ENDED, Trigger.STOP_AUTHORIZED, 1300)
        times.append(r.clock.true_wall())
        r.network.bring_up()
        await r.csms.until("TransactionEvent", 4)
        told = [each.payload for each in r.csms.of("TransactionEvent")]
        assert [each["eventType"] for each in told] == ["Started", "Updated", "Updated", "Ended"]
        assert [each["seqNo"] for each in told] == [0, 1, 2, 3]
        assert all(each["offline"] for each in told)
        assert [each["timestamp"] for each in told] == [
            f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z" for at in times
        ]
        assert told[0]["idToken"] == {"idToken": TOKEN.value, "type": "ISO14443"}
        assert "idToken" not in told[1]
        assert told[3]["transactionInfo"] == {"transactionId": "tx-1", "stoppedReason": "Local"}
        assert told[3]["meterValue"][0]["sampledValue"] == [
            {
                "value": 1300,
                "context": "Transaction.End",
                "measurand": "Energy.Active.Import.Register",
                "unitOfMeasure": {"unit": "Wh"},
            }
        ]
        statuses = [n for n, each in enumerate(r.csms.received) if each.action == "StatusNotification"]
        first_event = next(n for n, each in enumerate(r.csms.received) if each.action == "TransactionEvent")
        assert max(statuses) < first_event


@pytest.mark.ocpp("2.0.1", "E13.FR.02", "E13.FR.03", "E13.FR.04", "E14.FR.02", "E14.FR.04", "E14.FR.05")
@virtually
async def test_a_refused_transaction_message_is_repeated_then_left_behind() -> None:
    variables = {
        "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "3",
        "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "10",
    }
    async with rig(variables=variables) as r:
        await r.online()
        r.csms.script["TransactionEvent"] = [["InternalError", "busy"]]
        begin(r, "tx-1", online=True)
        await r.csms.until("TransactionEvent")
        status = await r.csms.call("GetTransactionStatus", {"transactionId": "tx-1"})
        assert status[2] == {"ongoingIndicator": True, "messagesInQueue": True}
        await asyncio.sleep(200)
        times = [each.at_s for each in r.csms.of("TransactionEvent")]
        assert [round(later - earlier) for earlier, later in pairwise(times)] == [10, 20]
        status = await r.csms.call("GetTransactionStatus", {"transactionId": "tx-1"})
        assert status[2] == {"ongoingIndicator": True, "messagesInQueue": False}
        told = [event for event in r.events if event["kind"] == "delivery"]
        assert [event["trouble"] for event in told] == ["gave up"]


@pytest.mark.ocpp("2.0.1", "E05.FR.01", "C10.FR.05")
@virtually
async def test_what_the_answer_says_of_the_token_reaches_the_station() -> None:
    async with rig() as r:
        await r.online()
        group = {"idToken": "FLEET", "type": "Central"}
        r.csms.script["TransactionEvent"] = [{"idTokenInfo": {"status": "Blocked", "groupIdToken": group}}]
        begin(r, "tx-1", online=True)
        await r.csms.until("TransactionEvent")
        await asyncio.sleep(1)
        kind, token, info, transaction_id = r.station.asked[-1]
        assert (kind, token, transaction_id) == ("token", TOKEN, "tx-1")
        assert (info.status, info.group) == (AuthorizationStatus.BLOCKED, "FLEET")


@pytest.mark.ocpp("2.0.1", "E11.FR.07")
@virtually
async def test_a_lost_answer_repeats_the_very_same_message() -> None:
    async with rig() as r:
        await r.online()
        r.network.plan(Direction.UP, calls("TransactionEvent"), Fate.DELIVER_AND_CUT)
        begin(r, "tx-1", online=True)
        await r.csms.until("TransactionEvent", 2)
        first, second = r.csms.of("TransactionEvent")
        assert first.payload == second.payload
        assert first.frame[1] != second.frame[1]


@pytest.mark.ocpp("2.0.1", "E06.FR.11")
@virtually
async def test_a_register_that_was_sampled_is_told_once_and_one_that_is_not_wanted_never() -> None:
    async with rig() as r:
        await r.online()
        begin(r, "tx-1", online=True)
        sample = Sample(Measurand.ENERGY_IMPORT, 1300.25, "Wh", SampleContext.TRANSACTION_END, "L1")
        add(r, "tx-1", EventKind.ENDED, Trigger.STOP_AUTHORIZED, 1300, (sample,))
        told = (await r.csms.until("TransactionEvent", 2)).payload
        assert [each["value"] for each in told["meterValue"][0]["sampledValue"]] == [1300.25]
        assert told["meterValue"][0]["sampledValue"][0]["phase"] == "L1"
        r.model.set("SampledDataCtrlr.TxEndedMeasurands", "", "csms")
        begin(r, "tx-2", online=True)
        add(r, "tx-2", EventKind.ENDED, Trigger.STOP_AUTHORIZED, 1400)
        assert "meterValue" not in (await r.csms.until("TransactionEvent", 4)).payload
