"""`python -m hil.bench [--config FILE]`: the mock bench alone, in the foreground."""

from __future__ import annotations

import argparse
from pathlib import Path

from controller.child import run_child


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hil.bench", description=__doc__)
    parser.add_argument("--config", type=Path, help="the station's file; its board must be a simulated one")
    return run_child("bench", parser.parse_args().config, None, None)


if __name__ == "__main__":
    raise SystemExit(main())
