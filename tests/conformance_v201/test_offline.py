"""E04, E08, E11-E14: what happens while the CSMS is away is kept, sent in order, retried, and accounted for."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest

from hil.memory import Direction, Fate, calls
from tests.conformance_v201.octt import ANNA, BERT, Octt, octt, registers
from tests.conformance_v201.patterns import ABSENT
from tests.conformance_v201.states import Run

UNKNOWN_MAY = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}
QUICK = {"OCPPCommCtrlr.RetryBackOffRandomRange": "0", "SampledDataCtrlr.TxUpdatedInterval": "20"}


def assert_in_order(o: Octt) -> None:
    """Every transaction whole: numbers without a gap in order of arrival, times never backwards."""
    for transaction in o.transactions:
        assert transaction.seq_nos == list(range(len(transaction.seq_nos)))
        times = [datetime.fromisoformat(event["timestamp"]) for event in transaction.messages]
        assert all(later >= earlier for earlier, later in itertools.pairwise(times))


async def transaction_while_offline(o: Octt) -> tuple[datetime, datetime]:
    """Memory state TransactionEventsInQueueEnded; returns when it began and ended. The network stays down."""
    o.lose_network()
    await o.sleep(1)
    o.plug()
    await o.sleep(2)
    o.swipe()
    began = o.now
    await o.until(lambda: o.contact() == "closed", 20, "energy flows")
    await o.sleep(60)
    o.swipe()
    ended = o.now
    await o.until(lambda: o.contact() == "open", 15, "the contact opens")
    await o.until(lambda: o.world.evse(1)["lock_position"] == 0, 5, "the cable is free")
    o.unplug()
    await o.sleep(5)
    o.forget()
    return began, ended


@pytest.mark.ocpp("2.0.1", "TC_E_43_CS", "E12.FR.01", "E12.FR.02", "E12.FR.06", "E04.FR.01", "E04.FR.02", "E04.FR.03")
@pytest.mark.ocpp("2.0.1", "E08.FR.05", "E08.FR.06", "E08.FR.07")
@octt({**UNKNOWN_MAY, **QUICK})
async def test_a_transaction_while_offline_is_told_with_its_times(o: Octt) -> None:
    began, ended = await transaction_while_offline(o)
    await o.restore_network()
    last = await o.event({"eventType": "Ended"})
    events = o.payloads("TransactionEvent")
    assert all(event["offline"] for event in events)
    assert [event["eventType"] for event in events].count("Started") == 1
    assert any(event["triggerReason"] == "MeterValuePeriodic" for event in events)
    assert_in_order(o)
    assert abs(datetime.fromisoformat(events[0]["timestamp"]) - began) < timedelta(seconds=2)
    assert timedelta(0) <= datetime.fromisoformat(last["timestamp"]) - ended < timedelta(seconds=10)
    assert abs(o.transactions[0].energy_wh - o.world.evse(1)["energy_wh"]) <= 1


@pytest.mark.ocpp("2.0.1", "TC_E_40_CS", "E11.FR.01", "E11.FR.02", "E11.FR.03", "E11.FR.06", "E04.FR.06")
@octt(QUICK)
async def test_a_connection_lost_during_a_transaction(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    o.forget()
    o.lose_network()
    await o.sleep(90)
    assert o.contact() == "closed"
    await o.restore_network()
    await o.event({"eventType": "Updated", "offline": True})
    await o.sleep(3)
    for event in o.payloads("TransactionEvent"):
        assert event["eventType"] == "Updated" and event["offline"] is True
        assert registers(event)
    assert_in_order(o)
    await o.event({"triggerReason": "MeterValuePeriodic", "offline": ABSENT}, within_s=25)
    await run.stop_authorized()


@pytest.mark.ocpp("2.0.1", "E11.FR.07")
@octt()
async def test_what_waits_when_the_line_drops_is_offline_too(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    o.csms.behaviour.delays_s["TransactionEvent"] = 25.0
    o.world.verb("pause", evse=1)
    await o.event({"transactionInfo": {"chargingState": "SuspendedEV"}})
    o.world.verb("resume", evse=1)
    await o.until(lambda: o.contact() == "closed", 20, "energy flows again")
    o.forget()
    o.lose_network()
    o.csms.behaviour.delays_s.clear()
    await o.sleep(5)
    await o.restore_network()
    await o.event({"transactionInfo": {"chargingState": "SuspendedEV"}})  # as it was sent before
    await o.event({"transactionInfo": {"chargingState": "Charging"}, "offline": True})


@pytest.mark.ocpp("2.0.1", "E04.FR.02", "E13.FR.02")
@octt(QUICK)
async def test_what_was_not_acknowledged_when_the_line_dropped_is_sent_again(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    o.world.network.lose_reply_to("TransactionEvent")
    o.forget()
    await o.until(lambda: not o.world.network.is_connected, 40, "the line drops")
    o.world.verb("network", up=False)
    await o.sleep(5)
    await o.restore_network()
    await o.sleep(5)
    first, again = (frame.payload for frame in o.calls("TransactionEvent")[:2])
    assert first == again  # word for word
    assert [duplicate.action for duplicate in o.csms.duplicates] == ["TransactionEvent"]
    assert_in_order(o)


@pytest.mark.ocpp("2.0.1", "TC_E_44_CS", "E08.FR.01", "E08.FR.03", "E08.FR.04", "E08.FR.08")
@octt(QUICK)
async def test_a_transaction_stopped_while_offline(o: Octt) -> None:
    run = Run(o)
    await run.charging()
    o.forget()
    o.lose_network()
    await o.sleep(1)
    o.swipe()
    await o.until(lambda: o.contact() == "open", 15, "the contact opens")
    await o.until(lambda: o.world.evse(1)["lock_position"] == 0, 5, "the cable is free")
    o.unplug()
    await o.restore_network()
    await o.event({"eventType": "Ended", "triggerReason": "StopAuthorized", "offline": True})
    assert all(event["offline"] for event in o.payloads("TransactionEvent"))
    assert_in_order(o)


@pytest.mark.ocpp("2.0.1", "E04.FR.02", "E12.FR.06")
@octt({**UNKNOWN_MAY, **QUICK})
async def test_two_transactions_while_offline_do_not_mix(o: Octt) -> None:
    o.lose_network()
    for evse, token in ((1, ANNA), (2, BERT)):
        o.plug(evse)
        await o.sleep(2)
        o.swipe(token)
        await o.until(lambda evse=evse: o.contact(evse) == "closed", 20, "energy flows")  # type: ignore[misc]
    await o.sleep(100)
    o.forget()
    await o.restore_network()
    back = o.now
    await o.sleep(15)
    assert {(each.evse, each.id_token) for each in o.transactions} == {(1, ANNA), (2, BERT)}
    assert_in_order(o)
    for event in o.payloads("TransactionEvent"):
        assert event.get("offline", False) is (datetime.fromisoformat(event["timestamp"]) < back)


@pytest.mark.ocpp("2.0.1", "E04.FR.02", "E01.FR.07", "E12.FR.02")
@octt({**UNKNOWN_MAY, **QUICK})
async def test_what_is_kept_survives_a_power_cut(o: Octt) -> None:
    await transaction_while_offline(o)
    await o.power_cycle()
    o.world.verb("network", up=True)
    await o.booted(within_s=120)
    await o.event({"eventType": "Ended", "offline": True})
    assert_in_order(o)
    assert abs(o.transactions[0].energy_wh - o.world.evse(1)["energy_wh"]) <= 1


ATTEMPTS = {
    "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "3",
    "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "10",
}


def sendings(o: Octt, kind: str) -> list[float]:
    """When the event of this kind was sent, again and again."""
    found = o.calls("TransactionEvent", {"eventType": kind})
    assert len({frame.payload["seqNo"] for frame in found}) <= 1
    assert len({frame.message_id for frame in found}) == len(found)
    return [frame.at_s for frame in found]


@pytest.mark.ocpp("2.0.1", "TC_E_41_CS", "TC_E_50_CS", "E13.FR.01", "E13.FR.02", "E13.FR.03", "E13.FR.04")
@pytest.mark.parametrize("way", ["silence", "CALLERROR"])
@octt({**ATTEMPTS, "SampledDataCtrlr.TxUpdatedInterval": "0"})
async def test_a_message_is_tried_as_often_as_told_and_then_left(o: Octt, way: str) -> None:
    timeout_s = float(await o.value("OCPPCommCtrlr.MessageTimeout[Default]")) if way == "silence" else 0.0
    (o.csms.behaviour.ignore if way == "silence" else o.csms.behaviour.fail)("TransactionEvent", 3)
    o.forget()
    o.plug()
    o.swipe()
    await o.event({"eventType": "Started"})
    await o.sleep(3 * timeout_s + 60)
    times = sendings(o, "Started")
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert [round(wait) for wait in waits] == [10 + timeout_s, 20 + timeout_s]
    await o.event({"triggerReason": "ChargingStateChanged"})  # the wire goes on
    await o.silence(60, "TransactionEvent", {"eventType": "Started"})
    o.allowed_violations = {"transaction event out of order", "gap in seqNo"}


@pytest.mark.ocpp("2.0.1", "TC_E_42_CS", "TC_E_51_CS", "E13.FR.02", "E13.FR.03")
@pytest.mark.parametrize("way", ["silence", "CALLERROR"])
@octt({**ATTEMPTS, "SampledDataCtrlr.TxUpdatedInterval": "0"})
async def test_a_message_that_is_taken_is_not_tried_again(o: Octt, way: str) -> None:
    (o.csms.behaviour.ignore if way == "silence" else o.csms.behaviour.fail)("TransactionEvent")
    o.forget()
    o.plug()
    o.swipe()
    await o.event({"eventType": "Started"})
    await o.sleep(150)
    assert len(sendings(o, "Started")) == 2
    assert_in_order(o)


@pytest.mark.ocpp("2.0.1", "E13.FR.02")
@octt(ATTEMPTS)
async def test_one_transaction_that_is_stuck_does_not_hold_up_the_other(o: Octt) -> None:
    first = Run(o, evse=1)
    await first.charging(5)
    o.csms.behaviour.fail("TransactionEvent", 1)
    o.world.verb("pause", evse=1)
    await o.event({"evse": {"id": 1}, "transactionInfo": {"chargingState": "SuspendedEV"}})
    second = Run(o, evse=2)
    await second.ev_connected()
    await second.authorized(BERT)
    await o.event({"evse": {"id": 1}, "transactionInfo": {"chargingState": "SuspendedEV"}}, within_s=15)
    assert_in_order(o)


@pytest.mark.ocpp("2.0.1", "TC_E_28_CS", "E14.FR.01")
@octt()
async def test_the_status_of_an_unknown_transaction(o: Octt) -> None:
    answer = await o.command("GetTransactionStatus", {"transactionId": "no-such-thing"})
    assert answer == {"ongoingIndicator": False, "messagesInQueue": False}


@pytest.mark.ocpp("2.0.1", "TC_E_30_CS", "TC_E_32_CS", "TC_E_34_CS", "E14.FR.02", "E14.FR.03", "E14.FR.05")
@pytest.mark.ocpp("2.0.1", "E14.FR.06", "E14.FR.08")
@octt()
async def test_the_status_of_a_transaction_when_all_is_told(o: Octt) -> None:
    assert await o.command("GetTransactionStatus") == {"messagesInQueue": False}
    run = Run(o)
    await run.charging()
    id = run.transaction_id
    status = await o.command("GetTransactionStatus", {"transactionId": id})
    assert status == {"ongoingIndicator": True, "messagesInQueue": False}
    await run.stop_authorized()
    await run.ev_disconnected()
    status = await o.command("GetTransactionStatus", {"transactionId": id})
    assert status == {"ongoingIndicator": False, "messagesInQueue": False}


@pytest.mark.ocpp("2.0.1", "TC_E_29_CS", "TC_E_31_CS", "TC_E_33_CS", "E14.FR.02", "E14.FR.03", "E14.FR.04", "E14.FR.06")
@pytest.mark.ocpp("2.0.1", "E14.FR.07")
@pytest.mark.parametrize("ongoing", [True, False])
@octt(QUICK)
async def test_the_status_of_a_transaction_when_something_waits(o: Octt, ongoing: bool) -> None:
    run = Run(o)
    await run.charging()
    id = run.transaction_id
    o.lose_network()
    if not ongoing:
        o.swipe()
    await o.sleep(60)
    o.csms.behaviour.delays_s["TransactionEvent"] = 5.0
    o.forget()
    await o.restore_network()
    await o.sleep(1)
    status = await o.command("GetTransactionStatus", {"transactionId": id})
    assert status == {"ongoingIndicator": ongoing, "messagesInQueue": True}
    assert await o.command("GetTransactionStatus") == {"messagesInQueue": True}
    if not ongoing:
        await o.event({"eventType": "Ended", "offline": True}, within_s=60)
    else:
        updated = await o.event({"eventType": "Updated", "offline": True}, within_s=60)
        assert registers(updated)
    await o.sleep(30)
    assert await o.command("GetTransactionStatus") == {"messagesInQueue": False}


@pytest.mark.ocpp("2.0.1", "E04.FR.02", "E12.FR.02", "E11.FR.06")
@octt(QUICK)
async def test_a_line_that_drops_again_and_again_loses_nothing(o: Octt) -> None:
    run = Run(o)
    await run.ev_connected()
    for fate in (Fate.LOSE_AND_CUT, Fate.DELIVER_AND_CUT, Fate.LOSE_AND_CUT):
        o.world.network.plan(Direction.UP, calls("TransactionEvent"), fate)
    o.swipe()
    await o.sleep(200)
    o.swipe()
    await o.event({"eventType": "Ended"}, within_s=60)
    assert_in_order(o)
    assert abs(o.transactions[0].energy_wh - o.world.evse(1)["energy_wh"]) <= 1
