"""`pilotline csms`: run the bundled CSMS, and send commands to it from a second terminal."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from datetime import datetime
from typing import Any

from controller.exits import ExitCode
from hil.csms.control import Control, NoCsms, ask, socket_path
from hil.csms.csms import Csms
from hil.csms.log import Frame, Party, Violation
from hil.csms.schemas import Version, render
from hil.csms.server import PortInUse, WebSocketServer
from hil.csms.station import Settings
from hil.csms.tokens import Tokens
from hil.csms.words import ALIASES
from hil.ending import Ending

DEFAULT_PORT = 9310
_VERSIONS = {"1.6": (Version.V16,), "2.0.1": (Version.V201,), "both": (Version.V201, Version.V16)}
_MARKS = {"call": "→", "result": "←", "error": "✗", "broken": "?"}

DESCRIPTION = "Run the bundled development CSMS (OCPP 1.6 and 2.0.1), or command a running one."
EPILOG = """\
examples:
  pilotline csms                         run it; Ctrl-C ends it
  pilotline csms send start              in a second terminal: command a station
  pilotline csms send limit 10
  pilotline csms show transactions       what it knows
  pilotline csms send --help             every command
"""
SEND_EPILOG = (
    """\
commands:
  """
    + "\n  ".join(f"{usage:28}{what}" for usage, what in ALIASES.values())
    + """

or any OCPP action of the station's version, with key=value pairs or JSON:
  pilotline csms send RemoteStartTransaction idTag=CAFE0001 connectorId=1
  pilotline csms send SetVariables '{"setVariableData": [...]}'

Prints what the station answered. Exit code 0: it answered, be it Accepted or
Rejected; 1: it did not, or with an error; 2: this is no command; 4: no CSMS.
"""
)
SHOW_EPILOG = "One JSON object a line; a violation is one line of text without --json.\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    _add_port(parser, DEFAULT_PORT)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--ocpp", choices=list(_VERSIONS), default="both", help="versions to speak (default: both)")
    parser.add_argument("--unknown-tokens", choices=["Accepted", "Invalid"], default="Accepted",
                        help="what to say of tokens nobody blocked (default: %(default)s)")  # fmt: skip
    parser.add_argument("--block", metavar="TOKEN", action="append", default=[], help="block a token; may be repeated")
    commands = parser.add_subparsers(dest="csms_command", metavar="send|show")
    send = _sub(commands, "send", "send a command to a station of the running CSMS", SEND_EPILOG)
    _add_port(send, argparse.SUPPRESS)
    send.add_argument("--station", help="which station, where several are connected")
    send.add_argument("--json", action="store_true", help="print the answer as JSON")
    send.add_argument("words", nargs="*", metavar="command", help="what to send (see below)")
    show = _sub(commands, "show", "show what the running CSMS knows", SHOW_EPILOG)
    _add_port(show, argparse.SUPPRESS)
    show.add_argument("what", choices=["stations", "transactions", "violations"])
    show.add_argument("--json", action="store_true", help="print JSON for a script")


def aliases() -> dict[str, str]:
    """Return the short words that `send` takes, with what each does."""
    return {name: what for name, (_, what) in ALIASES.items()}


def _sub(commands: Any, name: str, summary: str, epilog: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return parser


def _add_port(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument("--port", type=_port, default=default, help=f"TCP port of the CSMS (default: {DEFAULT_PORT})")


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def main(args: argparse.Namespace) -> int:
    """Carry out the command and return its exit code."""
    if args.csms_command is None:
        return asyncio.run(_run(args))
    try:
        if args.csms_command == "send":
            return _send(args)
        return _show(args)
    except NoCsms as error:
        print(f"pilotline csms: {error}", file=sys.stderr)
        return ExitCode.NOT_RUNNING


def _send(args: argparse.Namespace) -> int:
    answer = ask(args.port, {"send": args.words, "station": args.station})
    if args.json:
        print(json.dumps(answer))
    elif answer["ok"]:
        for line_ in answer_lines(answer):
            print(line_)
    else:
        print(f"pilotline csms: {answer['error']}", file=sys.stderr)
    if answer["ok"]:
        return ExitCode.OK
    return ExitCode.USAGE if answer.get("usage") else ExitCode.FAILED


def answer_lines(answer: dict[str, Any]) -> list[str]:
    """Return what a station answered as a person reads it: one line, and one more for every key or variable it told."""
    reply = dict(answer["reply"])
    keys = reply.pop("configurationKey", []) if answer["action"] == "GetConfiguration" else []
    lines = [f"{answer['station']} {answer['action']}: {render(reply)}"]
    lines += [f"  {k['key']} = {k.get('value', '')}" + "  (read-only)" * k["readonly"] for k in keys]
    return lines + [f"  {variable_line(row)}" for row in answer.get("report", ())]


def variable_line(row: dict[str, Any]) -> str:
    """Return one variable of a report as `Component@1.Variable[instance] = value`."""
    component, variable = row["component"], row["variable"]
    evse = component.get("evse")
    place = "" if evse is None else f"@{evse['id']}" + (f",{evse['connectorId']}" if "connectorId" in evse else "")
    instance = f"[{variable['instance']}]" if "instance" in variable else ""
    values = [str(each.get("value", "")) for each in row.get("variableAttribute", ())]
    return f"{component['name']}{place}.{variable['name']}{instance} = {', '.join(values)}".rstrip()


def _show(args: argparse.Namespace) -> int:
    answer = ask(args.port, {"show": args.what})
    for entry in answer[args.what]:
        print(json.dumps(entry) if args.json or not isinstance(entry, str) else entry)
    return ExitCode.OK


async def _run(args: argparse.Namespace) -> int:
    now = int(time.time())
    tokens = Tokens(args.unknown_tokens)
    for token in args.block:
        tokens.add(token, "Blocked")
    csms = Csms(
        subprotocols=_VERSIONS[args.ocpp],
        tokens=tokens,
        # A CSMS that was restarted has forgotten its stations and its counters; neither may be held against a station.
        settings=Settings(assume_registered=True, id_prefix=f"csms-{now:x}"),
        first_transaction_id=now % 1_000_000_000,
    )
    ending = Ending()
    csms.log.frame_observers.append(lambda frame: ending.say(line(frame)))
    csms.log.violation_observers.append(lambda violation: ending.say(complaint(violation)))
    server, control = WebSocketServer(csms), Control(csms)
    try:
        await server.start(args.host, args.port)
    except PortInUse as error:
        print(f"pilotline csms: {error}", file=sys.stderr)
        return ExitCode.BUSY if error.is_taken else ExitCode.DEVICE
    await control.start(socket_path(args.port))
    ending.say(f"CSMS on ws://{args.host}:{server.port}/ speaks {', '.join(_VERSIONS[args.ocpp])}; Ctrl-C ends it.")
    await ending.wait()
    await control.stop()
    await server.stop()
    ending.code()  # raises when it was the output that failed
    return 0


def line(frame: Frame) -> str:
    """Return one frame as a person reads it: time, station, who to whom, action, payload."""
    arrow = "station→" if frame.sender is Party.STATION else "csms→"
    body = frame.text if frame.payload is None else render(frame.payload)
    return f"{_clock(frame.at)} {frame.station} {arrow:9}{_MARKS[frame.kind]} {frame.action:24} {body}"


def complaint(violation: Violation) -> str:
    return f"{_clock(violation.at)} {violation.station} VIOLATION by {violation.guilty}: {violation.kind}: {violation.detail}"


def _clock(at: datetime) -> str:
    return f"{at.astimezone():%H:%M:%S}"
