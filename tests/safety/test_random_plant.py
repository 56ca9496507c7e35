"""Arbitrary vehicles, faults, permits, deaths and stalls on the plant: no invariant breaks, inside or seen from outside."""

from __future__ import annotations

import contextlib
import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.logic.evse import FaultReset, LockWish, Measurements, PilotOutput
from controller.logic.faults import FAULTS
from hil.plant.values import PlantError
from tests.safety.safety_world import SafetyWorld

TRACES = int(os.environ.get("PILOTLINE_TRACES", "25"))
EVENTS = 40
CONFIGS: tuple[dict[str, Any], ...] = (
    {"evses": 2},
    {"has_rcd_test": True},
    {"cable_a": 32},
    {"has_ventilation": True, "hardware_max_a": 20.0},
    {"has_temperature": True, "has_phase_sense": True, "earth_monitor": True, "wake_up": PilotOutput.E},
    {"phase_relay": True, "switches_phases": True, "phase_wait_s": 10.0, "wake_up": PilotOutput.F},
)
FAULT_KINDS: tuple[tuple[str, Any], ...] = (
    ("diode", None),
    ("cp_short", 0.0),
    ("cp_short", "after_diode"),
    ("pp_ohm", 20.0),
    ("pp_ohm", 680.0),
    ("rcd", None),
    ("stuck_open", None),
    ("over_current", None),
    ("ground", None),
    ("over_temperature", 68.0),
    ("over_temperature", 75.0),
    ("lock_jam", None),
)
STATION_KINDS = ("adc", "mains", "estop")
LYING_KINDS: tuple[tuple[str, Any], ...] = (("weld", None), ("mirror", "open"), ("mirror", "contradictory"))


def happen(world: SafetyWorld, dice: random.Random) -> None:
    """Do one arbitrary thing; what makes no sense at that moment is refused by the plant."""
    evse = dice.choice(list(world.plant.evses))
    what = dice.randrange(15)
    if what <= 2:
        world.verb("plug_in", evse=evse, ev=some_vehicle(dice))
    elif what == 3:
        world.verb("unplug", evse=evse)
    elif what == 4:
        world.verb(dice.choice(("pause", "resume")), evse=evse)
    elif what == 5:
        world.verb("ev", evse=evse, pilot=dice.choice("BCD"))
    elif what == 6:
        break_something(world, evse, dice)
    elif what == 7:
        for kind, _ in FAULT_KINDS + LYING_KINDS:
            world.verb("fault", evse=evse, kind=kind, clear=True)
        for kind in STATION_KINDS:
            world.verb("fault", kind=kind, clear=True)
    elif what <= 9:
        over = Measurements(
            (dice.choice((3.0, 40.0)),) * 3, (dice.choice((230.0, 230.0, 150.0)),) * 3, dice.random() * 12
        )
        amps = dice.choice((16.0, 32.0, 6.0, 3.0, dice.uniform(0, 80)))
        phases = dice.choice((1, 3))
        world.permit(evse, amps, f"record-{dice.randrange(3)}", phases=phases, measurements=dice.choice((None, over)))
    elif what == 10:
        world.withdraw(evse)
    elif what == 11:
        world.supervisor.receive(LockWish(evse, dice.random() < 0.5), world.now)
    elif what == 12:
        for fault_id in FAULTS:
            world.supervisor.receive(FaultReset(evse, fault_id), world.now)
    elif what == 13:
        disturb_a_process(world, dice)
    else:
        disturb_the_station(world, dice)


def some_vehicle(dice: random.Random) -> dict[str, Any]:
    traits = ("ignores_pwm_off", "no_s2", "slow", "ventilation", "sleepy")
    return {trait: True for trait in traits if dice.random() < 0.25} | {"bcb": dice.choice((0, 0, 3))}


def break_something(world: SafetyWorld, evse: int, dice: random.Random) -> None:
    lies = dice.random() < 0.2
    kind, value = dice.choice(LYING_KINDS if lies else FAULT_KINDS)
    if lies:
        world.trusts_contactors = False
    world.verb("fault", evse=evse, kind=kind, **({} if value is None else {"value": value}))


def disturb_the_station(world: SafetyWorld, dice: random.Random) -> None:
    """For a while: the analogue bus is silent, or mains is absent, or the emergency stop is pressed."""
    kind = dice.choice(STATION_KINDS)
    world.verb("fault", kind=kind)
    world.run(dice.choice((0.03, 0.1, 0.2, 5.0)) * dice.random())
    if dice.random() < 0.8:
        world.verb("fault", kind=kind, clear=True)


def disturb_a_process(world: SafetyWorld, dice: random.Random) -> None:
    what = dice.randrange(3)
    if what == 0:
        world.kill_station()
        world.run(dice.uniform(0.0, 12.0))
        world.return_station()
    elif what == 1:
        world.hang_station()
        world.run(dice.uniform(0.0, 12.0))
        world.return_station()
    else:
        world.kill_safety()
        world.run(dice.uniform(0.0, 3.0))
        world.restart_safety()


def play(seed: int, config: dict[str, Any]) -> SafetyWorld:
    dice = random.Random(seed)
    world = SafetyWorld(seed=seed, **config)
    world.permit()
    for _ in range(EVENTS):
        with contextlib.suppress(PlantError):
            happen(world, dice)
        world.run(dice.choice((0.0, 0.05, 1.0, 5.0, 20.0)) * dice.random())
    return world


@settings(max_examples=TRACES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.sampled_from(CONFIGS))
def test_whatever_happens_no_invariant_breaks(seed: int, config: dict[str, Any]) -> None:
    play(seed, config)


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_vehicles_do_charge_in_this_world(config: dict[str, Any]) -> None:
    assert any(play(seed, config).plant.observed.evses[1].energy_wh > 1.0 for seed in range(24))
