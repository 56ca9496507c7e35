"""E01-E03, F01, F02: each TxStartPoint, whatever comes first, by card and by remote start."""

from __future__ import annotations

import pytest

from tests.conformance_v201.octt import ANNA, BERT, Octt, Payload, octt
from tests.conformance_v201.profiles import profile
from tests.conformance_v201.states import Run

POINTS = ("EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")


def assert_whole(o: Octt, run: Run) -> None:
    """One Started, first; numbers without a gap; one idToken; evse in what follows the plug."""
    (transaction,) = o.transactions
    events = transaction.messages
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert [event["eventType"] for event in events].count("Started") == 1
    assert events[0]["eventType"] == "Started"
    tokens = [event["idToken"]["idToken"] for event in events if "idToken" in event]
    assert tokens[:1] == [run.token]
    plugged = next(event for event in events if event["transactionInfo"].get("chargingState") != "Idle")
    assert plugged["evse"] == run.place


@pytest.mark.ocpp("2.0.1", "TC_E_01_CS", "TC_E_02_CS", "TC_E_03_CS", "TC_E_09_CS", "TC_E_10_CS", "TC_E_04_CS")
@pytest.mark.ocpp("2.0.1", "E01.FR.02", "E01.FR.03", "E01.FR.05", "E01.FR.06", "E01.FR.07", "E01.FR.10", "E01.FR.15")
@pytest.mark.ocpp("2.0.1", "E01.FR.16", "E02.FR.01", "E02.FR.05", "E02.FR.06", "E02.FR.13", "E02.FR.15", "C01.FR.02")
@pytest.mark.parametrize("cable_first", [True, False], ids=["cable first", "card first"])
@pytest.mark.parametrize("point", POINTS)
@octt()
async def test_a_transaction_starts_at_the_configured_point(o: Octt, point: str, cable_first: bool) -> None:
    run = await Run.configured(o, point)
    steps = [run.ev_connected, run.authorized] if cable_first else [run.authorized, run.ev_connected]
    for step in steps:
        await step()
    await run.energy_started()
    assert_whole(o, run)


@pytest.mark.ocpp("2.0.1", "TC_E_13_CS", "TC_F_01_CS", "TC_F_02_CS", "TC_F_03_CS")
@pytest.mark.ocpp("2.0.1", "F01.FR.01", "F01.FR.02", "F01.FR.03", "F01.FR.04", "F01.FR.05", "F01.FR.06", "F01.FR.13")
@pytest.mark.ocpp("2.0.1", "F01.FR.17", "F01.FR.19", "F01.FR.25", "F02.FR.01", "F02.FR.21")
@pytest.mark.ocpp("2.0.1", "F02.FR.09", "F02.FR.10", "F02.FR.12", "F02.FR.13")
@pytest.mark.parametrize("asks", [True, False], ids=["asks", "does not ask"])
@pytest.mark.parametrize("cable_first", [True, False], ids=["cable first", "command first"])
@pytest.mark.parametrize("point", POINTS)
@octt()
async def test_a_remote_start_is_told_by_the_next_event(o: Octt, point: str, cable_first: bool, asks: bool) -> None:
    await o.configure({"AuthCtrlr.AuthorizeRemoteStart": str(asks).lower()})
    run = await Run.configured(o, point)
    o.forget()
    if cable_first:
        await run.ev_connected()
    await run.authorized_remotely(asks=asks)
    if not cable_first:
        await run.ev_connected()
    await run.energy_started()
    assert_whole(o, run)
    told = [event["transactionInfo"].get("remoteStartId") for event in o.transaction().messages]
    assert [each for each in told if each is not None] == [4711]
    assert len(o.calls("Authorize")) == int(asks)


@pytest.mark.ocpp("2.0.1", "F01.FR.01", "C01.FR.02")
@octt({"AuthCtrlr.AuthorizeRemoteStart": "true"})
async def test_a_remote_start_whose_token_is_refused_charges_nobody(o: Octt) -> None:
    o.csms.tokens.add(ANNA, "Invalid")
    o.plug()
    await o.status("Occupied")
    answer = await o.command(
        "RequestStartTransaction",
        {"idToken": {"idToken": ANNA, "type": "ISO14443"}, "evseId": 1, "remoteStartId": 1},
    )
    assert answer["status"] == "Accepted"
    await o.expect("Authorize")
    await o.silence(40, "TransactionEvent")
    assert o.contact() == "open"


