"""Our own processes as the bench sees them: by the pids that the supervisor wrote into the state directory."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

VICTIMS = ("safety", "station")
_LOOK_S = 0.002
_LOOKS = 1000


def pid_of(state_dir: Path, name: str) -> int | None:
    """Return the pid in `<name>.pid` if such a process lives, else None."""
    try:
        pid = int((state_dir / f"{name}.pid").read_text())
    except (OSError, ValueError):
        return None
    return pid if _lives(pid) else None


async def cut_power(state_dir: Path) -> list[str]:
    """Kill safety and station at once, as a power cut does, and wait until they are gone. Returns who was killed."""
    pids = {name: pid for name in VICTIMS if (pid := pid_of(state_dir, name)) is not None}
    for pid in pids.values():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    for _ in range(_LOOKS):
        if not any(map(_lives, pids.values())):
            break
        await asyncio.sleep(_LOOK_S)
    return list(pids)


def _lives(pid: int) -> bool:
    """A zombie is dead: it writes nothing any more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return fields.rpartition(")")[2].split()[0] not in ("Z", "X")
