"""A residual direct-current detector (RDC-DD, IEC 62955) with two trip lines, 6 mA DC and 30 mA AC (family residual)."""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import setting
from drivers.bus import PULLS, Buses
from drivers.residual.lines import TestLine, check_pull


class RdcDd:
    """Tripped while either line is active: a broken wire of either reads as tripped. Both lines gate the relay in hardware.

    A self-test has to make both lines active. Modules of this kind (sequence and times: `logic/rcd.py`) want their test input pulled
    low: by a transistor (test_active_low = false), so that it rests while nothing drives it.
    """

    @dataclass(frozen=True)
    class Settings:
        trip_6ma_pin: int = setting("Line of the 6 mA DC trip output.", pin="in")
        trip_30ma_pin: int = setting("Line of the 30 mA AC trip output.", pin="in")
        test_pin: int | None = setting("Line of the test input; absent where it is not wired.", default=None, pin="out")
        error_pin: int | None = setting("Line of the module's error output.", default=None, pin="in")
        active_low: bool = setting("The trip lines read low when tripped.", default=False)
        error_active_low: bool = setting("The error line reads low when there is an error.", default=False)
        test_active_low: bool = setting("Low starts a test. Better have the line inverted outside.", default=False)
        pull: str = setting("Internal pull of the trip and error lines.", default="up", choices=PULLS)
        gpio: str = setting("Name of the GPIO bus.", default="gpio")

        def __post_init__(self) -> None:
            check_pull(self.active_low, self.pull)

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None:
        gpio, pull, low = settings.gpio, settings.pull, settings.active_low
        self._6ma = buses.input(gpio, settings.trip_6ma_pin, f"{where} trip_6ma_pin", active_low=low, pull=pull)
        self._30ma = buses.input(gpio, settings.trip_30ma_pin, f"{where} trip_30ma_pin", active_low=low, pull=pull)
        self._error = None
        if settings.error_pin is not None:
            low = settings.error_active_low
            self._error = buses.input(gpio, settings.error_pin, f"{where} error_pin", active_low=low, pull=pull)
        self._test = TestLine(buses, gpio, settings.test_pin, where, active_low=settings.test_active_low)

    def is_tripped(self) -> bool:
        return self._6ma.is_active() or self._30ma.is_active()

    def is_partly_tripped(self) -> bool:
        return self._6ma.is_active() is not self._30ma.is_active()

    def has_error(self) -> bool:
        return self._error is not None and self._error.is_active()

    def test(self, active: bool) -> None:
        self._test.set(active)
