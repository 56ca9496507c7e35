"""`pilotline why`: every limit and which one binds; every reason why an EVSE is not charging."""

from __future__ import annotations

import argparse
from typing import Any

from controller.cli.options import Commands, add_config, add_json, command, print_json, table
from controller.cli.station_link import ask
from controller.exits import ExitCode

_EPILOG = """\
examples:
  pilotline why
  pilotline why --json
"""


def add(commands: Commands) -> None:
    parser = command(commands, "why", "say what limits the current, or why it is not charging", _EPILOG, _why)
    add_config(parser)
    add_json(parser)


def _why(args: argparse.Namespace) -> int:
    answer = ask(args, "why")["why"]
    if args.json:
        print_json(answer)
    else:
        print(rendered(answer))
    return ExitCode.OK


def rendered(value: dict[str, Any]) -> str:
    """Return the reasons as text."""
    return table((key, str(each)) for key, each in value.items())
