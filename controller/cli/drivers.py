"""`pilotline drivers`: which drivers a board file may name, and what each of them wants to be told."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable
from textwrap import wrap
from typing import Any

from controller.cli.options import Commands, add_json, command, print_json
from controller.exits import CommandFailed, ExitCode
from drivers.registry import UnknownDriver, driver_class, families, ignored, settings_of, types_of

_EPILOG = """\
examples:
  pilotline drivers                  every family and its types
  pilotline drivers meter            those of one family
  pilotline drivers meter modbus     the settings of one, for its section

Drivers of installed packages are among them (entry points `pilotline.drivers`);
an entry point that is none is told on standard error.
How to write one: docs/drivers.md.
"""


def add(commands: Commands) -> None:
    parser = command(
        commands, "drivers", "list the drivers a board file may name, and their settings", _EPILOG, _drivers
    )
    parser.add_argument("family", nargs="?", help="for example meter, reader, input")
    parser.add_argument("type", nargs="?", help="the section's `type`")
    add_json(parser)


def _drivers(args: argparse.Namespace) -> int:
    try:
        if args.type is not None:
            found: Any = {"family": args.family, "type": args.type, "settings": settings(args.family, args.type)}
            text = rendered(found)
        else:
            wanted = (args.family,) if args.family is not None else families()
            found = {family: list(types_of(family)) for family in wanted}
            width = max(map(len, found))
            text = "\n".join(f"{family:<{width}}  {', '.join(types)}" for family, types in found.items())
    except UnknownDriver as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    if args.json:
        print_json(found)
    else:
        print(text)
    for line in ignored():
        print(f"pilotline: {line}", file=sys.stderr)
    return ExitCode.OK


def settings(family: str, type: str) -> list[dict[str, Any]]:
    """Return what each key of the driver's section is. default: absent where the key is required. Raises UnknownDriver."""
    rows = []
    for field in dataclasses.fields(settings_of(family, type)):
        told = {name: field.metadata[name] for name in ("help", "unit", "low", "high", "choices", "pin")}
        row = {"key": field.name, "kind": field.type if isinstance(field.type, str) else field.type.__name__, **told}
        row = {name: value for name, value in row.items() if value not in (None, "")}
        if "choices" in row:
            row["choices"] = [choice for choice in row["choices"] if choice is not None]
        if field.default is not dataclasses.MISSING:
            row["default"] = field.default
        rows.append(row)
    return rows


def rendered(driver: dict[str, Any]) -> str:
    """Return a driver's keys as text of 80 columns."""
    doc = (driver_class(driver["family"], driver["type"]).__doc__ or "").strip().splitlines()
    head = f'{driver["family"]}, type = "{driver["type"]}"' + (f": {doc[0]}" if doc else "")
    return "\n".join([*wrap(head, 80), *_keys(driver["settings"])])


def _keys(rows: Iterable[dict[str, Any]]) -> Iterable[str]:
    for row in rows:
        must = "required"
        if "default" in row:
            must = f"default {row['default']!r}" if row["default"] is not None else "may be absent"
        bounds = f", {row['low']:g} to {row['high']:g}" if "low" in row and "high" in row else ""
        choices = f", one of {', '.join(map(str, row['choices']))}" if "choices" in row else ""
        line = {"in": ", a GPIO line read", "out": ", a GPIO line driven"}.get(row.get("pin", ""), "")
        unit = f" {row['unit']}" if "unit" in row else ""
        yield from wrap(f"{row['key']} ({must}{bounds}{unit}{choices}{line})", 80, subsequent_indent="    ")
        yield from wrap(row["help"], 80, initial_indent="    ", subsequent_indent="    ")
