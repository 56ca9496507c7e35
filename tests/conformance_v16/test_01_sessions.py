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


@pytest.mark.ocpp("1.6", "§4.9", "§9.1.6", "Authorize")
@scenario
async def test_card_first_prepares_and_starts_at_the_plug(octt: Octt) -> None:
    """The station has one reader for two connectors: the card is for the one that is plugged in next."""
    await octt.swipe()
    await octt.sees("Authorize", idTag=TAG)
    assert not octt.calls("StartTransaction")
    await octt.plug(2)
    start = await octt.sees("StartTransaction", connectorId=2, idTag=TAG)
    await octt.energised(2)
    await octt.status("Charging", 2)
    assert octt.contact(1) == "open"
    assert octt.statuses(2) == ["Preparing", "Charging"]
    assert len(octt.calls("StartTransaction")) == 1 and start["meterStart"] == 2_000_000


@pytest.mark.ocpp("1.6", "§9.1.6", "ConnectionTimeOut")
@scenario(keys={"ConnectionTimeOut": 20})
async def test_a_card_without_a_car_is_forgotten_after_connection_time_out(octt: Octt) -> None:
    await octt.swipe()
    await octt.sees("Authorize")
    await octt.sleep(25)
    await octt.plug()
    await octt.sleep(10)
    assert not octt.calls("StartTransaction") and octt.contact() == "open"
    assert octt.statuses()[-1] == "Preparing"


@pytest.mark.ocpp("1.6", "§4.9")
@scenario
async def test_two_connectors_charge_at_once_with_their_own_transactions(octt: Octt) -> None:
    one = await octt.charging(1, TAG)
    two = await octt.charging(2, FRIEND)
    assert one != two and octt.contact(1) == octt.contact(2) == "closed"
    await octt.swipe(TAG)
    await octt.sees("StopTransaction", transactionId=one)
    await octt.dead(1)
    assert octt.contact(2) == "closed" and octt.transaction(two).is_open
    await octt.swipe(FRIEND)
    await octt.sees("StopTransaction", transactionId=two)
    await octt.dead(2)


@pytest.mark.ocpp("1.6", "§4.10", "§7.36", "StopTransactionOnEVSideDisconnect", "UnlockConnectorOnEVSideDisconnect")
@scenario
async def test_unplugged_at_the_ev_ends_it_and_unlocks(octt: Octt) -> None:
    transaction = await octt.charging()
    await octt.unplug()
    await octt.dead(within_s=1)
    await octt.sees("StopTransaction", transactionId=transaction, reason="EVDisconnected")
    await octt.status("Available")
    await octt.world.until(lambda: not octt.world.evse(1)["locked"], 10, "the lock opens")


@pytest.mark.ocpp("1.6", "§4.10", "StopTransactionOnEVSideDisconnect")
@scenario(keys={"StopTransactionOnEVSideDisconnect": False})
async def test_unplugged_at_the_ev_suspends_where_configured_so_and_goes_on_after(octt: Octt) -> None:
    transaction = await octt.charging()
    await octt.unplug()
    await octt.dead(within_s=1)
    report = await octt.status("SuspendedEV")
    assert report["errorCode"] == "NoError" and report["info"] == "EV side disconnected"
    assert octt.world.evse(1)["locked"]  # §4.10: the cable always remains locked then
    await octt.sleep(120)
    assert octt.transaction(transaction).is_open
    await octt.plug()
    await octt.energised()
    await octt.status("Charging")
    await octt.swipe()
    await octt.sees("StopTransaction", transactionId=transaction, reason="Local")


@pytest.mark.ocpp("1.6", "§4.10", "UnlockConnectorOnEVSideDisconnect")
@scenario(keys={"UnlockConnectorOnEVSideDisconnect": False})
async def test_unplugged_at_the_ev_keeps_the_cable_for_its_owner_where_configured_so(octt: Octt) -> None:
    transaction = await octt.charging()
    await octt.unplug()
    stop = await octt.sees("StopTransaction", transactionId=transaction, reason="EVDisconnected")
    assert "idTag" not in stop
    report = await octt.status("Finishing")
    assert report["info"] == "EV side disconnected"  # §4.9
    await octt.sleep(60)
    assert octt.world.evse(1)["locked"]
    octt.csms.tokens.default = "Invalid"
    await octt.swipe(STRANGER)
    assert octt.world.evse(1)["locked"]
    await octt.swipe(TAG)
    await octt.world.until(lambda: not octt.world.evse(1)["locked"], 10, "the lock opens for its owner")
    await octt.status("Available")


@pytest.mark.ocpp("1.6", "§4.9", "§7.7")
@scenario(keys={"ConnectionTimeOut": 20})
async def test_a_car_without_a_card_stays_preparing_until_it_leaves(octt: Octt) -> None:
    await octt.plug()
    await octt.sleep(120)
    assert octt.statuses()[0] == "Preparing" and octt.contact() == "open"
    assert not octt.calls("StartTransaction")
    await octt.unplug()
    await octt.status("Available")


@pytest.mark.ocpp("1.6", "§4.9", "§7.7")
@scenario
async def test_a_second_session_without_unplugging_goes_from_finishing_to_preparing(octt: Octt) -> None:
    first = await octt.charging()
    await octt.swipe()
    await octt.sees("StopTransaction", transactionId=first)
    await octt.status("Finishing")
    await octt.sleep(10)
    await octt.swipe()
    await octt.energised()
    await octt.status("Charging")
    second = octt.csms.open_transaction("SIM-1", 1)
    assert second is not None and int(second.id) != first
    assert octt.statuses() == ["Finishing", "Preparing", "Charging"]
    assert octt.calls("StartTransaction")[0]["meterStart"] == octt.transaction(first).messages[-1]["meterStop"]


