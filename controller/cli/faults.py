"""`pilotline faults`: the faults there were and those that stand."""

from __future__ import annotations

import argparse
from typing import Any

from controller.cli.options import Commands, add_config, add_json, command, print_json
from controller.cli.station_link import ask
from controller.exits import CommandFailed, ExitCode

_EPILOG = """\
examples:
  pilotline faults              newest first
  pilotline faults --evse 2     of one EVSE
  pilotline faults --count 200

What a standing fault needs: pilotline why. To acknowledge one: pilotline clear.
"""


def add(commands: Commands) -> None:
    parser = command(commands, "faults", "list the faults there were and those that stand", _EPILOG, _faults)
    parser.add_argument(
        "--evse", type=int, metavar="N", help="only those of this EVSE (default: all and the station's)"
    )
    parser.add_argument("--count", type=int, default=20, metavar="N", help="how many at most (default: 20)")
    add_config(parser)
    add_json(parser)


def _faults(args: argparse.Namespace) -> int:
    answer = ask(args, "faults")
    known = [each["evse"] for each in answer["contactors"]]
    if args.evse is not None and args.evse not in known:
        raise CommandFailed(f"there is no EVSE {args.evse}; known: {', '.join(map(str, known))}", ExitCode.USAGE)
    if args.count < 1:
        raise CommandFailed(f"--count {args.count}: must be at least 1", ExitCode.USAGE)
    chosen = [each for each in answer["faults"] if args.evse in (None, each["evse"])][: args.count]
    if args.json:
        print_json(chosen)
    else:
        print("\n".join(rendered(each) for each in chosen) or "no fault was noted")
    return ExitCode.OK


def rendered(fault: dict[str, Any]) -> str:
    """Return one fault as a line."""
    where = f"EVSE {fault['evse']}" if fault["evse"] is not None else "station"
    until = f"until {fault['cleared']}" if fault["cleared"] is not None else "STANDS"
    return f"{fault['raised']}  {where:<8}  {fault['id']:<20}  {fault['title']} ({until})"
