"""The mock bench's I2C bus behind smbus2's interface: ADS1115 converters whose inputs are on the analogue page."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.hal import DeviceGone, setting
from drivers.mock.ads1115 import MockAds1115
from drivers.mock.pages import AnalogPage, PageError


class PageSmbus:
    """As much of smbus2.SMBus as the drivers use. An address without a chip, or a bus that is broken, is an OSError."""

    def __init__(self, page: AnalogPage, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._page = page
        self._monotonic = monotonic
        self._chips: dict[int, MockAds1115] = {}

    def read_word_data(self, i2c_addr: int, register: int, force: bool | None = None) -> int:
        """Return a word as SMBus does, low byte first: a chip that sends the high byte first appears swapped."""
        return _swapped(self._chip(i2c_addr).read(register & 3))

    def write_word_data(self, i2c_addr: int, register: int, value: int, force: bool | None = None) -> None:
        self._chip(i2c_addr).write(register & 3, _swapped(value & 0xFFFF))

    def close(self) -> None:
        self._page.close()

    def _chip(self, address: int) -> MockAds1115:
        fault = self._page.bus_fault()
        if fault:
            raise OSError(fault, os.strerror(fault))
        chip = self._chips.get(address)
        if chip is None:
            number = self._page.chip(address)
            if number is None:  # nobody acknowledges the address
                raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
            chip = self._chips[address] = MockAds1115(self._page, number, self._monotonic)
        return chip


def _swapped(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8


class I2cPageBus:
    """The board's I2C bus on the mock bench. The chips are as after power-on each time it is opened."""

    @dataclass(frozen=True)
    class Settings:
        page: str = setting("Path of the mock bench's analogue page", default="{run}/bench/analog.page")

    def __init__(self, settings: Settings, where: str) -> None:
        self._settings = settings
        self._where = where

    def bus(self) -> PageSmbus:
        """Open the page. Raises DeviceGone when the bench is not there."""
        try:
            return PageSmbus(AnalogPage(Path(self._settings.page)))
        except PageError as error:
            raise DeviceGone(self._where, str(error), "start the mock bench first") from error
