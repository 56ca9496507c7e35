"""`pilotline clear`: acknowledge a latched fault after its cause has been looked at and is gone."""

from __future__ import annotations

import argparse
import time
from typing import Any

from controller.cli.options import Commands, add_config, add_json, command, print_json
from controller.cli.station_link import ask
from controller.exits import CommandFailed, ExitCode

_EPILOG = """\
examples:
  pilotline why                 which faults stand, and what to check first
  pilotline clear 1             acknowledge every fault of EVSE 1
  pilotline clear 1 rcd_trip    just this one

Faults that are a danger stay until somebody has looked. A fault whose cause is
still there comes back at once; then the exit code is 1.
"""

# The safety process clears within one period and tells it with its next facts.
_SETTLE_S = 1.0


def add(commands: Commands) -> None:
    parser = command(commands, "clear", "acknowledge a fault whose cause is gone", _EPILOG, _clear)
    parser.add_argument("evse", type=int, help="number of the EVSE")
    parser.add_argument("fault", nargs="?", help="the fault's name (default: all of this EVSE)")
    add_config(parser)
    add_json(parser)


def _clear(args: argparse.Namespace) -> int:
    standing = _faults(args)
    chosen = standing if args.fault is None else [args.fault]
    for fault in chosen:
        ask(args, "clear_fault", evse=args.evse, fault=fault)
    deadline = time.monotonic() + _SETTLE_S
    left = standing
    while chosen and (left := _faults(args)) and set(left) & set(chosen) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = [fault for fault in left if fault in chosen]
    if args.json:
        print_json({"ok": not left, "cleared": [f for f in chosen if f not in left], "standing": left})
        return ExitCode.FAILED if left else ExitCode.OK
    if left:
        raise CommandFailed(f"EVSE {args.evse}: still there: {', '.join(left)}; what to check: pilotline why")
    print(f"EVSE {args.evse}: " + (f"cleared {', '.join(chosen)}" if chosen else "no fault stands"))
    return ExitCode.OK


def _faults(args: argparse.Namespace) -> list[str]:
    evses: list[dict[str, Any]] = ask(args, "status")["status"]["evses"]
    for evse in evses:
        if evse["id"] == args.evse:
            return list(evse["faults"])
    known = ", ".join(str(evse["id"]) for evse in evses)
    raise CommandFailed(f"there is no EVSE {args.evse}; known: {known}", ExitCode.USAGE)
