"""B11, B12: resets of the station and of one EVSE, at once and when idle."""

from __future__ import annotations

import itertools

import pytest

from tests.conformance_v201.octt import ANNA, BERT, Octt, octt
from tests.conformance_v201.patterns import ABSENT
from tests.conformance_v201.states import Run


async def reset(o: Octt, kind: str, evse: int | None = None) -> str:
    o.forget()
    answer = await o.command("Reset", {"type": kind, **({} if evse is None else {"evseId": evse})})
    return str(answer["status"])


@pytest.mark.ocpp("2.0.1", "TC_B_20_CS", "B11.FR.01", "B11.FR.03", "B11.FR.04", "B01.FR.03", "B01.FR.09", "A04.FR.01")
@pytest.mark.parametrize("kind", ["OnIdle", "Immediate"])
@octt()
async def test_an_idle_station_boots_anew(o: Octt, kind: str) -> None:
    assert await reset(o, kind) == "Accepted"
    boot = await o.booted()
    assert boot["reason"] == "RemoteReset"
    told = [status["connectorStatus"] for status in o.payloads("StatusNotification")]
    assert told == ["Available", "Available"]
    await o.until(lambda: len(o.payloads("SecurityEventNotification")) > 1, 60, "the CSMS learns of both")
    events = [(event["type"], event["techInfo"]) for event in o.payloads("SecurityEventNotification")]
    assert events == [("ResetOrReboot", f"{kind}, asked for by the CSMS"), ("StartupOfTheDevice", "RemoteReset")]


