"""`pilotline bringup`: from the first wire to the CSMS, each step measured, judged, written down and signed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from textwrap import wrap

from controller.bringup.finding import Finding, Verdict
from controller.bringup.person import Deed, Person
from controller.cli.options import Commands, add_config, add_json, command, config_path, print_json
from controller.config import BoardConfig, StationConfig, calibrated, load_board, load_station
from controller.exits import CommandFailed, ExitCode

_EPILOG = """\
examples:
  pilotline bringup --config pilotline.toml     with a test adapter and a card
  pilotline bringup --evse 2                    just one EVSE
  pilotline bringup --play                      on the mock bench, hands and all

Walks every EVSE: inputs, pilot volts and PWM, proximity, temperature, RCD test,
lock, meter; then a vehicle's circuit; then, if all was well and you say so, the
contactor under the safety machine, the meter under load, and the hardware
watchdog. Then card readers and CSMS. Each step tells what was measured, what is
right, and which wire to look at. The station must be stopped.

The report is two files (Markdown, JSON). Exit code 0 only if every step passed.
"""
_LEAVE = "close"  # what has to be typed for what is dangerous


def add(commands: Commands) -> None:
    parser = command(commands, "bringup", "walk a new charger from its wires to its CSMS", _EPILOG, _bringup)
    add_config(parser)
    parser.add_argument(
        "--evse", type=int, action="append", default=[], metavar="N", help="only this EVSE (repeatable)"
    )
    parser.add_argument(
        "--report", type=Path, default=Path(), metavar="DIR", help="where the report goes (default: here)"
    )
    parser.add_argument("--play", action="store_true", help="let the mock bench plug in, ask and hold the card")
    add_json(parser)


def _bringup(args: argparse.Namespace) -> int:
    from controller.bringup.main import bring_up
    from controller.bringup.report import as_json

    path = config_path(args)
    config = load_station(path)
    board = calibrated(load_board(config.board, config.run_dir), config)
    if not args.report.is_dir():
        raise CommandFailed(f"--report {args.report}: is not a directory", ExitCode.USAGE)
    person = person_for(args, config, board)
    report, files = bring_up(config, path, board, person, args.report, tuple(args.evse))
    if args.json:
        print_json(as_json(report))
    else:
        bad = sum(finding.is_bad for finding in report.findings)
        print(f"\n{'complete: every step passed' if report.is_complete else f'NOT COMPLETE: {bad} failed'}")
        print(f"report: {files[0]} and {files[1].name}")
    return ExitCode.OK if report.is_complete else ExitCode.FAILED


def person_for(args: argparse.Namespace, config: StationConfig, board: BoardConfig) -> Person:
    """Return who does what --evse, --play and --json ask for. Raises CommandFailed where nobody can."""
    known = [evse.id for evse in board.evses]
    for evse in args.evse:
        if evse not in known:
            raise CommandFailed(f"there is no EVSE {evse}; known: {', '.join(map(str, known))}", ExitCode.USAGE)
    if args.play and not board.bench:
        raise CommandFailed(f"--play: board {board.name} is not simulated, it needs a person", ExitCode.USAGE)
    if not args.play and not sys.stdin.isatty():
        raise CommandFailed(
            "it asks questions: run it in a terminal (or, on the mock bench, with --play)", ExitCode.USAGE
        )
    person: Person = Technician(is_quiet=args.json)
    if args.play:
        from hil.bringup import Player

        person = Player(config.bench_socket, person)
    return person


class Technician:
    """A person at the terminal. is_quiet: findings are not shown as they come."""

    def __init__(self, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._evse: int | None = -1

    def does(self, deed: Deed, **what: object) -> bool:
        text = deed.value.format(**what)
        if deed is Deed.CLOSE:
            return _asked(f"{text}\n  Type {_LEAVE} to go on, Enter to leave it out: ") == _LEAVE
        return _asked(f"{text}\n  Enter when done, n to leave it out: ") != "n"

    def measures(self, evse: int, nominal_v: float) -> float | None:
        question = Deed.MEASURE.value.format(evse=evse, nominal_v=nominal_v)
        while (text := _asked(f"{question}\n  Volts, such as {nominal_v - 0.06:+.2f}; Enter to stop: ")) not in (
            "",
            "n",
        ):
            try:
                return float(text.removesuffix("V").replace(",", "."))
            except ValueError:
                print(f"  '{text}' is not a number")
        return None

    def signs(self) -> str:
        return _asked(f"{Deed.SIGN.value} ")

    def sees(self, finding: Finding) -> None:
        if not self._is_quiet:
            if finding.evse != self._evse:
                self._evse = finding.evse
                print(f"\nEVSE {finding.evse}" if finding.evse is not None else "\nStation", flush=True)
            print(rendered(finding), flush=True)


def rendered(finding: Finding) -> str:
    """Return a finding as text of 80 columns; what to check follows below."""
    mark = {Verdict.PASSED: "ok", Verdict.FAILED: "FAILED"}.get(finding.verdict, finding.verdict)
    lines = _wrapped(finding.measured, " " * 33, " " * 33) or [""]
    head = f"  {mark:<9} {finding.step:<20} {lines[0].strip()}"
    more = lines[1:]
    if finding.is_bad:
        more += _wrapped(f"expected: {finding.expected}", " " * 4, " " * 4)
        more += _wrapped(f"check: {finding.check}", " " * 4, " " * 6)
    return "\n".join([head, *more])


def _wrapped(text: str, first: str, others: str) -> list[str]:
    """Return lines of 78 columns with these indents; a path stays whole, so that it can be copied, and is longer if it must be."""
    return wrap(
        text, 78, initial_indent=first, subsequent_indent=others, break_on_hyphens=False, break_long_words=False
    )


def _asked(question: str) -> str:
    try:
        return input(question).strip()
    except EOFError:
        return "n"
