"""The firmware's pins in the test's hands: time passes when it is told to, inputs are what they are put to."""

from __future__ import annotations

import json
from typing import Any

from hil.plant.wiring import CABLE_OHM
from hil.rig.firmware.rig import INPUTS, OUTPUTS, Rig
from hil.rig.firmware.verbs import PP_OHM

PERIOD_NS = 1_000_000


class HandPins:
    """The station's side: output is `E`, `F`, `X1` or a duty in percent. driven: what the firmware drives."""

    boot_id = 7

    def __init__(self) -> None:
        self.us = 0
        self.output: str | float = "E"
        self.driven = dict.fromkeys(OUTPUTS, False)
        self.levels = dict.fromkeys(INPUTS, False)
        self._edges: list[tuple[int, str, bool]] = []

    def now_us(self) -> int:
        return self.us

    def set(self, name: str, level: bool) -> None:
        self.driven[name] = level

    def get(self, name: str) -> bool:
        return self.levels[name]

    def edges(self) -> list[tuple[int, str, bool]]:
        found, self._edges = self._edges, []
        return found

    def pulse(self) -> tuple[int, int, int] | None:
        if isinstance(self.output, str):
            return None
        return (self.us, round(self.output * PERIOD_NS / 100), PERIOD_NS)

    def samples_mv(self) -> list[int]:
        volts = {"E": [0], "F": [-12_000], "X1": [12_000]}
        return volts[self.output] if isinstance(self.output, str) else [12_000, -12_000]

    def drive(self, name: str, level: bool) -> None:
        """The station changes a line."""
        self.levels[name] = level
        self._edges.append((self.us, name, level))

    def on(self) -> set[str]:
        return {name for name, level in self.driven.items() if level}


class HandRig:
    """A rig on hand pins, whose host asks often enough."""

    def __init__(self) -> None:
        self.pins = HandPins()
        self.firmware = Rig(self.pins)

    def say(self, verb: str, /, **args: Any) -> dict[str, Any]:
        (line,) = self.firmware.receive(json.dumps({"verb": verb, **args}).encode() + b"\n").splitlines()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def do(self, verb: str, /, **args: Any) -> dict[str, Any]:
        answer = self.say(verb, **args)
        assert answer["ok"], answer
        return answer

    def refused(self, verb: str, /, **args: Any) -> str:
        answer = self.say(verb, **args)
        assert not answer["ok"], answer
        return str(answer["error"])

    def pass_s(self, seconds: float, *, alone: bool = False, step_us: int = 5_000) -> None:
        """Let time pass. alone: the host says nothing."""
        end = self.pins.us + round(seconds * 1e6)
        while self.pins.us < end:
            self.pins.us = min(end, self.pins.us + step_us)
            self.firmware.step()
            if not alone and self.pins.us % 1_000_000 < step_us:
                self.say("state")

    def edges(self, *what: str) -> list[tuple[float, str, Any]]:
        found, after = [], 0
        while edges := self.do("state", after=after)["edges"]:
            after = edges[-1][0]
            found += [(at / 1e6, name, value) for _, at, name, value in edges if name in what]
        return found


ALL_CABLES = {amps: round(ohm) for amps, ohm in CABLE_OHM.items()}
assert set(ALL_CABLES.values()) <= set(PP_OHM)
