"""The hardware one-shot that holds relay supply and CP_EN while it is kicked (family watchdog)."""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import setting
from drivers.bus import Buses, CloseStage


class OneShot:
    """Toggles the kick line: a line that hangs at either level is no kick."""

    @dataclass(frozen=True)
    class Settings:
        pin: int = setting("Line of the kick; the one-shot is triggered by its rising edge.", pin="out")
        gpio: str = setting("Name of the GPIO bus.", default="gpio")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        self._kick = buses.output(settings.gpio, settings.pin, f"{where} pin", stage=CloseStage.POWER)

    def kick(self) -> None:
        """Toggle the line; two kicks make one edge that counts, so kick at least eight times in a second."""
        self._kick.set(not self._kick.is_high)
