"""`pilotline demo`: one charging session, live."""

from __future__ import annotations

import argparse

from controller.cli.options import Commands, add_json, command

_EPILOG = """\
examples:
  pilotline demo                      play it, then stay up to be tried
  pilotline demo --once --ocpp 1.6    play it with OCPP 1.6 and exit
  pilotline demo --once --json        for a script

Starts a station on the mock bench and a CSMS on this machine, then: plug in,
card, charging, a limit from the CSMS, card again, unplug. The exit code is 0
only if every step was really seen.
"""


def add(commands: Commands) -> None:
    parser = command(commands, "demo", "play one charging session on simulated hardware", _EPILOG, _demo)
    parser.add_argument("--once", action="store_true", help="exit when the session is over")
    parser.add_argument("--ocpp", choices=("1.6", "2.0.1"), default="2.0.1", help="OCPP version (default: %(default)s)")
    add_json(parser, "print a summary as JSON at the end, and nothing else")


def _demo(args: argparse.Namespace) -> int:
    from hil.demo import main

    return main(args)
