"""`pilotline watch`: what happens, as it happens."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from controller.cli.options import Commands, add_config, add_json, command, print_json
from controller.cli.station_link import connect
from controller.exits import CommandFailed, ExitCode
from controller.local.exc import LocalError

KINDS = ("contactor", "fault", "frame", "limit", "link", "lock", "pilot", "session", "status", "token", "transaction")

_EPILOG = f"""\
kinds: {" ".join(KINDS[:7])}
       {" ".join(KINDS[7:])}

examples:
  pilotline watch
  pilotline watch --kind frame --kind transaction
  pilotline watch --json | jq 'select(.kind == "frame")'

Ends with Ctrl-C, or with exit code 4 when the station goes away.
"""


def add(commands: Commands) -> None:
    parser = command(commands, "watch", "show events as they happen", _EPILOG, show_events)
    parser.add_argument(
        "--kind", choices=KINDS, metavar="KIND", action="append", help="only events of this kind (may be repeated)"
    )
    add_config(parser)
    add_json(parser, "print each event as one JSON object a line")


def show_events(args: argparse.Namespace) -> int:
    """Show them until Ctrl-C. args: config, json and kind, the kinds to show, None: all."""
    # Ctrl-C is how it is meant to end.
    with contextlib.suppress(KeyboardInterrupt):
        _show(args)
        raise CommandFailed("the station went away", ExitCode.NOT_RUNNING)
    return ExitCode.OK


def _show(args: argparse.Namespace) -> None:
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


def line_of(event: Mapping[str, Any]) -> str:
    """Return one event as one line: local time, EVSE, kind, what."""
    at = str(event.get("at", ""))
    with contextlib.suppress(ValueError):
        at = datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S.%f")[:-3]
    evse = event.get("evse")
    place = f"EVSE {evse}" if evse is not None else ""
    kind = str(event.get("kind", "?"))
    return f"{at}  {place:<7} {kind:<11} {_what(kind, event)}".rstrip()


def _what(kind: str, event: Mapping[str, Any]) -> str:
    match kind:
        case "frame":
            arrow = "->" if event.get("direction") == "out" else "<-"
            return f"{arrow} {event.get('text', '')}"
        case "pilot":
            duty = f" {event['duty_pct']:.1f} %" if event.get("duty_pct") is not None else ""
            volts = f", {event['high_v']:+.1f} V" if event.get("high_v") is not None else ""
            return (
                f"{event.get('state')}, we drive {event.get('output')}{duty}, {event.get('offered_a', 0):.1f} A{volts}"
            )
        case "fault":
            detail = f": {event['detail']}" if event.get("detail") else ""
            return f"{event.get('id')} {'RAISED' if event.get('active') else 'cleared'}{detail}"
        case "token":
            reader = f"reader {event['reader']}: " if event.get("reader") else ""
            return f"{reader}{event.get('text', '')}"
        case "limit":
            return f"{event.get('offered_a', 0):.1f} A by {event.get('binding')}: {event.get('why')}"
        case _:
            known = {
                key: value for key, value in event.items() if key not in ("at", "kind", "evse") and value is not None
            }
            return str(known["text"]) if list(known) == ["text"] else "  ".join(f"{k} {v}" for k, v in known.items())
