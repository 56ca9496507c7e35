"""A damaged database always opens; what can be read of it is kept, nothing is invented, nothing is sent twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from controller.logic.records import Basis, ChargingRecord
from controller.logic.values import IdToken
from controller.store.damaged import apply_log
from controller.store.rows import Fate, Frozen
from controller.store.store import Store
from controller.store.verify import Verifier
from tests.store.facts import V16, V201, HandClock, begin, ended, metered, open_store, updated

Rows = dict[str, list[tuple[Any, ...]]]
PAGE = 1024


def deliver(store: Store, count: int) -> None:
    """Send what waits, as a CSMS of the stream's version would have it: wire ids from 500 on."""
    for record in store.waiting(count):
        seq_no = store.next_seq_no(record.transaction_id) if record.transaction_id else None
        if record.frozen is None:
            store.freeze(record.position, Frozen(record.protocol or V201, *worded(store, record, seq_no), seq_no))
        wire_id = 500 + record.stream if record.is_start and record.protocol == V16 else None
        store.delivered(record.position, wire_id=wire_id)


def worded(store: Store, record: Any, seq_no: int | None) -> tuple[str, str]:
    if record.transaction_id is None:
        return "MeterValues", "{}"
    if record.protocol == V16:
        transaction = store.transaction(record.transaction_id)
        assert transaction is not None
        told = {} if record.is_start else {"transactionId": transaction.wire_id}
        return ("StartTransaction" if record.is_start else "StopTransaction"), json.dumps(told)
    return "TransactionEvent", json.dumps(
        {"seqNo": seq_no, "transactionInfo": {"transactionId": record.transaction_id}}
    )


def lived(path: Path, count: int = 10) -> None:
    """Transactions delivered and not, given up, thinned out, running; settings; wire ids; meter values; links."""
    clock, random = HandClock(), Random(3)
    store = open_store(path, clock, max_waiting=60, durable=False)
    store.begin_boot("PowerUp")
    for number in range(20):
        store.set_variable(f"Component{number}.Variable", "x" * random.randrange(60), "csms")
    store.set_meta("local_limit.1", "10")
    store.set_availability(1, 1, False)
    store.add_security_event("MemoryExhaustion", "")
    store.add_security_event("ReconfigurationOfSecurityParameters", "SecurityCtrlr.BasicAuthPassword")
    for number in range(count):
        session, record = f"session-{number}", f"record-{number}"
        store.open_session(session, 1, clock.now())
        store.add_charging_record(
            ChargingRecord(record, session, 1, Basis.CSMS, IdToken(f"04A1B2C{number}"), 1000, clock.now())
        )
        one = begin(store, clock, protocol=V16 if number % 3 == 1 else V201)
        store.link(one, session_id=session, record_id=record)
        if number % 3 == 1:
            deliver(store, 50)
        for step in range(random.randrange(2, 9)):
            clock.advance(60)
            store.add_event(updated(one, clock.now(), register_wh=1100 + step, may_drop=step % 2 == 0))
        store.add_event(metered(clock.now()))
        if number < count - 3:
            store.add_event(ended(one, clock.now(), register_wh=1500))
        if number < count // 2:
            deliver(store, 50)
        elif number == count // 2:
            deliver(store, 2)
            [record_] = store.waiting(1)
            store.freeze(
                record_.position, Frozen(V201, *worded(store, record_, store.next_seq_no(one)), store.next_seq_no(one))
            )
            store.attempted(record_.position, "InternalError")
            store.gave_up(record_.position, "3 attempts")
    store.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "station.db"
    lived(path)
    assert list(Verifier(path).violations()) == []
    return path.read_bytes()


def content(path: Path, *, uri: str = "immutable=1") -> Rows:
    """Every row of every table that SQLite itself can read to its end, without an index."""
    connection = sqlite3.connect(f"file:{path}?{uri}", uri=True)
    found: Rows = {}
    try:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    except sqlite3.Error:
        return {}
    for table in tables:
        try:
            found[table] = connection.execute(f"SELECT * FROM {table} NOT INDEXED").fetchall()
        except sqlite3.Error:
            continue
    connection.close()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "station.db"


