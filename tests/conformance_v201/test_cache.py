"""C10-C12: the authorization cache: what it saves, what it must not be believed, how it is kept and cleared."""

from __future__ import annotations

import pytest

from tests.conformance_v201.boards import one_evse
from tests.conformance_v201.octt import ANNA, BERT, CARA, Octt, octt
from tests.conformance_v201.patterns import ABSENT, one_of
from tests.conformance_v201.states import Run

PRE = {"AuthCacheCtrlr.Enabled": "true", "AuthCtrlr.LocalPreAuthorize": "true"}


async def cached(o: Octt, token: str = ANNA) -> None:
    """Memory state IdTokenCached: the CSMS says of the token what it says."""
    status = o.csms.tokens.look_up(token, o.now).status
    run = Run(o)
    await run.ev_connected()
    if status == "Accepted":
        await run.authorized(token)
        await run.energy_started()
        await run.stop_authorized()
        await run.ev_disconnected()
    else:
        o.swipe(token)
        await o.expect("Authorize", {"idToken": {"idToken": token}})
        await o.sleep(2)
        o.unplug()
        await o.status("Available")
    await o.sleep(2)
    o.forget()


@pytest.mark.ocpp("2.0.1", "TC_C_08_CS", "C12.FR.02", "C12.FR.04")
@octt(PRE)
async def test_a_known_token_starts_at_once(o: Octt) -> None:
    await cached(o)
    run = Run(o)
    await run.ev_connected()
    await run.authorized(is_cached=True)
    await run.energy_started()
    assert not o.calls("Authorize")


@pytest.mark.ocpp("2.0.1", "TC_C_13_CS", "C12.FR.02", "C12.FR.04")
@octt({**PRE, "TxCtrlr.TxStartPoint": "Authorized"})
async def test_a_known_token_before_the_plug(o: Octt) -> None:
    await cached_by_card_first(o)
    run = Run(o, "Authorized")
    await run.authorized(is_cached=True)
    await o.silence(10, "TransactionEvent")
    await run.ev_connected()
    await run.energy_started()
    assert not o.calls("Authorize")


async def cached_by_card_first(o: Octt, token: str = ANNA) -> None:
    run = Run(o, "Authorized")
    await run.authorized(token)
    await run.ev_connected()
    await run.energy_started()
    await run.stop_authorized()
    await run.ev_disconnected()
    await o.sleep(5)
    o.forget()


@pytest.mark.ocpp("2.0.1", "TC_C_09_CS", "TC_C_10_CS", "TC_C_11_CS", "C12.FR.05", "C10.FR.03", "C10.FR.01")
@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired"])
@octt(PRE)
async def test_a_token_known_as_refused_is_asked_about_again(o: Octt, status: str) -> None:
    o.csms.tokens.add(ANNA, status)
    await cached(o)
    run = Run(o)
    await run.ev_connected()
    o.swipe(ANNA)
    await o.expect("Authorize", {"idToken": {"idToken": ANNA}})
    await o.silence(30, "TransactionEvent")


@pytest.mark.ocpp("2.0.1", "TC_C_12_CS", "C12.FR.05", "C10.FR.03")
@octt(PRE)
async def test_a_token_known_as_refused_may_be_good_now(o: Octt) -> None:
    o.csms.tokens.add(ANNA, "Invalid")
    await cached(o)
    o.csms.tokens.add(ANNA, "Accepted")
    run = Run(o)
    await run.ev_connected()
    await run.authorized()
    await run.energy_started()


@pytest.mark.ocpp("2.0.1", "TC_C_57_CS", "C10.FR.03", "C12.FR.05")
@octt({**PRE, "AuthCacheCtrlr.DisablePostAuthorize": "true"})
async def test_a_token_known_as_refused_may_be_left_at_that(o: Octt) -> None:
    o.csms.tokens.add(ANNA, "Invalid")
    await cached(o)
    run = Run(o)
    await run.ev_connected()
    o.swipe(ANNA)
    await o.silence(30)
    assert o.contact() == "open"


@pytest.mark.ocpp("2.0.1", "C01.FR.05", "TC_E_52_CS")
@octt({"AuthCtrlr.DisableRemoteAuthorization": "false"})
async def test_without_remote_authorisation_a_known_token_still_starts(o: Octt) -> None:
    await cached(o)
    await o.configure({"AuthCtrlr.DisableRemoteAuthorization": "true"})
    run = Run(o)
    await run.ev_connected()
    await run.authorized(is_cached=True)
    await run.energy_started()
    assert not o.calls("Authorize")


