"""`pilotline safe-outputs`: for systemd's ExecStopPost, and for a technician who wants certainty."""

from __future__ import annotations

import argparse
import sys

from controller.cli.options import Commands, add_config, command, station_of
from controller.config import load_board
from controller.exits import ExitCode

_EPILOG = """\
De-energises every contactor, disconnects every pilot, rests the locks, ends RCD
tests. For use while the safety process is not running: systemd runs it after
that process ended.

Exit code: 0 when every output is safe, 5 when a device could not be reached
(each is named).
"""


def add(commands: Commands) -> None:
    parser = command(commands, "safe-outputs", "drive every output safe while the station is stopped", _EPILOG, _safe)
    add_config(parser)


def _safe(args: argparse.Namespace) -> int:
    from controller.child import STATION_DEVICES, lock_file
    from controller.safe_outputs import safe_outputs

    station = station_of(args)
    board = load_board(station.board, station.run_dir, without=STATION_DEVICES)
    station.run_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    with lock_file(station.run_dir / "safety.lock", "the safety process: it keeps the outputs itself; stop it first"):
        failures = safe_outputs(board)
    for failure in failures:
        print(f"pilotline: {failure}", file=sys.stderr)
    return ExitCode.DEVICE if failures else ExitCode.OK
