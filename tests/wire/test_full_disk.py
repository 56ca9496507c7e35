"""The station's directory is full, to the last byte: what charges goes on and can be stopped, nothing new begins, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hil.csms.csms import Csms
from hil.processes import READY_TIMEOUT_S
from hil.script import EVSE, check_books
from tests.wire.rigs import (
    SUBPROTOCOLS,
    WatchedRig,
    judged,
    play,
    serving,
    settings_for,
    short_directory,
    world_of,
)

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]

DISK = "24m"
OWN_DISK = ["unshare", "--user", "--map-root-user", "--mount"]


def has_own_disks() -> bool:
    """Whether the kernel lets us mount a small disk for processes of ours: no root, but user namespaces."""
    if shutil.which("unshare") is None:
        return False
    command = [*OWN_DISK, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class SmallRig(WatchedRig):
    """A rig whose state directory is a small disk of its own, seen from here through its supervisor's eyes."""

    def _spawn(self, ready_fd: int) -> subprocess.Popen[bytes]:
        self.state_dir = self.directory / "state"
        self.state_dir.mkdir(exist_ok=True)
        script = f'mount -t tmpfs -o size={DISK},mode=0700 tmpfs "$0" && exec "$@"'
        run = [sys.executable, "-m", "controller", "run", "--config", str(self.config), "--ready-fd", str(ready_fd)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*OWN_DISK, "sh", "-c", script, str(self.state_dir), *run],
                pass_fds=[ready_fd],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.state_dir = Path(f"/proc/{process.pid}/root{self.state_dir}")
        return process

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """SQLite would resolve the way through /proc to a place outside: read a copy."""
        copy = self.directory / "copy"
        copy.mkdir(exist_ok=True)
        for name in ("station.db", "station.db-wal"):
            shutil.copyfile(self.state_dir / name, copy / name)
        with contextlib.closing(sqlite3.connect(copy / "station.db")) as connection:
            return connection.execute(query, parameters).fetchall()

    def fill(self, leaving: int = 0) -> None:
        """Write until there is no more room than this, to the last byte."""
        with (self.state_dir / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while (room := shutil.disk_usage(self.state_dir).free - leaving) > 0:
                file.write(b"\0" * min(room, 1 << 16))

    def free(self) -> None:
        (self.state_dir / "filler").unlink()


@pytest.mark.skipif(not has_own_disks(), reason="this kernel lets nobody but root mount a disk")
def test_a_full_disk_leaves_safety_alone_and_loses_nothing() -> None:
    with short_directory() as directory:
        asyncio.run(_full(directory))


# What a station says that cannot write.
TOLD = (
    "station ERROR an update was not kept: .*(free some space|no room left; free space)",
    "station ERROR the storage is full",
    "station WARNING the storage has room",
    "station ERROR EVSE [12]: (the register was )?not (kept yet|noted).*no room left; free space",
    "station ERROR (delivery pauses|what was to be kept lazily is lost|the fault history misses something|"
    "the contactor's use is not kept|what the CSMS said of a token is not remembered): .*no room left; free space",
    "station WARNING what was reported of .* is not kept: .*no room left; free space",
    "station WARNING everything that waited for room in the store is kept now",
)


async def _full(directory: Path) -> None:
    csms = Csms(subprotocols=(SUBPROTOCOLS["2.0.1"],))
    async with serving(csms) as port, judged(SmallRig(directory, settings_for(port, "2.0.1"))) as rig:
        world = world_of(rig, csms, "2.0.1")
        rig.expect(*TOLD)
        await rig.until(rig.is_whole, READY_TIMEOUT_S, "the station is registered")
        await play(world, "boot", "plug_in", "swipe", "energise")
        drops, safety, station = (
            rig.bench.verb("state")["one_shot"]["drops"],
            rig.pid("safety"),
            rig.pid("station"),
        )
        rig.fill(leaving=8 << 20)
        await _begins_nothing(rig, 2)
        await asyncio.sleep(1.0)  # its end is written, too
        rig.fill()
        await _goes_on(rig)
        await _opens_at_once(rig)
        await rig.until(lambda: _ends(rig) == 1, 5, "the end is kept in the room held back for it")
        await _begins_nothing(rig, EVSE)
        assert rig.pid("station") == station, "it serves and tells, full or not"
        assert rig.bench.verb("state")["one_shot"]["drops"] == drops and rig.pid("safety") == safety
        rig.free()
        await rig.until(lambda: "storage" not in str(rig.ask("why")["why"]["evses"]), 15, "with room it is as before")
        await play(world, "delivered")
        await rig.until(lambda: not csms.transactions[-1].is_open, 20, "the CSMS learns of the end")
        assert check_books(world) == []


def _ends(rig: SmallRig) -> int:
    return len(rig.rows("SELECT 1 FROM events WHERE kind = 'Ended'"))


def _edges(rig: WatchedRig, since: float, evse: int = EVSE) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rig.bench.verb("state", since_s=since)["evses"][evse - 1]["edges"]
    return found


async def _goes_on(rig: WatchedRig) -> None:
    """Its record is committed: the contact stays closed."""
    mark = rig.bench.verb("state")["now_s"]
    await asyncio.sleep(2.5)
    assert [edge for edge in _edges(rig, mark) if edge["what"] == "contact"] == []


async def _opens_at_once(rig: WatchedRig) -> None:
    mark = rig.bench.verb("state")["now_s"]
    rig.bench.verb("unplug", evse=EVSE)
    await rig.until(lambda: rig.evse(EVSE)["contact"] == "open", 2, "the contact opens")
    at = {(edge["what"], edge["value"]): edge["at_s"] for edge in _edges(rig, mark)}
    assert at["contact", False] - at["ev", "A"] <= 0.100, "Table A.6 seq. 2.2"
    await rig.until(lambda: not rig.evse(EVSE)["locked"], 5, "the plug is free")


async def _begins_nothing(rig: WatchedRig, evse: int) -> None:
    """Refused rather than charged unrecorded, with the reason."""
    mark = rig.bench.verb("state")["now_s"]
    rig.bench.verb("plug_in", evse=evse)
    await asyncio.sleep(1.5)
    rig.bench.verb("swipe", token="04A2B3C4D5E681")
    await asyncio.sleep(2.0)
    (why,) = [each for each in rig.ask("why")["why"]["evses"] if each["id"] == evse]
    assert any("storage is full" in reason for reason in why["not_charging"]), why["not_charging"]
    assert [edge for edge in _edges(rig, mark, evse) if edge["what"] in ("command", "advertising")] == []
    rig.bench.verb("unplug", evse=evse)
