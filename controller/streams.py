"""Standard input, output and error as a command can rely on them, whatever it was started with.

What the terminal cannot show is replaced. Standard output that takes nothing more raises OutputFailed, which nobody who
handles an OSError of something else mistakes for that; what standard error does not take is lost.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from controller.exits import OutputFailed

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def prepare_streams() -> None:
    """Put streams of ours in place of Python's: once, before anything is printed or opened."""
    # A closed descriptor would be given to the next file or socket that is opened, and then be printed into.
    _fill(0, os.O_RDONLY)
    _fill(1, os.O_RDONLY)  # not for writing: only a command that prints shall notice
    _fill(2, os.O_WRONLY)
    sys.stdout = _text(_Output(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_Errors(2, "w", closefd=False), sys.stderr)


def silence_output() -> None:
    """Let what is still to be flushed go nowhere, after an OutputFailed: Python would complain of it when it exits."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class _Output(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OutputFailed(error) from error


class _Errors(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _fill(fd: int, flags: int) -> None:
    try:
        os.fstat(fd)
    except OSError:
        opened = os.open(os.devnull, flags)
        os.dup2(opened, fd)
        if opened == fd:
            os.set_inheritable(fd, True)
        else:
            os.close(opened)


def _text(raw: io.FileIO, pythons: TextIO | None) -> TextIO:
    """Return a text stream with the encoding and the buffering that Python chose; it chose none for what was closed."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=pythons.encoding if pythons is not None else "utf-8",
        errors="replace",
        line_buffering=raw.fileno() == 2 or raw.isatty(),
    )
