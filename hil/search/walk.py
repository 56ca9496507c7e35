"""Random walks of millions of passes, where a search cannot go: arbitrary voltages, currents, resistances and times.

Each walk ends by making all well: the contactor must close again. `python -m hil.search.walk --passes 2000000`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import deque
from dataclasses import dataclass

from controller.logic.pilot import EvseConfig
from hil.search.__main__ import CONFIGS
from hil.search.explore import WELL_S
from hil.search.world import Event, World, events_of

EVENTS = 120  # of one walk
_PACED_S = 700.0


@dataclass(slots=True)
class Walked:
    """What the walks so far did."""

    walks: int = 0
    passes: int = 0
    closes: int = 0
    hours: float = 0.0


def walk(config: EvseConfig, seed: str, walked: Walked) -> str:
    """Make one walk; return what is wrong, with the events that led there, or nothing."""
    dice = random.Random(seed)
    world = World(config)
    began = world.now
    events = events_of(config)
    last: deque[str] = deque(maxlen=20)
    wrong = ""
    try:
        for _ in range(EVENTS):
            event = any_event(dice, events)
            last.append(str(event))
            if dice.random() < 0.06:
                last.append("made well")
                world.make_well(f"record {dice.randrange(3)}")
                world.reset_all()
                world.run(dice.choice((0.5, 8.0, 40.0)))
            world.happen(event)
            if world.breaches:
                break
        if not world.breaches:
            wrong = _close_again(world)
    except AssertionError as error:
        wrong = str(error) or type(error).__name__
    walked.walks += 1
    walked.passes += world.passes
    walked.closes += world.machine.cycles
    walked.hours += (world.now - began) / 3600.0
    wrong = str(world.breaches[0]) if world.breaches else wrong
    return f"walk {seed}: {wrong}, after {', '.join(last)}" if wrong else ""


def any_event(dice: random.Random, events: tuple[Event, ...]) -> Event:
    """Return one of those of the search, or one with an arbitrary value."""
    what = dice.randrange(15)
    if what == 14:
        return Event("duty", dice.choice((None, 0.0, dice.uniform(-20.0, 20.0))))
    if what == 0:
        return Event("line", dice.uniform(-14.0, 14.0))
    if what == 1:
        return Event("low", dice.uniform(-14.0, 6.0))
    if what == 2:
        return Event("permit", (dice.uniform(0.0, 90.0), f"r{dice.randrange(3)}"))
    if what == 3:
        return Event("cable", dice.choice((100.0, 680.0, dice.uniform(0.0, 5000.0))))
    if what == 4:
        return Event("measure", (dice.uniform(0.0, 60.0), dice.choice((230.0, dice.uniform(150.0, 300.0)))))
    if what <= 6:
        return Event("wait", dice.expovariate(1.0) * dice.choice((0.02, 0.2, 2.0, 20.0)))
    if what == 7:
        return Event("period")
    if what == 8:
        return Event("line", dice.choice("ABCCD"))
    return dice.choice(events)


def _close_again(world: World) -> str:
    world.make_well("unplugged")
    world.line, world.ohm = "A", 220.0
    world.run(1.5)
    world.make_well()
    world.run(0.5)
    world.reset_all()
    if world.run(WELL_S, lambda: world.is_closed) or world.breaches:
        return ""
    world.reset_all()
    if world.run(_PACED_S, lambda: world.is_closed) or world.breaches:
        return ""
    return f"not closed once all was well: {world.machine.blocked_by}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hil.search.walk", description=__doc__)
    parser.add_argument("--passes", type=int, default=2_000_000, help="how many, of all walks (default 2000000)")
    parser.add_argument("--seed", type=int, default=1, help="what all chance is drawn from (default 1)")
    args = parser.parse_args()
    walked, began, wrong = Walked(), time.monotonic(), 0
    configs = list(CONFIGS.values())
    while walked.passes < args.passes:
        if line := walk(configs[walked.walks % len(configs)], f"{args.seed} {walked.walks}", walked):
            wrong += 1
            print(line, flush=True)
        if walked.walks % 500 == 0 or walked.passes >= args.passes:
            print(
                f"{walked.passes}/{args.passes} passes in {walked.walks} walks, {walked.hours:.0f} h, {walked.closes} closes, "
                f"{wrong} wrong, {time.monotonic() - began:.0f} s",
                flush=True,
            )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
