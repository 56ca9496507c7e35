"""Fault history and contactor wear, across restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.logic.wear import Wear
from controller.store import history
from tests.store.facts import HandClock, open_store


def test_faults_begin_and_end_as_they_stand_and_outlive_a_restart(tmp_path: Path) -> None:
    clock = HandClock()
    store = open_store(tmp_path / "store.sqlite", clock)
    store.note_faults(1, {"rcd_trip", "mains_lost"})
    store.note_faults(None, {"reader_lost"})
    clock.advance(10)
    store.note_faults(1, {"rcd_trip"})
    store.close()
    store = open_store(tmp_path / "store.sqlite", clock)
    store.note_faults(1, {"rcd_trip"})  # the same one still: not a second time
    found = [(past.evse_id, past.fault_id, past.cleared is None) for past in store.faults()]
    assert found == [(None, "reader_lost", True), (1, "rcd_trip", True), (1, "mains_lost", False)]
    over = store.faults(1)[1]
    assert over.cleared is not None and over.cleared.monotonic_s - over.raised.monotonic_s == 10


def test_a_fault_that_comes_again_is_a_second_entry(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.sqlite", HandClock())
    for standing in ({"ground_lost"}, set(), {"ground_lost"}):
        store.note_faults(2, standing)
    assert [past.cleared is None for past in store.faults(2)] == [True, False]


def test_the_oldest_faults_go_but_never_one_that_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_FAULTS", 10)
    store = open_store(tmp_path / "store.sqlite", HandClock())
    store.note_faults(1, {"contactor_welded"})
    for _ in range(30):
        store.note_faults(1, {"contactor_welded", "mains_lost"})
        store.note_faults(1, {"contactor_welded"})
    found = store.faults()
    assert len(found) <= 11 and found[-1].fault_id == "contactor_welded" and found[-1].cleared is None


def test_wear_is_what_was_last_kept(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.sqlite", HandClock())
    assert store.wear(1) == Wear()
    store.set_wear(1, Wear(5, 1, "run", 5, 1))
    store.close()
    assert open_store(tmp_path / "store.sqlite", HandClock()).wear(1) == Wear(5, 1, "run", 5, 1)
