"""A residual-current monitor with a trip, a test and an error line (family residual)."""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import setting
from drivers.bus import PULLS, Buses
from drivers.residual.lines import TestLine, check_pull


class GpioResidual:
    """Reads what the monitor says; its trip line also gates the relay in hardware. A broken trip wire reads as tripped."""

    @dataclass(frozen=True)
    class Settings:
        trip_pin: int = setting("Line of the trip output.", pin="in")
        test_pin: int | None = setting(
            "Line of the test input; absent where the monitor has none.", default=None, pin="out"
        )
        error_pin: int | None = setting("Line of the monitor's own error output.", default=None, pin="in")
        active_low: bool = setting("The trip line reads low when tripped.", default=False)
        error_active_low: bool | None = setting(
            "The error line reads low when there is an error; absent: as the trip line.", default=None
        )
        test_active_low: bool = setting("Low starts a test. Better have the line inverted outside.", default=False)
        pull: str = setting("Internal pull of the trip and error lines.", default="up", choices=PULLS)
        gpio: str = setting("Name of the GPIO bus.", default="gpio")

        def __post_init__(self) -> None:
            check_pull(self.active_low, self.pull)

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        low = settings.active_low if settings.error_active_low is None else settings.error_active_low
        gpio, pull = settings.gpio, settings.pull
        self._trip = buses.input(
            gpio, settings.trip_pin, f"{where} trip_pin", active_low=settings.active_low, pull=pull
        )
        self._error = None
        if settings.error_pin is not None:
            self._error = buses.input(gpio, settings.error_pin, f"{where} error_pin", active_low=low, pull=pull)
        self._test = TestLine(buses, gpio, settings.test_pin, where, active_low=settings.test_active_low)

    def is_tripped(self) -> bool:
        return self._trip.is_active()

    def is_partly_tripped(self) -> bool:
        return False

    def has_error(self) -> bool:
        return self._error is not None and self._error.is_active()

    def test(self, active: bool) -> None:
        self._test.set(active)
