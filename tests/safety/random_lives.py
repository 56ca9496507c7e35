"""The long form of `test_random_plant`: lives of the supervisor on the plant until so many passes are made.

`python -m tests.safety.random_lives --passes 2000000`. Both monitors watch every pass; a life that breaks an invariant is named by its seed.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.safety.test_random_plant import CONFIGS, play


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.safety.random_lives", description=__doc__)
    parser.add_argument("--passes", type=int, default=2_000_000, help="how many, of all lives (default 2000000)")
    parser.add_argument("--seed", type=int, default=1, help="the first life's; the next ones count on (default 1)")
    args = parser.parse_args()
    began = time.monotonic()
    lives = passes = wrong = 0
    hours = energy_wh = 0.0
    while passes < args.passes:
        seed, config = args.seed + lives, CONFIGS[lives % len(CONFIGS)]
        lives += 1
        try:
            world = play(seed, config)
        except AssertionError as error:
            wrong += 1
            print(f"life {seed} with {config}: {error or type(error).__name__}", flush=True)
            passes += 1  # so that a machine that never gets anywhere comes to an end too
            continue
        passes += world.supervisor.passes
        hours += world.now / 3600.0
        energy_wh += sum(observed.energy_wh for observed in world.plant.observed.evses.values())
        if lives % 100 == 0 or passes >= args.passes:
            figures = f"{lives} lives, {hours:.0f} h, {energy_wh / 1000.0:.1f} kWh, {wrong} wrong"
            print(f"{passes}/{args.passes} passes in {figures}, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
