"""An error nobody foresaw: the whole story goes to a file, the user gets one line."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from pathlib import Path

from controller import __version__


def crash_report(
    directory: Path, process: str, error: BaseException, *, said: str = "", ask: str = "please report it"
) -> str:
    """Write the traceback to `{directory}/crash-{process}.log` (the last one is kept) and return a line that says so.

    said: what the line is to say; empty: an internal error. ask: what its reader is to do.
    """
    path = directory / f"crash-{process}.log"
    head = f"pilotline {__version__}, {process}, {time.strftime('%Y-%m-%d %H:%M:%S %z')}\n"
    place = ""
    with contextlib.suppress(OSError):
        path.write_text(head + "".join(traceback.format_exception(error)), encoding="utf-8")
        place = f" - the details are in {path}; {ask}"
    if said:
        return said + place
    what = " ".join(str(error).split())
    return f"internal error: {type(error).__name__}" + (f": {what}" if what else "") + place


def crash_directory() -> Path:
    """Return the user's own directory for reports of commands that know no run directory; made when missing."""
    state = os.environ.get("XDG_STATE_HOME")
    directory = Path(state or "~/.local/state", "pilotline")
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: a user without a home
        directory = directory.expanduser()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory
