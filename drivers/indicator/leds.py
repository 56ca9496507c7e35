"""One to three LEDs on GPIO lines (family indicator)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.hal import setting
from controller.logic.indication import Shown, most_urgent
from drivers.bus import Buses
from drivers.indicator.looks import LOOKS

if TYPE_CHECKING:
    from drivers.bus.lines import OutputLine

_COLOURS = ("red", "green", "blue")


class Leds:
    """Mixes colours from what there is. What a board lacks every colour of is shown by all its LEDs: the pattern still tells."""

    @dataclass(frozen=True)
    class Settings:
        red_pin: int | None = setting("Line of the red LED, high = lit.", default=None, pin="out")
        green_pin: int | None = setting("Line of the green LED, high = lit.", default=None, pin="out")
        blue_pin: int | None = setting("Line of the blue LED, high = lit.", default=None, pin="out")
        gpio: str = setting("Name of the GPIO bus.", default="gpio")

        def __post_init__(self) -> None:
            if self.red_pin is None and self.green_pin is None and self.blue_pin is None:
                raise ValueError("needs at least one of 'red_pin', 'green_pin', 'blue_pin'")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._settings = settings
        self._buses = buses
        self._where = where
        self._lines: dict[int, OutputLine] = {}  # by place of the colour

    async def show(self, shown: Sequence[Shown], now: float) -> float | None:
        self._open()
        look = LOOKS[most_urgent(shown)]
        wanted = {place for place in self._lines if look.colour[place] > 127} or set(self._lines)
        is_on = look.is_on(now)
        for place, line in self._lines.items():
            line.set(is_on and place in wanted)
        return look.next_edge(now)

    def _open(self) -> None:
        for place, colour in enumerate(_COLOURS):
            pin = getattr(self._settings, f"{colour}_pin")
            if pin is not None and place not in self._lines:
                self._lines[place] = self._buses.output(self._settings.gpio, pin, f"{self._where} {colour}_pin")

    async def close(self) -> None:
        for line in self._lines.values():
            line.set(False)
