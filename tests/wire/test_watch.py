"""The judges of every wire test see what they are there for, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.wire.watch import Incident, Strike, broken_invariants, complaints, returns_of_station

GOOD = """\
12:00:00.000 run     starting bench, safety, station as X on board mock
12:00:00.100 bench   plug_in {'evse': 1}
12:00:01.000 station WARNING no connection to the CSMS: nobody listens at 127.0.0.1:1
"""


@pytest.mark.parametrize(
    "line",
    [
        "12:00:00.000 safety  CRITICAL invariant 6 broken on EVSE 1 at 100.000: contact closed",
        "12:00:00.000 station ERROR EVSE 1: meter lost: no answer",
        "12:00:00.000 station handling Reset failed | Traceback (most recent call last): | ValueError",
        "12:00:00.000 run     WARNING station ended with exit code 1; it is started again in 0.25 s",
        "Traceback (most recent call last):",
        "sys:1: RuntimeWarning: coroutine 'x' was never awaited",
    ],
)
def test_a_line_that_complains_is_found_unless_it_was_expected(line: str) -> None:
    assert complaints(GOOD) == []
    assert complaints(f"{GOOD}{line}\n") == [line]
    assert complaints(f"{GOOD}{line}\n", [r"meter gone", line[:30].replace("(", r"\(")]) == []


def state(*edges: tuple[float, str, Any], now_s: float = 200.0) -> dict[str, Any]:
    listed = [{"at_s": at, "what": what, "value": value} for at, what, value in edges]
    return {"now_s": now_s, "evses": [{"id": 1, "edges": listed}]}


CHARGING = ((100.0, "advertising", True), (101.0, "ev", "C"), (101.5, "contact", True))


@pytest.mark.parametrize(
    ("edges", "incidents", "broken"),
    [
        ([(110.0, "ev", "B"), (110.08, "contact", False)], [], []),
        ([(110.0, "ev", "B"), (110.25, "contact", False)], [], [6]),
        ([(110.0, "contact", False), (112.0, "contact", True)], [], [21]),
        ([(110.0, "advertising", False), (117.0, "contact", False)], [], [8]),
        ([(110.0, "advertising", False)], [], [8]),
        ([(110.2, "contact", False), (110.2, "advertising", False)], [Incident(110.0, Strike.SAFETY_DIED)], []),
        ([(110.4, "contact", False), (110.4, "advertising", False)], [Incident(110.0, Strike.SAFETY_DIED)], [24]),
        ([(116.0, "contact", False)], [Incident(110.0, Strike.STATION_DIED)], []),
        ([(117.0, "contact", False)], [Incident(110.0, Strike.STATION_DIED)], [24]),
        ([(118.0, "contact", False)], [Incident(110.0, Strike.STATION_HANGS)], []),
        ([(119.0, "contact", False)], [Incident(110.0, Strike.STATION_HANGS)], [24]),
        ([], [Incident(110.0, Strike.STATION_DIED), Incident(112.0, Strike.STATION_RETURNED)], []),
    ],
)  # fmt: skip
def test_what_the_plant_saw_is_judged(
    edges: list[tuple[float, str, Any]], incidents: list[Incident], broken: list[int]
) -> None:
    found = broken_invariants(state(*CHARGING, *edges), incidents)
    assert [breach.invariant for breach in found] == broken, found


def test_after_the_one_shot_is_kicked_again_the_contact_may_close() -> None:
    died = Incident(110.0, Strike.SAFETY_DIED)
    off = ((110.2, "contact", False), (110.2, "advertising", False))
    on = ((119.0, "advertising", True), (120.0, "contact", True))
    assert broken_invariants(state(*CHARGING, *off, (111.0, "relay_supply", True), *on), [died]) == []
    assert [b.invariant for b in broken_invariants(state(*CHARGING, *off, *on), [died])] == [24, 24]


def test_the_return_of_a_station_is_read_from_the_log_of_the_safety_process() -> None:
    at = time.time() - 3.0
    clock = time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 1000):03d}"
    log = f"{clock} station connected to the safety process\n{clock} safety  station connected\n"
    (incident,) = returns_of_station(log)
    assert incident.strike is Strike.STATION_RETURNED
    assert incident.at_s == pytest.approx(time.monotonic() - 3.0, abs=0.05)
