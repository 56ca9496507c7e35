"""A meter's register map as values: what to read, and how words become quantities. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

FORMATS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "u64": ">Q", "i64": ">q", "f32": ">f"}
_BITS_PER_CHARACTER = 11
_ANSWERS_AFTER_S = 0.03
LABEL_TYPES = ("text", "version", "bytes", *FORMATS)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured quantity: a register for each phase, or one for the whole."""

    registers: tuple[int, ...]
    type: str
    word_order: str
    scale: float

    @property
    def words(self) -> int:
        return struct.calcsize(FORMATS[self.type]) // 2


@dataclass(frozen=True, slots=True)
class Block:
    """Registers that one request reads."""

    start: int
    count: int

    def holds(self, register: int, words: int) -> bool:
        return self.start <= register and register + words <= self.start + self.count


@dataclass(frozen=True, slots=True)
class Label:
    """Registers in which the meter says something of itself. words: how many. type: a number's, `text` (two characters a word),
    `version` (each byte a part of it), or `bytes`.
    """

    register: int
    words: int
    type: str
    function: int

    def data_of(self, words: Sequence[int]) -> bytes:
        """Return the bytes as they stand; of a text without what fills its registers up. Empty where nothing is there."""
        data = b"".join(word.to_bytes(2, "big") for word in words)
        if self.type == "text":
            data = data.rstrip(b"\0")
        return b"" if data in (bytes(len(data)), b"\xff" * len(data)) else data

    def text_of(self, words: Sequence[int]) -> str:
        """Return it as people write it; empty where the meter has nothing printable there."""
        data = b"".join(word.to_bytes(2, "big") for word in words)
        if self.type == "bytes":
            return data.hex()
        if self.type == "version":
            return ".".join(str(byte) for byte in data) if any(data) else ""
        if self.type != "text":
            (number,) = struct.unpack(FORMATS[self.type], data)
            return f"{number:g}" if isinstance(number, float) else str(number)
        text = data.split(b"\0")[0].decode("ascii", "replace").strip()
        return text if text.isprintable() and "\ufffd" not in text else ""


@dataclass(frozen=True, slots=True)
class SignedBlock:
    """Where the meter keeps its signed reading. encoding, signing: names for OCPP, such as `OCMF`; signing empty where the data tells."""

    data: Label
    public_key: Label | None
    encoding: str
    signing: str


@dataclass(frozen=True, slots=True)
class MeterModel:
    name: str
    phases: int
    function: int
    max_registers: int
    pause_s: float
    baud: int
    parity: str
    stop_bits: int
    blocks: tuple[Block, ...]
    missing: tuple[str, ...]
    quantities: Mapping[str, Quantity]
    labels: Mapping[str, Label]
    signed: SignedBlock | None

    @property
    def poll_s(self) -> float:
        """About how long a poll takes on the line as delivered: all characters, the pauses, and 30 ms for each answer."""
        characters = sum(13 + 2 * count for _, _, count in self.requests())
        requests = sum(1 for _ in self.requests())
        return characters * _BITS_PER_CHARACTER / self.baud + requests * (self.pause_s + _ANSWERS_AFTER_S)

    def requests(self) -> Iterator[tuple[int, int, int]]:
        """Yield function, first register and count of every request of a poll."""
        yield from ((self.function, block.start, block.count) for block in self.blocks)
        if self.signed is not None:
            yield from self.parts_of(self.signed.data)

    def parts_of(self, label: Label) -> Iterator[tuple[int, int, int]]:
        """Yield the requests that read registers longer than the meter gives at once."""
        end = label.register + label.words
        for start in range(label.register, end, self.max_registers):
            yield label.function, start, min(self.max_registers, end - start)

    def decode(self, words: Mapping[int, int]) -> dict[str, tuple[float | None, ...]]:
        """Return each quantity's values, scaled; None is a value the meter marks as not measured.

        words: register -> 16-bit word, at least those of every block.
        """
        return {
            name: tuple(self._value(quantity, words, register) for register in quantity.registers)
            for name, quantity in self.quantities.items()
        }

    def _value(self, quantity: Quantity, words: Mapping[int, int], register: int) -> float | None:
        ordered = [words[register + offset] for offset in range(quantity.words)]
        if quantity.word_order == "low_first":
            ordered.reverse()
        data = b"".join(word.to_bytes(2, "big") for word in ordered)
        if "all_ones" in self.missing and data == b"\xff" * len(data):
            return None
        if "max_positive" in self.missing and data == b"\x7f" + b"\xff" * (len(data) - 1):
            return None
        (raw,) = struct.unpack(FORMATS[quantity.type], data)
        return None if math.isnan(raw) else round(raw * quantity.scale, 6)
