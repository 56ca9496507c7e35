"""An RDM6300 on the far end of a serial line: it sends the tag that is held to it again and again, and hears nothing.

Source: Seeed Studio, 125 kHz RFID module data sheet (unverified): STX, ten hex digits, two of their XOR, ETX.
"""

from __future__ import annotations

from collections.abc import Callable

REPEATS_S = 0.065


def frame_of(tag: bytes) -> bytes:
    """tag: five bytes."""
    check = 0
    for byte in tag:
        check ^= byte
    return b"\x02" + (tag + bytes([check])).hex().upper().encode() + b"\x03"


class Rdm6300Peer:
    """held: the tag that is held to it now, five bytes."""

    def __init__(self, held: Callable[[], bytes | None]) -> None:
        self._held = held
        self._due: float | None = None

    def field_changed(self, now: float) -> None:
        self._due = now if self._held() is not None else None

    def receive(self, data: bytes, now: float) -> None:
        pass

    def deadline(self) -> float | None:
        return self._due

    def take(self, now: float) -> bytes:
        tag = self._held()
        if self._due is None or now < self._due or tag is None:
            return b""
        self._due = now + REPEATS_S
        return frame_of(tag)
