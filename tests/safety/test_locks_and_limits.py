"""Locks of every kind, a power cut that lets the cable go, a residual-current monitor with two outputs, the limiting contact."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controller.logic.evse import ContactorState, LimitContact, LockState
from tests.safety.safety_world import SafetyWorld

MOTOR, LOCKS_BY_CURRENT, UNLOCKS_BY_CURRENT = 0, -1, 1  # where a spring brings the bolt
Make = Callable[..., SafetyWorld]


@pytest.fixture(params=["ticked", "by deadlines"])
def make(request: pytest.FixtureRequest) -> Make:
    def make(**options: object) -> SafetyWorld:
        world = SafetyWorld(ticked=request.param == "ticked", **options)
        world.run(2.0)
        return world

    return make


@pytest.fixture(params=[MOTOR, LOCKS_BY_CURRENT, UNLOCKS_BY_CURRENT], ids=["motor", "locks", "unlocks"])
def rests(request: pytest.FixtureRequest) -> int:
    value: int = request.param
    return value


def is_bolted(world: SafetyWorld) -> bool:
    return world.plant.evses[1].bolt.is_locked(world.now)


def times_of(world: SafetyWorld, what: str, value: object) -> list[float]:
    return [edge.at_s for edge in world.plant.evses[1].edges if edge.what == what and edge.value == value]


def test_a_lock_of_any_kind_holds_the_plug_while_charging_and_lets_it_go_after(make: Make, rests: int) -> None:
    world = make(bolt_rests=rests)
    assert not is_bolted(world)
    world.charge()
    assert is_bolted(world) and world.facts().lock is LockState.LOCKED
    world.run(20.0)
    assert is_bolted(world)
    world.verb("unplug", evse=1)
    world.run(2.0)
    assert not is_bolted(world) and world.facts().lock is LockState.UNLOCKED


def test_a_bolt_that_does_not_move_is_tried_five_times_and_is_a_fault(make: Make, rests: int) -> None:
    world = make(bolt_rests=rests)
    world.verb("fault", kind="lock_jam", evse=1)
    world.verb("plug_in", evse=1)
    world.permit()
    assert world.run(10.0, lambda: world.facts().lock is LockState.JAMMED)
    world.run(60.0)
    assert "lock_jammed" in world.facts().faults and not world.commanded()


def test_without_mains_the_cable_is_let_go_once_the_contactor_is_proven_open(make: Make, rests: int) -> None:
    world = make(bolt_rests=rests, unlocks_without_mains=True)
    world.charge()
    cut_at = world.now
    world.verb("fault", kind="mains")
    assert world.run(2.0, lambda: not is_bolted(world))
    assert world.facts().contactor is ContactorState.OPEN
    world.run(1.0)
    assert world.facts().lock is LockState.UNLOCKED
    [mirror_open] = [at for at in times_of(world, "mirror", "open") if at > cut_at]
    [let_go] = [at for at in times_of(world, "locked", False) if at > cut_at]
    assert cut_at < mirror_open < let_go
    assert cut_at + 0.5 < let_go < cut_at + 1.0
    world.verb("fault", kind="mains", clear=True)
    world.run(2.0)
    assert is_bolted(world), "the plug is still there: it is locked again"
    assert world.run(60.0, world.contact_closed)


def test_without_mains_a_cable_is_kept_where_the_board_does_not_say_otherwise(make: Make, rests: int) -> None:
    world = make(bolt_rests=rests)
    world.charge()
    world.verb("fault", kind="mains")
    world.run(60.0)
    assert is_bolted(world) and not world.contact_closed()


@pytest.mark.parametrize("fault", [{"kind": "weld"}, {"kind": "mirror", "value": "contradictory"}], ids=str)
def test_without_mains_no_cable_is_let_go_from_a_contactor_that_is_not_proven_open(
    make: Make, rests: int, fault: dict[str, str]
) -> None:
    world = make(bolt_rests=rests, unlocks_without_mains=True)
    world.charge()
    world.trusts_contactors = False
    world.verb("fault", evse=1, **fault)
    world.verb("fault", kind="mains")
    world.run(60.0)
    assert is_bolted(world)


def test_mains_that_are_away_for_a_moment_open_but_move_no_lock(make: Make) -> None:
    world = make(unlocks_without_mains=True)
    world.charge()
    moved = len(times_of(world, "locked", False))
    world.verb("fault", kind="mains")
    world.run(0.450)
    world.verb("fault", kind="mains", clear=True)
    world.run(1.0)
    assert not world.contact_closed() and len(times_of(world, "locked", False)) == moved


def test_a_monitor_with_two_outputs_is_tested_and_opens_by_one_of_them(make: Make) -> None:
    world = make(has_rcd_test=True, rcd_outputs=2)
    world.charge()
    world.verb("fault", kind="rcd", evse=1)
    assert world.run(0.05, lambda: not world.commanded())
    assert world.facts().faults == ("rcd_trip",)


def test_a_monitor_whose_30_ma_output_is_dead_is_found_by_its_test(make: Make) -> None:
    world = make(has_rcd_test=True, rcd_outputs=2)
    world.charge()  # the test before was good
    world.verb("fault", kind="rcd", value="half_dead", evse=1)
    world.verb("unplug", evse=1)
    assert world.run(10.0, lambda: "rcd_self_test" in world.facts().faults)


def test_the_limiting_contact_is_told_and_opens_nothing(make: Make) -> None:
    world = make()
    world.charge()
    assert world.facts().limit_contact is LimitContact.INACTIVE
    world.verb("fault", kind="limit")
    world.run(0.02)
    assert world.facts().limit_contact is LimitContact.ACTIVE and world.contact_closed()
    world.verb("fault", kind="limit", clear=True)
    world.run(0.02)
    assert world.facts().limit_contact is LimitContact.INACTIVE
