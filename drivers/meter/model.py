"""A meter's register map as data: what to read, and how the words become values. No I/O beyond the map's own file.

A map is a TOML file (those we ship are in `models/`; a board file may name a path of its own):

    name = "Eastron SDM630"
    phases = 3                      # 1 or 3
    function = 4                    # 3 holding registers, 4 input registers
    type = "f32"                    # u16 i16 u32 i32 u64 i64 f32: of every quantity that names none of its own
    word_order = "high_first"       # or "low_first"
    max_registers = 80              # the most that one request may ask for
    pause_ms = 100                  # silence the meter wants between two requests
    blocks = [[0x00, 76]]           # first register and count of each request; every quantity lies in one
    missing = ["all_ones", "max_positive"]      # raw values that mean "not measured"; NaN always does

    [serial]                        # the meter as delivered
    baud = 9600
    parity = "N"
    stop_bits = 1

    [voltage_v]                     # voltage_v current_a phase_power_w: one register for each phase
    registers = [0x00, 0x02, 0x04]
    [energy_import_wh]              # power_w energy_import_wh energy_export_wh frequency_hz power_factor: one register
    registers = [0x48]
    scale = 1000                    # value = raw x scale; `type` and `word_order` may be given here too

    [serial_number]                 # also [firmware]: what the meter says of itself; read for people, never needed
    register = 0xFC00
    type = "u32"                    # of the above, or "text" with `words`
    function = 3                    # where it differs from the map's

Registers are zero-based, as they go over the wire.
"""

from __future__ import annotations

import math
import struct
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

_FORMATS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "u64": ">Q", "i64": ">q", "f32": ">f"}
_WORD_ORDERS = ("high_first", "low_first")
_MISSING_RULES = ("all_ones", "max_positive")
_PER_PHASE = ("voltage_v", "current_a", "phase_power_w")
_WHOLE = ("power_w", "energy_import_wh", "energy_export_wh", "frequency_hz", "power_factor")
_REQUIRED = ("power_w", "energy_import_wh")
_IDENTITY = ("serial_number", "firmware")
_MOST_REGISTERS = 125  # of any request, by the protocol


class ModelError(Exception):
    """A register map that cannot be used. The message names file, key and value."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured quantity: a register for each phase, or one for the whole."""

    registers: tuple[int, ...]
    type: str
    word_order: str
    scale: float

    @property
    def words(self) -> int:
        return struct.calcsize(_FORMATS[self.type]) // 2


@dataclass(frozen=True, slots=True)
class Block:
    """Registers that one request reads."""

    start: int
    count: int

    def holds(self, register: int, words: int) -> bool:
        return self.start <= register and register + words <= self.start + self.count


@dataclass(frozen=True, slots=True)
class Label:
    """A register in which the meter names itself. words: how many; type: a number's, or `text` (two characters a word)."""

    register: int
    words: int
    type: str
    function: int

    def text_of(self, words: Sequence[int]) -> str:
        """Return it as people write it; empty where the meter has nothing printable there."""
        data = b"".join(word.to_bytes(2, "big") for word in words)
        if self.type != "text":
            (number,) = struct.unpack(_FORMATS[self.type], data)
            return f"{number:g}" if isinstance(number, float) else str(number)
        text = data.split(b"\0")[0].decode("ascii", "replace").strip()
        return text if text.isprintable() and "\ufffd" not in text else ""


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
        (raw,) = struct.unpack(_FORMATS[quantity.type], data)
        return None if math.isnan(raw) else round(raw * quantity.scale, 6)


def known_models() -> tuple[str, ...]:
    """Return the names of the maps we ship."""
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in _shipped().iterdir() if entry.name[-5:] == ".toml")
    )


def load_model(name_or_path: str) -> MeterModel:
    """Return a map by its shipped name or, with a slash or `.toml`, by its path. Raises ModelError."""
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        source: Any = Path(name_or_path)
    else:
        source = _shipped() / f"{name_or_path}.toml"
        if not source.is_file():
            raise ModelError(f"no meter model {name_or_path!r}; known models: {', '.join(known_models())}")
    try:
        return model_of(tomllib.loads(source.read_text()), str(source))
    except OSError as error:
        raise ModelError(f"{source}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{source}: {error}") from error


def model_of(table: Mapping[str, Any], source: str) -> MeterModel:
    """Check a map's TOML table. Raises ModelError with every mistake in it."""
    reader = _Reader(table, source)
    model = MeterModel(
        name=reader.take("name", str, "?"),
        phases=reader.take("phases", int, 3, choices=(1, 3)),
        function=reader.take("function", int, 4, choices=(3, 4)),
        max_registers=reader.take("max_registers", int, 1),
        pause_s=reader.take("pause_ms", int, 0) / 1000,
        baud=reader.take("serial.baud", int, 9600),
        parity=reader.take("serial.parity", str, "N", choices=("N", "E", "O")),
        stop_bits=reader.take("serial.stop_bits", int, 1, choices=(1, 2)),
        blocks=reader.blocks(),
        missing=reader.missing(),
        quantities=reader.quantities(),
        labels=reader.labels(),
    )
    reader.check(model)
    if reader.mistakes:
        raise ModelError("\n".join(f"{source}: {mistake}" for mistake in reader.mistakes))
    return model


