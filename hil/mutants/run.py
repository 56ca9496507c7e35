"""Run the tests against one mutant after the other, each in a forked child that ends at the first failure.

The parent has imported what the tests need from elsewhere, and nothing of ours, so a child begins within milliseconds, imports the
mistake in place of the module, and runs the tests in the order given. A child that takes too long is ended: such a mutant is seen too.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import itertools
import os
import signal
import sys
import time
import types
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hil.mutants.plant import Mutant, planted

ROOT = Path(__file__).parents[2]
LIMIT_S = 120.0
_POLL_S = 0.01
_WHICH = ("not ticked", "ticked")  # what runs pass by pass takes the longest, and seldom sees more
_PRELOADED = ("pytest", "hypothesis", "hypothesis.strategies", "pytest_asyncio", "pytest_timeout", "xdist", "msgspec")
_OURS = ("controller", "drivers", "tests")


class Fate(StrEnum):
    KILLED = "killed"  # a test failed
    TIMED_OUT = "timed out"  # the tests did not end: seen too
    SURVIVED = "survived"  # no test noticed


@dataclass(frozen=True, slots=True)
class Result:
    mutant: Mutant
    fate: Fate
    seconds: float


def path_of(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def preload() -> None:
    """Import what every child would import again. Must not touch what is to be mutated."""
    for name in _PRELOADED:
        importlib.import_module(name)
    imported = [name for name in sys.modules if name.partition(".")[0] in _OURS]
    if imported:
        raise RuntimeError(f"already imported, so a mutant could not take its place: {', '.join(sorted(imported))}")


def judge(mutant: Mutant | None, tests: Sequence[str], limit_s: float = LIMIT_S) -> tuple[Fate, float]:
    """Run the tests with the mutant planted; None: with the code as it is."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _in_child(mutant, tests)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        seconds = time.monotonic() - began
        if done:
            return (Fate.SURVIVED if os.waitstatus_to_exitcode(status) == 0 else Fate.KILLED), seconds
        if seconds > limit_s:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Fate.TIMED_OUT, seconds
        time.sleep(_POLL_S)


def _in_child(mutant: Mutant | None, tests: Sequence[str]) -> None:
    code = 70
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        os.chdir(ROOT)
        os.environ.setdefault("PILOTLINE_TRACES", "6")
        if mutant is not None:
            tree = planted(path_of(mutant.module).read_text(), mutant.index)
            sys.meta_path.insert(0, _Planted(mutant.module, compile(tree, str(path_of(mutant.module)), "exec")))
        code = int(_pytest(tests))
    finally:
        os._exit(code)


def _pytest(tests: Sequence[str]) -> int:
    import hypothesis
    import pytest

    quick = hypothesis.settings(
        database=None, derandomize=True, deadline=None, phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate)
    )
    hypothesis.settings.register_profile("mutants", parent=quick)
    hypothesis.settings.load_profile("mutants")
    options = ["-x", "-q", "--no-header", "--tb=no", "-m", "not wire", "-p", "no:cacheprovider", "-p", "no:xdist"]
    for which, test in itertools.product(_WHICH, tests):  # one file at a time: most mutants never see the second
        code = int(pytest.main([*options, "-k", which, test]))
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return code
    return 0


class _Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the mutated code where its module is imported."""

    def __init__(self, module: str, code: types.CodeType) -> None:
        self._module = module
        self._code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == self._module else None

    def exec_module(self, module: types.ModuleType) -> None:
        exec(self._code, module.__dict__)
