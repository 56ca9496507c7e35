"""B01-B04, G02, Part 4 §5.3: registration, what may be said before it, reconnection, the clock."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest

from hil.csms.log import Kind
from hil.virtual import EPOCH
from tests.conformance_v201.octt import ANNA, Octt, Payload, named, octt
from tests.conformance_v201.states import Run

REPORT = {"requestId": 7, "reportBase": "FullInventory"}
START = {"idToken": {"idToken": ANNA, "type": "ISO14443"}, "remoteStartId": 1, "evseId": 1}


@pytest.mark.ocpp("2.0.1", "B01.FR.01", "B01.FR.05", "B01.FR.08", "B01.FR.09")
@octt(boots=False)
async def test_a_cold_boot_is_accepted(o: Octt) -> None:
    boot = await o.expect("BootNotification")
    assert boot["reason"] == "PowerUp"
    assert set(boot["chargingStation"]) == {"vendorName", "model", "serialNumber", "firmwareVersion"}
    for evse in (1, 2):
        await o.status("Available", evse)
    assert o.calls()[0].action == "BootNotification"
    assert o.world.csms.station("SIM-1").facts.statuses == {(1, 1): "Available", (2, 1): "Available"}


@pytest.mark.ocpp("2.0.1", "B01.FR.03", "B01.FR.09")
@octt()
async def test_every_power_up_is_told(o: Octt) -> None:
    await o.power_cycle()
    boot = await o.booted()
    assert boot["reason"] == "PowerUp"


@pytest.mark.ocpp("2.0.1", "TC_B_02_CS", "B02.FR.01", "B02.FR.02", "B02.FR.04", "B02.FR.05", "B02.FR.06", "F06.FR.17")
@octt(registration=["Pending"])
async def test_while_pending_only_what_was_asked_for(o: Octt) -> None:
    await o.expect("BootNotification")
    await o.sleep(1)
    await o.configure({"OCPPCommCtrlr.OfflineThreshold": "300"})
    assert await o.value("OCPPCommCtrlr.OfflineThreshold") == "300"
    assert (await o.command("GetBaseReport", REPORT))["status"] == "Accepted"
    await o.expect("NotifyReport", {"tbc": False})
    assert (await o.command("RequestStartTransaction", START))["status"] == "Rejected"
    assert (await o.command("RequestStopTransaction", {"transactionId": "X"}))["status"] == "Rejected"
    o.plug()
    o.swipe()
    await o.silence(10)
    assert await o.command("TriggerMessage", {"requestedMessage": "BootNotification"}) == {"status": "Accepted"}
    assert (await o.expect("BootNotification"))["reason"] == "Triggered"
    assert o.calls("BootNotification")[1].at_s - o.calls("BootNotification")[0].at_s < 25
    await o.status("Occupied", 1)
    await o.status("Available", 2)
    assert o.world.network.attempts[1:] == []  # the connection stood all the time


@pytest.mark.ocpp("2.0.1", "B02.FR.02")
@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("Heartbeat", {}),
        ("StatusNotification", {"evse": {"id": 1, "connectorId": 1}}),
        ("MeterValues", {"evse": {"id": 1}}),
    ],
)
@octt(registration=["Pending"])
async def test_what_is_triggered_may_be_sent_while_pending(o: Octt, message: str, place: Payload) -> None:
    await o.expect("BootNotification")
    await o.sleep(5)
    assert (await o.command("TriggerMessage", {"requestedMessage": message, **place}))["status"] == "Accepted"
    await o.expect(message, within_s=2)
    await o.silence(10)


@pytest.mark.ocpp("2.0.1", "B02.FR.04", "B02.FR.08", "B03.FR.06", "B02.FR.07", "B03.FR.05", "TC_B_03_CS", "B03.FR.02")
@pytest.mark.parametrize("state", ["Pending", "Rejected"])
@pytest.mark.parametrize("interval_s", [0, 45])
@octt(registration=["Pending", "Pending"], boots=False)
async def test_the_next_boot_waits_for_its_interval(o: Octt, state: str, interval_s: int) -> None:
    o.csms.behaviour.boot_statuses.clear()
    o.csms.behaviour.boot(state, state)
    o.csms.behaviour.retry_interval_s = interval_s
    for _ in range(3):
        await o.expect("BootNotification", within_s=100)
    await o.status("Available", 2)
    frames = o.calls()
    assert [frame.action for frame in frames[:3]] == ["BootNotification"] * 3  # and nothing else in between
    gaps = [later.at_s - earlier.at_s for earlier, later in itertools.pairwise(frames[:3])]
    assert all(interval_s <= gap <= interval_s + 2 if interval_s else 20 <= gap <= 120 for gap in gaps), gaps


@pytest.mark.ocpp("2.0.1", "TC_B_30_CS", "TC_B_03_CS", "B03.FR.02", "B03.FR.08")
@pytest.mark.parametrize(
    ("action", "request_"),
    [
        ("GetBaseReport", REPORT),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
        ("GetVariables", {"getVariableData": [named("OCPPCommCtrlr.OfflineThreshold")]}),
        ("RequestStartTransaction", START),
        ("Reset", {"type": "Immediate"}),
    ],
)
@octt(registration=["Rejected"])
async def test_a_rejected_station_answers_security_error(o: Octt, action: str, request_: Payload) -> None:
    await o.expect("BootNotification")
    await o.sleep(1)
    assert await o.refused(action, request_) == "SecurityError"
    await o.silence(20)
    await o.booted()


@pytest.mark.ocpp("2.0.1", "B01.FR.08", "B02.FR.02", "E04.FR.02", "B02.FR.03")
@octt(initial={"TxCtrlr.TxBeforeAcceptedEnabled": "true"})
async def test_what_is_queued_waits_for_the_acceptance(o: Octt) -> None:
    o.csms.behaviour.boot("Pending")
    run = Run(o)
    await run.charging()
    await o.power_cycle()
    await o.expect("BootNotification", within_s=60)
    await o.silence(25)
    await o.booted()
    await o.expect("TransactionEvent")
    assert o.transactions[0].gaps == []


@pytest.mark.ocpp("2.0.1", "B03.FR.01")
@pytest.mark.parametrize("may", [True, False])
@octt(registration=["Pending"])
async def test_charging_before_acceptance_is_a_setting(o: Octt, may: bool) -> None:
    await o.expect("BootNotification")
    await o.sleep(3)
    await o.configure(
        {
            "TxCtrlr.TxBeforeAcceptedEnabled": str(may).lower(),
            "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true",
        }
    )
    o.plug()
    await o.sleep(2)
    o.swipe()
    await o.sleep(12)
    assert o.contact() == ("closed" if may else "open")
    assert not o.calls("TransactionEvent") and not o.calls("Authorize")
    await o.booted()
    if may:
        await o.event({"eventType": "Started", "offline": True})


@pytest.mark.ocpp("2.0.1", "B01.FR.10")
@octt()
async def test_a_csms_that_has_forgotten_the_station_gets_a_new_boot(o: Octt) -> None:
    o.allowed_violations = {Kind.NOT_REGISTERED}
    o.world.csms.station("SIM-1").registration = ""
    o.plug()
    await o.expect("StatusNotification", {"connectorStatus": "Occupied"})
    await o.expect("BootNotification")
    o.forget()
    await o.status("Occupied", 1)
    await o.status("Available", 2)


@pytest.mark.ocpp("2.0.1", "TC_B_51_CS", "B04.FR.01")
@octt({"OCPPCommCtrlr.OfflineThreshold": "60", "OCPPCommCtrlr.RetryBackOffRandomRange": "0"})
async def test_long_offline_every_status_is_told(o: Octt) -> None:
    o.forget()
    o.lose_network()
    o.plug()
    await o.sleep(70)
    await o.restore_network()
    await o.status("Occupied", 1)
    await o.status("Available", 2)
    assert not o.calls("BootNotification")


@pytest.mark.ocpp("2.0.1", "TC_B_52_CS", "B04.FR.02")
@octt({"OCPPCommCtrlr.OfflineThreshold": "200", "OCPPCommCtrlr.RetryBackOffRandomRange": "0"})
async def test_briefly_offline_only_what_changed_is_told(o: Octt) -> None:
    o.forget()
    o.lose_network()
    o.plug()
    await o.sleep(20)
    await o.restore_network()
    await o.status("Occupied", 1)
    await o.silence(20, "StatusNotification")
    assert len(o.calls("StatusNotification")) == 1


@pytest.mark.ocpp("2.0.1", "B04.FR.02")
@octt({"OCPPCommCtrlr.OfflineThreshold": "200"})
async def test_what_changed_and_changed_back_is_not_told(o: Octt) -> None:
    o.forget()
    o.lose_network()
    o.plug()
    await o.sleep(5)
    o.unplug()
    await o.sleep(10)
    await o.restore_network()
    await o.silence(30, "StatusNotification")


@pytest.mark.ocpp("2.0.1", "TC_B_57_CS", "Part4 §5.3")
@octt(
    {
        "OCPPCommCtrlr.RetryBackOffRepeatTimes": "2",
        "OCPPCommCtrlr.RetryBackOffRandomRange": "0",
        "OCPPCommCtrlr.RetryBackOffWaitMinimum": "10",
    }
)
async def test_the_wait_to_reconnect_doubles(o: Octt) -> None:
    net = o.world.network
    for _ in range(2):
        lost_s = o.world.now
        await o.csms.close("SIM-1")
        await o.until(lambda: not net.is_connected, 2, "closed")
        await o.restore_network(60)
        assert 10 <= net.attempts[-1].at_s - lost_s <= 11
        await o.sleep(5)
    net.refuse(times=4)
    await o.csms.close("SIM-1")
    await o.until(lambda: not net.is_connected, 2, "closed")
    await o.restore_network(400)
    waits = [later.at_s - earlier.at_s for earlier, later in itertools.pairwise(net.attempts[-5:])]
    assert [round(wait) for wait in waits] == [20, 40, 40, 40]  # it stops growing after RepeatTimes
    await o.silence(20, "BootNotification")


@pytest.mark.ocpp("2.0.1", "B01.FR.04", "G02.FR.01", "G02.FR.02", "G02.FR.05")
@octt(boots=False)
async def test_heartbeats_come_after_the_interval_told(o: Octt) -> None:
    o.csms.behaviour.boot_interval_s = 50
    await o.booted()
    await o.sleep(1)
    assert await o.value("OCPPCommCtrlr.HeartbeatInterval") == "50"
    last_s = o.csms.frames[-1].at_s
    await o.expect("Heartbeat", within_s=60)
    assert 49.5 <= o.calls("Heartbeat")[0].at_s - last_s <= 51
    await o.sleep(30)
    o.plug()  # another message puts it off
    await o.status("Occupied")
    await o.silence(45, "Heartbeat")
    await o.expect("Heartbeat", within_s=10)


@pytest.mark.ocpp("2.0.1", "G02.FR.02")
@octt()
async def test_a_new_heartbeat_interval_counts_at_once(o: Octt) -> None:
    await o.sleep(10)
    await o.configure({"OCPPCommCtrlr.HeartbeatInterval": "20"})
    await o.expect("Heartbeat", within_s=25)


@pytest.mark.ocpp("2.0.1", "B01.FR.06", "G02.FR.06")
@octt(wall_error=timedelta(days=-2000), trusted=False)
async def test_the_clock_is_the_csmss(o: Octt) -> None:
    status = o.payloads("StatusNotification")[0]
    assert abs(datetime.fromisoformat(status["timestamp"]) - EPOCH) < timedelta(seconds=2)
    told = datetime.fromisoformat(await o.value("ClockCtrlr.DateTime"))
    assert abs(told - o.now) < timedelta(seconds=1)
    o.world.clock.step(timedelta(minutes=-7))
    await o.expect("Heartbeat", within_s=320)
    await o.sleep(1)
    told = datetime.fromisoformat(await o.value("ClockCtrlr.DateTime"))
    assert abs(told - o.now) < timedelta(seconds=1)
