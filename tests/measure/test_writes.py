"""The store's write budget: it holds, and it is seen when it does not."""

from __future__ import annotations

from pathlib import Path

from controller.store.database import StoreLimits
from hil.measure.writes import offline


def test_samples_that_are_only_stored_keep_to_the_budget(tmp_path: Path) -> None:
    shapes = offline(tmp_path, seconds=1200)
    assert [shape.name for shape in shapes] == ["store_sample_bytes", "store_sample_flushes", "store_minute_flushes"]
    assert all(shape.holds for shape in shapes), [shape.line() for shape in shapes]
    assert shapes[0].samples == 120


def test_a_store_that_flushes_each_sample_does_not(tmp_path: Path) -> None:
    shapes = offline(tmp_path, seconds=600, limits=StoreLimits(flush_every_s=0.0))
    assert [shape.name for shape in shapes if not shape.holds] == [shape.name for shape in shapes]
