"""What is made ahead of its sending, and noted after it: what that saves, and that no cut in between can be seen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from controller.ocpp.delivery import Trouble
from controller.store.exc import StorageFull
from tests.outbox.peer import INTERVAL_S, LATENCY_S, Bench, play
from tests.store.facts import V16, V201


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def backlog(bench: Bench, transactions: int, updates: int) -> None:
    for _ in range(transactions):
        transaction_id = bench.begin()
        for _ in range(updates):
            bench.update(transaction_id)
        bench.end(transaction_id)


def watch_the_disk(bench: Bench) -> None:
    """Fail where something is sent that is not committed word for word: what another connection sees is what a kill leaves."""

    def is_committed(action: str, payload: Mapping[str, Any]) -> bool:
        with contextlib.closing(sqlite3.connect(f"file:{bench.path}?mode=ro", uri=True)) as disk:
            found = disk.execute("SELECT payload FROM messages WHERE action = ?", (action,)).fetchall()
        assert payload in [json.loads(text) for (text,) in found], "sent before it was committed"
        return False

    bench.csms.refuse = is_committed


def sent_by_register(bench: Bench) -> dict[int, list[dict[str, Any]]]:
    """Every payload that went out, by the event's register: more than one is a repetition."""
    found: dict[int, list[dict[str, Any]]] = {}
    for each in bench.csms.sent:
        found.setdefault(each.payload["register"], []).append(each.payload)
    return found


@pytest.mark.parametrize(("protocol", "most"), [(V16, 20), (V201, 16)])
def test_a_backlog_takes_few_commits(path: Path, protocol: str, most: int) -> None:
    async def script(bench: Bench) -> None:
        backlog(bench, transactions=2, updates=298)
        commits: list[object] = []
        bench.store._db.before_commit.append(commits.append)
        bench.link_up()
        await asyncio.sleep(600 * LATENCY_S + 5)
        assert bench.store.queued_count() == 0
        assert len(commits) <= most

    bench = play(path, protocol, script)
    assert bench.registers == list(range(1001, 1601))


@pytest.mark.parametrize("protocol", [V16, V201])
def test_the_next_message_leaves_as_soon_as_the_answer_to_the_one_before_is_there(path: Path, protocol: str) -> None:
    async def script(bench: Bench) -> None:
        backlog(bench, transactions=1, updates=100)
        bench.link_up()
        await asyncio.sleep(60)

    times = [each.at_s for each in play(path, protocol, script).csms.sent]
    assert [round(later - at, 6) for at, later in pairwise(times)] == [LATENCY_S] * 101


@pytest.mark.parametrize("protocol", [V16, V201])
def test_nothing_is_sent_that_is_not_committed(path: Path, protocol: str) -> None:
    async def script(bench: Bench) -> None:
        backlog(bench, transactions=3, updates=60)
        watch_the_disk(bench)
        bench.csms.script.extend((["ok"] * 7 + ["error"] + ["ok"] * 11 + ["lost"] + ["ok"] * 3 + ["silence"]) * 3)
        for _ in range(20):
            bench.link_up()
            await asyncio.sleep(100)
        assert bench.store.queued_count() == 0

    bench = play(path, protocol, script)
    assert set(bench.registers) == set(range(1001, 1001 + 3 * 62))


@pytest.mark.parametrize("protocol", [V16, V201])
@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_killed_anywhere_in_a_backlog_everything_comes_in_order_and_the_same(
    path: Path, protocol: str, step: int
) -> None:
    """Killed again and again, each time a little later: before an answer, after it, and with messages made and not committed."""

    async def script(bench: Bench) -> None:
        backlog(bench, transactions=2, updates=40)
        for number in range(1, 200):
            watch_the_disk(bench)
            bench.link_up()
            await asyncio.sleep(LATENCY_S * (10.5 + number % 23 * step))
            await bench.crash()
            bench.start()
            if bench.store.queued_count() == 0:
                return
        raise AssertionError("never through")

    bench = play(path, protocol, script)
    sent = sent_by_register(bench)
    assert list(sent) == list(range(1001, 1001 + 2 * 42))  # in order by their first sending
    for payloads in sent.values():
        assert all(payload == payloads[0] for payload in payloads)
    firsts = [payloads[0] for payloads in sent.values()]
    assert [payload["seq"] for payload in firsts] == list(range(42)) * 2
    if protocol == V16:
        wire_ids = [payload["wire"] for payload in firsts]
        assert wire_ids == [None, *[wire_ids[1]] * 41, None, *[wire_ids[43]] * 41] and -1 not in wire_ids


@pytest.mark.ocpp("2.0.1", "E11.FR.07")
def test_what_happens_online_behind_a_backlog_is_not_made_before_its_turn(path: Path) -> None:
    async def script(bench: Bench) -> None:
        transaction_id = bench.begin()
        for _ in range(11):
            bench.update(transaction_id)
        bench.csms.script.extend(["late"] * 3 + ["lost"])
        bench.link_up()
        await asyncio.sleep(1)
        bench.update(transaction_id)  # online, and the link drops before its turn
        await asyncio.sleep(60)
        bench.link_up()
        await asyncio.sleep(5)

    bench = play(path, V201, script)
    assert [each.payload["seq"] for each in bench.csms.sent] == [0, 1, 2, 3, *range(3, 13)]
    assert bench.csms.sent[-1].payload["offline"] is True


