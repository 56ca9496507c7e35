"""What a message must look like, written as the message itself, only looser.

A plain value must be equal. A mapping must fit key by key; what it does not name is free. `ABSENT`: the key is not there. `GIVEN`:
it is, whatever it is. `one_of(...)`: one of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class _Mark:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ABSENT = _Mark("ABSENT")
GIVEN = _Mark("GIVEN")


@dataclass(frozen=True)
class OneOf:
    values: tuple[Any, ...]


def one_of(*values: Any) -> OneOf:
    """May hold ABSENT."""
    return OneOf(values)


def differences(value: Any, pattern: Any, where: str = "") -> list[str]:
    """Say where `value` does not fit."""
    if isinstance(pattern, Mapping):
        if not isinstance(value, Mapping):
            return [f"{where or 'it'} is {value!r}"]
        found = []
        for key, wanted in pattern.items():
            found += differences(value.get(key, ABSENT), wanted, f"{where}.{key}" if where else str(key))
        return found
    if isinstance(pattern, OneOf):
        fits = any(not differences(value, each) for each in pattern.values)
    elif pattern is GIVEN:
        fits = value is not ABSENT
    else:
        fits = value is pattern if pattern is ABSENT else value == pattern
    return [] if fits else [f"{where or 'it'} is {value!r}, not {pattern!r}"]


def fits(value: Any, pattern: Any) -> bool:
    return not differences(value, pattern)