@pytest.mark.ocpp("2.0.1", "TC_C_14_CS", "C12.FR.09", "C16.FR.03", "C16.FR.04")
@octt({**PRE, "AuthCtrlr.MasterPassGroupId": "MASTERS"})
async def test_a_known_master_pass_stops_and_never_starts(o: Octt) -> None:
    o.csms.tokens.add(CARA, group="MASTERS")
    o.swipe(CARA)  # known from now on
    await o.expect("Authorize", {"idToken": {"idToken": CARA}})
    run = Run(o)
    await run.ev_connected()
    o.swipe(CARA)
    await o.silence(15, "TransactionEvent")
    run.is_authorized = False
    await run.authorized(ANNA)
    await run.energy_started()
    o.forget()
    o.swipe(CARA)
    told = one_of(ABSENT, {"idToken": CARA})
    ended = {"triggerReason": "StopAuthorized", "idToken": told, "transactionInfo": {"stoppedReason": "MasterPass"}}
    await o.event({"eventType": "Ended", **ended})


async def starts_offline(o: Octt) -> None:
    """The known token charges while the CSMS is away, and is Invalid when it is back."""
    await cached(o)
    o.plug()
    await o.status("Occupied")
    o.lose_network()
    await o.sleep(1)
    o.swipe(ANNA)
    await o.until(lambda: o.contact() == "closed", 20, "energy flows")
    await o.sleep(20)
    o.csms.tokens.add(ANNA, "Invalid")
    o.forget()
    await o.restore_network()
    await o.event({"offline": True, "idToken": {"idToken": ANNA}, "triggerReason": "Authorized"})
    await o.event({"offline": True, "triggerReason": "ChargingStateChanged"})


@pytest.mark.ocpp("2.0.1", "TC_C_15_CS", "E05.FR.03")
@octt({**PRE, "TxCtrlr.StopTxOnInvalidId": "false", "TxCtrlr.MaxEnergyOnInvalidId": "10000"})
async def test_a_known_token_that_is_invalid_by_now_has_an_allowance(o: Octt) -> None:
    await starts_offline(o)
    await o.silence(120, "TransactionEvent", {"triggerReason": one_of("Deauthorized", "ChargingStateChanged")})
    assert o.contact() == "closed"


@pytest.mark.ocpp("2.0.1", "TC_C_16_CS", "E05.FR.10", "C10.FR.05")
@octt({**PRE, "TxCtrlr.StopTxOnInvalidId": "true", "TxCtrlr.MaxEnergyOnInvalidId": "0"})
async def test_a_known_token_that_is_invalid_by_now_is_stopped(o: Octt) -> None:
    await starts_offline(o)
    await o.event({"eventType": "Ended", "triggerReason": "Deauthorized", "offline": one_of(ABSENT, False)})
    assert o.contact() == "open"


@pytest.mark.ocpp("2.0.1", "TC_C_17_CS", "E05.FR.02")
@octt({**PRE, "TxCtrlr.StopTxOnInvalidId": "false", "TxCtrlr.MaxEnergyOnInvalidId": "0"})
async def test_a_known_token_that_is_invalid_by_now_is_suspended(o: Octt) -> None:
    await starts_offline(o)
    suspended = {"triggerReason": "ChargingStateChanged", "transactionInfo": {"chargingState": "SuspendedEVSE"}}
    await o.event(suspended)
    await o.until(lambda: o.contact() == "open", 10, "the contact opens")
    await o.silence(60, "TransactionEvent", {"eventType": "Ended"})


@pytest.mark.ocpp("2.0.1", "C10.FR.02")
@pytest.mark.parametrize("how", ["reset", "power"])
@octt(PRE)
async def test_what_is_known_survives_a_reboot(o: Octt, how: str) -> None:
    await cached(o)
    if how == "reset":
        await o.command("Reset", {"type": "Immediate"})
    else:
        await o.power_cycle()
    await o.booted()
    await o.sleep(3)
    o.forget()
    run = Run(o)
    await run.ev_connected()
    await run.authorized(is_cached=True)
    await run.energy_started()
    assert not o.calls("Authorize")


@pytest.mark.ocpp("2.0.1", "TC_C_33_CS", "C10.FR.04", "C12.FR.06")
@octt({**PRE, "TxCtrlr.StopTxOnInvalidId": "true"})
async def test_the_answer_to_authorize_is_remembered(o: Octt) -> None:
    await cached(o)
    o.csms.tokens.add(ANNA, "Invalid")
    run = Run(o)
    await run.ev_connected()
    await run.authorized(is_cached=True)
    await o.event({"eventType": "Ended", "triggerReason": "Deauthorized"})
    assert not o.calls("Authorize")


@pytest.mark.ocpp("2.0.1", "TC_C_34_CS", "C10.FR.05", "C12.FR.06")
@octt({**PRE, "TxCtrlr.StopTxOnInvalidId": "true", "TxCtrlr.MaxEnergyOnInvalidId": "0"})
async def test_the_answer_to_a_transaction_event_is_remembered(o: Octt) -> None:
    await cached(o)
    o.csms.tokens.add(ANNA, "Invalid")
    run = Run(o)
    await run.ev_connected()
    await run.authorized(is_cached=True)
    await o.event({"eventType": "Ended", "triggerReason": "Deauthorized"})
    await o.sleep(5)
    o.swipe(ANNA)  # fetches the cable
    await o.until(lambda: o.world.evse(1)["lock_position"] == 0, 10, "the cable is free")
    o.unplug()
    await o.status("Available")
    await o.sleep(5)
    o.forget()
    o.plug()
    await o.status("Occupied")
    o.swipe(ANNA)
    await o.expect("Authorize", {"idToken": {"idToken": ANNA}})
    await o.silence(20, "TransactionEvent")


