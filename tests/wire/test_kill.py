"""Either process dies or hangs at every step of a session: the plant's own contact opens in time, and nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from hil.script import EVSE, STEPS, World, check_books
from tests.wire.rigs import play, together, world

pytestmark = [pytest.mark.wire, pytest.mark.timeout(420)]

# From the moment of death to the plant's own contact open and its pilot not advertising (hardware-facts: invariant 24).
LIMIT_S = {"safety": 0.250, "station": 6.5, "hang": 8.5}
STEPS_TO_DISTURB = [step.name for step in STEPS if step.name not in ("boot", "delivered")]
EVS: dict[str, dict[str, Any]] = {"willing": {}, "stubborn": {"ignores_pwm_off": True}}


@pytest.mark.parametrize(("victim", "version"), [("safety", "1.6"), ("station", "2.0.1"), ("hang", "1.6")])
def test_session_disturbed_at_every_step_opens_in_time_and_loses_nothing(victim: str, version: str) -> None:
    """With an EV that stops when told to and, side by side, with one that does not."""
    together(*(lambda directory, ev=ev: _disturbed(directory, victim, version, ev) for ev in EVS))


async def _disturbed(directory: Path, victim: str, version: str, ev: str) -> None:
    async with world(directory, version) as played:
        played.memory["ev"] = EVS[ev]
        await play(played, "boot")
        for name in STEPS_TO_DISTURB:
            await play(played, name)
            await _strike(played, victim)
        await play(played, "delivered")
        assert check_books(played) == []
        transactions = [t for t in played.csms.transactions if t.station == played.identity] if played.csms else []
        assert transactions, "the CSMS must know of the session"
        assert all(not t.gaps for t in transactions)


async def _strike(played: World, victim: str) -> None:
    """Kill or hang, judge by the plant's edges, and wait until the station is whole again."""
    rig = played.rig
    before = played.evse()
    was_on = {"contact": before["contact"] == "closed", "advertising": before["advertising"]}
    name = "safety" if victim == "safety" else "station"
    old_pid = rig.pid(name)
    at = rig.kill(name, signal.SIGSTOP if victim == "hang" else signal.SIGKILL)
    limit_s = LIMIT_S[victim]
    await asyncio.sleep(min(limit_s, 3.0))
    if any(was_on.values()) or _is_on(played):  # a permit that was fresh may still have closed the contactor
        await asyncio.sleep(max(0.0, at + limit_s - time.monotonic()))
    _judge(played, at, limit_s, was_on, comes_back=victim != "hang")
    if victim == "hang":
        rig.kill(name, signal.SIGCONT)
    else:
        await rig.until(lambda: rig.pid(name) not in (None, old_pid), 15, f"{name} restarted")
    await rig.until(rig.is_whole, 15, "the station is whole again")
    if was_on["contact"]:
        await rig.until(lambda: played.evse()["contact"] == "closed", 40, "the session goes on after the restart")


def _is_on(played: World) -> bool:
    evse = played.evse()
    return evse["contact"] == "closed" or evse["advertising"]


def _judge(played: World, at: float, limit_s: float, was_on: dict[str, bool], *, comes_back: bool) -> None:
    """By the plant's own edges: what was on went off in time; without a restart in between it is off at the limit."""
    edges = played.rig.bench.verb("state", since_s=at)["evses"][EVSE - 1]["edges"]
    for what, was in was_on.items():
        changes = [edge for edge in edges if edge["what"] == what and edge["at_s"] >= at]
        off = [edge["at_s"] - at for edge in changes if not edge["value"]]
        if was:
            assert off, f"{what} did not go off within {limit_s} s"
            assert off[0] <= limit_s, f"{what} went off only {off[0]:.3f} s after"
        in_time = [edge for edge in changes if edge["at_s"] <= at + limit_s]
        if in_time and not comes_back:
            assert not in_time[-1]["value"], f"{what} is on {limit_s} s after: {changes}"
