"""A residual-current monitor with trip, test and error lines (family residual)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.hal import DeviceError, setting
from drivers.bus import PULLS, Buses

if TYPE_CHECKING:
    from drivers.bus.lines import InputLine


class GpioResidual:
    """Reads what the monitor says; its trip line also gates the relay in hardware. A broken trip wire reads as tripped."""

    @dataclass(frozen=True)
    class Settings:
        trip_pin: int = setting("Line of the trip output.", pin="in")
        test_pin: int | None = setting(
            "Line of the test input, high = test; absent where the monitor has none.", default=None, pin="out"
        )
        error_pin: int | None = setting("Line of the monitor's own error output.", default=None, pin="in")
        active_low: bool = setting("Trip and error read low when they hold.", default=False)
        pull: str = setting("Internal pull of the trip and error lines.", default="up", choices=PULLS)
        gpio: str = setting("Name of the GPIO bus.", default="gpio")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        def line(pin: int, key: str) -> InputLine:
            return buses.input(settings.gpio, pin, f"{where} {key}", active_low=settings.active_low, pull=settings.pull)

        self._trip = line(settings.trip_pin, "trip_pin")
        self._error = None if settings.error_pin is None else line(settings.error_pin, "error_pin")
        self._where = where
        self._test = (
            None if settings.test_pin is None else buses.output(settings.gpio, settings.test_pin, f"{where} test_pin")
        )

    def is_tripped(self) -> bool:
        return self._trip.is_active()

    def has_error(self) -> bool:
        return self._error is not None and self._error.is_active()

    def test(self, active: bool) -> None:
        if self._test is not None:
            self._test.set(active)
        elif active:
            raise DeviceError(f"residual-current monitor of {self._where}", "has no test input", "set test_pin")
