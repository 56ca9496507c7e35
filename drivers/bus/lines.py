"""GPIO lines with our errors: what drivers see of gpiozero.

gpiozero's devices open and close a line; its level goes straight through their pin, because the safety loop reads and writes some
twenty lines in every pass.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import gpiozero  # type: ignore[import-untyped]

from controller.hal import DeviceError, DeviceGone


class OutputLine:
    """An active-high output. It starts low, is low again after `close`, and is then left as an input."""

    def __init__(self, factory: Any, pin: int, where: str) -> None:
        self._device_name = f"GPIO{pin} of {where}"
        self._device = _opened(
            self._device_name, lambda: gpiozero.OutputDevice(pin, initial_value=False, pin_factory=factory)
        )
        self._pin = self._device.pin
        self._is_high = False

    @property
    def is_high(self) -> bool:
        """The level last set."""
        return self._is_high

    def set(self, high: bool) -> None:
        """Drive the line. Writes every time: a level that something else disturbed is restored by the next pass."""
        try:
            self._pin.state = high
        except _library_errors() as error:
            raise DeviceError(self._device_name, f"cannot be driven: {error}") from error
        self._is_high = high

    def release(self) -> None:
        """Drive low and let go of the line."""
        if not self._device.closed:
            try:
                self.set(False)
            finally:
                self._device.close()


class InputLine:
    """An input. `is_active` is True at the level the settings call active."""

    def __init__(self, factory: Any, pin: int, where: str, *, active_low: bool, pull: str) -> None:
        self._device_name = f"GPIO{pin} of {where}"
        pull_up = {"up": True, "down": False, "none": None}[pull]
        self._device = _opened(
            self._device_name,
            lambda: gpiozero.InputDevice(
                pin, pull_up=pull_up, active_state=True if pull_up is None else None, pin_factory=factory
            ),
        )
        self._pin = self._device.pin
        self._active_low = active_low
        self._is_watched = False

    def is_active(self) -> bool:
        """Read the line. Raises DeviceError."""
        try:
            return bool(self._pin.state) is not self._active_low
        except _library_errors() as error:
            raise DeviceError(self._device_name, f"cannot be read: {error}") from error

    def watch(self, on_change: Callable[[bool, float], None]) -> None:
        """Have every change told: whether it is active now, and when, in monotonic seconds by the kernel's stamp.

        Called on a thread of the GPIO library. Raises DeviceError where the line has no edge events.
        """
        self._on_change = on_change
        try:
            self._pin.edges = "both"
            self._pin.when_changed = self._changed
            self._is_watched = True
        except _library_errors() as error:
            raise DeviceError(self._device_name, f"has no edge events: {error}") from error

    def _changed(self, ticks: float, state: int) -> None:
        self._on_change(bool(state) is not self._active_low, ticks)

    def release(self) -> None:
        if not self._device.closed and self._is_watched:
            self._pin.when_changed = None
        self._device.close()


def _library_errors() -> tuple[type[BaseException], ...]:
    """What gpiozero and the library below it raise. lgpio, which it loads on a Pi, has an error of its own kind."""
    lgpio = sys.modules.get("lgpio")
    return (gpiozero.GPIOZeroError, OSError) if lgpio is None else (gpiozero.GPIOZeroError, OSError, lgpio.error)


def _opened(name: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except gpiozero.PinInvalidPin as error:
        raise DeviceGone(name, "this board has no such line", "use the BCM number of the line") from error
    except _library_errors() as error:
        raise DeviceGone(name, f"cannot be opened: {error}", "is another program using the line?") from error
