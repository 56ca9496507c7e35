"""The card loses a page of the database while a car charges: the station starts, says so, and nobody is billed twice."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from controller.store.schema import PAGE_BYTES
from controller.store.verify import Verifier
from tests.sim.sim_tools import Scene, both_versions, play

TABLES = ("streams", "transactions", "events", "messages", "meta", "variables", "sqlite_master")


def lose_first_page_of(database: Path, table: str) -> None:
    """Overwrite the page at which a table begins; of a small one that is all of it."""
    connection = sqlite3.connect(database, isolation_level=None)
    assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    page = 1
    if table != "sqlite_master":
        [page] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    connection.close()
    with database.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(bytes(PAGE_BYTES))


@both_versions
@pytest.mark.parametrize("table", TABLES)
def test_a_page_lost_while_a_car_charges_never_bills_twice(tmp_path: Path, version: str, table: str) -> None:
    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin()
        await world.sleep(30)
        await scene.end()
        await scene.begin()
        await world.sleep(90)
        world.verb("network", up=False)
        await world.sleep(60)
        await world.kill_station()
        lose_first_page_of(world.database, table)
        world.start_station()
        await world.until(lambda: world.station is not None, 10, "the station runs")
        told = world.station_or_fail.snapshot()["database"]
        assert told.startswith("the database was damaged, and salvaged were "), told
        assert world.station_or_fail.why()["database"] == told
        world.verb("network", up=True)
        await world.sleep(60)
        world.verb("unplug", evse=1)
        await world.sleep(60)
        await scene.delivered()
        # The whole night goes on as ever.
        await scene.begin()
        await world.sleep(30)
        await scene.end()
        await scene.delivered()
        assert sum(each.energy_wh for each in scene.transactions) <= scene.energy_wh() + 3
        assert len({each.id for each in scene.transactions}) == len(scene.transactions)
        assert world.store_or_fail.open_transactions() == []
        assert list(Verifier(world.database).violations()) == []
        assert [str(violation) for violation in world.csms.violations] == []

    play(tmp_path, version, script, closes=False)