class _Reader:
    """Takes values out of a map's table and gathers the mistakes."""

    def __init__(self, table: Mapping[str, Any], source: str) -> None:
        self.mistakes: list[str] = []
        self._table = table
        top = {"name", "phases", "function", "type", "word_order", "max_registers", "pause_ms", "blocks", "missing"}
        self._refuse_others(table, top | {"serial"} | set(_PER_PHASE) | set(_WHOLE) | set(_IDENTITY), "")
        serial = table.get("serial")
        self._refuse_others(serial if isinstance(serial, dict) else {}, {"baud", "parity", "stop_bits"}, "serial.")

    def take(self, key: str, kind: type, fallback: Any, choices: Sequence[Any] | None = None) -> Any:
        value: Any = self._table
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            self.mistakes.append(f"{key} is missing")
        elif type(value) is not kind or (isinstance(value, int) and value < 0):
            self.mistakes.append(f"{key} = {value!r} is not {'a text' if kind is str else 'a whole number >= 0'}")
        elif choices is not None and value not in choices:
            self.mistakes.append(f"{key} = {value!r} is none of {', '.join(map(str, choices))}")
        else:
            return value
        return fallback

    def blocks(self) -> tuple[Block, ...]:
        listed: Any = self._table.get("blocks", [])
        if (
            not isinstance(listed, list)
            or not listed
            or not all(_is_registers(entry) and len(entry) == 2 and entry[1] for entry in listed)
        ):
            self.mistakes.append("blocks must be a list of [first register, count]")
            return ()
        return tuple(Block(start, count) for start, count in listed)

    def missing(self) -> tuple[str, ...]:
        listed = self._table.get("missing", [])
        if not isinstance(listed, list):
            self.mistakes.append("missing must be a list")
            return ()
        rules = tuple(listed)
        for rule in rules:
            if rule not in _MISSING_RULES:
                self.mistakes.append(f"missing has {rule!r}, which is none of {', '.join(_MISSING_RULES)}")
        return rules

    def quantities(self) -> dict[str, Quantity]:
        found: dict[str, Quantity] = {}
        for name in (*_PER_PHASE, *_WHOLE):
            entry = self._table.get(name)
            if entry is None:
                if name in _REQUIRED:
                    self.mistakes.append(f"[{name}] is missing")
                continue
            if not isinstance(entry, dict):
                self.mistakes.append(f"[{name}] must be a section")
                continue
            quantity = self._quantity(name, entry)
            if quantity is not None:
                found[name] = quantity
        return found

    def _quantity(self, name: str, entry: Mapping[str, Any]) -> Quantity | None:
        self._refuse_others(entry, {"registers", "type", "word_order", "scale"}, f"{name}.")
        registers = entry.get("registers")
        value_type = entry.get("type", self._table.get("type"))
        word_order = entry.get("word_order", self._table.get("word_order"))
        scale = entry.get("scale", 1)
        before = len(self.mistakes)
        if not _is_registers(registers):
            self.mistakes.append(f"{name}.registers must be a list of registers")
        if not isinstance(value_type, str) or value_type not in _FORMATS:
            self.mistakes.append(f"{name}: type {value_type!r} is none of {', '.join(_FORMATS)}")
        if word_order not in _WORD_ORDERS:
            self.mistakes.append(f"{name}: word_order {word_order!r} is none of {', '.join(_WORD_ORDERS)}")
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not math.isfinite(scale) or scale == 0:
            self.mistakes.append(f"{name}.scale = {scale!r} is not a number other than 0")
        if len(self.mistakes) > before or registers is None:
            return None
        return Quantity(tuple(registers), str(value_type), str(word_order), float(scale))

    def labels(self) -> dict[str, Label]:
        found: dict[str, Label] = {}
        for name in _IDENTITY:
            entry = self._table.get(name)
            if entry is None:
                continue
            if not isinstance(entry, dict):
                self.mistakes.append(f"[{name}] must be a section")
                continue
            self._refuse_others(entry, {"register", "type", "words", "function"}, f"{name}.")
            kind = entry.get("type")
            if not isinstance(kind, str) or (kind != "text" and kind not in _FORMATS):
                self.mistakes.append(f"{name}: type {kind!r} is none of text, {', '.join(_FORMATS)}")
                continue
            own = {"words": struct.calcsize(_FORMATS[kind]) // 2} if kind != "text" else {}
            numbers = {"register": None, "words": None, "function": self._table.get("function"), **entry, **own}
            bounds = {"register": (0, 0xFFFF), "words": (1, _MOST_REGISTERS), "function": (3, 4)}
            for key, (low, high) in bounds.items():
                value = numbers[key]
                if type(value) is not int or not low <= value <= high:
                    self.mistakes.append(f"{name}.{key} = {value!r} is not a whole number {low} to {high}")
                    break
            else:
                found[name] = Label(numbers["register"], numbers["words"], kind, numbers["function"])
        return found

    def check(self, model: MeterModel) -> None:
        """What concerns several keys at once."""
        if model.max_registers > _MOST_REGISTERS:
            self.mistakes.append(f"max_registers = {model.max_registers} is more than Modbus allows: {_MOST_REGISTERS}")
        for block in model.blocks:
            if block.count > model.max_registers:
                self.mistakes.append(
                    f"block {block.start:#06x} has {block.count} registers, max_registers is {model.max_registers}"
                )
        for name, quantity in model.quantities.items():
            expected = model.phases if name in _PER_PHASE else 1
            if len(quantity.registers) != expected:
                self.mistakes.append(f"{name}.registers has {len(quantity.registers)} entries instead of {expected}")
            for register in quantity.registers:
                if not any(block.holds(register, quantity.words) for block in model.blocks):
                    self.mistakes.append(f"{name}: register {register:#06x} ({quantity.type}) lies in no block")

    def _refuse_others(self, table: Mapping[str, Any], known: set[str], prefix: str) -> None:
        self.mistakes.extend(f"unknown key {prefix}{key}" for key in table if key not in known)


def _is_registers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(n) is int and 0 <= n <= 0xFFFF for n in value)


def _shipped() -> Any:
    return files("drivers.meter") / "models"
