"""Wall clocks that are wrong, unknown or stepped: no timer follows them, and nothing wrong reaches the CSMS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hil.plant.values import Edge
from hil.sim.world import SimWorld
from hil.virtual import EPOCH, run_virtual, true_wall
from tests.sim.sim_tools import BERT, Scene, both_versions, play

TO_1970 = datetime(1970, 1, 1, tzinfo=UTC) - EPOCH
TEN_YEARS = timedelta(days=3653)
CLOCK_S = 1.5


@pytest.mark.ocpp("2.0.1", "G02.FR.06")
@both_versions
def test_a_clock_in_1970_dates_nothing_that_reaches_the_csms(version: str, tmp_path: Path) -> None:
    """One session ends before anybody has told the time, another is under way."""

    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin(1, BERT)
        first_s = world.now
        await world.sleep(120)
        await scene.end(1, BERT)
        await scene.begin(2, BERT)
        second_s = world.now
        await world.sleep(120)
        assert world.clock.now().wall.year == 1970 and not scene.transactions
        world.verb("network", up=True)
        await scene.delivered()
        await world.sleep(60)
        await scene.end(2, BERT)
        await scene.delivered()
        assert [each.evse for each in scene.transactions] == [1, 2]
        for transaction, begun_s in zip(scene.transactions, (first_s, second_s), strict=True):
            assert abs(transaction.started_at - true_wall(begun_s)) < timedelta(seconds=30)

    play(tmp_path, version, script, online=False, wall_error=TO_1970, trusted=False)


@both_versions
def test_two_boots_without_a_clock_are_told_in_order_and_after_each_other(version: str, tmp_path: Path) -> None:
    """The first boot never learned the time: what it dated is fitted in before the second one began."""

    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin(1, BERT)
        await world.sleep(120)
        await scene.end(1, BERT)
        cut = world.clock.true_wall()
        await world.watch(world.power_cut(60, wall_error=TO_1970, trusted=False))
        await world.sleep(20)
        await scene.begin(1, BERT)
        await world.sleep(120)
        world.verb("network", up=True)
        await scene.delivered()
        await scene.end(1, BERT)
        await scene.delivered()
        first, second = scene.transactions
        assert first.stopped_at is not None
        assert EPOCH - timedelta(minutes=5) < first.started_at < first.stopped_at < second.started_at
        assert abs(first.stopped_at - cut) < timedelta(minutes=3)

    play(tmp_path, version, script, online=False, wall_error=TO_1970, trusted=False)


@pytest.mark.parametrize("by", [TEN_YEARS, -TEN_YEARS], ids=["ahead", "back"])
@both_versions
def test_a_step_of_ten_years_in_mid_session_moves_no_timer_and_loses_no_energy(
    version: str, by: timedelta, tmp_path: Path
) -> None:
    """Everything the plant saw comes at the same moment as without the step; the next Heartbeat mends the clock."""
    still, stepped = (_session(tmp_path / name, version, step) for name, step in (("a", timedelta()), ("b", by)))
    assert stepped["edges"] == still["edges"]
    assert stepped["energy"] == still["energy"]
    assert stepped["samples"] == pytest.approx(still["samples"], abs=1)
    assert still["kinds"] == set()
    assert stepped["kinds"] == set(), "the CSMS had agreed with the clock before: that is the time"
    assert abs(stepped["clock_error_s"]) < CLOCK_S


def _session(directory: Path, version: str, by: timedelta) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    async def main() -> None:
        async with SimWorld(directory, version=version) as world:
            scene = Scene(world)
            await world.sleep(10)
            await scene.begin()
            await world.sleep(100)
            world.clock.step(by)
            await world.sleep(600)
            await scene.end()
            await world.sleep(120)
            await scene.delivered()
            seen["edges"] = [_moment(edge) for edge in world.plant.evses[1].edges]
            seen["energy"] = scene.only.energy_wh
            assert abs(scene.only.energy_wh - scene.energy_wh()) <= 1
            seen["samples"] = len(scene.only.readings)
            seen["kinds"] = {violation.kind for violation in world.csms.violations}
            await world.sleep(400)  # a silence that a Heartbeat ends
            seen["clock_error_s"] = (world.clock.now().wall - world.clock.true_wall()).total_seconds()

    run_virtual(main())
    return seen


def _moment(edge: Edge) -> tuple[float, str, object]:
    return (round(edge.at_s, 6), edge.what, edge.value)
