"""Killed at any instant, or cut at any write: what was promised is there, and nothing half."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from controller.store.rows import Frozen
from controller.store.store import Store
from controller.store.verify import Verifier
from tests.store.facts import V201, HandClock, begin, ended, metered, open_store, updated
from tests.store.promises import Promises

WRITER = Path(__file__).with_name("crash_writer.py")
ROOT = Path(__file__).parents[2]


def run_and_kill(path: Path, seed: int, after_s: float, promises: Promises) -> int:
    """Start a writer, kill -9 it `after_s` after it has opened the store; return how much it had promised."""
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(path), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    ) as writer:
        assert writer.stdout is not None
        assert json.loads(writer.stdout.readline()) == {"opened": True}
        time.sleep(after_s)
        writer.send_signal(signal.SIGKILL)
        # A line is written in one piece; the kill may still have cut the last one's newline off.
        lines = [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    for line in lines:
        promises.take(json.loads(line))
    return len(lines)


@pytest.mark.wire
def test_killed_writer_again_and_again_keeps_every_promise(tmp_path: Path) -> None:
    random, promises, path = Random(20), Promises(), tmp_path / "store.sqlite"
    kept = 0
    for seed in range(24):
        kept += run_and_kill(path, seed, random.uniform(0.0, 0.15), promises)
        store = open_store(path)
        assert store.salvage is None
        promises.check(store)
        store.close()
        assert list(Verifier(path).violations()) == []
    assert kept > 100, "the writer hardly wrote: the test shows nothing"


def scripted(store: Store, clock: HandClock) -> None:
    """A session with its delivery, a thinning included: some forty commits."""
    for number in range(3):
        transaction_id = begin(store, clock, online=False)
        for step in range(6):
            clock.advance(20)
            store.note_register(transaction_id, 1100 + step, clock.now())
            store.add_event(updated(transaction_id, clock.now(), online=False, register_wh=1100 + step))
        store.add_event(metered(clock.now()))
        store.add_event(ended(transaction_id, clock.now()))
        if number == 2:
            deliver_together(store)
        for record in store.waiting(99):
            seq_no = store.next_seq_no(record.transaction_id) if record.transaction_id else None
            store.freeze(record.position, Frozen(V201, "A", json.dumps({"p": record.position}), seq_no))
            if number == 0 and record.is_start:
                store.attempted(record.position, "InternalError")
            store.delivered(record.position)


def deliver_together(store: Store) -> None:
    """As the outbox does with a backlog: messages made, committed and noted several at a time."""
    waiting = store.waiting(99)
    for stream in dict.fromkeys(each.stream for each in waiting):
        records = [each for each in waiting if each.stream == stream]
        id_ = records[0].transaction_id
        numbers = [None if id_ is None else store.next_seq_no(id_, each.position) + n for n, each in enumerate(records)]
        made = [replace(each, frozen=Frozen(V201, "A", "{}", n)) for each, n in zip(records, numbers, strict=True)]
        store.freeze_all(made)
        store.flush()
        for some in (made[:3], made[3:]):
            if some:
                store.delivered(*(each.position for each in some))


def content(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table as another program reads it."""
    connection = sqlite3.connect(path)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    found = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    connection.close()
    return found


class Noting:
    """A store that has its recorder look at the files after each call."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store, self._recorder = store, recorder

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*args: Any, **keywords: Any) -> Any:
            result = method(*args, **keywords)
            self._recorder.note()
            return result

        return call


class Recorder:
    """Keeps, for each commit of a store, how long the log was when it returned and what the database then held."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commits: list[tuple[int, dict[str, list[tuple[Any, ...]]]]] = []

    def note(self) -> None:
        size = self.path.with_name(self.path.name + "-wal").stat().st_size
        if not self.commits or size > self.commits[-1][0]:
            self.commits.append((size, content(self.path)))


def test_power_cut_at_any_log_frame_leaves_exactly_the_last_whole_commit(tmp_path: Path) -> None:
    path = tmp_path / "live" / "store.sqlite"
    clock = HandClock()
    store = open_store(path, clock, max_waiting=8)
    recorder = Recorder(path)
    recorder.note()
    scripted(cast(Store, Noting(store, recorder)), clock)
    wal = path.with_name("store.sqlite-wal").read_bytes()
    base = path.read_bytes()
    assert recorder.commits[-1][0] == len(wal), "the log was started anew: make the script shorter"
    assert len(recorder.commits) > 30

    frame = 24 + 1024
    cuts = [size for whole in range(32, len(wal) + 1, frame) for size in (whole, whole + 24 + 512)]
    for size in cuts:
        cut = tmp_path / "cut"
        shutil.rmtree(cut, ignore_errors=True)
        cut.mkdir()
        (cut / "store.sqlite").write_bytes(base)
        (cut / "store.sqlite-wal").write_bytes(wal[:size])
        expected = [held for end, held in recorder.commits if end <= size]
        if not expected:
            continue  # cut while the schema was being made: see the next test
        reopened = open_store(cut / "store.sqlite", clock)
        assert reopened.salvage is None
        reopened.close()
        assert content(cut / "store.sqlite") == expected[-1]
        assert list(Verifier(cut / "store.sqlite").violations()) == []


def test_power_cut_while_the_schema_is_made_opens_as_new(tmp_path: Path) -> None:
    path = tmp_path / "live" / "store.sqlite"
    store = open_store(path)
    wal, base = path.with_name("store.sqlite-wal").read_bytes(), path.read_bytes()
    assert store.salvage is None
    for size in range(0, len(wal), 1048):
        cut = tmp_path / "cut"
        shutil.rmtree(cut, ignore_errors=True)
        cut.mkdir()
        (cut / "store.sqlite").write_bytes(base)
        (cut / "store.sqlite-wal").write_bytes(wal[:size])
        reopened = open_store(cut / "store.sqlite")
        assert reopened.salvage is None
        begin(reopened, HandClock())
        reopened.close()
        open_store(cut / "store.sqlite").close()


def test_lazy_updates_are_at_most_a_flush_interval_behind(tmp_path: Path) -> None:
    path, clock = tmp_path / "store.sqlite", HandClock()
    store = open_store(path, clock, flush_every_s=60)
    transaction_id = begin(store, clock)
    seen = defaultdict(int)
    for second in range(0, 600, 10):
        store.note_register(transaction_id, 5000 + second, clock.now())
        found = open_copy(path, tmp_path / "copy").open_transactions()[0].last_register_wh
        assert found is not None
        seen[found] += 1
        assert 5000 + second - found <= 60 or second < 60
        clock.advance(10)
    assert len(seen) <= 11, "more flushes than the write budget allows"


def open_copy(path: Path, directory: Path) -> Store:
    """Open what a power cut at this instant would leave."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(path.with_name(path.name + suffix), directory / f"store.sqlite{suffix}")
    return open_store(directory / "store.sqlite")
