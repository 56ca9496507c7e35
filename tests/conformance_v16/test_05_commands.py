"""Reset, ChangeAvailability, UnlockConnector, TriggerMessage, ClearCache, DataTransfer (§5.2, §5.4, §5.6, §5.14, §5.17, §5.18)."""

from __future__ import annotations

from typing import Any

import pytest

from hil.csms.log import Kind
from tests.conformance_v16.octt import FRIEND, TAG, Octt, scenario

# --- Reset ----------------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6", "§5.14", "Reset", "§4.2")
@pytest.mark.parametrize("kind", ["Soft", "Hard"])
@scenario
async def test_an_idle_station_resets_and_boots_again(octt: Octt, kind: str) -> None:
    assert await octt.told("Reset", type=kind) == "Accepted"
    await octt.sees("BootNotification", 30)
    for connector in (0, 1, 2):
        await octt.status("Available", connector)
    await octt.charging()


@pytest.mark.ocpp("1.6", "§5.14", "Reset")
@scenario
async def test_a_reset_ends_every_transaction_first(octt: Octt) -> None:
    one, two = await octt.charging(1, TAG), await octt.charging(2, FRIEND)
    assert await octt.told("Reset", type="Soft") == "Accepted"
    await octt.sees("BootNotification", 60)
    stops = octt.calls("StopTransaction")
    assert {stop["transactionId"] for stop in stops} == {one, two}
    assert {stop["reason"] for stop in stops} == {"SoftReset"}
    assert octt.contact(1) == octt.contact(2) == "open"
    order = octt.actions()
    assert order.index("BootNotification") > max(i for i, a in enumerate(order) if a == "StopTransaction")


@pytest.mark.ocpp("1.6", "§5.14", "§3.7", "Reset")
@scenario
async def test_a_stop_that_is_not_answered_before_the_reset_comes_after_it(octt: Octt) -> None:
    transaction = await octt.charging()
    octt.csms.behaviour.ignore("StopTransaction")
    assert await octt.told("Reset", type="Soft") == "Accepted"
    await octt.sees("StopTransaction", transactionId=transaction)
    await octt.sees("BootNotification", 60)
    stop = await octt.sees("StopTransaction", 60, transactionId=transaction)
    assert stop["reason"] == "SoftReset"
    assert octt.csms.duplicates and not octt.transaction(transaction).is_open


@pytest.mark.ocpp("1.6", "§5.14", "§7.7")
@scenario
async def test_a_car_that_stays_is_not_charged_again_after_a_reset(octt: Octt) -> None:
    await octt.charging()
    assert await octt.told("Reset", type="Hard") == "Accepted"
    await octt.sees("BootNotification", 60)
    await octt.sleep(30)
    assert octt.contact() == "open" and not octt.calls("StartTransaction")
    assert octt.statuses()[-1] in ("Finishing", "Preparing")
    await octt.swipe()
    await octt.energised()


@pytest.mark.ocpp("1.6", "§5.14")
@scenario
async def test_nothing_begins_while_a_reset_is_under_way(octt: Octt) -> None:
    await octt.charging(1, slow=True)
    assert await octt.told("Reset", type="Soft") == "Accepted"
    assert await octt.told("RemoteStartTransaction", connectorId=2, idTag="APP") == "Rejected"
    await octt.sees("BootNotification", 60)
    assert not octt.calls("StartTransaction")


@pytest.mark.ocpp("1.6", "§5.14", "J §4.2.3")
@scenario
async def test_an_unknown_kind_of_reset_is_refused(octt: Octt) -> None:
    await octt.says([2, "x1", "Reset", {"type": "Warm"}])
    (answer,) = await octt.says([2, "x2", "Reset", {"type": "Warm"}])
    assert answer[:3] == [4, "x2", "PropertyConstraintViolation"]
    assert octt.actions() == []


