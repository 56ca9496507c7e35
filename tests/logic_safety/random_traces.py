"""Arbitrary vehicles, permits, faults and readings, as scripts for `TickWorld`; and the long form of what is done with them.

`python -m tests.logic_safety.random_traces --traces 100000`: every trace runs ticked and by deadlines, from a start or from the
midst of charging, and both must drive the same outputs without breaking an invariant.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from typing import Any

from controller.logic.evse import PilotOutput
from controller.logic.faults import FAULTS
from controller.logic.inputs import Level
from controller.logic.pilot import EvseConfig
from tests.logic_safety.tick_world import LOADED_V, Step, TickWorld

TICKS = 2000
MIDST = 900  # by then the vehicle of `charging` draws
CONFIGS = (
    EvseConfig(1, has_rcd=True, has_rcd_test=True),
    EvseConfig(1, has_rcd=True, has_lock=False, cable_a=32),
    EvseConfig(1, has_ventilation=True, hardware_max_a=16.0, has_phase_sense=True, unlocks_without_mains=True),
    EvseConfig(1, has_temperature=True, switches_phases=True, phase_wait_s=10.0, wake_up=PilotOutput.F),
)
LEVELS = (Level.NO, Level.NO, Level.YES, Level.UNKNOWN)


def random_script(dice: random.Random, begin: int = 0, end: int = TICKS) -> list[Step]:
    """A script that mostly charges: a willing station and vehicle, with anything else in between."""
    amps = (16.0, 16.0, 32.0, 7.5, 5.0)
    script = [Step(t, "permit", (dice.choice(amps), "r1", 2.0)) for t in range(begin, end, 100)]
    silent = range(dice.randrange(begin, end), end) if dice.random() < 0.3 else range(0)
    script = [step for step in script if step.tick not in silent]
    script.append(Step(begin + dice.randrange(400), "arrive", dice.random() < 0.7))
    for _ in range(dice.randrange(14)):
        tick = dice.randrange(begin, end)
        what, value = random_event(dice)
        script.append(Step(tick, what, value))
        if what == "line" and dice.random() < 0.7:
            script.append(Step(tick + dice.randrange(1, 80), "line", dice.choice(list(LOADED_V))))
    return script


def random_event(dice: random.Random) -> tuple[str, Any]:
    return dice.choice(
        (
            ("line", dice.choice(list(LOADED_V))),
            ("line", dice.choice(list(LOADED_V))),
            ("arrive", dice.random() < 0.7),
            ("leave", None),
            ("duty", dice.choice((None, 0.0, -4.9, 20.0))),
            ("diode", dice.choice((-12.0, -12.0, -8.8, 5.0))),
            ("permit", (dice.uniform(0.0, 40.0), dice.choice(("r1", "r2")), 2.0)),
            ("phases", dice.choice((1, 3))),
            ("warm", dice.choice((25.0, 66.0, 70.0, 75.0))),
            ("earth", dice.choice(LEVELS)),
            ("withdraw", None),
            ("lose", None),
            ("draw", dice.choice((3.0, 20.0, 60.0))),
            ("sensed", dice.choice((3.0, 18.0, 60.0))),
            ("volts", dice.choice((230.0, 100.0, 300.0))),
            ("wish", dice.random() < 0.5),
            ("reset", dice.choice(list(FAULTS))),
            ("weld", dice.random() < 0.5),
            ("jam", dice.random() < 0.5),
            ("force_bolt", dice.random() < 0.5),
            ("rcd", dice.choice(LEVELS)),
            ("estop", dice.choice(LEVELS)),
            ("mains", dice.choice(LEVELS)),
            ("proximity", dice.choice((220.0, 220.0, 1500.0, 20.0, 3000.0, float("inf")))),
            ("sense", dice.random() < 0.5),
        )
    )


def charging(config: EvseConfig, *, is_ticked: bool, is_judged: bool = True) -> TickWorld:
    """Return a world in the midst of charging, to go on from."""
    script = [Step(t, "permit", (16.0, "r1", 2.0)) for t in range(0, MIDST, 100)] + [Step(20, "arrive", True)]
    world = TickWorld(config, script, is_ticked=is_ticked, is_judged=is_judged).run(MIDST)
    assert world.machine.outputs.closed
    return world


def differences(ticked: TickWorld, driven: TickWorld) -> list[str]:
    """Return what is wrong with the two runs of one script; empty when nothing is."""
    wrong = [f"ticked: {breach}" for breach in ticked.breaches] + [f"driven: {breach}" for breach in driven.breaches]
    if ticked.log != driven.log:
        first = next((pair for pair in zip(ticked.log, driven.log, strict=False) if pair[0] != pair[1]), None)
        wrong.append(f"ticks and deadlines differ: {first or 'one goes on where the other ends'}")
    return wrong


class Comparison:
    """Random traces, one by one. Most begin in the midst of charging and are short, some begin at the start and are long.

    The monitor judges every driven run, and every tenth ticked one: it sees the same outputs at the same times.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._midst = {
            (index, is_ticked): charging(config, is_ticked=is_ticked)
            for index, config in enumerate(CONFIGS)
            for is_ticked in (True, False)
        }
        self.ticked_passes = 0
        self.driven_passes = 0
        self.closes = 0
        self.changes = 0

    def trace(self, number: int) -> list[str]:
        """Run one trace both ways; return what is wrong."""
        dice = random.Random(f"{self._seed} {number}")
        index = dice.randrange(len(CONFIGS))
        is_cold = dice.random() < 0.02
        length = TICKS if is_cold else int(math.exp(dice.uniform(math.log(60), math.log(400))))
        begin = 0 if is_cold else MIDST
        script = random_script(dice, begin, begin + length)
        ticked, driven = (self._world(index, is_cold, is_ticked, script) for is_ticked in (True, False))
        ticked.is_judged = number % 10 == 0
        before = ticked.passes, driven.passes, driven.machine.cycles, len(driven.log)
        ticked.run(begin + length)
        driven.run(begin + length)
        self.ticked_passes += ticked.passes - before[0]
        self.driven_passes += driven.passes - before[1]
        self.closes += driven.machine.cycles - before[2]
        self.changes += len(driven.log) - before[3]
        return [f"trace {number} of seed {self._seed}: {line}" for line in differences(ticked, driven)]

    def _world(self, index: int, is_cold: bool, is_ticked: bool, script: list[Step]) -> TickWorld:
        if is_cold:
            return TickWorld(CONFIGS[index], script, is_ticked=is_ticked)
        return self._midst[index, is_ticked].then(script)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.logic_safety.random_traces", description=__doc__)
    parser.add_argument("--traces", type=int, default=100_000, help="how many (default 100000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first one: to go on, or to see one again")
    parser.add_argument("--seed", type=int, default=1, help="what all chance is drawn from (default 1)")
    args = parser.parse_args()
    began = time.monotonic()
    failed = 0
    comparison = Comparison(args.seed)
    for done in range(1, args.traces + 1):
        wrong = comparison.trace(args.first + done - 1)
        failed += bool(wrong)
        for line in wrong:
            print(line, flush=True)
        if done % 1000 == 0 or done == args.traces:
            passes = f"{comparison.ticked_passes} ticks, {comparison.driven_passes} driven passes"
            changes = f"{comparison.changes} changes of outputs, {comparison.closes} closes"
            found = f"{failed} differ or break an invariant"
            print(
                f"{done}/{args.traces} traces, {passes}, {changes}, {found}, {time.monotonic() - began:.0f} s",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
