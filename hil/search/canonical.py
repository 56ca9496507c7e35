"""Copies of object graphs, and keys by which two of them are the same, without knowing any class.

Worlds that are searched begin at `EPOCH_S`, so a float as big as that is a time, and no current, voltage or resistance is. In a
key a time is how long ago or ahead it is, and of that only which of the rules' own times (`FORCED_OPEN_S`, `RECLOSE_S`, ...)
it has passed: these are read from the modules of the classes met. What is only counted and told is left out.
"""

from __future__ import annotations

import dataclasses
import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from enum import Enum
from types import FunctionType, MethodType, ModuleType
from typing import Any, TypeVar

EPOCH_S = 1.0e6
_TIMES_ABOVE = EPOCH_S / 2
_TOLERANCE_S = 1e-5
_COARSEST_S = 1e5  # an hour or a day ago may differ, more does not
# Counted and told, or made anew in every pass: nothing that happens later depends on it.
TOLD_ONLY = frozenset(
    {
        "against", "cycles", "has_changed", "ids", "passes", "plug_count", "point", "under_load_opens", "version",
        "_key", "_now", "_rules", "_texts", "_texts_key",
    }
)  # fmt: skip
# Refreshed as a whole before it is read, or never changed in place: copies share it.
_SHARED = frozenset({"config", "ids", "point", "ports", "_key", "_texts", "_texts_key"})
_SATURATES = {"_count": 4}  # counts on, but is only compared with a small number

_PLAIN = frozenset({float, int, bool, str, type(None)})

_T = TypeVar("_T")


class Graphs:
    """Copies and keys of graphs of one kind. is_exact: times in keys are told to the millisecond."""

    def __init__(self, *, is_exact: bool = False) -> None:
        self._is_exact = is_exact
        self._fields: dict[type, tuple[str, ...] | None] = {}
        self._modules: set[str] = set()
        self._marks: list[float] = []

    # --- copies ---------------------------------------------------------------------------------------------------------

    def copy(self, graph: _T) -> _T:
        """Return a copy that shares only what cannot change."""
        return self._copy(graph, {})  # type: ignore[no-any-return]

    def _copy(self, value: Any, done: dict[int, Any]) -> Any:
        kind = type(value)
        fields = self._fields[kind] if kind in self._fields else self._learn(kind)
        if fields is not None:
            return self._copy_object(value, kind, fields, done)
        make = _CONTAINERS.get(kind)
        if make is not None:
            return make(self, value, done)
        return value

    def _copy_object(self, value: Any, kind: type, fields: tuple[str, ...], done: dict[int, Any]) -> Any:
        known = done.get(id(value))
        if known is not None:
            return known
        new: Any = object.__new__(kind)
        done[id(value)] = new
        copy = self._copy
        shared = _SHARED
        if fields:
            for name in fields:
                part = getattr(value, name)
                setattr(new, name, part if type(part) in _PLAIN or name in shared else copy(part, done))
        else:
            new.__dict__.update(
                {
                    name: part if type(part) in _PLAIN or name in shared else copy(part, done)
                    for name, part in value.__dict__.items()
                }
            )
        return new

    def _learn(self, kind: type) -> tuple[str, ...] | None:
        """Return the slots of a class whose objects change; () for one with a __dict__; None for what is shared."""
        fields: tuple[str, ...] | None = None
        if _is_ours(kind) and not issubclass(kind, Enum) and not _is_frozen(kind):
            slots = [name for each in kind.__mro__ for name in each.__dict__.get("__slots__", ())]
            fields = tuple(slots)
            self._note_module(kind.__module__)
        self._fields[kind] = fields
        return fields

    # --- keys -----------------------------------------------------------------------------------------------------------

    def key(self, graph: object, now: float) -> int:
        """Return a number that is the same for two graphs that will behave the same, as far as the marks tell."""
        parts: list[Any] = []
        self._flatten(graph, now, parts, set())
        return hash(tuple(parts))

    def _flatten(self, value: Any, now: float, parts: list[Any], seen: set[int]) -> None:
        kind = type(value)
        if kind is float:
            parts.append(self._since(value, now) if _TIMES_ABOVE < value < float("inf") else value)
            return
        fields = self._fields[kind] if kind in self._fields else self._learn(kind)
        if fields is not None:
            if id(value) in seen:
                return
            seen.add(id(value))
            for name in fields or sorted(value.__dict__):
                if name in TOLD_ONLY or name in _SHARED:
                    continue
                part = getattr(value, name)
                if name in _SATURATES:
                    part = min(part, _SATURATES[name])
                if type(part) in _PLAIN and type(part) is not float:
                    parts.append(part)
                else:
                    self._flatten(part, now, parts, seen)
        elif kind in (tuple, list, deque):
            parts.append(len(value))
            for each in value:
                self._flatten(each, now, parts, seen)
        elif kind in (set, frozenset):
            parts.append(frozenset(value))
        elif kind is dict:
            self._flatten_dict(value, now, parts, seen)
        elif kind is not MethodType and kind is not FunctionType:
            parts.append(value)

    def _flatten_dict(self, value: dict[Any, Any], now: float, parts: list[Any], seen: set[int]) -> None:
        rows = []
        for name, each in value.items():
            row: list[Any] = [name]
            self._flatten(each, now, row, seen)
            rows.append(tuple(row))
        parts.append(frozenset(rows))

    def _since(self, at_s: float, now: float) -> object:
        ago = now - at_s
        if self._is_exact:
            return ("t", round(max(-_COARSEST_S, min(_COARSEST_S, ago)), 3))
        passed = bisect_right(self._marks, abs(ago) + _TOLERANCE_S)
        return ("t", passed if ago >= -_TOLERANCE_S else -1 - passed)

    def _note_module(self, name: str) -> None:
        if name in self._modules:
            return
        self._modules.add(name)
        self._marks = sorted({*self._marks, *marks_of(sys.modules[name])})


