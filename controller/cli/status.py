"""`pilotline status`: what the station and each of its EVSEs are doing."""

from __future__ import annotations

import argparse
from typing import Any

from controller.cli.options import Commands, add_config, add_json, command, print_json, table
from controller.cli.station_link import ask
from controller.exits import ExitCode

_EPILOG = """\
examples:
  pilotline status
  pilotline status --json | jq '.evses[0].pilot'

next: pilotline why      what limits the current, or keeps it from charging
      pilotline watch    what happens, as it happens
"""


def add(commands: Commands) -> None:
    parser = command(commands, "status", "show what the station is doing", _EPILOG, _status)
    add_config(parser)
    add_json(parser)


def _status(args: argparse.Namespace) -> int:
    snapshot = ask(args, "status")["status"]
    if args.json:
        print_json(snapshot)
    else:
        print(rendered(snapshot))
    return ExitCode.OK


def rendered(value: dict[str, Any]) -> str:
    """Return a snapshot as text."""
    return table((key, str(each)) for key, each in value.items())
