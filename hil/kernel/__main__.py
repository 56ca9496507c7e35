"""`python -m hil.kernel`: run the drivers of one charging session on a real kernel's devices, in an emulated computer.

Needs QEMU and a Debian with apt; no root. Kernel and busybox are fetched once into build/kernel. Exit code 0 only if
every step was seen; 1 when one was not; 2 when something is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hil.kernel import acpi, image, machine, packages, wiring
from hil.kernel.modules import MissingModule

ROOT = Path(__file__).parents[2]
LIMIT_S = 300.0

Say = Callable[[str], None]


@dataclass(slots=True)
class Verdict:
    """What the guest told."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    is_ended: bool = False

    def take(self, told: Mapping[str, Any]) -> str | None:
        """Take one message; return the line that a person reads of it."""
        if "step" in told:
            self.steps.append(dict(told))
            return line_of(told)
        if "figure" in told:
            self.figures[str(told["figure"])] = told["value"]
        if "done" in told:
            self.is_ended = True
        return told.get("say")

    @property
    def ok(self) -> bool:
        return self.is_ended and bool(self.steps) and all(each["ok"] for each in self.steps)


def line_of(step: Mapping[str, Any]) -> str:
    shown = "; ".join(part for part in (step["seen"], step["problem"]) if part)
    return f"{'ok  ' if step['ok'] else 'NOT '} {step['step']}" + (f"  [{shown}]" if shown else "")


def main(words: Sequence[str] | None = None, say: Say = lambda line: print(line, flush=True)) -> int:
    args = _parser().parse_args(words)
    began = time.monotonic()

    def timed(line: str) -> None:
        say(f"{time.monotonic() - began:5.0f} s  {line}")

    try:
        release, verdict = run(args.directory.absolute(), args.kernel, timed)
    except (packages.Unusable, MissingModule) as error:
        print(f"kernel-test: {error}", file=sys.stderr)
        return 2
    except machine.MachineError as error:
        print(f"kernel-test: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    took_s = round(time.monotonic() - began, 1)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {"ok": verdict.ok, "kernel": release, "took_s": took_s, "figures": verdict.figures}
    args.json.write_text(json.dumps(figures | {"steps": verdict.steps}, indent=1) + "\n")
    good = sum(each["ok"] for each in verdict.steps)
    timed(f"{good} of {len(verdict.steps)} steps seen on kernel {release}; {args.json}")
    return 0 if verdict.ok else 1


def run(directory: Path, given: Path | None, say: Say) -> tuple[str, Verdict]:
    """Boot, and take what the guest tells. Raises Unusable, MissingModule, MachineError."""
    emulator = packages.need_programs()
    kernel = packages.kernel(directory, given, say)
    busybox = packages.busybox(directory, say)
    order = kernel.modules.load_order((*wiring.ROOT_MODULES, *wiring.DEVICE_MODULES))
    script = image.init_script(order, wiring.PARAMETERS, guest_command())
    modules = {name: kernel.modules.content(name) for name in order}
    initramfs, tables = directory / "initramfs", directory / "chips.aml"
    initramfs.write_bytes(image.initramfs(busybox, modules, script))
    tables.write_bytes(acpi.table((wiring.GPIO_CHIP, wiring.PWM_CHIP)))
    say(f"booting kernel {kernel.version}")
    with tempfile.TemporaryDirectory(prefix="kernel-test-") as sockets:
        files = machine.Files(kernel.image, initramfs, tables, Path(sockets))
        return kernel.version, _watch(machine.command(emulator, files), directory / "console.log", say)


def _watch(command: Sequence[str], log: Path, say: Say) -> Verdict:
    running = machine.Machine(command, log)
    verdict = Verdict()
    try:
        for told in running.messages(LIMIT_S):
            line = verdict.take(told)
            if line is not None:
                say(line)
        if not verdict.is_ended:
            raise running.failure("the session did not come to its end")
    finally:
        running.close()
    return verdict


def guest_command() -> list[str]:
    """Return what runs in the guest: this very Python, in this very checkout."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": "/run",
    }
    settings = [f"{key}={value}" for key, value in environment.items()]
    return ["/usr/bin/env", "-i", *settings, sys.executable, "-P", "-m", "hil.kernel.guest"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hil.kernel", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kernel", type=Path, metavar="DEB", help="a Debian kernel's package (default: the newest here)"
    )
    parser.add_argument("--directory", type=Path, default=Path("build/kernel"), help="where all that is fetched goes")
    parser.add_argument("--json", type=Path, default=Path("build/kernel-test.json"), help="where the verdict goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
