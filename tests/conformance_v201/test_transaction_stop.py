"""E06, E07, F03: each TxStopPoint and what ends a transaction: the card, the CSMS, the car, the plug."""

from __future__ import annotations

import pytest

from tests.conformance_v201.boards import tethered
from tests.conformance_v201.octt import ANNA, Octt, octt, registers
from tests.conformance_v201.patterns import ABSENT, one_of
from tests.conformance_v201.profiles import profile
from tests.conformance_v201.states import Run

STOPS = ("Authorized", "PowerPathClosed", "EVConnected", "EnergyTransfer", "Authorized,EVConnected")


def assert_ended(o: Octt, reason: str | None = None) -> None:
    """The last transaction ended once, as its last event, with the register the plant has."""
    transaction = o.transactions[-1]
    kinds = [event["eventType"] for event in transaction.messages]
    assert kinds.count("Ended") == 1 and kinds[-1] == "Ended", kinds
    assert transaction.seq_nos == list(range(len(kinds)))
    assert reason is None or transaction.messages[-1]["transactionInfo"].get("stoppedReason", "Local") == reason
    (last,) = registers(transaction.messages[-1])
    assert abs(last - o.world.evse(1)["meter"]["energy_wh"]) <= 1


@pytest.mark.ocpp("2.0.1", "TC_E_06_CS", "TC_E_07_CS", "TC_E_08_CS", "TC_E_14_CS", "TC_E_15_CS")
@pytest.mark.ocpp("2.0.1", "E06.FR.02", "E06.FR.03", "E06.FR.06", "E06.FR.07", "E06.FR.08", "E06.FR.10", "E06.FR.11")
@pytest.mark.ocpp("2.0.1", "E06.FR.14", "E06.FR.15", "E07.FR.01", "E07.FR.02", "E07.FR.05", "E07.FR.07", "C01.FR.03")
@pytest.mark.parametrize("stop", STOPS)
@octt()
async def test_the_card_ends_the_session_at_the_configured_point(o: Octt, stop: str) -> None:
    run = await Run.configured(o, "PowerPathClosed", stop)
    await run.charging()
    o.forget()
    await run.stop_authorized()
    assert not o.calls("Authorize")  # the same token needs no question
    await run.ev_disconnected()
    assert not run.is_running
    assert_ended(o, "Local")


@pytest.mark.ocpp("2.0.1", "TC_E_21_CS", "TC_E_35_CS", "TC_F_08_CS")
@pytest.mark.ocpp("2.0.1", "F03.FR.02", "F03.FR.03", "F03.FR.07", "F03.FR.09", "E06.FR.03", "E06.FR.06", "E06.FR.15")
@pytest.mark.ocpp("2.0.1", "F04.FR.01", "F04.FR.02", "F04.FR.03", "F03.FR.04", "F04.FR.04")
@pytest.mark.parametrize("stop", STOPS)
@octt()
async def test_a_remote_stop_ends_the_session_at_the_configured_point(o: Octt, stop: str) -> None:
    run = await Run.configured(o, "PowerPathClosed", stop)
    await run.charging()
    await run.stop_authorized_remotely()
    await run.ev_disconnected(reason=one_of("Remote", "EVDisconnected"))
    assert not run.is_running
    assert_ended(o)
    assert o.transactions[-1].reason in ("Remote", "EVDisconnected")


