"""Reads a register map's TOML table and gathers every mistake: key, value, and the rule it breaks. Pure.

What concerns several keys at once is in `map_rules`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drivers.meter.map_rules import MOST_REGISTERS, PER_PHASE, broken_rules
from drivers.meter.register_map import FORMATS, LABEL_TYPES, Block, Label, MeterModel, Quantity, SignedBlock

_WORD_ORDERS = ("high_first", "low_first")
_MISSING_RULES = ("all_ones", "max_positive")
_WHOLE = ("power_w", "energy_import_wh", "energy_export_wh", "frequency_hz", "power_factor")
_REQUIRED = ("power_w", "energy_import_wh")
_IDENTITY = ("serial_number", "firmware")
_SIGNED = ("signed_data", "public_key")
_TOP = ("name", "phases", "function", "type", "word_order", "max_registers", "pause_ms", "blocks", "missing", "serial")
_LABEL_KEYS = ("register", "type", "words", "function")
_OTHER_NAMES = {  # what other programs call them
    "float": "f32", "float32": "f32", "single": "f32", "int16": "i16", "uint16": "u16", "int32": "i32", "uint32": "u32",
    "int64": "i64", "uint64": "u64", "string": "text", "str": "text", "ascii": "text",
    "big": "high_first", "big_endian": "high_first", "little": "low_first", "little_endian": "low_first",
    "none": "N", "even": "E", "odd": "O",
}  # fmt: skip


class MapReader:
    """Takes values out of a map's table; `mistakes` has what is wrong with them."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.mistakes: list[str] = []
        self._table = table

    def model(self) -> MeterModel:
        """Return the map, with stand-ins where there are mistakes."""
        self._refuse_others(self._table, (*_TOP, *PER_PHASE, *_WHOLE, *_IDENTITY, *_SIGNED), "")
        self._refuse_others(self._section("serial") or {}, ("baud", "parity", "stop_bits"), "serial.")
        model = MeterModel(
            name=self._text(self._table, "name", "name", "?"),
            phases=self._whole("phases", 3, choices=(1, 3)),
            function=self._whole("function", 4, choices=(3, 4)),
            max_registers=self._whole("max_registers", MOST_REGISTERS, low=1, high=MOST_REGISTERS),
            pause_s=self._whole("pause_ms", 0, low=0, high=5000) / 1000,
            baud=self._whole("serial.baud", 9600, low=300, high=115200),
            parity=self._parity(),
            stop_bits=self._whole("serial.stop_bits", 1, choices=(1, 2)),
            blocks=self._blocks(),
            missing=self._missing(),
            quantities=self._quantities(),
            labels={name: label for name in _IDENTITY if (label := self._label(name, _LABEL_KEYS)) is not None},
            signed=self._signed(),
        )
        self.mistakes += broken_rules(model)
        return model

    def _whole(self, key: str, fallback: int, *, low: int = 0, high: int = 0, choices: Sequence[int] = ()) -> int:
        """A whole number in bounds (high 0: choices count instead)."""
        value: Any = self._table
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            self.mistakes.append(f"{key} is missing")
        elif type(value) is not int:
            self.mistakes.append(f"{key} = {value!r} is not a whole number")
        elif choices and value not in choices:
            self.mistakes.append(f"{key} = {value!r} is none of {_listed(choices)}")
        elif high and not low <= value <= high:
            self.mistakes.append(f"{key} = {value!r} is not {low} to {high}")
        else:
            return value
        return fallback

    def _text(self, table: Mapping[str, Any], key: str, named: str, fallback: str) -> str:
        value = table.get(key)
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value
        self.mistakes.append(
            f"{named} is missing" if value is None else f"{named} = {value!r} is not a text of one line"
        )
        return fallback

    def _parity(self) -> str:
        value = (self._section("serial") or {}).get("parity")
        return str(value) if self._is_one_of("serial.parity", value, ("N", "E", "O")) else "N"

    def _blocks(self) -> tuple[Block, ...]:
        listed: Any = self._table.get("blocks", [])
        is_list = isinstance(listed, list) and bool(listed)
        if not is_list or not all(_is_registers(entry) and len(entry) == 2 and entry[1] for entry in listed):
            self.mistakes.append(
                f"blocks = {listed!r} is not a list of [first register, count], registers 0 to 0xFFFF, count 1 or more"
            )
            return ()
        return tuple(Block(start, count) for start, count in listed)

    def _missing(self) -> tuple[str, ...]:
        listed = self._table.get("missing", [])
        if not isinstance(listed, list):
            self.mistakes.append(f"missing = {listed!r} is not a list")
            return ()
        return tuple(rule for rule in listed if self._is_one_of("missing", rule, _MISSING_RULES))

    def _quantities(self) -> dict[str, Quantity]:
        found: dict[str, Quantity] = {}
        for name in (*PER_PHASE, *_WHOLE):
            entry = self._section(name)
            quantity = self._quantity(name, entry) if entry is not None else None
            if quantity is not None:
                found[name] = quantity
            elif name in _REQUIRED and name not in self._table:
                self.mistakes.append(f"[{name}] is missing: a meter must have it")
        return found

    def _quantity(self, name: str, entry: Mapping[str, Any]) -> Quantity | None:
        before = len(self.mistakes)
        self._refuse_others(entry, ("registers", "type", "word_order", "scale"), f"{name}.")
        registers = entry.get("registers")
        if not _is_registers(registers):
            self.mistakes.append(f"{name}.registers = {registers!r} is not a list of registers 0 to 0xFFFF")
        value_type = entry.get("type", self._table.get("type"))
        self._is_one_of(f"{name}.type", value_type, tuple(FORMATS))
        word_order = entry.get("word_order", self._table.get("word_order"))
        self._is_one_of(f"{name}.word_order", word_order, _WORD_ORDERS)
        scale = entry.get("scale", 1)
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not math.isfinite(scale) or scale == 0:
            self.mistakes.append(f"{name}.scale = {scale!r} is not a number other than 0")
        if len(self.mistakes) > before or registers is None:
            return None
        return Quantity(tuple(registers), str(value_type), str(word_order), float(scale))

    def _label(self, name: str, keys: Sequence[str]) -> Label | None:
        entry = self._section(name)
        if entry is None:
            return None
        self._refuse_others(entry, keys, f"{name}.")
        kind = entry.get("type")
        if not self._is_one_of(f"{name}.type", kind, LABEL_TYPES):
            return None
        words = {"version": 1}.get(str(kind)) if kind not in FORMATS else struct.calcsize(FORMATS[str(kind)]) // 2
        given = {"function": self._table.get("function"), **entry, **({"words": words} if words else {})}
        bounds = {"register": (0, 0xFFFF), "words": (1, 1000), "function": (3, 4)}
        before = len(self.mistakes)
        for key, (low, high) in bounds.items():
            value = given.get(key)
            if type(value) is not int or not low <= value <= high:
                self.mistakes.append(f"{name}.{key} = {value!r} is not a whole number {low} to {high}")
        if len(self.mistakes) > before:
            return None
        return Label(given["register"], given["words"], str(kind), given["function"])

    def _signed(self) -> SignedBlock | None:
        key = self._label("public_key", _LABEL_KEYS)
        entry = self._section("signed_data")
        if entry is None:
            if "public_key" in self._table:
                self.mistakes.append("[public_key] is of no use without [signed_data]")
            return None
        data = self._label("signed_data", (*_LABEL_KEYS, "encoding", "signing"))
        encoding = self._text(entry, "encoding", "signed_data.encoding", "?")
        signing = self._text(entry, "signing", "signed_data.signing", "") if "signing" in entry else ""
        for named, label in (("signed_data", data), ("public_key", key)):
            if label is not None and label.type not in ("text", "bytes"):
                self.mistakes.append(f"{named}.type = {label.type!r} is none of text, bytes")
        return SignedBlock(data, key, encoding, signing) if data is not None else None

    def _section(self, name: str) -> Mapping[str, Any] | None:
        entry = self._table.get(name)
        if entry is None or isinstance(entry, dict):
            return entry
        self._once(f"{name} = {entry!r} is not a section: write it as [{name}]")
        return None

    def _is_one_of(self, key: str, value: Any, known: Sequence[str]) -> bool:
        if value in known:
            return True
        if value is None:
            self.mistakes.append(f"{key} is missing; it is one of {_listed(known)}")
        else:
            meant = _OTHER_NAMES.get(str(value).lower())
            hint = f"; did you mean {meant}?" if meant in known else ""
            self.mistakes.append(f"{key} = {value!r} is none of {_listed(known)}{hint}")
        return False

    def _refuse_others(self, table: Mapping[str, Any], known: Sequence[str], prefix: str) -> None:
        from difflib import get_close_matches  # only a mistake needs it

        for key, value in table.items():
            if key not in known:
                close = get_close_matches(key, known, n=1)
                hint = f"did you mean {prefix}{close[0]}?" if close else f"known: {_listed(known)}"
                shown = "" if isinstance(value, dict) else f" = {value!r}"
                named = key if key.isprintable() else repr(key)
                self.mistakes.append(f"unknown key {prefix}{named}{shown}; {hint}")

    def _once(self, mistake: str) -> None:
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)


def _is_registers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(n) is int and 0 <= n <= 0xFFFF for n in value)


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))
