"""What the test needs of Debian: QEMU, a kernel, busybox. Only QEMU must be installed; the rest is fetched aside."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.kernel.modules import Modules

EMULATOR = "qemu-system-x86_64"
META_PACKAGE = "linux-image-amd64"
BUSYBOX = "busybox-static"

_HINT = "run `sudo apt update`, or put the package's .deb into build/kernel"

Which = Callable[[str], str | None]


class Unusable(Exception):
    """Something that the test needs is not there. One line that names it and what to install."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel. version: as `uname -r` would say."""

    version: str
    image: Path
    modules: Modules


def need_programs(which: Which = shutil.which) -> str:
    """Return the emulator's path. Raises Unusable naming every package that is missing."""
    needed = {EMULATOR: "qemu-system-x86", "apt-get": "apt", "dpkg-deb": "dpkg"}
    missing = {program: package for program, package in needed.items() if which(program) is None}
    if missing:
        packages = " ".join(missing.values())
        raise Unusable(f"{', '.join(missing)} not found; install it and try again: sudo apt install {packages}")
    return which(EMULATOR) or EMULATOR


def kernel(directory: Path, given: Path | None, say: Callable[[str], None]) -> Kernel:
    """Return a kernel: from the given package, from one kept in `directory`, or newly fetched. Raises Unusable."""
    package = given or _kept(directory, "linux-image-*") or _fetched(directory, _newest_kernel(), say)
    unpacked = _unpacked(directory, package, say)
    images = sorted(unpacked.glob("boot/vmlinuz-*"))
    if not images:
        raise Unusable(f"{package} has no boot/vmlinuz-*; name a kernel's package: KERNEL=linux-image-….deb")
    version = images[0].name.removeprefix("vmlinuz-")
    roots = [each for each in (unpacked / "lib/modules", unpacked / "usr/lib/modules") if (each / version).is_dir()]
    if not roots:
        raise Unusable(f"{package} has no modules of {version}; name another kernel's package: KERNEL=FILE.deb")
    return Kernel(version, images[0], Modules(roots[0] / version))


def busybox(directory: Path, say: Callable[[str], None]) -> bytes:
    """Return the program that is all of the first root file system's programs. Raises Unusable."""
    package = _kept(directory, f"{BUSYBOX}_*") or _fetched(directory, BUSYBOX, say)
    unpacked = _unpacked(directory, package, say)
    for path in (unpacked / "bin/busybox", unpacked / "usr/bin/busybox"):
        if path.exists():
            return path.read_bytes()
    raise Unusable(f"{package} has no busybox")


def _kept(directory: Path, pattern: str) -> Path | None:
    return max(directory.glob(f"{pattern}.deb"), default=None)


def _newest_kernel() -> str:
    """Return the package that Debian's meta package stands for now."""
    told = _run(["apt-cache", "depends", META_PACKAGE], f"apt knows no package {META_PACKAGE}; {_HINT}")
    names = kernel_names(told)
    if not names:
        raise Unusable(f"apt knows no kernel behind {META_PACKAGE}; {_HINT}")
    return names[0]


def _fetched(directory: Path, name: str, say: Callable[[str], None]) -> Path:
    """Fetch a package into `directory`; needs no root."""
    say(f"fetching {name} (once)")
    directory.mkdir(parents=True, exist_ok=True)
    _run(["apt-get", "-q", "download", name], f"{name} cannot be fetched; {_HINT}", cwd=directory)
    found = _kept(directory, f"{name}_*")
    if found is None:
        raise Unusable(f"{name} was not fetched; {_HINT}")
    return found


def _unpacked(directory: Path, package: Path, say: Callable[[str], None]) -> Path:
    unpacked = directory / package.name.removesuffix(".deb")
    if not unpacked.is_dir():
        say(f"unpacking {package.name} (once)")
        aside = directory / f"{package.name}.part"
        shutil.rmtree(aside, ignore_errors=True)
        _run(["dpkg-deb", "-x", str(package), str(aside)], f"{package} cannot be unpacked")
        aside.rename(unpacked)
    return unpacked


def kernel_names(told: str) -> list[str]:
    """Return the kernel packages that `apt-cache depends` lists for the meta package."""
    words = (line.partition("Depends:")[2].strip() for line in told.splitlines())
    return [word for word in words if word.startswith("linux-image-")]


def _run(command: Sequence[str], problem: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Unusable(f"{problem} ({error})") from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Unusable(f"{problem}" + (f" ({last[0]})" if last else ""))
    return done.stdout
