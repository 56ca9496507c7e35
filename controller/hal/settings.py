"""How a driver declares its settings, so that the configuration reader can check, explain and document them."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Sequence
from typing import Any


def setting(
    help: str,
    *,
    default: Any = dataclasses.MISSING,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    choices: Sequence[Any] | None = None,
    pin: str = "",
) -> Any:
    """Declare one field of a frozen settings dataclass.

    help: one sentence for the reference. default: absent means the key is required. low, high: inclusive bounds.
    choices: the only values allowed. pin: `"in"` or `"out"` marks a GPIO line to reserve (an `"out"` line drives an
    actuator). The annotated type is one of bool, int, float, str, or those `| None`, or `tuple[int|float|str, ...]`.
    """
    metadata = {"help": help, "low": low, "high": high, "unit": unit, "choices": choices, "pin": pin}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata, kw_only=True)
    return dataclasses.field(default=default, metadata=metadata, kw_only=True)


def undeclared(kind: object) -> str:
    """Return what keeps the configuration reader from reading a driver's `Settings`; empty when nothing does."""
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        return "has no nested dataclass `Settings`"
    try:
        hints = typing.get_type_hints(kind)
    except Exception as error:  # noqa: BLE001 - it evaluates whatever somebody wrote there
        return f"has a type in `Settings` that cannot be read: {error}"
    for field in dataclasses.fields(kind):
        if "help" not in field.metadata:
            return f"has a field `Settings.{field.name}` that is not declared with setting()"
        if not _is_kind(hints[field.name]):
            return f"has a field `Settings.{field.name}` of a type that no TOML value has: {field.type}"
    return ""


def _is_kind(hint: Any) -> bool:
    """Whether `setting` allows the annotated type."""
    inner = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return all(each is types.NoneType or _is_kind(each) for each in inner)
    if typing.get_origin(hint) is tuple:
        return all(each is Ellipsis or _is_kind(each) for each in inner)
    return hint in (bool, int, float, str)
