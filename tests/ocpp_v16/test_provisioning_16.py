"""Boot, status and authorisation of a 1.6 station, on the wire."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from controller.logic.values import AuthorizationStatus, IdToken, TokenInfo
from controller.ocpp.ports import ConnectorStatus, NotOnline, StatusReport, TokenUnfit
from hil.memory import MemoryNetwork
from hil.virtual import EPOCH
from tests.ocpp_v16.station16 import World, play


@pytest.mark.ocpp("1.6", "§6.3", "§4.2", "BootNotification")
def test_boot_keeps_the_field_lengths_and_leaves_out_what_is_empty(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        (boot,) = world.sent("BootNotification")
        assert boot == {
            "chargePointVendor": "Pilotline xxxxxxxxxx",
            "chargePointModel": "Model yyyyyyyyyyyyyy",
            "chargePointSerialNumber": "S" * 25,
            "firmwareVersion": "1.0",
        }

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§4.9", "§3.8", "StatusNotification", "BootNotification")
def test_after_an_accepted_boot_every_status_is_told_station_first(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        told = world.sent("StatusNotification")
        assert [each["connectorId"] for each in told] == [0, 1, 2]
        assert told[0] == {
            "connectorId": 0,
            "status": "Available",
            "errorCode": "NoError",
            "timestamp": told[0]["timestamp"],
        }
        assert world.csms.frames[0].action == "BootNotification"

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§4.9", "StatusNotification", "ChangeAvailability")
def test_an_inoperative_station_is_unavailable_at_connector_0(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.station.is_operative = False
        world.client.status_changed(1, 1)
        await world.settle()
        last = world.sent("StatusNotification")[-1]
        assert (last["connectorId"], last["status"]) == (0, "Unavailable")

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§4.9", "§6.47", "StatusNotification")
@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (StatusReport(ConnectorStatus.CHARGING), {"status": "Charging", "errorCode": "NoError"}),
        (
            StatusReport(ConnectorStatus.FAULTED, "rcd_trip", "residual current tripped: " + "look " * 20),
            {"status": "Faulted", "errorCode": "GroundFailure", "vendorErrorCode": "CX002",
             "info": ("residual current tripped: " + "look " * 20)[:50]},
        ),
        (
            StatusReport(ConnectorStatus.FAULTED, "pilot_diode"),
            {"status": "Faulted", "errorCode": "OtherError", "vendorErrorCode": "CX014"},
        ),
        (
            StatusReport(ConnectorStatus.PREPARING, "pilot_invalid"),
            {"status": "Preparing", "errorCode": "EVCommunicationError", "vendorErrorCode": "CX014"},
        ),
        (
            StatusReport(ConnectorStatus.CHARGING, "reader_lost"),
            {"status": "Charging", "errorCode": "ReaderFailure", "vendorErrorCode": "reader_lost"},
        ),
        (
            StatusReport(ConnectorStatus.FINISHING, "", "EV side disconnected"),
            {"status": "Finishing", "errorCode": "NoError", "info": "EV side disconnected"},
        ),
    ],
)  # fmt: skip
def test_status_error_and_info_come_from_the_report_and_the_fault_row(
    tmp_path: Path, report: StatusReport, expected: dict[str, str]
) -> None:
    async def script(world: World) -> None:
        world.station.statuses[(2, 1)] = report
        world.client.status_changed(2, 1)
        await world.settle()
        told = dict(world.sent("StatusNotification")[-1])
        assert told.pop("connectorId") == 2
        del told["timestamp"]
        assert told.pop("vendorId", None) == (world_vendor() if report.fault_id else None)
        assert told == expected

    play(tmp_path, script)


def world_vendor() -> str:
    return "Pilotline " + "x" * 20


@pytest.mark.ocpp("1.6", "§4.9", "StatusNotification")
def test_an_unchanged_status_is_not_told_again_and_a_changed_info_is(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        before = len(world.sent("StatusNotification"))
        world.client.status_changed(1, 1)
        await world.settle()
        assert len(world.sent("StatusNotification")) == before
        world.station.statuses[(1, 1)] = StatusReport(ConnectorStatus.AVAILABLE, "reader_lost")
        world.client.status_changed(1, 1)
        await world.settle()
        assert len(world.sent("StatusNotification")) == before + 1

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "J §5.4", "§4.9", "BootNotification", "StatusNotification")
def test_a_reconnect_boots_not_again_and_tells_only_what_changed(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.network.cut()
        world.station.statuses[(2, 1)] = StatusReport(ConnectorStatus.PREPARING)
        await asyncio.sleep(60)
        assert len(world.sent("BootNotification")) == 1
        told = world.sent("StatusNotification")[3:]
        assert [(each["connectorId"], each["status"]) for each in told] == [(2, "Preparing")]

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§4.2", "BootNotification", "Heartbeat")
def test_a_wrong_clock_is_set_by_the_boot_and_never_told_before(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        assert abs(world.clock.now().wall - world.clock.true_wall()) < timedelta(seconds=1)
        times = [told["timestamp"] for told in world.sent("StatusNotification")]
        assert all(time.startswith("2026-01-05T06:0") for time in times)

    wrong = EPOCH.replace(year=1970) - EPOCH
    play(tmp_path, script, wall_error=wrong, trusted=False)


@pytest.mark.ocpp("1.6", "§4.1", "§7.2", "Authorize")
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Accepted", AuthorizationStatus.ACCEPTED),
        ("Blocked", AuthorizationStatus.BLOCKED),
        ("Expired", AuthorizationStatus.EXPIRED),
        ("Unknown", AuthorizationStatus.INVALID),
        ("ConcurrentTx", AuthorizationStatus.CONCURRENT_TX),
    ],
)
def test_authorize_tells_what_the_csms_said(tmp_path: Path, status: str, expected: AuthorizationStatus) -> None:
    async def script(world: World) -> None:
        until = EPOCH + timedelta(days=30)
        world.csms.tokens.add("CAFE", status, group="FAMILY", expires=until)
        answer = await world.client.authorize(IdToken("CAFE"), 1)
        assert answer == TokenInfo(expected, "FAMILY", until)
        assert world.sent("Authorize") == [{"idTag": "CAFE"}]

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§7.15", "§3.9", "Authorize")
def test_a_ten_byte_uid_is_asked_whole_and_a_longer_token_never_cut(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        assert (await world.client.authorize(IdToken("0" * 20), 1)).status is AuthorizationStatus.ACCEPTED
        with pytest.raises(TokenUnfit, match=r"the token has 21 characters, an idTag of OCPP 1\.6 at most 20"):
            await world.client.authorize(IdToken("0" * 21), 1)
        assert world.sent("Authorize") == [{"idTag": "0" * 20}]

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§3.5", "Authorize")
def test_nobody_is_asked_while_offline(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        network: MemoryNetwork = world.network
        network.take_down()
        await asyncio.sleep(1)
        with pytest.raises(NotOnline):
            await world.client.authorize(IdToken("CAFE"), 1)

    play(tmp_path, script)
