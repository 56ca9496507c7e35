"""Opening the store: on nothing, on what is not ours, on what is damaged, when there is no room."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from controller.logic.records import Kept
from controller.store.database import StoreLimits
from controller.store.exc import NewerSchema, StorageFull, StoreError, StoreUnusable
from controller.store.schema import APPLICATION_ID, MIGRATIONS, PAGE_BYTES
from controller.store.store import Store
from tests.store.cut_session import store_of_schema
from tests.store.facts import CSMS, V201, HandClock, begin, ended, open_store, started, updated


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_new_store_is_durable_small_paged_and_marked_as_ours(tmp_path: Path) -> None:
    path = tmp_path / "state" / "deeper" / "store.sqlite"
    store = open_store(path)
    begin(store, HandClock())
    other = sqlite3.connect(path)
    assert [other.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "page_size")] == ["wal", 1024]
    assert other.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert other.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    assert store.salvage is None


def test_directory_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a directory should be")
    with pytest.raises(StoreUnusable, match=r"state/store.sqlite: .*set another state_dir") as caught:
        open_store(tmp_path / "state" / "store.sqlite")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write anywhere")
@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_directory_of_somebody_else_is_told_in_one_line(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(StoreUnusable, match="fix the owner"):
        open_store(directory / "store.sqlite")


def test_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_text("[station]\nidentity = 'x'\n")
    with pytest.raises(StoreUnusable, match="is not a database"):
        open_store(path)
    assert path.read_text().startswith("[station]")


def test_database_of_another_program_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (a)")
    other.commit()
    with pytest.raises(StoreUnusable, match="another program's database"):
        open_store(path)
    assert other.execute("SELECT count(*) FROM theirs").fetchone()[0] == 0


def test_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    open_store(path).close()
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    other.close()
    with pytest.raises(NewerSchema, match="install the newer program"):
        open_store(path)
    assert sqlite3.connect(path).execute("SELECT count(*) FROM events").fetchone()[0] == 0


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_database_of_every_older_schema_is_brought_up_to_date_with_all_it_holds(path: Path, version: int) -> None:
    clock = HandClock()
    transaction_id = store_of_schema(path, version)
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("PRAGMA user_version").fetchone()[0] == version
        tables = {name for (name,) in old.execute("SELECT name FROM sqlite_master")}
    store = open_store(path, clock)
    assert store.salvage is None
    [found] = store.open_transactions()
    assert (found.id, found.last_register_wh) == (transaction_id, 1100) and store.queued_count() == 2
    store.add_event(ended(transaction_id, clock.now()))
    store.keep(transaction_id, Kept(clock.now(), ()))
    store.note_faults(1, ["meter_lost"])
    store.add_security_event("MemoryExhaustion", "")
    assert not store.has_losses(transaction_id)
    store.close()
    with closing(sqlite3.connect(path)) as new, closing(sqlite3.connect(path.with_name("new"))) as fresh:
        for statement in (statement for statements in MIGRATIONS for statement in statements):
            fresh.execute(statement)
        query = "SELECT name, sql FROM sqlite_master ORDER BY name"
        assert new.execute(query).fetchall() == fresh.execute(query).fetchall(), "as if it had been made today"
        assert new.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert tables < {name for (name,) in new.execute("SELECT name FROM sqlite_master")}


def filled(path: Path) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    for _ in range(30):
        transaction_id = begin(store, clock)
        store.add_event(ended(transaction_id, clock.now()))
    store.close()


@pytest.mark.parametrize("kind", ["zeroed header", "zeroed page", "torn end", "garbage inside"])
def test_damaged_database_is_set_aside_whole_and_a_new_one_begun(path: Path, kind: str) -> None:
    filled(path)
    sound = path.read_bytes()
    damaged = {
        "zeroed header": bytes(1024) + sound[1024:],
        "zeroed page": sound[:4096] + bytes(1024) + sound[5120:],
        "torn end": sound[: len(sound) // 2],
        "garbage inside": sound[:2048] + bytes(255 - byte for byte in sound[2048:20480]) + sound[20480:],
    }[kind]
    path.write_bytes(damaged)
    store = open_store(path)
    aside = path.with_name("store.sqlite.damaged-1")
    assert store.salvage is not None and store.salvage.source == str(aside)
    assert aside.read_bytes() == damaged
    begin(store, HandClock())
    store.close()
    assert open_store(path).salvage is None


def zero_root(path: Path, table: str) -> None:
    """Overwrite the first page of a table, as a bad card may."""
    with closing(sqlite3.connect(path)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(bytes(PAGE_BYTES))


@pytest.mark.parametrize("table", ["streams", "transactions", "variables"])
def test_damage_in_what_changes_is_found_at_opening_however_large_the_database(path: Path, table: str) -> None:
    filled(path)
    zero_root(path, table)
    assert open_store(path, check_bytes=0).salvage is not None


@pytest.mark.parametrize("table", ["events", "messages"])
def test_damage_in_a_large_archive_is_told_when_met_and_found_at_the_next_opening(path: Path, table: str) -> None:
    filled(path)
    zero_root(path, table)
    store = open_store(path, check_bytes=0)
    assert store.salvage is None
    with pytest.raises(StoreError, match=r"store.sqlite: .*malformed; at the next start all of it is checked"):
        list(store.archive())
    store.close()
    again = open_store(path, check_bytes=0)
    assert again.salvage is not None
    begin(again, HandClock())
    again.close()
    assert open_store(path, check_bytes=0).salvage is None
    assert [each.name for each in path.parent.iterdir() if "suspect" in each.name] == []


def test_suspicion_that_was_wrong_is_dropped(path: Path) -> None:
    filled(path)
    path.with_name("store.sqlite.suspect").touch()
    store = open_store(path, check_bytes=0)
    assert store.salvage is None and store.queued_count() == 60
    assert not path.with_name("store.sqlite.suspect").exists()


def test_second_damaged_database_does_not_overwrite_the_first(path: Path) -> None:
    for number in (1, 2):
        filled(path)
        path.write_bytes(bytes(1024) + path.read_bytes()[1024:])
        found = open_store(path).salvage
        assert found is not None and found.source == str(path.with_name(f"store.sqlite.damaged-{number}"))
        path.unlink()


def test_second_writer_is_named(path: Path) -> None:
    store, other = open_store(path), sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Exception, match="another program is writing"):
        begin(store, HandClock())
    other.execute("ROLLBACK")
    begin(store, HandClock())


def test_full_store_refuses_whole_keeps_what_it_has_and_recovers(path: Path) -> None:
    clock = HandClock()
    limits = StoreLimits(max_bytes=200 << 10, reserve_bytes=60 << 10, free_floor_bytes=0)
    store = Store.open(path, clock, limits)
    assert store.has_space()
    begun: list[str] = []
    while store.has_space():
        begun.append(begin(store, clock))
    # The reserve is for what has begun: it can still end, but mere updates may not eat that room.
    with pytest.raises(StorageFull, match="kept for ending"):
        store.add_event(updated(begun[0], clock.now()))
    running = begun[-20:]
    for transaction_id in running:
        store.add_event(ended(transaction_id, clock.now()))
    more = 0
    with pytest.raises(StorageFull, match="no room left"):
        while True:
            store.begin_transaction(started(f"extra-{more}", clock.now()), protocol=V201, csms=CSMS)
            more += 1
    assert not store.has_space()
    assert store.transaction(f"extra-{more}") is None
    assert store.queued_count() == len(begun) + 20 + more
    store.close()
    again = open_store(path, clock)  # a larger quota
    assert again.queued_count() == len(begun) + 20 + more
    assert len(again.open_transactions()) == len(begun) - 20 + more
    assert again.has_space()
    begin(again, clock)


def test_no_room_on_the_card_means_no_space(path: Path) -> None:
    assert not Store.open(path, HandClock(), StoreLimits(free_floor_bytes=1 << 60)).has_space()


def test_lazy_changes_survive_a_change_that_did_not_fit(path: Path) -> None:
    clock = HandClock()
    store = Store.open(path, clock, StoreLimits(max_bytes=160 << 10, free_floor_bytes=0))
    transaction_id = begin(store, clock)
    store.note_register(transaction_id, 1500, clock.now())
    huge = "x" * (200 << 10)
    with pytest.raises(StorageFull):
        store.set_meta("huge", huge)
    store.note_register(transaction_id, 1600, clock.now())
    store.flush()
    [found] = open_store(path, clock).open_transactions()
    assert found.last_register_wh == 1600
