"""The harness itself: what it leaves out changes nothing, and what is wrong does not pass."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from controller.safety.supervisor import InvariantBroken
from hil.csms.csms import Csms
from hil.csms.log import Frame
from hil.csms.schemas import parse
from hil.csms.transactions import Reading
from hil.memory import MemoryNetwork
from hil.plant.values import Edge
from hil.sim.books import Books
from hil.sim.link import SimLink
from hil.sim.lives import Outcome, Play, live
from hil.sim.trouble import Trouble
from hil.sim.world import SimWorld
from hil.virtual import LivelockError, run_virtual
from tests.sim.sim_tools import Scene, both_versions, play


def test_implied_renewals_come_to_the_same_as_literal_ones(tmp_path: Path) -> None:
    """The same edges at the plant, none later, and none sooner than by the time to the next renewal."""
    implied, literal = (_edges(tmp_path / str(implies), implies) for implies in (True, False))
    assert [(edge.what, edge.value) for edge in implied] == [(edge.what, edge.value) for edge in literal]
    early_s = [there.at_s - here.at_s for here, there in zip(implied, literal, strict=True)]
    assert min(early_s) >= -0.0201 and max(early_s) <= SimLink.renewal_s + 0.0201
    assert sum(edge.what == "contact" for edge in implied) >= 8


def _edges(directory: Path, implies: bool) -> list[Edge]:
    found: list[Edge] = []

    async def main() -> None:
        async with SimWorld(directory, implies=implies) as world:
            scene = Scene(world)
            await world.sleep(10)
            await scene.begin(ignores_pwm_off=True)
            await world.sleep(60)
            await world.restart_station(1.0)
            await scene.flows()
            await world.sleep(30)
            world.freeze_station(True)
            await world.sleep(20)
            world.freeze_station(False)
            await scene.flows()
            await world.sleep(30)
            world.verb("fault", kind="over_current", evse=1, value=45)
            await world.sleep(30)
            world.verb("fault", kind="over_current", evse=1, clear=True)
            world.verb("unplug", evse=1)
            await world.sleep(20)
            await scene.begin(1)
            await world.restart_safety(0.5)
            await scene.flows()
            await scene.end()
            found.extend(world.plant.evses[1].edges)

    run_virtual(main())
    return found


@both_versions
def test_implied_polls_and_renewals_tell_the_csms_the_same(version: str) -> None:
    """Message for message over random lives: only a poll's phase apart in time, and what flows meanwhile in energy."""
    heard: dict[bool, list[Frame]] = {True: [], False: []}
    for implies, frames in heard.items():
        outcome = live(Play(2, version, 4), implies=implies, on_frame=frames.append)
        assert outcome.wrong == []
    assert len(heard[True]) > 100
    for implied, literal in zip(heard[True], heard[False], strict=True):
        assert abs(implied.at_s - literal.at_s) < 2
        here, there = parse(implied.text), parse(literal.text)
        assert list(_leaves(here, there)) == [], (implied, literal)


def _leaves(here: Any, there: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what differs by more than a moment of charging does."""
    if type(here) is type(there) is dict and here.keys() == there.keys():
        for key in here:
            yield from _leaves(here[key], there[key])
    elif type(here) is type(there) is list and len(here) == len(there):
        for one, other in zip(here, there, strict=True):
            yield from _leaves(one, other)
    elif here != there and not _is_close(str(here), str(there)):
        yield here, there


def _is_close(here: str, there: str) -> bool:
    with contextlib.suppress(ValueError):
        return abs(float(here) - float(there)) <= 5  # Wh
    with contextlib.suppress(ValueError):
        return abs((datetime.fromisoformat(here) - datetime.fromisoformat(there)).total_seconds()) < 2
    return False


def test_what_only_the_plant_can_see_fails_the_run_too(tmp_path: Path) -> None:
    """A contactor that stays in although nothing drives it, and that nobody calls welded."""

    async def script(scene: Scene) -> None:
        await scene.begin()
        scene.world.plant.evses[1].contactor._welded = True
        scene.world.verb("unplug", evse=1)
        await scene.world.sleep(90)

    with pytest.raises(InvariantBroken, match="contact closed"):
        play(tmp_path, "2.0.1", script)


def test_the_books_find_what_does_not_agree(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin()
        await world.sleep(60)
        await scene.end()
        await scene.delivered()
        assert Books(world).close() == []
        last = scene.only.readings[-1]
        for wh, text in ((last.wh + 5, "Wh flowed"), (last.wh - 5, "billed only")):
            scene.only.readings[-1] = Reading(last.at, Decimal(wh))
            assert any(text in problem for problem in Books(world).close())
        scene.only.readings[-1] = last
        message = scene.only.messages.pop(1)
        assert any("not the same" in problem for problem in Books(world).close())
        scene.only.messages.insert(1, message)
        scene.only.started_at += (last.at - scene.only.started_at) / 2
        assert any("is dated" in problem for problem in Books(world).close())
        world.csms.forget(scene.only)
        assert any("not known to the CSMS" in problem for problem in Books(world).close())

    play(tmp_path, "2.0.1", script, closes=False)


def test_a_run_that_goes_wrong_says_what_and_when(monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(self: Trouble) -> None:
        await asyncio.sleep(100)
        raise AssertionError("something broke")

    monkeypatch.setattr(Trouble, "run", breaks)
    outcome: Outcome = live(Play(1, "2.0.1", 3))
    assert outcome.wrong == ["something broke"]
    assert outcome.wrong_at_s == pytest.approx(1110, abs=1)
    assert any("visitor" in line for line in outcome.happenings)


def test_what_runs_for_years_keeps_a_bounded_log() -> None:
    async def main() -> None:
        csms = Csms(keeps_frames=10)
        network = MemoryNetwork(csms, keeps=10)
        peer = await network.connect("ws://csms/ocpp/CS-1", ["ocpp1.6"], {})
        for number in range(100):
            await peer.send(f'[2,"{number}","Heartbeat",{{}}]')
            await peer.recv()
        assert 10 <= len(csms.frames) < 20 and 10 <= len(network.journal) < 20
        assert dataclasses.asdict(csms.frames[-1])["message_id"] == "99"
        await network.aclose()

    run_virtual(main())


def test_who_sleeps_until_a_time_finds_that_it_has_come() -> None:
    """Also while others are busy, and for times that no float says exactly; else machines with deadlines would spin."""

    async def main() -> None:
        loop, dice = asyncio.get_running_loop(), Random(1)
        busy = asyncio.create_task(_turn_and_turn())
        for _ in range(2000):
            due = loop.time() + dice.choice((1e-12, 1e-9, 0.1, 1 / 3, 7 / 9))
            turns = 0
            while loop.time() < due:
                turns += 1
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(due - loop.time()):
                        await asyncio.Event().wait()
            assert turns <= 1
        busy.cancel()

    run_virtual(main())


async def _turn_and_turn() -> None:
    while True:
        for _ in range(3):
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)


def test_a_loop_that_turns_without_time_going_by_ends_the_run() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.call_soon(again)

        again()
        await asyncio.Event().wait()

    with pytest.raises(LivelockError, match="still 1000"):
        run_virtual(main())
