"""What is known of sessions and transactions, and that it is still known after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.logic.records import Basis, ChargingRecord, ChargingState, EventKind, TransactionEvent, Trigger
from controller.logic.values import IdToken
from controller.store.exc import StoreError, UnknownRecord
from tests.store.facts import CSMS, V16, V201, HandClock, begin, ended, energy, metered, open_store, started, updated


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_open_transaction_after_restart_is_as_it_was_committed(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    store.open_session("session-1", 1, clock.now())
    token = IdToken("04A1B2C3")
    record = ChargingRecord("record-1", "session-1", 1, Basis.CSMS, token, 1000, clock.now())
    store.add_charging_record(record)
    transaction_id = store.new_transaction_id()
    start = started(transaction_id, clock.now())
    store.begin_transaction(
        start,
        protocol=V201,
        csms=CSMS,
        session_id="session-1",
        record_id="record-1",
        group="fleet",
        plug_run_id="run-7",
        plug_count=3,
    )
    clock.advance(30)
    store.add_event(updated(transaction_id, clock.now(), register_wh=1234, may_drop=False))
    before = store.open_transactions()

    again = open_store(path, clock)

    assert again.open_transactions() == before
    [found] = again.open_transactions()
    assert (found.id, found.protocol, found.id_token, found.group) == (transaction_id, V201, token, "fleet")
    assert (found.start_register_wh, found.last_register_wh, found.last_stamp) == (1000, 1234, clock.now())
    assert (found.session_id, found.record_id, found.plug_run_id, found.plug_count) == (
        "session-1",
        "record-1",
        "run-7",
        3,
    )
    assert again.charging_record("record-1") == record
    assert again.open_sessions() == [("session-1", 1, start.stamp)]


def test_end_closes_the_transaction_and_keeps_it_readable(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    transaction_id = begin(store, clock)
    store.add_event(ended(transaction_id, clock.now()))
    store = open_store(path, clock)
    assert store.open_transactions() == []
    assert not store.is_open(transaction_id)
    found = store.transaction(transaction_id)
    assert found is not None and found.last_register_wh == 1200


def test_event_of_an_ended_or_unknown_transaction_is_refused(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    transaction_id = begin(store, clock)
    store.add_event(ended(transaction_id, clock.now()))
    with pytest.raises(UnknownRecord, match="has ended"):
        store.add_event(updated(transaction_id, clock.now()))
    with pytest.raises(UnknownRecord, match="no transaction"):
        store.add_event(updated("nobody", clock.now()))
    assert [each.event.kind for each in store.waiting(9) if isinstance(each.event, TransactionEvent)] == [
        EventKind.STARTED,
        EventKind.ENDED,
    ]


def test_transaction_id_used_twice_is_refused_and_leaves_nothing_behind(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    transaction_id = begin(store, clock)
    with pytest.raises(StoreError):
        store.begin_transaction(started(transaction_id, clock.now()), protocol=V201, csms=CSMS)
    assert store.queued_count() == 1
    assert len(store.open_transactions()) == 1


def test_transaction_begun_before_the_plug_learns_its_evse_token_and_register_later(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    store.begin_transaction(
        TransactionEvent("tx", EventKind.STARTED, Trigger.EV_DETECTED, clock.now(), True), protocol=V201, csms=CSMS
    )
    first, second = IdToken("AA"), IdToken("BB")
    store.add_event(
        TransactionEvent(
            *("tx", EventKind.UPDATED, Trigger.CABLE_PLUGGED_IN, clock.now(), True, ChargingState.EV_CONNECTED),
            evse_id=2,
            connector_id=1,
            id_token=first,
            register_wh=77,
        )
    )
    store.note_plug("tx", "run-1", 4)
    store.note_group("tx", "family")
    end = TransactionEvent("tx", EventKind.ENDED, Trigger.STOP_AUTHORIZED, clock.now(), True, id_token=second)
    store.add_event(end)
    found = store.transaction("tx")
    assert found is not None
    assert (found.evse_id, found.connector_id, found.id_token) == (2, 1, first)
    assert (found.start_register_wh, found.charging_state) == (77, ChargingState.EV_CONNECTED)
    assert (found.plug_run_id, found.plug_count, found.group) == ("run-1", 4, "family")


def test_sessions_records_and_transactions_are_many_to_many_and_the_latest_link_counts(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    one, two = begin(store, clock), begin(store, clock)
    for number in ("1", "2"):
        store.open_session(f"s{number}", 1, clock.now())
        store.add_charging_record(ChargingRecord(f"r{number}", f"s{number}", 1, Basis.FREE, None, None, clock.now()))
        store.link(one, session_id=f"s{number}", record_id=f"r{number}")
    store.link(two, session_id="s1", record_id="r1")
    store.link(one, session_id="s1")
    found = store.archived_transaction(one)
    assert found is not None
    assert found.sessions == ("s2", "s1")
    assert [record.id for record in found.records] == ["r1", "r2"]
    assert [each.session_id for each in store.open_transactions()] == ["s1", "s1"]
    with pytest.raises(UnknownRecord):
        store.link("nobody", session_id="s1")


def test_wire_id_finds_the_open_transaction_even_where_a_csms_reuses_numbers(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    ids = []
    for _ in range(2):
        transaction_id = begin(store, clock, protocol=V16)
        ids.append(transaction_id)
        store.delivered(store.waiting(1)[0].position, wire_id=55)
        if len(ids) == 1:
            store.add_event(ended(transaction_id, clock.now()))
            store.delivered(store.waiting(1)[0].position)
    store = open_store(path, clock)
    found = store.transaction_by_wire_id(55)
    assert found is not None and found.id == ids[1]
    assert store.transaction_by_wire_id(56) is None


def test_every_field_of_an_event_comes_back_from_the_disk(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    transaction_id = begin(store, clock)
    event = TransactionEvent(
        transaction_id=transaction_id,
        kind=EventKind.UPDATED,
        trigger=Trigger.REMOTE_START,
        stamp=clock.now(),
        online=False,
        charging_state=ChargingState.SUSPENDED_EVSE,
        evse_id=1,
        connector_id=1,
        id_token=IdToken("x"),
        remote_start_id=9,
        register_wh=0,
        register_is_stale=True,
        samples=energy(0.5),
        cable_max_current_a=32,
        phases_used=3,
    )
    outside = metered(clock.now())
    store.add_event(event)
    store.add_event(outside)
    store.close()
    assert [each.event for each in open_store(path, clock).waiting(9)][1:] == [event, outside]


def test_transaction_ids_never_repeat(path: Path) -> None:
    store = open_store(path)
    assert len({store.new_transaction_id() for _ in range(2000)}) == 2000
