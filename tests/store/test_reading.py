"""Reading beside a station that writes: it is never held up, and a file at rest is left exactly as it was."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from controller.store.exc import NewerSchema, StoreError, StoreUnusable
from controller.store.reading import ReadOnly
from controller.store.records import Choice, Records
from controller.store.rows import Fate, Frozen
from tests.store.facts import V201, HandClock, begin, ended, open_store, updated


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "station.db"


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def test_a_writer_never_waits_for_a_reader_and_its_log_starts_anew(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    for _ in range(5):
        begin(store, clock)
    records = Records.open(path)
    found = []
    for each in records.summaries(Choice()):
        found.append(each.transaction.id)
        before = time.monotonic()
        store.add_event(updated(each.transaction.id, clock.now(), may_drop=False))
        assert time.monotonic() - before < 0.2, "the store waits 0.3 s for a lock"
        other = sqlite3.connect(path, timeout=0)
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "the reader holds the log"
    assert len(found) == 5


def test_a_writer_goes_on_within_a_snapshot_which_stays_of_one_moment(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    begin(store, clock)
    reader = ReadOnly(path)
    with reader.snapshot():
        assert reader.number("SELECT count(*) FROM transactions") == 1
        begin(store, clock)
        assert reader.number("SELECT count(*) FROM transactions") == 1
    assert reader.number("SELECT count(*) FROM transactions") == 2


def test_a_file_at_rest_is_read_without_a_trace(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    begin(store, clock)
    store.close()
    before, content = path.stat(), path.read_bytes()
    assert names(path) == ["station.db", "station.db.reserve"]
    with ReadOnly(path) as reader:
        assert reader.number("SELECT count(*) FROM transactions") == 1
        assert names(path) == ["station.db", "station.db.reserve"]
    assert (path.stat().st_mtime_ns, path.read_bytes()) == (before.st_mtime_ns, content)


def test_a_station_started_meanwhile_is_noticed(path: Path) -> None:
    clock = HandClock()
    open_store(path, clock).close()
    reader = ReadOnly(path)
    store = open_store(path, clock)
    begin(store, clock)
    with reader.snapshot():
        assert reader.number("SELECT count(*) FROM transactions") == 1


def test_what_a_killed_station_left_in_the_log_is_seen_and_left_there(path: Path, tmp_path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    begin(store, clock)
    left = tmp_path / "left" / "station.db"
    left.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{left}{suffix}")
    content = [left.read_bytes(), Path(f"{left}-wal").read_bytes()]
    with ReadOnly(left) as reader:
        assert reader.number("SELECT count(*) FROM transactions") == 1
    assert [left.read_bytes(), Path(f"{left}-wal").read_bytes()] == content


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_log_in_a_directory_that_may_not_be_written_is_read_from_a_copy(path: Path, tmp_path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    begin(store, clock)
    left = tmp_path / "left" / "station.db"
    left.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{left}{suffix}")
    left.parent.chmod(0o500)
    try:
        with ReadOnly(left) as reader:
            assert reader.number("SELECT count(*) FROM transactions") == 1
    finally:
        left.parent.chmod(0o700)


def test_what_is_not_there_not_ours_or_too_new_is_one_line(path: Path) -> None:
    with pytest.raises(StoreUnusable, match="there is no such file"):
        Records.open(path)
    path.touch()
    with pytest.raises(StoreError, match="is empty"):
        Records.open(path)
    path.write_text("[station]\nidentity = 'x'\n" * 50)
    with pytest.raises(StoreError, match="is not a database"):
        Records.open(path)
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (a)")
    other.commit()
    with pytest.raises(StoreUnusable, match="is not a database of a charging station"):
        Records.open(path)
    path.unlink()
    open_store(path).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(NewerSchema, match="has schema 99"):
        Records.open(path)


def test_a_summary_counts_every_fate_as_the_archive_does(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock, max_waiting=5)
    one, two = begin(store, clock), begin(store, clock)
    for _ in range(9):
        clock.advance(60)
        store.add_event(updated(one, clock.now()))
    for record in store.waiting(4):
        if record.transaction_id == one:
            store.freeze(record.position, Frozen(V201, "A", "{}", store.next_seq_no(one)))
            store.attempted(record.position, "InternalError")
    store.gave_up(store.waiting(1)[0].position, "3 attempts")
    store.delivered(next(each for each in store.waiting(9) if each.transaction_id == one).position)
    store.skip(next(each for each in store.waiting(9) if each.transaction_id == two).position)
    store.add_event(ended(two, clock.now(), register_wh=1450))
    store.flush()
    summaries = {each.transaction.id: each for each in Records.open(path).summaries(Choice())}
    assert {Fate.GAVE_UP, Fate.DELIVERED, Fate.WAITING, Fate.DROPPED} == set(summaries[one].fates)
    for whole in store.archive():
        expected = {fate: sum(each.fate is fate for each in whole.messages) for fate in Fate}
        assert summaries[whole.transaction.id].fates == {fate: count for fate, count in expected.items() if count}
    assert (summaries[one].ended, summaries[one].energy_wh) == (None, 100)
    assert (summaries[two].stopped_reason, summaries[two].energy_wh) == ("EVDisconnected", 450)
