"""The card is full to the last byte, by another program: what has begun still ends, in the room held back for it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from controller.logic.records import Basis, ChargingRecord
from controller.store.exc import StorageFull
from controller.store.reserve import SLICE_BYTES
from tests.store.facts import HandClock, begin, ended, open_store, updated
from tests.wire.test_full_disk import OWN_DISK, has_own_disks

HELD = 2 << 20


def fill(directory: Path) -> None:
    """Take every byte that is free, as another program might at any moment."""
    with (directory / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while room := shutil.disk_usage(directory).free:
            file.write(b"\0" * min(room, 1 << 16))


def run(directory: Path) -> None:
    """Played on a small disk of its own."""
    clock, path = HandClock(), directory / "station.db"
    store = open_store(path, clock, free_floor_bytes=1 << 20)
    running = [begin(store, clock) for _ in range(4)]
    assert path.with_name("station.db.reserve").stat().st_size == HELD
    fill(directory)
    assert not store.has_space()
    with pytest.raises(StorageFull):  # what is left of the last block takes one or two
        for number in range(100):
            store.add_charging_record(ChargingRecord(f"r{number}", "s", 1, Basis.CSMS, None, 1, clock.now()))
    with pytest.raises(StorageFull):
        store.add_event(updated(running[0], clock.now()))
    for transaction_id in running:
        store.add_event(ended(transaction_id, clock.now()))
        store.set_meta(f"of {transaction_id}", "1")
        fill(directory)  # whatever was given back is gone at once
    left = path.with_name("station.db.reserve").stat().st_size
    assert 0 < left < HELD and left % SLICE_BYTES == 0
    store._db._connection.close()  # killed
    again = open_store(path, clock, free_floor_bytes=1 << 20)
    again.begin_boot("PowerUp")
    assert again.open_transactions() == [] and again.queued_count() == 8
    (directory / "filler").unlink()
    begin(again, clock)
    assert path.with_name("station.db.reserve").stat().st_size == HELD


@pytest.mark.skipif(not has_own_disks(), reason="this kernel lets nobody but root mount a disk")
def test_on_a_full_disk_ends_are_kept_and_beginnings_refused(tmp_path: Path) -> None:
    mounted = tmp_path / "disk"
    mounted.mkdir()
    script = 'mount -t tmpfs -o size=8m tmpfs "$0" && exec "$@"'
    play = [sys.executable, "-c", f"from tests.store.test_reserve import *; run(Path({str(mounted)!r}))"]
    subprocess.run([*OWN_DISK, "sh", "-c", script, str(mounted), *play], check=True)


def test_a_reserve_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "station.db"
    open_store(path).close()
    path.with_name("station.db.reserve").unlink()
    open_store(path).close()
    assert path.with_name("station.db.reserve").stat().st_size == HELD
