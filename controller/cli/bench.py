"""`pilotline bench`: what happens to the simulated charging point - plug, card, faults - from the shell."""

from __future__ import annotations

import argparse
import json
from typing import Any

from controller.cli.options import Commands, add_config, add_json, command, print_json, station_of
from controller.exits import CommandFailed, ExitCode
from controller.local.client import LineClient
from controller.local.exc import LocalError, NotRunning

_EPILOG = """\
verbs:
  plug_in evse=1 [ev.KEY=VALUE …]  ev: capacity_kwh, phases, ignores_pwm_off,
                                   no_s2, slow, sleepy, …
  unplug evse=1
  swipe token=04A2B3C4D5E680       hex of 4, 7 or 10 bytes goes to the PN532,
                                   anything else to the line reader
  ev evse=1 pilot=C draw_a=16 phases=3     what the EV does
  pause evse=1, resume evse=1      the EV stops and goes on by itself
  fault evse=1 kind=diode          clear=true ends it; kinds: diode cp_short
                                   pp_ohm rcd weld stuck_open over_temperature
                                   over_current under_voltage over_voltage
                                   ground meter_silent meter_value mirror
  network up=false
  power_cut
  state                            everything the bench can see

examples:
  pilotline bench plug_in evse=1 ev.capacity_kwh=40
  pilotline bench swipe token=04A2B3C4D5E680
  pilotline watch                        what the station makes of it
"""

# These are texts even where they look like numbers: a card may be called 12345678 or 1E10.
_TEXTS = frozenset({"token", "kind", "pilot"})


def add(commands: Commands) -> None:
    parser = command(commands, "bench", "play the world around a simulated charging point", _EPILOG, _bench)
    parser.add_argument("verb", help="what happens (see below)")
    parser.add_argument("arguments", nargs="*", metavar="key=value", help="of the verb; a.b=1 reaches into a")
    add_config(parser)
    add_json(parser, "print the bench's whole answer as JSON")


def _bench(args: argparse.Namespace) -> int:
    request = {"verb": args.verb, **arguments_of(args.arguments)}
    station = station_of(args)
    try:
        with LineClient(station.bench_socket, "the mock bench") as bench:
            answer = bench.ask(request)
    except NotRunning as error:
        raise CommandFailed(f"{error}; start it with: pilotline run", ExitCode.NOT_RUNNING) from error
    except LocalError as error:
        raise CommandFailed(f"bench {args.verb}: {error}") from error
    rest = {key: value for key, value in answer.items() if key != "ok"}
    if args.json:
        print_json(answer)
    elif rest:
        print(json.dumps(rest, indent=1, ensure_ascii=False))
    else:
        print("done")
    return ExitCode.OK


def arguments_of(words: list[str]) -> dict[str, Any]:
    """Turn `evse=1 ev.phases=3` into {"evse": 1, "ev": {"phases": 3}}. Raises CommandFailed (usage)."""
    request: dict[str, Any] = {}
    for word in words:
        path, equals, text = word.partition("=")
        names = path.split(".")
        if not equals or not all(names):
            raise CommandFailed(f"'{word}': write it as key=value, for example evse=1", ExitCode.USAGE)
        place = request
        for name in names[:-1]:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise CommandFailed(f"'{word}': {name} has a value already", ExitCode.USAGE)
        place[names[-1]] = text if names[-1] in _TEXTS else _value(text)
    return request


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
