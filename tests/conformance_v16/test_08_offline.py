"""Without the central system: who may charge, what is queued, in which order it comes, what is repeated (§3.5, §3.7, §4.8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from hil.csms.log import Kind
from hil.memory import Direction, Fate, calls
from hil.sim.world import IDENTITY
from tests.conformance_v16.octt import FRIEND, PARENT, STRANGER, TAG, Octt, at, scenario

RELATED = ("StartTransaction", "MeterValues", "StopTransaction")


def moment(frame_payload: dict[str, Any]) -> str:
    values = frame_payload.get("meterValue")
    return str(values[0]["timestamp"] if values else frame_payload["timestamp"])


def related(octt: Octt) -> list[tuple[str, dict[str, Any]]]:
    return [(frame.action, frame.payload) for frame in octt.frames() if frame.action in RELATED]


async def known(octt: Octt, token: str = TAG, **token_info: Any) -> None:
    """Let the station learn of a token by a short session."""
    octt.csms.tokens.add(token, **token_info)
    await octt.charging(token=token)
    await octt.swipe(token)
    await octt.status("Finishing")
    await octt.sees("StopTransaction")
    await octt.unplug()
    await octt.status("Available")
    await octt.sleep(10)
    octt.mark()


# --- who may charge -------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6", "§3.5", "§3.5.1", "LocalAuthorizeOffline", "§9.1.12")
@pytest.mark.parametrize("allowed", [True, False])
@scenario
async def test_a_known_card_charges_offline_where_allowed(octt: Octt, allowed: bool) -> None:
    await known(octt)
    await octt.configured(LocalAuthorizeOffline=str(allowed).lower())
    octt.go_offline()
    await octt.plug()
    await octt.swipe()
    await octt.sleep(10)
    assert octt.contact() == ("closed" if allowed else "open")


@pytest.mark.ocpp("1.6", "§3.5.1", "AuthorizationCacheEnabled", "§9.1.2")
@scenario(keys={"AuthorizationCacheEnabled": False})
async def test_without_the_cache_no_card_is_known_offline(octt: Octt) -> None:
    await known(octt)
    octt.go_offline()
    await octt.plug()
    await octt.swipe()
    await octt.sleep(10)
    assert octt.contact() == "open"


@pytest.mark.ocpp("1.6", "§3.5.1", "§5.14", "LocalAuthorizeOffline")
@scenario
async def test_the_cache_outlives_a_power_cut(octt: Octt) -> None:
    await known(octt)
    octt.go_offline()
    octt.world.verb("power_cut")
    await octt.sleep(30)
    await octt.plug()
    await octt.swipe()
    await octt.energised()


@pytest.mark.ocpp("1.6", "§3.5.4", "AllowOfflineTxForUnknownId", "§9.1.1")
@pytest.mark.parametrize("allowed", [True, False])
@scenario
async def test_an_unknown_card_charges_offline_where_allowed(octt: Octt, allowed: bool) -> None:
    await octt.configured(AllowOfflineTxForUnknownId=str(allowed).lower())
    octt.go_offline()
    await octt.plug()
    await octt.swipe(STRANGER)
    await octt.sleep(10)
    assert octt.contact() == ("closed" if allowed else "open")


@pytest.mark.ocpp("1.6", "§3.5.4", "§3.5.1", "AllowOfflineTxForUnknownId")
@scenario(keys={"AllowOfflineTxForUnknownId": True})
async def test_a_card_known_as_refused_or_expired_does_not_charge_offline(octt: Octt) -> None:
    octt.csms.tokens.add(STRANGER, "Blocked")
    octt.csms.tokens.add(FRIEND, expires=octt.world.clock.true_wall() + timedelta(seconds=60))
    for token in (STRANGER, FRIEND):
        await octt.swipe(token)
        await octt.sees("Authorize", idTag=token)
    await octt.sleep(90)
    octt.go_offline()
    await octt.plug()
    for token in (STRANGER, FRIEND):
        await octt.swipe(token)
        await octt.sleep(10)
        assert octt.contact() == "open"


@pytest.mark.ocpp("1.6", "§3.5", "LocalPreAuthorize", "§9.1.13", "AuthorizationCacheEnabled")
@scenario(keys={"LocalPreAuthorize": True})
async def test_a_known_card_starts_at_once_where_preauthorised(octt: Octt) -> None:
    await known(octt)
    octt.csms.behaviour.ignore("Authorize", 5)
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    assert not octt.calls("Authorize")
    await octt.sees("StartTransaction", idTag=TAG)


@pytest.mark.ocpp("1.6", "§3.5", "LocalPreAuthorize", "§4.1")
@scenario(keys={"LocalPreAuthorize": False})
async def test_a_known_card_waits_for_the_answer_where_not_preauthorised(octt: Octt) -> None:
    await known(octt)
    octt.csms.behaviour.delays_s["Authorize"] = 10
    await octt.plug()
    await octt.swipe()
    await octt.sleep(5)
    assert octt.contact() == "open"
    await octt.energised()


@pytest.mark.ocpp("1.6", "§3.5.1", "LocalPreAuthorize")
@scenario(keys={"LocalPreAuthorize": True})
async def test_a_card_known_as_refused_is_asked_about_again(octt: Octt) -> None:
    octt.csms.tokens.add(TAG, "Blocked")
    await octt.swipe()
    await octt.sees("Authorize")
    octt.csms.tokens.add(TAG, "Accepted")
    await octt.sleep(5)
    await octt.plug()
    await octt.swipe()
    await octt.sees("Authorize")  # §3.5.1: online, its current state is asked for
    await octt.energised()


@pytest.mark.ocpp("1.6", "§3.5.1", "LocalPreAuthorize", "§4.8", "§4.10")
@scenario(keys={"LocalPreAuthorize": True})
async def test_the_cache_learns_from_every_answer(octt: Octt) -> None:
    """From StartTransaction: the card was good, and is not any more."""
    await known(octt)
    octt.csms.tokens.add(TAG, "Blocked")
    await octt.plug()
    await octt.swipe()
    await octt.sees("StopTransaction", reason="DeAuthorized")
    await octt.swipe()  # its owner takes the cable
    await octt.unplug()
    await octt.sleep(10)
    octt.mark()
    await octt.plug()
    await octt.swipe()
    await octt.sees("Authorize", idTag=TAG)
    await octt.sleep(5)
    assert octt.contact() == "open"


@pytest.mark.ocpp("1.6", "§3.5", "§3.10")
@scenario
async def test_a_card_of_the_same_parent_stops_offline_where_known(octt: Octt) -> None:
    await known(octt, FRIEND, group=PARENT)
    octt.csms.tokens.add(TAG, group=PARENT)
    await octt.charging()
    octt.go_offline()
    await octt.swipe(FRIEND)
    await octt.dead()
    await octt.come_online()
    assert (await octt.sees("StopTransaction"))["idTag"] == FRIEND


@pytest.mark.ocpp("1.6", "§3.5", "§4.1")
@scenario
async def test_a_silent_central_system_is_as_good_as_none(octt: Octt) -> None:
    """The Authorize is never answered: after the time-out the offline rules decide."""
    await known(octt)
    octt.csms.behaviour.ignore("Authorize", 3)
    octt.may_break.add(Kind.IN_FLIGHT)  # what follows comes at the very instant at which the CSMS stops waiting, too
    await octt.plug()
    await octt.swipe()
    await octt.sees("Authorize")
    await octt.energised(within_s=45)


# --- queue and order ------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6", "§3.7", "StartTransaction", "MeterValues", "StopTransaction")
@scenario(keys={"MeterValueSampleInterval": 60, "AllowOfflineTxForUnknownId": True})
async def test_an_hour_offline_comes_in_order_with_its_own_times(octt: Octt) -> None:
    octt.go_offline()
    began = octt.world.clock.true_wall()
    for connector, token in ((1, TAG), (2, FRIEND)):
        await octt.plug(connector)
        await octt.swipe(token)
        await octt.energised(connector)
    await octt.sleep(1800)
    for connector, token in ((1, TAG), (2, FRIEND)):
        await octt.swipe(token)
        await octt.dead(connector)
        await octt.unplug(connector)
    await octt.sleep(1800)
    await octt.come_online()
    await octt.sleep(30)
    came = related(octt)
    times = [at(moment(payload)) for _, payload in came]
    assert times == sorted(times)
    assert times[0] < began + timedelta(seconds=20) and times[-1] < began + timedelta(seconds=1900)
    actions = [action for action, _ in came]
    assert actions.count("StartTransaction") == actions.count("StopTransaction") == 2
    assert actions.count("MeterValues") >= 50
    assert len(octt.csms.transactions) == 2 and not any(t.is_open for t in octt.csms.transactions)
    for transaction, connector in zip(octt.csms.transactions, (1, 2), strict=True):
        assert abs(transaction.energy_wh - octt.world.evse(connector)["energy_wh"]) <= 1
    assert all(payload["transactionId"] > 0 for action, payload in came if action != "StartTransaction")
    assert not octt.csms.duplicates


@pytest.mark.ocpp("1.6", "§3.7", "§4.9")
@scenario(keys={"AllowOfflineTxForUnknownId": True})
async def test_begun_offline_goes_on_online_and_can_be_stopped_from_there(octt: Octt) -> None:
    octt.go_offline()
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    await octt.sleep(120)
    await octt.come_online()
    await octt.sees("StartTransaction")
    await octt.status("Charging")
    assert octt.statuses() == ["Charging"]  # §4.9: what is so now, nothing of what was in between
    transaction = octt.csms.open_transaction(IDENTITY, 1)
    assert transaction is not None and octt.contact() == "closed"
    assert await octt.told("RemoteStopTransaction", transactionId=int(transaction.id)) == "Accepted"
    await octt.sees("StopTransaction", transactionId=int(transaction.id), reason="Remote")


@pytest.mark.ocpp("1.6", "§3.5.4", "StopTransactionOnInvalidId", "§4.8")
@scenario(keys={"AllowOfflineTxForUnknownId": True})
async def test_an_offline_start_that_turns_out_invalid_is_stopped(octt: Octt) -> None:
    octt.csms.tokens.add(TAG, "Invalid")
    octt.go_offline()
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    await octt.come_online()
    await octt.sees("StopTransaction", 30, reason="DeAuthorized")
    await octt.dead()


@pytest.mark.ocpp("1.6", "§3.7")
@scenario
async def test_ended_offline_is_told_with_its_own_time(octt: Octt) -> None:
    transaction = await octt.charging()
    octt.go_offline()
    await octt.sleep(60)
    ended = octt.world.clock.true_wall()
    await octt.swipe()
    await octt.dead()
    await octt.sleep(600)
    await octt.come_online()
    stop = await octt.sees("StopTransaction", transactionId=transaction, reason="Local", idTag=TAG)
    assert abs(at(stop["timestamp"]) - ended) < timedelta(seconds=10)
    assert abs(stop["meterStop"] - 1_000_000 - octt.world.evse(1)["energy_wh"]) <= 1


@pytest.mark.ocpp("1.6", "§3.7")
@scenario(keys={"MeterValueSampleInterval": 30, "AllowOfflineTxForUnknownId": True})
async def test_what_was_queued_survives_restart_and_power_cut(octt: Octt) -> None:
    octt.go_offline()
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    await octt.sleep(200)
    await octt.world.restart_station()
    await octt.energised(within_s=60)
    await octt.swipe()
    await octt.dead()
    await octt.sleep(5)
    octt.world.verb("power_cut")
    await octt.sleep(30)
    octt.mark()
    await octt.come_online()
    await octt.sees("StopTransaction", 60, reason="Local")
    actions = [action for action, _ in related(octt)]
    assert actions[0] == "StartTransaction" and actions[-1] == "StopTransaction" and actions.count("MeterValues") >= 5
    assert octt.actions()[0] == "BootNotification"


@pytest.mark.ocpp("1.6", "§3.7")
@scenario
async def test_urgent_messages_need_not_wait_for_the_queue(octt: Octt) -> None:
    """§3.7: an Authorize may go before the queue is empty, and a driver is not kept waiting."""
    octt.csms.behaviour.fail("StopTransaction", 3)
    await octt.configured(TransactionMessageAttempts="5", TransactionMessageRetryInterval="30")
    await octt.charging(1)
    await octt.swipe()
    await octt.sees("StopTransaction")
    octt.mark()
    await octt.plug(2)
    await octt.swipe(FRIEND)
    await octt.sees("Authorize", 5, idTag=FRIEND)
    await octt.energised(2)
    await octt.sees("StartTransaction", 300, connectorId=2)
    actions = [action for action, _ in related(octt)]
    assert actions.index("StartTransaction") > max(i for i, a in enumerate(actions) if a == "StopTransaction")


@pytest.mark.ocpp("1.6", "§3.7", "§4.2.1", "§4.2")
@scenario(keys={"AllowOfflineTxForUnknownId": True, "MeterValueSampleInterval": 60})
async def test_times_from_before_the_clock_was_right_are_mended(octt: Octt) -> None:
    """A station without a clock of its own wakes up offline in 1970; nothing is ever dated so."""
    octt.go_offline()
    wrong = datetime(1970, 1, 1, tzinfo=UTC) - octt.world.clock.true_wall()
    await octt.world.watch(octt.world.power_cut(wall_error=wrong, trusted=False))
    await octt.sleep(20)
    began = octt.world.clock.true_wall()
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    await octt.sleep(200)
    ended = octt.world.clock.true_wall()
    await octt.swipe()
    await octt.dead()
    await octt.sleep(100)
    octt.mark()
    await octt.come_online()
    stop = await octt.sees("StopTransaction", 60)
    start = octt.calls("StartTransaction")[0]
    assert abs(at(start["timestamp"]) - began) < timedelta(seconds=10)
    assert abs(at(stop["timestamp"]) - ended) < timedelta(seconds=10)
    times = [at(moment(payload)) for _, payload in related(octt)]
    times += [at(value["timestamp"]) for value in stop["transactionData"]]
    assert all(began - timedelta(seconds=1) < time < ended + timedelta(seconds=10) for time in times)


# --- retries (§3.7.1) -----------------------------------------------------------------------------------------------------


@pytest.mark.ocpp(
    "1.6", "§3.7.1", "TransactionMessageAttempts", "TransactionMessageRetryInterval", "§9.1.31", "§9.1.32"
)
@scenario(keys={"TransactionMessageAttempts": 3, "TransactionMessageRetryInterval": 60, "MeterValueSampleInterval": 0})
async def test_a_refused_message_is_repeated_with_growing_waits_then_skipped(octt: Octt) -> None:
    """The specification's own example: 3 attempts, 60 s: after 60 s, then after 120 s, then on with the next."""
    octt.csms.behaviour.fail("StopTransaction", 3)
    one = await octt.charging()
    await octt.swipe()
    await octt.sleep(400)
    stops = octt.frames("StopTransaction", transactionId=one)
    assert [round(later.at_s - earlier.at_s) for earlier, later in pairwise(stops)] == [60, 120]
    assert len({frame.message_id for frame in stops}) == 3
    assert all(frame.payload == stops[0].payload for frame in stops)
    octt.may_break.add(Kind.TRANSACTION)  # the CSMS never took the stop: its transaction is open
    await octt.unplug()
    await octt.charging()
    assert octt.contact() == "closed"


