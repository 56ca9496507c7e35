"""What can be broken at the plant: the kinds of the `fault` verb, and what their `value` may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hil.plant.ev_options import number, whole
from hil.plant.meter import QUANTITIES
from hil.plant.rcd import HEALTH
from hil.plant.values import PlantError

Reader = Callable[[str, object], Any]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """help: what is physically so. read: checks `value` and returns what the plant keeps. of_station: needs no evse."""

    help: str
    read: Reader
    of_station: bool = False


def _none(where: str, value: object) -> bool:
    if value not in (None, True):
        raise PlantError(f"{where}: `value` is not used, leave it away (got {value!r})")
    return True


def _one_of(default: str, *choices: str) -> Reader:
    def read(where: str, value: object) -> str:
        if value is None:
            return default
        if value not in choices:
            raise PlantError(f"{where}: `value` must be one of {', '.join(choices)}, not {value!r}")
        return str(value)

    return read


def _number(low: float, high: float, default: float | None) -> Reader:
    def read(where: str, value: object) -> float:
        if value is None and default is not None:
            return default
        return number(where, "value", value, low, high)

    return read


def _whole(low: int, high: int) -> Reader:
    return lambda where, value: whole(where, "value", value, low, high)


def _ohms(where: str, value: object) -> float:
    return math.inf if value == "open" else number(where, "value", value, 0.0, 1e9)


def _short(where: str, value: object) -> float | str:
    return "after_diode" if value == "after_diode" else _number(0.0, 1e6, 0.0)(where, value)


def _amps_or_auto(where: str, value: object) -> float | str:
    return "auto" if value is None else number(where, "value", value, 0.0, 1000.0)


def _meter_value(where: str, value: object) -> Mapping[str, float]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"energy_wh": float(value)}
    if not isinstance(value, Mapping) or not value:
        raise PlantError(
            f"{where}: `value` must be Wh of the register or an object with some of {', '.join(QUANTITIES)}"
        )
    wrong = {}
    for quantity, shown in value.items():
        if quantity not in QUANTITIES:
            raise PlantError(f"{where}: unknown quantity `value.{quantity}` (known: {', '.join(QUANTITIES)})")
        wrong[str(quantity)] = math.nan if shown == "nan" else number(where, f"value.{quantity}", shown, -1e12, 1e12)
    return wrong


def _reader_name(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise PlantError(f"{where}: `value` must name a reader, not {value!r}")
    return value


KINDS: Mapping[str, FaultKind] = {
    "diode": FaultKind("the EV's diode is shorted", _none),
    "cp_short": FaultKind("pilot to earth; value: ohms (default 0) or `after_diode`", _short),
    "pp_ohm": FaultKind("proximity to earth measures this; value: ohms or `open`", _ohms),
    "rcd": FaultKind(
        "trip: residual current; error: error output; dead: no test trips it; half_dead: only its 6 mA output",
        _one_of("trip", *HEALTH[1:]),
    ),
    "weld": FaultKind("the main contact is closed, whatever the coil does", _none),
    "stuck_open": FaultKind("the main contact does not close", _none),
    "over_temperature": FaultKind("temperature in the enclosure; value: °C", _number(-50.0, 200.0, 75.0)),
    "over_current": FaultKind("the EV draws this; value: A a phase (default 1.3 × offered + 1)", _amps_or_auto),
    "under_voltage": FaultKind("supply voltage of each phase; value: V", _number(0.0, 230.0, 180.0)),
    "over_voltage": FaultKind("supply voltage of each phase; value: V", _number(230.0, 500.0, 265.0)),
    "ground": FaultKind("earth to the EV is broken: pilot and proximity have no return", _none),
    "meter_silent": FaultKind("the meter does not answer", _none),
    "meter_garbage": FaultKind("the meter's answers are corrupted on the line", _none),
    "meter_address": FaultKind("the meter listens at another bus address; value: 1-247", _whole(1, 247)),
    "meter_value": FaultKind(
        "the meter shows wrong values; value: register Wh, or an object of quantities", _meter_value
    ),
    "mirror": FaultKind("the mirror contact lies", _one_of("inverted", "inverted", "open", "closed", "contradictory")),
    "lock_jam": FaultKind("the lock's bolt does not move", _none),
    "mains": FaultKind("mains is absent", _none, of_station=True),
    "estop": FaultKind("the emergency stop is pressed", _none, of_station=True),
    "limit": FaultKind("the contact of `[limit]` is active", _none, of_station=True),
    "adc": FaultKind("every transfer on the analogue bus fails (no acknowledge)", _none, of_station=True),
    "reader_gone": FaultKind("a card reader is unplugged; value: its name", _reader_name, of_station=True),
}
