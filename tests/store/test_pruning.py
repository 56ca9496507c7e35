"""The archive's quota: the oldest delivered transactions go first, and never one of which the CSMS lacks something."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from controller.logic.records import Basis, ChargingRecord
from controller.store.records import Choice, Records
from controller.store.rows import Frozen
from controller.store.store import Store
from controller.store.verify import Verifier
from tests.store.facts import V201, HandClock, begin, ended, metered, open_store, updated

SMALL = {"archive_bytes": 0, "archive_transactions": 2}
Usage = namedtuple("Usage", "total used free")


def live(store: Store, clock: HandClock, *, fate: str = "delivered") -> str:
    """One transaction from its session to its end; fate: of its messages, or of what it has not come to."""
    session = store.new_transaction_id()
    store.open_session(session, 1, clock.now())
    one = begin(store, clock)
    store.add_charging_record(ChargingRecord(f"r {one}", session, 1, Basis.CSMS, None, 1000, clock.now()), one)
    store.add_event(updated(one, clock.now()))
    store.add_event(metered(clock.now()))
    if fate != "running":
        store.add_event(ended(one, clock.now()))
        store.close_session(session, clock.now())
    for record in store.waiting(50):
        if record.transaction_id not in (None, one) or (fate == "waiting" and record.transaction_id == one):
            continue
        seq_no = store.next_seq_no(record.transaction_id) if record.transaction_id is not None else None
        store.freeze(record.position, Frozen(V201, "A", "{}", seq_no))
        if fate == "gave up" and record.is_start:
            store.gave_up(record.position, "no")
        else:
            store.delivered(record.position)
    clock.advance(60)
    return one


def held(store: Store) -> list[str]:
    return [each.transaction.id for each in store.archive()]


def test_the_oldest_delivered_goes_first_and_nothing_that_the_csms_lacks(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "station.db"
    store = open_store(path, clock, **SMALL)
    ids = {
        name: live(store, clock, fate=name.split(",")[0])
        for name in ("delivered,1", "gave up", "waiting", "running", "delivered,2", "delivered,3", "delivered,4")
    }
    gone = []
    while (one := store.forget_oldest()) is not None:
        gone.append(one)
        store.flush()
        assert list(Verifier(path).violations()) == []
    assert gone == [ids["delivered,1"], ids["delivered,2"]], "the newest two always stay"
    assert held(store) == [each for each in ids.values() if each not in gone]
    assert store.queued_count(ids["waiting"]) == 3 and store.undelivered_count() == 1
    for table in ("sessions", "charging_records", "session_transactions", "record_transactions"):
        assert store._db.number(f"SELECT count(*) FROM {table}") == 5
    assert len(list(store.archived_meter_values())) < 7


def test_what_comes_after_has_numbers_never_used_before(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "station.db"
    store = open_store(path, clock, **{**SMALL, "archive_transactions": 0})
    for _ in range(3):
        live(store, clock)
    highest = store.last_position()
    rows = [store._db.number(f"SELECT max({column}) FROM {table}") for table, column in (("streams", "id"),)]
    while store.forget_oldest() is not None:
        pass
    store.close()
    store = open_store(path, clock)
    store.add_event(metered(clock.now()))
    one = begin(store, clock)
    assert store.last_position() == highest + 2
    assert store._db.number("SELECT id FROM streams WHERE transaction_id = ?", (one,)) == rows[0] + 1


def test_whoever_reads_meanwhile_just_does_not_see_it(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "station.db"
    store = open_store(path, clock, archive_bytes=0, archive_transactions=1)
    ids = [live(store, clock) for _ in range(3)]
    records = Records.open(path)
    reading = records.summaries(Choice())
    assert next(reading).transaction.id == ids[0]
    while store.forget_oldest() is not None:
        store.flush()
    assert [each.transaction.id for each in reading] == [ids[2]]
    records.close()


def test_below_the_quota_nothing_goes(tmp_path: Path) -> None:
    clock = HandClock()
    store = open_store(tmp_path / "station.db", clock, archive_transactions=0)
    live(store, clock), live(store, clock)
    assert store.forget_oldest() is None and len(held(store)) == 2


def test_an_archive_that_fills_a_small_card_makes_room_for_new_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, path = HandClock(), tmp_path / "station.db"
    store = open_store(path, clock, free_floor_bytes=5 << 20, archive_transactions=1, ballast_bytes=0)
    for _ in range(300):
        live(store, clock)
    store.flush()
    left = (5 << 20) - (200 << 10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1 << 30, (1 << 30) - left, left))
    assert not store.has_space()
    for _ in range(280):
        store.forget_oldest()
    assert store.has_space() and len(held(store)) < 300
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1 << 30, (1 << 30) - 4096, 4096))
    assert not store.has_space(), "without room for its log unused pages are of no help"
