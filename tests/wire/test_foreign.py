"""The whole scripted session against a CSMS that we did not write, in both versions: it finds nothing wrong in any frame."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hil.csms.csms import CommandFailed
from hil.script import EVSE, STEPS, TOKEN, World
from tests.foreign.node_peer import NodePeer
from tests.wire.rigs import IDENTITY, SUBPROTOCOLS, WatchedRig, judged, play, settings_for, together

pytestmark = [pytest.mark.wire, pytest.mark.timeout(150)]

RESOLUTION_WH = 10  # the SDM630 counts in 0.01 kWh; the register is read at both ends


def test_whole_session_passes_a_foreign_csms_in_both_versions(peer_directory: Path) -> None:
    together(
        lambda directory: _session(directory, peer_directory, "1.6"),
        lambda directory: _session(directory, peer_directory, "2.0.1"),
    )


async def _session(directory: Path, peer_directory: Path, version: str) -> None:
    began = datetime.now(UTC)
    async with NodePeer(peer_directory, SUBPROTOCOLS[version].value) as peer:

        async def command(action: str, payload: dict[str, Any]) -> dict[str, Any]:
            reply = await peer.call(IDENTITY, action, payload)
            if "error" in reply:
                raise CommandFailed(reply["error"], action)
            result: dict[str, Any] = reply["result"]
            return result

        port = int(peer.url.rpartition(":")[2].partition("/")[0])
        async with judged(WatchedRig(directory, settings_for(port, version))) as rig:
            world = World(rig, None, version, command, IDENTITY)
            await rig.until(rig.is_whole, 15, "the station is registered")
            await play(world, *(step.name for step in STEPS))
            plant_wh = world.evse()["energy_wh"]
            await rig.until(lambda: _statuses(peer, version)[-1] == "Available", 15, "the last status has arrived")
        _check_16(peer, plant_wh) if version == "1.6" else _check_201(peer, plant_wh)
        assert peer.violations == []
        for call in peer.events:
            if call["event"] == "call":
                _check_times(call["params"], began)


def _statuses(peer: NodePeer, version: str) -> list[str]:
    place, status = ("connectorId", "status") if version == "1.6" else ("evseId", "connectorStatus")
    return [call[status] for call in peer.calls("StatusNotification") if call[place] == EVSE]


def _check_16(peer: NodePeer, plant_wh: float) -> None:
    assert len(peer.calls("BootNotification")) == 1
    statuses = _statuses(peer, "1.6")
    assert [s for s in statuses if s != "SuspendedEV"] == [
        "Available", "Preparing", "Charging", "Finishing", "Available",
    ], statuses  # fmt: skip
    assert [call["idTag"] for call in peer.calls("Authorize")] == [TOKEN]
    (start,), (stop,) = peer.calls("StartTransaction"), peer.calls("StopTransaction")
    assert (start["connectorId"], start["idTag"]) == (EVSE, TOKEN)
    assert (stop["idTag"], stop.get("reason", "Local")) == (TOKEN, "Local")
    assert abs(stop["meterStop"] - start["meterStart"] - plant_wh) <= RESOLUTION_WH
    registers = [
        float(sample["value"])
        for values in peer.calls("MeterValues")
        for value in values["meterValue"]
        for sample in value["sampledValue"]
        if sample["measurand"] == "Energy.Active.Import.Register"
    ]
    assert len(registers) >= 2
    all_registers = [start["meterStart"], *registers, stop["meterStop"]]
    assert all_registers == sorted(all_registers)


def _check_201(peer: NodePeer, plant_wh: float) -> None:
    (boot,) = peer.calls("BootNotification")
    assert boot["reason"] == "PowerUp"
    assert _statuses(peer, "2.0.1") == ["Available", "Occupied", "Available"]
    assert [call["idToken"]["idToken"] for call in peer.calls("Authorize")] == [TOKEN]
    events = peer.calls("TransactionEvent")
    assert {event["eventType"] for event in events[1:-1]} == {"Updated"}
    started, ended = events[0], events[-1]
    assert (started["eventType"], started["evse"]["id"]) == ("Started", EVSE)
    assert any(event.get("idToken", {}).get("idToken") == TOKEN for event in events)
    assert (ended["eventType"], ended["triggerReason"]) == ("Ended", "StopAuthorized")
    assert ended["transactionInfo"].get("stoppedReason", "Local") == "Local"
    assert not any(event.get("offline") for event in events)
    periodic = [event for event in events if event["triggerReason"] == "MeterValuePeriodic"]
    assert periodic
    registers = [
        sample["value"]
        for event in events
        for value in event.get("meterValue", ())
        for sample in value["sampledValue"]
        if sample["measurand"] == "Energy.Active.Import.Register"
    ]
    assert registers == sorted(registers)
    assert abs(registers[-1] - registers[0] - plant_wh) <= RESOLUTION_WH


def _check_times(payload: Any, began: datetime) -> None:
    """Every time in a payload is of this session."""
    if isinstance(payload, list):
        for each in payload:
            _check_times(each, began)
    elif isinstance(payload, dict):
        for key, value in payload.items():
            if key == "timestamp":
                at = datetime.fromisoformat(value)
                assert began <= at <= datetime.now(UTC), f"{value} is not of this session"
            _check_times(value, began)