@pytest.mark.ocpp("1.6", "§3.7.1", "J §4.2.3")
@scenario(keys={"TransactionMessageAttempts": 2, "TransactionMessageRetryInterval": 10, "MeterValueSampleInterval": 20})
async def test_a_refused_sample_does_not_cost_the_rest(octt: Octt) -> None:
    octt.csms.behaviour.fail("MeterValues", 2)
    transaction = await octt.charging()
    await octt.sleep(60)
    await octt.swipe()
    await octt.sees("StopTransaction", 60, transactionId=transaction)
    values = octt.transaction(transaction).messages[1:-1]
    assert len(values) >= 2


@pytest.mark.ocpp("1.6", "§3.7.1", "§4.8", "StartTransaction")
@scenario(keys={"TransactionMessageAttempts": 3, "TransactionMessageRetryInterval": 5, "MeterValueSampleInterval": 20})
async def test_a_start_refused_for_good_lets_the_rest_go_on_as_minus_one(octt: Octt) -> None:
    """Errata §3.18: only then, and only then, the id is -1; the energy flows all the time."""
    octt.csms.behaviour.fail("StartTransaction", 3)
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    await octt.sleep(60)
    await octt.swipe()
    await octt.sees("StopTransaction", 60, transactionId=-1, reason="Local")
    assert len(octt.calls("StartTransaction")) == 3
    assert {payload["transactionId"] for payload in octt.calls("MeterValues")} == {-1}


