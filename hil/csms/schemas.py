"""The OCPP JSON schemas of the `ocpp` package as strict judges, independent of the station's own message types."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import fastjsonschema
from jsonschema import Draft4Validator, Draft6Validator, FormatChecker
from jsonschema.exceptions import ValidationError

_MAX_DEPTH = 64
_INTEGER_BOUND = 2**31


class Version(StrEnum):
    """Value: the WebSocket subprotocol."""

    V16 = "ocpp1.6"
    V201 = "ocpp2.0.1"


class Direction(StrEnum):
    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Breach:
    """Why a payload is not what its schema says. code: the CALLERROR code of that version."""

    code: str
    detail: str


def parse(text: str) -> Any:
    """Parse JSON with decimals kept exact, as `multipleOf: 0.1` needs. Raises ValueError for anything not strictly JSON."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def render(value: Any) -> str:
    """Render JSON; decimals as numbers."""
    return json.dumps(value, default=_render_decimal, separators=(",", ":"), ensure_ascii=False)


def _render_decimal(value: object) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"not JSON: {value!r}")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _is_date_time(value: object) -> bool:
    """RFC 3339: date, T, time with seconds, and a zone."""
    if not isinstance(value, str):
        return True
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return False
    return moment.tzinfo is not None and len(value) >= 20 and value[10] in "Tt" and value[16] == ":"


def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


_FORMATS: dict[str, Callable[[object], bool]] = {"date-time": _is_date_time, "uri": _is_uri}


@lru_cache(maxsize=1)
def _formats() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, holds in _FORMATS.items():
        checker.checks(name)(holds)
    return checker


_FOLDERS = {Version.V16: "v16", Version.V201: "v201"}


def _file_name(version: Version, action: str, direction: Direction) -> str:
    if direction is Direction.RESPONSE:
        return f"{action}Response.json"
    return f"{action}.json" if version is Version.V16 else f"{action}Request.json"


@cache
def actions(version: Version) -> frozenset[str]:
    """Return every action the version knows, the security extension of 1.6 included."""
    names = (item.name for item in resources.files(f"ocpp.{_FOLDERS[version]}").joinpath("schemas").iterdir())
    return frozenset(name.removesuffix("Response.json") for name in names if name.endswith("Response.json"))


@cache
def schema(version: Version, action: str, direction: Direction) -> dict[str, Any]:
    """Return the parsed schema. Raises KeyError for an action the version does not know."""
    if action not in actions(version):
        raise KeyError(action)
    folder = resources.files(f"ocpp.{_FOLDERS[version]}").joinpath("schemas")
    text = folder.joinpath(_file_name(version, action, direction)).read_text(encoding="utf-8-sig")
    loaded: dict[str, Any] = parse(text)
    return loaded


def _resolved(document: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with every reference replaced by what it refers to: judging by it is several times as fast."""
    definitions = document.get("definitions", {})

    def resolve(node: Any, within: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [resolve(part, within) for part in node]
        if not isinstance(node, dict):
            return node
        if isinstance(reference := node.get("$ref"), str):
            name = reference.rpartition("/")[2]
            if name in within:
                raise ValueError(f"definition {name} contains itself")
            return resolve(definitions[name], (*within, name))
        return {key: resolve(part, within) for key, part in node.items()}

    resolved: dict[str, Any] = resolve({key: part for key, part in document.items() if key != "definitions"}, ())
    return resolved


@cache
def _validator(version: Version, action: str, direction: Direction) -> Draft4Validator | Draft6Validator:
    document = _resolved(schema(version, action, direction))
    if version is Version.V16:
        return Draft4Validator(document, format_checker=_formats())
    return Draft6Validator(document, format_checker=_formats())


@cache
def _quick(version: Version, action: str, direction: Direction) -> Callable[[Any], bool]:
    """Return the same schema as code: it tells much sooner that nothing is wrong. It may call wrong what is not."""
    document = json.loads(render(_resolved(schema(version, action, direction))))
    judge = fastjsonschema.compile(document, formats=_FORMATS, use_default=False)

    def holds(payload: Any) -> bool:
        try:
            judge(payload)
        except (fastjsonschema.JsonSchemaValueException, InvalidOperation):  # the latter: it cannot divide a Decimal
            return False
        return True

    return holds


def breach(version: Version, action: str, direction: Direction, payload: Any) -> Breach | None:
    """Judge a payload parsed by `parse`. Raises KeyError for an action the version does not know."""
    if (odd := _odd_value(payload, 0)) is not None:
        return Breach(_code(version, "odd"), odd)
    if _quick(version, action, direction)(payload):
        return None
    errors = list(_validator(version, action, direction).iter_errors(payload))
    if not errors:
        return None
    worst: ValidationError = min(errors, key=lambda error: (len(error.absolute_path), error.message))
    where = "/".join(str(part) for part in worst.absolute_path) or "payload"
    return Breach(_code(version, str(worst.validator)), f"{where}: {worst.message[:200]}")


def _odd_value(value: Any, depth: int) -> str | None:
    if depth > _MAX_DEPTH:
        return "nested too deeply"
    if isinstance(value, int) and not isinstance(value, bool) and not -_INTEGER_BOUND <= value < _INTEGER_BOUND:
        return f"{value} does not fit in 32 bits"
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((odd for part in parts if (odd := _odd_value(part, depth + 1)) is not None), None)


def _code(version: Version, validator: str) -> str:
    """The CALLERROR code of a failed schema keyword (OCPP-J 1.6 table 7 with its fixed typos; Part 4 table 8)."""
    if validator == "type":
        return "TypeConstraintViolation"
    if validator == "required" and version is Version.V16:
        return "ProtocolError"  # "Payload for Action is incomplete"
    if validator in ("required", "minItems", "maxItems"):
        # The misspelling is the 1.6 enumeration's own and is not to be fixed (OCPP-J 1.6 errata §5.1).
        return "OccurenceConstraintViolation" if version is Version.V16 else "OccurrenceConstraintViolation"
    if validator == "additionalProperties":
        return "FormationViolation" if version is Version.V16 else "FormatViolation"
    return "PropertyConstraintViolation"
