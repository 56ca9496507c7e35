"""A command line in a home of its own: nothing of the developer's machine is read or written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Pilotline = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pilotline(tmp_path: Path) -> Pilotline:
    """Run `pilotline ARGS…` in `tmp_path` as a real process."""
    home = tmp_path / "home"
    home.mkdir()
    keep = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG")}
    environment = {**keep, "HOME": str(home), "XDG_RUNTIME_DIR": str(tmp_path), "COLUMNS": "80"}

    def run(*args: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "controller", *args],
            cwd=tmp_path,
            env=environment | extra,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
