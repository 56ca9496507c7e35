"""`pilotline board`: which boards there are, every mistake of one, what sits on each pin, and what config.txt has to say."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from controller.cli.options import Commands, add_config, add_json, command, config_path, print_json
from controller.config import BoardConfig, ConfigError, load_board, load_station
from controller.config.board import board_names, boards_directory
from controller.config.reader import read_toml
from controller.exits import CommandFailed, ExitCode

_EPILOG = """\
examples:
  pilotline board list
  pilotline board check my-board.toml             every mistake, one a line
  pilotline board draw reference                  the header, pin by pin
  pilotline board draw my-board.toml --svg o.svg  the same as a drawing
  pilotline board config-txt reference            what the Pi needs at boot
  pilotline board provision reference --identity CP-7 --serial 0007 \\
      --csms wss://csms.example/ocpp              one station's own files
  pilotline board calibrate --config pilotline.toml   with a multimeter at CP

To begin one of your own, copy the nearest of the shipped files; how to wire it:
hw/docs. Next: pilotline bringup
"""
_RUN = Path("/run/pilotline")


def add(commands: Commands) -> None:
    parser = command(commands, "board", "list, check, draw, provision or calibrate boards", _EPILOG)
    actions = parser.add_subparsers(metavar="list|check|draw|config-txt|provision|calibrate", required=True)
    for add_action in (_add_list, _add_check, _add_draw, _add_config_txt, _add_provision, _add_calibrate):
        add_action(actions)


def _add_list(actions: Commands) -> None:
    add_json(command(actions, "list", "list the shipped boards", "", _list))


def _add_check(actions: Commands) -> None:
    epilog = "exit code: 0 when a start would accept it, 3 when there are mistakes: all are\nlisted\n"
    parser = command(actions, "check", "tell every mistake of a board file; nothing is opened", epilog, _check)
    _add_board(parser)
    add_json(parser)


def _add_draw(actions: Commands) -> None:
    parser = command(actions, "draw", "draw the 40-pin header with what sits on each pin", "", _draw)
    _add_board(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--svg", type=Path, metavar="FILE", help="write a drawing instead")
    form.add_argument("--markdown", action="store_true", help="as a table of wires")
    add_json(form)  # type: ignore[arg-type]


def _add_config_txt(actions: Commands) -> None:
    parser = command(actions, "config-txt", "print the lines of config.txt that a board needs", "", _config_txt)
    _add_board(parser)


def _add_provision(actions: Commands) -> None:
    parser = command(
        actions,
        "provision",
        "write one station's own files at the end of the line",
        "Writes into --out: pilotline.toml, a password of its own, a TLS key, and the request\n"
        "for its certificate (client.csr, subject CN = serial number). Prints all but the key\n"
        "as JSON for the production's database. What is there already is never overwritten.\n",
        _provision,
    )
    _add_board(parser)
    parser.add_argument("--identity", required=True, help="how the CSMS knows it")
    parser.add_argument("--serial", required=True, help="serial number")
    parser.add_argument("--revision", default="", help="revision of the hardware")
    parser.add_argument("--csms", required=True, metavar="URL", help="where it connects to, ws:// or wss://")
    parser.add_argument(
        "--organization", default="", metavar="NAME", help="the operator, O of the certificate's subject"
    )
    parser.add_argument("--out", type=Path, default=Path("/etc/pilotline"), help="directory (default: /etc/pilotline)")


def _add_calibrate(actions: Commands) -> None:
    epilog = """\