@pytest.mark.ocpp("2.0.1", "F01.FR.09", "F01.FR.11", "F01.FR.26", "F02.FR.27")
@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"evseId": 9}, "UnknownEvse"),
        ({"evseId": 1, "chargingProfile": {"purpose": "TxDefaultProfile"}}, "InvalidProfile"),
        ({"evseId": 1, "chargingProfile": {"purpose": "TxProfile", "transactionId": "X"}}, "InvalidProfile"),
    ],
    ids=["unknown EVSE", "wrong purpose", "with a transactionId"],
)
@octt()
async def test_a_remote_start_that_cannot_be_is_rejected(o: Octt, request_: Payload, reason: str) -> None:
    if (wanted := request_.get("chargingProfile")) is not None:
        more = {key: value for key, value in wanted.items() if key != "purpose"}
        request_ = {**request_, "chargingProfile": profile(1, wanted["purpose"], 10, kind="Relative", **more)}
    answer = await o.command(
        "RequestStartTransaction", {"idToken": {"idToken": ANNA, "type": "ISO14443"}, "remoteStartId": 1, **request_}
    )
    assert answer["status"] == "Rejected" and answer["statusInfo"]["reasonCode"] == reason
    o.plug()
    await o.silence(20, "TransactionEvent")


@pytest.mark.ocpp("2.0.1", "F01.FR.24", "F02.FR.26")
@octt()
async def test_a_remote_start_where_somebody_charges_is_rejected(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    answer = await o.command(
        "RequestStartTransaction",
        {"idToken": {"idToken": BERT, "type": "ISO14443"}, "remoteStartId": 2, "evseId": 1},
    )
    assert answer["status"] == "Rejected"
    await o.silence(5, "TransactionEvent")
    assert o.contact() == "closed"


@pytest.mark.ocpp("2.0.1", "F01.FR.20", "F02.FR.22")
@octt()
async def test_a_remote_start_without_an_evse_finds_the_one_where_a_car_waits(o: Octt) -> None:
    o.plug(2)
    await o.status("Occupied", 2)
    answer = await o.command(
        "RequestStartTransaction", {"idToken": {"idToken": ANNA, "type": "ISO14443"}, "remoteStartId": 3}
    )
    assert answer["status"] == "Accepted"
    await o.event({"eventType": "Started", "triggerReason": "RemoteStart", "evse": {"id": 2}})
    await o.until(lambda: o.contact(2) == "closed", 20, "EVSE 2 is live")


@pytest.mark.ocpp("2.0.1", "TC_E_05_CS", "TC_E_39_CS", "E03.FR.01", "E03.FR.05", "E03.FR.06", "E06.FR.15", "C01.FR.26")
@pytest.mark.parametrize("stop", ["Authorized", "EVConnected,Authorized", "EVConnected", "PowerPathClosed"])
@octt({"TxCtrlr.EVConnectionTimeOut": "30"})
async def test_a_driver_whose_car_does_not_come_loses_his_authorisation(o: Octt, stop: str) -> None:
    run = await Run.configured(o, "Authorized", stop)
    started = await run.authorized()
    assert started is not None and "evse" not in started
    ended = await o.event({"triggerReason": "EVConnectTimeout"}, within_s=40)
    assert (ended["eventType"], ended["transactionInfo"]["stoppedReason"]) == ("Ended", "Timeout")
    late = o.transactions[0].last_at - o.transactions[0].started_at  # type: ignore[operator]
    assert 30 <= late.total_seconds() <= 31
    o.plug()
    await o.status("Occupied")
    await o.silence(30, "TransactionEvent")
    assert o.contact() == "open"
    o.swipe()  # the EVSE is ready for another session
    await o.event({"eventType": "Started", "triggerReason": "Authorized", "evse": {"id": 1, "connectorId": 1}})
    await o.event({"transactionInfo": {"chargingState": "Charging"}})


@pytest.mark.ocpp("2.0.1", "TC_E_05_CS", "E03.FR.05")
@octt({"TxCtrlr.EVConnectionTimeOut": "30"})
async def test_without_a_transaction_the_timeout_is_silent(o: Octt) -> None:
    run = await Run.configured(o, "PowerPathClosed")
    await run.authorized()
    await o.silence(35, "TransactionEvent")
    o.plug()
    await o.silence(20, "TransactionEvent")
    assert o.contact() == "open"
    run.is_connected = True
    await run.authorized()
    await run.energy_started()


@pytest.mark.ocpp("2.0.1", "TC_F_04_CS", "F02.FR.01", "F02.FR.07", "E03.FR.01", "E03.FR.05")
@octt({"TxCtrlr.EVConnectionTimeOut": "30"})
async def test_a_remote_start_whose_car_does_not_come_ends(o: Octt) -> None:
    run = await Run.configured(o, "Authorized", "Authorized")
    await run.authorized_remotely()
    await o.event(
        {"eventType": "Ended", "triggerReason": "EVConnectTimeout", "transactionInfo": {"stoppedReason": "Timeout"}},
        within_s=40,
    )
    await o.status("Available")
    again = Run(o, "Authorized", "Authorized")
    await again.authorized_remotely()
    await again.ev_connected()
    await again.energy_started()


@pytest.mark.ocpp("2.0.1", "TC_E_38_CS", "E02.FR.13")
@pytest.mark.parametrize("cable_first", [True, False])
@octt()
async def test_a_car_that_is_not_ready_suspends(o: Octt, cable_first: bool) -> None:
    run = Run(o)
    if not cable_first:
        await run.authorized()
    await run.ev_connected()
    o.world.verb("pause", evse=1)
    if cable_first:
        await run.authorized()
    await o.event({"triggerReason": "ChargingStateChanged", "transactionInfo": {"chargingState": "SuspendedEV"}})
    assert o.contact() == "open"
    o.world.verb("resume", evse=1)
    await o.event({"triggerReason": "ChargingStateChanged", "transactionInfo": {"chargingState": "Charging"}})


@pytest.mark.ocpp("2.0.1", "E01.FR.08", "E02.FR.08")
@octt()
async def test_no_transaction_id_ever_comes_again(o: Octt) -> None:
    ids = []
    for _ in range(3):
        run = Run(o)
        await run.ev_connected()
        await run.energy_started()
        ids.append(run.transaction_id)
        await run.stop_authorized()
        await run.ev_disconnected()
        await o.power_cycle()
        await o.booted()
        await o.sleep(3)
    assert len(set(ids)) == 3


@pytest.mark.ocpp("2.0.1", "E01.FR.02", "E02.FR.20", "C01.FR.02")
@octt()
async def test_a_token_that_is_refused_changes_nothing_in_a_running_transaction(o: Octt) -> None:
    o.csms.tokens.add(BERT, "Blocked")
    run = await Run.configured(o, "EVConnected")
    await run.ev_connected()
    o.swipe(BERT)
    await o.expect("Authorize", {"idToken": {"idToken": BERT}})
    await o.silence(20, "TransactionEvent")
    await run.authorized(ANNA)
    await run.energy_started()
    assert_whole(o, run)


@pytest.mark.ocpp("2.0.1", "E02.FR.18")
@pytest.mark.parametrize("phases", [1, 3])
@octt()
async def test_the_phases_used_are_told_once_energy_flows(o: Octt, phases: int) -> None:
    run = Run(o)
    await run.ev_connected(phases=phases)
    await run.energy_started()
    await o.event({"numberOfPhasesUsed": phases}, within_s=70)


@pytest.mark.ocpp("2.0.1", "F01.FR.23", "F02.FR.25")
@pytest.mark.parametrize("state", ["Faulted", "Unavailable"])
@octt()
async def test_a_remote_start_where_nothing_works_is_rejected(o: Octt, state: str) -> None:
    if state == "Faulted":
        o.world.verb("fault", evse=1, kind="rcd", value="trip")
    else:
        await o.command("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}})
    await o.status(state)
    request = {"idToken": {"idToken": ANNA, "type": "ISO14443"}, "remoteStartId": 1, "evseId": 1}
    assert (await o.command("RequestStartTransaction", request))["status"] == "Rejected"


@pytest.mark.ocpp("2.0.1", "G05.FR.01")
@octt()
async def test_a_plug_that_does_not_lock_is_not_charged(o: Octt) -> None:
    o.world.verb("fault", evse=1, kind="lock_jam")
    o.plug()
    await o.status("Occupied")
    o.swipe()
    await o.sleep(30)
    assert o.contact() == "open"
    assert not o.payloads("TransactionEvent", {"transactionInfo": {"chargingState": "Charging"}})


@pytest.mark.ocpp("2.0.1", "E01.FR.01")
@octt()
async def test_two_points_start_one_transaction(o: Octt) -> None:
    run = await Run.configured(o, "EVConnected,Authorized,EnergyTransfer")
    await run.authorized()
    await run.ev_connected()
    await run.energy_started()
    assert_whole(o, run)
