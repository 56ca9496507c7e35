"""An RDM6300 on the far end of a serial line: it sends the tag that is held to it again and again, or a few times, and hears nothing.

Source: Seeed Studio, 125 kHz RFID module data sheet (unverified): STX, ten hex digits, two of their XOR, ETX. Users report two kinds of
modules (unverified): one repeats while the tag is there, the other sends it two to five times when it comes and is then quiet.
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
    """held: the tag that is held to it now, five bytes. times: how often it sends one, None: as long as it is there."""

    def __init__(self, held: Callable[[], bytes | None], times: int | None = None) -> None:
        self._held = held
        self._times = times
        self._sent = 0
        self._due: float | None = None

    def field_changed(self, now: float) -> None:
        self._due = now if self._held() is not None else None
        self._sent = 0

    def receive(self, data: bytes, now: float) -> None:
        pass

    def deadline(self) -> float | None:
        return self._due

    def take(self, now: float) -> bytes:
        tag = self._held()
        if self._due is None or now < self._due or tag is None:
            return b""
        self._sent += 1
        self._due = now + REPEATS_S if self._times is None or self._sent < self._times else None
        return frame_of(tag)
