"""The report of a bring-up: Markdown for people, JSON for machines; both name the board file's contents by a hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from controller.bringup.finding import Finding, Verdict

_MARKS = {**dict(zip(Verdict, Verdict, strict=True)), Verdict.PASSED: "ok", Verdict.FAILED: "**FAILED**"}


@dataclass(frozen=True, slots=True)
class Report:
    """identity: of the station. signed_by: empty where nobody signed. machine: what it ran on."""

    identity: str
    serial: str
    revision: str
    board: str
    board_sha256: str
    software: str
    machine: str
    began: datetime
    signed_by: str
    findings: tuple[Finding, ...]

    @property
    def is_complete(self) -> bool:
        """Every step was made and passed: the station may be handed over."""
        return bool(self.findings) and all(finding.is_well for finding in self.findings)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def as_json(report: Report) -> dict[str, Any]:
    found = asdict(report)
    found["began"] = report.began.isoformat(timespec="seconds")
    found["complete"] = report.is_complete
    return found


def as_markdown(report: Report) -> str:
    """Return the report; its last line is the signature."""
    verdict = "complete: every step passed" if report.is_complete else "NOT COMPLETE"
    lines = [
        f"# Bring-up of {report.identity}: {verdict}",
        "",
        f"* Begun {report.began.isoformat(timespec='seconds')}, {report.software} on {report.machine}",
        f"* Serial number {report.serial}" + (f", hardware revision {report.revision}" if report.revision else ""),
        f"* Board {report.board}, sha256 `{report.board_sha256}`",
        "",
    ]
    for evse in dict.fromkeys(finding.evse for finding in report.findings):
        lines += [f"## {'EVSE ' + str(evse) if evse is not None else 'Station'}", ""]
        lines += ["| Step | Result | Measured | Expected | What to check |", "|---|---|---|---|---|"]
        lines += [_row(finding) for finding in report.findings if finding.evse == evse]
        lines.append("")
    lines.append(f"Signed: {report.signed_by}" if report.signed_by else "Not signed.")
    return "\n".join(lines) + "\n"


def _row(finding: Finding) -> str:
    cells = (finding.step, _MARKS[finding.verdict], finding.measured, finding.expected, finding.check)
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def write(report: Report, directory: Path) -> tuple[Path, Path]:
    """Write both files and return their paths; a name is never used twice. Raises OSError."""
    stem = f"bring-up-{_safe(report.identity)}-{report.began.strftime('%Y%m%dT%H%M%S')}"
    found = directory / f"{stem}.md", directory / f"{stem}.json"
    for path, text in zip(found, (as_markdown(report), json.dumps(as_json(report), indent=1) + "\n"), strict=True):
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    return found


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
