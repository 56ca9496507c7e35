"""How late this machine wakes a periodic thread at best, measured beside our loop: the yardstick of its lateness."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from controller.safety.realtime import PRIORITY
from hil.measure.percentiles import Distribution

SOURCE = Path(__file__).with_name("floor.c")
PERIOD_US = 10_000
_APART_US = 37  # the threads' periods differ by this, so that none keeps the same distance to a loop of ours for ever
MISSING = (
    "loop lateness has no floor to be set against: no C compiler (cc, gcc or clang) and no cyclictest is installed; "
    "apt install gcc libc6-dev, or rt-tests"
)


class Floor:
    """Periodic threads in C, as many as loops of ours, at the same priority. Use as a context manager, then read `late_us`.

    late_us: None when nothing here can measure it.
    """

    def __init__(self, directory: Path, threads: int) -> None:
        self._directory = directory
        self._threads = threads
        self._process: subprocess.Popen[str] | None = None
        self._is_ours = True
        self.late_us: Distribution | None = None

    def __enter__(self) -> Floor:
        command = self._command()
        if command is not None:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if not self._is_ours:
            process.terminate()
        said, _err = process.communicate()
        counted = histogram(said.splitlines())
        self.late_us = counted if len(counted) else None

    def _command(self) -> list[str] | None:
        compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
        if compiler is not None:
            program = self._directory / "floor"
            built = subprocess.run(
                [compiler, "-O2", "-pthread", "-o", str(program), str(SOURCE)], capture_output=True, check=False
            )
            if built.returncode == 0:
                periods = [str(PERIOD_US - _APART_US * each) for each in range(1, self._threads + 1)]
                return [str(program), str(PRIORITY), *periods]
        self._is_ours = False
        found = shutil.which("cyclictest")
        if found is None:
            return None
        each = ["-t", str(self._threads), "-i", str(PERIOD_US), "-d", str(_APART_US)]
        return [found, "-q", "-m", "-p", str(PRIORITY), "-h", "100000", *each]


def histogram(lines: Iterable[str]) -> Distribution:
    """Read what `floor` prints, or cyclictest's -h: a lateness in microseconds, then how often it occurred, for each thread."""
    counted = []
    for line in lines:
        words = line.split()
        if len(words) >= 2 and all(word.isdecimal() for word in words):
            counted.append((int(words[0]), sum(map(int, words[1:]))))
    return Distribution(counted)
