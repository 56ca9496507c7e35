"""The hook that ties tests to OCPP: known ids pass, everything else stops the collection."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
INI = "[pytest]\nmarkers =\n    ocpp(version, *ids): x\n"


def run_pytest(tmp_path: Path, mark: str, *options: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "ocpp_ids.json").write_text((CONFTEST.parent / "ocpp_ids.json").read_text())
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "test_it.py").write_text(f"import pytest\n\n@pytest.mark.ocpp({mark})\ndef test_it():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ('"2.0.1", "B01.FR.99"', "unknown id 'B01.FR.99' of OCPP 2.0.1 - did you mean 'B01.FR.09'?"),
        ('"1.6", "§5.99"', "unknown id '§5.99' of OCPP 1.6"),
        ('"3.0", "B01.FR.08"', "unknown OCPP version '3.0'; known: 1.6, 2.0.1"),
        ('"2.0.1"', "a version and at least one id"),
        ("", "a version and at least one id"),
    ],
)
def test_an_unknown_id_stops_the_collection_and_is_named(tmp_path: Path, mark: str, says: str) -> None:
    result = run_pytest(tmp_path, mark)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_it.py::test_it: " in result.stderr
    assert says in result.stderr


def test_known_ids_are_counted_as_proved(tmp_path: Path) -> None:
    report = tmp_path / "out" / "conformance.json"
    mark = '"2.0.1", "B01.FR.08", "TC_B_01_CS", "E06.FR.17", "Part4 §5.3"'
    result = run_pytest(tmp_path, mark, "--conformance", str(report), "--figures", str(tmp_path / "figures.json"))
    assert result.returncode == 0, result.stderr
    summary = json.loads(report.read_text())["2.0.1"]
    assert "OCPP 2.0.1: 4 ids proved (2 requirements, 1 certification cases), 0 not" in result.stdout
    assert (summary["requirements"], summary["cases"], summary["not_proved"]) == (2, 1, {})
    assert json.loads((tmp_path / "figures.json").read_text())["passed"] == 1
