"""Logging set-up: one line an event on standard error, for people or for the journal. Never blocks."""

from __future__ import annotations

import logging
import os
import select
import time

_SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_LONGEST_LINE = 4096  # PIPE_BUF: a pipe that polls writable takes this much without blocking (pipe(7))
LEVELS = ("debug", "info", "warning", "error")


class LineHandler(logging.Handler):
    """Writes whole lines to a file descriptor. A reader that stalls loses lines, it does not stop us.

    journal: prefix `<N>` instead of the time (sd-daemon(3)), because the journal has its own.
    """

    def __init__(self, fd: int, process: str, *, journal: bool) -> None:
        super().__init__()
        self._fd = fd
        self._process = process
        self._journal = journal
        self._lost = 0
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def format(self, record: logging.LogRecord) -> str:
        message = " | ".join(super().format(record).splitlines())
        if self._journal:
            return f"<{_SYSLOG.get(record.levelno, 6)}>{message}"
        clock = time.strftime("%H:%M:%S", time.localtime(record.created)) + f".{int(record.msecs):03d}"
        level = "" if record.levelno == logging.INFO else f"{record.levelname} "
        return f"{clock} {self._process:<7} {level}{message}"

    def emit(self, record: logging.LogRecord) -> None:
        if not self._poll.poll(0):
            self._lost += 1
            return
        text = self.format(record)
        if self._lost:
            text = f"{text} ({self._lost} lines before this one were lost)"
            self._lost = 0
        line = text.encode("utf-8", "replace")[: _LONGEST_LINE - 1] + b"\n"
        try:
            os.write(self._fd, line)
        except OSError:
            self._lost += 1


def set_up_logging(process: str, level: str | None = None) -> None:
    """Send this process' log to standard error. level: one of LEVELS; None takes $PILOTLINE_LOG, else `info`."""
    chosen = (level or os.environ.get("PILOTLINE_LOG") or "info").lower()
    handler = LineHandler(2, process, journal="JOURNAL_STREAM" in os.environ)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(chosen.upper() if chosen in LEVELS else "INFO")
    for chatty in ("websockets", "pymodbus", "asyncio"):
        logging.getLogger(chatty).setLevel(max(root.level, logging.WARNING))
