"""How the `pilotline` command ends: exit codes that scripts may rely on, and the error that carries one."""

from __future__ import annotations

import errno
from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1  # it was tried and did not succeed
    USAGE = 2  # the command line is wrong
    CONFIG = 3  # a configuration or board file is missing or wrong
    NOT_RUNNING = 4  # there is no station (or bench) to talk to
    DEVICE = 5  # a device, directory or socket cannot be used
    BUSY = 6  # another process has it: already running, address in use
    INTERRUPTED = 130  # by Ctrl-C, as shells tell it; 128 + the number for the other signals
    RESTART = 75  # of the station process alone: a CSMS asked for a reset, start me again (EX_TEMPFAIL of sysexits.h)


class CommandFailed(Exception):
    """A command cannot go on. The message is for a person: one line, names the thing and what to do."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        self.code = code
        super().__init__(message)


class OutputFailed(Exception):
    """Standard output takes nothing more. is_closed: nobody reads it any more, so nobody misses anything either."""

    def __init__(self, error: OSError) -> None:
        self.is_closed = error.errno in (errno.EPIPE, errno.EBADF)
        super().__init__(f"standard output: {(error.strerror or str(error)).lower()}")
