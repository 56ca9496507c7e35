"""`pilotline run`: the station itself."""

from __future__ import annotations

import argparse
import fcntl
import os
from collections.abc import Collection

from controller.child import MAINS
from controller.cli.options import Commands, add_config, command, config_path
from controller.exits import CommandFailed, ExitCode

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
    _check_fd("--ready-fd", args.ready_fd, (os.O_WRONLY, os.O_RDWR), "written to")
    _check_fd("--parent-fd", args.parent_fd, (os.O_RDONLY, os.O_RDWR), "read")
    path = config_path(args)
    if args.only is not None:
        from controller.child import run_child

        return run_child(args.only, path, args.ready_fd, args.parent_fd)
    from controller.run import run

    return run(path, args.ready_fd, args.parent_fd)


def _check_fd(option: str, fd: int | None, modes: Collection[int], use: str) -> None:
    """Raise CommandFailed (usage) when the file descriptor is not there or cannot be used so."""
    if fd is None:
        return
    try:
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    except (OSError, ValueError, OverflowError) as error:
        raise CommandFailed(f"{option} {fd}: there is no such file descriptor", ExitCode.USAGE) from error
    if flags & os.O_ACCMODE not in modes:
        raise CommandFailed(f"{option} {fd}: this file descriptor cannot be {use}", ExitCode.USAGE)
