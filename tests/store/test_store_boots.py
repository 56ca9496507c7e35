"""Boots, and the wall time of what was stamped before the clock could be trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.logic.values import ClockQuality
from tests.store.facts import EPOCH, HandClock, begin, ended, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


LONG_AGO = datetime(1970, 1, 1, 0, 1, tzinfo=UTC) - EPOCH


def test_boots_are_listed_with_reason_and_what_they_learned(path: Path) -> None:
    clock = HandClock(trusted=False, wall_error=LONG_AGO)
    store = open_store(path, clock)
    store.begin_boot("PowerUp")
    [boot] = store.boots()
    assert (boot.boot_id, boot.reason, boot.started, boot.learned) == ("boot-1", "PowerUp", clock.now(), None)
    clock.advance(60)
    clock.set_wall(clock.true_wall)
    store.begin_boot("Watchdog")
    assert [each.reason for each in open_store(path, clock).boots()] == ["PowerUp", "Watchdog"]
    assert open_store(path, clock).boots()[0].learned == clock.now()


def test_stamp_from_before_the_clock_was_trusted_is_corrected_by_the_same_boot(path: Path) -> None:
    clock = HandClock(trusted=False, wall_error=LONG_AGO)
    store = open_store(path, clock)
    stamp, happened = clock.now(), clock.true_wall
    assert store.wall_of(stamp).year == 1970  # nothing is known yet
    clock.advance(3600)
    clock.set_wall(clock.true_wall)
    assert store.wall_of(stamp) == happened


def test_what_an_earlier_boot_learned_corrects_its_stamps_after_a_restart(path: Path) -> None:
    clock = HandClock(trusted=False, wall_error=LONG_AGO)
    store = open_store(path, clock)
    store.begin_boot("PowerUp")
    stamp, happened = clock.now(), clock.true_wall
    clock.advance(100)
    clock.set_wall(clock.true_wall)
    store.learn_wall_clock()
    later = HandClock(boot_id="boot-2", true_wall=clock.true_wall + timedelta(days=1), monotonic_s=5)
    assert open_store(path, later).wall_of(stamp) == happened


def test_clock_step_after_the_clock_was_learned_moves_no_earlier_event(path: Path) -> None:
    clock = HandClock(trusted=False, wall_error=LONG_AGO)
    store = open_store(path, clock)
    stamp, happened = clock.now(), clock.true_wall
    clock.set_wall(clock.true_wall)
    store.learn_wall_clock()
    clock.set_wall(clock.true_wall + timedelta(hours=5))
    assert store.wall_of(stamp) == happened
    assert store.wall_of(clock.now()) == clock.true_wall + timedelta(hours=5)


def test_boot_that_never_learned_the_time_is_placed_before_the_next_with_durations_kept(path: Path) -> None:
    blind = HandClock(boot_id="boot-1", trusted=False, wall_error=LONG_AGO)
    store = open_store(path, blind)
    store.begin_boot("PowerUp")
    transaction_id = begin(store, blind)
    start = blind.now()
    blind.advance(1800)
    end = blind.now()
    store.add_event(ended(transaction_id, end))
    store.close()

    next_boot = HandClock(boot_id="boot-2", true_wall=EPOCH + timedelta(days=2), monotonic_s=8)
    store = open_store(path, next_boot)
    store.begin_boot("PowerUp")
    began = next_boot.true_wall
    next_boot.advance(20)
    assert store.wall_of(end) == began
    assert store.wall_of(end) - store.wall_of(start) == timedelta(seconds=1800)


def test_plausible_wall_clock_of_a_boot_that_never_learned_the_time_is_believed(path: Path) -> None:
    first = HandClock(boot_id="boot-1")
    store = open_store(path, first)
    store.begin_boot("PowerUp")
    second = HandClock(boot_id="boot-2", trusted=False, true_wall=EPOCH + timedelta(hours=3))
    store = open_store(path, second)
    store.begin_boot("PowerUp")
    stamp = second.now()
    assert stamp.quality is ClockQuality.UNTRUSTED
    third = HandClock(boot_id="boot-3", true_wall=EPOCH + timedelta(hours=9))
    store = open_store(path, third)
    store.begin_boot("PowerUp")
    assert store.wall_of(stamp) == stamp.wall
