"""`pilotline bench`: what happens to the simulated charging point - plug, card, faults - from the shell."""

from __future__ import annotations

import argparse
import json
from typing import Any

from controller.cli.options import Commands, add_config, add_json, command, print_json, start_hint, station_of
from controller.exits import CommandFailed, ExitCode
from controller.local.client import LineClient
from controller.local.exc import LocalError, NotRunning

_EPILOG = """\
verbs:
  plug_in evse=1 [ev.KEY=VALUE …]  an EV arrives, by default a willing one:
      ev.max_a=32 ev.phases=1      what it can draw
      ev.capacity_kwh=40 ev.soc_pct=20   it stops asking when full
      ev.ignores_pwm_off=true      goes on drawing when the PWM stops
      ev.no_s2=true                asks for energy as long as it is plugged in
      ev.slow=true                 takes every time the standard allows
      ev.sleepy=true               wakes up only after 3 s of pilot E or F
      ev.ventilation=true          asks with pilot state D
      ev.bcb=3                     toggles B-C-B before it charges
      ev.imbalance=[1,0.9,0.9]     factors on its phase currents
      cable_a=32                   coding of the cable: 13, 20, 32 or 63
  unplug evse=1                    it leaves; a locked plug is held
  swipe token=04A2B3C4D5E680       hex of 4, 7 or 10 bytes goes to the PN532,
                                   anything else to the line reader
  ev evse=1 pilot=C draw_a=16 phases=3     what the EV does
  pause evse=1, resume evse=1      the EV stops and goes on by itself
  fault evse=1 kind=KIND           something breaks; clear=true mends it:
      diode cp_short pp_ohm rcd weld stuck_open mirror lock_jam ground
      over_temperature over_current under_voltage over_voltage
      meter_silent meter_garbage meter_address meter_value
      and, without evse: mains estop limit adc
      fault kind=reader_gone value=pn532   a card reader (or: value=line)
  network up=false                 the way to the CSMS is cut (only where the
                                   station goes through the bench: see below)
  power_cut                        supply and both processes go at once
  state                            everything the bench can see

The bench can cut only a way that leads through it: start the station with
PILOTLINE_CSMS_FORWARD=9311:127.0.0.1:9310 in the environment and its CSMS at
url = "ws://127.0.0.1:9311/". Or just stop `pilotline csms`.

examples:
  pilotline bench plug_in evse=1 ev.capacity_kwh=40
  pilotline bench swipe token=04A2B3C4D5E680
  pilotline watch                        what the station makes of it
"""

VERBS = ("plug_in", "unplug", "ev", "pause", "resume", "swipe", "fault", "network", "power_cut", "state")

# These are texts even where they look like numbers: a card may be called 12345678 or 1E10.
_TEXTS = frozenset({"token", "kind", "pilot"})


def add(commands: Commands) -> None:
    parser = command(commands, "bench", "play the world around a simulated charging point", _EPILOG, _bench)
    parser.add_argument("verb", choices=VERBS, metavar="verb", help="what happens (see below)")
    parser.add_argument(
        "arguments", nargs="*", default=[], metavar="key=value", help="of the verb; a.b=1 reaches into a"
    )
    add_config(parser)
    add_json(parser, "print the bench's whole answer as JSON")


def _bench(args: argparse.Namespace) -> int:
    request = {"verb": args.verb, **arguments_of(args.arguments)}
    station = station_of(args)
    try:
        with LineClient(station.bench_socket, "the mock bench") as bench:
            answer = bench.ask(request)
    except NotRunning as error:
        raise CommandFailed(f"{error}; start it with: {start_hint(args)}", ExitCode.NOT_RUNNING) from error
    except LocalError as error:
        raise CommandFailed(f"bench {args.verb}: {str(error).removeprefix(f'{args.verb}: ')}") from error
    if answer.get("forwarding") is False:
        raise CommandFailed(
            "bench network: nothing was cut: the way to the CSMS does not lead through the bench; stop `pilotline csms` "
            "instead, or see `pilotline bench --help` on how to lead it through"
        )
    rest = {key: value for key, value in answer.items() if key != "ok"}
    if args.json:
        print_json(answer)
    elif any(isinstance(value, (dict, list)) for value in rest.values()):
        print(json.dumps(rest, indent=1, ensure_ascii=False))
    else:
        told = ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in rest.items())
        print(f"done: {told}" if told else "done")
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
