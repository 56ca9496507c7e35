"""A charging session on the whole station: what is committed, and which permits go down."""

from __future__ import annotations

import asyncio

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
    print(world.told())
    world.verb("unplug", evse=1)
    await asyncio.sleep(3)
    assert not world.open_transactions()
