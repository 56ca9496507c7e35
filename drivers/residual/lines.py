"""What residual-current monitors have in common: their test input, and the rule for a broken trip wire."""

from __future__ import annotations

from controller.hal import DeviceError
from drivers.bus import Buses


def check_pull(active_low: bool, pull: str) -> None:
    """Raises ValueError for a pull by which a broken trip wire would read as not tripped."""
    if pull == ("up" if active_low else "down"):
        other = "down" if active_low else "up"
        active = "true" if active_low else "false"
        raise ValueError(
            f'pull = "{pull}": a broken trip wire would read as healthy with active_low = {active}; "{other}"'
        )


class TestLine:
    """pin: None where the monitor has no test input.

    active_low: a line is low for a moment while it is opened, and at boot for longer: the monitor trips then, and the safety process
    lets such a trip come and go before it believes one.
    """

    __test__ = False  # not a test of pytest

    def __init__(self, buses: Buses, gpio: str, pin: int | None, where: str, *, active_low: bool) -> None:
        self._where = where
        self._active_low = active_low
        self._line = None if pin is None else buses.output(gpio, pin, f"{where} test_pin")
        if self._line is not None:
            self._line.set(active_low)

    def set(self, active: bool) -> None:
        """Raises DeviceError, also where a test is asked of a monitor that has no input for it."""
        if self._line is not None:
            self._line.set(active is not self._active_low)
        elif active:
            raise DeviceError(f"residual-current monitor of {self._where}", "has no test input", "set test_pin")
