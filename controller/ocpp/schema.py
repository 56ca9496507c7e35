"""Payloads against their schemas: what is decoded is typed and conforms, what is sent conforms too.

The message types are generated (`generate.py`) from the JSON schemas in the `ocpp` package. Beyond those schemas we also hold:
an integer has 32 bits, a date-time is RFC 3339 (2.0.1: with a time zone), nesting ends at 64. Less strict than 1.6's draft-04
schemas in one thing: 1.0 is an integer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Raw, Struct, UnsetType

from controller.ocpp.exc import ErrorCode, PayloadError

T = TypeVar("T")

MAX_NESTING = 64
_MISSING = "missing required field"
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


# OCPP-J 1.6 table 7, with the spellings its errata decided to keep; other message types are ignored there (§4.1.2).
_SPELLING_16 = {
    ErrorCode.FORMAT_VIOLATION: "FormationViolation",
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
    ErrorCode.RPC_FRAMEWORK_ERROR: "GenericError",
    ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "",
}


class Tenths(float):
    """A number with at most one decimal (1.6: multipleOf 0.1), judged on its decimal digits."""


class CustomData(dict[str, Any]):
    """The one object that may carry keys of its own (Part 4 §9); `vendorId` is required."""


class Action(Struct, frozen=True):
    """The two payload types of an action."""

    request: type[Struct]
    response: type[Struct]


def given(value: T | UnsetType) -> T | None:
    """Return an optional field's value, or None where it was left out."""
    return None if isinstance(value, UnsetType) else value


def wire_time(at: datetime) -> str:
    """Return an aware time as both versions want it: UTC, three decimals at most."""
    whole = at.astimezone(UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{whole.microsecond // 1000:03d}Z"


def as_utc(at: datetime) -> datetime:
    """Return aware UTC; a time without a zone (some 1.6 CSMS send it) is taken as UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def is_nested_too_deep(text: str) -> bool:
    """Whether JSON text nests deeper than MAX_NESTING; cheap for the usual message."""
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return False
    depth = 0
    for match in _BRACKETS.finditer(text):
        token = match.group()
        if token in "[{":
            depth += 1
            if depth > MAX_NESTING:
                return True
        elif token in "]}":
            depth -= 1
    return False


class Codec:
    """Decodes and encodes the payloads of one OCPP version. Decoders are compiled at their first use."""

    def __init__(self, protocol: str, actions: Mapping[str, Action]) -> None:
        self.protocol = protocol
        self._actions = actions
        self._spelling = _SPELLING_16 if protocol == "ocpp1.6" else {}
        self.answers_unreadable = protocol != "ocpp1.6"  # 1.6 has no id for an answer to what has none
        self._decoders: dict[type[Struct], msgspec.json.Decoder[Any]] = {}

    def knows(self, action: str) -> bool:
        return action in self._actions

    def spell(self, code: str) -> str:
        """Return an error code as this version spells it; empty when this version does not answer such a thing."""
        return self._spelling.get(ErrorCode(code), code) if code in ErrorCode._value2member_map_ else code

    def decode_request(self, action: str, payload: bytes) -> Struct:
        """Raises PayloadError."""
        try:
            return self._decode(self._actions[action].request, payload)
        except PayloadError as error:
            if self.protocol == "ocpp1.6" and _MISSING in error.description:  # OCPP-J 1.6 table 7: "incomplete"
                raise PayloadError(ErrorCode.PROTOCOL_ERROR, error.description) from error
            raise

    def decode_response(self, action: str, payload: bytes) -> Struct:
        """Raises PayloadError."""
        return self._decode(self._actions[action].response, payload)

    def encode_request(self, action: str, payload: Struct | Mapping[str, Any] | Raw) -> bytes:
        """Return JSON, of Raw the very same. Raises PayloadError when it would not conform: nothing malformed leaves the station."""
        return self._encode(self._actions[action].request, payload)

    def encode_response(self, action: str, payload: Struct | Mapping[str, Any] | Raw) -> bytes:
        """Return JSON. Raises PayloadError."""
        return self._encode(self._actions[action].response, payload)

    def _encode(self, kind: type[Struct], payload: Struct | Mapping[str, Any] | Raw) -> bytes:
        encoded = msgspec.json.encode(payload, enc_hook=_encode_custom)
        self._decode(kind, encoded)
        return encoded

    def _decode(self, kind: type[Struct], payload: bytes) -> Struct:
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = msgspec.json.Decoder(kind, dec_hook=_decode_custom, float_hook=_exact_float)
            self._decoders[kind] = decoder
        try:
            return cast(Struct, decoder.decode(payload))
        except msgspec.ValidationError as error:
            if "got `float`" not in str(error):
                raise _payload_error(error) from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise PayloadError(ErrorCode.FORMAT_VIOLATION, str(error)) from error
        return _decode_integral(kind, payload)


class _ExactFloat(float):
    """A number of an untyped place, with the digits it was written with."""

    digits: str


def _exact_float(digits: str) -> float:
    number = _ExactFloat(digits)
    number.digits = digits
    return number


def _decode_integral(kind: type[Struct], payload: bytes) -> Struct:
    """The slow way, for the peer that writes 16.0 where an integer is due."""
    try:
        loose = msgspec.json.Decoder(float_hook=_exact_float).decode(payload)
        return msgspec.convert(_with_integers(loose), kind, dec_hook=_decode_custom)
    except msgspec.ValidationError as error:
        raise _payload_error(error) from error


def _with_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decode_custom(kind: type, value: Any) -> Any:
    """Called by msgspec for our own types; what it raises as ValueError becomes its ValidationError with the place."""
    if kind is Tenths:
        return _tenths(value)
    if kind is CustomData:
        return _custom_data(value)
    raise NotImplementedError(kind)


def _encode_custom(value: Any) -> Any:
    if isinstance(value, float):
        return float(value)
    raise NotImplementedError(type(value))


def _tenths(value: Any) -> Tenths:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"Expected `number`, got `{type(value).__name__}`")
    digits = value.digits if isinstance(value, _ExactFloat) else repr(value)
    if (Decimal(digits) * 10) % 1 != 0:
        raise ValueError("Expected `number` that's a multiple of 0.1")
    return Tenths(value)


def _custom_data(value: Any) -> CustomData:
    if not isinstance(value, dict):
        raise ValueError(f"Expected `object`, got `{type(value).__name__}`")
    if "vendorId" not in value:
        raise ValueError("Object missing required field `vendorId`")
    if not isinstance(value["vendorId"], str):
        raise ValueError(f"Expected `str`, got `{type(value['vendorId']).__name__}`")
    if len(value["vendorId"]) > 255:
        raise ValueError("Expected `str` of length <= 255")
    return CustomData(value)


def _payload_error(error: msgspec.ValidationError) -> PayloadError:
    """Classify by the words msgspec uses; tests pin each of them."""
    text = str(error)
    rules: tuple[tuple[Callable[[str], bool], ErrorCode], ...] = (
        (lambda t: _MISSING in t, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        (lambda t: "`array` of length" in t, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        (lambda t: "unknown field" in t, ErrorCode.FORMAT_VIOLATION),
        (lambda t: ", got `" in t or "datetime" in t, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
    )
    for applies, code in rules:
        if applies(text):
            return PayloadError(code, text)
    return PayloadError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, text)
