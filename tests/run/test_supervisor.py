"""The supervisor with stand-in children: order of start, readiness, restarts, giving up, orderly stop."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.wire

# argv: run directory, name, ready_fd, parent_fd. What it does is in `{run}/{name}.plan`, read at each start.
CHILD = """
import os, signal, sys, time
from controller.child import stop_with_parent
run, name, ready, parent = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
def note(what):
    with open(f"{run}/journal", "a") as journal:
        journal.write(f"{name} {what}\\n")
def stop(*_):
    note("stopped")
    sys.exit(0)
note("started")
stop_with_parent(parent)
signal.signal(signal.SIGTERM, stop)
plan = open(f"{run}/{name}.plan").read().split()
if plan[0] == "exit":
    sys.exit(int(plan[1]))
if plan[0] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
note("ready")
os.write(ready, b"READY=1\\n")
while True:
    signal.pause()
"""

SUPERVISOR = """
import sys
from pathlib import Path
from controller import run
from controller.notify import Notifier
from controller.diagnostics.logs import set_up_logging
set_up_logging("run", "info")
directory, fd, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
run.STOP_WITHIN_S = 0.5
run.FIRST_RESTART_S = 0.05
command = lambda name, ready, parent: [sys.executable, "-c", CHILD, str(directory), name, str(ready), str(parent)]
sys.exit(run.Supervisor(names, command, directory, Notifier(fd)).run())
"""


class Running:
    """A supervisor process in its own directory."""

    def __init__(self, directory: Path, plans: dict[str, str]) -> None:
        self.directory = directory
        for name, plan in plans.items():
            (directory / f"{name}.plan").write_text(plan)
        self._ready, write = os.pipe()
        code = f"CHILD = {CHILD!r}\n{SUPERVISOR}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(directory), str(write), *plans],
            pass_fds=[write],
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(write)

    def is_ready(self, within_s: float = 10.0) -> bool:
        readable = select.select([self._ready], [], [], within_s)[0]
        return bool(readable) and os.read(self._ready, 64) == b"READY=1\n"

    def journal(self) -> list[str]:
        path = self.directory / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def until(self, line: str, count: int = 1, within_s: float = 10.0) -> None:
        deadline = time.monotonic() + within_s
        while self.journal().count(line) < count:
            assert time.monotonic() < deadline, f"{line!r} x{count} not in {self.journal()}"
            select.select([], [], [], 0.01)

    def pid(self, name: str) -> int:
        return int((self.directory / f"{name}.pid").read_text())

    def end(self, within_s: float = 10.0) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=within_s)
        os.close(self._ready)
        return self.process.returncode, errors


def test_children_start_in_order_each_after_the_one_before_is_ready(tmp_path: Path) -> None:
    running = Running(tmp_path, {"bench": "serve", "safety": "serve", "station": "serve"})
    assert running.is_ready()
    assert running.journal() == [
        f"{name} {what}" for name in ("bench", "safety", "station") for what in ("started", "ready")
    ]
    running.process.terminate()
    assert running.end()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_children_in_reverse_order_and_removes_the_pids(
    tmp_path: Path, number: signal.Signals
) -> None:
    running = Running(tmp_path, {"bench": "serve", "safety": "serve", "station": "serve"})
    assert running.is_ready()
    running.process.send_signal(number)
    assert running.end()[0] == 0
    assert running.journal()[-3:] == ["station stopped", "safety stopped", "bench stopped"]
    assert list(tmp_path.glob("*.pid")) == []


def test_a_closed_terminal_is_nothing_to_a_supervisor_under_nohup(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        running = Running(tmp_path, {"safety": "serve"})
    finally:
        signal.signal(signal.SIGHUP, before)
    assert running.is_ready()
    running.process.send_signal(signal.SIGHUP)
    os.kill(running.pid("safety"), signal.SIGUSR1)  # and this one ends a child: by then the other has been dealt with
    running.until("safety ready", 2)
    running.process.terminate()
    assert running.end()[0] == 0
    assert running.journal()[-1] == "safety stopped"


def test_a_pid_file_that_names_another_process_is_left_alone(tmp_path: Path) -> None:
    running = Running(tmp_path, {"safety": "serve"})
    assert running.is_ready()
    (tmp_path / "safety.pid").write_text("1\n")
    running.process.terminate()
    assert running.end()[0] == 0
    assert (tmp_path / "safety.pid").read_text() == "1\n"


def test_a_killed_child_is_started_again_with_a_new_pid(tmp_path: Path) -> None:
    running = Running(tmp_path, {"safety": "serve", "station": "serve"})
    assert running.is_ready()
    first = running.pid("safety")
    os.kill(first, signal.SIGKILL)
    running.until("safety ready", 2)
    assert running.pid("safety") != first
    running.process.terminate()
    code, errors = running.end()
    assert code == 0
    assert "safety was ended by SIGKILL; it is started again in 0.05 s" in errors


@pytest.mark.parametrize("code", [2, 3, 5, 6])
def test_a_child_that_can_never_start_ends_everything_with_its_code(tmp_path: Path, code: int) -> None:
    running = Running(tmp_path, {"safety": "serve", "station": f"exit {code}"})
    ended, errors = running.end()
    assert ended == code
    assert running.journal()[-1] == "safety stopped"
    assert "station cannot start (see above)" in errors


def test_a_child_that_keeps_crashing_before_it_is_ready_is_given_up(tmp_path: Path) -> None:
    running = Running(tmp_path, {"safety": "exit 1"})
    ended, errors = running.end()
    assert ended == 1
    assert running.journal() == ["safety started"] * 5
    assert "safety ended with exit code 1 5 times and never became ready" in errors


def test_a_child_that_ignores_the_signal_is_killed_in_bounded_time(tmp_path: Path) -> None:
    running = Running(tmp_path, {"safety": "deaf"})
    assert running.is_ready()
    running.process.terminate()
    code, errors = running.end(within_s=5)
    assert code == 0
    assert "safety did not stop within" in errors


def test_children_stop_by_themselves_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    running = Running(tmp_path, {"safety": "serve", "station": "serve"})
    assert running.is_ready()
    running.process.kill()
    running.until("safety stopped")
    running.until("station stopped")
    running.end()
