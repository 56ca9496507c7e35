"""Arbitrary vehicles, permits, faults and readings: the invariants hold, and deadlines give what ticks give."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.logic.pilot import EvseConfig
from tests.logic_safety.random_traces import CONFIGS, TICKS, Comparison, differences, random_script
from tests.logic_safety.tick_world import Step, TickWorld

TRACES = int(os.environ.get("PILOTLINE_TRACES", "40"))


@settings(max_examples=TRACES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.sampled_from(CONFIGS))
def test_deadlines_drive_the_same_outputs_as_ticks_and_no_invariant_breaks(seed: int, config: EvseConfig) -> None:
    script = random_script(random.Random(seed))
    ticked = TickWorld(config, script, is_ticked=True).run(TICKS)
    driven = TickWorld(config, script, is_ticked=False).run(TICKS)
    assert differences(ticked, driven) == []
    assert driven.passes < ticked.passes


def test_the_long_forms_traces_agree_too_and_drive_outputs() -> None:
    comparison = Comparison(seed=2)
    for number in range(TRACES):
        assert comparison.trace(number) == []
    assert comparison.changes > TRACES and comparison.driven_passes < comparison.ticked_passes / 5


@pytest.mark.parametrize("config", CONFIGS)
def test_a_willing_vehicle_charges_in_this_world(config: EvseConfig) -> None:
    script = [Step(t, "permit", (16.0, "r1", 2.0)) for t in range(0, TICKS, 100)] + [Step(500, "arrive", True)]
    world = TickWorld(config, script, is_ticked=False).run(TICKS)
    assert any(seen[0] for _, seen in world.log)
    assert world.passes < TICKS / 10


@pytest.mark.parametrize("wild", ["E", "B", "A"])
@pytest.mark.parametrize("is_ticked", [True, False])
def test_a_wild_sample_shortly_before_a_close_begins_the_half_second_of_c_anew(wild: str, is_ticked: bool) -> None:
    script = [
        Step(100, "line", "C"),
        Step(700, "line", wild),
        Step(701, "line", "C"),
        Step(703, "permit", (16.0, "r1", 2.0)),
    ]
    world = TickWorld(CONFIGS[1], script, is_ticked=is_ticked).run(800)
    assert world.breaches == []
    [closed_at] = [tick for tick, seen in world.log if seen[0]][:1]
    assert 751 <= closed_at <= 753
