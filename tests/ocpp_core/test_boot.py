"""Registration on the wire: B01, B02, B03, and what a reconnection says."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from controller.logic.values import ClockQuality
from controller.ocpp.dialect import BootReason
from controller.ocpp.schema import wire_time
from tests.ocpp_core.ocpp_rig import ACCEPT, rig, virtually


@pytest.mark.ocpp("2.0.1", "B01.FR.01", "B01.FR.05", "B01.FR.08", "B01.FR.09")
@virtually
async def test_boot_comes_first_and_alone_then_every_connector() -> None:
    async with rig(boot_reason=BootReason.WATCHDOG) as r:
        r.csms.delay_s = 5.0
        r.start()
        boot = await r.csms.until("BootNotification")
        assert boot.payload == {
            "reason": "Watchdog",
            "chargingStation": {"vendorName": "Maker", "model": "Box", "serialNumber": "S1", "firmwareVersion": "1.0"},
        }
        await asyncio.sleep(4)
        assert r.csms.actions() == ["BootNotification"]
        await r.csms.until("StatusNotification", 2)
        told = [(each.payload["evseId"], each.payload["connectorStatus"]) for each in r.csms.of("StatusNotification")]
        assert told == [(1, "Available"), (2, "Available")]
        assert r.client.is_online
        assert r.csms.paths == ["/ocpp/CS%201%2Fa"]


@pytest.mark.ocpp("2.0.1", "B01.FR.06", "G02.FR.06")
@virtually
async def test_boot_and_heartbeat_set_the_clock() -> None:
    async with rig(trusted=False, wall_error=timedelta(days=-20000)) as r:
        await r.online()
        now = r.clock.now()
        assert now.quality is ClockQuality.TRUSTED
        assert abs(now.wall - r.clock.true_wall()) < timedelta(seconds=1)
        r.clock.step(timedelta(hours=3))
        await r.csms.until("Heartbeat")
        await asyncio.sleep(1)
        assert abs(r.clock.now().wall - r.clock.true_wall()) < timedelta(seconds=1)


@virtually
async def test_a_slow_answer_does_not_spoil_a_clock_that_is_right() -> None:
    """The CSMS takes its time before it sends the time it had noted."""
    async with rig() as r:
        await r.online()
        r.csms.script["Heartbeat"] = lambda _: {"currentTime": wire_time(r.clock.true_wall() - timedelta(seconds=7))}
        r.csms.delay_s = 7.0
        await r.csms.until("Heartbeat")
        await asyncio.sleep(10)
        assert abs(r.clock.now().wall - r.clock.true_wall()) < timedelta(seconds=0.1)


@virtually
async def test_a_slow_boot_answer_is_followed_by_a_question_for_the_time() -> None:
    async with rig(trusted=False, wall_error=timedelta(days=-20000)) as r:
        r.csms.delay_s = 9.0
        r.start()
        await r.csms.until("BootNotification")
        await asyncio.sleep(8.9)
        r.csms.delay_s = 0.0
        await r.csms.until("StatusNotification", 2)
        assert r.csms.actions()[:3] == ["BootNotification", "Heartbeat", "StatusNotification"]
        at = datetime.fromisoformat(r.csms.of("StatusNotification")[0].payload["timestamp"])
        assert abs(at - r.clock.true_wall()) < timedelta(seconds=1)


@pytest.mark.ocpp("2.0.1", "B01.FR.04", "G02.FR.01", "G02.FR.02")
@virtually
async def test_heartbeats_follow_the_interval_of_the_boot_answer() -> None:
    async with rig() as r:
        r.csms.script["BootNotification"] = [{"status": "Accepted", "interval": 40}]
        await r.online()
        second = await r.csms.until("Heartbeat", 2)
        first = r.csms.of("Heartbeat")[0]
        assert second.at_s - first.at_s == pytest.approx(40, abs=0.5)
        assert r.model.int("OCPPCommCtrlr.HeartbeatInterval") == 40


@pytest.mark.ocpp("2.0.1", "G02.FR.05", "G02.FR.07")
@virtually
async def test_other_messages_stand_in_for_heartbeats_except_once_a_day() -> None:
    async with rig(variables={"OCPPCommCtrlr.HeartbeatInterval": "600"}) as r:
        r.csms.script["BootNotification"] = [{"status": "Accepted", "interval": 0}]
        await r.online()
        for _ in range(2 * 24 * 3600 // 300):
            await asyncio.sleep(300)
            await r.csms.call("GetLocalListVersion")
        assert 1 <= len(r.csms.of("Heartbeat")) <= 2


@pytest.mark.ocpp("2.0.1", "B02.FR.01", "B02.FR.02", "B02.FR.06", "B02.FR.08", "TC_B_02_CS")
@virtually
async def test_while_pending_only_the_csms_speaks_and_boot_is_repeated_after_the_interval() -> None:
    async with rig() as r:
        r.csms.script["BootNotification"] = [{"status": "Pending", "interval": 120}, ACCEPT]
        r.start()
        first = await r.csms.until("BootNotification")
        await asyncio.sleep(30)
        component = {"component": {"name": "ClockCtrlr"}, "variable": {"name": "TimeSource"}}
        answer = await r.csms.call("GetVariables", {"getVariableData": [component]})
        assert answer[2]["getVariableResult"][0]["attributeValue"] == "Heartbeat"
        assert (await r.csms.call("GetBaseReport", {"requestId": 7, "reportBase": "SummaryInventory"}))[2] == {
            "status": "Accepted"
        }
        await r.csms.until("NotifyReport")
        assert set(r.csms.actions()) == {"BootNotification", "NotifyReport"}
        assert not r.client.is_online
        second = await r.csms.until("BootNotification", 2)
        assert second.at_s - first.at_s == pytest.approx(120, abs=0.5)
        await r.csms.until("StatusNotification", 2)
        assert len(r.network.attempts) == 1


@pytest.mark.ocpp("2.0.1", "B02.FR.05")
@virtually
async def test_while_pending_remote_start_and_stop_are_rejected() -> None:
    async with rig() as r:
        r.csms.script["BootNotification"] = [{"status": "Pending", "interval": 120}]
        r.start()
        await r.csms.until("BootNotification")
        await asyncio.sleep(1)
        token = {"idToken": "04A1B2C3", "type": "ISO14443"}
        start = await r.csms.call("RequestStartTransaction", {"remoteStartId": 1, "idToken": token})
        stop = await r.csms.call("RequestStopTransaction", {"transactionId": "x"})
        assert (start[2]["status"], stop[2]["status"]) == ("Rejected", "Rejected")
        assert start[2]["statusInfo"]["reasonCode"] == "CSNotAccepted"
        assert r.station.asked == []


@pytest.mark.ocpp("2.0.1", "B02.FR.04")
@virtually
async def test_a_trigger_brings_the_next_boot_forward() -> None:
    async with rig() as r:
        r.csms.script["BootNotification"] = [{"status": "Pending", "interval": 3600}, ACCEPT]
        r.start()
        await r.csms.until("BootNotification")
        await asyncio.sleep(10)
        answer = await r.csms.call("TriggerMessage", {"requestedMessage": "BootNotification"})
        assert answer[2]["status"] == "Accepted"
        again = await r.csms.until("BootNotification", 2, within_s=2)
        assert again.payload["reason"] == "Triggered"


@pytest.mark.ocpp("2.0.1", "B02.FR.07", "B03.FR.05")
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_an_interval_of_zero_does_not_flood(status: str) -> None:
    @virtually
    async def run() -> None:
        async with rig() as r:
            r.csms.script["BootNotification"] = [{"status": status, "interval": 0}]
            r.start()
            await asyncio.sleep(3600)
            assert 40 <= len(r.csms.of("BootNotification")) <= 80

    run()


@pytest.mark.ocpp("2.0.1", "B03.FR.02", "B03.FR.06", "B03.FR.08")
@virtually
async def test_while_rejected_the_station_is_silent_and_refuses_requests() -> None:
    async with rig() as r:
        r.csms.script["BootNotification"] = [{"status": "Rejected", "interval": 300}, ACCEPT]
        r.start()
        first = await r.csms.until("BootNotification")
        await asyncio.sleep(100)
        answer = await r.csms.call("GetLocalListVersion")
        assert answer[0] == 4
        assert answer[2] == "SecurityError"
        second = await r.csms.until("BootNotification", 2)
        assert r.csms.actions() == ["BootNotification"] * 2
        assert second.at_s - first.at_s == pytest.approx(300, abs=0.5)


@virtually
async def test_an_unanswered_or_refused_boot_is_repeated_after_a_decent_wait() -> None:
    async with rig() as r:
        r.csms.script["BootNotification"] = [None, ["InternalError", "no"], {"status": "Maybe", "interval": 1}, ACCEPT]
        r.start()
        times = [(await r.csms.until("BootNotification", n)).at_s for n in (1, 2, 3, 4)]
        assert all(later - earlier > 40 for earlier, later in pairwise(times))
        await r.csms.until("StatusNotification", 2)


@pytest.mark.ocpp("2.0.1", "Part4 §5.3")
@virtually
async def test_a_reconnection_sends_no_boot() -> None:
    async with rig() as r:
        await r.online()
        r.network.cut()
        await r.csms.until("Heartbeat", within_s=25)
        assert len(r.csms.of("BootNotification")) == 1
        assert r.client.is_online
        assert [each[0] for each in r.station.asked] == ["registered", "link lost", "registered"]
        assert r.station.asked[-1] == ("registered", None)


@virtually
async def test_a_csms_that_forgot_us_gets_a_boot_on_the_same_connection() -> None:
    async with rig() as r:
        await r.online()
        r.csms.script["Heartbeat"] = [["SecurityError", "boot first"], ["SecurityError", "boot first"]]
        await r.csms.until("BootNotification", 2)
        await r.csms.until("StatusNotification", 4)
        await asyncio.sleep(20000)
        assert len(r.csms.of("BootNotification")) == 2
        assert len(r.network.attempts) == 1


@pytest.mark.ocpp("2.0.1", "B01.FR.08")
@virtually
async def test_a_csms_that_forgot_us_hears_nothing_more_before_the_boot() -> None:
    from controller.ocpp.ports import ConnectorStatus

    async with rig() as r:
        await r.online()
        r.network.cut()
        r.station.statuses[1, 1] = r.station.statuses[2, 1] = ConnectorStatus.PREPARING
        r.csms.script["StatusNotification"] = [["SecurityError", "boot first"]]
        before = len(r.csms.actions())
        await r.csms.until("BootNotification", 2)
        assert r.csms.actions()[before:] == ["StatusNotification", "BootNotification"]
        await asyncio.sleep(10)
        told = [(each.payload["evseId"], each.payload["connectorStatus"]) for each in r.csms.of("StatusNotification")]
        assert told[-2:] == [(1, "Occupied"), (2, "Occupied")]


@pytest.mark.ocpp("2.0.1", "B04.FR.01", "B04.FR.02")
@virtually
async def test_after_a_short_time_offline_only_changes_are_reported_after_a_long_one_everything() -> None:
    from controller.ocpp.ports import ConnectorStatus

    async with rig(variables={"OCPPCommCtrlr.OfflineThreshold": "60"}) as r:
        await r.online()
        r.network.cut()
        r.station.statuses[2, 1] = ConnectorStatus.PREPARING
        await r.csms.until("Heartbeat")
        told = [(each.payload["evseId"], each.payload["connectorStatus"]) for each in r.csms.of("StatusNotification")]
        assert told[2:] == [(2, "Occupied")]
        r.network.take_down()
        await asyncio.sleep(61)
        r.network.bring_up()
        await r.csms.until("Heartbeat", 2)
        assert len(r.csms.of("StatusNotification")) == 5
