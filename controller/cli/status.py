"""`pilotline status`: what the station and each of its EVSEs are doing."""

from __future__ import annotations

import argparse
from textwrap import wrap
from typing import Any

from controller.cli.options import Commands, add_config, add_json, command, print_json, table
from controller.cli.station_link import ask
from controller.exits import ExitCode

_EPILOG = """\
examples:
  pilotline status
  pilotline status --json | jq '.evses[0].pilot'

next: pilotline why      what limits the current, or keeps it from charging
      pilotline watch    what happens, as it happens
"""


def add(commands: Commands) -> None:
    parser = command(commands, "status", "show what the station is doing", _EPILOG, _status)
    add_config(parser)
    add_json(parser)


def _status(args: argparse.Namespace) -> int:
    snapshot = ask(args, "status")["status"]
    if args.json:
        print_json(snapshot)
    else:
        print(rendered(snapshot))
    return ExitCode.OK


def rendered(snapshot: dict[str, Any]) -> str:
    """Return a snapshot as text of at most 80 columns (a long URL apart)."""
    csms = snapshot["csms"]
    online = f"online, {csms['protocol']}" if csms["online"] else "OFFLINE"
    settled = "nothing waiting" if csms["given_up"] else "everything delivered"
    delivery = f"{csms['undelivered']} messages waiting" if csms["undelivered"] else settled
    head = [
        ("station", f"{snapshot['identity']} on board {snapshot['board']}, version {snapshot['firmware']}"),
        ("CSMS", csms["url"]),
        ("", f"{online}, {delivery}"),
        *(("", line) for line in wrap(csms["problem"], 70)),
        *(
            [("", f"{csms['given_up']} messages were never delivered: pilotline records list")]
            if csms["given_up"]
            else []
        ),
    ]
    for problem in snapshot["readers"]:
        if problem != "ok":
            head += [("reader" if place == 0 else "", line) for place, line in enumerate(wrap(problem, 70))]
    if snapshot["database"] != "ok":
        head += [("database" if not place else "", line) for place, line in enumerate(wrap(snapshot["database"], 69))]
    if snapshot["clock"] != "trusted":
        head.append(("clock", "not trusted yet: nobody has told the time since this boot"))
    return "\n\n".join([table(head, ""), *(_evse(each) for each in snapshot["evses"])])


def _evse(evse: dict[str, Any]) -> str:
    fault = f" ({evse['fault']})" if evse["fault"] else ""
    rows = [
        ("session", f"{evse['stage']}, {'plugged' if evse['plugged'] else 'not plugged'}, {evse['charging_state']}"),
        ("transaction", evse["transaction"] or "none"),
        ("current", _current(evse)),
        ("energy", _energy(evse)),
    ]
    if evse["pilot"] is None:
        rows.append(("pilot", "unknown: no word from the safety process"))
    else:
        rows.append(("pilot", _pilot(evse)))
        rows.append(("contactor", evse["contactor"]))
        rows.append(("lock", evse["lock"]))
    if evse["faults"]:
        rows.append(("faults", ", ".join(evse["faults"])))
    return f"EVSE {evse['id']}  {evse['status']}{fault}\n" + table(rows)


def _current(evse: dict[str, Any]) -> str:
    drawn = " / ".join(f"{amps:.1f}" for amps in evse["drawn_a"])
    return f"{evse['offered_a']:.1f} A offered" + (f", {drawn} A drawn" if drawn else "")


def _energy(evse: dict[str, Any]) -> str:
    if evse["meter"] == "none":
        return "no meter"
    register = f"{evse['register_wh']} Wh" if evse["register_wh"] is not None else "no reading yet"
    power = f", {evse['power_w']:.0f} W" if evse["power_w"] is not None else ""
    return register + power + ("" if evse["meter"] == "ok" else f" - {evse['meter']}")


def _pilot(evse: dict[str, Any]) -> str:
    duty = f" at {evse['duty_pct']:.1f} % duty" if evse["duty_pct"] is not None else ""
    volts = " / ".join(f"{volts:+.1f}" for volts in (evse["high_v"], evse["low_v"]) if volts is not None)
    return f"{evse['pilot']}, we drive {evse['output']}{duty}" + (f", {volts} V seen" if volts else "")
