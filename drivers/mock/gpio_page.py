"""GPIO lines on the mock bench's page, by the rules of a Pi's: `close` makes a line an input again, lines outside the header are refused.

There are no edge events: who wants to know reads the level.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from controller.hal import DeviceGone, setting
from drivers.bus import Edge
from drivers.mock.pages import GpioPage, PageError, Pull

_HEADER = range(28)
_PULLS = {"none": Pull.NONE, "up": Pull.UP, "down": Pull.DOWN}


class PagePin:
    """Implements `drivers.bus.GpioPin`. pull: None keeps that of the boot."""

    def __init__(self, page: GpioPage, line: int, pull: Pull | None, *, is_output: bool) -> None:
        self._page = page
        self._line = line
        self._pull = page.line(line).pull if pull is None else pull
        self._is_output = is_output
        self._level = False
        self._write()

    def read(self) -> bool:
        return self._level if self._is_output else self._page.read(self._line)

    def write(self, high: bool) -> None:
        if not self._is_output:
            raise OSError(errno.EPERM, "an input cannot be driven")
        self._level = high
        self._write()

    def edges(self) -> list[Edge]:
        raise OSError(errno.EINVAL, "its changes were not asked for")

    def close(self) -> None:
        self._is_output = self._level = False
        if not self._page.is_closed:
            self._write()

    def _write(self) -> None:
        self._page.write(self._line, self._level, self._is_output, self._pull)


class PageChip:
    """Implements `drivers.bus.GpioChip`. One chip is one process's use of the header."""

    def __init__(self, page: GpioPage) -> None:
        self._page = page

    def output(self, line: int) -> PagePin:
        return self._taken(line, None, is_output=True)

    def input(self, line: int, pull: str, *, edges: bool = False) -> PagePin:
        if edges:
            raise OSError(errno.EOPNOTSUPP, "no edge events on the mock bench")
        return self._taken(line, _PULLS[pull], is_output=False)

    def _taken(self, line: int, pull: Pull | None, *, is_output: bool) -> PagePin:
        if line not in _HEADER:
            raise OSError(errno.EINVAL, "no such line")
        return PagePin(self._page, line, pull, is_output=is_output)

    def close(self) -> None:
        self._page.close()


class GpioPageBus:
    """The board's GPIO header on the mock bench."""

    @dataclass(frozen=True)
    class Settings:
        page: str = setting("Path of the mock bench's GPIO page", default="{run}/bench/gpio.page")

    def __init__(self, settings: Settings, where: str) -> None:
        self._settings = settings
        self._where = where

    def chip(self) -> PageChip:
        """Open the page. Raises DeviceGone when the bench is not there."""
        try:
            return PageChip(GpioPage(Path(self._settings.page)))
        except PageError as error:
            raise DeviceGone(self._where, str(error), "start the mock bench first") from error
