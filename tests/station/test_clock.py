"""Who vouches for the machine's wall clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from controller.clock import SystemClock
from controller.logic.values import ClockQuality


def quality(rtc: Path, *, synchronised: bool = False) -> ClockQuality:
    return SystemClock(lambda: synchronised, rtc).now().quality


def test_nobody_vouches_for_a_machine_without_a_clock_chip_until_it_is_synchronised(tmp_path: Path) -> None:
    assert quality(tmp_path / "none") is ClockQuality.UNTRUSTED
    assert quality(tmp_path / "none", synchronised=True) is ClockQuality.TRUSTED


@pytest.mark.parametrize(
    ("ahead_s", "trusted"), [(0, True), (1, True), (-3600, False), (3600, False), (-1_700_000_000, False)]
)
def test_a_clock_chip_vouches_where_the_system_has_its_time(tmp_path: Path, ahead_s: float, trusted: bool) -> None:
    """The last one has no battery: it began at 1970 some years ago, and the system at the time it had written down."""
    rtc = tmp_path / "since_epoch"
    rtc.write_text(f"{int(time.time() + ahead_s)}\n")
    assert quality(rtc) is (ClockQuality.TRUSTED if trusted else ClockQuality.UNTRUSTED)


def test_a_chip_that_cannot_be_read_vouches_for_nothing(tmp_path: Path) -> None:
    rtc = tmp_path / "since_epoch"
    rtc.write_text("garbage\n")
    assert quality(rtc) is ClockQuality.UNTRUSTED


def test_what_a_csms_told_runs_on_with_the_monotonic_clock(tmp_path: Path) -> None:
    clock = SystemClock(lambda: False, tmp_path / "none")
    told = datetime(2031, 5, 1, tzinfo=UTC)
    clock.set_wall(told)
    now = clock.now()
    assert now.quality is ClockQuality.TRUSTED and timedelta() <= now.wall - told < timedelta(seconds=5)


def test_a_clock_that_a_csms_agreed_with_goes_on_whoever_steps_the_system_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stepped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=3650)

    clock = SystemClock(lambda: True, tmp_path / "none")
    clock.keep_wall()
    before = clock.now()
    monkeypatch.setattr("controller.clock.datetime", Stepped)
    after = clock.now()
    assert (after.wall - before.wall).total_seconds() == pytest.approx(after.monotonic_s - before.monotonic_s, abs=0.01)
    assert after.quality is ClockQuality.TRUSTED
