"""`pilotline board`: which boards there are, every mistake of one, and what sits on each pin of its header."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from controller.cli.options import Commands, add_json, command, print_json
from controller.config import ConfigError, load_board
from controller.config.board import board_names, boards_directory
from controller.config.reader import read_toml
from controller.exits import CommandFailed, ExitCode

if TYPE_CHECKING:
    from controller.config import BoardConfig
    from controller.config.header import Use

_EPILOG = """\
examples:
  pilotline board list
  pilotline board check my-board.toml             every mistake, one a line
  pilotline board draw reference                  the header, pin by pin
  pilotline board draw my-board.toml --svg o.svg  the same as a drawing
  pilotline board provision reference --identity CP-7 --serial 0007 \\
      --csms wss://csms.example/ocpp              one station's own files

To begin one of your own, copy the nearest of the shipped files; how to wire it:
hw/docs. Next: pilotline bringup
"""
_RUN = Path("/run/pilotline")
_CELL = 33  # columns on each side of the pins' numbers


def add(commands: Commands) -> None:
    parser = command(commands, "board", "list, check, draw or provision boards", _EPILOG)
    actions = parser.add_subparsers(metavar="list|check|draw|provision", required=True)
    listed = command(actions, "list", "list the shipped boards", "", _list)
    checked = command(actions, "check", "tell every mistake of a board file; nothing is opened", "", _check)
    drawn = command(actions, "draw", "draw the 40-pin header with what sits on each pin", "", _draw)
    _add_provision(actions)
    for each in (checked, drawn):
        each.add_argument("board", help="name of a shipped board, or a path ending in .toml")
    drawn.add_argument("--svg", type=Path, metavar="FILE", help="write a drawing instead")
    drawn.add_argument("--markdown", action="store_true", help="as a table of wires")
    for each in (listed, checked, drawn):
        add_json(each)


def _add_provision(actions: Commands) -> None:
    parser = command(
        actions,
        "provision",
        "write one station's own files at the end of the line",
        "Writes pilotline.toml and a password of its own into --out, and prints both as\nJSON for the production's database. What is there already is never overwritten.\n",
        _provision,
    )
    parser.add_argument("board", help="name of a shipped board, or a path ending in .toml")
    parser.add_argument("--identity", required=True, help="how the CSMS knows it")
    parser.add_argument("--serial", required=True, help="serial number")
    parser.add_argument("--revision", default="", help="revision of the hardware")
    parser.add_argument("--csms", required=True, metavar="URL", help="where it connects to, ws:// or wss://")
    parser.add_argument("--out", type=Path, default=Path("/etc/pilotline"), help="directory (default: /etc/pilotline)")


def _provision(args: argparse.Namespace) -> int:
    from controller.provision import provisioned

    load_board(args.board, _RUN)
    print_json(provisioned(args.out, args.identity, args.serial, args.revision, args.board, args.csms))
    return ExitCode.OK


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
    mistakes: list[str] = []
    summary = ""
    try:
        board = load_board(args.board, _RUN)
        evses = f"{len(board.evses)} EVSE" + "s" * (len(board.evses) != 1)
        summary = f"{board.name}, {evses}, {len(board.readers)} readers"
    except ConfigError as error:
        mistakes = list(error.mistakes)
    if args.json:
        print_json({"ok": not mistakes, "mistakes": mistakes})
    elif mistakes:
        raise ConfigError(mistakes)
    else:
        print(f"OK: {args.board}: {summary}\nnext: pilotline board draw {args.board}")
    return ExitCode.CONFIG if mistakes else ExitCode.OK


def _draw(args: argparse.Namespace) -> int:
    from controller.config.header import uses_of

    board = load_board(args.board, _RUN)
    uses = uses_of(board)
    if args.json:
        print_json({use.line: {"what": use.what, "where": use.where, "output": use.is_output} for use in uses})
    elif args.markdown:
        print(wiring_table(uses))
    elif args.svg is not None:
        from controller.cli.board_svg import header_svg

        try:
            args.svg.write_text(header_svg(board, uses), encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"{args.svg}: {(error.strerror or '').lower()}", ExitCode.DEVICE) from error
        print(f"{args.svg}: the header of {board.name}")
    else:
        print(rendered(board, uses, is_coloured=sys.stdout.isatty()))
    return ExitCode.OK


def rendered(board: BoardConfig, uses: list[Use], *, is_coloured: bool) -> str:
    """Return the header as text of at most 80 columns: odd pins left, even pins right, pin 1 at the top."""
    by_line = {use.line: use for use in uses}
    rows = [f"{board.name}: pin 1 is at the corner; > driven, < read"]
    for pin in range(1, 40, 2):
        left, right = _cell(pin, by_line), _cell(pin + 1, by_line)
        row = f"{left:>{_CELL}} {pin:>2} | {pin + 1:<2} {right}".rstrip()
        rows.append(f"\033[1m{row}\033[0m" if is_coloured and (_use(pin, by_line) or _use(pin + 1, by_line)) else row)
    off = [use for use in uses if use.line not in range(28)]
    return "\n".join([*rows, *(f"not on the header: line {use.line} {use.what}" for use in off)])


def wiring_table(uses: list[Use]) -> str:
    """Return the wires as a Markdown table, in the order of the header's pins."""
    from controller.config.header import LINES

    pin_of = {line: pin for pin, line in LINES.items()}
    rows = ["| Pin | GPIO | Direction | Wire | Board file |", "|---|---|---|---|---|"]
    for use in sorted(uses, key=lambda use: pin_of.get(use.line, 99)):
        direction = "out" if use.is_output else "in"
        rows.append(
            f"| {pin_of.get(use.line, '-')} | {use.line} | {direction} | {use.what} | `{use.where.partition(' ')[2]}` |"
        )
    return "\n".join(rows)


def _use(pin: int, by_line: dict[int, Use]) -> Use | None:
    from controller.config.header import LINES

    return by_line.get(LINES[pin]) if pin in LINES else None


def _cell(pin: int, by_line: dict[int, Use]) -> str:
    from controller.config.header import LINES, SUPPLIES

    if pin in SUPPLIES:
        return SUPPLIES[pin]
    use = by_line.get(LINES[pin])
    if use is None:
        return f"GPIO{LINES[pin]}"
    arrow = ">" if use.is_output else "<"
    line = f"GPIO{use.line}"
    what = use.what[: _CELL - len(line) - 3]
    return f"{what} {arrow} {line}" if pin % 2 else f"{line} {arrow} {what}"
