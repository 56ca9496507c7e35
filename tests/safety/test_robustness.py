"""A station that storms and floods, on a wall clock that steps by ten years: the real safety process neither hurries nor slows down.

The two come together in one process, because each costs seconds to bring about and neither may matter.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import pytest

from controller.ipc import encode
from controller.logic.evse import ContactorState
from controller.logic.invariants import Breach
from tests.project.import_rules import imports_of, sources
from tests.safety.lone_rig import PERMIT, ROOT, LoneRig
from tests.wire.watch import broken_invariants

STORM_S = 3.0
FLOOD_S = 4.0
LEASE_S = 2.0
LEAST_A_SECOND = 1000  # messages that must have got through for it to be a flood
_GOOD: dict[str, Any] = json.loads(encode(PERMIT))


def _permit(**changes: Any) -> bytes:
    return json.dumps(_GOOD | changes).encode()


# What looks like a permit and is none, and what does not even look like one.
MALFORMED = (
    _permit(lease_s=1e9),
    _permit(lease_s=-1),
    _permit(max_current_a=1e6),
    _permit(max_current_a="16"),
    _permit(max_current_a=None),
    _permit(charging_record_id=""),
    _permit(charging_record_id="x" * 5000),
    _permit(phases=2),
    _permit(evse_id=0),
    _permit(extra=1),
    json.dumps(_GOOD).replace("16.0", "NaN").encode(),
    encode(PERMIT)[:-3],
    b'{"t":"permit"}',
    b'{"t":"facts"}',
    b"[" * 8000,
    b'{"a":' * 1500,
    b"\xff\xfe" * 2000,
    b"x" * 8192,
    b"GET / HTTP/1.1\r\n\r\n",
)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[LoneRig]:
    clock = {
        "PYTHONPATH": str(Path(__file__).with_name("planted_clock")),
        "PILOTLINE_TEST_WALL_CLOCK": str(tmp_path / "looked.txt"),
    }
    rig = LoneRig(tmp_path, clock)
    try:
        yield rig
    finally:
        rig.stop()


@pytest.mark.wire
def test_storm_and_flood_on_a_stepping_wall_clock_change_nothing(rig: LoneRig) -> None:
    safety = rig.start("safety")
    rig.bench("plug_in", evse=1)
    rig.connect()
    rig.renew(20.0, lambda facts: facts.contactor is ContactorState.CLOSED)
    drops = rig.bench("state")["one_shot"]["drops"]

    _judge_storm(rig, *_storm(rig))
    last_permit_at = time.monotonic()
    assert rig.station is not None
    with _flooding(rig.station) as flood:
        rig.await_plant(LEASE_S + 6.5, lambda evse: evse["contact"] == "open")
        dark_after_s = rig.edge("advertising", False) - last_permit_at
        assert LEASE_S - 0.7 <= dark_after_s <= LEASE_S + 0.1, f"X1 {dark_after_s:.3f} s after the last permit"
        time.sleep(max(0.0, flood.began + FLOOD_S - time.monotonic()))
        assert flood.sent / (time.monotonic() - flood.began) > LEAST_A_SECOND
        rig.connect()  # who talks sense replaces who has said nothing that counts for longer than his lease
        rig.renew(20.0, lambda facts: facts.contactor is ContactorState.CLOSED)

    assert rig.bench("state")["one_shot"]["drops"] == drops, "it kicked all the while"
    assert _broken(rig) == []
    safety.terminate()
    assert safety.wait(5) == 0
    _judge_log((rig.directory / "safety.log").read_text())
    looked = set((rig.directory / "looked.txt").read_text().split())
    assert looked == {"logging"}, "only the log's own time stamps look at the wall clock"


def _storm(rig: LoneRig) -> tuple[float, int]:
    """Permits as fast as they go, each for another current. Returns when it began and how many there were."""
    assert rig.station is not None
    rig.station.setblocking(True)
    began, sent = time.monotonic(), 0
    packets = [encode(replace(PERMIT, max_current_a=float(amps))) for amps in (6, 32, 10, 31, 7, 30, 16, 29)]
    for packet in cycle(packets):
        if time.monotonic() - began >= STORM_S:
            break
        rig.station.send(packet)
        sent += 1
        with contextlib.suppress(BlockingIOError):
            rig.station.recv(8192, socket.MSG_DONTWAIT)
    rig.station.send(encode(PERMIT))
    return began, sent


def _judge_storm(rig: LoneRig, began: float, sent: int) -> None:
    edges = [each for each in rig.evse()["edges"] if each["at_s"] >= began]
    assert sent / STORM_S > LEAST_A_SECOND
    assert [each for each in edges if each["what"] == "contact"] == [], "charging went on"
    duties = [(each["at_s"], each["value"]) for each in edges if each["what"] == "pilot"]
    raised = [at for (_, before), (at, after) in pairwise(duties) if after > before]
    assert all(after - before >= 5.0 - 0.01 for before, after in pairwise(raised)), "invariant 14"
    assert len(raised) <= 1 and all(10.0 <= duty <= 97.0 for _, duty in duties), duties


class _Flood:
    def __init__(self, station: socket.socket) -> None:
        self.began = time.monotonic()
        self.sent = 0
        self._station = station
        self._stop = False
        self._thread = threading.Thread(target=self._run)
        station.setblocking(True)
        self._thread.start()

    def _run(self) -> None:
        for packet in cycle(MALFORMED):
            if self._stop:
                return
            try:
                self._station.send(packet)
                self._station.recv(8192, socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass
            except OSError:
                return  # replaced
            self.sent += 1

    def end(self) -> None:
        self._stop = True
        self._thread.join(5)
        self._station.close()


@contextlib.contextmanager
def _flooding(station: socket.socket) -> Iterator[_Flood]:
    flood = _Flood(station)
    try:
        yield flood
    finally:
        flood.end()


def _broken(rig: LoneRig) -> list[Breach]:
    return broken_invariants(rig.bench("state", since_s=0), [])


def _judge_log(log: str) -> None:
    assert len(re.findall("malformed message ignored", log)) == 1, "told once, then only counted"
    figures = re.search(r"(\d+) passes, (\d+) overruns, (\d+) stalls, longest pass ([\d.]+) ms", log)
    assert figures is not None, log
    passes, overruns, stalls, longest_ms = (float(each) for each in figures.groups())
    assert stalls == 0 and longest_ms < 100.0, figures.group()
    assert overruns < passes / 4, figures.group()


# --- by construction ----------------------------------------------------------------------------------------------------

WALL = frozenset(
    {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "mktime", "clock_gettime", "clock_settime"}
)
_OF = {"time": WALL, "datetime": frozenset({"now", "utcnow", "today"}), "date": frozenset({"today"})}
MAY_LOOK = frozenset({"controller.diagnostics.crash"})  # names a file after the process has failed


def test_nothing_that_the_safety_process_runs_reads_a_wall_clock() -> None:
    modules = sources(ROOT)
    lookers = {name for name in _reached_by_safety() if _looks_at_wall_clock(modules[name])}
    assert lookers <= MAY_LOOK, lookers


def test_a_look_at_the_wall_clock_would_be_seen() -> None:
    for source in ("import time\nx = time.time()", "from time import time_ns", "x = datetime.now(UTC)", "date.today()"):
        assert _looks_at_wall_clock(source), source
    assert not _looks_at_wall_clock("import time\nx = time.monotonic()\ntime.sleep(1)\nfrom datetime import datetime")


def _looks_at_wall_clock(source: str) -> bool:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "time" and {alias.name for alias in node.names} & WALL:
            return True
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.attr in _OF.get(node.value.id, ())
        ):
            return True
    return False


def _reached_by_safety() -> set[str]:
    """Everything of ours that the loop imports, whatever for, with the drivers that a board may name for it."""
    modules = sources(ROOT)
    families = ("bus", "pilot", "contactor", "residual", "lock", "watchdog")
    waiting = [name for name in modules if name.startswith("controller.safety")]
    waiting += [name for name in modules for family in families if name.startswith(f"drivers.{family}")]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in modules and name not in reached:
            reached.add(name)
            waiting += [each.target for each in imports_of(name, modules[name], modules) if not each.for_types]
    assert {"controller.logic.pilot", "controller.ipc", "controller.safety.loop"} <= reached
    return reached
