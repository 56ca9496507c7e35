"""The demo as a stranger runs it: real processes, real sockets, everything seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.wire, pytest.mark.timeout(150)]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_demo_once_plays_a_whole_session_and_says_so(version: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "controller", "demo", "--once", "--ocpp", version, "--json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=140,
    )
    summary = json.loads(done.stdout)
    unseen = [(step["name"], seen) for step in summary["steps"] for seen in step["seen"] if seen["evidence"] is None]
    assert summary["ok"], (summary["problem"], unseen, done.stderr)
    assert done.returncode == 0
    assert [step["name"] for step in summary["steps"]][-1] == "delivered"
