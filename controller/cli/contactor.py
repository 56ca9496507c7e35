"""`pilotline contactor`: how much each contactor has been used; tell that a new one was fitted."""

from __future__ import annotations

import argparse
from typing import Any

from controller.cli.options import Commands, add_config, add_json, command, print_json
from controller.cli.station_link import ask
from controller.exits import CommandFailed, ExitCode

_EPILOG = """\
examples:
  pilotline contactor                   closes and openings under load so far
  pilotline contactor 1 --replaced      a new one was fitted: count anew

The rated life is `contactor_cycles` and `contactor_breaks` of the board file's
[[evse]]: take it from the contactor's data sheet.
"""


def add(commands: Commands) -> None:
    parser = command(commands, "contactor", "show how much each contactor has been used", _EPILOG, _contactor)
    parser.add_argument("evse", type=int, nargs="?", help="number of the EVSE (default: all)")
    parser.add_argument("--replaced", action="store_true", help="a new one was fitted in this EVSE")
    add_config(parser)
    add_json(parser)


def _contactor(args: argparse.Namespace) -> int:
    if args.replaced and args.evse is None:
        raise CommandFailed("--replaced: name the EVSE, for example: pilotline contactor 1 --replaced", ExitCode.USAGE)
    found = _chosen(args)
    if args.replaced:
        ask(args, "contactor_replaced", evse=args.evse)
        found = _chosen(args)
    if args.json:
        print_json(found)
    else:
        print("\n".join(map(rendered, found)))
    return ExitCode.OK


def _chosen(args: argparse.Namespace) -> list[dict[str, Any]]:
    contactors: list[dict[str, Any]] = ask(args, "faults")["contactors"]
    found = [each for each in contactors if args.evse in (None, each["evse"])]
    if not found:
        known = ", ".join(str(each["evse"]) for each in contactors)
        raise CommandFailed(f"there is no EVSE {args.evse}; known: {known}", ExitCode.USAGE)
    return found


def rendered(contactor: dict[str, Any]) -> str:
    """Return one contactor as a line."""
    cycles = f"{contactor['cycles']} closes of {contactor['rated_cycles']} rated"
    opens = f"{contactor['under_load_opens']} openings under load of {contactor['rated_under_load_opens']}"
    worn = "; rated life reached: plan its replacement" if contactor["worn"] else ""
    return f"EVSE {contactor['evse']}: {cycles}, {opens}{worn}"
