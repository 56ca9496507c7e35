"""How commands reach the running station."""

from __future__ import annotations

import argparse
from typing import Any

from controller.cli.options import start_hint, station_of
from controller.exits import CommandFailed, ExitCode
from controller.local.client import LineClient
from controller.local.exc import LocalError, NotRunning


def connect(args: argparse.Namespace) -> LineClient:
    """Connect to the control API of the station that `args` name. Raises CommandFailed that says what to do."""
    path = station_of(args).api_socket
    try:
        return LineClient(path, "the station")
    except NotRunning as error:
        raise CommandFailed(f"{error}; start it with: {start_hint(args)}", ExitCode.NOT_RUNNING) from error
    except LocalError as error:
        raise CommandFailed(f"{error}; are you in the socket's group?", ExitCode.DEVICE) from error


def ask(args: argparse.Namespace, do: str, **arguments: Any) -> dict[str, Any]:
    """Ask one thing and return the answer. Raises CommandFailed."""
    with connect(args) as client:
        try:
            return client.ask({"id": 1, "do": do, **arguments})
        except NotRunning as error:
            raise CommandFailed(str(error), ExitCode.NOT_RUNNING) from error
        except LocalError as error:
            raise CommandFailed(str(error)) from error
