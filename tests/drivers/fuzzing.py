"""How many frames the fuzz tests of the drivers throw: a few in `make test`, FUZZ_FRAMES of them in `make fuzz`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

FRAMES = int(os.environ.get("FUZZ_FRAMES", "300"))


def fuzzed(frames_an_example: int = 1) -> Callable[[Any], Any]:
    """Mark a hypothesis test as fuzz: as many examples as give FRAMES frames, however long each takes.

    frames_an_example: how many frames the test throws at the driver in one example.
    """

    def mark(test: Any) -> Any:
        examples = max(1, FRAMES // frames_an_example)
        calm = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
        test = settings(max_examples=examples, deadline=None, suppress_health_check=calm)(test)
        return pytest.mark.fuzz(pytest.mark.timeout(0)(test) if FRAMES > 10_000 else test)

    return mark
