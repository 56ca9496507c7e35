"""`python -m hil.search --seconds 1200`: every event in every state of the safety machine that can be reached, as deep as time allows.

Exit code 1 when an invariant breaks, an opening is late, or the contactor does not close again once all is well.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from controller.logic.evse import PilotOutput
from controller.logic.pilot import EvseConfig
from hil.search.explore import Bounds, Figures, Search

CONFIGS: dict[str, EvseConfig] = {
    "socket": EvseConfig(1, has_rcd=True, has_rcd_test=True),
    "tethered": EvseConfig(1, has_rcd=True, has_lock=False, cable_a=32),
    "ventilated": EvseConfig(1, has_ventilation=True, hardware_max_a=16.0, unlocks_without_mains=True),
    "switching": EvseConfig(
        1,
        has_lock=False,
        cable_a=32,
        has_temperature=True,
        has_phase_sense=True,
        switches_phases=True,
        phase_wait_s=10.0,
        wake_up=PilotOutput.E,
    ),
}


def main() -> int:
    args = _parser().parse_args()
    searches = [(name, is_core) for name in args.config for is_core in (False, True)]
    rows: list[dict[str, Any]] = []
    for name, is_core in searches:
        depth = args.core_depth if is_core else args.depth
        bounds = Bounds(depth, args.seconds / len(searches), args.open_every, args.well_every, is_core)
        what = f"{name}, {'core events' if is_core else 'every event'}"
        print(f"{what}:", flush=True)
        began = time.monotonic()
        figures = Search(
            CONFIGS[name], bounds, is_exact=args.exact, say=lambda line: print(f"  {line}", flush=True)
        ).run()
        print(f"  {summary(figures)}, {time.monotonic() - began:.0f} s", flush=True)
        rows.append({"search": what, "states": figures.states, "steps": figures.steps, "depth": figures.depth})
        rows[-1] |= {
            "per_depth": figures.per_depth,
            "well": figures.well,
            "opened": figures.opened,
            "wrong": figures.wrong,
        }
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps({"searches": rows}, indent=1) + "\n")
    print(f"{sum(row['states'] for row in rows)} states, {sum(row['steps'] for row in rows)} steps")
    return 1 if any(row["wrong"] for row in rows) else 0


def summary(figures: Figures) -> str:
    """Return what came of a search, for a person."""
    rest = "" if figures.is_complete else ", the next one in part"
    return (
        f"{figures.states} states, every one of depth {figures.depth}{rest} ({figures.per_depth}), {figures.steps} steps, "
        f"{figures.closed} states closed, {figures.opened} demands to open, {figures.well} times made well, "
        f"{len(figures.wrong)} wrong"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hil.search", description=__doc__)
    parser.add_argument("--config", nargs="+", choices=tuple(CONFIGS), default=list(CONFIGS), help="which EVSEs")
    parser.add_argument("--depth", type=int, default=4, help="events after a state of an ordinary session (default 4)")
    parser.add_argument("--core-depth", type=int, default=9, help="the same of the core events (default 9)")
    parser.add_argument("--seconds", type=float, default=1200.0, help="of real time, for all of it (default 1200)")
    parser.add_argument("--open-every", type=int, default=10, help="demand each opening in every n-th closed state")
    parser.add_argument("--well-every", type=int, default=50, help="make all well from every n-th state")
    parser.add_argument("--exact", action="store_true", help="tell states apart by milliseconds: less deep")
    parser.add_argument("--json", type=Path, default=Path("build/search.json"), help="where the figures go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
