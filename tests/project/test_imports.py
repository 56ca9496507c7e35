"""The layers hold: the shipped code breaks no import rule, and a breach of each rule would be seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.import_rules import SAFETY_MAY_NOT, breaches, sources

ROOT = Path(__file__).parents[2]


def test_the_code_keeps_to_its_layers() -> None:
    assert breaches(sources(ROOT)) == []


@pytest.mark.parametrize(
    ("module", "source", "says"),
    [
        ("controller.logic.x", "import asyncio", "logic is pure"),
        ("controller.logic.x", "def f():\n    import time", "logic is pure"),
        ("controller.logic.x", "import msgspec", "logic is standard library only"),
        ("controller.logic.x", "from controller.hal import ports", "controller.logic may import only itself"),
        ("controller.hal.x", "import controller.store", "controller.hal may import only controller.logic"),
        ("controller.store.x", "from controller.ocpp import rpc", "controller.store may import only"),
        ("controller.ocpp.x", "from controller.station import app", "controller.ocpp may import only"),
        ("controller.ocpp.client", "from websockets.asyncio.client import connect", "only controller.ocpp.link"),
        ("controller.station.x", "from controller.safety import loop", "controller.station may import only"),
        ("controller.station.x", "import drivers.meter.modbus", "controller.station may import only"),
        ("controller.station.x", "import hil.plant", "controller.station may import only"),
        ("controller.config.x", "import msgspec", "standard library only"),
        ("controller.new_thing", "import json\nimport controller.clock", "this module has no rule"),
        ("drivers.meter.x", "import drivers.rfid.pn532", "a driver imports its own family"),
        ("drivers.meter.x", "from controller.station import app", "a driver imports its own family"),
        ("controller.cli.x", "import hil.demo", "controller.cli may import only"),
    ],
)
def test_a_breach_is_seen_and_named(module: str, source: str, says: str) -> None:
    [line] = [line for line in breaches({module: source, "controller": ""}) if "imports controller.clock" not in line][
        :1
    ]
    assert line.startswith(f"{module}:") and says in line


def test_what_the_safety_process_reaches_through_others_is_seen() -> None:
    modules = {
        "controller": "",
        "controller.safety": "",
        "controller.safety.main": "from controller.config import station",
        "controller.config": "",
        "controller.config.station": "def f():\n    import asyncio",
    }
    [line] = breaches(modules)
    assert line == (
        "controller.config.station:2 imports asyncio: the safety process reaches it "
        "(controller.safety.main > controller.config.station)"
    )


@pytest.mark.parametrize(
    "source",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from hil.plant import Plant\n",
        "from drivers.bus import lines\nfrom controller.hal import setting\n",
    ],
)
def test_what_the_rules_allow_passes(source: str) -> None:
    assert breaches({"drivers.mock.x": source, "drivers.bus": "", "drivers.bus.lines": ""}) == []


def test_the_safety_process_loads_nothing_it_must_not() -> None:
    code = """
import sys
from pathlib import Path
import controller.cli.main, controller.child, controller.safety.main
from controller.config import load_board
for board in ("mock", "reference"):
    load_board(board, Path("/run"), without=controller.child.STATION_DEVICES)
print("\\n".join(sys.modules))
"""
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert SAFETY_MAY_NOT.intersection(loaded.stdout.split()) - {"controller.cli"} == set()
