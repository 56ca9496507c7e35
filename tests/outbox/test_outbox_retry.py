"""Failures, silence, lost links, restarts, changes of protocol: nothing lost, every repetition the same."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from controller.ocpp.delivery import RetryPolicy, Trouble
from controller.store.rows import Fate
from hil.virtual import EPOCH
from tests.outbox.peer import INTERVAL_S, LATENCY_S, TIMEOUT_S, Bench, play
from tests.store.facts import CSMS, V16, V201


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def gaps(bench: Bench) -> list[float]:
    times = [each.at_s for each in bench.csms.sent]
    return [round(later - earlier, 3) for earlier, later in pairwise(times)]


@pytest.mark.parametrize("protocol", [V16, V201])
@pytest.mark.ocpp("2.0.1", "E13.FR.01", "E13.FR.02", "E13.FR.03", "E13.FR.04", "TC_E_50_CS")
@pytest.mark.ocpp("1.6", "§3.7.1", "TransactionMessageAttempts", "TransactionMessageRetryInterval")
def test_refused_message_is_repeated_after_growing_waits_then_the_wire_goes_on(path: Path, protocol: str) -> None:
    async def script(bench: Bench) -> None:
        bench.csms.refuse = lambda action, payload: action == "Updated"
        bench.link_up()
        transaction_id = bench.begin()
        bench.update(transaction_id)
        bench.end(transaction_id)
        await asyncio.sleep(1000)

    bench = play(path, protocol, script)
    assert bench.actions == ["Started", "Updated", "Updated", "Updated", "Ended"]
    assert gaps(bench)[1:3] == [INTERVAL_S + LATENCY_S, 2 * INTERVAL_S + LATENCY_S]
    assert len({str(each.payload) for each in bench.csms.sent if each.action == "Updated"}) == 1
    assert [(each.trouble, each.action) for each in bench.reports] == [(Trouble.GAVE_UP, "Updated")]
    bench.start_reading()
    [archived] = bench.store.archive(undelivered_only=True)
    assert [each.fate for each in archived.messages] == [Fate.DELIVERED, Fate.GAVE_UP, Fate.DELIVERED]
    assert "InternalError" in archived.messages[1].why and archived.messages[1].attempts == 3


@pytest.mark.ocpp("2.0.1", "E13.FR.02", "E13.FR.03", "TC_E_41_CS", "TC_E_42_CS")
def test_2_x_silence_counts_and_its_timeout_comes_on_top_of_the_wait(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        bench.csms.script.extend(["silence"] * 3)
        one = bench.begin()
        await asyncio.sleep(1000)
        assert bench.store.queued_count() == 0
        bench.csms.script.extend(["silence"])
        bench.update(one)
        await asyncio.sleep(1000)

    bench = play(path, V201, script)
    assert bench.actions == ["Started"] * 3 + ["Updated"] * 2
    assert gaps(bench)[:2] == [INTERVAL_S + TIMEOUT_S, 2 * INTERVAL_S + TIMEOUT_S]
    assert [each.trouble for each in bench.reports] == [Trouble.GAVE_UP]


@pytest.mark.ocpp("1.6", "§3.7.1")
def test_1_6_silence_is_no_leave_to_skip_a_message(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        transaction_id = bench.begin()
        await asyncio.sleep(1)
        bench.csms.script.extend(["silence"] * 6)
        bench.end(transaction_id)
        await asyncio.sleep(5000)
        assert bench.store.queued_count() == 0

    bench = play(path, V16, script)
    assert bench.actions == ["Started"] + ["Ended"] * 7
    waits = [60, 120, 180, 180, 180, 180]  # stops growing where the attempts would have ended
    assert gaps(bench)[1:] == [wait + TIMEOUT_S for wait in waits]
    assert bench.reports == []


@pytest.mark.ocpp("1.6", "§4.8")
def test_1_6_wire_id_of_the_answer_is_used_by_what_follows_even_from_an_offline_backlog(path: Path) -> None:
    async def script(bench: Bench) -> None:
        one, two = bench.begin(), bench.begin()
        for transaction_id in (one, two, one):
            bench.update(transaction_id)
        bench.end(two)
        bench.link_up()
        await asyncio.sleep(10)
        bench.end(one)
        await asyncio.sleep(10)
        found = bench.store.transaction_by_wire_id(701)
        assert found is not None and found.id == one

    bench = play(path, V16, script)
    assert [each.payload["wire"] for each in bench.csms.sent] == [None, None, 701, 702, 701, 702, 701]


@pytest.mark.parametrize("word", ["error", "silence"])
@pytest.mark.ocpp("1.6", "§4.8")
def test_1_6_start_that_was_given_up_lets_the_rest_go_with_minus_one(path: Path, word: str) -> None:
    async def script(bench: Bench) -> None:
        bench.csms.script.extend([word] * 3)
        bench.link_up()
        transaction_id = bench.begin()
        bench.end(transaction_id)
        await asyncio.sleep(2000)

    bench = play(path, V16, script)
    assert bench.actions == ["Started"] * 3 + ["Ended"]
    assert bench.csms.sent[-1].payload["wire"] == -1
    assert Trouble.GAVE_UP in [each.trouble for each in bench.reports]


def test_1_6_number_zero_or_negative_from_a_csms_is_a_number_like_any_other(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.csms.next_wire = -1
        bench.link_up()
        transaction_id = bench.begin()
        bench.end(transaction_id)
        await asyncio.sleep(5)

    assert play(path, V16, script).csms.sent[-1].payload["wire"] == 0


@pytest.mark.parametrize("protocol", [V16, V201])
def test_lost_link_is_no_failure_and_the_same_message_goes_first_after_it(path: Path, protocol: str) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        transaction_id = bench.begin()
        await asyncio.sleep(1)
        for _ in range(5):
            bench.csms.script.extend(["lost"])
            if bench.store.queued_count() == 0:
                bench.update(transaction_id)
            await asyncio.sleep(10)
            bench.link_up()
        bench.end(transaction_id)
        await asyncio.sleep(10)

    bench = play(path, protocol, script)
    assert bench.actions == ["Started"] + ["Updated"] * 6 + ["Ended"]
    assert len({str(each.payload) for each in bench.csms.sent[1:7]}) == 1
    assert bench.reports == []


def test_link_that_is_back_before_the_loss_was_noticed_is_used(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        bench.csms.on_lost = lambda: (bench.link_down(), bench.link_up())[0]
        bench.csms.script.extend(["lost"])
        bench.begin()
        await asyncio.sleep(5)
        assert bench.actions == ["Started", "Started"]

    play(path, V201, script)


def test_silence_across_a_lost_link_does_not_count(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.policy = RetryPolicy(1, INTERVAL_S)
        bench.link_up()
        bench.csms.script.extend(["silence"])
        bench.begin()
        await asyncio.sleep(5)
        bench.link_down()
        await asyncio.sleep(TIMEOUT_S)
        bench.link_up()
        await asyncio.sleep(5)

    bench = play(path, V201, script)
    assert bench.actions == ["Started", "Started"]
    assert bench.reports == []


@pytest.mark.parametrize("protocol", [V16, V201])
def test_killed_between_sending_and_answer_the_same_message_is_sent_again(path: Path, protocol: str) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        bench.csms.script.extend(["late"])
        bench.begin()
        await asyncio.sleep(1)
        await bench.crash()
        bench.start()
        bench.link_up()
        await asyncio.sleep(5)

    bench = play(path, protocol, script)
    assert bench.csms.sent[0].payload == bench.csms.sent[1].payload
    # 1.6 has no key by which the CSMS could tell: a person is told. 2.x has seqNo.
    assert [each.trouble for each in bench.reports] == ([Trouble.MAY_BE_DOUBLED] if protocol == V16 else [])


def test_1_6_start_whose_answer_was_lost_is_reported_as_perhaps_doubled_and_a_refused_one_is_not(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        bench.csms.script.extend(["error"])
        bench.begin()
        await asyncio.sleep(100)
        assert bench.reports == []
        bench.csms.script.extend(["lost"])
        second = bench.begin()
        await asyncio.sleep(10)
        bench.link_up()
        await asyncio.sleep(10)
        assert [(each.trouble, each.transaction_id) for each in bench.reports] == [(Trouble.MAY_BE_DOUBLED, second)]

    play(path, V16, script)


def test_number_of_attempts_survives_a_restart(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        bench.csms.script.extend(["error"] * 3)
        bench.begin()
        for _ in range(4):
            await asyncio.sleep(10)
            await bench.crash()
            bench.start()
            bench.link_up()
        await asyncio.sleep(1000)

    bench = play(path, V201, script)
    assert bench.actions == ["Started"] * 3
    assert [each.trouble for each in bench.reports] == [Trouble.GAVE_UP]


def test_message_our_own_schema_refuses_is_archived_and_told_not_repeated(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        bench.csms.script.extend(["malformed"])
        bench.end(bench.begin())
        await asyncio.sleep(5)

    bench = play(path, V201, script)
    assert bench.actions == ["Started", "Ended"]
    assert [each.trouble for each in bench.reports] == [Trouble.GAVE_UP]


def test_time_before_the_clock_was_trusted_is_corrected_when_sent_and_stays_so(path: Path) -> None:
    async def script(bench: Bench) -> None:
        transaction_id = bench.begin()
        await asyncio.sleep(300)
        bench.update(transaction_id)
        bench.clock.set_wall(bench.clock.true_wall())
        bench.csms.script.extend(["lost"])
        bench.link_up()
        await asyncio.sleep(10)
        bench.clock.step(timedelta(hours=3))
        bench.link_up()
        await asyncio.sleep(10)

    error = datetime(1970, 1, 1, tzinfo=UTC) - EPOCH
    bench = play(path, V201, script, trusted=False, wall_error=error)
    assert [each.payload["at"] for each in bench.csms.sent] == [
        EPOCH.isoformat(),
        EPOCH.isoformat(),
        (EPOCH + timedelta(seconds=300)).isoformat(),
    ]


def test_transaction_waits_for_its_own_protocol_and_holds_up_nobody(path: Path) -> None:
    async def script(bench: Bench) -> None:
        old = bench.begin(V16)
        new = bench.begin(V201)
        bench.end(old)
        bench.sample()
        bench.link_up(V201)
        await asyncio.sleep(10)
        assert [each.payload.get("id") for each in bench.csms.sent] == [new, None]
        bench.link_down()
        bench.link_up(V16)
        await asyncio.sleep(10)
        assert [each.payload.get("id") for each in bench.csms.sent][2:] == [old, old]
        assert bench.reports == []

    play(path, V201, script)


@pytest.mark.parametrize(("protocol", "csms"), [(V16, CSMS), (V201, "former.example")])
def test_what_no_configured_protocol_or_csms_can_take_is_archived_and_told(
    path: Path, protocol: str, csms: str
) -> None:
    async def script(bench: Bench) -> None:
        for _ in range(40):
            bench.sample()
        old = bench.begin(protocol, csms)
        bench.end(old)
        new = bench.begin(V201)
        await bench.crash()
        bench.lanes = [(V201, CSMS)]
        bench.start()
        bench.link_up(V201)
        await asyncio.sleep(30)
        assert [each.payload["id"] for each in bench.csms.sent if "id" in each.payload] == [new]
        assert [(each.trouble, each.transaction_id) for each in bench.reports] == [(Trouble.UNDELIVERABLE, old)] * 2
        assert bench.store.queued_count() == 0
        [archived] = bench.store.archive(undelivered_only=True)
        assert {each.fate for each in archived.messages} == {Fate.UNDELIVERABLE}
        assert all(each.event is not None for each in archived.messages)

    play(path, V201, script)


def test_full_disk_pauses_delivery_and_it_goes_on_when_there_is_room(path: Path) -> None:
    async def script(bench: Bench) -> None:
        await bench.crash()
        bench.start(max_bytes=120 << 10, reserve_bytes=0, free_floor_bytes=0)
        ids = []
        with pytest.raises(Exception, match="no room"):
            while True:
                ids.append(bench.begin())
        bench.link_up()
        await asyncio.sleep(600)
        assert len(bench.csms.sent) < len(ids)
        assert not bench.task.done()
        bench.store._db._connection.execute("PRAGMA max_page_count = 1000000")  # the card has got larger
        await asyncio.sleep(120)
        assert {each.payload["id"] for each in bench.csms.sent} == set(ids)
        assert bench.store.queued_count() == 0

    play(path, V201, script)