Drives the pilot to +12 V and to -12 V with nothing plugged in, and asks for what
a multimeter shows from CP to PE: that, not the resistors' print, is then what the
converter's readings mean. Written to calibration.toml beside --config, and used
from the next start on. The station must be stopped; no contactor is driven.
"""
    parser = command(actions, "calibrate", "measure a unit's pilot dividers against a multimeter", epilog, _calibrate)
    add_config(parser)
    parser.add_argument(
        "--evse", type=int, action="append", default=[], metavar="N", help="only this EVSE (repeatable)"
    )
    parser.add_argument("--play", action="store_true", help="let the mock bench measure")
    add_json(parser)


def _add_board(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("board", help="name of a shipped board, or a path ending in .toml")


# --- what they do ---------------------------------------------------------------------------------------------------------


def _list(args: argparse.Namespace) -> int:
    told = {}
    for name in board_names():
        path = boards_directory() / f"{name}.toml"
        told[name] = {"file": str(path), "description": str(read_toml(path)["board"].get("description", ""))}
    if args.json:
        print_json(told)
    else:
        width = max(map(len, told))
        print("\n".join(f"{name:<{width}}  {board['description']}" for name, board in told.items()))
        print(f"files: {boards_directory()}")
    return ExitCode.OK


def _check(args: argparse.Namespace) -> int:
    from controller.config.wiring_notes import wiring_notes

    mistakes: list[str] = []
    notes: list[str] = []
    summary = ""
    try:
        board = load_board(args.board, _RUN)
        notes, summary = [*wiring_notes(board), *_bench_notes(board)], _summary(board)
    except ConfigError as error:
        mistakes = list(error.mistakes)
    if args.json:
        print_json({"ok": not mistakes, "mistakes": mistakes, "notes": notes})
    elif mistakes:
        raise ConfigError(mistakes)
    else:
        print("\n".join([*(f"note: {note}" for note in notes), f"OK: {args.board}: {summary}"]))
        print(f"next: pilotline board draw {args.board}")
    return ExitCode.CONFIG if mistakes else ExitCode.OK


def _bench_notes(board: BoardConfig) -> tuple[str, ...]:
    """Return what the mock bench leaves alone of a board that it is to play. Raises ConfigError where it cannot play it at all."""
    if not board.bench:
        return ()
    from hil.bench.layout import BenchError, Layout

    try:
        return Layout.of(board).left_alone
    except BenchError as error:
        rule = str(error).removeprefix(f"{board.name}: ")
        raise ConfigError(
            [f"{board.path} [board] bench = true: {rule}; the bench plays copies of mock.toml"]
        ) from error


def _summary(board: BoardConfig) -> str:
    evses, readers = len(board.evses), len(board.readers)
    return f"{board.name}, {evses} EVSE{'s' * (evses != 1)}, {readers} reader{'s' * (readers != 1)}"


def _draw(args: argparse.Namespace) -> int:
    from controller.cli.board_draw import drawn, wiring_table

    board = load_board(args.board, _RUN)
    if args.json:
        print_json(_as_json(board))
    elif args.markdown:
        print(wiring_table(board))
    elif args.svg is not None:
        from controller.cli.board_svg import header_svg

        try:
            args.svg.write_text(header_svg(board), encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"{args.svg}: {(error.strerror or '').lower()}", ExitCode.DEVICE) from error
        print(f"{args.svg}: the header of {board.name}")
    else:
        print(drawn(board, is_coloured=sys.stdout.isatty() and not os.environ.get("NO_COLOR")))
    return ExitCode.OK


def _as_json(board: BoardConfig) -> list[dict[str, object]]:
    from controller.config.header import PIN_OF, sections_of, uses_of

    return [
        {
            "pin": PIN_OF.get(use.line) if not use.chip or use.on_header else None,
            "line": use.line,
            "what": use.what,
            "output": use.is_output,
            "where": use.where,
        }
        for use in uses_of(sections_of(board))
    ]


def _config_txt(args: argparse.Namespace) -> int:
    from controller.config.boot_lines import boot_lines

    lines = boot_lines(load_board(args.board, _RUN))
    if not lines:
        raise CommandFailed(f"{args.board}: is not on the header of a Raspberry Pi: it needs no lines", ExitCode.USAGE)
    print("\n".join(lines))
    return ExitCode.OK


def _provision(args: argparse.Namespace) -> int:
    from controller.provision import Given, provisioned, unseen_notes

    load_board(args.board, _RUN)
    given = Given(args.identity, args.serial, args.revision, args.board, args.csms, args.organization)
    print_json(provisioned(args.out, given))
    for note in unseen_notes(args.out, args.board):
        print(f"note: {note}", file=sys.stderr)
    return ExitCode.OK


def _calibrate(args: argparse.Namespace) -> int:
    from controller.bringup.calibrate import calibrate
    from controller.cli.bringup import person_for

    path = config_path(args)
    station = load_station(path)
    board = load_board(station.board, station.run_dir)
    found = calibrate(station, path, person_for(args, station, board), args.evse)
    if args.json:
        print_json({str(evse): {"scale": each.scale, "offset_v": each.offset_v} for evse, each in found.items()})
        return ExitCode.OK
    for evse, each in found.items():
        print(f"EVSE {evse}: scale = {each.scale:.4f}, offset_v = {each.offset_v:.4f}")
    print(f"written: {station.calibration}; in force from the next start")
    return ExitCode.OK
