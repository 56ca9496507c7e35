"""What this machine does without us: the yardsticks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def seconds_of(command: Sequence[str], times: int = 5) -> float:
    """Return the median wall time of a command."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    return sorted(taken)[times // 2]


def bare_python_s() -> float:
    return seconds_of([sys.executable, "-c", "pass"])


def rss_mib(pid: int) -> float:
    """Return a process' resident memory. Not its share of it (PSS): that depends on what else runs."""
    return status_of(pid)["VmRSS"] / 1024


def status_of(pid: int) -> dict[str, int]:
    """Return the numbers of /proc/PID/status by name; memory is in KiB."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdecimal():
            found[name] = int(words[0])
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process with one thread has used.

    Of the scheduler's books: /proc/PID/stat counts ticks, and what sleeps in step with the ticks is hardly ever met by one.
    """
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def machine() -> str:
    """Return what the figures were taken on: processor, number of cores, kernel, Python."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith(("model name", "Model"))
    ]
    processor = names[-1] if names else os.uname().machine
    cores = f"{os.cpu_count()} cores"
    return f"{processor}, {cores}, Linux {os.uname().release}, Python {sys.version.split()[0]}"


def bare_python_mib() -> float:
    code = "import sys; print(flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        return rss_mib(process.pid)
    finally:
        process.communicate()
