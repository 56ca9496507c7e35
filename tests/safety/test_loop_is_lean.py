"""What runs in every pass loads nothing, logs nothing, and leaves the collector nothing to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.import_rules import imports_of, is_within, sources

ROOT = Path(__file__).parents[2]
# `drivers.bus` opens lines and chips, at start only; it is not called from a pass.
IN_A_PASS = (
    "controller.safety.loop",
    "controller.safety.supervisor",
    "controller.safety.channel",
    "controller.safety.server",
    "controller.ipc",
    "controller.notify",
    "controller.logic",
    "controller.hal",
    "drivers.bus.lines",
    "drivers.bus.ads1115",
    "drivers.contactor",
    "drivers.input",
    "drivers.lock",
    "drivers.pilot",
    "drivers.residual",
    "drivers.watchdog",
)


@pytest.mark.parametrize("layer", IN_A_PASS)
def test_nothing_is_imported_after_the_start(layer: str) -> None:
    modules = sources(ROOT)
    names = [name for name in modules if is_within(name, {layer})]
    assert names
    late = [(name, each.target) for name in names for each in imports_of(name, modules[name], modules) if each.lazy]
    assert late == []


@pytest.mark.parametrize("name", [*IN_A_PASS[:3], "controller.logic", "controller.hal", "drivers"])
def test_a_pass_logs_nothing(name: str) -> None:
    """The server alone does: once for each coming and going of a station."""
    modules = sources(ROOT)
    for each in [module for module in modules if is_within(module, {name})]:
        if each.startswith("drivers") and not is_within(each, IN_A_PASS):
            continue
        assert "logging" not in [found.target for found in imports_of(each, modules[each], modules)], each


def test_the_collector_is_off_and_what_lives_is_frozen() -> None:
    code = "import gc; from controller.safety.realtime import enter_real_time; enter_real_time(); print(gc.isenabled(), gc.get_freeze_count() > 1000)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"
