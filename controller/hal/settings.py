"""How a driver declares its settings, so that the configuration reader can check, explain and document them."""

from __future__ import annotations

import dataclasses
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