@pytest.mark.ocpp("2.0.1", "E13.FR.03")
def test_2_x_a_retry_that_is_due_does_not_wait_for_the_end_of_a_long_backlog(path: Path) -> None:
    async def script(bench: Bench) -> None:
        one = bench.begin()
        backlog(bench, transactions=1, updates=1000)
        bench.csms.script.extend(["error"])
        bench.link_up()
        await asyncio.sleep(90)
        first, again = [each.at_s for each in bench.csms.sent if each.payload["id"] == one]
        assert INTERVAL_S <= again - first <= INTERVAL_S + 3 * LATENCY_S

    play(path, V201, script)


def test_made_messages_that_the_store_lost_are_made_anew(path: Path) -> None:
    """No room for somebody else's change takes away what is not committed, the messages made ahead among it."""

    async def script(bench: Bench) -> None:
        backlog(bench, transactions=1, updates=100)
        other = bench.begin()
        watch_the_disk(bench)
        bench.link_up()
        await asyncio.sleep(20 * LATENCY_S)
        connection = bench.store._db._connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageFull):
            while True:
                bench.update(other)
        connection.execute("PRAGMA max_page_count = 1000000")
        await asyncio.sleep(200)
        assert bench.store.queued_count() == 0

    bench = play(path, V201, script)
    sent = sent_by_register(bench)
    assert list(sent) == sorted(sent) and set(range(1001, 1103)) <= set(sent)
    assert all(payload == payloads[0] for payloads in sent.values() for payload in payloads)


def test_an_event_without_a_message_is_passed_over_in_the_midst_of_what_is_made_ahead(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.encoder.says_nothing_of = {1003, 1004, 1010, 1051}
        backlog(bench, transactions=1, updates=50)
        bench.link_up()
        await asyncio.sleep(60)
        assert bench.store.queued_count() == 0

    bench = play(path, V201, script)
    assert bench.registers == [each for each in range(1001, 1053) if each not in bench.encoder.says_nothing_of]
    assert [each.payload["seq"] for each in bench.csms.sent] == list(range(48))


def test_a_stop_in_good_order_sends_nothing_twice(path: Path) -> None:
    async def script(bench: Bench) -> None:
        backlog(bench, transactions=1, updates=50)
        for _ in range(10):
            bench.link_up()
            await asyncio.sleep(5.5 * LATENCY_S)
            bench.task.cancel()
            await asyncio.gather(bench.task, return_exceptions=True)
            bench.store.close()
            bench.csms.in_flight = 0
            bench.start()

    repeated = [payloads for payloads in sent_by_register(play(path, V201, script)).values() if len(payloads) > 1]
    assert len(repeated) <= 9 and all(len(payloads) == 2 for payloads in repeated)  # what was in flight at each stop


@pytest.mark.ocpp("1.6", "§4.8")
def test_1_6_a_start_in_a_backlog_that_is_killed_before_it_was_sent_is_at_worst_told_as_doubled(path: Path) -> None:
    async def script(bench: Bench) -> None:
        backlog(bench, transactions=3, updates=3)
        bench.link_up()
        await asyncio.sleep(4.5 * LATENCY_S)
        await bench.crash()
        bench.start()
        bench.link_up()
        await asyncio.sleep(10)

    bench = play(path, V16, script)
    assert bench.actions.count("Started") == 3
    assert {each.trouble for each in bench.reports} <= {Trouble.MAY_BE_DOUBLED}


@pytest.mark.parametrize("protocol", [V16, V201])
def test_a_delivered_begin_or_end_is_durable_before_the_outbox_rests(path: Path, protocol: str) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        transaction_id = bench.begin()
        await asyncio.sleep(1)
        await bench.crash()
        bench.start()
        assert bench.store.queued_count() == 0
        bench.link_up()
        bench.encoder.says_nothing_of = {bench.register + 1}
        bench.update(transaction_id)
        bench.end(transaction_id)
        await asyncio.sleep(1)
        await bench.crash()
        bench.start()
        assert bench.store.queued_count() == 0

    assert play(path, protocol, script).actions == ["Started", "Ended"]


@pytest.mark.ocpp("1.6", "§4.8")
def test_1_6_the_number_of_a_transaction_is_durable_before_anything_of_it_is_sent(path: Path) -> None:
    async def script(bench: Bench) -> None:
        backlog(bench, transactions=3, updates=3)

        def is_known(action: str, payload: Mapping[str, Any]) -> bool:
            with contextlib.closing(sqlite3.connect(f"file:{bench.path}?mode=ro", uri=True)) as disk:
                known = [number for (number,) in disk.execute("SELECT wire_id FROM transactions")]
            assert payload["wire"] is None or payload["wire"] in known
            return False

        bench.csms.refuse = is_known
        bench.link_up()
        await asyncio.sleep(10)
        assert bench.store.queued_count() == 0

    play(path, V16, script)