@pytest.mark.ocpp("2.0.1", "TC_F_09_CS", "F03.FR.08")
@octt()
async def test_a_remote_stop_of_another_transaction_is_rejected(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    answer = await o.command("RequestStopTransaction", {"transactionId": "no-such-transaction"})
    assert answer["status"] == "Rejected"
    await o.silence(5, "TransactionEvent")
    assert o.contact() == "closed"


@pytest.mark.ocpp("2.0.1", "F03.FR.08")
@octt()
async def test_a_remote_stop_of_what_has_ended_is_rejected(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    ended = run.transaction_id
    await run.stop_authorized()
    assert (await o.command("RequestStopTransaction", {"transactionId": ended}))["status"] == "Rejected"
    await o.silence(5, "TransactionEvent")


@pytest.mark.ocpp("2.0.1", "E06.FR.07", "E06.FR.08")
@octt()
async def test_a_limit_of_nothing_ends_a_transaction_by_energy_transfer(o: Octt) -> None:
    run = await Run.configured(o, "PowerPathClosed", "EnergyTransfer")
    await run.charging()
    wanted = {"evseId": 1, "chargingProfile": profile(1, limit=0, start=o.now)}
    assert (await o.command("SetChargingProfile", wanted))["status"] == "Accepted"
    await o.event({"eventType": "Ended", "triggerReason": "ChargingStateChanged"})
    await o.until(lambda: o.contact() == "open", 10, "the contact opens")
    assert_ended(o)


@pytest.mark.ocpp("2.0.1", "TC_E_22_CS", "E06.FR.07", "E06.FR.15")
@octt()
async def test_a_car_that_stops_drawing_ends_a_transaction_by_energy_transfer(o: Octt) -> None:
    run = await Run.configured(o, "PowerPathClosed", "EnergyTransfer")
    await run.charging()
    await run.suspended_by_ev()
    assert_ended(o, "StoppedByEV")
    assert o.transactions[-1].charging_state == "EVConnected"


@pytest.mark.ocpp("2.0.1", "E02.FR.13", "E06.FR.07")
@pytest.mark.parametrize("stop", ["Authorized,EVConnected", "EVConnected"])
@octt()
async def test_a_car_that_pauses_only_suspends_otherwise(o: Octt, stop: str) -> None:
    run = await Run.configured(o, "PowerPathClosed", stop)
    await run.charging()
    await run.suspended_by_ev()
    assert o.contact() == "open"
    o.world.verb("resume", evse=1)
    await o.event({"triggerReason": "ChargingStateChanged", "transactionInfo": {"chargingState": "Charging"}})
    assert o.contact() == "closed"
    await o.sleep(10)
    await run.stop_authorized()


@pytest.mark.ocpp("2.0.1", "TC_E_20_CS", "TC_E_37_CS", "E06.FR.02", "E06.FR.06", "E06.FR.15")
@pytest.mark.parametrize("stop", ["EVConnected", "PowerPathClosed", "Authorized,EVConnected"])
@octt({"TxCtrlr.StopTxOnEVSideDisconnect": "false"})
async def test_the_plug_pulled_at_the_car_ends_a_transaction_by_the_connection(o: Octt, stop: str) -> None:
    run = await Run.configured(o, "PowerPathClosed", stop)
    await run.charging()
    await run.suspended_by_ev()
    o.unplug()
    await o.event(
        {
            "eventType": "Ended",
            "triggerReason": "EVCommunicationLost",
            "transactionInfo": {"chargingState": "Idle", "stoppedReason": one_of("EVDisconnected", "StoppedByEV")},
        }
    )
    assert_ended(o)


@pytest.mark.ocpp("2.0.1", "TC_E_17_CS", "TC_E_25_CS", "E09.FR.01", "E09.FR.03", "E09.FR.04", "E06.FR.15", "E06.FR.04")
@octt({"TxCtrlr.StopTxOnEVSideDisconnect": "true", "OCPPCommCtrlr.UnlockOnEVSideDisconnect": "false"})
async def test_the_cable_stays_ours_until_its_owner_comes(o: Octt) -> None:
    run = await Run.configured(o, "PowerPathClosed", "Authorized")
    await run.charging()
    await run.suspended_by_ev()
    o.forget()
    assert o.unplug()
    await o.event(
        {
            "eventType": "Ended",
            "triggerReason": "EVCommunicationLost",
            "transactionInfo": {"chargingState": "Idle", "stoppedReason": "EVDisconnected"},
        }
    )
    await o.sleep(30)
    assert o.world.evse(1)["lock_position"] == 1
    assert not o.calls("StatusNotification")  # the cable still occupies the connector
    o.swipe(ANNA)
    await o.until(lambda: o.world.evse(1)["lock_position"] == 0, 5, "the cable is free")
    await o.status("Available")
    await o.silence(5, "TransactionEvent")


@pytest.mark.ocpp("2.0.1", "TC_E_24_CS", "E09.FR.01", "E09.FR.02", "E09.FR.04")
@octt({"TxCtrlr.StopTxOnEVSideDisconnect": "true", "OCPPCommCtrlr.UnlockOnEVSideDisconnect": "true"})
async def test_the_cable_is_let_go_when_the_car_has_left(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    await run.suspended_by_ev()
    o.unplug()
    await o.event({"triggerReason": "EVCommunicationLost", "transactionInfo": {"chargingState": "Idle"}})
    await o.until(lambda: o.world.evse(1)["lock_position"] == 0, 5, "the cable is free")
    await o.status("Available")


@pytest.mark.ocpp("2.0.1", "E09.FR.01")
@octt({"TxCtrlr.StopTxOnEVSideDisconnect": "true"})
async def test_a_car_that_comes_back_needs_a_new_authorisation(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    o.unplug()
    await o.event({"eventType": "Ended", "triggerReason": "EVCommunicationLost"})
    await o.sleep(5)
    o.plug()
    await o.silence(30, "TransactionEvent")
    assert o.contact() == "open"
    o.swipe(ANNA)
    await o.event({"eventType": "Started", "triggerReason": "Authorized"})
    await o.event({"transactionInfo": {"chargingState": "Charging"}})


@pytest.mark.ocpp("2.0.1", "TC_E_26_CS", "E10.FR.01", "E10.FR.03")
@octt({"TxCtrlr.StopTxOnEVSideDisconnect": "false", "OCPPCommCtrlr.UnlockOnEVSideDisconnect": "false"})
async def test_a_transaction_outlives_the_plug_where_it_may(o: Octt) -> None:
    run = await Run.configured(o, "PowerPathClosed", "Authorized")
    await run.charging()
    await run.suspended_by_ev()
    assert o.unplug()
    await o.event(
        {
            "eventType": "Updated",
            "triggerReason": "EVCommunicationLost",
            "transactionInfo": {"chargingState": "Idle", "stoppedReason": ABSENT},
        }
    )
    await o.sleep(300)
    assert o.world.evse(1)["lock_position"] == 1
    o.plug()
    await o.event(
        {
            "eventType": "Updated",
            "triggerReason": "CablePluggedIn",
            "transactionInfo": {"chargingState": one_of("EVConnected", "SuspendedEVSE")},
        }
    )
    await o.event(
        {
            "eventType": "Updated",
            "triggerReason": "ChargingStateChanged",
            "transactionInfo": {"chargingState": "Charging"},
        }
    )
    await o.sleep(10)
    await run.stop_authorized()
    await run.ev_disconnected()
    assert_ended(o, "Local")


FIXED = {
    "TxCtrlr.StopTxOnEVSideDisconnect": "false",
    "OCPPCommCtrlr.UnlockOnEVSideDisconnect": "false",
    "TxCtrlr.EVConnectionTimeOut": "30",
}


@pytest.mark.ocpp("2.0.1", "TC_E_27_CS", "E10.FR.02", "E10.FR.03")
@octt(FIXED, board=tethered)
async def test_a_car_on_a_fixed_cable_must_come_back_in_time(o: Octt) -> None:
    run = await Run.configured(o, "PowerPathClosed", "Authorized")
    await run.charging()
    await run.suspended_by_ev()
    o.unplug()
    info = {"chargingState": "Idle", "stoppedReason": ABSENT}
    await o.event({"eventType": "Updated", "triggerReason": "EVCommunicationLost", "transactionInfo": info})
    await o.status("Available")
    info = {"stoppedReason": "Timeout"}
    await o.event({"eventType": "Ended", "triggerReason": "EVConnectTimeout", "transactionInfo": info}, within_s=35)
    o.plug()
    await o.status("Occupied")
    await o.silence(20, "TransactionEvent")
    assert o.contact() == "open"


@pytest.mark.ocpp("2.0.1", "TC_E_26_CS", "E10.FR.03")
@octt(FIXED, board=tethered)
async def test_a_car_on_a_fixed_cable_may_come_back_in_time(o: Octt) -> None:
    run = await Run.configured(o, "PowerPathClosed", "Authorized")
    await run.charging()
    await run.suspended_by_ev()
    o.unplug()
    await o.event({"eventType": "Updated", "triggerReason": "EVCommunicationLost"})
    await o.status("Available")
    await o.sleep(20)
    o.plug()
    await o.status("Occupied")
    await o.event({"eventType": "Updated", "triggerReason": "CablePluggedIn"})
    await o.event({"transactionInfo": {"chargingState": "Charging"}})
    await run.stop_authorized()


@pytest.mark.ocpp("2.0.1", "F05.FR.05", "TC_E_06_CS")
@octt(board=tethered)
async def test_a_whole_session_on_a_fixed_cable(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    await run.stop_authorized()
    o.unplug()
    await o.status("Available")
    answer = await o.command("UnlockConnector", {"evseId": 1, "connectorId": 1})
    assert answer["status"] == "UnlockFailed"
    assert_ended(o, "Local")


@pytest.mark.ocpp("2.0.1", "E10.FR.01", "E06.FR.10")
@octt({"TxCtrlr.StopTxOnEVSideDisconnect": "false", "OCPPCommCtrlr.UnlockOnEVSideDisconnect": "false"})
async def test_the_owner_takes_his_cable_and_ends_the_transaction(o: Octt) -> None:
    run = await Run.configured(o, "PowerPathClosed", "Authorized")
    await run.charging()
    assert o.unplug()
    await o.event({"eventType": "Updated", "triggerReason": "EVCommunicationLost"})
    await o.sleep(10)
    o.swipe(ANNA)
    await o.event({"eventType": "Ended", "triggerReason": "StopAuthorized"})
    await o.until(lambda: o.world.evse(1)["lock_position"] == 0, 5, "the cable is free")
    await o.status("Available")


@pytest.mark.ocpp("2.0.1", "E06.FR.16", "E06.FR.08")
@octt()
async def test_an_earth_fault_ends_the_transaction_with_its_reason(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    o.world.verb("fault", evse=1, kind="rcd", value="trip")
    await o.event(
        {
            "eventType": "Ended",
            "triggerReason": "AbnormalCondition",
            "transactionInfo": {"stoppedReason": "GroundFault"},
        }
    )
    await o.status("Faulted")
    assert o.contact() == "open"
