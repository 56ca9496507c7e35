"""Meter values kept for the last message of their transaction."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from controller.logic.records import Kept
from controller.store.kept import MOST_KEPT
from tests.store.facts import HandClock, energy, open_store


def test_kept_values_outlive_a_restart_until_they_are_forgotten(tmp_path: Path) -> None:
    clock = HandClock()
    store = open_store(tmp_path / "store.sqlite", clock)
    values = Kept(clock.now(), energy(1000))
    store.keep("one", values)
    store.keep("other", values)
    store.close()
    store = open_store(tmp_path / "store.sqlite", clock)
    assert store.kept("one") == (values,) and store.kept("nobody") == ()
    store.forget_kept("one")
    assert store.kept("one") == () and store.kept("other") == (values,)


def test_too_many_are_thinned_evenly_and_keep_the_first_and_the_last(tmp_path: Path) -> None:
    clock = HandClock()
    store = open_store(tmp_path / "store.sqlite", clock)
    for number in range(MOST_KEPT * 5):
        store.keep("one", Kept(clock.now(), energy(number)))
        clock.advance(10)
    kept = store.kept("one")
    assert len(kept) == MOST_KEPT
    assert (kept[0].samples, kept[-1].samples) == (energy(0), energy(MOST_KEPT * 5 - 1))
    gaps = [later.stamp.monotonic_s - earlier.stamp.monotonic_s for earlier, later in pairwise(kept)]
    assert max(gaps) <= 100
