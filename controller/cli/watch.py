"""`pilotline watch`: what happens, as it happens."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from controller.cli.options import Commands, add_config, add_json, command, print_json
from controller.cli.station_link import connect
from controller.exits import CommandFailed, ExitCode
from controller.local.exc import LocalError

_EPILOG = """\
examples:
  pilotline watch
  pilotline watch --kind frame --kind transaction
  pilotline watch --json | jq 'select(.kind == "frame")'

Ends with Ctrl-C, or with exit code 4 when the station goes away.
"""


def add(commands: Commands) -> None:
    parser = command(commands, "watch", "show events as they happen", _EPILOG, _watch)
    parser.add_argument("--kind", action="append", help="only events of this kind (may be repeated)")
    add_config(parser)
    add_json(parser, "print each event as one JSON object a line")


def _watch(args: argparse.Namespace) -> int:
    with connect(args) as client:
        try:
            client.ask({"id": 1, "do": "watch"})
            for message in client.stream():
                event = message.get("event", {})
                if args.kind and event.get("kind") not in args.kind:
                    continue
                if args.json:
                    print_json(event)
                else:
                    print(line_of(event), flush=True)
        except LocalError as error:
            raise CommandFailed(str(error), ExitCode.NOT_RUNNING) from error
    raise CommandFailed("the station went away", ExitCode.NOT_RUNNING)


def line_of(event: Mapping[str, Any]) -> str:
    """Return one event as one line: time, kind, what."""
    rest = "  ".join(f"{key}={value}" for key, value in event.items() if key not in ("at", "kind"))
    return f"{event.get('at', '')}  {event.get('kind', '?'):<11} {rest}"