def waiting_in(rows: Rows) -> set[int]:
    marks = {row[0]: row[6] for row in rows["streams"]}  # id -> settled_through
    return {row[0] for row in rows["events"] if row[0] > marks.get(row[1], 0)}


def reopened(path: Path, damaged: bytes) -> Store:
    for each in path.parent.iterdir():
        each.unlink()
    path.write_bytes(damaged)
    return open_store(path, HandClock(boot_id="boot-2"), durable=False)


# Rows that are taken over as they are, or not at all.
FACTS = (
    "variables", "meta", "availability", "boots", "clocks", "sessions", "charging_records", "events", "profiles",
    "authorization_cache", "kept_values",
)  # fmt: skip


def check(store: Store, path: Path, before: Rows, readable: Rows) -> None:
    """before: what the sound file held. readable: the tables that SQLite reads of the damaged one."""
    store.flush()
    now = content(path, uri="mode=ro")
    assert list(Verifier(path).violations()) == []
    keys = {"salvage", "position_floor"}
    for table in FACTS:
        invented = {row for row in now[table] if table != "meta" or row[0] not in keys} - set(before[table])
        assert not invented, f"{table}: {invented}"
    for table in FACTS:
        if table in readable and set(readable[table]) <= set(before[table]):
            missing = set(readable[table]) - set(now[table])
            assert not missing, f"{table}: {missing} could be read"
    # Nothing that was acknowledged waits again, and what is frozen stays as it was.
    assert waiting_in(now) <= waiting_in(before)
    assert set(now["messages"]) <= set(before["messages"])
    assert {row[1] for row in now["transactions"]} <= {row[1] for row in before["transactions"]}
    known = {"transactions", "streams", "events"} & set(readable)
    if known:
        ids = {
            "transactions": {row[1] for row in before["transactions"]},
            "streams": {row[1] for row in before["streams"] if row[1] is not None},
            "events": {json.loads(row[4]).get("transaction_id") for row in before["events"]} - {None},
        }
        assert {row[1] for row in now["transactions"]} == ids[known.pop()], "a transaction is gone that could be known"


def live_on(store: Store, before: Rows) -> None:
    """Everything still works, and no number is given twice."""
    clock = HandClock(boot_id="boot-2")
    highest = max(row[0] for row in before["events"])
    numbers: dict[str, int] = {}
    owner = {row[0]: row[1] for row in before["streams"]}
    stream = {row[0]: row[1] for row in before["events"]}
    for position, _, _, _, seq_no in before["messages"]:
        if seq_no is not None and position in stream:
            numbers[owner[stream[position]]] = max(seq_no, numbers.get(owner[stream[position]], -1))
    fresh = begin(store, clock)
    assert fresh not in numbers
    assert store.last_position() > highest
    for transaction in store.open_transactions():
        store.add_event(ended(transaction.id, clock.now(), register_wh=3000))
    already = {(row[0], row[4]) for row in before["messages"]}
    while records := store.waiting(50):
        for record in records:
            if record.frozen is None and record.transaction_id in numbers:
                assert store.next_seq_no(record.transaction_id) > numbers[record.transaction_id]
            elif record.frozen is not None:
                assert (record.position, record.frozen.seq_no) in already
        deliver(store, 1)
    assert store.queued_count() == 0 and store.open_transactions() == []


