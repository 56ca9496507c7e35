"""The rig's pages say what its firmware does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from hil.rig import link
from hil.rig.firmware import rig, verbs
from hil.rig.firmware.ev import KEYS
from hil.rig.twin import Twin

RIG = Path(link.__file__).parent
README = (RIG / "README.md").read_text()
PROTOCOL = (RIG / "PROTOCOL.md").read_text()


def _pins(name: str) -> dict[str, int]:
    """A table of pico.py, which CPython cannot import."""
    tree = ast.parse((RIG / "firmware" / "pico.py").read_text())
    found = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
    )
    table: dict[str, int] = ast.literal_eval(found)
    return table


def test_every_pin_is_wired_once_and_stands_in_the_table() -> None:
    outputs, inputs = _pins("OUTPUT_PINS"), _pins("INPUT_PINS")
    assert tuple(outputs) == rig.OUTPUTS and tuple(inputs) == rig.INPUTS
    pins = {**outputs, **inputs}
    assert len({*pins.values(), 25, 26, 28}) == len(pins) + 3
    told = {name: int(pin) for pin, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", README, re.M)}
    assert told == pins


def test_the_protocol_page_has_every_verb_argument_and_fault() -> None:
    for name, (_, required, optional) in verbs.VERBS.items():
        assert f"`{name}`" in PROTOCOL, name
        for key in required + optional:
            assert f"`{key}`" in PROTOCOL, (name, key)
    for word in (*verbs.OF_EVSE, *verbs.OF_STATION, *KEYS, verbs.RIG):
        assert f"`{word}`" in PROTOCOL, word
    assert f"`protocol`: {verbs.PROTOCOL}" in PROTOCOL and verbs.PROTOCOL == link.PROTOCOL and verbs.RIG == link.RIG


def test_the_twin_wires_every_output_of_the_firmware() -> None:
    source = (RIG / "twin.py").read_text()
    assert Twin.__doc__
    for name in rig.OUTPUTS:
        assert f'"{name}"' in source or name.startswith("pp_"), name