# --- ChangeAvailability ---------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6", "§5.2", "§4.9", "ChangeAvailability")
@scenario
async def test_a_connector_becomes_unavailable_and_available(octt: Octt) -> None:
    assert await octt.told("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
    await octt.status("Unavailable")
    await octt.plug()
    await octt.swipe()
    await octt.sleep(10)
    assert octt.contact() == "open" and not octt.calls("StartTransaction")
    assert octt.statuses() == ["Unavailable"] and octt.statuses(2) == octt.statuses(0) == []
    assert await octt.told("ChangeAvailability", connectorId=1, type="Operative") == "Accepted"
    await octt.status("Preparing")


@pytest.mark.ocpp("1.6", "§5.2", "ChangeAvailability")
@pytest.mark.parametrize("kind", ["Operative", "Inoperative"])
@scenario
async def test_what_is_so_already_is_accepted_and_told_no_second_time(octt: Octt, kind: str) -> None:
    assert await octt.told("ChangeAvailability", connectorId=1, type=kind) == "Accepted"
    await octt.sleep(5)
    before = octt.statuses()
    assert await octt.told("ChangeAvailability", connectorId=1, type=kind) == "Accepted"
    await octt.sleep(5)
    assert octt.statuses() == before


@pytest.mark.ocpp("1.6", "§5.2", "§7.3", "ChangeAvailability")
@scenario
async def test_a_charging_connector_finishes_first(octt: Octt) -> None:
    transaction = await octt.charging()
    assert await octt.told("ChangeAvailability", connectorId=1, type="Inoperative") == "Scheduled"
    assert await octt.told("ChangeAvailability", connectorId=1, type="Inoperative") == "Scheduled"
    await octt.sleep(30)
    assert octt.contact() == "closed" and octt.statuses() == []
    await octt.swipe()
    await octt.sees("StopTransaction", transactionId=transaction)
    await octt.status("Unavailable")
    await octt.swipe()
    await octt.sleep(10)
    assert octt.contact() == "open" and not octt.calls("StartTransaction")


@pytest.mark.ocpp("1.6", "§5.2", "§7.3")
@scenario
async def test_a_scheduled_change_can_be_taken_back(octt: Octt) -> None:
    await octt.charging()
    assert await octt.told("ChangeAvailability", connectorId=1, type="Inoperative") == "Scheduled"
    assert await octt.told("ChangeAvailability", connectorId=1, type="Operative") == "Accepted"
    await octt.swipe()
    await octt.status("Finishing")
    await octt.unplug()
    await octt.status("Available")
    assert "Unavailable" not in octt.statuses()


@pytest.mark.ocpp("1.6", "§5.2", "§3.8", "ChangeAvailability")
@scenario
async def test_connector_zero_means_the_station_and_all_its_connectors(octt: Octt) -> None:
    assert await octt.told("ChangeAvailability", connectorId=0, type="Inoperative") == "Accepted"
    for connector in (0, 1, 2):
        await octt.status("Unavailable", connector)
    assert await octt.told("ChangeAvailability", connectorId=0, type="Operative") == "Accepted"
    for connector in (0, 1, 2):
        await octt.status("Available", connector)


@pytest.mark.ocpp("1.6", "§5.2", "§7.3", "ChangeAvailability")
@scenario
async def test_connector_zero_waits_for_the_one_that_charges(octt: Octt) -> None:
    await octt.charging(1)
    assert await octt.told("ChangeAvailability", connectorId=0, type="Inoperative") == "Scheduled"
    await octt.status("Unavailable", 2)
    assert octt.contact(1) == "closed" and octt.statuses(1) == []
    await octt.swipe()
    await octt.status("Unavailable", 1)


@pytest.mark.ocpp("1.6", "§5.2", "ChangeAvailability")
@scenario
async def test_zero_operative_makes_every_connector_available(octt: Octt) -> None:
    """§5.2: for connector 0 the change applies to the Charge Point and all Connectors, however each was set before."""
    assert await octt.told("ChangeAvailability", connectorId=2, type="Inoperative") == "Accepted"
    await octt.status("Unavailable", 2)
    assert await octt.told("ChangeAvailability", connectorId=0, type="Operative") == "Accepted"
    await octt.status("Available", 2)


@pytest.mark.ocpp("1.6", "§5.2", "ChangeAvailability")
@scenario
async def test_one_connector_operative_after_the_station_was_made_inoperative(octt: Octt) -> None:
    assert await octt.told("ChangeAvailability", connectorId=0, type="Inoperative") == "Accepted"
    await octt.status("Unavailable", 2)
    assert await octt.told("ChangeAvailability", connectorId=2, type="Operative") == "Accepted"
    await octt.status("Available", 2)
    await octt.charging(2)


@pytest.mark.ocpp("1.6", "§5.2", "§5.14", "§4.9", "ChangeAvailability")
@pytest.mark.parametrize("how", ["reset", "power cut", "killed"])
@scenario
async def test_unavailable_persists(octt: Octt, how: str) -> None:
    assert await octt.told("ChangeAvailability", connectorId=2, type="Inoperative") == "Accepted"
    await octt.status("Unavailable", 2)
    octt.mark()
    if how == "reset":
        assert await octt.told("Reset", type="Hard") == "Accepted"
    elif how == "power cut":
        octt.world.verb("power_cut")
    else:
        await octt.world.restart_station()
    await octt.sees("BootNotification", 60)
    await octt.status("Unavailable", 2)
    await octt.status("Available", 1)
    assert octt.statuses(2) == ["Unavailable"]


@pytest.mark.ocpp("1.6", "§5.2", "§3.8")
@pytest.mark.parametrize("connector", [3, 99, -1])
@scenario
async def test_availability_of_an_unknown_connector_is_rejected(octt: Octt, connector: int) -> None:
    assert await octt.told("ChangeAvailability", connectorId=connector, type="Inoperative") == "Rejected"
    assert octt.actions() == []


# --- UnlockConnector ------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6", "§5.18", "UnlockConnector", "§7.46")
@scenario
async def test_unlock_without_a_transaction(octt: Octt) -> None:
    await octt.plug()
    assert octt.world.evse(1)["locked"]
    assert await octt.told("UnlockConnector", connectorId=1) == "Unlocked"
    assert not octt.world.evse(1)["locked"]
    assert await octt.told("UnlockConnector", connectorId=2) == "Unlocked"  # where no cable is


@pytest.mark.ocpp("1.6", "§5.18", "UnlockConnector")
@scenario
async def test_unlock_ends_the_transaction_first_and_opens_only_without_current(octt: Octt) -> None:
    transaction = await octt.charging(ignores_pwm_off=True)
    assert await octt.told("UnlockConnector", connectorId=1) == "Unlocked"
    await octt.sees("StopTransaction", transactionId=transaction, reason="UnlockCommand")
    edges = octt.world.plant.verb("state", since_s=0)["evses"][0]["edges"]
    opened = max(edge["at_s"] for edge in edges if edge["what"] == "contact" and not edge["value"])
    unlocked = max(edge["at_s"] for edge in edges if edge["what"] == "locked" and not edge["value"])
    assert opened < unlocked


@pytest.mark.ocpp("1.6", "§5.18", "§7.46", "§7.6", "UnlockConnector")
@scenario
async def test_a_jammed_lock_says_so(octt: Octt) -> None:
    await octt.plug()
    octt.world.verb("fault", evse=1, kind="lock_jam")
    assert await octt.told("UnlockConnector", connectorId=1) == "UnlockFailed"
    report = await octt.sees("StatusNotification", connectorId=1, errorCode="ConnectorLockFailure")
    assert report["status"] == "Faulted"


@pytest.mark.ocpp("1.6", "§4.9", "§7.6", "StatusNotification")
@scenario
async def test_no_transaction_begins_where_the_lock_does_not_move(octt: Octt) -> None:
    octt.world.verb("fault", evse=1, kind="lock_jam")
    await octt.plug()
    await octt.sees("StatusNotification", connectorId=1, errorCode="ConnectorLockFailure")
    await octt.swipe()
    await octt.sleep(20)
    assert octt.contact() == "open" and not octt.calls("StartTransaction")
    octt.world.verb("fault", evse=1, kind="lock_jam", clear=True)
    await octt.unplug()
    await octt.status("Available")


@pytest.mark.ocpp("1.6", "§5.18", "§7.46", "§3.8")
@pytest.mark.parametrize("connector", [0, 3, 99, -1])
@scenario
async def test_unlock_of_an_unknown_connector(octt: Octt, connector: int) -> None:
    assert await octt.told("UnlockConnector", connectorId=connector) == "NotSupported"  # errata §3.87


@pytest.mark.ocpp("1.6", "§5.18", "§4.9")
@scenario
async def test_unlock_lets_go_of_a_cable_that_is_kept_for_its_owner(octt: Octt) -> None:
    octt.csms.behaviour.answer("StartTransaction", {"transactionId": 5, "idTagInfo": {"status": "Invalid"}})
    octt.may_break.add(Kind.TRANSACTION)
    await octt.plug()
    await octt.swipe()
    await octt.sees("StopTransaction", reason="DeAuthorized")
    await octt.sleep(10)
    assert octt.world.evse(1)["locked"]
    assert await octt.told("UnlockConnector", connectorId=1) == "Unlocked"
    assert not octt.world.evse(1)["locked"]
    await octt.unplug()
    await octt.status("Available")


@pytest.mark.ocpp("1.6", "§5.18", "§4.10", "StopTransactionOnEVSideDisconnect")
@pytest.mark.parametrize("how", ["UnlockCommand", "Remote"])
@scenario(keys={"StopTransactionOnEVSideDisconnect": False})
async def test_a_cable_whose_car_has_left_comes_free_with_the_end_of_its_transaction(octt: Octt, how: str) -> None:
    transaction = await octt.charging()
    await octt.unplug()
    await octt.status("SuspendedEV")
    assert octt.world.evse(1)["locked"]
    if how == "Remote":
        assert await octt.told("RemoteStopTransaction", transactionId=transaction) == "Accepted"
    else:
        assert await octt.told("UnlockConnector", connectorId=1) == "Unlocked"
    await octt.sees("StopTransaction", transactionId=transaction, reason=how)
    await octt.world.until(lambda: not octt.world.evse(1)["locked"], 10, "the lock opens")
    await octt.status("Available")


# --- TriggerMessage -------------------------------------------------------------------------------------------------------


def after_answer(octt: Octt, action: str) -> bool:
    """§5.17: the answer goes out before the message it asked for."""
    frames = octt.csms.frames
    asked = max(i for i, f in enumerate(frames) if f.action == "TriggerMessage" and f.kind == "result")
    came = max(i for i, f in enumerate(frames) if f.action == action and f.kind == "call")
    return asked < came


@pytest.mark.ocpp("1.6", "§5.17", "TriggerMessage", "Heartbeat")
@scenario
async def test_trigger_heartbeat(octt: Octt) -> None:
    assert await octt.told("TriggerMessage", requestedMessage="Heartbeat") == "Accepted"
    await octt.sees("Heartbeat", 5)
    assert after_answer(octt, "Heartbeat")
    assert await octt.told("TriggerMessage", requestedMessage="Heartbeat", connectorId=1) == "Accepted"
    await octt.sees("Heartbeat", 5)  # an irrelevant connector is ignored


@pytest.mark.ocpp("1.6", "§5.17", "TriggerMessage", "StatusNotification")
@scenario
async def test_trigger_status_of_one_and_of_all(octt: Octt) -> None:
    await octt.plug(2)
    octt.mark()
    assert await octt.told("TriggerMessage", requestedMessage="StatusNotification", connectorId=2) == "Accepted"
    await octt.status("Preparing", 2, 5)
    assert after_answer(octt, "StatusNotification")
    assert await octt.told("TriggerMessage", requestedMessage="StatusNotification", connectorId=0) == "Accepted"
    await octt.status("Available", 0, 5)
    octt.mark()
    assert await octt.told("TriggerMessage", requestedMessage="StatusNotification") == "Accepted"
    await octt.sleep(3)
    told = [(call["connectorId"], call["status"]) for call in octt.calls("StatusNotification")]
    assert told == [(0, "Available"), (1, "Available"), (2, "Preparing")]


@pytest.mark.ocpp("1.6", "§5.17", "§7.35", "TriggerMessage", "MeterValues", "MeterValuesSampledData")
@scenario(keys={"MeterValueSampleInterval": 0, "MeterValuesSampledData": "Voltage,Energy.Active.Import.Register"})
async def test_trigger_meter_values_in_and_outside_a_transaction(octt: Octt) -> None:
    transaction = await octt.charging(1)
    assert await octt.told("TriggerMessage", requestedMessage="MeterValues", connectorId=1) == "Accepted"
    values = await octt.sees("MeterValues", 5, connectorId=1, transactionId=transaction)
    samples = values["meterValue"][0]["sampledValue"]
    assert {sample["context"] for sample in samples} == {"Trigger"}
    assert {sample["measurand"] for sample in samples} == {"Voltage", "Energy.Active.Import.Register"}
    assert after_answer(octt, "MeterValues")
    assert await octt.told("TriggerMessage", requestedMessage="MeterValues", connectorId=2) == "Accepted"
    assert "transactionId" not in await octt.sees("MeterValues", 5, connectorId=2)
    octt.mark()
    assert await octt.told("TriggerMessage", requestedMessage="MeterValues") == "Accepted"
    await octt.sleep(3)
    assert sorted(call["connectorId"] for call in octt.calls("MeterValues")) == [1, 2]


@pytest.mark.ocpp("1.6", "§5.17", "TriggerMessage")
@scenario
async def test_trigger_boot_notification_is_rejected_once_accepted(octt: Octt) -> None:
    assert await octt.told("TriggerMessage", requestedMessage="BootNotification") == "Rejected"  # errata §3.35
    await octt.silence(5, "BootNotification")


@pytest.mark.ocpp("1.6", "§5.17", "TriggerMessage", "§7.44")
@pytest.mark.parametrize("message", ["DiagnosticsStatusNotification", "FirmwareStatusNotification"])
@scenario
async def test_trigger_of_what_is_not_implemented(octt: Octt, message: str) -> None:
    assert await octt.told("TriggerMessage", requestedMessage=message) == "NotImplemented"
    await octt.silence(5)


@pytest.mark.ocpp("1.6", "§5.17", "§7.44")
@scenario
async def test_trigger_of_an_unknown_message_is_a_property_violation(octt: Octt) -> None:
    (answer,) = await octt.says([2, "x", "TriggerMessage", {"requestedMessage": "StartTransaction"}])
    assert answer[0] == 4 and answer[2] == "PropertyConstraintViolation"


@pytest.mark.ocpp("1.6", "§5.17", "§3.8")
@pytest.mark.parametrize("message", ["StatusNotification", "MeterValues"])
@scenario
async def test_trigger_for_an_unknown_connector_is_rejected(octt: Octt, message: str) -> None:
    assert await octt.told("TriggerMessage", requestedMessage=message, connectorId=9) == "Rejected"
    await octt.silence(5)


# --- ClearCache, DataTransfer ---------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6", "§5.4", "§3.5.1", "ClearCache", "LocalPreAuthorize", "AuthorizationCacheEnabled")
@scenario(keys={"LocalPreAuthorize": True})
async def test_clear_cache_makes_a_known_card_unknown(octt: Octt) -> None:
    await octt.charging()
    await octt.swipe()
    await octt.status("Finishing")
    await octt.unplug()
    await octt.sleep(10)
    octt.mark()
    await octt.charging()
    assert not octt.calls("Authorize")
    await octt.swipe()
    await octt.status("Finishing")
    await octt.unplug()
    await octt.sleep(10)
    assert await octt.told("ClearCache") == "Accepted"
    octt.mark()
    await octt.plug()
    await octt.swipe()
    await octt.sees("Authorize", idTag=TAG)


@pytest.mark.ocpp("1.6", "§5.4", "ClearCache", "AuthorizationCacheEnabled")
@scenario(keys={"AuthorizationCacheEnabled": False})
async def test_clear_cache_clears_also_while_it_is_not_used(octt: Octt) -> None:
    """Rejected is for a station without one (errata §3.23)."""
    assert await octt.told("ClearCache") == "Accepted"


@pytest.mark.ocpp("1.6", "§5.6", "§4.3", "DataTransfer")
@pytest.mark.parametrize(
    "payload", [{"vendorId": "com.example"}, {"vendorId": "com.example", "messageId": "m", "data": "d" * 5000}]
)
@scenario
async def test_data_transfer_of_an_unknown_vendor(octt: Octt, payload: dict[str, Any]) -> None:
    assert await octt.command("DataTransfer", **payload) == {"status": "UnknownVendorId"}
