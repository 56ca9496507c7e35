"""The table that tells the guest's kernel of our two chips: an ACPI SSDT with one device for each.

Source: ACPI Specification 6.4, chapters 5.2.6 (table header), 6.4.3.4 (32-bit fixed memory descriptor) and 20.2 (AML encoding).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

_END_TAG = b"\x79\x00"


@dataclass(frozen=True, slots=True)
class Chip:
    """A device with its registers in memory. hardware_id: what the kernel's driver is matched by. name: four letters."""

    name: str
    hardware_id: str
    base: int
    size: int

    @property
    def device(self) -> str:
        """How the kernel names the device."""
        return f"{self.hardware_id}:00"


def table(chips: Iterable[Chip]) -> bytes:
    """Return the whole table, its checksum right."""
    body = _scope(b"\\_SB_", b"".join(_device(chip) for chip in chips))
    head = struct.pack("<4sIBB6s8sI4sI", b"SSDT", 36 + len(body), 2, 0, b"PILOTL", b"CHIPS   ", 1, b"PYTH", 1)
    whole = bytearray(head + body)
    whole[9] = -sum(whole) & 0xFF
    return bytes(whole)


def _device(chip: Chip) -> bytes:
    identity = b"\x0d" + chip.hardware_id.encode() + b"\0"
    memory = struct.pack("<BHBII", 0x86, 9, 1, chip.base, chip.size) + _END_TAG
    resources = b"\x11" + _sized(b"\x0a" + bytes([len(memory)]) + memory)
    body = chip.name.encode() + _named(b"_HID", identity) + _named(b"_CRS", resources)
    return b"\x5b\x82" + _sized(body)


def _scope(path: bytes, body: bytes) -> bytes:
    return b"\x10" + _sized(path + body)


def _named(name: bytes, value: bytes) -> bytes:
    return b"\x08" + name + value


def _sized(body: bytes) -> bytes:
    """Return the body behind its length, which counts itself."""
    if len(body) + 1 < 0x40:
        return bytes([len(body) + 1]) + body
    length = len(body) + 2
    if length >= 0x1000:
        raise ValueError(f"{length} bytes are more than two length bytes can tell")
    return bytes([0x40 | length & 0xF, length >> 4]) + body
