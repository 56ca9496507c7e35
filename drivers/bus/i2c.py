"""An I2C bus of the kernel, by SMBus calls."""

from __future__ import annotations

from dataclasses import dataclass

from controller.hal import DeviceGone, setting
from drivers.bus import I2cBus


class SmbusBus:
    """Gives the smbus2 object of one bus."""

    @dataclass(frozen=True)
    class Settings:
        path: str = setting("Device node of the bus.", default="/dev/i2c-1")

    def __init__(self, settings: Settings, where: str) -> None:
        self._settings = settings
        self._where = where

    def bus(self) -> I2cBus:
        """Open the bus. Raises DeviceGone."""
        from smbus2 import SMBus

        try:
            bus: I2cBus = SMBus(self._settings.path)
        except OSError as error:
            raise DeviceGone(
                f"{self._settings.path} of {self._where}",
                f"cannot be opened: {error.strerror}",
                "dtparam=i2c_arm=on in config.txt, the module i2c-dev, and the user in the group i2c",
            ) from error
        return bus
