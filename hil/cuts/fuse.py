"""A file system of our own (FUSE) that writes down what reaches it: what any program does to its files, SQLite of any build included.

Needs libfuse 3 and, but for root, its fusermount3.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hil.cuts.disk import Operation

PROMISES = "promises"
_MOUNTED_WITHIN_S = 10.0
_GONE_WITHIN_S = 30.0


class Unavailable(Exception):
    """There is no FUSE here. One line, for a person."""


@contextlib.contextmanager
def mounted(directory: Path, record: Path) -> Iterator[Path]:
    """Have such a file system below a directory; after the block its operations are in `record`. Raises Unavailable."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise Unavailable("/dev/fuse is missing or not ours to use")
    mount = directory / "mounted"
    mount.mkdir()
    command = [sys.executable, "-m", "hil.cuts.fuse_server", str(mount), str(record)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            _wait_until_mounted(server, mount)
            yield mount
        finally:
            _unmount(mount)
            try:
                server.wait(_GONE_WITHIN_S)
            except subprocess.TimeoutExpired:
                server.kill()


def recorded(record: Path) -> list[Operation]:
    found: list[Operation] = pickle.loads(record.read_bytes())
    return found


def _wait_until_mounted(server: subprocess.Popen[str], mount: Path) -> None:
    deadline = time.monotonic() + _MOUNTED_WITHIN_S
    while not os.path.ismount(mount):
        if server.poll() is not None:
            assert server.stderr is not None
            lines = server.stderr.read().splitlines() or ["the server ended"]
            raise Unavailable(
                next((line for line in lines if line.startswith("fuse: ")), lines[-1])
            )  # libfuse's own word
        if time.monotonic() > deadline:
            server.kill()
            raise Unavailable(f"not mounted within {_MOUNTED_WITHIN_S:g} s")
        time.sleep(0.02)


def _unmount(mount: Path) -> None:
    helper = shutil.which("fusermount3")
    command = ["umount", "-l"] if helper is None else [helper, "-u", "-z"]
    if os.path.ismount(mount):
        subprocess.run([*command, str(mount)], check=True, capture_output=True)
