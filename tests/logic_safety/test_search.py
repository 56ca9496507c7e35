"""The short form of `make search`, and what the search itself stands on: that copies are apart and keys tell states apart."""

from __future__ import annotations

import dataclasses

import pytest

from controller.logic.evse import Permit
from controller.logic.inputs import Level
from controller.logic.pilot import PilotMachine, Supply
from hil.search.__main__ import CONFIGS, summary
from hil.search.canonical import Graphs
from hil.search.explore import Bounds, Search, roots
from hil.search.world import Event, World, events_of

SHORT = {
    "socket": Bounds(depth=1, seconds=60.0, open_every=8, well_every=5),
    "tethered": Bounds(depth=3, seconds=100.0, open_every=60, well_every=200, is_core=True),
    "ventilated": Bounds(depth=1, seconds=60.0, open_every=20, well_every=20),
}


def charging(name: str = "socket") -> World:
    world = World(CONFIGS[name])
    for event in (Event("wait", 6.0), Event("line", "B"), Event("wait", 1.0), Event("permit", (16.0, "r1"))):
        world.happen(event)
    world.happen(Event("line", "C"))
    world.happen(Event("wait", 6.0))
    assert world.machine.supply is Supply.CLOSED
    return world


@pytest.mark.parametrize("name", SHORT)
def test_every_event_in_every_state_within_reach_breaks_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    figures = Search(CONFIGS[name], SHORT[name]).run()
    with capsys.disabled():
        print(f"\n{name}: {summary(figures)}")
    assert figures.wrong == []
    assert figures.is_complete and figures.depth == SHORT[name].depth
    assert figures.states > 200 and figures.closed > 10 and figures.opened > 10 and figures.well > 10


def test_the_search_begins_in_every_state_of_the_supply_that_an_ordinary_session_passes() -> None:
    met = {world.machine.supply for world, _ in roots(CONFIGS["socket"])}
    assert met >= {Supply.IDLE, Supply.OFFERING, Supply.CLOSING, Supply.CLOSED, Supply.STOPPING, Supply.FAULTED}


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        ("_against_closing", lambda self, now: 0, "invariant"),  # closes whenever it offers
        ("_is_input_unreadable", lambda self, inputs: True, "not closed"),  # never well again
        ("permit_withdrawn", lambda self: None, "still on"),  # does not open
    ],
)
def test_a_machine_with_a_mistake_is_found_out_and_the_way_to_it_is_told(
    attribute: str, value: object, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = [(charging(), "charging"), (World(CONFIGS["socket"]), "start")]
    monkeypatch.setattr(PilotMachine, attribute, value)
    figures = Search(CONFIGS["socket"], Bounds(depth=2, seconds=30.0, most_wrong=1)).run(begin)
    assert any(expected in line for line in figures.wrong), figures.wrong
    assert figures.wrong[0].startswith(("charging", "start"))


def test_a_copy_goes_its_own_way_and_both_machines_do_the_same() -> None:
    graphs, world = Graphs(), charging()
    copy = graphs.copy(world)
    assert graphs.key(copy, copy.now) == graphs.key(world, world.now)
    copy.happen(Event("estop", Level.YES))
    assert world.is_closed and not copy.is_closed
    world.happen(Event("estop", Level.YES))
    assert graphs.key(copy, copy.now) == graphs.key(world, world.now)
    assert dataclasses.asdict(copy.machine.outputs) == dataclasses.asdict(world.machine.outputs)


def test_nothing_of_a_copy_that_can_change_is_shared_with_the_world() -> None:
    world = charging()
    for event in events_of(CONFIGS["socket"]):
        before = Graphs().key(world, world.now), world.machine.outputs.closed, world.machine.faults.ids
        Graphs().copy(world).happen(event)
        assert (Graphs().key(world, world.now), world.machine.outputs.closed, world.machine.faults.ids) == before, event


def test_a_state_that_comes_again_has_the_same_key_and_another_has_not() -> None:
    """What is only counted must not tell states apart: else the search goes round and round. See canonical.TOLD_ONLY."""
    world, graphs, keys = charging(), Graphs(), []
    for number in range(9):
        for event in (
            Event("line", "A"),
            Event("withdraw"),
            Event("wait", 700.0),
            Event("line", "B"),
            Event("wait", 700.0),
        ):
            world.happen(event)
        keys.append(graphs.key(world, world.now))
        world.happen(Event("permit", (16.0, "r1")))
        world.happen(Event("wait", 10.0))
        world.happen(Event("line", "C"))
        world.happen(Event("wait", 700.0))
        assert world.is_closed and world.machine.cycles == number + 2
    assert keys[-2] == keys[-1], "once the last closes and rises that are remembered are all long ago"
    before = graphs.key(world, world.now)
    world.machine.permit_renewed(Permit(1, 7.0, 3, "r1", 1e6), world.now)
    assert graphs.key(world, world.now) != before


def test_an_exact_search_tells_more_states_apart() -> None:
    world, exact, coarse = charging(), Graphs(is_exact=True), Graphs()
    world.happen(Event("line", "B"))
    world.happen(Event("wait", 1.2))
    later = coarse.copy(world)
    later.happen(Event("period"))
    assert coarse.key(later, later.now) == coarse.key(world, world.now)
    assert exact.key(later, later.now) != exact.key(world, world.now)