def damaged_pages(sound: bytes, spoil: Callable[[bytes, Random], bytes]) -> Iterator[tuple[int, bytes]]:
    for number in range(1, 1 + len(sound) // PAGE):
        start = (number - 1) * PAGE
        spoiled = spoil(sound[start : start + PAGE], Random(number))
        yield number, sound[:start] + spoiled + sound[start + PAGE :]


SPOILS: dict[str, Callable[[bytes, Random], bytes]] = {
    "zeros": lambda page, random: bytes(PAGE),
    "ones": lambda page, random: b"\xff" * PAGE,
    "noise": lambda page, random: random.randbytes(PAGE),
    "torn in the middle": lambda page, random: page[: PAGE // 2] + bytes(PAGE // 2),
    "head kept": lambda page, random: page[:100] + random.randbytes(PAGE - 100),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", SPOILS)
def test_any_page_overwritten_costs_no_more_than_what_it_held(path: Path, sound: bytes, kind: str) -> None:
    path.write_bytes(sound)
    before = content(path)
    salvaged, cost = 0, []
    places = list(SPOILS)
    for number, damaged in damaged_pages(sound, SPOILS[kind]):
        if kind != "zeros" and number % 4 != places.index(kind) % 4 and number > 2:
            continue  # each page by zeros, and by one or two of the others
        path.write_bytes(damaged)
        readable = content(path)
        store = reopened(path, damaged)
        if store.salvage is not None:
            salvaged += 1
            assert Path(store.salvage.source).read_bytes() == damaged
            assert store.salvage.problem == "", f"page {number}: {store.salvage}"
            check(store, path, before, readable)
            cost.append(len(before["events"]) - len(content(path, uri="mode=ro")["events"]))
            live_on(store, before)
        store.close()
    # Below an inner page of a table nothing can be reached.
    assert sum(each > 10 for each in cost) <= 2, cost
    assert salvaged > len(sound) // PAGE // 8


@pytest.mark.timeout(600)
def test_cut_at_any_page_it_keeps_what_lies_before_the_cut(path: Path, sound: bytes) -> None:
    path.write_bytes(sound)
    before = content(path)
    kept = []
    for pages in [*range(1, 40, 3), *range(40, len(sound) // PAGE)]:
        store = reopened(path, sound[: pages * PAGE])
        assert store.salvage is not None
        check(store, path, before, {})
        kept.append(len(content(path, uri="mode=ro")["events"]))
        live_on(store, before={**before, "messages": [], "events": [(store.last_position(), 0)]})
        store.close()
    assert kept == sorted(kept) or max(kept) > len(before["events"]) * 0.9
    assert kept[-1] >= len(before["events"]) - 10


def test_a_file_without_its_head_keeps_everything(path: Path, sound: bytes) -> None:
    path.write_bytes(sound)
    before = content(path)
    for head in (bytes(PAGE), Random(1).randbytes(PAGE), b"SQLite format 3\0" + bytes(PAGE - 16)):
        store = reopened(path, head + sound[PAGE:])
        assert store.salvage is not None and store.salvage.holed == 0 and store.salvage.holed_tables == ()
        now = content(path, uri="mode=ro")
        for table in (*FACTS, "transactions", "streams", "messages", "outcomes"):
            assert {row for row in now[table] if row[0] not in ("salvage", "position_floor")} == set(before[table])
        store.close()


# ── the log ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def killed(path: Path, target: Path) -> None:
    """Leave in `target` what a kill would: a file with half of the life, and the rest in its log."""
    lived(path)
    clock = HandClock(boot_id="boot-2")
    store = open_store(path, clock, durable=False)
    for number in range(5):
        one = begin(store, clock)
        store.add_event(updated(one, clock.now(), register_wh=1100 + number, may_drop=False))
    deliver(store, 3)
    store.flush()
    target.parent.mkdir()
    for suffix in ("", "-wal"):
        target.with_name(target.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    store.close()


def test_the_log_is_applied_as_sqlite_would_wherever_it_was_torn(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "cut" / "station.db"
    killed(path, target)
    log, copy = target.with_name("station.db-wal"), tmp_path / "copy.db"
    whole = log.read_bytes()
    frame = 24 + PAGE
    for size in [*range(32, len(whole), 7 * frame), *range(32 + frame // 2, len(whole), 7 * frame), len(whole)]:
        log.write_bytes(whole[:size])
        copy.write_bytes(target.read_bytes())
        apply_log(copy, log)
        assert content(copy) == content(target, uri="mode=ro")


@pytest.mark.parametrize("head", [bytes(PAGE), bytes(3 * PAGE), Random(1).randbytes(2 * PAGE)])
def test_a_file_without_head_and_schema_is_read_with_its_log(path: Path, tmp_path: Path, head: bytes) -> None:
    target = tmp_path / "cut" / "station.db"
    killed(path, target)
    before = content(path)
    log = target.with_name("station.db-wal")
    spoiled = log.read_bytes()
    apply_log(target, log)
    target.write_bytes(head + target.read_bytes()[len(head) :])
    log.write_bytes(spoiled)
    store = open_store(target, HandClock(boot_id="boot-3"), durable=False)
    assert store.salvage is not None and store.salvage.transactions == len(before["transactions"])
    assert target.with_name("station.db.damaged-1-wal").read_bytes() == spoiled
    now = content(target, uri="mode=ro")
    assert set(now["events"]) == set(before["events"]) and set(now["messages"]) == set(before["messages"])
    check(store, target, before, {})


@pytest.mark.parametrize("kind", ["gone", "empty", "noise", "torn"])
def test_without_its_log_it_opens_as_of_the_last_checkpoint_or_is_salvaged(
    path: Path, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / "cut" / "station.db"
    killed(path, target)
    before = content(path)
    log = target.with_name("station.db-wal")
    whole = log.read_bytes()
    if kind == "gone":
        log.unlink()
    else:
        log.write_bytes(
            {"empty": b"", "noise": Random(1).randbytes(len(whole)), "torn": whole[: len(whole) // 2]}[kind]
        )
    at_checkpoint = content(target)
    store = open_store(target, HandClock(boot_id="boot-3"), durable=False)
    # What was acknowledged since then is asked about again, under the same number.
    check(store, target, {**before, "streams": at_checkpoint["streams"]}, {})
    live_on(store, {**before, "messages": [], "events": [(store.last_position(), 0)]})


@pytest.mark.timeout(300)
def test_a_damaged_page_under_a_log_costs_no_more_than_what_it_held(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "cut" / "station.db"
    killed(path, target)
    before = content(path)
    sound, log = target.read_bytes(), target.with_name("station.db-wal").read_bytes()
    for number, damaged in damaged_pages(sound, SPOILS["zeros"]):
        if number % 3 == 0:
            for each in target.parent.iterdir():
                each.unlink()
            target.write_bytes(damaged)
            target.with_name("station.db-wal").write_bytes(log)
            store = open_store(target, HandClock(boot_id="boot-3"), durable=False)
            check(store, target, before, {})
            live_on(store, before)
            store.close()


# ── the exchange ────────────────────────────────────────────────────────────────────────────────────────────────────


class PowerCut(Exception):
    pass


def test_a_power_cut_at_any_step_of_the_exchange_is_made_good(
    path: Path, sound: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = sound[: 40 * PAGE] + bytes(PAGE) + sound[41 * PAGE :]
    expected = [each.transaction.id for each in reopened(path, damaged).archive()]
    assert expected
    steps, log = 0, b"a log that has nothing to say"
    while True:
        for each in path.parent.iterdir():
            each.unlink()
        path.write_bytes(damaged)
        path.with_name("station.db-wal").write_bytes(log)
        with monkeypatch.context() as patch:
            steps += 1
            countdown = iter([*[False] * (steps - 1), True])
            for name in ("replace", "rename"):
                patch.setattr(Path, name, cut_before(getattr(Path, name), countdown))
            try:
                open_store(path, HandClock(), durable=False).close()
                is_over = True
            except PowerCut:
                is_over = False
        store = open_store(path, HandClock(), durable=False)
        assert [each.transaction.id for each in store.archive()] == expected
        assert store.damage.startswith("the database was damaged, and salvaged were ")
        store.close()
        assert path.with_name("station.db.damaged-1").read_bytes() == damaged
        assert sorted(each.name for each in path.parent.iterdir() if "damaged-1" not in each.name) == ["station.db"]
        if is_over:
            break
    assert steps >= 4


def cut_before(real: Callable[..., Any], countdown: Iterator[bool]) -> Callable[..., Any]:
    def step(*arguments: Any) -> Any:
        if next(countdown, False):
            raise PowerCut
        return real(*arguments)

    return step


def test_an_emptied_file_is_what_its_log_holds(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "cut" / "station.db"
    target.parent.mkdir()
    clock = HandClock()
    store = open_store(path, clock, durable=False)
    ids = [begin(store, clock) for _ in range(3)]
    target.with_name("station.db-wal").write_bytes(path.with_name("station.db-wal").read_bytes())
    target.touch()
    salvaged = open_store(target, clock, durable=False)
    assert [each.transaction.id for each in salvaged.archive()] == ids and salvaged.queued_count() == 3


def test_no_room_to_salvage_still_opens_and_says_so(path: Path, sound: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("controller.store.salvage.DamagedFile", no_room)
    damaged = sound[: 40 * PAGE] + bytes(PAGE) + sound[41 * PAGE :]
    store = reopened(path, damaged)
    assert store.salvage is not None and "No space left on device" in store.salvage.problem
    assert path.with_name("station.db.damaged-1").read_bytes() == damaged
    begin(store, HandClock())


def test_the_damage_is_told_until_the_old_file_is_moved_away(path: Path, sound: bytes) -> None:
    damaged = sound[: 40 * PAGE] + bytes(PAGE) + sound[41 * PAGE :]
    reopened(path, damaged).close()
    store = open_store(path, HandClock(), durable=False)
    assert store.salvage is None
    aside = path.with_name("station.db.damaged-1")
    assert store.damage.startswith("the database was damaged, and salvaged were ") and store.damage.endswith(
        f"pilotline records verify {aside}"
    )
    assert list(Verifier(aside).violations())
    aside.unlink()
    assert store.damage == ""


def test_a_file_of_ours_with_another_mark_is_salvaged_and_another_programs_is_not(path: Path, sound: bytes) -> None:
    store = reopened(path, sound[:68] + b"\0\0\0\7" + sound[72:])
    assert store.salvage is not None and store.salvage.holed == 0
    assert store.salvage.transactions == 10


# ── rows that are gone ──────────────────────────────────────────────────────────────────────────────────────────────


def without(sound: bytes, path: Path, *statements: str) -> bytes:
    """Return the file after statements, and with a page that makes it be salvaged: one of an index."""
    path.write_bytes(sound)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = DELETE")
    for sql in statements:
        assert connection.execute(sql).rowcount > 0
    root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'transaction_wire_ids'").fetchone()[0]
    connection.close()
    whole = path.read_bytes()
    return whole[: (root - 1) * PAGE] + bytes(PAGE) + whole[root * PAGE :]


def test_a_damaged_index_costs_nothing(path: Path, sound: bytes) -> None:
    damaged = without(sound, path)
    before = content(path)
    store = reopened(path, damaged)
    assert store.salvage is not None and (store.salvage.holed, store.salvage.holed_tables) == (0, ())
    for table, rows in content(path, uri="mode=ro").items():
        assert {row for row in rows if row[0] not in ("salvage", "position_floor")} == set(before[table]), table
    live_on(store, before)


def test_a_transaction_without_its_row_is_what_its_events_tell(path: Path, sound: bytes) -> None:
    damaged = without(sound, path, "DELETE FROM transactions")
    path.write_bytes(sound)
    before = content(path)
    store = reopened(path, damaged)
    now = content(path, uri="mode=ro")
    told = {
        "id": 1,
        "stream": 2,
        "evse": 3,
        "token": 5,
        "started": 7,
        "begin_wh": 8,
        "wire_id": 10,
        "ended": 13,
        "why": 14,
    }
    for place in told.values():
        expected = {row[1]: row[place] for row in before["transactions"]}
        found = {row[1]: row[place] for row in now["transactions"]}
        if place == told["wire_id"]:  # of one that has only begun no message tells it
            assert (
                found.items() <= {**expected, **{each: None for each, value in found.items() if value is None}}.items()
            )
            assert [value for value in found.values() if value is not None]
        else:
            assert found == expected
    assert store.salvage is not None and store.salvage.holed == len(before["transactions"])
    assert waiting_in(now) == waiting_in(before)
    check(store, path, before, {})


def test_a_transaction_whose_delivery_is_not_known_is_never_sent_again(path: Path, sound: bytes) -> None:
    damaged = without(sound, path, "DELETE FROM streams WHERE transaction_id IS NOT NULL")
    path.write_bytes(sound)
    before = content(path)
    store = reopened(path, damaged)
    assert [each for each in store.waiting(99) if each.transaction_id is not None] == []
    for whole in store.archive():
        assert store.has_losses(whole.transaction.id)
        for message in whole.messages:
            assert message.fate is not Fate.WAITING
    assert len(store.open_transactions()) == 3
    check(store, path, before, {})
    live_on(store, before)


def test_a_message_whose_event_is_gone_keeps_its_place_and_its_number(path: Path, sound: bytes) -> None:
    damaged = without(
        sound,
        path,
        "DELETE FROM events WHERE position IN (SELECT max(position) FROM messages WHERE action = 'TransactionEvent')",
    )
    path.write_bytes(sound)
    before = content(path)
    position = max(row[0] for row in before["messages"] if row[2] == "TransactionEvent")
    store = reopened(path, damaged)
    [message] = [each for one in store.archive() for each in one.messages if each.position == position]
    assert message.fate is Fate.LOST and message.event is None and message.frozen is not None
    check(store, path, before, {})
    live_on(store, before)


def test_an_open_transaction_that_lost_something_is_known_as_such(path: Path, sound: bytes) -> None:
    damaged = without(sound, path, "DELETE FROM events WHERE kind = 'Started'")
    store = reopened(path, damaged)
    assert len(store.open_transactions()) == 3
    assert all(store.has_losses(each.id) for each in store.open_transactions())


def test_the_newest_positions_are_not_given_again_though_their_events_are_gone(path: Path, sound: bytes) -> None:
    path.write_bytes(sound)
    before = content(path)
    highest = max(row[0] for row in before["events"])
    damaged = without(sound, path, f"DELETE FROM events WHERE position > {highest - 12}")
    store = reopened(path, damaged)
    begin(store, HandClock())
    assert store.last_position() == highest + 1


def test_a_mark_that_contradicts_itself_is_believed_where_less_is_sent(path: Path, sound: bytes) -> None:
    damaged = without(sound, path, "UPDATE streams SET settled_through = 0 WHERE transaction_id IS NOT NULL")
    path.write_bytes(sound)
    before = content(path)
    store = reopened(path, damaged)
    check(store, path, before, {})
    live_on(store, before)


@pytest.mark.parametrize("most", [0, 10, 30])
def test_of_a_long_archive_only_the_newest_is_taken_over_and_never_half_a_transaction(
    path: Path, sound: bytes, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = without(sound, path)
    path.write_bytes(sound)
    before = content(path)
    monkeypatch.setattr("controller.store.salvage.MOST_EVENTS", most)
    store = reopened(path, damaged)
    assert store.salvage is not None and store.salvage.holed == 0
    assert store.salvage.older + store.salvage.transactions == len(before["transactions"]) and store.salvage.older > 0
    now = content(path, uri="mode=ro")
    assert waiting_in(now) == waiting_in(before)
    assert list(Verifier(path).violations()) == []
    for whole in store.archive():
        assert whole.messages[0].position == next(row[4] for row in before["streams"] if row[1] == whole.transaction.id)
    live_on(store, before)
