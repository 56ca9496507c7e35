"""`python -m hil.scenarios [NAME…]`: play the sequences and protections on the mock bench, or on a rig that answers its verbs.

NAME: a scenario, or the begin of some names (`2.2`, `rcd`); none: all. Exit code 0 only if nothing failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from controller.config import ConfigError
from controller.local.exc import LocalError
from hil.bench.client import BenchRefused, BenchUnreachable
from hil.bench.layout import BenchError
from hil.csms.csms import Csms
from hil.csms.server import PortInUse
from hil.processes import RigError
from hil.rig.bridge import bridged
from hil.rig.station import station_of
from hil.scenarios.benches import BOARDS, MockSource, SocketDoors, StandingSource, listening
from hil.scenarios.protections import PROTECTIONS
from hil.scenarios.runner import play_all
from hil.scenarios.scenario import End, Outcome, Scenario
from hil.scenarios.sequences import SEQUENCES
from hil.scenarios.virtual import SimSource
from hil.virtual import run_virtual

SCENARIOS = (*SEQUENCES, *PROTECTIONS)
_WORD = {End.PASSED: "PASSED", End.FAILED: "FAILED", End.SKIPPED: "skipped"}
Say = Callable[[str], None]


def main(words: Sequence[str] | None = None, say: Say = lambda line: print(line, flush=True)) -> int:
    args = _parser().parse_args(words)
    try:
        chosen = choose(args.names, short=args.short)
        if args.list:
            for each in chosen:
                say(
                    f"{each.name:26} {each.title}"
                    + (f"  (needs {', '.join(sorted(each.needs))})" if each.needs else "")
                )
            return 0
        outcomes = _play(args, chosen, _progress(len(chosen), say, quiet=args.quiet))
    except (
        RigError,
        BenchError,
        ConfigError,
        BenchUnreachable,
        BenchRefused,
        LocalError,
        PortInUse,
        ValueError,
    ) as error:
        print(f"scenarios: {error}", file=sys.stderr)
        return 2
    ends = Counter(outcome.end for outcome in outcomes)
    say(", ".join(f"{ends[end]} {end.value}" for end in End))
    args.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "bench": str(args.rig or args.bench or "mock"),
        "virtual": args.virtual,
        **{end.value: ends[end] for end in End},
    }
    args.json.write_text(json.dumps(figures | {"scenarios": [each.as_json() for each in outcomes]}, indent=1) + "\n")
    return 1 if ends[End.FAILED] else 0


def choose(names: Sequence[str], *, short: bool = False) -> list[Scenario]:
    """Return the scenarios of these names or begins of names, all without any. Raises ValueError for what fits none."""
    for name in names:
        if not any(each.name.startswith(name) for each in SCENARIOS):
            raise ValueError(f"no scenario begins with {name!r}; `--list` tells their names")
    found = [each for each in SCENARIOS if not names or _is_meant(each, names)]
    return [each for each in found if each.short] if short else found


def _is_meant(each: Scenario, names: Sequence[str]) -> bool:
    exact = {name for name in names if any(other.name == name for other in SCENARIOS)}
    return each.name in exact or any(each.name.startswith(name) for name in names if name not in exact)


def _play(args: argparse.Namespace, chosen: list[Scenario], tell: Callable[[Outcome], None]) -> list[Outcome]:
    if args.virtual:
        logging.lastResort = None  # a station that is simulated here need not complain here
        return run_virtual(play_all(chosen, [SimSource(board) for board in BOARDS], 1, tell))
    return asyncio.run(_play_really(args, chosen, tell))


async def _play_really(
    args: argparse.Namespace, chosen: list[Scenario], tell: Callable[[Outcome], None]
) -> list[Outcome]:
    csms = Csms(keeps_frames=1000)
    if args.rig is not None:
        station = station_of(args.config, args.evse)
        with tempfile.TemporaryDirectory(prefix="pl-") as directory:
            args.bench = Path(directory) / "bench.sock"
            args.api = args.api or station.api
            async with bridged(args.rig, args.evse, station.built, args.bench):
                return await _play_standing(args, args.rig, csms, chosen, tell)
    if args.bench is not None:
        return await _play_standing(args, str(args.bench), csms, chosen, tell)
    async with listening(csms, "127.0.0.1", 0) as port:
        return await play_all(chosen, [MockSource(board, csms, port) for board in BOARDS], args.benches, tell)


async def _play_standing(
    args: argparse.Namespace, name: str, csms: Csms, chosen: list[Scenario], tell: Callable[[Outcome], None]
) -> list[Outcome]:
    api = args.api if args.api is not None else args.bench.with_name("api.sock")
    host, _, port_text = args.csms.rpartition(":")
    async with listening(csms, host, int(port_text)):
        source = StandingSource(name, SocketDoors(args.bench, api, csms, None))
        return await play_all(chosen, [source], 1, tell)


def _progress(count: int, say: Say, *, quiet: bool) -> Callable[[Outcome], None]:
    told = 0

    def tell(outcome: Outcome) -> None:
        nonlocal told
        told += 1
        for line in lines_of(outcome, quiet=quiet):
            say(line if line.startswith(" ") else f"[{told}/{count}] {line}")

    return tell


def lines_of(outcome: Outcome, *, quiet: bool = False) -> list[str]:
    """Return what a person reads of an outcome: its verdict, then each step with its time, limit and source."""
    head = f"{_WORD[outcome.end]} {outcome.name}: {outcome.title}"
    if outcome.where:
        head += f" ({outcome.where}, {outcome.seconds:g} s)"
    if outcome.why:
        head += f" - {outcome.why}"
    if quiet and outcome.end is not End.FAILED:
        return [head]
    lines = [head]
    for step in outcome.steps:
        took = f"{step.took_s:.3f} s" if step.took_s is not None else ""
        line = f"    {'ok  ' if step.ok else 'NOT '} {step.text}"
        detail = "; ".join(
            part for part in (took, step.limit, "" if step.ok and took else step.seen, step.cite) if part
        )
        lines.append(f"{line}  [{detail}]" if detail else line)
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hil.scenarios", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="scenarios, or the begin of their names (default: all)"
    )
    parser.add_argument("--list", action="store_true", help="tell the names, and play nothing")
    parser.add_argument("--short", action="store_true", help="only those that are part of every test run")
    parser.add_argument("--quiet", action="store_true", help="the steps of what failed only")
    parser.add_argument("--json", type=Path, default=Path("build/scenarios.json"), help="where the verdicts go (JSON)")
    parser.add_argument("--benches", type=int, default=3, help="mock benches at a time (default 3)")
    parser.add_argument("--virtual", action="store_true", help="in virtual time: seconds, and no real process")
    rig = parser.add_argument_group("a rig, instead of the mock bench")
    rig.add_argument("--rig", metavar="PORT", help="the serial port of an RP2040 with hil/rig/firmware")
    rig.add_argument("--evse", type=int, default=1, help="the EVSE that the RP2040 stands at (default 1)")
    rig.add_argument("--config", type=Path, help="the file of the station there (default: as `pilotline` finds it)")
    rig.add_argument("--bench", type=Path, metavar="SOCKET", help="the socket of a bench that stands")
    rig.add_argument(
        "--api",
        type=Path,
        metavar="SOCKET",
        help="the station's local API (default: as its file says, or api.sock beside the bench's)",
    )
    rig.add_argument(
        "--csms",
        default="0.0.0.0:9180",
        metavar="HOST:PORT",
        help="where the station finds its CSMS: us (default %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
