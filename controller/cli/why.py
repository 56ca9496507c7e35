"""`pilotline why`: every limit and which one binds; every reason why an EVSE is not charging."""

from __future__ import annotations

import argparse
from textwrap import wrap
from typing import Any

from controller.cli.options import Commands, add_config, add_json, command, print_json
from controller.cli.station_link import ask
from controller.exits import ExitCode

_EPILOG = """\
examples:
  pilotline why
  pilotline why --json
"""

# How a fault goes away, where somebody has to do something about it.
_CLEARED = {
    "unplug": "once that is done: unplug",
    "reset": "once that is done: pilotline clear {evse} {fault}",
}


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


def rendered(answer: dict[str, Any]) -> str:
    """Return the reasons as text of 80 columns."""
    parts = [_evse(each) for each in answer["evses"]]
    station = [
        ("CSMS", answer["csms"]),
        ("database", answer["database"]),
        *(("reader", problem) for problem in answer["readers"]),
    ]
    if answer["last_token"] is not None:
        last = answer["last_token"]
        where = f" at EVSE {last['evse']}" if last["evse"] is not None else ""
        station.append(("last token", f"{last['text']} ({last['ago_s']} s ago{where})"))
    lines = [line for name, text in station if text for line in wrap(f"{name}: {text}", 80, subsequent_indent="  ")]
    return "\n\n".join([*parts, "\n".join(lines)] if lines else parts)


def _evse(evse: dict[str, Any]) -> str:
    lines = [
        f"EVSE {evse['id']}  {evse['status']}, {evse['offered_a']:.1f} A allowed on {evse['phases']} phase{'s' * (evse['phases'] != 1)}"
    ]
    if evse["limits"]:
        lines.append("  limits, the least first:")
        width = max(len(limit["name"]) for limit in evse["limits"])
        for limit in evse["limits"]:
            mark = ">" if limit["binds"] else " "
            text = f"  {mark} {limit['current_a']:6.1f} A  {limit['name']:<{width}}  "
            lines += wrap(limit["why"], 80, initial_indent=text, subsequent_indent=" " * len(text))
    lines += _reasons("  not charging because:", evse["not_charging"])
    told = tuple(f"{fault['title']}:" for fault in evse["faults"])  # at length below
    lines += _reasons(
        "  contactor open because:", [r for r in evse["contactor_open_because"] if not r.startswith(told)]
    )
    for fault in evse["faults"]:
        text = f"{fault['title']}. {fault['hint']}" if fault["hint"] else fault["title"]
        lines += wrap(text, 80, initial_indent=f"  fault {fault['id']}: ", subsequent_indent="    ")
        if fault["clears"] in _CLEARED:
            lines.append("    " + _CLEARED[fault["clears"]].format(evse=evse["id"], fault=fault["id"]))
    return "\n".join(lines)


def _reasons(head: str, reasons: list[str]) -> list[str]:
    lines = [line for each in reasons for line in wrap(each, 80, initial_indent="    - ", subsequent_indent="      ")]
    return [head, *lines] if lines else []
