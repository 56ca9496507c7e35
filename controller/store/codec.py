"""How facts lie in the database: JSON objects named like the record's fields; in events, None is left out.

An instant is `{"boot_id", "monotonic_s", "wall", "quality"}` with `wall` as RFC 3339 text. Enums are their OCPP names.
A field that a later version adds with a default reads as that default in older rows; a field that is gone is ignored,
so a row never needs rewriting because a record grew.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from controller.logic.records import EventKind, Kept, MeterSampled, TransactionEvent

T = TypeVar("T")

METERED = "Metered"  # the kind of row that holds a MeterSampled; the others are the EventKind's value

_EVENT = msgspec.json.Decoder(TransactionEvent)
_METERED = msgspec.json.Decoder(MeterSampled)


def kind_of(event: TransactionEvent | MeterSampled) -> str:
    return event.kind.value if isinstance(event, TransactionEvent) else METERED


def encode(value: Any) -> str:
    """Return the JSON text of a record or value."""
    return msgspec.json.encode(value).decode()


def encode_event(event: TransactionEvent | MeterSampled | Kept) -> str:
    """Return the JSON text of an event or of kept values, without the many fields that are None (all of which default to it)."""
    return msgspec.json.encode(_lean(msgspec.to_builtins(event))).decode()


def decode(text: str, kind: type[T]) -> T:
    return msgspec.json.decode(text, type=kind)


def decode_event(kind: str, text: str) -> TransactionEvent | MeterSampled:
    return _METERED.decode(text) if kind == METERED else _EVENT.decode(text)


def is_update(kind: str) -> bool:
    """Neither begin nor end: such a row may wait for the next flush when its delivery is noted."""
    return kind in (METERED, EventKind.UPDATED)


def _lean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lean(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_lean(item) for item in value]
    return value
