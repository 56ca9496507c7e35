"""The ordinary session: status by status, message by message (§4.1, §4.8, §4.9, §4.10)."""

from __future__ import annotations

import pytest

from tests.conformance_v16.octt import FRIEND, PARENT, STRANGER, TAG, Octt, at, scenario


@pytest.mark.ocpp("1.6", "§4.9", "§4.8", "§4.10", "StatusNotification", "StartTransaction", "StopTransaction")
@scenario
async def test_plug_in_first_goes_through_every_status_in_order(octt: Octt) -> None:
    await octt.plug()
    assert octt.statuses() == ["Preparing"]
    assert octt.contact() == "open"
    await octt.swipe()
    assert await octt.sees("Authorize") == {"idTag": TAG}
    start = await octt.sees("StartTransaction", connectorId=1, idTag=TAG, meterStart=1_000_000)
    await octt.energised()
    await octt.status("Charging")
    await octt.sleep(60)
    octt.world.verb("pause", evse=1)
    await octt.status("SuspendedEV")
    octt.world.verb("resume", evse=1)
    await octt.status("Charging")
    await octt.sleep(30)
    await octt.swipe()
    await octt.dead()
    stop = await octt.sees("StopTransaction", idTag=TAG, reason="Local")
    await octt.status("Finishing")
    await octt.unplug()
    await octt.status("Available")
    assert octt.statuses() == ["Preparing", "Charging", "SuspendedEV", "Charging", "Finishing", "Available"]
    assert len(octt.calls("Authorize")) == 1  # §4.1: not to stop with the same idTag
    assert at(start["timestamp"]) < at(stop["timestamp"])
    energy_wh = octt.world.evse(1)["energy_wh"]
    assert abs(stop["meterStop"] - start["meterStart"] - energy_wh) <= 1 and energy_wh > 100
