"""What must hold in every wire test, whatever it is about: the plant saw no invariant broken, and no process complained."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Any

from controller.logic.invariants import Breach
from controller.logic.plant_monitor import PlantMonitor

_LINE = re.compile(
    r"(?P<clock>\d\d:\d\d:\d\d\.\d{3}) (?P<process>\w+) +(?P<level>WARNING |ERROR |CRITICAL )?(?P<text>.*)"
)
_DAY_S = 86400.0


class Strike(Enum):
    """What a test did to a process."""

    SAFETY_DIED = "safety died"
    STATION_DIED = "station died"
    STATION_HANGS = "station hangs"
    STATION_RETURNED = "station returned"


@dataclass(frozen=True, slots=True)
class Incident:
    at_s: float
    strike: Strike


# --- the plant ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    at_s: float
    evse: int
    what: str
    value: Any


def broken_invariants(state: dict[str, Any], incidents: Iterable[Incident]) -> list[Breach]:
    """Judge everything the plant saw. state: the bench's, with all edges. incidents: deaths and returns, any order."""
    edges = [
        _Seen(edge["at_s"], evse["id"], edge["what"], edge["value"])
        for evse in state["evses"]
        for edge in evse["edges"]
    ]
    monitor = PlantMonitor(tuple(evse["id"] for evse in state["evses"]))
    found: list[Breach] = []
    for each in sorted([*edges, *incidents], key=attrgetter("at_s")):
        found += _shown(monitor, each)
    return found + monitor.check(state["now_s"])


def _shown(monitor: PlantMonitor, seen: _Seen | Incident) -> list[Breach]:
    match seen:
        case Incident(at_s, Strike.SAFETY_DIED):
            return monitor.safety_died(at_s)
        case Incident(at_s, Strike.STATION_RETURNED):
            monitor.station_returned()
        case Incident(at_s, strike):
            return monitor.station_died(at_s, hangs=strike is Strike.STATION_HANGS)
        case _Seen(at_s, evse, "contact", value):
            return monitor.contact(evse, bool(value), at_s)
        case _Seen(at_s, evse, "advertising", value):
            return monitor.advertising(evse, bool(value), at_s)
        case _Seen(at_s, evse, "ev", value):
            return monitor.vehicle(evse, str(value), at_s)
        case _Seen(at_s, _, "relay_supply", True):
            monitor.safety_started(at_s)  # the one-shot is kicked again
    return []


def returns_of_station(log: str) -> list[Incident]:
    """When a station connected to the safety process, as that one's log tells (monotonic seconds)."""
    found = [line for line in map(_LINE.fullmatch, log.splitlines()) if line is not None]
    connected = [line["clock"] for line in found if line["process"] == "safety" and line["text"] == "station connected"]
    return [Incident(_monotonic(clock), Strike.STATION_RETURNED) for clock in connected]


def _monotonic(clock: str) -> float:
    """Return the monotonic time of the latest moment with this local time of day."""
    hours, minutes, seconds = clock.split(":")
    now = time.time()
    local = time.localtime(now)
    of_day_s = local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec + now % 1
    ago_s = (of_day_s - (int(hours) * 3600 + int(minutes) * 60 + float(seconds))) % _DAY_S
    return time.monotonic() - ago_s


# --- the logs -------------------------------------------------------------------------------------------------------------


def complaints(log: str, expected: Sequence[str] = ()) -> list[str]:
    """Return the lines of the processes' common log that no test may be silent about.

    These are errors, broken invariants, tracebacks, processes that died by themselves, and anything that is not a line of
    ours at all. expected: regular expressions of lines that are no complaint in this test.
    """
    patterns = [re.compile(each) for each in expected]
    return [line for line in log.splitlines() if _complains(line) and not any(p.search(line) for p in patterns)]


def _complains(line: str) -> bool:
    parts = _LINE.fullmatch(line)
    if parts is None:
        return bool(line.strip())
    is_bad = parts["level"] in ("ERROR ", "CRITICAL ")
    return is_bad or "Traceback" in line or "is started again" in line or "exception" in line.lower()
