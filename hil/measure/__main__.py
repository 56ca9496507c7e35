"""`python -m hil.measure --out build/bench.json`: every figure, as a table and as JSON. Exit code 1 when one does not hold."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from hil.csms.schemas import Version
from hil.measure.drain import drain
from hil.measure.footprint import footprint
from hil.measure.load import CONDITIONS
from hil.measure.platform import machine
from hil.measure.safety import EDGES, reactions
from hil.measure.shape import Shape
from hil.measure.station import command_line, start_and_memory
from hil.measure.writes import writes
from hil.processes import RigError

Part = Callable[[Path], list[Shape]]
REACTION = "reaction"


def say(text: str) -> None:
    """Tell what goes on, beside the figures: long work shows that it moves."""
    print(f"  {text}", file=sys.stderr, flush=True)


PARTS: dict[str, Part] = {
    "command line": lambda _: command_line(),
    "station": lambda directory: asyncio.run(start_and_memory(directory)),
    "drain 2.0.1": lambda directory: asyncio.run(drain(directory, Version.V201, say)),
    "drain 1.6": lambda directory: asyncio.run(drain(directory, Version.V16, say)),
    "footprint": lambda directory: footprint(directory, say),
    "writes": lambda directory: writes(directory, say),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hil.measure", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), help="where the figures go (JSON)")
    parser.add_argument(
        "--edges", type=int, default=EDGES, help=f"openings in each condition; {EDGES} tell p99.9, 100000 tell p99.999"
    )
    parser.add_argument("--conditions", default=",".join(CONDITIONS), help="of the reaction, separated by commas")
    parser.add_argument("--only", choices=[*PARTS, REACTION], help="just one part")
    args = parser.parse_args()
    conditions = [name for name in args.conditions.split(",") if name]
    if unknown := sorted(set(conditions) - set(CONDITIONS)):
        parser.error(f"unknown condition {', '.join(unknown)} (known: {', '.join(CONDITIONS)})")
    parts = {**PARTS, REACTION: lambda directory: reactions(directory, args.edges, conditions, say)}
    print(f"on {machine()}", flush=True)
    try:
        shapes = measure({args.only: parts[args.only]} if args.only else parts)
    except RigError as error:
        print(f"measure: {error}", file=sys.stderr)
        return 1
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({shape.name: shape.as_json() for shape in shapes}, indent=1) + "\n")
    return 0 if all(shape.holds for shape in shapes) else 1


def measure(parts: Mapping[str, Part]) -> list[Shape]:
    """Take the measurements and print each as it is known."""
    shapes: list[Shape] = []
    with tempfile.TemporaryDirectory(prefix="pilotline-measure-") as name:
        for part, take in parts.items():
            for shape in take(Path(name, part)):
                print(shape.line(), flush=True)
                shapes.append(shape)
    return shapes


if __name__ == "__main__":
    sys.exit(main())
