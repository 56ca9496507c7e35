"""`pilotline run`: the station itself."""

from __future__ import annotations

import argparse

from controller.child import MAINS
from controller.cli.options import Commands, add_config, command, config_path

_EPILOG = """\
examples:
  pilotline run                             the mock board, built-in defaults
  pilotline run --config pilotline.toml     a station of your own
  pilotline run --only safety               one process, as the systemd units do

Starts the safety and the station process, and the bench on a simulated board;
starts again what dies; stops in good order on Ctrl-C, SIGTERM or SIGHUP (but
nohup keeps it up). Process ids are in the state directory.

next: pilotline status | pilotline bench plug_in evse=1 | pilotline watch
"""


def add(commands: Commands) -> None:
    parser = command(commands, "run", "run the station until it is stopped", _EPILOG, _run)
    add_config(parser)
    parser.add_argument("--only", choices=sorted(MAINS), help="run just this process, here")
    parser.add_argument(
        "--ready-fd", type=int, metavar="N", help="write READY=1 to this file descriptor when all serve"
    )
    parser.add_argument("--parent-fd", type=int, help=argparse.SUPPRESS)


def _run(args: argparse.Namespace) -> int:
    path = config_path(args)
    if args.only is not None:
        from controller.child import run_child

        return run_child(args.only, path, args.ready_fd, args.parent_fd)
    from controller.run import run

    return run(path, args.ready_fd)