@pytest.mark.ocpp("2.0.1", "TC_B_22_CS", "B12.FR.02", "B12.FR.04", "E07.FR.03", "B01.FR.03")
@octt()
async def test_an_immediate_reset_ends_the_transaction_first(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    assert await reset(o, "Immediate") == "Accepted"
    ended = {
        "eventType": "Ended",
        "triggerReason": "ResetCommand",
        "transactionInfo": {"chargingState": "EVConnected", "stoppedReason": "ImmediateReset"},
        "idToken": ABSENT,
    }
    await o.event(ended)
    assert o.contact() == "open"
    boot = await o.expect("BootNotification", within_s=60)
    assert boot["reason"] == "RemoteReset"
    await o.status("Occupied", 1)
    await o.status("Available", 2)
    await o.silence(20, "TransactionEvent")  # the car that stayed plugged in starts nothing by itself
    order = [frame.action for frame in o.calls() if frame.action in ("TransactionEvent", "BootNotification")]
    assert order == ["TransactionEvent", "BootNotification"]


@pytest.mark.ocpp("2.0.1", "B12.FR.01", "B12.FR.03")
@pytest.mark.parametrize("stop", ["Authorized", "EVConnected"])
@octt()
async def test_a_reset_on_idle_waits_for_the_transaction(o: Octt, stop: str) -> None:
    run = await Run.configured(o, "PowerPathClosed", stop)
    await run.charging()
    assert await reset(o, "OnIdle") == "Scheduled"
    await o.silence(60, "BootNotification")
    assert o.contact() == "closed"
    await run.stop_authorized()
    if run.is_running:
        await o.silence(20, "BootNotification")
        await o.until(lambda: o.world.evse(1)["lock_position"] == 0, 5, "the bolt is back")
        o.unplug()
        await o.event({"eventType": "Ended"})
    boot = await o.expect("BootNotification", within_s=60)
    assert boot["reason"] == "ScheduledReset"
    await o.status("Occupied" if stop == "Authorized" else "Available", 1)


@pytest.mark.ocpp("2.0.1", "TC_B_41_CS", "B12.FR.01", "B12.FR.03")
@octt()
async def test_a_reset_on_idle_waits_for_all_transactions(o: Octt) -> None:
    runs = [Run(o, evse=1), Run(o, evse=2)]
    for run, token in zip(runs, (ANNA, BERT), strict=True):
        await run.ev_connected()
        await run.authorized(token)
        await run.energy_started()
    assert await reset(o, "OnIdle") == "Scheduled"
    await runs[0].stop_authorized()
    await runs[0].ev_disconnected(leaves="Unavailable")
    await o.silence(30, "BootNotification")
    await runs[1].stop_authorized()
    boot = await o.expect("BootNotification", within_s=60)
    assert boot["reason"] == "ScheduledReset"
    await o.status("Available", 1)
    await o.status("Occupied", 2)


@pytest.mark.ocpp("2.0.1", "B12.FR.01")
@octt()
async def test_nobody_begins_while_a_reset_is_pending(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    assert await reset(o, "OnIdle") == "Scheduled"
    await o.status("Unavailable", 2)
    o.plug(2)
    answer = await o.command(
        "RequestStartTransaction",
        {"idToken": {"idToken": BERT, "type": "ISO14443"}, "remoteStartId": 1, "evseId": 2},
    )
    assert answer["status"] == "Rejected"
    o.swipe(BERT)
    await o.silence(30, "TransactionEvent", {"evse": {"id": 2}})
    assert o.contact(2) == "open"


@pytest.mark.ocpp("2.0.1", "B12.FR.05", "E13.FR.02")
@octt()
async def test_an_end_that_is_not_acknowledged_is_sent_after_the_reset(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    o.csms.behaviour.ignore("TransactionEvent")
    assert await reset(o, "Immediate") == "Accepted"
    await o.event({"eventType": "Ended"})
    await o.expect("BootNotification", within_s=60)
    again = await o.event({"eventType": "Ended"}, within_s=60)
    assert again["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    first, second = (frame.payload for frame in o.calls("TransactionEvent", {"eventType": "Ended"}))
    assert first["seqNo"] == second["seqNo"] and first["timestamp"] == second["timestamp"]


@pytest.mark.ocpp("2.0.1", "TC_B_23_CS", "B11.FR.02", "B01.FR.07", "B12.FR.06")
@octt()
async def test_what_is_unavailable_stays_so(o: Octt) -> None:
    request = {"operationalStatus": "Inoperative", "evse": {"id": 1, "connectorId": 1}}
    assert (await o.command("ChangeAvailability", request))["status"] == "Accepted"
    await o.status("Unavailable")
    assert await reset(o, "OnIdle") == "Accepted"
    assert (await o.expect("BootNotification", within_s=60))["reason"] == "RemoteReset"
    await o.status("Unavailable", 1)
    await o.status("Available", 2)


@pytest.mark.ocpp("2.0.1", "TC_B_25_CS", "B11.FR.08", "B11.FR.10")
@octt()
async def test_one_idle_evse_is_reset(o: Octt) -> None:
    assert await o.value("EVSE@1.AllowReset") == "true"
    assert await reset(o, "OnIdle", 1) == "Accepted"
    await o.silence(60, "BootNotification")
    run = Run(o)
    await run.ev_connected()
    await run.energy_started()


@pytest.mark.ocpp("2.0.1", "TC_B_26_CS", "B12.FR.01", "B12.FR.07")
@octt()
async def test_one_evse_is_reset_when_its_transaction_has_ended(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    assert await reset(o, "OnIdle", 1) == "Scheduled"
    await o.sleep(30)
    assert o.contact() == "closed"
    await run.stop_authorized()
    await run.ev_disconnected()
    await o.silence(30, "BootNotification")
    again = Run(o)
    await again.ev_connected()
    await again.energy_started()


@pytest.mark.ocpp("2.0.1", "TC_B_27_CS", "B12.FR.02", "B12.FR.08", "E07.FR.03")
@octt()
async def test_one_evse_is_reset_at_once_and_the_other_goes_on(o: Octt) -> None:
    runs = [Run(o, evse=1), Run(o, evse=2)]
    for run, token in zip(runs, (ANNA, BERT), strict=True):
        await run.ev_connected()
        await run.authorized(token)
        await run.energy_started()
    assert await reset(o, "Immediate", 1) == "Accepted"
    await o.event(
        {
            "eventType": "Ended",
            "triggerReason": "ResetCommand",
            "transactionInfo": {"chargingState": "EVConnected", "stoppedReason": "ImmediateReset"},
            "evse": {"id": 1},
        }
    )
    await o.silence(30, "BootNotification")
    assert (o.contact(1), o.contact(2)) == ("open", "closed")


@pytest.mark.ocpp("2.0.1", "B11.FR.01")
@octt()
async def test_an_evse_that_is_not_there_is_not_reset(o: Octt) -> None:
    assert await reset(o, "Immediate", 9) == "Rejected"
    await o.silence(10)


@pytest.mark.ocpp("2.0.1", "B11.FR.04", "E04.FR.02")
@octt()
async def test_seq_nos_go_on_over_a_reset(o: Octt) -> None:
    for kind in ("Immediate", "Immediate"):
        run = Run(o)
        await run.ev_connected()
        await run.energy_started()
        assert await reset(o, kind) == "Accepted"
        await o.event({"eventType": "Ended"})
        await o.expect("BootNotification", within_s=60)
        await o.status("Occupied", 1)
        await o.sleep(3)
        o.unplug()
        await o.status("Available", 1)
    ids = [transaction.id for transaction in o.transactions]
    assert len(set(ids)) == 2
    for transaction in o.transactions:
        assert all(later == earlier + 1 for earlier, later in itertools.pairwise(transaction.seq_nos))
