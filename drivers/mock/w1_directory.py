"""The directory in which the kernel shows DS18B20 sensors, on a tmpfs.

A sensor is a directory of the bus's, named by family and serial number; `w1_slave` gives two lines: the nine bytes of the scratchpad, the
checksum the kernel worked out and its verdict; then the bytes that it kept of the last good read, and their temperature in
millidegrees. Sources: Documentation/w1/slaves/w1_therm.rst of Linux; Maxim DS18B20 data sheet, figures 4 and 7-9, table 1 (unverified).
"""

from __future__ import annotations

import os
from pathlib import Path

_TH_TL_CONFIG = bytes((0x4B, 0x46, 0x7F))  # alarms as delivered; 12 bits
POWER_ON = bytes((0x50, 0x05)) + _TH_TL_CONFIG + bytes((0xFF, 0x0C, 0x10))


class W1Directory:
    """One bus with the sensors that were added to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._kept: dict[str, bytes] = {}
        root.mkdir(parents=True, exist_ok=True)
        (root / "w1_bus_master1").mkdir(exist_ok=True)

    def add(self, name: str) -> None:
        """A sensor is found by the bus's search; it has not converted yet."""
        (self.root / name).mkdir()
        self.show(name, POWER_ON)

    def remove(self, name: str) -> None:
        """It missed some searches in a row: the kernel forgets it."""
        for file in (self.root / name).iterdir():
            file.unlink()
        (self.root / name).rmdir()

    def warm(self, name: str, temperature_c: float, bits: int = 12) -> None:
        raw = round(temperature_c * 16)
        low = raw & 0xFF
        config = (bits - 9) << 5 | 0x1F
        body = (
            (raw & 0xFFFF).to_bytes(2, "little") + _TH_TL_CONFIG[:2] + bytes((config, 0xFF, 0x10 - (low & 0xF), 0x10))
        )
        self.show(name, body)

    def show(self, name: str, body: bytes, checksum: int | None = None) -> None:
        """The sensor sends these eight bytes and this checksum (its own: the right one)."""
        sent = bytes((*body, crc8(body) if checksum is None else checksum))
        good = crc8(body) == sent[8]
        if good:
            self._kept[name] = sent
        kept = self._kept.get(name, bytes(9))
        milli = int.from_bytes(kept[:2], "little", signed=True) * 1000 // 16
        verdict = "YES" if good else "NO"
        first = f"{sent.hex(' ')} : crc={crc8(body):02x} {verdict}\n"
        whole = self.root / name / "w1_slave"
        part = whole.with_name(".part")
        part.write_text(f"{first}{kept.hex(' ')} t={milli}\n")
        os.replace(part, whole)  # a read gives one answer, never half of two


def crc8(data: bytes) -> int:
    """The 1-Wire checksum: x^8 + x^5 + x^4 + 1, low bit first."""
    value = 0
    for byte in data:
        for bit in range(8):
            differs = (value ^ byte >> bit) & 1
            value = value >> 1 ^ (0x8C if differs else 0)
    return value
