"""The demo as a stranger runs it: real processes, real sockets, everything seen from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose sockets have names short enough, which those below tmp_path have not always."""
    with tempfile.TemporaryDirectory(prefix="pl-") as name:
        yield Path(name)


class Demo:
    """A demo whose directory is below `directory`, and every process that names it there."""

    def __init__(self, directory: Path, *words: str, **streams: Any) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-m", "controller", "demo", *words],
            env={**os.environ, "TMPDIR": str(directory)} | streams.pop("env", {}),
            text=True,
            errors="replace",
            stdout=streams.get("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
        )

    def station(self) -> list[str]:
        """The command lines of the station's processes."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().decode().split("\0")
            except OSError:
                continue
            if any(word.startswith(f"{self.directory}/") for word in words):
                found.append(" ".join(words))
        return found

    def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < deadline, f"{what}: {self.station()}"
            time.sleep(0.02)

    def until_line(self, part: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if part in line:
                return
        raise AssertionError(f"not printed: {part}")


@pytest.mark.parametrize(
    ("number", "at"),
    [(signal.SIGINT, "Starting"), (signal.SIGTERM, "[2/"), (signal.SIGHUP, "[1/"), (signal.SIGKILL, "[1/")],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_demo_that_is_ended_takes_its_station_along(short: Path, number: signal.Signals, at: str) -> None:
    demo = Demo(short)
    demo.until_line(at)
    demo.until(lambda: len(demo.station()) >= 2, "the station starts")
    demo.process.send_signal(number)
    _, errors = demo.process.communicate(timeout=40)
    assert errors == ""
    if number is signal.SIGKILL:
        assert demo.process.returncode == -number
        demo.until(lambda: not demo.station(), "the station ends by itself")
    else:
        assert demo.process.returncode == 128 + number
        assert not demo.station() and not list(short.iterdir())


def test_a_demo_that_nobody_reads_any_more_ends_quietly_with_1(short: Path) -> None:
    demo = Demo(short, "--once", env={"PYTHONIOENCODING": "latin-1"})
    demo.until_line("[1/")
    assert demo.process.stdout is not None and demo.process.stderr is not None
    demo.process.stdout.close()
    assert (demo.process.wait(40), demo.process.stderr.read()) == (1, "")
    assert not demo.station() and not list(short.iterdir())


def test_a_demo_whose_summary_cannot_be_written_says_so_in_one_line(short: Path) -> None:
    with Path("/dev/full").open("w") as full:
        demo = Demo(short, "--once", stdout=full)
    assert demo.process.stderr is not None
    assert demo.process.wait(40) == 1
    assert demo.process.stderr.read() == "pilotline: standard output: no space left on device\n"
    assert not demo.station() and not list(short.iterdir())
