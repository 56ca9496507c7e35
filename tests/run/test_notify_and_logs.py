"""Telling the service manager, and the log: neither ever holds up who tells."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path

import pytest

from controller.diagnostics.logs import LineHandler
from controller.notify import Notifier, watchdog_period_s


@pytest.mark.parametrize("abstract", [False, True])
def test_states_reach_the_service_manager(tmp_path: Path, abstract: bool) -> None:
    name = f"@pilotline-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(5)
        notifier = Notifier(address=name)
        notifier.ready()
        notifier.alive()
        notifier.status("charging")
        notifier.stopping()
        got = [manager.recv(100) for _ in range(4)]
    assert got == [b"READY=1", b"WATCHDOG=1", b"STATUS=charging", b"STOPPING=1"]


def test_ready_is_written_once_to_the_inherited_fd_which_is_closed_then() -> None:
    read, write = os.pipe()
    notifier = Notifier(write)
    notifier.ready()
    notifier.ready()
    assert os.read(read, 100) == b"READY=1\n"
    assert os.read(read, 100) == b""
    os.close(read)


def test_a_service_manager_that_is_gone_disturbs_nobody(tmp_path: Path) -> None:
    Notifier(address=str(tmp_path / "nobody")).ready()
    read, write = os.pipe()
    os.close(read)
    Notifier(write).ready()


@pytest.mark.parametrize(
    ("usec", "pid", "period"),
    [("2000000", "", 1.0), ("2000000", "self", 1.0), ("2000000", "1", None), ("", "", None), ("soon", "", None)],
)
def test_the_watchdog_is_fed_at_half_its_time_by_the_process_it_watches(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str, period: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "self" else pid)
    assert watchdog_period_s() == period


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("controller.x", level, "x.py", 1, text, (), None)


def test_a_log_line_is_one_line_with_time_and_process() -> None:
    read, write = os.pipe()
    LineHandler(write, "safety", journal=False).emit(record("one\ntwo", logging.WARNING))
    line = os.read(read, 1000).decode()
    assert line.endswith(" safety  WARNING one | two\n") and line.count("\n") == 1
    os.close(read)
    os.close(write)


def test_the_journal_gets_the_severity_as_a_prefix() -> None:
    read, write = os.pipe()
    handler = LineHandler(write, "safety", journal=True)
    handler.emit(record("a", logging.ERROR))
    handler.emit(record("b"))
    assert os.read(read, 1000) == b"<3>a\n<6>b\n"
    os.close(read)
    os.close(write)


def test_a_reader_that_stalls_loses_lines_and_is_told_how_many() -> None:
    read, write = os.pipe()
    handler = LineHandler(write, "safety", journal=True)
    for _ in range(100):
        handler.emit(record("x" * 4000))  # far more than a pipe holds: returns all the same
    held = 0
    while held < 60 * 1024:
        held += len(os.read(read, 1 << 16))
    handler.emit(record("after"))
    line = os.read(read, 1000).decode()
    assert line.startswith("<6>after (") and line.endswith("lines before this one were lost)\n")
    os.close(read)
    os.close(write)


def test_a_reader_that_left_disturbs_nobody() -> None:
    read, write = os.pipe()
    os.close(read)
    LineHandler(write, "safety", journal=True).emit(record("x"))
    os.close(write)
