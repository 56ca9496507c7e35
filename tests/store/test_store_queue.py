"""What waits for delivery, in which order, under which numbers; what became of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from controller.logic.records import EventKind, TransactionEvent
from controller.store.exc import UnknownRecord
from controller.store.rows import Fate, Frozen
from controller.store.store import Store
from tests.store.facts import CSMS, V16, V201, HandClock, begin, ended, metered, open_store, updated


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def freeze(store: Store, position: int, payload: str = "{}") -> int | None:
    [record] = [each for each in store.waiting(999) if each.position == position]
    seq_no = store.next_seq_no(record.transaction_id) if record.transaction_id else None
    store.freeze(position, Frozen(V201, "TransactionEvent", payload, seq_no))
    return seq_no


def test_waiting_is_chronological_over_all_transactions(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    one = begin(store, clock)
    store.add_event(metered(clock.now()))
    two = begin(store, clock)
    store.add_event(updated(one, clock.now()))
    store.add_event(ended(two, clock.now()))
    waiting = store.waiting(9)
    assert [each.transaction_id for each in waiting] == [one, None, two, one, two]
    assert [each.position for each in waiting] == sorted(each.position for each in waiting)
    assert store.waiting(2) == waiting[:2]
    assert (store.queued_count(), store.queued_count(one), store.queued_count(two)) == (5, 2, 2)


def test_streams_that_wait_for_a_retry_and_other_lanes_can_be_left_out(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    one, two = begin(store, clock), begin(store, clock, protocol=V16)
    store.add_event(metered(clock.now()))
    stuck = store.waiting(1)[0].stream
    assert [each.transaction_id for each in store.waiting(9, except_streams={stuck})] == [two, None]
    assert [each.transaction_id for each in store.waiting(9, lane=(V201, CSMS))] == [one, None]
    assert [each.transaction_id for each in store.waiting(9, lane=(V201, CSMS), pinned_only=True)] == [one]
    assert store.waiting(9, lane=(V201, "elsewhere"), pinned_only=True) == []
    assert sorted(store.lanes()) == [(V16, CSMS), (V201, CSMS)]


@pytest.mark.ocpp("2.0.1", "E01.FR.07", "E04.FR.04")
def test_seq_no_counts_from_zero_and_skips_nothing(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    one, two = begin(store, clock), begin(store, clock)
    for transaction_id in (one, two, one):
        store.add_event(updated(transaction_id, clock.now()))
    numbers: dict[str | None, list[int | None]] = {one: [], two: []}
    for record in store.waiting(9):
        if len(numbers[record.transaction_id]) == 1:
            store.skip(record.position)  # nothing to say of it in this version: takes no number
            numbers[record.transaction_id].append(None)
            continue
        numbers[record.transaction_id].append(freeze(store, record.position))
        store.delivered(record.position)
    assert numbers == {one: [0, None, 1], two: [0, None]}


def test_frozen_message_is_the_same_after_a_restart(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    begin(store, clock)
    position = store.waiting(1)[0].position
    freeze(store, position, '{"a":"ü"}')
    store.attempted(position, "InternalError")
    store.attempted(position, "link lost", counts=False)
    [found] = open_store(path, clock).waiting(9)
    assert found.frozen == Frozen(V201, "TransactionEvent", '{"a":"ü"}', 0)
    assert (found.attempts, found.unanswered) == (1, 1)


def test_settling_out_of_order_or_twice_is_refused(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    transaction_id = begin(store, clock)
    store.add_event(updated(transaction_id, clock.now()))
    first, second = (each.position for each in store.waiting(9))
    with pytest.raises(UnknownRecord, match="not the next"):
        store.delivered(second)
    store.delivered(first)
    with pytest.raises(UnknownRecord, match="nothing waits"):
        store.delivered(first)
    assert [each.position for each in store.waiting(9)] == [second]


@pytest.mark.ocpp("2.0.1", "E13.FR.04")
def test_what_the_wire_gave_up_on_stays_in_the_archive_with_its_reason(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    lost, fine = begin(store, clock), begin(store, clock)
    for record in store.waiting(9):
        freeze(store, record.position, '{"n":1}')
        if record.transaction_id == lost:
            store.attempted(record.position, "InternalError")
            store.gave_up(record.position, "3 attempts")
        else:
            store.attempted(record.position, "InternalError")
            store.delivered(record.position)
    store.add_event(ended(lost, clock.now()))
    store.undeliverable(store.waiting(1)[0].position, "ocpp2.0.1 is no longer configured")

    store = open_store(path, clock)
    assert store.waiting(9) == []
    assert store.undelivered_count() == 2
    [found] = store.archive(undelivered_only=True)
    assert found.transaction.id == lost and found.csms == CSMS and found.stopped_reason == "EVDisconnected"
    assert [(each.fate, each.attempts, each.why) for each in found.messages] == [
        (Fate.GAVE_UP, 1, "3 attempts"),
        (Fate.UNDELIVERABLE, 0, "ocpp2.0.1 is no longer configured"),
    ]
    assert found.messages[0].frozen == Frozen(V201, "TransactionEvent", '{"n":1}', 0)
    assert found.messages[0].event is not None
    [_, other] = store.archive()
    assert other.transaction.id == fine
    assert [(each.fate, each.attempts) for each in other.messages] == [(Fate.DELIVERED, 1)]


def test_meter_values_outside_transactions_are_archived_too(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    for wh in (1, 2):
        store.add_event(metered(clock.now(), wh=wh))
    store.skip(store.waiting(1)[0].position)
    assert [each.fate for each in store.archived_meter_values()] == [Fate.SKIPPED, Fate.WAITING]
    assert store.lanes() == []


@pytest.mark.ocpp("2.0.1", "E12.FR.04", "E12.FR.05", "E04.FR.07", "E04.FR.08", "E11.FR.04", "E11.FR.05", "E01.FR.07")
def test_thinning_drops_alternate_updates_and_leaves_their_numbers_out(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock, max_waiting=12)
    transaction_id = begin(store, clock, online=False)
    for number in range(11):
        store.add_event(updated(transaction_id, clock.now(), online=False, register_wh=2000 + number))
    store.add_event(updated(transaction_id, clock.now(), online=False, register_wh=3000, may_drop=False))
    store.add_event(ended(transaction_id, clock.now(), online=False))

    kept = store.waiting(99)
    assert [getattr(each.event, "register_wh", None) for each in kept] == [
        *(1000, 2001, 2003, 2005, 2007, 2009, 2010, 3000, 1200),
    ]
    assert len(kept) == store.queued_count(transaction_id) == 9
    numbers = []
    for record in kept:
        numbers.append(freeze(store, record.position))
        store.delivered(record.position)
    assert numbers == [0, 2, 4, 6, 8, 10, 11, 12, 13]
    [archived] = store.archive()
    fates = [each.fate for each in archived.messages]
    assert fates.count(Fate.DROPPED) == 5 and fates.count(Fate.DELIVERED) == 9


@pytest.mark.ocpp("2.0.1", "E12.FR.05")
def test_thinning_never_touches_begin_end_real_changes_or_what_is_encoded(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock, max_waiting=4)
    transaction_id = begin(store, clock)
    for number in range(3):
        store.add_event(updated(transaction_id, clock.now(), register_wh=2000 + number))
    for record in store.waiting(9):
        freeze(store, record.position)
    for number in range(4):
        store.add_event(updated(transaction_id, clock.now(), register_wh=3000 + number, may_drop=False))
    store.add_event(ended(transaction_id, clock.now()))
    assert store.queued_count() == 9
    kinds = [each.event.kind for each in store.waiting(99) if isinstance(each.event, TransactionEvent)]
    assert kinds == [EventKind.STARTED, *[EventKind.UPDATED] * 7, EventKind.ENDED]


@pytest.mark.ocpp("2.0.1", "E12.FR.05")
def test_thinning_again_and_again_keeps_the_queue_bounded_and_every_part_of_the_story(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock, max_waiting=40, durable=False)
    transaction_id = begin(store, clock, online=False)
    for number in range(1000):
        store.add_event(updated(transaction_id, clock.now(), online=False, register_wh=2000 + number))
    registers = [getattr(each.event, "register_wh", 0) for each in store.waiting(99)]
    assert len(registers) <= 44
    assert registers[0] == 1000 and registers[-1] == 2999
    assert registers == sorted(registers)
    steps = [later - earlier for earlier, later in pairwise([1999, *registers[1:]])]
    assert len(registers) > 20 and max(steps) <= 4 * 1000 / 40, (
        "not from the start, and nowhere twice as bare as it must be"
    )


def test_delivery_costs_the_same_however_much_lies_in_the_archive(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock, durable=False)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def session() -> int:
        nonlocal steps
        steps = 0
        transaction_id = begin(store, clock)
        for _ in range(4):
            store.add_event(updated(transaction_id, clock.now()))
        store.add_event(metered(clock.now()))
        store.add_event(ended(transaction_id, clock.now()))
        for record in store.waiting(9):
            freeze(store, record.position)
            store.delivered(record.position)
        store.last_position(), store.queued_count(), store.lanes()
        return steps

    store._db._connection.set_progress_handler(count, 10)  # called every ten steps of SQLite's machine
    few = session()
    for _ in range(150):
        session()
    assert session() < few * 1.5


def test_several_are_frozen_and_settled_at_once_where_they_are_the_next_of_their_stream(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    one, two = begin(store, clock), begin(store, clock)
    for transaction_id in (one, two, one, one):
        store.add_event(updated(transaction_id, clock.now()))
    records = [each for each in store.waiting(9) if each.transaction_id == one]
    numbers = [store.next_seq_no(one, each.position) + behind for behind, each in enumerate(records)]
    assert numbers == [0, 1, 2, 3]
    made = [replace(each, frozen=Frozen(V201, "A", "{}", n)) for each, n in zip(records, numbers, strict=True)]
    store.freeze_all(made)
    assert [each for each in store.waiting(9) if each.transaction_id == one] == made
    assert (store.next_seq_no(one), store.next_seq_no(two)) == (4, 0)
    positions = [each.position for each in made]
    with pytest.raises(UnknownRecord, match=f"position {positions[1]} is not the next"):
        store.delivered(*positions[1:])
    with pytest.raises(UnknownRecord, match="is not the next"):
        store.delivered(positions[0], positions[2])
    store.delivered(*positions[:3])
    assert (store.queued_count(one), store.queued_count(two)) == (1, 2)
    assert [each.position for each in store.waiting(9) if each.transaction_id == one] == positions[3:]


def test_what_comes_behind_a_position_can_be_asked_for(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    one = begin(store, clock)
    for _ in range(5):
        store.add_event(updated(one, clock.now()))
    everything = store.waiting(9)
    assert store.waiting(2, after=everything[1].position) == everything[2:4]
    assert store.waiting(9, after=everything[-1].position) == []


def test_passing_over_what_was_thinned_out_since_is_harmless(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock, max_waiting=6)
    one = begin(store, clock)
    for _ in range(4):
        store.add_event(updated(one, clock.now()))
    looked_at = store.waiting(9)
    for _ in range(3):
        store.add_event(updated(one, clock.now()))
    gone = [each for each in looked_at if each not in store.waiting(99)]
    assert gone
    store.skip(gone[0].position)
    assert store.queued_count() == len(store.waiting(99))
