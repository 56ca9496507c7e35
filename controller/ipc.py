"""What goes over the socket between the two processes: one JSON object a packet, `{"t": "permit", ...}`.

Decoding is strict, because a malformed permit must not energise anything: an unknown type, a missing or unknown key, a wrong type, a
number out of range or not finite raises MalformedMessage, and the old lease runs out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from controller.logic.evse import (
    ContactorState,
    EvseFacts,
    FaultReset,
    Heartbeat,
    LimitContact,
    LockState,
    LockWish,
    Measurements,
    Permit,
    PermitWithdrawn,
    PilotOutput,
    PilotState,
    PlugState,
    StationMessage,
)

MAX_PACKET = 8192  # bytes; a packet that fills it is treated as malformed
LONGEST_LEASE_S = 2.0
MOST_A = 80.0
_LONGEST_TEXT = 400
_MOST_ITEMS = 64

Message = StationMessage | EvseFacts
_T = TypeVar("_T")
_Reader = Callable[[Any], Any]


class MalformedMessage(ValueError):
    """The packet is no message of ours. The text says why."""


def encode(message: Message) -> bytes:
    """Return one packet; never empty, because an empty packet looks like the end of the connection."""
    kind = _KINDS[type(message)]
    body = {key: write(getattr(message, key)) for key, write in _WRITERS[kind]}
    return json.dumps({"t": kind, **body}, separators=(",", ":")).encode()


def decode(packet: bytes) -> Message:
    """Return the message of one packet. Raises MalformedMessage."""
    if not 0 < len(packet) < MAX_PACKET:
        raise MalformedMessage(f"a packet of {len(packet)} bytes")
    try:
        raw = json.loads(packet, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"not JSON: {error}") from error
    kind = raw.get("t") if isinstance(raw, dict) else None
    fields = _FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise MalformedMessage(f"unknown message type {kind!r}")
    build, readers = fields
    return build(**_read(raw, readers, str(kind)))


def _read(raw: Mapping[str, Any], readers: Mapping[str, _Reader], kind: str) -> dict[str, Any]:
    if raw.keys() - {"t"} != readers.keys():
        wrong = sorted((raw.keys() - {"t"}) ^ readers.keys())
        raise MalformedMessage(f"{kind}: missing or unknown: {', '.join(map(repr, wrong[:5]))}")
    values = {}
    for key, read in readers.items():
        try:
            values[key] = read(raw[key])
        except (ValueError, TypeError, OverflowError) as error:
            raise MalformedMessage(f"{kind}.{key}: {error}") from error
    return values


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


# --- readers of single values: each returns the value or raises ValueError ---------------------------------------------


def _whole(low: int, high: int) -> _Reader:
    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"must be a whole number {low}..{high}")
        return value

    return read


def _number(low: float = -1e9, high: float = 1e12) -> _Reader:
    def read(value: Any) -> float:
        if type(value) not in (int, float) or not math.isfinite(value) or not low <= value <= high:
            raise ValueError(f"must be a number {low:g}..{high:g}")
        return float(value)

    return read


def _text(shortest: int = 0) -> _Reader:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not shortest <= len(value) <= _LONGEST_TEXT:
            raise ValueError(f"must be a text of {shortest}..{_LONGEST_TEXT} characters")
        return value

    return read


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _choice(*values: int) -> _Reader:
    def read(value: Any) -> int:
        if type(value) is not int or value not in values:
            raise ValueError(f"must be one of {values}")
        return value

    return read


def _or_none(read: Callable[[Any], _T]) -> Callable[[Any], _T | None]:
    return lambda value: None if value is None else read(value)


def _list(read: _Reader) -> _Reader:
    def read_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > _MOST_ITEMS:
            raise ValueError(f"must be a list of at most {_MOST_ITEMS}")
        return tuple(read(each) for each in value)

    return read_all


def _measurements(value: Any) -> Measurements:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return Measurements(**_read(value, _MEASUREMENTS, "measurements"))


_EVSE = _whole(1, 64)
_COUNT = _whole(0, 2**53)
_MEASUREMENTS: dict[str, _Reader] = {
    "current_a": _list(_number(-1e4, 1e4)),
    "voltage_v": _list(_number(-1e4, 1e4)),
    "age_s": _number(0.0, 1e9),
}
_FIELDS: dict[str, tuple[Callable[..., Message], dict[str, _Reader]]] = {
    "permit": (
        Permit,
        {
            "evse_id": _EVSE,
            "max_current_a": _number(0.0, MOST_A),
            "phases": _choice(1, 3),
            "charging_record_id": _text(1),
            "lease_s": _number(0.0, LONGEST_LEASE_S),
            "measurements": _or_none(_measurements),
        },
    ),
    "withdraw": (PermitWithdrawn, {"evse_id": _EVSE}),
    "lock": (LockWish, {"evse_id": _EVSE, "lock": _truth}),
    "reset_fault": (FaultReset, {"evse_id": _EVSE, "fault_id": _text(1)}),
    "heartbeat": (Heartbeat, {}),
    "facts": (
        EvseFacts,
        {
            "evse_id": _EVSE,
            "run_id": _text(),
            "at_s": _number(0.0),
            "pilot": PilotState,
            "plug": PlugState,
            "plug_count": _COUNT,
            "output": PilotOutput,
            "duty_pct": _or_none(_number(0.0, 100.0)),
            "signalled_a": _number(0.0, MOST_A),
            "high_v": _or_none(_number(-1e3, 1e3)),
            "low_v": _or_none(_number(-1e3, 1e3)),
            "contactor": ContactorState,
            "lock": LockState,
            "cable_a": _or_none(_whole(0, 1000)),
            "record_id": _or_none(_text()),
            "faults": _list(_text()),
            "blocked_by": _list(_text()),
            "cycles": _COUNT,
            "under_load_opens": _COUNT,
            "temperature_c": _or_none(_number(-273.0, 1e3)),
            "thermal_a": _or_none(_number(0.0, MOST_A)),
            "limit_contact": LimitContact,
        },
    ),
}
_KINDS: dict[type, str] = {
    Permit: "permit",
    PermitWithdrawn: "withdraw",
    LockWish: "lock",
    FaultReset: "reset_fault",
    Heartbeat: "heartbeat",
    EvseFacts: "facts",
}


def _as_it_is(value: Any) -> Any:
    return value


def _write_measurements(value: Measurements | None) -> dict[str, Any] | None:
    return None if value is None else {key: getattr(value, key) for key in _MEASUREMENTS}


_WRITERS: dict[str, tuple[tuple[str, Callable[[Any], Any]], ...]] = {
    kind: tuple((key, _write_measurements if key == "measurements" else _as_it_is) for key in readers)
    for kind, (_, readers) in _FIELDS.items()
}