@pytest.mark.ocpp("2.0.1", "TC_C_36_CS", "C10.FR.11")
@pytest.mark.parametrize(
    "settings",
    [
        {"AuthCacheCtrlr.Enabled": "true", "AuthCtrlr.LocalPreAuthorize": "false"},
        {"AuthCacheCtrlr.Enabled": "false", "AuthCtrlr.LocalPreAuthorize": "true"},
    ],
    ids=["no pre-authorisation", "no cache"],
)
@octt()
async def test_where_the_cache_is_not_to_be_used_the_csms_is_asked(o: Octt, settings: dict[str, str]) -> None:
    await o.configure(settings)
    await cached(o)
    o.csms.tokens.add(ANNA, "Invalid")
    run = Run(o)
    await run.ev_connected()
    o.swipe(ANNA)
    await o.expect("Authorize", {"idToken": {"idToken": ANNA}})
    await o.silence(20, "TransactionEvent")


@pytest.mark.ocpp("2.0.1", "TC_C_37_CS", "C11.FR.01", "C11.FR.02", "C11.FR.03")
@octt(PRE)
async def test_a_cleared_cache_knows_nobody(o: Octt) -> None:
    await cached(o)
    assert await o.command("ClearCache") == {"status": "Accepted"}
    run = Run(o)
    await run.ev_connected()
    await run.authorized()
    await run.energy_started()


@pytest.mark.ocpp("2.0.1", "TC_C_38_CS", "C11.FR.02", "C11.FR.04")
@octt({"AuthCacheCtrlr.Enabled": "false"})
async def test_a_cache_that_is_off_is_not_cleared(o: Octt) -> None:
    assert (await o.command("ClearCache"))["status"] == "Rejected"


@pytest.mark.ocpp("2.0.1", "TC_C_41_CS", "C09.FR.02", "C09.FR.03", "C09.FR.07", "C01.FR.03")
@octt(PRE)
async def test_a_known_friend_stops_without_a_question(o: Octt) -> None:
    for token in (ANNA, BERT):
        o.csms.tokens.add(token, group="FAMILY")
        await cached(o, token)
    run = Run(o)
    await run.ev_connected()
    await run.authorized(ANNA, is_cached=True)
    await run.energy_started()
    ended = await run.stop_authorized(BERT)
    assert ended["idToken"]["idToken"] == BERT
    assert not o.calls("Authorize")
    await run.ev_disconnected()


@pytest.mark.ocpp("2.0.1", "TC_C_44_CS", "C09.FR.07", "C09.FR.11")
@octt(PRE, board=one_evse)
async def test_a_known_friend_whose_token_is_invalid_does_not_stop(o: Octt) -> None:
    o.csms.tokens.add(ANNA, group="FAMILY")
    o.csms.tokens.add(BERT, "Invalid", group="FAMILY")
    await cached(o, ANNA)
    await cached(o, BERT)
    run = Run(o)
    await run.ev_connected()
    await run.authorized(ANNA, is_cached=True)
    await run.energy_started()
    o.swipe(BERT)
    await o.expect("Authorize", {"idToken": {"idToken": BERT}})
    await o.silence(30, "TransactionEvent", {"triggerReason": "StopAuthorized"})
    assert o.contact() == "closed"


@pytest.mark.ocpp("2.0.1", "TC_C_46_CS", "C10.FR.08", "C10.FR.10")
@octt({**PRE, "AuthCacheCtrlr.LifeTime": "60"})
async def test_what_is_known_is_forgotten_in_time(o: Octt) -> None:
    await cached(o)
    run = Run(o)
    await run.ev_connected()
    await o.sleep(61)
    await run.authorized()  # asks
    await run.energy_started()


@pytest.mark.ocpp("2.0.1", "E08.FR.01", "E08.FR.02", "E08.FR.04", "TC_E_45_CS", "E08.FR.05", "E08.FR.06", "E08.FR.07")
@pytest.mark.parametrize("who", [ANNA, BERT], ids=["the same token", "a friend"])
@octt()
async def test_who_started_or_a_friend_stops_offline(o: Octt, who: str) -> None:
    for token in (ANNA, BERT):
        o.csms.tokens.add(token, group="FAMILY")
    await cached(o, BERT)
    run = Run(o)
    await run.charging(5)
    o.forget()
    o.lose_network()
    await o.sleep(1)
    o.swipe(who)
    await o.until(lambda: o.contact() == "open", 15, "the contact opens")
    await o.until(lambda: o.world.evse(1)["lock_position"] == 0, 5, "the cable is free")
    o.unplug()
    await o.restore_network()
    await o.event({"eventType": "Ended", "triggerReason": "StopAuthorized", "offline": True})
    assert all(event["offline"] for event in o.payloads("TransactionEvent"))
