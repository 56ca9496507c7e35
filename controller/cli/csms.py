"""`pilotline csms`: the bundled CSMS, a development tool."""

from __future__ import annotations

import argparse

from controller.cli.options import Commands, command


def add(commands: Commands) -> None:
    """Add the command; its own arguments only when it is the one in use, because they load the CSMS."""
    parser = command(commands, "csms", "run the bundled CSMS, or send commands to it", "", _csms)
    if len(commands.choices) == 1:
        fill(parser)


def fill(parser: argparse.ArgumentParser) -> None:
    from hil.csms.cli import add_arguments

    add_arguments(parser)


def aliases() -> dict[str, str]:
    """Return the words that `csms send` takes, with what each does."""
    from hil.csms.cli import aliases

    return aliases()


def _csms(args: argparse.Namespace) -> int:
    from hil.csms.cli import main

    return main(args)
