"""The mock bench plays the person of a bring-up: it plugs in, asks for power, holds the card, and gives leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.bringup.finding import Finding
from controller.bringup.person import Deed, Person
from hil.bench.client import Bench, BenchRefused

CARD = "04A2B3C4D5E680"
TEXT = "TEST-CARD"
LOAD_A = 6.0
SIGNATURE = "the mock bench"


class Player:
    """bench: its socket, or what does a verb (raising BenchRefused). shown: who sees the findings."""

    def __init__(self, bench: Path | Callable[..., dict[str, Any]], shown: Person) -> None:
        self._verb = Bench(bench).verb if isinstance(bench, Path) else bench
        self._shown = shown

    def does(self, deed: Deed, **what: object) -> bool:
        match deed:
            case Deed.UNPLUG:
                if self._plugged(what["evse"]):
                    self._verb("unplug", evse=what["evse"])
            case Deed.PLUG_IN:
                self._verb("plug_in", evse=what["evse"])
                self._verb("ev", evse=what["evse"], pilot="B")
            case Deed.ASK:
                self._verb("ev", evse=what["evse"], pilot="C", draw_a=LOAD_A, phases=1)
            case Deed.CARD:
                return self._hold_card(what["number"])
        return True

    def _plugged(self, evse: object) -> bool:
        return self._evse(evse)["ev"] is not None

    def _evse(self, evse: object) -> dict[str, Any]:
        return next(each for each in self._verb("state")["evses"] if each["id"] == evse)

    def _hold_card(self, number: object) -> bool:
        """number: of the reader, in the board's order. One that takes no UID takes text."""
        for token in (CARD, TEXT):
            try:
                self._verb("swipe", token=token, reader=number)
            except BenchRefused:
                continue
            return True
        return False

    def measures(self, evse: int, nominal_v: float) -> float | None:
        """What the bench itself sees on its line."""
        volts: float = self._evse(evse)["pilot_high_v"]
        return volts

    def signs(self) -> str:
        return SIGNATURE

    def sees(self, finding: Finding) -> None:
        self._shown.sees(finding)
