"""`pilotline card`: what the readers make of a card, with the station running or without it."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.cli import watch
from controller.cli.options import Commands, add_config, add_json, command, print_json, station_of
from controller.config import load_board
from controller.exits import CommandFailed, ExitCode
from controller.local.client import LineClient
from controller.local.exc import LocalError

if TYPE_CHECKING:
    from controller.config import BoardConfig
    from controller.hal import Presented

_EPILOG = """\
examples:
  pilotline card watch       the station runs: each card, and what came of it
  pilotline card read        it is stopped: the token of one card, in full
  pilotline card read --reader 2 --count 10

`read` ends with 0 only where every card gave a token. What it shows is what the
CSMS would be asked about, prefix and all.
"""
_ROOM_16 = 20  # characters of an idTag in OCPP 1.6


def add(commands: Commands) -> None:
    parser = command(commands, "card", "try a card: what a reader makes of it", _EPILOG)
    actions = parser.add_subparsers(metavar="read|watch", required=True)
    read = command(actions, "read", "read cards directly, while the station is stopped", "", _read)
    read.add_argument(
        "--reader", type=int, metavar="N", help="which [[reader]] of the board file (default: the only one)"
    )
    read.add_argument("--count", type=int, default=1, metavar="N", help="how many cards (default: 1)")
    read.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="longest wait for a card, seconds (default: 30)"
    )
    add_config(read)
    add_json(read, "print each card as one JSON object a line")
    seen = command(actions, "watch", "show cards and what came of them, while the station runs", "", watch.show_events)
    seen.set_defaults(kind=["token"])
    add_config(seen)
    add_json(seen, "print each event as one JSON object a line")


def _read(args: argparse.Namespace) -> int:
    if args.count < 1 or not args.timeout > 0:
        raise CommandFailed(f"--count {args.count} --timeout {args.timeout:g}: both must be above 0", ExitCode.USAGE)
    station = station_of(args)
    board = load_board(station.board, station.run_dir)
    number = _number(args.reader, board)
    _refuse_while_it_runs(station.api_socket)
    return _listen(args, number, board)


def _number(wanted: int | None, board: BoardConfig) -> int:
    """Return which reader is meant, from 1. Raises CommandFailed that lists those there are."""
    if not board.readers:
        raise CommandFailed(f"{board.path.name} has no [[reader]]")
    if wanted is None and len(board.readers) == 1:
        return 1
    if wanted is None or not 1 <= wanted <= len(board.readers):
        listed = ", ".join(f"{number} ({each.type})" for number, each in enumerate(board.readers, 1))
        said = "name one with --reader" if wanted is None else f"there is no reader {wanted}"
        raise CommandFailed(f"{said}; {board.path.name} has {listed}", ExitCode.USAGE)
    return wanted


def _refuse_while_it_runs(socket: Path) -> None:
    # Whoever may not ask it finds the reader taken, if the station has it.
    with contextlib.suppress(LocalError), LineClient(socket, "the station"):
        raise CommandFailed(
            "the station runs and has its readers; pilotline card watch shows its cards, or stop it first",
            ExitCode.BUSY,
        )


def _listen(args: argparse.Namespace, number: int, board: BoardConfig) -> int:
    import asyncio

    from controller.hal import DeviceError, TokenRead
    from controller.wiring_reader import presentations

    section = board.readers[number - 1]
    if not args.json:
        print(f"hold a card to reader {number}: {section.type}, {section.where}", flush=True)

    async def listen() -> bool:
        """Return whether every card gave a token."""
        found: list[bool] = []
        async with contextlib.aclosing(presentations(section, board)) as cards:
            while len(found) < args.count:
                event = await asyncio.wait_for(anext(cards), args.timeout)
                found.append(isinstance(event, TokenRead))
                if args.json:
                    print_json(_as_json(event, number))
                else:
                    print(rendered(event), flush=True)
        return all(found)

    try:
        is_good = asyncio.run(listen())
    except DeviceError as error:
        if board.bench:
            rule = (
                "the mock bench plays its readers only while a station runs: pilotline run, then pilotline card watch"
            )
            raise CommandFailed(f"{error}; {rule}", ExitCode.NOT_RUNNING) from error
        raise CommandFailed(str(error), ExitCode.DEVICE) from error
    except TimeoutError as error:
        raise CommandFailed(
            f"no card within {args.timeout:g} s; look at the card's kind, its distance, then the reader's wires and supply"
        ) from error
    return ExitCode.OK if is_good else ExitCode.FAILED


def rendered(event: Presented) -> str:
    """Return one card as one line, its token in full: the technician holds it in the hand."""
    from controller.hal import TokenRefused

    if isinstance(event, TokenRefused):
        return f"refused: {event.why}"
    too_long = f"; too long for OCPP 1.6, which has room for {_ROOM_16}" if len(event.value) > _ROOM_16 else ""
    return f"{event.value}  {event.kind}, {len(event.value)} characters{too_long}"


def _as_json(event: Presented, reader: int) -> dict[str, Any]:
    from controller.hal import TokenRefused

    if isinstance(event, TokenRefused):
        return {"reader": reader, "refused": event.why}
    return {"reader": reader, "token": event.value, "kind": event.kind, "fits_ocpp16": len(event.value) <= _ROOM_16}