@pytest.mark.ocpp("1.6", "§4.8", "§3.7.1")
@scenario(keys={"TransactionMessageAttempts": 5, "TransactionMessageRetryInterval": 5, "MeterValueSampleInterval": 10})
async def test_a_start_that_is_accepted_late_gives_all_that_follows_its_id(octt: Octt) -> None:
    octt.csms.behaviour.fail("StartTransaction", 2)
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    await octt.sleep(60)
    await octt.swipe()
    stop = await octt.sees("StopTransaction", 60)
    transaction = octt.csms.transactions[-1]
    assert stop["transactionId"] == int(transaction.id)
    assert {payload["transactionId"] for payload in octt.calls("MeterValues")} == {int(transaction.id)}


@pytest.mark.ocpp("1.6", "§4.8", "§3.7", "StartTransaction")
@scenario(keys={"MeterValueSampleInterval": 20})
async def test_a_lost_answer_to_the_start_neither_doubles_nor_loses_it(octt: Octt) -> None:
    octt.world.network.lose_reply_to("StartTransaction")
    await octt.plug()
    await octt.swipe()
    await octt.energised()
    await octt.sleep(120)
    assert octt.contact() == "closed"
    await octt.swipe()
    stop = await octt.sees("StopTransaction", 60)
    starts = octt.calls("StartTransaction")
    assert len(starts) == 2 and starts[0] == starts[1]
    (transaction,) = octt.csms.transactions
    assert stop["transactionId"] == int(transaction.id) and not transaction.is_open


