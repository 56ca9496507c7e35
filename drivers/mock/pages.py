"""The two memory pages between our drivers and the mock bench: their layout, and the only code that touches it.

A page is a file on tmpfs that both sides map. Every field has one writer, so neither side can hold the other up: reading
or writing one is a plain memory access, also while the other process is stopped. All words are 64 bits in native order;
one word is stored at once, so a reader never sees half of it.

GPIO page (`gpio.page`), index in words:

    0          magic           1  edges ever written (by the driver side)
    8 + n      output of line n, by the driver side: flags in the low byte, over it the stamp of the last write
               bit 0 level · bit 1 the line is an output · bits 2-3 pull (0 none, 1 up, 2 down)
    72 + n     input of line n, by the bench: bit 0 level · bit 1 driven from outside (else the pull decides)
    256 + k    ring of the last 16384 output edges, by the driver side: bits 0-5 line · bit 6 level ·
               bit 7 the line is an output · over them the stamp

A stamp is CLOCK_MONOTONIC in ns, rounded down to 256 ns to make room for the low byte. The ring gives the bench every
edge with the time of its writing, also the ones between two of its polls; one process at a time writes it.

Analogue page (`analog.page`), index in words (u64 or double):

    0          magic           1  errno that every transfer fails with; 0 while the bus is well (by the bench)
    4..7       bus addresses of the converters; 0: none (by the bench)
    16 + 32*c + 8*n   input n of converter c, by the bench: sequence number (odd while it is being written), then six doubles:
               before_v, start_v, target_v, at_s, tau_s, towards_v of a `Curve` in volts at the converter's pin
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from drivers.mock.curve import Curve

LINES = 54
RING = 16384

_GPIO_MAGIC = 0x50494C4F_47504901
_ANALOG_MAGIC = 0x50494C4F_414E4102
_HEAD, _OUT, _IN, _EDGES = 1, 8, 72, 256
_GPIO_WORDS = _EDGES + RING
_ERRNO, _ADDRESSES, _CHANNELS = 1, 4, 16
_CHIPS, _CHANNELS_PER_CHIP = 4, 4
_CHIP_WORDS, _CHANNEL_WORDS = 32, 8
_ANALOG_WORDS = _CHANNELS + _CHIPS * _CHIP_WORDS
_STAMP = ~0xFF & (1 << 64) - 1
_READ_TRIES = 8


class PageError(Exception):
    """The page is not there or is not one of ours. The message names the file."""


class Pull(IntEnum):
    NONE = 0
    UP = 1
    DOWN = 2


def boot_pull(line: int) -> Pull:
    """Return the pull that the SoC gives a line at reset: GPIO0-8 up, GPIO9-27 down."""
    return Pull.UP if line <= 8 else Pull.DOWN


@dataclass(frozen=True, slots=True)
class Edge:
    """One write to a line by the driver side. at_s: monotonic time of the write."""

    line: int
    level: bool
    is_output: bool
    at_s: float


@dataclass(frozen=True, slots=True)
class LineState:
    """The driver side of one line as it stands."""

    level: bool
    is_output: bool
    pull: Pull
    written_at_s: float


class _Page:
    """A mapped file of 64-bit words."""

    def __init__(self, path: Path, words: int, magic: int) -> None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise PageError(f"{path}: cannot open the mock bench's page: {error.strerror}") from error
        try:
            if os.fstat(descriptor).st_size != words * 8:
                raise PageError(f"{path}: not a page of the mock bench (size {os.fstat(descriptor).st_size})")
            self._map = mmap.mmap(descriptor, words * 8)
        finally:
            os.close(descriptor)
        self._bytes = memoryview(self._map)
        self._words = self._bytes.cast("Q")
        self._doubles = self._bytes.cast("d")
        if self._words[0] != magic:
            self.close()
            raise PageError(f"{path}: not a page of the mock bench, or of another version")

    @property
    def is_closed(self) -> bool:
        return self._map.closed

    def close(self) -> None:
        if self._map.closed:
            return
        self._words.release()
        self._doubles.release()
        self._bytes.release()
        self._map.close()


def _create(path: Path, words: int, magic: int) -> None:
    """Put a new zeroed page in place at once, so that nobody maps half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "wb") as file:
        file.write(magic.to_bytes(8, sys.byteorder) + bytes(8 * (words - 1)))
    os.chmod(name, 0o660)
    os.replace(name, path)


