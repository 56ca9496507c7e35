"""One chip select of an SPI bus of the kernel, by spidev. Source: include/uapi/linux/spi/spidev.h of Linux."""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass

from controller.hal import DeviceGone, setting
from drivers.bus import SpiDevice

_WR_MODE = 0x40016B01  # _IOW('k', 1, __u8)
_WR_BITS_PER_WORD = 0x40016B03  # _IOW('k', 3, __u8)
_WR_MAX_SPEED_HZ = 0x40046B04  # _IOW('k', 4, __u32)


class Spidev:
    """An open spidev node, mode 0, eight bits."""

    def __init__(self, path: str, speed_hz: int) -> None:
        """Raises OSError."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self._descriptor, _WR_MODE, struct.pack("B", 0))
            fcntl.ioctl(self._descriptor, _WR_BITS_PER_WORD, struct.pack("B", 8))
            fcntl.ioctl(self._descriptor, _WR_MAX_SPEED_HZ, struct.pack("I", speed_hz))
        except OSError:
            os.close(self._descriptor)
            raise

    def write(self, data: bytes) -> None:
        if os.write(self._descriptor, data) != len(data):
            raise OSError("the kernel took only a part of the bytes")

    def close(self) -> None:
        os.close(self._descriptor)


class SpidevBus:
    """Gives the device of one node."""

    @dataclass(frozen=True)
    class Settings:
        path: str = setting("Device node: bus and chip select.", default="/dev/spidev0.0")

    def __init__(self, settings: Settings, where: str) -> None:
        self._settings = settings
        self._where = where

    def device(self, speed_hz: int) -> SpiDevice:
        """Open the node. Raises DeviceGone."""
        try:
            return Spidev(self._settings.path, speed_hz)
        except OSError as error:
            raise DeviceGone(
                f"{self._settings.path} of {self._where}",
                f"cannot be opened: {error.strerror}",
                "dtparam=spi=on in config.txt, and the user in the group spi",
            ) from error