@pytest.mark.ocpp("1.6", "§4.10", "§3.7")
@scenario
async def test_a_lost_answer_to_the_stop_repeats_the_same_stop(octt: Octt) -> None:
    octt.world.network.lose_reply_to("StopTransaction")
    transaction = await octt.charging()
    await octt.swipe()
    await octt.sleep(120)
    stops = octt.calls("StopTransaction", transactionId=transaction)
    assert len(stops) == 2 and stops[0] == stops[1]


@pytest.mark.ocpp("1.6", "§3.7.1", "§4.8")
@scenario(keys={"TransactionMessageAttempts": 3, "TransactionMessageRetryInterval": 10})
async def test_silence_is_no_refusal_and_never_skips_a_stop(octt: Octt) -> None:
    """§3.7.1 allows to skip only what the central system reports it cannot process."""
    octt.csms.behaviour.ignore("StopTransaction", 6)
    transaction = await octt.charging()
    await octt.swipe()
    await octt.sleep(900)
    assert not octt.transaction(transaction).is_open
    assert len({str(stop) for stop in octt.calls("StopTransaction")}) == 1


@pytest.mark.ocpp("1.6", "§3.7", "J §5.4")
@scenario(keys={"MeterValueSampleInterval": 10})
async def test_a_flapping_line_loses_and_doubles_nothing(octt: Octt) -> None:
    transaction = await octt.charging()
    for action in ("MeterValues", "Heartbeat", "MeterValues"):
        octt.world.network.plan(Direction.UP, calls(action), Fate.LOSE_AND_CUT)
        await octt.sleep(60)
        octt.world.network.cut()
        await octt.sleep(40)
    await octt.swipe()
    await octt.sees("StopTransaction", 120, transactionId=transaction)
    known_to_csms = octt.transaction(transaction)
    times = [at(moment(payload)) for payload in known_to_csms.messages]
    assert times == sorted(times)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert max(gaps) <= 11, gaps  # not one sample is missing
    assert abs(known_to_csms.energy_wh - octt.world.evse(1)["energy_wh"]) <= 1


@pytest.mark.ocpp("1.6", "§3.7", "J §5.4")
@scenario(keys={"MeterValueSampleInterval": 30})
async def test_everything_is_delivered_after_the_central_system_was_away(octt: Octt) -> None:
    """Down for a long time, then back with nothing remembered of the registration."""
    transaction = await octt.charging()
    octt.world.network.refuse(status=502)
    octt.world.network.cut()
    await octt.sleep(1200)
    await octt.swipe()
    await octt.dead()
    octt.csms.station(IDENTITY).registration = ""
    octt.may_break.add(Kind.NOT_REGISTERED)
    octt.world.network.admit_again()
    await octt.sees("BootNotification", 600)
    await octt.sees("StopTransaction", 60, transactionId=transaction)
    assert len(octt.transaction(transaction).messages) >= 40
