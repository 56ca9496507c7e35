"""The generated types judge as jsonschema does: valid messages are made from the schemas, then broken in one place each.

Known differences, all wanted: 1.0 passes for an integer (draft-04 says no), an integer beyond 32 bits does not, multipleOf 0.1 is
judged on the digits, a date-time must be one, a name given twice in an object keeps the last.
"""

from __future__ import annotations

import importlib.util
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from controller.ocpp import generate
from controller.ocpp.exc import PayloadError
from controller.ocpp.schema import Codec
from controller.ocpp.v2 import messages201
from controller.ocpp.v16 import messages

CODECS = {"v16": Codec("ocpp1.6", messages.ACTIONS), "v201": Codec("ocpp2.0.1", messages201.ACTIONS)}
SPEC = importlib.util.find_spec("ocpp")
assert SPEC is not None and SPEC.origin is not None
FOLDER = Path(SPEC.origin).parent

MESSAGES = [
    pytest.param(version, name, schema, id=f"{version}-{name}")
    for version in ("v16", "v201")
    for name, schema in generate.schemas(version).items()
]
INTERESTING = (
    None,
    True,
    False,
    0,
    -1,
    1.0,
    1.5,
    0.3,
    16.05,
    2**31,
    "",
    "x",
    "Accepted",
    "2026-01-05T06:00:00Z",
    "x" * 20000,
    [],
    [1],
    {},
    {"a": 1},
)


def make(schema: dict[str, Any], root: dict[str, Any], rng: random.Random, everything: bool) -> Any:
    """Return an instance that conforms."""
    if "$ref" in schema:
        return make(root["definitions"][schema["$ref"].removeprefix("#/definitions/")], root, rng, everything)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        wanted = [key for key in schema.get("properties", {}) if everything or key in schema.get("required", ())]
        made = {key: make(schema["properties"][key], root, rng, everything) for key in wanted}
        return made | ({"extra": [1, {"more": "x"}]} if schema.get("javaType") == "CustomData" else {})
    if kind == "array":
        count = max(1, min(schema.get("minItems", 1), schema.get("maxItems", 2)))
        return [make(schema["items"], root, rng, everything) for _ in range(count)]
    if kind == "string":
        if schema.get("format") == "date-time":
            return rng.choice(["2026-01-05T06:00:00Z", "2026-01-05T06:00:00.125+01:00"])
        return "ä" * rng.choice([0, 1, min(schema.get("maxLength", 5), 8000)])
    if kind == "integer":
        return rng.randint(int(schema.get("minimum", -5)), int(schema.get("maximum", 50)))
    if kind == "number":
        return round(rng.uniform(0, 100), 1)
    return rng.choice([True, False]) if kind == "boolean" else {"any": ["thing", 1.25]}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


def mutants(value: Any, rng: random.Random, count: int) -> list[Any]:
    """Return copies with one thing replaced, removed, added or repeated."""
    made = []
    for _ in range(count):
        copy = json.loads(json.dumps(value))
        path = rng.choice(places(copy))
        parent = copy
        for key in path[:-1]:
            parent = parent[key]
        target = parent[path[-1]] if path else copy
        choice = rng.randrange(4)
        if choice == 0 and isinstance(target, dict):
            target["unheardOf"] = 1
        elif choice == 1 and isinstance(target, list):
            target.extend(target * 25)
        elif choice == 2 and path:
            del parent[path[-1]]
        elif path:
            parent[path[-1]] = rng.choice(INTERESTING)
        else:
            copy = rng.choice(INTERESTING)
        made.append(copy)
    return made


def holds_wanted_difference(value: Any, codec_says: bool) -> bool:
    """Whether a value holds one of the documented differences."""
    if isinstance(value, dict):
        return any(holds_wanted_difference(item, codec_says) for item in value.values())
    if isinstance(value, list):
        return any(holds_wanted_difference(item, codec_says) for item in value)
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return abs(value) >= 2**31 and not codec_says
    if isinstance(value, float):
        return codec_says and (value.is_integer() or (Decimal(repr(value)) * 10) % 1 == 0)
    return isinstance(value, str) and not codec_says and not value.startswith("2026")


def date_places(schema: Any) -> bool:
    return '"date-time"' in json.dumps(schema)


@pytest.mark.parametrize(("version", "name", "schema"), MESSAGES)
def test_broken_messages_are_judged_as_jsonschema_judges_them(version: str, name: str, schema: dict[str, Any]) -> None:
    rng = random.Random(name)
    codec = CODECS[version]
    oracle = jsonschema.validators.validator_for(schema)(schema)
    action = name.removesuffix("Request").removesuffix("Response")
    decode = codec.decode_request if name.endswith("Request") else codec.decode_response
    for everything in (False, True):
        valid = make(schema, schema, rng, everything)
        decode(action, json.dumps(valid).encode())
        for mutant in mutants(valid, rng, 60):
            expected = oracle.is_valid(mutant)
            try:
                decode(action, json.dumps(mutant).encode())
                got = True
            except PayloadError:
                got = False
            if got != expected:
                wanted = holds_wanted_difference(mutant, got)
                if wanted and not got and not any(isinstance(v, int) and abs(v) >= 2**31 for v in flat(mutant)):
                    wanted = date_places(schema)
                assert wanted, f"jsonschema says {expected}: {json.dumps(mutant)[:600]}"


def flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in flat(item)]
    return [leaf for item in value for leaf in flat(item)] if isinstance(value, list) else [value]


def test_files_on_disk_are_what_the_generator_writes() -> None:
    assert [path.name for path, text in generate.targets().items() if path.read_text() != text] == []


@pytest.mark.parametrize(("version", "name", "schema"), MESSAGES)
def test_what_is_decoded_encodes_to_the_same_message(version: str, name: str, schema: dict[str, Any]) -> None:
    codec = CODECS[version]
    action = name.removesuffix("Request").removesuffix("Response")
    valid = make(schema, schema, random.Random(name), everything=True)
    if name.endswith("Request"):
        again = codec.encode_request(action, codec.decode_request(action, json.dumps(valid).encode()))
    else:
        again = codec.encode_response(action, codec.decode_response(action, json.dumps(valid).encode()))
    assert without_times(json.loads(again)) == without_times(valid)


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_times(item) for item in value]
    return "time" if isinstance(value, str) and value.startswith("2026-01-05T06") else value
