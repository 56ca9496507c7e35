"""The page that keeps latched faults while the safety process is dead."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.logic.faults import ROWS
from controller.safety.latches import LatchPage


def test_what_was_noted_last_is_there_for_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "latches.page"
    page = LatchPage(file, 2)
    assert page.restored(0) == page.restored(1) == ()
    page.note(1, ("rcd_trip",))
    page.note(1, ("rcd_trip", "emergency_stop"))
    page.note(0, ("contactor_welded",))
    again = LatchPage(file, 2)  # the first one was killed: nothing closed it
    assert again.restored(0) == ("contactor_welded",)
    assert again.restored(1) == ("rcd_trip", "emergency_stop")
    again.note(1, ())
    assert LatchPage(file, 2).restored(1) == ()


def test_all_faults_of_the_table_fit_at_once(tmp_path: Path) -> None:
    latching = tuple(row.id for row in ROWS if row.is_latching)
    LatchPage(tmp_path / "latches.page", 1).note(0, latching)
    assert LatchPage(tmp_path / "latches.page", 1).restored(0) == latching


def test_a_note_cut_off_at_any_byte_leaves_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "latches.page"
    LatchPage(file, 1).note(0, ("rcd_trip",))
    before = file.read_bytes()
    LatchPage(file, 1).note(0, ("rcd_trip", "emergency_stop"))
    after = file.read_bytes()
    changed = [index for index in range(len(before)) if before[index] != after[index]]
    seen = set()
    for cut in range(changed[0], changed[-1] + 2):
        file.write_bytes(after[:cut] + before[cut:])
        seen.add(LatchPage(file, 1).restored(0))
    assert seen == {("rcd_trip",), ("rcd_trip", "emergency_stop")}


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\xff" * 5000])
def test_a_file_that_is_no_page_is_made_anew(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "latches.page"
    file.write_bytes(content)
    page = LatchPage(file, 1)
    assert page.restored(0) == ()
    page.note(0, ("rcd_trip",))
    assert LatchPage(file, 1).restored(0) == ("rcd_trip",)


def test_another_boot_begins_with_nothing(tmp_path: Path) -> None:
    file = tmp_path / "latches.page"
    LatchPage(file, 1, "boot-1").note(0, ("rcd_trip",))
    assert LatchPage(file, 1, "boot-2").restored(0) == ()
