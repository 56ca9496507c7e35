"""`make` teaches, and set-up names what a machine lacks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "dirname", "cksum", "cat", "head", "grep", "rm", "pwd", "printf")

pytestmark = pytest.mark.wire


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A checkout without .venv, and a directory of tools without any Python."""
    (tmp_path / "clone" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "setup", tmp_path / "clone" / ".ci")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "clone")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found is not None:
            (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def set_up(fresh: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(fresh / "clone" / ".ci" / "setup")],
        env={"PATH": str(fresh / "bin"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def fake_python(fresh: Path, body: str) -> None:
    path = fresh / "bin" / "python3"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_make_alone_lists_every_target() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    result = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(targets) >= {"setup", "demo", "test", "check", "bench", "sim", "scenarios", "conformance", "clean"}
    assert all(re.search(rf"^  {target} ", result.stdout, re.MULTILINE) for target in targets)


def test_setup_without_python_says_which_versions_it_looked_for(fresh: Path) -> None:
    result = set_up(fresh)
    assert result.returncode == 1
    assert result.stderr.startswith("setup: no Python 3.11 or later found (tried: python3 and python3.11 to 3.14)")


def test_setup_with_an_old_python_passes_it_over(fresh: Path) -> None:
    fake_python(fresh, "exit 1")
    assert "no Python 3.11 or later found" in set_up(fresh).stderr


def test_setup_with_a_named_python_that_is_not_there_names_it(fresh: Path) -> None:
    assert "(tried: /nowhere/python3)" in set_up(fresh, PYTHON="/nowhere/python3").stderr


def test_setup_without_the_venv_module_names_the_one_package(fresh: Path) -> None:
    fake_python(fresh, 'case "$2" in *ensurepip*) exit 1 ;; esac')
    result = set_up(fresh)
    assert result.returncode == 1
    assert result.stderr.rstrip().endswith("install one package and try again: sudo apt install python3-venv")
    assert not (fresh / "clone" / ".venv").exists()


def test_no_package_index_is_named() -> None:
    for path in (ROOT / ".ci" / "setup", ROOT / ".ci" / "run", ROOT / "Makefile", ROOT / "pyproject.toml"):
        assert "index-url" not in path.read_text()
        assert os.access(path, os.X_OK) is (path.parent.name == ".ci")
