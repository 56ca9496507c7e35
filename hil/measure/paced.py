"""The safety process as it is measured: all of it is real but the pacing between two closes, and it notes when its loop woke.

Production paces a contactor (5 s open, six closes in 10 min) and lets a vehicle ask for 500 ms before the first one; 100,000 openings
would take a month. Here a close may follow at once. What opens is untouched: sampling, two readings, rules, monitor, writes.
Nothing in `controller` can be told to do this: it is done to the modules from outside, by a package that an installed station's
processes never load.

`python -m hil.measure.paced --config FILE --ready-fd N --out FILE [--planted-delay-s S]`
"""

from __future__ import annotations

import argparse
import json
import time
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path

import controller.safety.main
from controller.child import run_child
from controller.config import load_board
from controller.logic import pilot, plateau
from controller.logic.evse import PilotState
from controller.logic.invariants import Breach, Monitor, TracePoint
from controller.safety import channel
from controller.safety.loop import SafetyLoop

LONGEST_US = 100_000
_PACING = frozenset({10, 21})  # the invariants that are broken on purpose


class UnpacedMonitor(Monitor):
    """Judges everything, and only forgives that the contactor closes again too soon."""

    def _judge_rising(self, p: TracePoint, found: list[Breach]) -> None:
        mine: list[Breach] = []
        super()._judge_rising(p, mine)
        found += [breach for breach in mine if breach.invariant not in _PACING]


class Lateness:
    """How late each pass began, in whole microseconds. Counting allocates nothing.

    Told against the pass's slot or, where the loop put that off because the pass before took too long, against one period after that
    one began. What woke late is counted once, as the C thread beside it counts it.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._began_at = float("inf")
        self._counts = array("L", bytes(array("L").itemsize * (LONGEST_US + 1)))

    def woke(self, due_s: float, at_s: float) -> None:
        slot = min(due_s, self._began_at + self._period_s)
        self._began_at = at_s
        self._counts[min(LONGEST_US, max(0, int((at_s - slot) * 1e6)))] += 1

    def counted(self) -> list[tuple[int, int]]:
        """Return (microseconds, how often)."""
        return [(late, count) for late, count in enumerate(self._counts) if count]


def relax() -> None:
    """Let a contactor close again as soon as two readings ask for it."""
    vars(pilot).update(RECLOSE_S=0.0, CLOSES_PER_S=0.0, ASKING_S=0.0)
    plateau._CONFIRM_S[PilotState.B, PilotState.C] = plateau.TWO_READINGS_S
    vars(channel).update(Monitor=UnpacedMonitor)


def oversleeping(delay_s: float) -> Callable[[float], None]:
    """Return a sleep that lasts longer than it should."""
    return time.sleep if delay_s <= 0.0 else lambda seconds: time.sleep(seconds + delay_s)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hil.measure.paced", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="how late passes began, written at the end")
    parser.add_argument("--planted-delay-s", type=float, default=0.0, help="oversleep in every pass: is it seen?")
    args = parser.parse_args()
    relax()
    lateness = Lateness(load_board("mock", Path()).period_ms / 1000.0)
    watched = partial(SafetyLoop, sleep=oversleeping(args.planted_delay_s), woke=lateness.woke)
    vars(controller.safety.main).update(SafetyLoop=watched)
    try:
        return run_child("safety", args.config, args.ready_fd, None)
    finally:
        args.out.write_text(json.dumps(lateness.counted()))


if __name__ == "__main__":
    raise SystemExit(main())