class GpioPage(_Page):
    """Both sides' view of the GPIO page."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _GPIO_WORDS, _GPIO_MAGIC)

    @classmethod
    def create(cls, path: Path) -> GpioPage:
        """Make the page anew in the state of a board that has just booted, and map it."""
        _create(path, _GPIO_WORDS, _GPIO_MAGIC)
        page = cls(path)
        page.reset()
        return page

    # --- driver side

    def write(self, line: int, level: bool, is_output: bool, pull: Pull) -> None:
        """Set a line and stamp the write. An edge is recorded when what the line drives changes."""
        stamp = time.monotonic_ns() & _STAMP
        old = self._words[_OUT + line]
        self._words[_OUT + line] = stamp | level | is_output << 1 | pull << 2
        if old & 3 != level | is_output << 1:
            head = self._words[_HEAD]
            self._words[_EDGES + head % RING] = stamp | line | level << 6 | is_output << 7
            self._words[_HEAD] = head + 1

    def line(self, line: int) -> LineState:
        word = self._words[_OUT + line]
        return LineState(bool(word & 1), bool(word & 2), Pull(word >> 2 & 3), (word & _STAMP) / 1e9)

    def read(self, line: int) -> bool:
        """Return the level at an input: what the bench drives, else what the pull gives."""
        word = self._words[_IN + line]
        if word & 2:
            return bool(word & 1)
        return self._words[_OUT + line] >> 2 & 3 == Pull.UP

    # --- bench side

    def reset(self) -> None:
        """Bring every line to the state after power-on. Only while no driver process lives."""
        for line in range(LINES):
            self.write(line, False, False, boot_pull(line))

    def drive(self, line: int, level: bool) -> None:
        self._words[_IN + line] = time.monotonic_ns() & _STAMP | level | 2

    def release(self, line: int) -> None:
        """Drive an input no more: its pull decides."""
        self._words[_IN + line] = time.monotonic_ns() & _STAMP

    @property
    def head(self) -> int:
        """How many edges have ever been written."""
        return self._words[_HEAD]

    def edges(self, since: int, until: int | None = None) -> list[Edge]:
        """Return the edges from number `since` up to, without it, `until` (default: the newest).

        Of more than RING the oldest are lost.
        """
        head = self._words[_HEAD] if until is None else until
        found = []
        for number in range(max(since, head - RING), head):
            word = self._words[_EDGES + number % RING]
            found.append(Edge(word & 0x3F, bool(word & 0x40), bool(word & 0x80), (word & _STAMP) / 1e9))
        return found


class AnalogPage(_Page):
    """Both sides' view of the analogue page."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _ANALOG_WORDS, _ANALOG_MAGIC)
        self._last: dict[int, tuple[int, Curve]] = {}  # the sequence number a curve was read under, and the curve

    @classmethod
    def create(cls, path: Path, addresses: Sequence[int]) -> AnalogPage:
        """Make the page anew with converters at `addresses` (at most four) and map it."""
        if len(addresses) > _CHIPS:
            raise PageError(f"{path}: at most {_CHIPS} converters fit on a page, not {len(addresses)}")
        _create(path, _ANALOG_WORDS, _ANALOG_MAGIC)
        page = cls(path)
        for number, address in enumerate(addresses):
            page._words[_ADDRESSES + number] = address
        return page

    def set_bus_fault(self, errno: int) -> None:
        """Let every transfer fail with `errno` from now on; 0 mends the bus."""
        self._words[_ERRNO] = errno

    def bus_fault(self) -> int:
        return self._words[_ERRNO]

    def chip(self, address: int) -> int | None:
        """Return the number of the converter at a bus address, or None when nobody answers there."""
        for number in range(_CHIPS):
            if address and self._words[_ADDRESSES + number] == address:
                return number
        return None

    def write_channel(self, chip: int, channel: int, curve: Curve) -> None:
        base = _CHANNELS + chip * _CHIP_WORDS + channel * _CHANNEL_WORDS
        sequence = self._words[base] | 1
        self._words[base] = sequence
        doubles = self._doubles
        doubles[base + 1] = curve.before_v
        doubles[base + 2] = curve.start_v
        doubles[base + 3] = curve.target_v
        doubles[base + 4] = curve.at_s
        doubles[base + 5] = curve.tau_s
        doubles[base + 6] = curve.towards_v
        self._words[base] = sequence + 1

    def read_channel(self, chip: int, channel: int) -> Curve:
        """Return the newest whole curve; the one read before when the writer was stopped half-way."""
        base = _CHANNELS + chip * _CHIP_WORDS + channel * _CHANNEL_WORDS
        last = self._last.get(base)
        if last is not None and last[0] == self._words[base]:
            return last[1]
        doubles = self._doubles
        for _ in range(_READ_TRIES):
            sequence = self._words[base]
            values = (*doubles[base + 1 : base + 7],)
            if not sequence & 1 and self._words[base] == sequence:
                curve = Curve(*values)
                self._last[base] = (sequence, curve)
                return curve
        return Curve.steady(0.0) if last is None else last[1]
