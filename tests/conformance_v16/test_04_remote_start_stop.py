"""RemoteStartTransaction and RemoteStopTransaction (§5.11, §5.12)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hil.sim.world import IDENTITY
from tests.conformance_v16.octt import FRIEND, STRANGER, TAG, Octt, scenario

START = "RemoteStartTransaction"


def tx_profile(limit_a: float, **changes: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}],
        },
    } | changes


@pytest.mark.ocpp("1.6", "§5.11", "§4.9", START, "AuthorizeRemoteTxRequests")
@scenario(keys={"AuthorizeRemoteTxRequests": False})
async def test_start_after_the_plug_begins_at_once(octt: Octt) -> None:
    await octt.plug()
    assert await octt.told(START, connectorId=1, idTag="APP-4711") == "Accepted"
    await octt.sees("StartTransaction", connectorId=1, idTag="APP-4711")
    await octt.energised()
    await octt.status("Charging")
    assert octt.statuses() == ["Preparing", "Charging"] and not octt.calls("Authorize")


@pytest.mark.ocpp("1.6", "§5.11", "§4.9", START)
@scenario
async def test_start_before_the_plug_prepares_and_begins_with_the_car(octt: Octt) -> None:
    assert await octt.told(START, connectorId=2, idTag="APP-4711") == "Accepted"
    await octt.status("Preparing", 2)
    assert not octt.calls("StartTransaction")
    await octt.plug(2)
    await octt.sees("StartTransaction", connectorId=2, idTag="APP-4711")
    await octt.energised(2)
    await octt.status("Charging", 2)
    assert octt.statuses(2) == ["Preparing", "Charging"] and octt.statuses(1) == []


@pytest.mark.ocpp("1.6", "§5.11", "ConnectionTimeOut", "§9.1.6")
@scenario(keys={"ConnectionTimeOut": 20})
async def test_start_without_a_car_is_forgotten_after_connection_time_out(octt: Octt) -> None:
    assert await octt.told(START, connectorId=1, idTag="APP-4711") == "Accepted"
    await octt.status("Preparing")
    await octt.status("Available", within_s=25)
    await octt.plug()
    await octt.sleep(10)
    assert octt.contact() == "open" and not octt.calls("StartTransaction")


@pytest.mark.ocpp("1.6", "§5.11", "AuthorizeRemoteTxRequests")
@scenario(keys={"AuthorizeRemoteTxRequests": True})
async def test_start_is_authorised_first_where_configured_so(octt: Octt) -> None:
    await octt.plug()
    assert await octt.told(START, connectorId=1, idTag="APP-4711") == "Accepted"
    await octt.sees("Authorize", idTag="APP-4711")
    await octt.sees("StartTransaction", idTag="APP-4711")
    order = octt.actions()
    assert order.index("Authorize") < order.index("StartTransaction")
    await octt.energised()


@pytest.mark.ocpp("1.6", "§5.11", "AuthorizeRemoteTxRequests")
@scenario(keys={"AuthorizeRemoteTxRequests": True})
async def test_start_with_a_token_that_is_refused_does_not_begin(octt: Octt) -> None:
    octt.csms.tokens.add("APP-4711", "Invalid")
    await octt.plug()
    assert await octt.told(START, connectorId=1, idTag="APP-4711") == "Accepted"  # errata §3.32: it will attempt
    await octt.sees("Authorize", idTag="APP-4711")
    await octt.sleep(10)
    assert octt.contact() == "open" and not octt.calls("StartTransaction")
    octt.csms.tokens.add("APP-4711", "Accepted")
    assert await octt.told(START, connectorId=1, idTag="APP-4711") == "Accepted"
    await octt.energised()


@pytest.mark.ocpp("1.6", "§5.11", START)
@scenario
async def test_start_without_a_connector_takes_the_one_where_somebody_waits(octt: Octt) -> None:
    await octt.plug(2)
    assert await octt.told(START, idTag="APP-4711") == "Accepted"
    await octt.sees("StartTransaction", connectorId=2)
    await octt.energised(2)
    assert octt.contact(1) == "open"


@pytest.mark.ocpp("1.6", "§5.11", "§3.8")
@pytest.mark.parametrize("connector", [0, 3, 99, -1])
@scenario
async def test_start_on_an_unknown_connector_is_rejected(octt: Octt, connector: int) -> None:
    """0 is not a connector to charge at (§6.33: connectorId > 0)."""
    await octt.plug()
    assert await octt.told(START, connectorId=connector, idTag=TAG) == "Rejected"
    await octt.sleep(10)
    assert octt.contact() == "open" and not octt.calls("StartTransaction")


@pytest.mark.ocpp("1.6", "§5.11")
@scenario
async def test_start_on_a_charging_connector_is_rejected_and_changes_nothing(octt: Octt) -> None:
    transaction = await octt.charging()
    assert await octt.told(START, connectorId=1, idTag=FRIEND) == "Rejected"
    await octt.sleep(10)
    assert octt.contact() == "closed" and octt.transaction(transaction).is_open
    assert octt.actions() == []


@pytest.mark.ocpp("1.6", "§5.11")
@scenario
async def test_a_second_start_while_the_first_waits_for_its_car_is_rejected(octt: Octt) -> None:
    assert await octt.told(START, connectorId=1, idTag="APP-1") == "Accepted"
    assert await octt.told(START, connectorId=1, idTag="APP-2") == "Rejected"
    await octt.plug()
    await octt.sees("StartTransaction", idTag="APP-1")
    assert len(octt.calls("StartTransaction")) == 1


@pytest.mark.ocpp("1.6", "§5.11", "AuthorizeRemoteTxRequests")
@scenario(keys={"AuthorizeRemoteTxRequests": True})
async def test_a_second_start_while_the_first_is_being_authorised_does_not_replace_it(octt: Octt) -> None:
    octt.csms.behaviour.delays_s["Authorize"] = 10.0
    await octt.plug()
    assert await octt.told(START, connectorId=1, idTag="APP-1") == "Accepted"
    assert await octt.told(START, connectorId=1, idTag="APP-2") == "Rejected"
    await octt.sees("StartTransaction", 30, idTag="APP-1")
    assert len(octt.calls("StartTransaction")) == 1


@pytest.mark.ocpp("1.6", "§5.11", "J §4.1.1")
@scenario
async def test_two_starts_in_one_breath_are_answered_once_accepted(octt: Octt) -> None:
    """A central system that does not wait for answers."""
    await octt.plug()
    first = [2, "breath-1", START, {"connectorId": 1, "idTag": "APP-1"}]
    second = [2, "breath-2", START, {"connectorId": 1, "idTag": "APP-2"}]
    await octt.csms.send_raw(IDENTITY, json.dumps(first))
    answers = await octt.says(second)
    assert answers == [[3, "breath-1", {"status": "Accepted"}], [3, "breath-2", {"status": "Rejected"}]]
    await octt.sees("StartTransaction", idTag="APP-1")


@pytest.mark.ocpp("1.6", "§5.11")
@scenario
async def test_starts_on_two_connectors_do_not_disturb_each_other(octt: Octt) -> None:
    assert await octt.told(START, connectorId=1, idTag="APP-1") == "Accepted"
    assert await octt.told(START, connectorId=2, idTag="APP-2") == "Accepted"
    await octt.plug(2)
    await octt.sees("StartTransaction", connectorId=2, idTag="APP-2")
    await octt.plug(1)
    await octt.sees("StartTransaction", connectorId=1, idTag="APP-1")
    await octt.energised(1)
    await octt.energised(2)


@pytest.mark.ocpp("1.6", "§5.11", START)
@scenario
async def test_start_without_a_connector_is_rejected_where_none_is_free(octt: Octt) -> None:
    await octt.charging(1, TAG)
    await octt.charging(2, FRIEND)
    assert await octt.told(START, idTag="APP-1") == "Rejected"
    assert octt.actions() == []


@pytest.mark.ocpp("1.6", "§5.11", "§5.2")
@scenario
async def test_start_on_an_unavailable_or_faulted_connector_is_rejected(octt: Octt) -> None:
    assert await octt.told("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
    await octt.plug()
    assert await octt.told(START, connectorId=1, idTag=TAG) == "Rejected"
    octt.world.verb("fault", kind="mains")
    await octt.status("Faulted", 2)
    assert await octt.told(START, connectorId=2, idTag=TAG) == "Rejected"


@pytest.mark.ocpp("1.6", "§5.11", "§4.9")
@scenario
async def test_start_while_finishing_begins_a_new_transaction(octt: Octt) -> None:
    first = await octt.charging()
    await octt.swipe()
    await octt.status("Finishing")
    await octt.sees("StopTransaction", transactionId=first)
    assert await octt.told(START, connectorId=1, idTag="APP-1") == "Accepted"
    await octt.sees("StartTransaction", idTag="APP-1")
    await octt.energised()


@pytest.mark.ocpp("1.6", "§5.11", "§3.9", "§7.28")
@scenario
async def test_a_remote_id_may_be_any_text_of_twenty_characters(octt: Octt) -> None:
    """§3.9: nothing may be presumed of its form."""
    for tag in ("x", "äöü no hex"[4:] + "!", "A" * 20):
        await octt.plug()
        assert await octt.told(START, connectorId=1, idTag=tag) == "Accepted"
        await octt.sees("StartTransaction", idTag=tag)
        await octt.energised()
        await octt.unplug()
        await octt.sees("StopTransaction", reason="EVDisconnected")
        await octt.status("Available")
        await octt.sleep(10)


@pytest.mark.ocpp("1.6", "§5.11", "§4.1", "§4.10")
@scenario
async def test_a_remote_start_is_stopped_by_its_own_card_without_authorize(octt: Octt) -> None:
    await octt.plug()
    assert await octt.told(START, connectorId=1, idTag=TAG) == "Accepted"
    await octt.energised()
    await octt.swipe(TAG)
    await octt.sees("StopTransaction", reason="Local", idTag=TAG)
    assert not octt.calls("Authorize")


@pytest.mark.ocpp("1.6", "§5.11", "§4.1")
@scenario
async def test_a_strangers_card_does_not_stop_a_remote_start(octt: Octt) -> None:
    await octt.plug()
    assert await octt.told(START, connectorId=1, idTag="APP-1") == "Accepted"
    await octt.energised()
    await octt.swipe(STRANGER)
    await octt.sleep(10)
    assert octt.contact() == "closed"


# --- with a charging profile (§5.16.2) ------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6", "§5.16.2", "§7.10", START)
@scenario
async def test_a_starts_profile_limits_its_transaction_and_dies_with_it(octt: Octt) -> None:
    await octt.plug()
    reply = await octt.told(START, connectorId=1, idTag="APP-1", chargingProfile=tx_profile(10))
    assert reply == "Accepted"
    await octt.energised()
    assert octt.offered_a() == 10
    transaction = octt.csms.open_transaction(IDENTITY, 1)
    assert transaction is not None
    assert await octt.told("RemoteStopTransaction", transactionId=int(transaction.id)) == "Accepted"
    await octt.status("Finishing")
    await octt.sleep(15)
    assert await octt.told(START, connectorId=1, idTag="APP-1") == "Accepted"
    await octt.energised()
    assert octt.offered_a() == 32


@pytest.mark.ocpp("1.6", "§5.16.2", START)
@scenario
async def test_a_starts_profile_waits_for_the_car_too(octt: Octt) -> None:
    assert await octt.told(START, connectorId=1, idTag="APP-1", chargingProfile=tx_profile(8)) == "Accepted"
    await octt.sleep(20)
    await octt.plug()
    await octt.energised()
    assert octt.offered_a() == 8


@pytest.mark.ocpp("1.6", "§5.16.2", "§5.16.3")
@scenario
async def test_a_profile_of_the_same_stack_level_replaces_the_starts_own(octt: Octt) -> None:
    await octt.plug()
    assert await octt.told(START, connectorId=1, idTag="APP-1", chargingProfile=tx_profile(10)) == "Accepted"
    await octt.energised()
    await octt.sleep(10)
    transaction = octt.csms.open_transaction(IDENTITY, 1)
    assert transaction is not None
    profile = tx_profile(16, chargingProfileId=2, transactionId=int(transaction.id))
    assert await octt.told("SetChargingProfile", connectorId=1, csChargingProfiles=profile) == "Accepted"
    await octt.world.until(lambda: octt.offered_a() == 16, 15, "16 A are offered")


@pytest.mark.ocpp("1.6", "§5.16.2")
@pytest.mark.parametrize(
    "profile",
    [
        tx_profile(10, chargingProfilePurpose="TxDefaultProfile"),
        tx_profile(10, chargingProfilePurpose="ChargePointMaxProfile"),
        tx_profile(10, transactionId=5),
    ],
)
@scenario
async def test_a_start_with_another_kind_of_profile_is_rejected(octt: Octt, profile: dict[str, Any]) -> None:
    await octt.plug()
    assert await octt.told(START, connectorId=1, idTag="APP-1", chargingProfile=profile) == "Rejected"
    await octt.sleep(10)
    assert octt.contact() == "open"


# --- remote stop ----------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6", "§5.12", "RemoteStopTransaction")
@scenario
async def test_stop_of_an_unknown_or_ended_transaction_is_rejected(octt: Octt) -> None:
    transaction = await octt.charging()
    assert await octt.told("RemoteStopTransaction", transactionId=transaction + 1000) == "Rejected"
    assert octt.contact() == "closed"
    assert await octt.told("RemoteStopTransaction", transactionId=transaction) == "Accepted"
    await octt.sees("StopTransaction")
    assert await octt.told("RemoteStopTransaction", transactionId=transaction) == "Rejected"
    assert len(octt.calls("StopTransaction")) == 1


@pytest.mark.ocpp("1.6", "§5.12", "RemoteStopTransaction")
@scenario
async def test_a_stop_repeated_while_it_ends_is_told_once(octt: Octt) -> None:
    transaction = await octt.charging(slow=True)
    assert await octt.told("RemoteStopTransaction", transactionId=transaction) == "Accepted"
    assert await octt.told("RemoteStopTransaction", transactionId=transaction) in ("Accepted", "Rejected")
    await octt.sees("StopTransaction", transactionId=transaction, reason="Remote")
    await octt.sleep(20)
    assert len(octt.calls("StopTransaction")) == 1


@pytest.mark.ocpp("1.6", "§5.12", "§4.9")
@scenario
async def test_stop_of_a_suspended_transaction(octt: Octt) -> None:
    transaction = await octt.charging()
    octt.world.verb("pause", evse=1)
    await octt.status("SuspendedEV")
    assert await octt.told("RemoteStopTransaction", transactionId=transaction) == "Accepted"
    await octt.sees("StopTransaction", reason="Remote")
    await octt.status("Finishing")
    await octt.unplug()
    await octt.status("Available")


@pytest.mark.ocpp("1.6", "§5.12")
@scenario
async def test_a_car_that_ignores_the_pilot_is_cut_off_all_the_same(octt: Octt) -> None:
    transaction = await octt.charging(ignores_pwm_off=True)
    assert await octt.told("RemoteStopTransaction", transactionId=transaction) == "Accepted"
    await octt.dead(within_s=8)
    stop = await octt.sees("StopTransaction", reason="Remote")
    assert abs(stop["meterStop"] - 1_000_000 - octt.world.evse(1)["energy_wh"]) <= 1
