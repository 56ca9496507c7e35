"""Plants the mistakes that the environment names, in a process that has this directory on its path (PYTHONPATH)."""

from __future__ import annotations

import os
import sys

NAMES = os.environ.get("PILOTLINE_TEST_MUTANTS")
if NAMES and "safety" in sys.orig_argv:
    from mutants import MUTANTS

    for name in NAMES.split(","):
        MUTANTS[name](setattr)
