"""`Verifier`: silent about every store that only went through its own methods, and one line for each thing put wrong."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from controller.logic.records import Basis, ChargingRecord
from controller.logic.values import AuthorizationStatus, IdToken, TokenInfo
from controller.store.exc import StoreUnusable
from controller.store.rows import Frozen
from controller.store.store import Store
from controller.store.verify import Verifier
from tests.store.facts import V201, HandClock, begin, ended, metered, open_store, updated


def violations(path: Path) -> list[str]:
    return list(Verifier(path).violations())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "station.db"


def send(store: Store, position: int) -> None:
    [record] = [each for each in store.waiting(999) if each.position == position]
    seq_no = store.next_seq_no(record.transaction_id) if record.transaction_id else None
    told = {"seqNo": seq_no, "transactionInfo": {"transactionId": record.transaction_id}}
    action = "TransactionEvent" if record.transaction_id else "MeterValues"
    store.freeze(position, Frozen(V201, action, json.dumps(told), seq_no))


def lived(path: Path) -> tuple[str, str]:
    """A store with everything in it: `one` has ended and is delivered but for its end, `two` runs, thinned out."""
    clock = HandClock()
    store = open_store(path, clock, max_waiting=12)
    store.begin_boot("PowerUp")
    store.open_session("s", 1, clock.now())
    store.add_charging_record(ChargingRecord("r", "s", 1, Basis.CSMS, IdToken("04A1B2C3"), 1000, clock.now()))
    store.cache_put(IdToken("04A1B2C3"), TokenInfo(AuthorizationStatus.ACCEPTED))
    store.set_variable("A.B", "1", "csms")
    store.add_security_event("MemoryExhaustion", "")
    one = begin(store, clock)
    store.link(one, session_id="s", record_id="r")
    for number in range(3):
        store.add_event(updated(one, clock.now(), register_wh=1100 + number))
    store.add_event(metered(clock.now()))
    store.add_event(ended(one, clock.now()))
    for record in store.waiting(4):
        send(store, record.position)
        store.attempted(record.position, "InternalError")
        if record.position == 3:
            store.gave_up(record.position, "3 attempts")
        else:
            store.delivered(record.position)
    store.skip(5)
    send(store, 6)
    two = begin(store, clock)
    send(store, store.last_position())
    for number in range(20):
        clock.advance(60)
        store.add_event(updated(two, clock.now(), register_wh=1000 + number))
    for record in store.waiting(5):
        if record.frozen is None:
            send(store, record.position)
    store.close()
    return one, two


def test_a_store_that_went_through_its_own_methods_has_nothing_wrong(path: Path) -> None:
    lived(path)
    verifier = Verifier(path)
    assert list(verifier.violations()) == []
    assert verifier.transactions == 2 and verifier.events > 10
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM outcomes WHERE fate = 'dropped'").fetchone()[0] > 2
    other.close()


SQL = tuple[str, str]

# What is put wrong, and the line that says so. {one} has ended, {two} runs.
WRONG: dict[str, SQL] = {
    "register goes back": (
        "UPDATE events SET body = json_set(body, '$.register_wh', 900) WHERE position = 3",
        "transaction {one}: table events row 3: register 900 Wh is below 1100 Wh before it",
    ),
    "begin twice": (
        "UPDATE events SET kind = 'Started', body = json_set(body, '$.kind', 'Started') WHERE position = 2",
        "transaction {one}: table events: has 2 begins: rows 1, 2",
    ),
    "no begin": (
        "UPDATE events SET kind = 'Updated', body = json_set(body, '$.kind', 'Updated') WHERE position = 1",
        "transaction {one}: table events: has 0 begins",
    ),
    "end twice": (
        "UPDATE events SET kind = 'Ended', body = json_set(body, '$.kind', 'Ended') WHERE position = 4",
        "transaction {one}: table events: has 2 ends: rows 4, 6",
    ),
    "end forgotten in transactions": (
        "UPDATE transactions SET ended = NULL WHERE id = '{one}'",
        "transaction {one}: table transactions row 1: runs, by its row in streams it has ended",
    ),
    "end forgotten in streams": (
        "UPDATE streams SET ended = 0 WHERE transaction_id = '{one}'",
        "transaction {one}: table streams row 1: runs, by its events it has ended",
    ),
    "another reason": (
        "UPDATE transactions SET stopped_reason = 'Local' WHERE id = '{one}'",
        "transaction {one}: table transactions row 1: stopped_reason Local, its end says EVDisconnected",
    ),
    "seqNo gap": (
        "UPDATE messages SET seq_no = 7, payload = json_set(payload, '$.seqNo', 7) WHERE position = 3",
        "transaction {one}: table messages row 3: seqNo 7, 2 would be next and no drop is noted",
    ),
    "seqNo twice": (
        "UPDATE messages SET seq_no = 1, payload = json_set(payload, '$.seqNo', 1) WHERE position = 3",
        "transaction {one}: table messages row 3: seqNo 1 was used before",
    ),
    "payload of another seqNo": (
        "UPDATE messages SET payload = json_set(payload, '$.seqNo', 9) WHERE position = 3",
        "transaction {one}: table messages row 3: seqNo 2, but its payload says 9",
    ),
    "payload of another transaction": (
        "UPDATE messages SET payload = json_set(payload, '$.transactionInfo.transactionId', 'x') WHERE position = 3",
        "transaction {one}: table messages row 3: its payload tells of transaction x",
    ),
    "drop not noted": (
        "DELETE FROM outcomes WHERE fate = 'dropped' AND position = (SELECT min(position) FROM outcomes WHERE fate = 'dropped')",
        "would be next and no drop is noted",
    ),
    "event vanished": (
        "DELETE FROM events WHERE position = 2",
        "table messages row 2: is the message of an event that is missing",
    ),
    "waiting event vanished": (
        "DELETE FROM events WHERE position = 6",
        "transaction {one}: table streams row 1: waiting is 1, by its events it is 0",
    ),
    "acknowledgement lost": (
        "UPDATE streams SET settled_through = 0 WHERE transaction_id = '{one}'",
        "transaction {one}: table streams row 1: waiting is 1, by its events it is 5",
    ),
    "given up but waits": (
        "UPDATE streams SET settled_through = 2, waiting = 3 WHERE transaction_id = '{one}'",
        "transaction {one}: table outcomes row 3: gave up, but the message still waits",
    ),
    "delivered without message": (
        "DELETE FROM messages WHERE position = 2",
        "transaction {one}: table messages row 2: is missing, though it was delivered",
    ),
    "settled beyond the last": (
        "UPDATE streams SET settled_through = 999 WHERE transaction_id = '{one}'",
        "transaction {one}: table streams row 1: settled_through 999 is beyond its last event 6",
    ),
    "high-water mark of seqNo": (
        "UPDATE streams SET last_seq_no = 1 WHERE transaction_id = '{one}'",
        "transaction {one}: table streams row 1: last_seq_no 1, by its messages 4",
    ),
    "high-water mark of positions": (
        "INSERT INTO messages VALUES (99999, 'ocpp2.0.1', 'A', '{{}}', 0)",
        "table messages row 99999: is newer than the newest event: its position would be given again",
    ),
    "last register": (
        "UPDATE streams SET last_register_wh = 1000 WHERE transaction_id = '{one}'",
        "transaction {one}: table streams row 1: last_register_wh 1000, its events say 1200",
    ),
    "first register": (
        "UPDATE transactions SET start_register_wh = 0 WHERE id = '{one}'",
        "transaction {one}: table transactions row 1: start_register_wh 0, its first event says 1000",
    ),
    "stream vanished": (
        "DELETE FROM streams WHERE transaction_id = '{one}'",
        "transaction {one}: table transactions row 1: its stream 1 is missing",
    ),
    "transaction vanished": (
        "DELETE FROM transactions WHERE id = '{two}'",
        "transaction {two}: table streams row 3: has no row in transactions",
    ),
    "event of another transaction": (
        "UPDATE events SET body = json_set(body, '$.transaction_id', '{two}') WHERE position = 2",
        "transaction {one}: table events row 2: tells of transaction {two}",
    ),
    "event in no stream": ("UPDATE events SET stream = 77 WHERE position = 2", "table events row 2: belongs to stream 77, which is missing"),
    "event that is no JSON": (
        "UPDATE events SET body = 'x' WHERE position = 2",
        "transaction {one}: table events row 2: cannot be read: JSON is malformed",
    ),
    "token that is no JSON": (
        "UPDATE transactions SET id_token = 'x' WHERE id = '{one}'",
        "table transactions row {one}: id_token cannot be read",
    ),
    "fate there is not": (
        "UPDATE outcomes SET fate = 'eaten' WHERE position = 3",
        "transaction {one}: table outcomes row 3: fate 'eaten' is none there is",
    ),
    "record vanished": (
        "DELETE FROM charging_records",
        "transaction {one}: table record_transactions: charging record r is missing",
    ),
    "index gone": ("DROP INDEX open_transactions", "schema: index open_transactions is missing"),
    "column more": ("ALTER TABLE meta ADD COLUMN x", "schema: table meta is not as schema"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_each_thing_put_wrong_is_a_line_that_names_transaction_table_and_row(path: Path, name: str) -> None:
    one, two = lived(path)
    sql, says = (text.format(one=one, two=two) for text in WRONG[name])
    other = sqlite3.connect(path, isolation_level=None)
    assert other.execute(sql).rowcount != 0
    other.close()
    before = path.read_bytes()
    found = violations(path)
    assert any(says in line for line in found), found
    assert all("\n" not in line for line in found)
    assert path.read_bytes() == before


def test_an_id_used_twice_is_seen_where_a_damaged_index_lets_it_pass(path: Path) -> None:
    one, two = lived(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA writable_schema = ON")
    other.execute(
        "UPDATE sqlite_master SET sql = replace(sql, 'id TEXT NOT NULL UNIQUE', 'id TEXT NOT NULL') WHERE name = 'transactions'"
    )
    other.execute("DELETE FROM sqlite_master WHERE name = 'sqlite_autoindex_transactions_1'")
    other.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("UPDATE transactions SET id = ? WHERE id = ?", (one, two))
    other.close()
    assert f"transaction {one}: table transactions: has 2 rows: its id was used twice" in violations(path)


@pytest.mark.parametrize("page", range(2, 60, 3))
def test_a_page_of_zeros_is_never_called_sound(path: Path, page: int) -> None:
    lived(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("VACUUM")  # in a page that is not used zeros are as good as anything
    sound = path.read_bytes()
    if page * 1024 > len(sound):
        pytest.skip("the file is not that long")
    path.write_bytes(sound[: (page - 1) * 1024] + bytes(1024) + sound[page * 1024 :])
    found = violations(path)
    assert found and found[0].startswith("file: ")


def test_a_truncated_file_and_a_file_without_header_are_one_line(path: Path) -> None:
    lived(path)
    sound = path.read_bytes()
    path.write_bytes(sound[:4096])
    assert violations(path) == ["file: cannot be opened: database disk image is malformed"]
    path.write_bytes(bytes(1024) + sound[1024:])
    assert violations(path) == ["file: cannot be opened: file is not a database"]


def test_what_is_not_there_is_refused(path: Path) -> None:
    with pytest.raises(StoreUnusable, match="no such file"):
        violations(path)


@pytest.mark.parametrize("act", [lambda store: None, Store.flush], ids=["lazy changes wait", "flushed"])
def test_a_station_that_runs_is_verified_too(path: Path, act: Callable[[Store], None]) -> None:
    clock = HandClock()
    store = open_store(path, clock)
    one = begin(store, clock)
    store.add_event(updated(one, clock.now()))
    store.note_register(one, 1300, clock.now())
    act(store)
    assert violations(path) == []
    store.add_event(ended(one, clock.now(), register_wh=1300))
    assert violations(path) == []
