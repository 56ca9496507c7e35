"""The foreign CSMS works as a judge: a right station passes, every planted mistake is found, commands go out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.ocpp.exc import ConnectionLost
from controller.ocpp.link import WebSocketConnector
from hil.csms.puppet import Puppet, Refused, dial
from tests.foreign.node_peer import NodePeer, NoPeer, install

pytestmark = pytest.mark.wire

BOOT = {
    "ocpp1.6": {"chargePointVendor": "V", "chargePointModel": "M"},
    "ocpp2.0.1": {"chargingStation": {"vendorName": "V", "model": "M"}, "reason": "PowerUp"},
}
ANSWERS = {
    action: {"status": "Accepted"}
    for action in ("RemoteStartTransaction", "RequestStartTransaction", "SetChargingProfile", "Reset")
}


def judged(directory: Path, version: str, script: Callable[[NodePeer, Puppet], Awaitable[None]]) -> list[str]:
    """Run a script with a booted station; return what the peer found wrong."""

    async def main() -> list[str]:
        async with NodePeer(directory) as peer:
            async with Puppet(await dial(f"{peer.url}/CS-1", [version]), ANSWERS) as station:
                await station.call("BootNotification", BOOT[version])
                await script(peer, station)
            return [f"{found['what']}: {found['detail']}" for found in peer.violations]

    return asyncio.run(asyncio.wait_for(main(), 60))


def now() -> str:
    return datetime.now(UTC).isoformat()


def event_201(kind: str, seq_no: int, **changes: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": now(),
        "triggerReason": "Authorized",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "T-1"},
        "evse": {"id": 1, "connectorId": 1},
    } | changes


def test_a_right_16_session_with_commands_passes(peer_directory: Path) -> None:
    async def script(peer: NodePeer, station: Puppet) -> None:
        await station.call("StatusNotification", {"connectorId": 0, "errorCode": "NoError", "status": "Available"})
        await station.call("Heartbeat", {})
        start = {"connectorId": 1, "idTag": "CAFE", "meterStart": 0, "timestamp": now()}
        transaction_id = (await station.call("StartTransaction", start))["transactionId"]
        value = {"timestamp": now(), "sampledValue": [{"value": "5", "measurand": "Voltage", "unit": "V"}]}
        await station.call("MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]})
        reply = await peer.call("CS-1", "RemoteStartTransaction", {"idTag": "CAFE", "connectorId": 2})
        assert reply == {"result": {"status": "Accepted"}}
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]}
        profile = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
                   "chargingProfileKind": "Relative", "chargingSchedule": schedule}  # fmt: skip
        limit = {"connectorId": 0, "csChargingProfiles": profile}
        assert await peer.call("CS-1", "SetChargingProfile", limit) == {"result": {"status": "Accepted"}}
        stop = {"transactionId": transaction_id, "meterStop": 500, "timestamp": now(), "reason": "Local"}
        await station.call("StopTransaction", stop)

    assert judged(peer_directory, "ocpp1.6", script) == []


def test_a_right_201_session_with_commands_passes(peer_directory: Path) -> None:
    async def script(peer: NodePeer, station: Puppet) -> None:
        token = {"idToken": {"idToken": "CAFE", "type": "ISO14443"}}
        assert (await station.call("Authorize", token))["idTokenInfo"] == {"status": "Accepted"}
        for seq_no, kind in enumerate(("Started", "Updated", "Ended")):
            await station.call("TransactionEvent", event_201(kind, seq_no))
        start = {"idToken": {"idToken": "CAFE", "type": "Central"}, "evseId": 1, "remoteStartId": 7}
        assert await peer.call("CS-1", "RequestStartTransaction", start) == {"result": {"status": "Accepted"}}
        assert await peer.call("CS-2", "Reset", {"type": "Immediate"}) == {"error": "NotConnected"}

    assert judged(peer_directory, "ocpp2.0.1", script) == []


@pytest.mark.parametrize(
    ("version", "action", "payload", "found"),
    [
        ("ocpp1.6", "Authorize", {"idTag": "X" * 21}, "schema: Authorize request"),
        ("ocpp1.6", "StatusNotification", {"connectorId": 1, "status": "Occupied", "errorCode": "NoError"}, "schema"),
        ("ocpp1.6", "StopTransaction", {"transactionId": 99, "meterStop": 1, "timestamp": "2026-01-05T06:00:00Z"}, "order"),
        ("ocpp1.6", "MakeCoffee", {}, "schema: MakeCoffee"),
        ("ocpp2.0.1", "TransactionEvent", event_201("Updated", 0), "order"),
        ("ocpp2.0.1", "TransactionEvent", event_201("Started", 1), "order"),
        ("ocpp2.0.1", "Heartbeat", {"extra": 1}, "schema: Heartbeat request"),
    ],
)  # fmt: skip
def test_a_planted_mistake_is_found(
    peer_directory: Path, version: str, action: str, payload: dict[str, Any], found: str
) -> None:
    async def script(peer: NodePeer, station: Puppet) -> None:
        try:
            await station.call(action, payload)
        except Refused:
            return

    (violation,) = judged(peer_directory, version, script)
    assert violation.startswith(found)


def test_a_frame_that_is_none_and_a_wrong_answer_are_found(peer_directory: Path) -> None:
    async def script(peer: NodePeer, station: Puppet) -> None:
        await station.say("nonsense")
        station.answers["Reset"] = {"status": "Maybe"}
        await peer.call("CS-1", "Reset", {"type": "Soft"})

    first, second = judged(peer_directory, "ocpp1.6", script)
    assert first.startswith("frame") and second.startswith("schema: Reset response")


def test_a_message_before_boot_and_the_peers_own_mistakes_are_found(peer_directory: Path) -> None:
    async def main() -> None:
        async with NodePeer(peer_directory, "ocpp1.6") as peer:
            async with Puppet(await dial(f"{peer.url}/CS-1", ["ocpp2.0.1", "ocpp1.6"])) as station:
                assert station.wire.subprotocol == "ocpp1.6"
                with pytest.raises(Refused, match="SecurityError"):
                    await station.call("Heartbeat", {})
                reply = await peer.call("CS-1", "Reset", {"type": "Maybe"})
                assert "error" in reply
            assert [found["what"] for found in peer.violations] == ["order", "own schema"]

    asyncio.run(asyncio.wait_for(main(), 60))


def test_our_own_link_reaches_it_and_notices_its_end(peer_directory: Path) -> None:
    async def main() -> None:
        connector = WebSocketConnector(lambda: 20)
        async with NodePeer(peer_directory) as peer:
            connection = await connector.connect(f"{peer.url}/CS%201", ["ocpp1.6", "ocpp2.0.1"], {})
            assert connection.subprotocol == "ocpp1.6"
            event = await peer.seen(lambda each: each["event"] == "connected")
            assert event["station"] == "CS 1"
        with pytest.raises(ConnectionLost):
            await connection.recv()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_without_node_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoPeer, match=r"node and npm not found: install Node\.js"):
        install()
