"""C01, C09, C15, C16: who may charge and who may stop, online and off."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.logic.values import IdToken
from tests.conformance_v201.boards import one_evse
from tests.conformance_v201.octt import ANNA, BERT, CARA, Octt, octt
from tests.conformance_v201.patterns import ABSENT, one_of
from tests.conformance_v201.states import Run

REFUSALS = (
    "Invalid",
    "Blocked",
    "Expired",
    "Unknown",
    "NoCredit",
    "NotAllowedTypeEVSE",
    "NotAtThisLocation",
    "NotAtThisTime",
)


@pytest.mark.ocpp("2.0.1", "TC_C_02_CS", "TC_C_06_CS", "TC_C_07_CS", "TC_C_56_CS", "C01.FR.01", "C01.FR.02")
@pytest.mark.parametrize("status", [*REFUSALS, "ConcurrentTx"])
@octt()
async def test_a_token_that_is_refused_starts_nothing(o: Octt, status: str) -> None:
    o.csms.tokens.add(ANNA, status)
    run = Run(o)
    await run.ev_connected()
    o.swipe(ANNA)
    await o.expect("Authorize", {"idToken": {"idToken": ANNA, "type": "ISO14443"}})
    await o.silence(35, "TransactionEvent")
    assert o.contact() == "open" and not o.world.evse(1)["advertising"]


@pytest.mark.ocpp("2.0.1", "TC_C_05_CS", "C01.FR.02")
@octt({"TxCtrlr.TxStartPoint": "Authorized"})
async def test_a_token_that_is_refused_before_the_plug_starts_nothing(o: Octt) -> None:
    o.csms.tokens.add(ANNA, "Invalid")
    o.swipe(ANNA)
    await o.expect("Authorize", {"idToken": {"idToken": ANNA}})
    await o.silence(35, "TransactionEvent")
    o.plug()
    await o.silence(20, "TransactionEvent")


@pytest.mark.ocpp("2.0.1", "C01.FR.02")
@pytest.mark.parametrize("way", ["CALLERROR", "silence"])
@octt({"AuthCtrlr.LocalAuthorizeOffline": "true"})
async def test_a_csms_that_does_not_answer_about_a_token(o: Octt, way: str) -> None:
    (o.csms.behaviour.fail if way == "CALLERROR" else o.csms.behaviour.ignore)("Authorize")
    run = Run(o)
    await run.ev_connected()
    o.swipe(ANNA)
    await o.silence(60, "TransactionEvent")
    await run.authorized(ANNA)  # and the next time it does
    await run.energy_started()


@pytest.mark.ocpp("2.0.1", "C01.FR.20", "C01.FR.21")
@octt()
async def test_a_token_for_the_other_evse_starts_nothing_here(o: Octt) -> None:
    o.csms.behaviour.answer("Authorize", {"idTokenInfo": {"status": "Accepted", "evseId": [2]}})
    run = Run(o)
    await run.ev_connected()
    o.swipe(ANNA)
    await o.silence(20, "TransactionEvent")
    assert o.contact() == "open"


@pytest.mark.ocpp("2.0.1", "TC_C_04_CS", "C01.FR.02", "C01.FR.03")
@octt(board=one_evse)
async def test_a_stranger_stops_nobody(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    o.swipe(BERT)
    await o.expect("Authorize", {"idToken": {"idToken": BERT}})
    await o.silence(35, "TransactionEvent", {"idToken": {"idToken": BERT}})
    assert o.contact() == "closed" and run.is_running


@pytest.mark.ocpp("2.0.1", "TC_C_39_CS", "C09.FR.02", "C09.FR.03", "C09.FR.05")
@octt(board=one_evse)
async def test_a_friend_of_the_group_stops(o: Octt) -> None:
    for token in (ANNA, BERT):
        o.csms.tokens.add(token, group="FAMILY")
    run = Run(o)
    await run.charging()
    o.swipe(BERT)
    await o.expect("Authorize", {"idToken": {"idToken": BERT}})
    ended = await o.event({"eventType": "Ended", "triggerReason": "StopAuthorized"})
    assert ended["idToken"]["idToken"] == BERT
    assert ended["transactionInfo"].get("stoppedReason", "Local") == "Local"
    run.transaction_id = None
    await run.ev_disconnected()


@pytest.mark.ocpp("2.0.1", "TC_C_42_CS", "C09.FR.11")
@octt(board=one_evse)
async def test_a_friend_whose_token_is_invalid_does_not_stop(o: Octt) -> None:
    o.csms.tokens.add(ANNA, group="FAMILY")
    o.csms.tokens.add(BERT, "Invalid", group="FAMILY")
    run = Run(o)
    await run.charging()
    o.swipe(BERT)
    await o.expect("Authorize", {"idToken": {"idToken": BERT}})
    await o.silence(35, "TransactionEvent", {"triggerReason": "StopAuthorized"})
    assert o.contact() == "closed"


@pytest.mark.ocpp("2.0.1", "TC_C_45_CS", "C16.FR.03")
@pytest.mark.parametrize("start", ["Authorized", "PowerPathClosed"])
@octt({"AuthCtrlr.MasterPassGroupId": "MASTERS"})
async def test_a_master_pass_starts_nothing(o: Octt, start: str) -> None:
    o.csms.tokens.add(CARA, group="MASTERS")
    await o.configure({"TxCtrlr.TxStartPoint": start})
    o.swipe(CARA)
    await o.expect("Authorize", {"idToken": {"idToken": CARA}})
    o.plug()
    await o.status("Occupied")
    await o.silence(30, "TransactionEvent")
    assert o.contact() == "open"


@pytest.mark.ocpp("2.0.1", "TC_C_49_CS", "C16.FR.02", "C16.FR.07", "C16.FR.08")
@pytest.mark.parametrize("stop", ["Authorized", "EVConnected"])
@octt({"AuthCtrlr.MasterPassGroupId": "MASTERS"})
async def test_a_master_pass_stops_everything(o: Octt, stop: str) -> None:
    o.csms.tokens.add(CARA, group="MASTERS")
    for evse, token in ((1, ANNA), (2, BERT)):
        run = await Run.configured(o, "PowerPathClosed", stop, evse=evse)
        await run.ev_connected()
        await run.authorized(token)
        await run.energy_started()
    o.swipe(CARA)
    await o.expect("Authorize", {"idToken": {"idToken": CARA}})
    for evse in (1, 2):
        told = one_of(ABSENT, {"idToken": CARA})
        await o.event({"triggerReason": "StopAuthorized", "evse": {"id": evse}, "idToken": told})
        await o.until(lambda evse=evse: o.contact(evse) == "open", 15, "the contact opens")  # type: ignore[misc]
        if stop == "EVConnected":
            await o.until(lambda evse=evse: o.world.evse(evse)["lock_position"] == 0, 5, "free")  # type: ignore[misc]
            o.unplug(evse)
    await o.until(lambda: not any(each.is_open for each in o.transactions), 20, "all have ended")
    assert [each.reason for each in o.transactions] == ["MasterPass", "MasterPass"]


@pytest.mark.ocpp("2.0.1", "TC_E_52_CS", "C01.FR.05")
@octt({"AuthCtrlr.DisableRemoteAuthorization": "true"})
async def test_where_remote_authorisation_is_disabled_nobody_is_asked(o: Octt) -> None:
    o.forget()
    o.swipe(ANNA)
    await o.sleep(5)
    o.plug()
    await o.status("Occupied")
    o.swipe(ANNA)
    await o.sleep(30)
    assert not o.calls("Authorize") and not o.calls("TransactionEvent")
    assert o.contact() == "open"


@pytest.mark.ocpp("2.0.1", "C02.FR.01", "C02.FR.03", "E02.FR.01")
@octt({"AuthCtrlr.Enabled": "false"})
async def test_where_nobody_needs_to_authorise_the_plug_does(o: Octt) -> None:
    o.plug()
    started = await o.event({"eventType": "Started"})
    assert started["idToken"] == {"idToken": "", "type": "NoAuthorization"}
    await o.event({"transactionInfo": {"chargingState": "Charging"}})
    assert not o.calls("Authorize")
    o.unplug()
    await o.event({"eventType": "Ended", "triggerReason": "EVCommunicationLost"})
    await o.configure({"AuthCtrlr.Enabled": "true"})
    o.plug()
    await o.silence(20, "TransactionEvent")


@pytest.mark.ocpp("2.0.1", "C15.FR.02", "C15.FR.06", "C13.FR.04")
@pytest.mark.parametrize("may", [True, False])
@octt()
async def test_an_unknown_token_offline_is_a_setting(o: Octt, may: bool) -> None:
    await o.configure({"AuthCtrlr.OfflineTxForUnknownIdEnabled": str(may).lower()})
    o.lose_network()
    o.plug()
    await o.sleep(2)
    o.swipe(ANNA)
    await o.sleep(15)
    assert o.contact() == ("closed" if may else "open")
    await o.restore_network()
    if may:
        await o.event({"eventType": "Started", "offline": True, "idToken": {"idToken": ANNA}})
    else:
        await o.silence(20, "TransactionEvent")


async def start_offline(o: Octt, token: str = ANNA) -> None:
    """Reusable state StartOfflineTransaction."""
    o.lose_network()
    await o.sleep(1)
    o.plug()
    await o.sleep(2)
    o.swipe(token)
    await o.until(lambda: o.contact() == "closed", 20, "energy flows")
    await o.sleep(20)


@pytest.mark.ocpp("2.0.1", "TC_C_26_CS", "C15.FR.08", "E05.FR.02", "E04.FR.03")
@octt(
    {
        "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true",
        "TxCtrlr.MaxEnergyOnInvalidId": "0",
        "TxCtrlr.StopTxOnInvalidId": "false",
    }
)
async def test_an_unknown_token_that_turns_out_invalid_is_suspended(o: Octt) -> None:
    o.csms.tokens.add(ANNA, "Invalid")
    await start_offline(o)
    o.forget()
    await o.restore_network()
    await o.status("Occupied")
    await o.event({"offline": True, "idToken": {"idToken": ANNA}})
    suspended = {"triggerReason": "ChargingStateChanged", "transactionInfo": {"chargingState": "SuspendedEVSE"}}
    await o.event(suspended)
    await o.until(lambda: o.contact() == "open", 10, "the contact opens")
    await o.silence(60, "TransactionEvent", {"eventType": "Ended"})
    o.swipe(ANNA)
    await o.event({"eventType": "Ended", "triggerReason": "StopAuthorized"})


@pytest.mark.ocpp("2.0.1", "TC_E_16_CS", "TC_C_16_CS", "TC_C_18_CS", "E06.FR.04", "E06.FR.15", "C15.FR.04", "E05.FR.10")
@pytest.mark.ocpp("2.0.1", "C12.FR.02", "C12.FR.04")
@pytest.mark.parametrize("allowed_wh", ["0", "500"])
@pytest.mark.parametrize("stop", ["Authorized", "PowerPathClosed", "EnergyTransfer"])
@octt({"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true", "TxCtrlr.StopTxOnInvalidId": "true"})
async def test_an_unknown_token_that_turns_out_invalid_ends(o: Octt, stop: str, allowed_wh: str) -> None:
    await o.configure({"TxCtrlr.MaxEnergyOnInvalidId": allowed_wh, "TxCtrlr.TxStopPoint": stop})
    o.csms.tokens.add(ANNA, "Invalid")
    await start_offline(o)
    await o.restore_network()
    await o.event({"offline": True, "idToken": {"idToken": ANNA}})
    await o.event({"offline": True, "triggerReason": "ChargingStateChanged"})
    ended = {
        "eventType": "Ended",
        "triggerReason": "Deauthorized",
        "transactionInfo": {"stoppedReason": "DeAuthorized"},
    }
    await o.event({**ended, "offline": one_of(ABSENT, False)})
    assert o.contact() == "open"


@pytest.mark.ocpp("2.0.1", "E05.FR.09", "C15.FR.03")
@octt(
    {
        "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true",
        "TxCtrlr.StopTxOnInvalidId": "true",
        "TxCtrlr.TxStopPoint": "EVConnected",
    }
)
async def test_an_invalid_token_deauthorises_where_only_the_plug_ends(o: Octt) -> None:
    o.csms.tokens.add(ANNA, "Invalid")
    await start_offline(o)
    await o.restore_network()
    await o.event({"eventType": "Updated", "triggerReason": "Deauthorized"})
    await o.event({"triggerReason": "ChargingStateChanged", "transactionInfo": {"chargingState": "EVConnected"}})
    assert o.contact() == "open"
    await o.silence(60, "TransactionEvent", {"eventType": "Ended"})


@pytest.mark.ocpp("2.0.1", "E05.FR.11", "E06.FR.10")
@octt({"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true", "TxCtrlr.StopTxOnInvalidId": "true"})
async def test_the_cable_of_a_deauthorised_driver_waits_for_him(o: Octt) -> None:
    o.csms.tokens.add(ANNA, "Invalid")
    await start_offline(o)
    await o.restore_network()
    await o.event({"eventType": "Ended", "triggerReason": "Deauthorized"})
    await o.sleep(20)
    assert o.world.evse(1)["lock_position"] == 1
    o.swipe(ANNA)
    await o.until(lambda: o.world.evse(1)["lock_position"] == 0, 5, "the cable is free")


@pytest.mark.ocpp("2.0.1", "C15.FR.01")
@octt({"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"})
async def test_an_unknown_token_is_not_known_by_having_charged(o: Octt) -> None:
    await start_offline(o)
    o.swipe(ANNA)
    await o.until(lambda: o.contact() == "open", 15, "the contact opens")
    await o.until(lambda: o.world.evse(1)["lock_position"] == 0, 5, "the cable is free")
    o.unplug()
    assert o.world.store is not None and o.world.store.cache_get(IdToken(ANNA)) is None


@pytest.mark.ocpp("2.0.1", "E05.FR.03", "TC_C_15_CS", "C15.FR.07")
@octt(
    {
        "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true",
        "TxCtrlr.StopTxOnInvalidId": "false",
        "TxCtrlr.MaxEnergyOnInvalidId": "1000",
    }
)
async def test_an_invalid_token_gets_its_allowance_and_no_more(o: Octt) -> None:
    o.csms.tokens.add(ANNA, "Invalid")
    await start_offline(o)
    await o.restore_network()
    await o.event({"offline": True, "idToken": {"idToken": ANNA}})
    await o.event({"offline": True, "triggerReason": "ChargingStateChanged"})
    await o.silence(30, "TransactionEvent", {"transactionInfo": {"chargingState": "SuspendedEVSE"}})
    assert o.contact() == "closed"
    await o.event({"transactionInfo": {"chargingState": "SuspendedEVSE"}}, within_s=400)
    await o.until(lambda: o.contact() == "open", 10, "the contact opens")
    assert (
        1000 <= o.world.evse(1)["energy_wh"] <= 1100
    )  # it is looked at once a second, and the car has its time to stop


@pytest.mark.ocpp("2.0.1", "E04.FR.01", "C13.FR.02")
@octt()
async def test_an_expired_token_is_not_good_offline(o: Octt) -> None:
    o.csms.tokens.add(ANNA, expires=o.now + timedelta(seconds=60))
    run = Run(o)
    await run.charging(5)
    await run.stop_authorized()
    await run.ev_disconnected()
    await o.sleep(60)
    o.lose_network()
    o.plug()
    await o.sleep(2)
    o.swipe(ANNA)
    await o.sleep(20)
    assert o.contact() == "open"
