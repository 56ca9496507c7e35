"""What the CSMS takes for right is what the schemas say, for payloads good, bad and cut."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft6Validator, FormatChecker

from hil.csms import schemas
from hil.csms.schemas import Direction, Version

WRONG: tuple[Any, ...] = (
    None, True, 3, -7, Decimal("0.15"), Decimal("12.05"), "", "x" * 3000, "2026-01-01", [], [None], {}, {"odd": 1},
)  # fmt: skip
MESSAGES = [(v, action, d) for v in Version for action in sorted(schemas.actions(v)) for d in Direction]


@cache
def judge(version: Version, action: str, direction: Direction) -> Draft6Validator:
    """Return a judge of the schema as it is published, references and all."""
    checker = FormatChecker(formats=())
    checker.checks("date-time")(lambda value: not isinstance(value, str) or value.endswith("Z"))
    checker.checks("uri")(lambda value: not isinstance(value, str) or ":" in value)
    return Draft6Validator(schemas.schema(version, action, direction), format_checker=checker)


def made(node: dict[str, Any], document: dict[str, Any], random: Random, share: float) -> Any:
    """Return a value that fits a schema; of what is optional, about so large a share."""
    if isinstance(reference := node.get("$ref"), str):
        return made(document["definitions"][reference.rpartition("/")[2]], document, random, share)
    if "enum" in node:
        return random.choice(node["enum"])
    match node.get("type"):
        case "object":
            required = node.get("required", ())
            parts = node.get("properties", {}).items()
            return {
                key: made(part, document, random, share / 2)
                for key, part in parts
                if key in required or random.random() < share
            }
        case "array":
            return [made(node["items"], document, random, share) for _ in range(max(1, node.get("minItems", 1)))]
        case "integer":
            return max(1, int(node.get("minimum", 1)))
        case "number":
            return Decimal("4.5")
        case "boolean":
            return random.random() < 0.5
    text = {"date-time": "2026-01-01T10:00:00Z", "uri": "https://a.example/b"}.get(node.get("format", ""), "abc")
    return text[: int(node.get("maxLength", 100))]


def spoilt(payload: Any, random: Random) -> Any:
    """Return the payload with one thing in it removed, replaced or added."""
    if isinstance(payload, dict) and payload and random.random() < 0.8:
        key = random.choice(sorted(payload))
        if random.random() < 0.3:
            return {name: value for name, value in payload.items() if name != key}
        return payload | {key: spoilt(payload[key], random)}
    if isinstance(payload, list) and payload and random.random() < 0.5:
        return [spoilt(payload[0], random), *payload[1:]]
    if isinstance(payload, dict) and random.random() < 0.3:
        return payload | {"unheardOf": 1}
    return random.choice(WRONG)


@settings(deadline=None)
@given(st.sampled_from(MESSAGES), st.integers(0, 2**32), st.integers(0, 2))
def test_the_verdict_is_the_schemas(message: tuple[Version, str, Direction], seed: int, spoils: int) -> None:
    random = Random(seed)
    document = schemas.schema(*message)
    payload = made(document, document, random, random.choice((0.0, 0.5, 1.9)))
    for _ in range(spoils):
        payload = spoilt(payload, random)
    verdict = schemas.breach(*message, payload)
    errors = [error.message for error in judge(*message).iter_errors(payload)]
    assert (verdict is None) == (not errors), (payload, verdict, errors[:2])


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: f"{message[0].value} {message[1]} {message[2].value}")
def test_a_full_payload_is_right(message: tuple[Version, str, Direction]) -> None:
    document = schemas.schema(*message)
    assert schemas.breach(*message, made(document, document, Random(1), 4.0)) is None
