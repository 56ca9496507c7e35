"""The modules of a kernel package: found by name, unpacked, and put in the order in which they can be loaded."""

from __future__ import annotations

import lzma
import re
from collections.abc import Callable, Iterable
from pathlib import Path


class MissingModule(Exception):
    """The kernel has no such module. One line that names it."""


class Modules:
    """Those of one kernel. directory: lib/modules/VERSION of the unpacked package."""

    def __init__(self, directory: Path) -> None:
        self._version = directory.name
        self._paths = {plain_name(path): path for path in directory.rglob("*.ko*")}
        listed = directory / "modules.builtin"
        built_in = listed.read_text().split() if listed.exists() else ()
        self._built_in = {plain_name(Path(name)) for name in built_in}

    def content(self, name: str) -> bytes:
        """Return the module as the kernel takes it. Raises MissingModule."""
        path = self._paths.get(name)
        if path is None:
            raise MissingModule(f"kernel {self._version} has no module {name}; try another kernel package")
        data = path.read_bytes()
        return lzma.decompress(data) if path.suffix == ".xz" else data

    def load_order(self, wanted: Iterable[str]) -> list[str]:
        """Return the wanted modules and all that they need, each after what it needs. Raises MissingModule."""
        return load_order(wanted, lambda name: needs_of(self.content(name)), self._built_in)


def plain_name(path: Path) -> str:
    """Return a module's name as the kernel spells it: `i2c-dev.ko.xz` is i2c_dev."""
    return path.name.partition(".")[0].replace("-", "_")


def needs_of(content: bytes) -> tuple[str, ...]:
    """Return the modules that a module says it depends on."""
    found = re.search(rb"(?:^|\0)depends=([^\0]*)\0", content)
    names = found[1].decode().split(",") if found else []
    return tuple(name.replace("-", "_") for name in names if name)


def load_order(wanted: Iterable[str], needs: Callable[[str], Iterable[str]], built_in: Iterable[str] = ()) -> list[str]:
    """Return wanted modules and their needs in an order to load them in, without those that the kernel has built in."""
    order: list[str] = []
    done = set(built_in)

    def visit(name: str) -> None:
        if name in done:
            return
        done.add(name)
        for need in needs(name):
            visit(need)
        order.append(name)

    for name in wanted:
        visit(name)
    return order
