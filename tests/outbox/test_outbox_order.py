"""In which order messages go out, and what holds up what."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from controller.logic.values import AuthorizationStatus, IdToken, TokenInfo
from tests.outbox.peer import Bench, play
from tests.store.facts import V16, V201


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.mark.parametrize("protocol", [V16, V201])
@pytest.mark.ocpp("2.0.1", "E04.FR.01", "E04.FR.02", "E11.FR.01", "E12.FR.01", "E12.FR.02")
@pytest.mark.ocpp("1.6", "§3.7")
def test_what_happened_offline_is_delivered_in_order_with_its_time_when_the_link_is_there(
    path: Path, protocol: str
) -> None:
    async def script(bench: Bench) -> None:
        one = bench.begin()
        await asyncio.sleep(600)
        bench.update(one)
        bench.sample()
        two = bench.begin()
        await asyncio.sleep(600)
        bench.end(one)
        bench.end(two)
        assert bench.csms.sent == []
        bench.link_up()
        await asyncio.sleep(10)

    bench = play(path, protocol, script)
    assert bench.actions == ["Started", "Updated", "MeterValues", "Started", "Ended", "Ended"]
    assert [each.payload["at"][11:19] for each in bench.csms.sent] == [
        *("06:00:00", "06:10:00", "06:10:00", "06:10:00", "06:20:00", "06:20:00")
    ]


def test_message_goes_out_at_once_when_online(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        await asyncio.sleep(5)
        before = bench.clock.monotonic()
        bench.begin()
        await asyncio.sleep(1)
        assert [each.at_s for each in bench.csms.sent] == [before]
        assert bench.store.queued_count() == 0

    play(path, V201, script)


@pytest.mark.ocpp("1.6", "§3.7")
def test_1_6_stuck_message_holds_up_everything_behind_it(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        bench.csms.script.extend(["error"])
        one = bench.begin()
        two = bench.begin()
        bench.sample()
        await asyncio.sleep(59)
        assert bench.actions == ["Started"]
        await asyncio.sleep(5)
        assert [each.payload.get("id") for each in bench.csms.sent] == [one, one, two, None]

    play(path, V16, script)


@pytest.mark.ocpp("2.0.1", "E13.FR.02", "E13.FR.03")
def test_2_x_stuck_transaction_does_not_hold_up_the_others(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        bench.csms.script.extend(["error"])
        one = bench.begin()
        bench.update(one)
        two = bench.begin()
        bench.update(two)
        bench.sample()
        await asyncio.sleep(59)
        assert [each.payload.get("id") for each in bench.csms.sent] == [one, two, two, None]
        await asyncio.sleep(5)
        assert [each.payload.get("id") for each in bench.csms.sent][4:] == [one, one]
        assert [each.payload["seq"] for each in bench.csms.sent[4:]] == [0, 1]

    play(path, V201, script)


def test_2_x_stuck_transaction_with_a_long_backlog_does_not_hide_the_others(path: Path) -> None:
    async def script(bench: Bench) -> None:
        one = bench.begin()
        for _ in range(100):
            bench.update(one)
        two = bench.begin()
        bench.csms.refuse = lambda action, payload: payload["id"] == one
        bench.link_up()
        await asyncio.sleep(5)
        assert [each.payload["id"] for each in bench.csms.sent] == [one, two]

    play(path, V201, script)


@pytest.mark.parametrize("protocol", [V16, V201])
def test_long_backlog_drains_completely_in_order_and_once(path: Path, protocol: str) -> None:
    async def script(bench: Bench) -> None:
        for _ in range(5):
            transaction_id = bench.begin()
            for _ in range(70):
                bench.update(transaction_id)
            bench.end(transaction_id)
        bench.link_up()
        await asyncio.sleep(200)
        assert bench.store.queued_count() == 0

    bench = play(path, protocol, script)
    assert bench.registers == list(range(1001, 1001 + 5 * 72))
    assert [each.payload["seq"] for each in bench.csms.sent] == list(range(72)) * 5


@pytest.mark.ocpp("2.0.1", "E04.FR.03", "E11.FR.02", "E11.FR.07", "TC_E_40_CS")
def test_offline_flag_is_on_what_happened_offline_or_was_queued_when_the_link_dropped(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        transaction_id = bench.begin()  # sent online
        await asyncio.sleep(5)
        bench.csms.script.extend(["late"])
        bench.update(transaction_id)  # in flight when the link drops: frozen, so it stays as it is
        await asyncio.sleep(1)
        bench.update(transaction_id)  # happened online, still queued when the link drops
        bench.link_down()
        bench.update(transaction_id)  # happened offline
        await asyncio.sleep(60)
        bench.link_up()
        bench.update(transaction_id)  # online again
        await asyncio.sleep(5)

    bench = play(path, V201, script)
    assert [each.payload["offline"] for each in bench.csms.sent] == [False, False, True, True, False]


@pytest.mark.ocpp("2.0.1", "E11.FR.07")
def test_what_waits_behind_a_slow_answer_is_not_encoded_before_its_turn(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        transaction_id = bench.begin()
        await asyncio.sleep(5)
        bench.csms.script.extend(["late", "lost"])
        for _ in range(4):
            bench.update(transaction_id)  # all of them online
        await asyncio.sleep(30)  # the second is in flight when the link drops
        bench.link_up()
        await asyncio.sleep(5)

    bench = play(path, V201, script)
    assert [each.payload["seq"] for each in bench.csms.sent] == [0, 1, 2, 2, 3, 4]
    assert [each.payload["offline"] for each in bench.csms.sent] == [False, False, False, False, True, True]


@pytest.mark.ocpp("2.0.1", "E04.FR.03", "E11.FR.07")
def test_what_was_told_online_behind_a_backlog_is_offline_if_the_link_drops_before_its_turn(path: Path) -> None:
    async def script(bench: Bench) -> None:
        transaction_id = bench.begin()
        bench.update(transaction_id)
        bench.update(transaction_id)
        bench.csms.script.extend(["ok", "late", "lost"])
        bench.link_up()
        bench.update(transaction_id)  # online, behind the backlog
        bench.update(transaction_id)
        await asyncio.sleep(60)
        bench.link_up()
        bench.update(transaction_id)
        await asyncio.sleep(5)

    bench = play(path, V201, script)
    assert [each.payload["seq"] for each in bench.csms.sent] == [0, 1, 2, 2, 3, 4, 5]
    assert [each.payload["offline"] for each in bench.csms.sent] == [True] * 6 + [False]


def test_event_without_a_message_in_this_version_is_passed_over_without_a_number(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        transaction_id = bench.begin()
        bench.encoder.says_nothing_of = {bench.register + 1, bench.register + 2}
        for _ in range(3):
            bench.update(transaction_id)
        await asyncio.sleep(5)
        assert bench.store.queued_count() == 0

    bench = play(path, V201, script)
    assert [each.payload["seq"] for each in bench.csms.sent] == [0, 1]


@pytest.mark.parametrize("protocol", [V16, V201])
def test_event_without_a_message_within_a_backlog_is_passed_over_in_its_turn(path: Path, protocol: str) -> None:
    async def script(bench: Bench) -> None:
        one = bench.begin()
        two = bench.begin()
        for number in range(8):
            if number in (1, 2, 5, 7):
                bench.encoder.says_nothing_of.add(bench.register + 1)
            bench.update(one if number < 6 else two)
        bench.end(one)
        bench.link_up()
        await asyncio.sleep(10)
        assert bench.store.queued_count() == 0

    bench = play(path, protocol, script)
    assert bench.registers == [1001, 1002, 1003, 1006, 1007, 1009, 1011]
    assert [each.payload["seq"] for each in bench.csms.sent] == [0, 0, 1, 2, 3, 1, 4]


def test_token_information_in_an_answer_is_handed_on(path: Path) -> None:
    blocked = TokenInfo(AuthorizationStatus.BLOCKED)

    async def script(bench: Bench) -> None:
        bench.csms.token = blocked
        bench.link_up()
        transaction_id = bench.begin()
        await asyncio.sleep(1)
        assert bench.tokens == [(IdToken("04A1B2C3"), blocked, transaction_id)]

    play(path, V201, script)


def test_lazy_acknowledgements_are_written_when_there_is_quiet(path: Path) -> None:
    async def script(bench: Bench) -> None:
        bench.link_up()
        transaction_id = bench.begin()
        bench.update(transaction_id)
        await asyncio.sleep(1)
        assert bench.store.flush_due_s is not None
        await asyncio.sleep(70)
        assert bench.store.flush_due_s is None
        await bench.crash()
        bench.start()
        bench.link_up()
        await asyncio.sleep(5)
        assert bench.actions == ["Started", "Updated"]

    play(path, V201, script)
