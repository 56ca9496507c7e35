"""The recorder sees all that SQLite does to its files, and only while it is entered."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from hil.cuts.disk import Created, DirectorySynced, Disk, Operation, Promised, Removed, Synced, Written
from hil.cuts.vfs import Recorder


def fill(path: Path, rows: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
        for number in range(rows):
            connection.execute("INSERT INTO t VALUES (?)", (str(number) * 500,))
            connection.commit()


def disk_after(operations: list[Operation]) -> dict[str, bytes]:
    disk = Disk()
    for operation in operations:
        disk.apply(operation)
    return list(disk.images(Random(0), 3))[:2][-1]  # nothing of what is pending, and all of it


def test_played_back_the_operations_give_the_very_files(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        fill(tmp_path / "a.db", 1)
        with closing(sqlite3.connect(tmp_path / "a.db")) as reader:
            reader.execute("SELECT count(*) FROM t").fetchone()  # from now on the log stays
            fill(tmp_path / "a.db", 40)
            found = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".db-shm"}
            assert len(found["a.db-wal"]) > 20_000
            assert disk_after(recorder.operations) == found
        fill(tmp_path / "a.db", 3)
    assert disk_after(recorder.operations) == {"a.db": (tmp_path / "a.db").read_bytes()}


def test_a_new_journal_is_made_certain_with_its_directory(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        fill(tmp_path / "a.db", 1)
    told = [each for each in recorder.operations if not isinstance(each, Written)]
    log = told.index(Created("a.db-wal"))
    assert told[log + 1 : log + 3] == [Synced("a.db-wal"), DirectorySynced()]
    assert told[-1] == Removed("a.db-wal")


def test_a_promise_stands_where_it_was_given(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        fill(tmp_path / "a.db", 1)
        recorder.promised("one")
        count = len(recorder.operations)
        fill(tmp_path / "a.db", 1)
    assert recorder.operations[count - 1] == Promised("one")
    assert len(recorder.operations) > count


def test_other_directories_and_other_times_are_not_recorded(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    with Recorder(tmp_path / "here") as recorder:
        fill(tmp_path / "a.db", 2)
    fill(tmp_path / "here" / "a.db", 2)
    assert recorder.operations == []


def test_a_connection_left_open_is_told(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    connection = None
    with pytest.raises(RuntimeError, match=r"still open: a\.db"), recorder:
        connection = sqlite3.connect(tmp_path / "a.db")
        connection.execute("CREATE TABLE t (a)")
    assert connection is not None
    connection.close()  # the recorder is still there to serve it
