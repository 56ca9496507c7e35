"""Write the message types from the JSON schemas in the `ocpp` package: `python -m controller.ocpp.generate [--check]`.

2.0.1 names its types in the schemas; identical types of different messages become one. 1.6 has them inline, so they take the
name of the property they hang on, with the parent's in front where two differ.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_HEADER = '''"""Messages of OCPP {version}, fields named as on the wire. Written by `controller.ocpp.generate`; do not edit.

Source: the JSON schemas of the `ocpp` package (Open Charge Alliance). An optional field that is left out is UNSET.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, {typing}

from msgspec import UNSET, Meta, Struct, UnsetType

from controller.ocpp.schema import Action, {ours}

{date_time}
'''


@dataclass
class _Module:
    """What has been defined so far, by name; each definition is its lines of code."""

    is_v16: bool
    aliases: dict[str, str] = field(default_factory=dict)
    types: dict[str, list[str]] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)  # name -> canonical schema it was made from

    def claim(self, name: str, parent: str, schema: dict[str, Any]) -> tuple[str, bool]:
        """Return the name for a schema and whether it is new."""
        shape = json.dumps(_bare(schema), sort_keys=True)
        for candidate in (name, f"{parent}{name}"):
            known = self.shapes.get(candidate)
            if known == shape:
                return candidate, False
            if known is None:
                self.shapes[candidate] = shape
                return candidate, True
        raise ValueError(f"two shapes named {parent}{name}")

    def alias(self, name: str, expression: str) -> str:
        self.aliases.setdefault(name, expression)
        return name


def _bare(schema: Any) -> Any:
    """The schema without what has no meaning."""
    if isinstance(schema, dict):
        return {k: _bare(v) for k, v in schema.items() if not (k in ("description", "javaType") and isinstance(v, str))}
    return [_bare(item) for item in schema] if isinstance(schema, list) else schema


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


class _Writer:
    """Turns schemas into definitions of one module."""

    def __init__(self, module: _Module) -> None:
        self._module = module
        self._definitions: dict[str, Any] = {}

    def message(self, name: str, schema: dict[str, Any]) -> str:
        self._definitions = schema.get("definitions", {})
        return self._struct(name, name, schema)

    def _struct(self, name: str, parent: str, schema: dict[str, Any]) -> str:
        name, is_new = self._module.claim(name, parent, schema)
        if not is_new:
            return name
        required = set(schema.get("required", ()))
        lines = []
        for key, value in schema.get("properties", {}).items():
            kind = self._type(name, key, value)
            if key in required:
                lines.append(f"    {key}: {kind}")
            else:
                lines.append(f"    {key}: {kind} | UnsetType = UNSET")
        closed = ", forbid_unknown_fields=True" if schema.get("additionalProperties") is False else ""
        self._module.types[name] = [f"class {name}(Struct, kw_only=True{closed}):", *(lines or ["    pass"])]
        return name

    def _type(self, parent: str, key: str, schema: dict[str, Any]) -> str:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/definitions/")
            if name == "CustomDataType":
                return "CustomData"
            return self._named(parent, name, self._definitions[name])
        return self._named(parent, _capital(key), schema)

    def _named(self, parent: str, name: str, schema: dict[str, Any]) -> str:
        kind = schema.get("type")
        if "enum" in schema:
            return self._enum(parent, name, schema)
        if kind == "object":
            return self._struct(name, parent, schema)
        if kind == "array":
            return self._array(parent, name, schema)
        if kind == "string":
            return self._string(schema)
        if kind == "integer":
            return self._integer(schema)
        if kind == "number":
            return self._number(schema)
        return {"boolean": "bool", None: "Any"}[kind]

    def _enum(self, parent: str, name: str, schema: dict[str, Any]) -> str:
        name = f"{parent}{name}" if self._module.is_v16 and not name.endswith("EnumType") else name
        name, is_new = self._module.claim(name, parent, {"enum": schema["enum"]})
        if is_new:
            values = ", ".join(f'"{value}"' for value in schema["enum"])
            self._module.types[name] = [f"{name} = Literal[{values}]"]
        return name

    def _array(self, parent: str, name: str, schema: dict[str, Any]) -> str:
        item = self._type(parent, name, schema["items"])
        bounds = [
            f"{ours}={schema[theirs]}"
            for theirs, ours in (("minItems", "min_length"), ("maxItems", "max_length"))
            if theirs in schema
        ]
        return f"Annotated[list[{item}], Meta({', '.join(bounds)})]" if bounds else f"list[{item}]"

    def _string(self, schema: dict[str, Any]) -> str:
        if schema.get("format") == "date-time":
            return "DateTime"
        if "maxLength" not in schema:
            return "str"
        length = schema["maxLength"]
        return self._module.alias(f"Str{length}", f"Annotated[str, Meta(max_length={length})]")

    def _integer(self, schema: dict[str, Any]) -> str:
        low = max(int(schema.get("minimum", -(2**31))), -(2**31))
        high = min(int(schema.get("maximum", 2**31 - 1)), 2**31 - 1)
        name = "Int32" if low < 0 else f"IntFrom{low}" if high == 2**31 - 1 else f"Int{low}To{high}"
        return self._module.alias(name, f"Annotated[int, Meta(ge={low}, le={high})]")

    def _number(self, schema: dict[str, Any]) -> str:
        if schema.get("multipleOf") == 0.1:
            return "Tenths"
        bounds = [
            f"{ours}={schema[theirs]}" for theirs, ours in (("minimum", "ge"), ("maximum", "le")) if theirs in schema
        ]
        return f"Annotated[float, Meta({', '.join(bounds)})]" if bounds else "float"


def schemas(version: str) -> dict[str, dict[str, Any]]:
    """Message name (`...Request`, `...Response`) to schema. The package itself is not imported: it is slow."""
    spec = importlib.util.find_spec("ocpp")
    if spec is None or spec.origin is None:
        raise SystemExit("the `ocpp` package is not installed")
    found = {}
    for path in sorted((Path(spec.origin).parent / version / "schemas").glob("*.json")):
        name = path.stem if path.stem.endswith(("Request", "Response")) else f"{path.stem}Request"
        found[name] = json.loads(path.read_text(encoding="utf-8-sig"))
    return found


def render(version: str) -> str:
    """Return the module for `v16` or `v201`."""
    is_v16 = version == "v16"
    module = _Module(is_v16)
    writer = _Writer(module)
    names = [writer.message(name, schema) for name, schema in schemas(version).items()]
    actions = [name.removesuffix("Request") for name in names if name.endswith("Request")]
    parts = [
        _HEADER.format(
            version="1.6" if is_v16 else "2.0.1",
            typing="Literal" if is_v16 else "Any, Literal",
            ours="Tenths" if is_v16 else "CustomData",
            date_time="DateTime = datetime" if is_v16 else "DateTime = Annotated[datetime, Meta(tz=True)]",
        ),
        *(f"{name} = {expression}\n" for name, expression in sorted(module.aliases.items(), key=_natural)),
    ]
    parts += ["\n".join(lines) + "\n" for lines in module.types.values() if "= Literal[" in lines[0]]
    parts += ["\n\n" + "\n".join(lines) + "\n" for lines in module.types.values() if lines[0].startswith("class ")]
    entries = [f'    "{action}": Action({action}Request, {action}Response),\n' for action in actions]
    parts += ["\n\nACTIONS = {\n", *entries, "}\n"]
    return _formatted("".join(parts))


def _formatted(code: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--line-length", "120", "-"]
    return subprocess.run(command, input=code, capture_output=True, text=True, check=True).stdout


def _natural(item: tuple[str, str]) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", item[0])]


def targets() -> dict[Path, str]:
    """Return what should stand in which file."""
    return {_HERE / "v16" / "messages.py": render("v16"), _HERE / "v2" / "messages201.py": render("v201")}


def main(arguments: list[str]) -> int:
    stale = 0
    for path, text in targets().items():
        if "--check" in arguments:
            is_stale = not path.exists() or path.read_text() != text
            stale += is_stale
            if is_stale:
                print(f"{path} is out of date: run python -m controller.ocpp.generate")
        else:
            path.write_text(text)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
