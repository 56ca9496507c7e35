"""The power is cut at every write of a session, on a disk that keeps only what was synced: what was promised is there.

SQLite is the one that the store uses, under a VFS of ours that writes down what it does (`hil.cuts.vfs`), and once the same seen by the
kernel's calls (`hil.cuts.fuse`). `make cuts` looks at every image of every cut; here it is a part, drawn by chance.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from controller.store.database import StoreLimits
from controller.store.schema import MIGRATIONS
from hil.cuts.disk import Disk, Image, Operation, Promised, Synced, Written
from hil.cuts.fuse import PROMISES, Unavailable, mounted, recorded
from hil.cuts.vfs import Recorder
from tests.store.cut_session import Session, store_of_first_schema
from tests.store.facts import HandClock, begin, open_store
from tests.store.promises import Promises

SEEDS = range(1, 1 + int(os.environ.get("CUTS", "1")))
MOST = 1_000 if "CUTS" in os.environ else 10  # images of one cut
NAME = "station.db"
ROOT = Path(__file__).parents[2]
SESSION = Path(__file__).with_name("cut_session.py")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # thousands are opened

pytestmark = [pytest.mark.cuts, pytest.mark.timeout(300 * len(SEEDS))]


@dataclass(frozen=True, slots=True)
class Cut:
    """after: how many operations were done. promised: how many lines."""

    after: int
    promised: int
    image: Image


def cuts(operations: Sequence[Operation], files: Image, seed: int, every: int) -> Iterator[Cut]:
    """Yield each image that a cut may leave, once for the same promises. every: cut after one of so many operations."""
    random, disk, promised, seen = Random(seed), Disk(files), 0, set[tuple[int, int]]()
    for after, operation in enumerate(operations, 1):
        disk.apply(operation)
        promised += isinstance(operation, Promised)
        if after % every:
            continue
        # What is pending just before a sync holds every part that could have been missing at the writes before it.
        is_full = after == len(operations) or isinstance(operations[after], Synced)
        for image in disk.images(random, MOST if is_full else 4):
            key = (promised, hash(tuple(sorted(image.items()))))
            if key not in seen:
                seen.add(key)
                yield Cut(after, promised, image)


def check(cut: Cut, lines: Sequence[str]) -> None:
    """Open the image with the real store; AssertionError where it does not keep what was promised by then."""
    promises = Promises()
    for line in lines[: cut.promised]:
        promises.take(json.loads(line))
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        path = Path(name, NAME)
        for file, content in cut.image.items():
            path.with_name(file).write_bytes(content)
        store = open_store(path, durable=False)  # nobody cuts the power of this one
        try:
            # Before the first promise a database that was half made may be set aside; it held nothing.
            assert store.salvage is None or not cut.promised
            with closing(sqlite3.connect(path)) as reader:
                assert reader.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                assert reader.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
            promises.check(store)
            promises.check_that_it_goes_on(store)
        finally:
            store.close()


def record(directory: Path, limits: StoreLimits) -> list[Operation]:
    with Recorder(directory) as recorder:
        Session(directory / NAME, lambda line: recorder.promised(json.dumps(line)), limits).play()
    return recorder.operations


def failures(
    operations: Sequence[Operation], files: Image, seeds: Iterable[int] = SEEDS, every: int = 1
) -> tuple[int, list[str]]:
    """Return how many images were opened, and what was wrong with which. every: as in `cuts`."""
    lines = [operation.what for operation in operations if isinstance(operation, Promised)]
    count, wrong = 0, list[str]()
    for cut in (cut for seed in seeds for cut in cuts(operations, files, seed, every)):
        count += 1
        try:
            check(cut, lines)
        except AssertionError as error:
            wrong.append(f"after operation {cut.after} of {len(operations)}: {error!r}")
    return count, wrong


def test_power_cut_at_any_write_keeps_every_promise(tmp_path: Path) -> None:
    operations = record(tmp_path, StoreLimits())
    assert sum(isinstance(operation, Written) for operation in operations) > 500
    count, wrong = failures(operations, {})
    assert count > 1_000
    assert not wrong, f"{len(wrong)} of {count} images, the first {wrong[0]}"


def test_power_cut_at_any_write_of_a_migration_keeps_what_the_old_program_wrote(tmp_path: Path) -> None:
    transaction_id = store_of_first_schema(tmp_path / NAME)
    before = {NAME: (tmp_path / NAME).read_bytes()}
    with Recorder(tmp_path) as recorder:
        recorder.promised(json.dumps({"begun": transaction_id}))
        store = open_store(tmp_path / NAME)
        recorder.promised(json.dumps({"opened": True}))
        store.close()
    count, wrong = failures(recorder.operations, before)
    assert count > 50
    assert not wrong, f"{len(wrong)} of {count} images, the first {wrong[0]}"


def test_second_power_cut_while_the_store_recovers_from_the_first_keeps_every_promise(tmp_path: Path) -> None:
    operations = record(tmp_path, StoreLimits())
    count = 0
    firsts = [cut for cut in cuts(operations, {}, seed=3, every=1) if cut.promised]
    for number, first in enumerate(Random(3).sample(firsts, 12 * len(SEEDS))):
        lines = [operation.what for operation in operations if isinstance(operation, Promised)][: first.promised]
        again = tmp_path / str(number)
        again.mkdir()
        for file, content in first.image.items():
            (again / file).write_bytes(content)
        with Recorder(again) as recorder:
            recorder.operations += map(Promised, lines)
            store = open_store(again / NAME)
            transaction_id = begin(store, HandClock())
            recorder.promised(json.dumps({"begun": transaction_id}))  # what the first cut took is not settled by it
            store.close()
        opened, wrong = failures(recorder.operations, first.image)
        count += opened
        assert not wrong, f"after operation {first.after}, then {wrong[0]}"
    assert count > 100


def test_store_that_does_not_sync_is_seen_to_lose(tmp_path: Path) -> None:
    """The same session and cuts without `synchronous = FULL`."""
    operations = record(tmp_path, StoreLimits(durable=False))
    count, wrong = failures(operations, {}, seeds=[1], every=7)
    assert len(wrong) > count / 10


def test_disk_that_does_not_keep_the_log_is_seen_to_lose(tmp_path: Path) -> None:
    """As with `synchronous = NORMAL`: the database is whole at any time, but the last commits may be gone."""
    operations = [each for each in record(tmp_path, StoreLimits()) if each != Synced(f"{NAME}-wal")]
    count, wrong = failures(operations, {}, seeds=[1], every=7)
    assert len(wrong) > count / 10


@pytest.mark.wire
def test_power_cut_of_a_process_on_a_file_system_that_forgets_keeps_every_promise(tmp_path: Path) -> None:
    """The same session in a process of its own, seen from below: by the kernel's calls on a file system (FUSE)."""
    record_file = tmp_path / "record"
    try:
        with mounted(tmp_path, record_file) as mount:
            command = [sys.executable, str(SESSION), str(mount / NAME), str(mount / PROMISES)]
            subprocess.run(command, check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, timeout=60)
    except Unavailable as why:
        pytest.skip(f"no FUSE here: {why}")
    operations = recorded(record_file)
    assert sum(isinstance(operation, Written) for operation in operations) > 500
    count, wrong = failures(operations, {})
    assert count > 1_000
    assert not wrong, f"{len(wrong)} of {count} images, the first {wrong[0]}"
