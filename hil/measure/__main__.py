"""`python -m hil.measure --out build/bench.json`: every figure, as a table and as JSON. Exit code 1 when one does not hold."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from hil.measure.shape import Shape
from hil.measure.station import command_line, delivery, start_and_memory
from hil.rig import RigError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hil.measure", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), help="where the figures go (JSON)")
    args = parser.parse_args()
    try:
        shapes = measure()
    except RigError as error:
        print(f"measure: {error}", file=sys.stderr)
        return 1
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({shape.name: shape.as_json() for shape in shapes}, indent=1) + "\n")
    return 0 if all(shape.holds for shape in shapes) else 1


def measure() -> list[Shape]:
    """Take every measurement and print each as it is known."""
    shapes: list[Shape] = []
    with tempfile.TemporaryDirectory(prefix="pilotline-measure-") as name:
        for part in (
            command_line,
            lambda: asyncio.run(start_and_memory(Path(name, "start"))),
            lambda: asyncio.run(delivery(Path(name, "delivery"))),
        ):
            for shape in part():
                print(shape.line(), flush=True)
                shapes.append(shape)
    return shapes


if __name__ == "__main__":
    sys.exit(main())