@pytest.mark.ocpp("1.6", "§4.9", "§7.7")
@scenario
async def test_an_ev_that_never_asks_is_reported_suspended_ev(octt: Octt) -> None:
    await octt.plug(sleepy=True)
    octt.world.verb("pause", evse=1)
    await octt.swipe()
    await octt.sees("StartTransaction")
    await octt.status("SuspendedEV")
    assert octt.contact() == "open"


@pytest.mark.ocpp("1.6", "§4.9", "§7.6", "§7.7")
@scenario
async def test_a_fault_while_charging_is_reported_and_ends_it(octt: Octt) -> None:
    transaction = await octt.charging()
    octt.world.verb("fault", evse=1, kind="rcd")
    await octt.dead(within_s=1)
    report = await octt.status("Faulted")
    assert report["errorCode"] == "GroundFailure" and report["vendorErrorCode"] and report["info"]
    await octt.sees("StopTransaction", transactionId=transaction)
    assert octt.statuses(2) == []


@pytest.mark.ocpp("1.6", "§4.9", "§7.6", "§7.7")
@scenario
async def test_a_passing_fault_of_a_free_connector_is_reported_and_revoked(octt: Octt) -> None:
    octt.world.verb("fault", kind="mains")
    report = await octt.status("Faulted")
    assert report["errorCode"] != "NoError"
    await octt.status("Faulted", 2)
    octt.world.verb("fault", kind="mains", clear=True)
    assert (await octt.status("Available"))["errorCode"] == "NoError"
    await octt.status("Available", 2)
    assert octt.statuses(0) == []  # §4.9: the station's own status has no direct connection to the connectors'


@pytest.mark.ocpp("1.6", "§7.6", "§7.36")
@scenario
async def test_the_emergency_stop_ends_it_with_its_own_reason(octt: Octt) -> None:
    transaction = await octt.charging()
    octt.world.verb("fault", kind="estop")
    await octt.dead(within_s=1)
    await octt.sees("StopTransaction", transactionId=transaction, reason="EmergencyStop")
    await octt.status("Faulted")


@pytest.mark.ocpp("1.6", "§3.10", "§4.1", "§4.10", "Authorize")
@scenario
async def test_a_card_of_the_same_parent_stops_it(octt: Octt) -> None:
    octt.csms.tokens.add(TAG, group=PARENT)
    octt.csms.tokens.add(FRIEND, group=PARENT)
    transaction = await octt.charging()
    await octt.swipe(FRIEND)
    await octt.sees("Authorize", idTag=FRIEND)
    stop = await octt.sees("StopTransaction", transactionId=transaction, reason="Local")
    assert stop["idTag"] == FRIEND
    await octt.dead()


@pytest.mark.ocpp("1.6", "§4.1", "§4.10")
@scenario
async def test_a_card_of_nobodys_parent_does_not_stop_it(octt: Octt) -> None:
    octt.csms.tokens.add(TAG, group=PARENT)
    transaction = await octt.charging()
    await octt.swipe(FRIEND)
    await octt.sleep(10)
    assert octt.contact() == "closed" and octt.transaction(transaction).is_open
    assert octt.statuses() == []


@pytest.mark.ocpp("1.6", "§3.10")
@scenario
async def test_the_parents_own_value_is_no_card(octt: Octt) -> None:
    """§3.10: the parent's identifier is not compared with a presented one."""
    octt.csms.tokens.add(TAG, group=FRIEND)
    transaction = await octt.charging()
    await octt.swipe(FRIEND)
    await octt.sleep(10)
    assert octt.contact() == "closed" and octt.transaction(transaction).is_open


@pytest.mark.ocpp("1.6", "§4.1", "§7.2", "Authorize")
@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired", "ConcurrentTx"])
@scenario
async def test_a_token_the_csms_refuses_does_not_charge(octt: Octt, status: str) -> None:
    octt.csms.tokens.add(TAG, status)
    await octt.plug()
    await octt.swipe()
    await octt.sees("Authorize", idTag=TAG)
    await octt.sleep(20)
    assert octt.contact() == "open" and not octt.calls("StartTransaction")
    assert octt.statuses() == ["Preparing"]


@pytest.mark.ocpp("1.6", "§3.9", "§7.28")
@scenario
async def test_a_long_uid_is_told_whole_and_stops_what_it_started(octt: Octt) -> None:
    """Ten bytes are the longest UID there is: 20 characters, exactly an idTag."""
    uid = "08112233445566778899"
    transaction = await octt.charging(token=uid)
    assert octt.transaction(transaction).id_token == uid
    await octt.swipe(uid)
    await octt.sees("StopTransaction", idTag=uid)


@pytest.mark.ocpp("1.6", "§3.9", "§7.28")
@scenario
async def test_id_tags_compare_without_regard_to_case(octt: Octt) -> None:
    await octt.plug()
    assert await octt.told("RemoteStartTransaction", connectorId=1, idTag="04a2b3c4d5e680") == "Accepted"
    await octt.energised()
    await octt.swipe(TAG)
    await octt.dead()
    assert not octt.calls("Authorize")
    await octt.sees("StopTransaction", reason="Local")
