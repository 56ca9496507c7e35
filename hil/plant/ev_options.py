"""What an EV is told to be when it is plugged in, read from a verb's `ev` object."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hil.plant.values import PlantError


@dataclass(frozen=True, slots=True)
class EvOptions:
    """A willing car unless told otherwise.

    max_a, phases: what it can draw. capacity_kwh: it stops asking when soc_pct reaches 100 (inf: never).
    ignores_pwm_off: keeps S2 closed and goes on drawing when the PWM stops. no_s2: always in C while plugged in. slow:
    takes every time the standard allows. sleepy: answers no PWM until the pilot has been at F or E for 3 s.
    ventilation: asks with D. bcb: number of B-C-B toggles before it stays in C. imbalance: factor on the current of L1,
    L2, L3.
    """

    max_a: float = 32.0
    phases: int = 1
    capacity_kwh: float = math.inf
    soc_pct: float = 20.0
    ignores_pwm_off: bool = False
    no_s2: bool = False
    slow: bool = False
    sleepy: bool = False
    ventilation: bool = False
    bcb: int = 0
    imbalance: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def as_json(self) -> dict[str, Any]:
        capacity = None if math.isinf(self.capacity_kwh) else self.capacity_kwh
        return {name: getattr(self, name) for name in KEYS} | {
            "capacity_kwh": capacity,
            "imbalance": list(self.imbalance),
        }


KEYS = tuple(EvOptions.__dataclass_fields__)
_BOUNDS = {"max_a": (0.0, 100.0), "capacity_kwh": (0.001, 1000.0), "soc_pct": (0.0, 100.0)}
_WHOLE_BOUNDS = {"phases": (1, 3), "bcb": (0, 20)}


def read_ev_options(where: str, given: object) -> EvOptions:
    """Return the options of an `ev` object. where: begins the message of the PlantError that a mistake raises."""
    if given is None:
        return EvOptions()
    if not isinstance(given, Mapping):
        raise PlantError(f"{where}: `ev` must be an object, not {given!r}")
    unknown = sorted(str(key) for key in given if key not in KEYS)
    if unknown:
        raise PlantError(f"{where}: unknown key `ev.{unknown[0]}` (known: {', '.join(KEYS)})")
    return EvOptions(**{str(key): _checked(where, str(key), value) for key, value in given.items()})


def _checked(where: str, key: str, value: object) -> Any:
    name = f"ev.{key}"
    if key in _BOUNDS:
        return number(where, name, value, *_BOUNDS[key])
    if key in _WHOLE_BOUNDS:
        return whole(where, name, value, *_WHOLE_BOUNDS[key])
    if key == "imbalance":
        if not isinstance(value, (list, tuple)) or len(value) != 3:
            raise PlantError(f"{where}: `{name}` must be three numbers, not {value!r}")
        return tuple(number(where, name, factor, 0.0, 2.0) for factor in value)
    return flag(where, name, value)


def number(where: str, key: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise PlantError(f"{where}: `{key}` must be a number from {low:g} to {high:g}, not {value!r}")
    return float(value)


def whole(where: str, key: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise PlantError(f"{where}: `{key}` must be a whole number from {low} to {high}, not {value!r}")
    return value


def flag(where: str, key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise PlantError(f"{where}: `{key}` must be true or false, not {value!r}")
    return value
