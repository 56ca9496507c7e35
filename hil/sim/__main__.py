"""`python -m hil.sim --sessions 200 --seed 1`: random lives of a station in virtual time. Exit code 1 when anything is wrong.

Then the shortest replay that still goes wrong is searched, and drawn: its command line and the picture's file are told.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from hil.sim.lives import OPERATOR, Outcome, Play, live
from hil.sim.shrink import command_of, shortest
from hil.sim.timeline import Timeline
from hil.sim.trouble import KINDS


def main() -> int:
    args = _parser().parse_args()
    if args.verbose:
        logging.basicConfig(level=logging.DEBUG if args.verbose > 1 else logging.INFO, format="%(name)s %(message)s")
    else:
        logging.getLogger("controller").addHandler(logging.NullHandler())
        logging.lastResort = None
    versions = [args.ocpp] if args.ocpp else ["1.6", "2.0.1"]
    shares = [args.sessions // len(versions)] * len(versions)
    shares[-1] += args.sessions - sum(shares)
    outcomes = []
    for version, share in zip(versions, shares, strict=True):
        play = Play(args.seed, version, share, frozenset(args.without))
        outcome = live(play, _say, every=args.verbose > 0)
        outcomes.append(outcome)
        _say(summary(outcome))
        if outcome.wrong and not args.no_replay:
            _replay(play, outcome, args.pictures)
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"runs": [each.as_json() for each in outcomes]}, indent=1) + "\n")
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


def _replay(play: Play, outcome: Outcome, pictures: Path) -> None:
    _say("searching for the shortest replay:")
    play, _ = shortest(play, outcome, _say)
    timeline = Timeline()
    again = live(play, timeline=timeline)
    path = pictures / f"sim-{play.ocpp}-{play.seed}.html"
    timeline.write(path, f"OCPP {play.ocpp}, seed {play.seed}: {again.wrong[0]}", again.wrong_at_s or again.virtual_s)
    _say(f"replay: {command_of(play)}")
    _say(f"picture: {path}")


def summary(outcome: Outcome) -> str:
    """Return what came of a run, for a person."""
    troubles = ", ".join(f"{kind} {count}" for kind, count in outcome.troubles.items())
    lines = [
        f"OCPP {outcome.ocpp}, seed {outcome.seed}: {outcome.sessions} visits in {outcome.virtual_s / 86400:.2f} days, "
        f"{outcome.transactions} transactions with {outcome.messages} messages and {outcome.energy_kwh:.1f} kWh",
        f"  {outcome.compared} transactions' energy is the plant's to the Wh, {outcome.duplicates} recognisable duplicates, "
        f"{outcome.commands} commands, {outcome.boots} starts",
        f"  trouble: {troubles}",
        f"  {outcome.virtual_s:.0f} s in {outcome.real_s:.1f} s: {outcome.speed:.0f} times real time",
    ]
    if outcome.wrong:
        lines += ["  what was done last:", *(f"  {line}" for line in outcome.happenings)]
        lines += [f"WRONG (OCPP {outcome.ocpp}, seed {outcome.seed}, at {outcome.wrong_at_s} s):", *outcome.wrong[:20]]
    else:
        lines.append("  nothing is wrong")
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hil.sim", description=__doc__)
    parser.add_argument("--sessions", type=int, default=200, help="how many visits in all (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="what all chance is drawn from (default 1)")
    parser.add_argument(
        "--ocpp", choices=("1.6", "2.0.1"), help="one version only (default: half of the visits with each)"
    )
    parser.add_argument(
        "--without", action="append", default=[], choices=(OPERATOR, *KINDS), metavar="WHAT",
        help=f"leave out a kind of trouble (repeatable): {', '.join((OPERATOR, *KINDS))}",
    )  # fmt: skip
    parser.add_argument("--no-replay", action="store_true", help="search for no shorter replay of what goes wrong")
    parser.add_argument("--pictures", type=Path, default=Path("build"), help="where pictures go (default: build)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="tell everything that happens; twice: more")
    return parser


if __name__ == "__main__":
    sys.exit(main())
