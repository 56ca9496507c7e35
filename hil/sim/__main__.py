"""`python -m hil.sim --sessions 200 --seed 1`, or `--years 10`: random lives of a station in virtual time. Exit code 1 when anything is wrong.

Then the shortest replay that still goes wrong is searched, and drawn: its command line and the picture's file are told.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from hil.sim.chance import VISITS_A_YEAR, YEAR_S, calendar
from hil.sim.lives import OPERATOR, Outcome, Play, live
from hil.sim.shrink import command_of, shortest
from hil.sim.timeline import Timeline
from hil.sim.trouble import KINDS


def main() -> int:
    args = _parser().parse_args()
    _be_quiet(args.verbose)
    plays = _plays(args)
    began_s = time.perf_counter()
    outcomes = _lived(plays, args)
    real_s = time.perf_counter() - began_s
    if args.years is not None:
        _say(together(outcomes, real_s, args.jobs))
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        figures = {"real_s": round(real_s, 1), "jobs": args.jobs, "runs": [each.as_json() for each in outcomes]}
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    for play, outcome in zip(plays, outcomes, strict=True):
        if outcome.wrong and not args.no_replay:
            _replay(play, outcome, args.pictures)
            break  # the others may be the same
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


def _be_quiet(verbose: int) -> None:
    if verbose:
        logging.basicConfig(level=logging.DEBUG if verbose > 1 else logging.INFO, format="%(name)s %(message)s")
    else:
        logging.getLogger("controller").addHandler(logging.NullHandler())
        logging.lastResort = None


def _plays(args: argparse.Namespace) -> list[Play]:
    """Return what is to be played: so many visits with each version, or a station-year for each seed, versions in turn."""
    versions = [args.ocpp] if args.ocpp else ["1.6", "2.0.1"]
    without = frozenset(args.without)
    if args.years is None:
        shares = [args.sessions // len(versions)] * len(versions)
        shares[-1] += args.sessions - sum(shares)
        return [Play(args.seed, *share, without) for share in zip(versions, shares, strict=True)]
    pace = calendar(args.sample)
    return [
        Play(
            args.seed + number,
            versions[number % len(versions)],
            round(VISITS_A_YEAR * min(1.0, args.years - number)),
            without,
            pace,
        )
        for number in range(math.ceil(args.years))
    ]


def _lived(plays: Sequence[Play], args: argparse.Namespace) -> list[Outcome]:
    """Return what came of each, told as they end."""
    outcomes = []
    with contextlib.ExitStack() as stack:
        if args.jobs > 1 and len(plays) > 1:
            pool = stack.enter_context(ProcessPoolExecutor(args.jobs, multiprocessing.get_context("spawn")))
            lives = pool.map(partial(_live, verbose=args.verbose), plays)
        else:
            lives = map(partial(_live, verbose=args.verbose), plays)
        for outcome in lives:
            _say(summary(outcome))
            outcomes.append(outcome)
    return outcomes


def _live(play: Play, verbose: int) -> Outcome:
    _be_quiet(verbose)
    return live(play, _say, every=verbose > 0)


def together(outcomes: Sequence[Outcome], real_s: float, jobs: int) -> str:
    """Return what came of many years, for a person."""
    years = sum(outcome.virtual_s for outcome in outcomes) / YEAR_S
    work_s = sum(outcome.cpu_s for outcome in outcomes)
    frames, visits = (sum(getattr(each, name) for each in outcomes) for name in ("frames", "sessions"))
    wrong = [f"{each.seed} ({each.ocpp})" for each in outcomes if each.wrong]
    return (
        f"{years:.2f} station-years, seeds {outcomes[0].seed} to {outcomes[-1].seed}, {visits} visits and {frames} frames, "
        f"in {real_s:.0f} s with {jobs} at once: {work_s / years:.0f} s of one core a year, {frames / work_s:.0f} frames a second\n"
        + (f"WRONG with seeds {', '.join(wrong)}" if wrong else "nothing is wrong")
    )


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
    parser.add_argument(
        "--years", type=float,
        help=f"instead: so many years of one station each, {VISITS_A_YEAR} visits a year, one seed after the other",
    )  # fmt: skip
    parser.add_argument(
        "--sample", type=int, default=60, help="with --years: seconds between meter samples (default 60)"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="how many runs at once (default: one a core)"
    )
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
