"""G01-G04: status reports, and changing the availability of station, EVSE and connector."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance_v201.octt import Octt, Payload, octt
from tests.conformance_v201.states import Run

STATION: Payload = {}
EVSE: Payload = {"evse": {"id": 1}}
CONNECTOR: Payload = {"evse": {"id": 1, "connectorId": 1}}
LEVELS = pytest.mark.parametrize("level", [STATION, EVSE, CONNECTOR], ids=["station", "EVSE", "connector"])


async def change(o: Octt, level: Payload, to: str) -> str:
    answer = await o.command("ChangeAvailability", {"operationalStatus": to, **level})
    return str(answer["status"])


def concerned(level: Payload) -> tuple[int, ...]:
    return (1, 2) if level is STATION else (1,)


async def unavailable(o: Octt, level: Payload) -> None:
    """Reusable state Unavailable."""
    assert await change(o, level, "Inoperative") == "Accepted"
    for evse in concerned(level):
        await o.status("Unavailable", evse)


@pytest.mark.ocpp("2.0.1", "TC_G_01_CS", "TC_G_02_CS", "G01.FR.01", "G01.FR.03", "G01.FR.04")
@octt()
async def test_a_plug_is_told_when_it_comes_and_goes(o: Octt) -> None:
    run = Run(o)
    await run.ev_connected()
    o.forget()
    await o.sleep(5)
    o.unplug()
    await o.status("Available")
    assert len(o.calls("StatusNotification")) == 1


@pytest.mark.ocpp("2.0.1", "TC_G_03_CS", "TC_G_05_CS", "TC_G_07_CS", "TC_G_04_CS", "TC_G_06_CS", "TC_G_08_CS")
@pytest.mark.ocpp("2.0.1", "G03.FR.01", "G03.FR.02", "G03.FR.04", "G03.FR.06", "G03.FR.07")
@pytest.mark.ocpp("2.0.1", "G04.FR.01", "G04.FR.02", "G04.FR.03", "G04.FR.05", "G04.FR.07", "G04.FR.08")
@LEVELS
@octt()
async def test_out_of_service_and_back(o: Octt, level: Payload) -> None:
    await unavailable(o, level)
    if level is not STATION:
        assert o.world.csms.station("SIM-1").facts.statuses[(2, 1)] == "Available"
    assert await change(o, level, "Operative") == "Accepted"
    for evse in concerned(level):
        await o.status("Available", evse)


@pytest.mark.ocpp("2.0.1", "TC_G_09_CS", "TC_G_12_CS", "TC_G_15_CS", "G03.FR.03", "G04.FR.04")
@LEVELS
@octt()
async def test_what_is_operative_already_is_accepted(o: Octt, level: Payload) -> None:
    o.forget()
    assert await change(o, level, "Operative") == "Accepted"
    await o.silence(5)


@pytest.mark.ocpp("2.0.1", "TC_G_10_CS", "TC_G_13_CS", "TC_G_16_CS", "G03.FR.03", "G04.FR.04")
@LEVELS
@octt()
async def test_what_is_inoperative_already_is_accepted(o: Octt, level: Payload) -> None:
    await unavailable(o, level)
    assert await change(o, level, "Inoperative") == "Accepted"
    await o.silence(5)


@pytest.mark.ocpp("2.0.1", "TC_G_11_CS", "TC_G_14_CS", "TC_G_17_CS", "G03.FR.05", "G04.FR.06")
@LEVELS
@octt()
async def test_a_transaction_is_finished_first(o: Octt, level: Payload) -> None:
    run = Run(o)
    await run.charging()
    o.forget()
    assert await change(o, level, "Inoperative") == "Scheduled"
    if level is STATION:
        await o.status("Unavailable", 2)
    await o.sleep(60)
    assert not o.calls("StatusNotification", {"evseId": 1})
    assert o.contact() == "closed"
    await run.stop_authorized()
    await o.status("Unavailable", 1)
    assert await o.value("EVSE@1.AvailabilityState") == "Unavailable"


@pytest.mark.ocpp("2.0.1", "G03.FR.05", "G01.FR.05")
@octt()
async def test_a_transaction_that_ends_with_the_plug_is_finished_first(o: Octt) -> None:
    run = await Run.configured(o, "EVConnected", "EVConnected")
    await run.charging()
    o.forget()
    assert await change(o, EVSE, "Inoperative") == "Scheduled"
    await run.stop_authorized()
    await o.sleep(30)
    assert not o.calls("StatusNotification")
    await o.until(lambda: o.world.evse(1)["lock_position"] == 0, 5, "the bolt is back")
    o.unplug()
    await o.event({"eventType": "Ended"})
    await o.status("Unavailable", 1)


@pytest.mark.ocpp("2.0.1", "G03.FR.07", "G03.FR.05")
@octt()
async def test_a_scheduled_change_can_be_taken_back(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    assert await change(o, EVSE, "Inoperative") == "Scheduled"
    assert await change(o, EVSE, "Operative") == "Accepted"
    await run.stop_authorized()
    await run.ev_disconnected()


@pytest.mark.ocpp("2.0.1", "G03.FR.06", "G04.FR.07")
@LEVELS
@octt()
async def test_nobody_charges_where_it_is_out_of_service(o: Octt, level: Payload) -> None:
    await unavailable(o, level)
    o.plug()
    await o.sleep(2)
    o.swipe()
    answer = await o.command(
        "RequestStartTransaction",
        {"idToken": {"idToken": "04B7C8D9EAFB80", "type": "ISO14443"}, "remoteStartId": 1, "evseId": 1},
    )
    assert answer["status"] == "Rejected"
    await o.silence(30, "TransactionEvent")
    assert o.contact() == "open" and not o.world.evse(1)["advertising"]
    assert await change(o, level, "Operative") == "Accepted"
    await o.status("Occupied")
    run = Run(o)
    run.is_connected = True
    await run.authorized()
    await run.energy_started()


@pytest.mark.ocpp("2.0.1", "G03.FR.08", "G04.FR.09", "G01.FR.01", "G01.FR.02", "B01.FR.07")
@pytest.mark.parametrize("how", ["reset", "power"])
@LEVELS
@octt()
async def test_it_stays_out_of_service_over_a_reboot(o: Octt, level: Payload, how: str) -> None:
    await unavailable(o, level)
    o.forget()
    if how == "reset":
        await o.command("Reset", {"type": "Immediate"})
    else:
        await o.power_cycle()
    await o.expect("BootNotification", within_s=60)
    for evse in (1, 2):
        await o.status("Unavailable" if evse in concerned(level) else "Available", evse)
    await o.sleep(10)
    assert {frame.payload["connectorStatus"] for frame in o.calls("StatusNotification", {"evseId": 1})} == {
        "Unavailable"
    }


@pytest.mark.ocpp("2.0.1", "G04.FR.08", "G03.FR.07")
@octt()
async def test_the_levels_are_remembered_each_by_itself(o: Octt) -> None:
    assert await change(o, CONNECTOR, "Inoperative") == "Accepted"
    await o.status("Unavailable", 1)
    assert await change(o, STATION, "Inoperative") == "Accepted"
    await o.status("Unavailable", 2)
    assert await change(o, STATION, "Operative") == "Accepted"
    await o.status("Available", 2)
    await o.silence(5, "StatusNotification", {"evseId": 1})
    assert await change(o, CONNECTOR, "Operative") == "Accepted"
    await o.status("Available", 1)


@pytest.mark.ocpp("2.0.1", "G03.FR.01")
@pytest.mark.parametrize("place", [{"id": 9}, {"id": 1, "connectorId": 2}, {"id": 0}])
@octt()
async def test_what_is_not_there_cannot_be_changed(o: Octt, place: Any) -> None:
    o.forget()
    assert await change(o, {"evse": place}, "Inoperative") == "Rejected"
    await o.silence(5)


@pytest.mark.ocpp("2.0.1", "G01.FR.01")
@octt()
async def test_a_fault_is_told_and_its_end(o: Octt) -> None:
    o.world.verb("fault", kind="estop")
    await o.status("Faulted", 1)
    await o.status("Faulted", 2)
    assert await o.value("ChargingStation.AvailabilityState") == "Faulted"
    assert await o.value("ChargingStation.Problem") == "true"
    o.plug()
    o.swipe()
    await o.silence(20, "TransactionEvent")
    assert o.contact() == "open"


@pytest.mark.ocpp("2.0.1", "G01.FR.01")
@octt()
async def test_a_short_on_the_pilot_is_told_and_its_end(o: Octt) -> None:
    o.world.verb("fault", evse=1, kind="cp_short")
    await o.status("Faulted", 1)
    o.world.verb("fault", evse=1, kind="cp_short", clear=True)
    await o.status("Available", 1, within_s=60)
    assert await o.value("EVSE@1.Problem") == "false"
