"""One run of the emulated computer: its command line, its console line by line, its end."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.kernel.wiring import MARK, MEMORY_MB, REGISTERS_BASE, REGISTERS_SIZE

# One instruction takes 2 ns of the guest's time, about what a Pi's core does, whatever the host is busy with; a guest that
# waits gets the next thing it waits for at once. So a loaded host makes the run longer, but no deadline in the guest late.
_ICOUNT = "shift=1,sleep=off"
_TAIL = 12


class MachineError(Exception):
    """The machine did not do what it was started for. One line, then the end of its console."""


@dataclass(frozen=True, slots=True)
class Files:
    """What the machine is started with."""

    kernel: Path
    initramfs: Path
    tables: Path
    sockets: Path  # a directory with a short name, for the serial lines


def command(emulator: str, files: Files) -> list[str]:
    """Return the emulator's command line."""
    appended = (
        f"console=ttyS0 loglevel=4 panic=-1 8250.nr_uarts=8 iomem=relaxed mitigations=off preempt=full "
        f"memmap={REGISTERS_SIZE:#x}${REGISTERS_BASE:#x}"
    )
    return [
        emulator,
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-M", "pc", "-m", f"{MEMORY_MB}M"),
        *("-accel", "tcg", "-cpu", "max", "-smp", "1", "-icount", _ICOUNT),
        *("-kernel", str(files.kernel), "-initrd", str(files.initramfs), "-append", appended),
        *("-acpitable", f"file={files.tables}"),
        *("-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"),
        *("-serial", "stdio", *_pair("meter", files.sockets)),
        *("-serial", "chardev:meter-ours", "-serial", "chardev:meter-theirs"),
        *_pair("reader", files.sockets),
        *("-device", "pci-serial-2x,chardev1=reader-ours,chardev2=reader-theirs"),
    ]


def _pair(name: str, directory: Path) -> tuple[str, ...]:
    path = directory / f"{name}.sock"
    return (
        *("-chardev", f"socket,id={name}-ours,path={path},server=on,wait=off"),
        *("-chardev", f"socket,id={name}-theirs,path={path}"),
    )


def message(line: str) -> Mapping[str, Any] | None:
    """Return what the guest tells in a line of its console, None where it tells nothing.

    The kernel may have written before it in the same line.
    """
    _, mark, text = line.partition(MARK)
    if not mark:
        return None
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


class Machine:
    """A running machine. log: where its whole console goes. Raises MachineError when it cannot be started."""

    def __init__(self, words: Sequence[str], log: Path) -> None:
        self._log = log.open("w", errors="replace")
        self._log_path = log
        self._tail: deque[str] = deque(maxlen=_TAIL)
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        except OSError as error:
            self._log.close()
            raise MachineError(f"{words[0]} cannot be started: {error.strerror}") from error

    def messages(self, limit_s: float, monotonic: Callable[[], float] = time.monotonic) -> Iterator[Mapping[str, Any]]:
        """Yield what the guest tells until the machine ends. Raises MachineError at the time limit."""
        deadline = monotonic() + limit_s
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        os.set_blocking(descriptor, False)
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while True:
                left_s = deadline - monotonic()
                if left_s <= 0:
                    raise MachineError(f"the machine did not finish within {limit_s:g} s; {self._ending()}")
                if not selector.select(left_s):
                    continue
                data = os.read(descriptor, 65536)
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    told = message(self._noted(line))
                    if told is not None:
                        yield told

    def failure(self, problem: str) -> MachineError:
        """Return an error that tells the problem and how the console ends."""
        return MachineError(f"{problem}; {self._ending()}")

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def _noted(self, line: bytes) -> str:
        text = line.decode(errors="replace").rstrip("\r")
        self._log.write(text + "\n")
        self._log.flush()
        if text.strip():
            self._tail.append(text)
        return text

    def _ending(self) -> str:
        if not self._tail:
            return f"its console stayed empty ({self._log_path})"
        return f"its console ({self._log_path}) ends with:\n" + "\n".join(f"    {line}" for line in self._tail)
