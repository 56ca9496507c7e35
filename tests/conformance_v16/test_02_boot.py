"""Cold boot, registration, heartbeat, the clock, the connection (§4.2, §4.6, OCPP-J §3, §5)."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from hil.csms.csms import CommandFailed
from hil.csms.log import Kind, Party
from hil.sim.world import IDENTITY
from tests.conformance_v16.octt import TAG, Octt, at, scenario


@pytest.mark.ocpp("1.6", "§4.2", "§6.3", "§4.9", "BootNotification", "StatusNotification")
@scenario(boot=False, station={"vendor": "V" * 20, "model": "M" * 20, "serial": "S" * 25})
async def test_cold_boot_tells_who_it_is_then_every_status(octt: Octt) -> None:
    """The fields are as long as 1.6 allows; the configuration takes no longer ones."""
    await octt.sleep(10)
    assert octt.actions() == ["BootNotification", *["StatusNotification"] * 3]
    boot = octt.calls("BootNotification")[0]
    assert (boot["chargePointVendor"], boot["chargePointModel"]) == ("V" * 20, "M" * 20)
    assert boot["chargePointSerialNumber"] == "S" * 25 and boot["firmwareVersion"]
    told = [(call["connectorId"], call["status"], call["errorCode"]) for call in octt.calls("StatusNotification")]
    assert told == [(0, "Available", "NoError"), (1, "Available", "NoError"), (2, "Available", "NoError")]


@pytest.mark.ocpp("1.6", "§4.2", "HeartbeatInterval", "§9.1.10", "Heartbeat", "§4.6")
@scenario(boot=False)
async def test_the_interval_of_the_boot_is_the_heartbeats(octt: Octt) -> None:
    octt.csms.behaviour.boot_interval_s = 17
    await octt.booted()
    assert await octt.key("HeartbeatInterval") == "17"
    await octt.sleep(100)
    beats = [frame.at_s for frame in octt.frames("Heartbeat")]
    assert len(beats) == 5
    assert all(16.9 <= later - earlier <= 17.2 for earlier, later in itertools.pairwise(beats))


@pytest.mark.ocpp("1.6", "§4.6", "HeartbeatInterval")
@scenario(boot=False)
async def test_other_messages_stand_for_a_heartbeat(octt: Octt) -> None:
    octt.csms.behaviour.boot_interval_s = 30
    await octt.booted()
    await octt.charging()
    await octt.configured(MeterValueSampleInterval="20")
    await octt.sleep(5)
    octt.mark()
    await octt.sleep(200)
    assert not octt.calls("Heartbeat") and len(octt.calls("MeterValues")) >= 9


@pytest.mark.ocpp("1.6", "HeartbeatInterval", "§4.6")
@scenario
async def test_a_new_heartbeat_interval_holds_at_once(octt: Octt) -> None:
    await octt.configured(HeartbeatInterval="10")
    await octt.sleep(65)
    assert 5 <= len(octt.calls("Heartbeat")) <= 7


@pytest.mark.ocpp("1.6", "§4.2", "BootNotification")
@pytest.mark.parametrize("answer", ["Pending", "Rejected"])
@scenario(boot=False)
async def test_not_accepted_waits_its_interval_and_says_nothing(octt: Octt, answer: str) -> None:
    octt.csms.behaviour.boot(answer, answer)
    octt.csms.behaviour.retry_interval_s = 60
    await octt.sleep(110)
    assert octt.actions() == ["BootNotification"] * 2
    first, second = (frame.at_s for frame in octt.frames("BootNotification"))
    assert 60 <= second - first <= 62
    await octt.sleep(30)
    assert octt.actions() == ["BootNotification"] * 3 + ["StatusNotification"] * 3


@pytest.mark.ocpp("1.6", "§4.2")
@scenario(boot=False)
async def test_an_interval_of_zero_does_not_flood(octt: Octt) -> None:
    octt.csms.behaviour.boot("Rejected", "Rejected", "Pending", "Pending")
    octt.csms.behaviour.retry_interval_s = 0
    await octt.sleep(30)
    assert len(octt.calls("BootNotification")) == 1
    await octt.sleep(400)
    assert octt.calls("StatusNotification")


@pytest.mark.ocpp("1.6", "§4.2", "GetConfiguration", "ChangeConfiguration")
@scenario(boot=False)
async def test_while_pending_it_answers_and_can_be_configured(octt: Octt) -> None:
    octt.csms.behaviour.boot("Pending")
    octt.csms.behaviour.retry_interval_s = 120
    await octt.sees("BootNotification")
    await octt.sleep(5)
    assert (await octt.command("GetConfiguration", key=["NumberOfConnectors"]))["configurationKey"][0]["value"] == "2"
    await octt.configured(MeterValueSampleInterval="300")
    assert await octt.told("RemoteStartTransaction", connectorId=1, idTag=TAG) == "Rejected"  # §4.2: not allowed
    assert await octt.told("RemoteStopTransaction", transactionId=1) == "Rejected"
    assert octt.actions() == ["BootNotification"]


@pytest.mark.ocpp("1.6", "§4.2", "§5.17", "TriggerMessage")
@scenario(boot=False)
async def test_while_pending_a_trigger_brings_the_next_boot_at_once(octt: Octt) -> None:
    octt.csms.behaviour.boot("Pending")
    octt.csms.behaviour.retry_interval_s = 600
    await octt.sees("BootNotification")
    await octt.sleep(5)
    assert await octt.told("TriggerMessage", requestedMessage="BootNotification") == "Accepted"
    await octt.sees("BootNotification", 5)
    await octt.status("Available", 2)


@pytest.mark.ocpp("1.6", "§4.2", "§5.17", "TriggerMessage")
@scenario(boot=False)
async def test_while_pending_a_trigger_lets_other_messages_through(octt: Octt) -> None:
    octt.csms.behaviour.boot("Pending")
    octt.csms.behaviour.retry_interval_s = 600
    await octt.sees("BootNotification")
    await octt.sleep(5)
    octt.mark()
    assert await octt.told("TriggerMessage", requestedMessage="Heartbeat") == "Accepted"
    await octt.sees("Heartbeat", 5)
    assert await octt.told("TriggerMessage", requestedMessage="StatusNotification", connectorId=1) == "Accepted"
    await octt.status("Available", 1, 5)
    assert octt.actions() == ["Heartbeat", "StatusNotification"]


@pytest.mark.ocpp("1.6", "§4.2")
@scenario(boot=False)
async def test_while_rejected_it_does_not_even_answer(octt: Octt) -> None:
    octt.csms.behaviour.boot("Rejected")
    octt.csms.behaviour.retry_interval_s = 300
    await octt.sees("BootNotification")
    await octt.sleep(5)
    with pytest.raises(CommandFailed, match=r"Timeout|NotConnected"):
        await octt.command("GetConfiguration")
    assert octt.actions() == ["BootNotification"]


@pytest.mark.ocpp("1.6", "§4.2.1", "§4.2")
@scenario(boot=False)
async def test_nothing_queued_goes_before_the_boot_is_accepted(octt: Octt) -> None:
    octt.csms.behaviour.boot("Pending")
    octt.csms.behaviour.retry_interval_s = 90
    octt.csms.tokens.default = "Accepted"
    await octt.sees("BootNotification")
    await octt.plug()
    await octt.swipe()
    await octt.sleep(60)
    assert octt.actions() == ["BootNotification"]
    await octt.status("Available", 2, 60)


@pytest.mark.ocpp("1.6", "§4.2.1")
@scenario(boot=False, variables={"TxCtrlr.TxBeforeAcceptedEnabled": False})
async def test_charging_before_the_first_acceptance_can_be_forbidden(octt: Octt) -> None:
    octt.csms.behaviour.boot("Pending")
    octt.csms.behaviour.retry_interval_s = 90
    await octt.sees("BootNotification")
    await octt.plug()
    await octt.swipe()
    await octt.sleep(30)
    assert octt.contact() == "open"


@pytest.mark.ocpp("1.6", "§4.2", "§4.6", "§3.14", "§3.15")
@scenario(boot=False)
async def test_the_clock_follows_the_central_system(octt: Octt) -> None:
    """A station that wakes up in another year dates nothing before it was told the time."""
    octt.world.clock.step(timedelta(days=-2000))
    await octt.sees("BootNotification")
    report = await octt.status("Available", 1)
    assert abs(at(report["timestamp"]) - octt.world.clock.true_wall()) < timedelta(seconds=2)
    octt.world.clock.step(timedelta(minutes=7))
    await octt.sees("Heartbeat", 400)
    await octt.sleep(1)
    await octt.plug()
    report = await octt.status("Preparing")
    assert abs(at(report["timestamp"]) - octt.world.clock.true_wall()) < timedelta(seconds=5)


@pytest.mark.ocpp("1.6", "§3.15")
@pytest.mark.parametrize(
    "current_time", ["2026-01-05T08:00:00+02:00", "2026-01-05T06:00:00.123456Z", "2026-01-05T06:00:00"]
)
@scenario(boot=False)
async def test_times_with_zones_and_fractions_are_understood(octt: Octt, current_time: str) -> None:
    """The last one lacks its zone, as some central systems write it: UTC is meant."""
    octt.csms.behaviour.answer("BootNotification", {"status": "Accepted", "currentTime": current_time, "interval": 300})
    report = await octt.status("Available", 1)
    assert abs(at(report["timestamp"]) - octt.world.clock.true_wall()) < timedelta(seconds=2)


@pytest.mark.ocpp("1.6", "§4.9", "§4.2", "StatusNotification")
@scenario
async def test_a_restart_in_the_middle_of_a_session_tells_no_status_that_is_not_true(octt: Octt) -> None:
    await octt.charging(1)
    await octt.plug(2)
    octt.mark()
    await octt.world.restart_station()
    await octt.sees("BootNotification")
    await octt.status("Charging", 1)
    assert set(octt.statuses(1)) <= {"Charging", "SuspendedEV", "SuspendedEVSE"}
    assert octt.statuses(2) == ["Preparing"] and octt.statuses(0) == ["Available"]


@pytest.mark.ocpp("1.6", "§4.2", "§4.9", "§7.6")
@scenario(boot=False)
async def test_a_station_whose_hardware_does_not_answer_says_so(octt: Octt) -> None:
    octt.world.kill_safety()
    await octt.sees("BootNotification", 15)
    await octt.status("Faulted", 1)
    await octt.status("Faulted", 2)
    assert await octt.told("RemoteStartTransaction", connectorId=1, idTag=TAG) == "Rejected"
    octt.world.start_safety()
    await octt.status("Available", 1)
    await octt.charging()


@pytest.mark.ocpp("1.6", "J §5.4", "§4.9")
@scenario
async def test_a_reconnect_does_not_boot_and_tells_only_what_changed(octt: Octt) -> None:
    octt.go_offline()
    await octt.sleep(5)
    await octt.plug()
    await octt.unplug()
    await octt.plug(2)
    await octt.come_online()
    await octt.sleep(5)
    assert not octt.calls("BootNotification")
    assert octt.statuses(0) == [] and octt.statuses(1) == [] and octt.statuses(2) == ["Preparing"]


@pytest.mark.ocpp("1.6", "J §5.4", "§4.2")
@scenario
async def test_a_restarted_central_system_gets_a_boot_once_it_asks_for_it(octt: Octt) -> None:
    """It takes the station for unregistered and says SecurityError (OCPP-J errata §3.10)."""
    octt.csms.station(IDENTITY).registration = ""
    octt.may_break.add(Kind.NOT_REGISTERED)
    await octt.plug()
    await octt.sees("BootNotification")
    await octt.status("Preparing", 1)
    await octt.status("Available", 2)
    await octt.swipe()
    await octt.energised()


@pytest.mark.ocpp("1.6", "J §3.1", "J §3.2", "J §5.4")
@scenario
async def test_it_comes_back_with_growing_waits_and_offers_its_protocol(octt: Octt) -> None:
    network = octt.world.network
    network.refuse("HTTP 404", status=404, times=5)
    network.cut()
    before = len(network.attempts)
    await octt.world.until(lambda: network.is_connected, 2000, "the connection")
    attempts = network.attempts[before:]
    assert [attempt.outcome for attempt in attempts][-1] == "open" and len(attempts) == 6
    waits = [later.at_s - earlier.at_s for earlier, later in itertools.pairwise(attempts)]
    assert all(later > earlier for earlier, later in itertools.pairwise(waits)), waits
    assert attempts[-1].subprotocols == ("ocpp1.6",)
    assert attempts[-1].url.endswith(f"/{IDENTITY}")


@pytest.mark.ocpp("1.6", "J §3.2")
@pytest.mark.parametrize("picked", [None, "ocpp1.5"])
@scenario
async def test_a_central_system_that_agrees_to_no_protocol_is_left_and_tried_again(
    octt: Octt, picked: str | None
) -> None:
    octt.world.network.pick(picked)
    octt.world.network.cut()
    await octt.sleep(25)
    assert octt.actions() == []
    await octt.world.until(lambda: IDENTITY in octt.csms.connected, 120, "the connection")


@pytest.mark.ocpp("1.6", "J §3.1.1")
@scenario(station={"identity": "Säule 7/2"})
async def test_the_identity_is_percent_encoded(octt: Octt) -> None:
    """`booted` has seen it: the CSMS decoded the very same identity."""
    assert octt.world.network.attempts[-1].url == "ws://csms.sim/ocpp/S%C3%A4ule%207%2F2"


@pytest.mark.ocpp("1.6", "J §4.1.4")
@scenario
async def test_message_ids_are_never_used_twice(octt: Octt) -> None:
    """Also over reconnects and a restart (OCPP-J errata §3.1); the CSMS would report a violation, too."""
    await octt.charging()
    octt.world.network.cut()
    await octt.sleep(60)
    await octt.world.kill_station()
    await octt.sleep(3)
    octt.world.start_station()
    await octt.sleep(120)
    ids = [f.message_id for f in octt.csms.frames if f.sender is Party.STATION and f.kind == "call"]
    assert len(ids) == len(set(ids)) > 10 and all(0 < len(each) <= 36 for each in ids)


@pytest.mark.ocpp("1.6", "J §4.1.1")
@scenario(boot=False)
async def test_one_call_at_a_time_even_with_a_slow_central_system(octt: Octt) -> None:
    """The CSMS reports a second CALL in flight as a violation."""
    for action in ("StatusNotification", "Authorize", "StartTransaction", "MeterValues", "StopTransaction"):
        octt.csms.behaviour.delays_s[action] = 8.0
    await octt.sleep(60)
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    await octt.sleep(90)
    await octt.swipe()
    await octt.dead()
    await octt.sees("StopTransaction", 60, reason="Local")
    assert octt.statuses()[-3:] == ["Preparing", "Charging", "Finishing"]
