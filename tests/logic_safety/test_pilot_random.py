"""Arbitrary vehicles, permits, faults and readings: the invariants hold, and deadlines give what ticks give."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.logic.faults import FAULTS
from controller.logic.inputs import Level
from controller.logic.pilot import EvseConfig
from tests.logic_safety.tick_world import LOADED_V, Step, TickWorld

TICKS = 2000
TRACES = int(os.environ.get("PILOTLINE_TRACES", "40"))
CONFIGS = (
    EvseConfig(1, has_rcd=True, has_rcd_test=True),
    EvseConfig(1, has_rcd=True, has_lock=False, cable_a=32),
    EvseConfig(1, has_ventilation=True, hardware_max_a=16.0),
)
LEVELS = (Level.NO, Level.NO, Level.YES, Level.UNKNOWN)


def random_script(dice: random.Random) -> list[Step]:
    """A script that mostly charges: a willing station and vehicle, with anything else in between."""
    script = [Step(t, "permit", (dice.choice((16.0, 16.0, 32.0, 7.5, 5.0)), "r1", 2.0)) for t in range(0, TICKS, 100)]
    silent = range(dice.randrange(TICKS), TICKS) if dice.random() < 0.3 else range(0)
    script = [step for step in script if step.tick not in silent]
    script.append(Step(dice.randrange(400), "arrive", dice.random() < 0.7))
    for _ in range(dice.randrange(14)):
        tick = dice.randrange(TICKS)
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
            ("diode", dice.choice((-12.0, -12.0, -8.8, 5.0))),
            ("permit", (dice.uniform(0.0, 40.0), dice.choice(("r1", "r2")), 2.0)),
            ("withdraw", None),
            ("lose", None),
            ("draw", dice.choice((3.0, 20.0, 60.0))),
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


@settings(max_examples=TRACES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.sampled_from(CONFIGS))
def test_deadlines_drive_the_same_outputs_as_ticks_and_no_invariant_breaks(seed: int, config: EvseConfig) -> None:
    script = random_script(random.Random(seed))
    ticked = TickWorld(config, script, is_ticked=True).run(TICKS)
    driven = TickWorld(config, script, is_ticked=False).run(TICKS)
    assert ticked.breaches == []
    assert driven.breaches == []
    assert driven.log == ticked.log
    assert driven.passes < ticked.passes


@pytest.mark.parametrize("config", CONFIGS)
def test_a_willing_vehicle_charges_in_this_world(config: EvseConfig) -> None:
    script = [Step(t, "permit", (16.0, "r1", 2.0)) for t in range(0, TICKS, 100)] + [Step(500, "arrive", True)]
    world = TickWorld(config, script, is_ticked=False).run(TICKS)
    assert any(seen[0] for _, seen in world.log)
    assert world.passes < TICKS / 10
