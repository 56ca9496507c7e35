"""A04: what happens while nobody listens is told once somebody does, in order, until it is acknowledged."""

from __future__ import annotations

from asyncio import sleep
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from controller.ocpp.ports import SecurityEventType
from controller.store.rows import Fate
from controller.store.security import MOST_TOLD
from controller.store.store import Store
from hil.virtual import run_virtual
from tests.ocpp_core.ocpp_rig import Rig, rig, virtually
from tests.store.facts import HandClock, open_store

EVENT = "SecurityEventNotification"
FULL, CHANGED = SecurityEventType.MEMORY_EXHAUSTION, SecurityEventType.RECONFIGURED


def told(r: Rig) -> list[str]:
    return [each.payload.get("techInfo", "") for each in r.csms.of(EVENT)]


def waiting(store: Store) -> int:
    return len(store.security_events(waiting_only=True))


@pytest.mark.ocpp("2.0.1", "A04.FR.01", "A04.FR.02")
def test_what_happens_offline_is_told_in_order_with_its_time_even_after_a_restart(tmp_path: Path) -> None:
    async def play() -> None:
        async with rig(folder=tmp_path) as r:
            happened = r.clock.now().wall
            r.client.security_event(FULL, "first")
            await sleep(3600)
            r.client.security_event(CHANGED, "second")
        async with rig(folder=tmp_path) as r:
            await r.online()
            r.client.security_event(FULL, "third")
            await sleep(5)
            assert told(r) == ["first", "second", "third"]
            first = r.csms.of(EVENT)[0].payload
            assert first["type"] == "MemoryExhaustion" and first["timestamp"][:19] == happened.isoformat()[:19]
            assert waiting(r.store) == 0
            r.network.cut()
            await r.csms.until("Heartbeat", 1)
            await sleep(600)
            assert told(r) == ["first", "second", "third"], "what was acknowledged is not told again"

    run_virtual(play())


@pytest.mark.ocpp("2.0.1", "A04.FR.02", "A04.FR.03")
@virtually
async def test_what_is_not_acknowledged_is_told_again_after_growing_waits() -> None:
    async with rig() as r:
        r.csms.script[EVENT] = [None, ["InternalError", "busy"], ["GenericError", "no"], {}]
        await r.online()
        r.client.security_event(FULL, "x")
        await sleep(2000)
        at = [each.at_s for each in r.csms.of(EVENT)]
        assert told(r) == ["x"] * 4 and waiting(r.store) == 0
        waits = [later - earlier for earlier, later in pairwise(at)]
        assert 60 < waits[0] < 120 and 120 <= waits[1] < 125 and 180 <= waits[2] < 185


@virtually
async def test_a_link_that_drops_before_the_answer_has_it_told_again() -> None:
    async with rig() as r:
        r.csms.script[EVENT] = [None, {}]
        await r.online()
        r.client.security_event(FULL, "x")
        await r.csms.until(EVENT)
        r.network.cut()
        await r.csms.until(EVENT, 2)
        await sleep(5)
        assert waiting(r.store) == 0


@virtually
async def test_a_csms_without_the_message_is_told_once_and_the_log_keeps_it() -> None:
    async with rig() as r:
        r.csms.script[EVENT] = [["NotImplemented", ""]]
        await r.online()
        r.client.security_event(FULL, "x")
        await sleep(100_000)
        assert told(r) == ["x"]
        assert [(each.tech_info, each.fate) for each in r.store.security_events()] == [("x", Fate.UNDELIVERABLE)]


@virtually
async def test_a_time_before_the_clock_was_known_is_told_as_mended() -> None:
    async with rig(trusted=False, wall_error=timedelta(days=-20_000)) as r:
        r.client.security_event(FULL, "x")
        true = r.clock.true_wall()
        await sleep(100)
        await r.online()
        assert r.csms.of(EVENT)[0].payload["timestamp"][:16] == true.isoformat()[:16]


@pytest.mark.ocpp("2.0.1", "A04.FR.04")
def test_the_log_rolls_over_what_was_told_and_never_over_what_waits(tmp_path: Path) -> None:
    store = open_store(tmp_path / "station.db", HandClock())
    store.add_security_event("MemoryExhaustion", "waits")
    for number in range(MOST_TOLD + 10):
        store.add_security_event("MemoryExhaustion", str(number))
        store.security_event_settled(number + 2, Fate.DELIVERED)
    kept = [each.tech_info for each in store.security_events()]
    assert kept[0] == "waits" and kept[-1] == str(MOST_TOLD + 9) and len(kept) == MOST_TOLD + 1
