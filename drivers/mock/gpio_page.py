"""gpiozero pins over the mock bench's GPIO page.

The pins obey the same rules as those of a Pi: a line starts as an input, `close` makes it one again (gpiozero's own mock
leaves it driven), lines outside the header are refused. There are no edge events: who wants to know reads the level.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpiozero import (  # type: ignore[import-untyped]
    PinEdgeDetectUnsupported,
    PinInvalidFunction,
    PinInvalidPull,
    PinPWMUnsupported,
    PinSetInput,
)
from gpiozero.pins.pi import PiFactory, PiPin  # type: ignore[import-untyped]

from controller.hal import DeviceGone, setting
from drivers.mock.pages import GpioPage, PageError, Pull

_PI_3B_PLUS = 0xA020D3
_PULLS = {"floating": Pull.NONE, "up": Pull.UP, "down": Pull.DOWN}
_PULL_NAMES = {pull: name for name, pull in _PULLS.items()}


class PagePin(PiPin):  # type: ignore[misc]  # gpiozero carries no types
    """One GPIO line on the page."""

    def __init__(self, factory: PageFactory, info: Any) -> None:
        super().__init__(factory, info)
        self._page = factory.page
        self._line: int = self._number
        self._level = False
        self._is_output = False
        self._bias = self._page.line(self._line).pull
        self._write()

    def close(self) -> None:
        self.when_changed = None
        if not self._page.is_closed:
            self.function = "input"

    def output_with_state(self, state: float) -> None:
        self._is_output = True
        self._level = bool(state)
        self._write()

    def _write(self) -> None:
        self._page.write(self._line, self._level, self._is_output, self._bias)

    def _get_function(self) -> str:
        return "output" if self._is_output else "input"

    def _set_function(self, value: str) -> None:
        if value not in ("input", "output"):
            raise PinInvalidFunction(f"GPIO{self._line}: function must be input or output, not {value!r}")
        self._is_output = value == "output"
        if not self._is_output:
            self._level = False
        self._write()

    def _get_state(self) -> int:
        return int(self._level if self._is_output else self._page.read(self._line))

    def _set_state(self, value: float) -> None:
        if not self._is_output:
            raise PinSetInput(f"GPIO{self._line} is an input: it cannot be set")
        self._level = bool(value)
        self._write()

    def _get_pull(self) -> str:
        return _PULL_NAMES[self._bias]

    def _set_pull(self, value: str) -> None:
        if value not in _PULLS:
            raise PinInvalidPull(f"GPIO{self._line}: pull must be floating, up or down, not {value!r}")
        self._bias = _PULLS[value]
        self._write()

    def _get_frequency(self) -> None:
        return None

    def _set_frequency(self, value: float | None) -> None:
        if value is not None:
            raise PinPWMUnsupported(f"GPIO{self._line}: no PWM here; the pilot's PWM is in sysfs")

    def _enable_event_detect(self) -> None:
        raise PinEdgeDetectUnsupported(f"GPIO{self._line}: no edge events on the mock bench; read the level")

    def _disable_event_detect(self) -> None:
        pass


class PageFactory(PiFactory):  # type: ignore[misc]
    """Pins of a Raspberry Pi 3B+ whose lines live on a page. One factory is one process's use of the header."""

    def __init__(self, page: GpioPage) -> None:
        super().__init__()
        self.page = page
        self.pin_class = PagePin

    def close(self) -> None:
        super().close()
        self.page.close()

    def _get_revision(self) -> int:
        return _PI_3B_PLUS

    @staticmethod
    def ticks() -> float:
        return time.monotonic()

    @staticmethod
    def ticks_diff(later: float, earlier: float) -> float:
        return later - earlier


class GpioPageBus:
    """The board's GPIO header on the mock bench."""

    @dataclass(frozen=True)
    class Settings:
        page: str = setting("Path of the mock bench's GPIO page", default="{run}/bench/gpio.page")

    def __init__(self, settings: Settings, where: str) -> None:
        self._settings = settings
        self._where = where

    def factory(self) -> PageFactory:
        """Open the page. Raises DeviceGone when the bench is not there."""
        try:
            return PageFactory(GpioPage(Path(self._settings.page)))
        except PageError as error:
            raise DeviceGone(self._where, str(error), "start the mock bench first") from error
