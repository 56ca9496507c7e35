"""The report: complete only when nothing is missing; both files say the same; none is ever overwritten."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.bringup.finding import Finding, failed, left_out, not_built, passed
from controller.bringup.report import Report, as_json, as_markdown, sha256_of, write

GOOD = passed("pilot +12 V", 1, "+12.00 V", "+11 to +13 V")
BAD = failed("mains", 1, "absent", "present", "GPIO13 (pin) | of mock.toml [mains]")
REPORT = Report(
    "CP/1",
    "SN-7",
    "C",
    "/x/mock.toml",
    "ab" * 32,
    "Pilotline 1",
    "a Pi",
    datetime(2026, 1, 5, 6, 0, tzinfo=UTC),
    "Ann",
    (GOOD,),
)


@pytest.mark.parametrize(
    ("findings", "is_complete"),
    [
        ((GOOD,), True),
        ((GOOD, not_built("temperature", 1)), True),
        ((GOOD, left_out("contactor", 1, "no leave")), False),
        ((GOOD, BAD), False),
        ((), False),
    ],
)
def test_only_a_walk_without_a_gap_is_complete(findings: tuple[Finding, ...], is_complete: bool) -> None:
    report = dataclasses.replace(REPORT, findings=findings)
    assert report.is_complete is is_complete
    assert as_json(report)["complete"] is is_complete
    assert ("NOT COMPLETE" in as_markdown(report)) is not is_complete


def test_the_report_says_what_was_measured_on_which_board_and_who_signs() -> None:
    text = as_markdown(dataclasses.replace(REPORT, findings=(GOOD, BAD, passed("CSMS", None, "online"))))
    assert "| pilot +12 V | ok | +12.00 V | +11 to +13 V |  |" in text
    assert "| mains | **FAILED** | absent | present | GPIO13 (pin) / of mock.toml [mains] |" in text
    assert text.index("## EVSE 1") < text.index("## Station") and "ab" * 32 in text
    assert "* Serial number SN-7, hardware revision C" in text
    assert text.endswith("Signed: Ann\n")
    assert as_markdown(dataclasses.replace(REPORT, signed_by="")).endswith("Not signed.\n")


def test_both_files_are_written_once_under_a_name_that_fits_a_file_system(tmp_path: Path) -> None:
    markdown, found = write(REPORT, tmp_path)
    assert markdown.name == "bring-up-CP_1-20260105T060000.md" and found.suffix == ".json"
    assert json.loads(found.read_text())["findings"][0]["measured"] == "+12.00 V"
    with pytest.raises(FileExistsError):
        write(REPORT, tmp_path)


def test_the_board_is_named_by_its_contents(tmp_path: Path) -> None:
    path = tmp_path / "b.toml"
    path.write_bytes(b"abc")
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
