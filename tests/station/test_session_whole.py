"""A charging session on the whole station: what is committed, and which permits go down."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.station.station_world import ANNA, World, in_world


@in_world()
async def test_a_session_from_plug_to_unplug(world: World) -> None:
    await world.charge()
    await asyncio.sleep(600)
    await world.swipe()
    await world.until(lambda: not world.is_closed(), 15)
    await asyncio.sleep(5)
    started, *updates, ended = world.committed()
    assert (started["kind"], started["trigger"]) == ("Started", "Authorized")
    assert started["id_token"]["value"] == ANNA and started["evse_id"] == 1
    assert (ended["kind"], ended["trigger"], ended["stopped_reason"]) == ("Ended", "StopAuthorized", "Local")
    assert abs(ended["register_wh"] - started["register_wh"] - world.energy_wh()) <= 1
    assert any(u["trigger"] == "MeterValuePeriodic" for u in updates)
    world.verb("unplug", evse=1)
    await asyncio.sleep(3)
    assert not world.open_transactions()


@pytest.mark.parametrize("offset_s", [0.3, 0.6, 0.9])
def test_the_last_register_is_read_after_the_contactor_opened(tmp_path: Path, offset_s: float) -> None:
    @in_world()
    async def test(world: World) -> None:
        world.verb("plug_in", evse=1, ev={"phases": 3})
        await asyncio.sleep(2)
        await world.swipe()
        await world.until(lambda: world.drawn_a() > 30, 20)
        await asyncio.sleep(30 + offset_s)
        world.verb("unplug", evse=1)
        await asyncio.sleep(5)
        (ended,) = world.committed("Ended")
        assert 0 <= world.energy_wh() - (ended["register_wh"] - 1_000_000) <= 1  # the meter shows whole Wh

    test(tmp_path)
