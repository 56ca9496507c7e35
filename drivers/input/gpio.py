"""A contact or opto-coupler on a GPIO line, such as mains-present or e-stop (family input)."""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import setting
from drivers.bus import PULLS, Buses


class GpioInput:
    """True while the line has the active level.

    Choose level and pull so that a broken wire reads as the safe condition: mains absent (active high, pull down), e-stop
    pressed (a loop that opens when pressed: active high, pull up).
    """

    @dataclass(frozen=True)
    class Settings:
        pin: int = setting("Line of the input.", pin="in")
        active_low: bool = setting("The named condition holds while the line is low.", default=False)
        pull: str = setting("Internal pull of the line.", default="down", choices=PULLS)
        gpio: str = setting("Name of the GPIO bus.", default="gpio")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._line = buses.input(
            settings.gpio, settings.pin, f"{where} pin", active_low=settings.active_low, pull=settings.pull
        )

    def is_active(self) -> bool:
        return self._line.is_active()