def marks_of(module: ModuleType) -> set[float]:
    """Return the times a module's rules are made of: its constants, and those it imports, whose names end in _S."""
    named = {name: value for name, value in vars(module).items() if name.isupper() and name.endswith("_S")}
    return {float(value) for value in named.values() if isinstance(value, (int, float)) and _is_a_duration(value)}


def _is_a_duration(value: float) -> bool:
    return _TOLERANCE_S < value < _TIMES_ABOVE


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in ("controller", "drivers", "hil", "tests")


def _is_frozen(kind: type) -> bool:
    return dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


def _copy_tuple(graphs: Graphs, value: tuple[Any, ...], done: dict[int, Any]) -> tuple[Any, ...]:
    new = tuple([graphs._copy(each, done) for each in value])
    return value if all(one is other for one, other in zip(value, new, strict=True)) else new


def _copy_list(graphs: Graphs, value: list[Any], done: dict[int, Any]) -> list[Any]:
    return [graphs._copy(each, done) for each in value]


def _copy_deque(graphs: Graphs, value: deque[Any], done: dict[int, Any]) -> deque[Any]:
    return deque([graphs._copy(each, done) for each in value], value.maxlen)


def _copy_dict(graphs: Graphs, value: dict[Any, Any], done: dict[int, Any]) -> dict[Any, Any]:
    return {name: graphs._copy(each, done) for name, each in value.items()}


def _copy_set(graphs: Graphs, value: set[Any], done: dict[int, Any]) -> set[Any]:
    return set(value)


def _copy_method(graphs: Graphs, value: MethodType, done: dict[int, Any]) -> MethodType:
    return MethodType(value.__func__, graphs._copy(value.__self__, done))


_CONTAINERS: dict[type, Callable[[Graphs, Any, dict[int, Any]], Any]] = {
    tuple: _copy_tuple,
    list: _copy_list,
    deque: _copy_deque,
    dict: _copy_dict,
    set: _copy_set,
    MethodType: _copy_method,
}
