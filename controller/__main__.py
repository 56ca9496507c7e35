"""The `pilotline` command; also `python -m controller`."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Run the command of this process' arguments and return its exit code."""
    was_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if was_heard:  # while modules are loaded, an exception could come up anywhere, and there is nothing to tidy up
        signal.signal(signal.SIGINT, _leave)
    from controller.cli.main import main as command
    from controller.streams import prepare_streams

    prepare_streams()
    if was_heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return command()


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
