"""One chip select of an SPI bus of the kernel, by spidev. Source: include/uapi/linux/spi/spidev.h of Linux."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from dataclasses import dataclass

from controller.hal import DeviceGone, setting
from drivers.bus import SpiDevice

_WR_MODE = 0x40016B01  # _IOW('k', 1, __u8)
_WR_BITS_PER_WORD = 0x40016B03  # _IOW('k', 3, __u8)
_WR_MAX_SPEED_HZ = 0x40046B04  # _IOW('k', 4, __u32)
_TRANSFER = struct.Struct("QQIIHBBBBBB")  # struct spi_ioc_transfer


def _message(transfers: int) -> int:
    """SPI_IOC_MESSAGE(n): _IOW('k', 0, char[n * 32])."""
    return 1 << 30 | transfers * _TRANSFER.size << 16 | 0x6B00


class Spidev:
    """An open spidev node, mode 0, eight bits."""

    def __init__(self, path: str, speed_hz: int) -> None:
        """Raises OSError."""
        self._burst: tuple[bytes, int, bytes, ctypes.Array[ctypes.c_char], ctypes.Array[ctypes.c_char]] | None = None
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

    def burst(self, frame: bytes, times: int) -> bytes:
        """Exchange the same frame again and again, chip select released in between, in one call. Returns all answers."""
        if self._burst is None or self._burst[:2] != (frame, times):
            self._burst = (frame, times, *_prepared(frame, times))
        request, _, answers = self._burst[2:]
        fcntl.ioctl(self._descriptor, _message(times), request)
        return answers.raw

    def close(self) -> None:
        os.close(self._descriptor)


def _prepared(frame: bytes, times: int) -> tuple[bytes, ctypes.Array[ctypes.c_char], ctypes.Array[ctypes.c_char]]:
    """Return the request, and the buffers it points to, which must stay."""
    asked = ctypes.create_string_buffer(frame, len(frame))
    answers = ctypes.create_string_buffer(len(frame) * times)
    tx, rx = ctypes.addressof(asked), ctypes.addressof(answers)
    request = b"".join(
        _TRANSFER.pack(tx, rx + place * len(frame), len(frame), 0, 0, 0, place < times - 1, 0, 0, 0, 0)
        for place in range(times)
    )
    return request, asked, answers


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
