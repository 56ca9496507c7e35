"""A contactor's use adds up over every run of the safety process, each close once."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controller.logic.evse import ContactorState, EvseFacts, LockState, PilotOutput, PilotState, PlugState
from controller.logic.wear import Wear

FACTS = EvseFacts(
    1, "a", 0.0, PilotState.A, PlugState.UNPLUGGED, 0, PilotOutput.X1, None, 0.0, None, None,
    ContactorState.OPEN, LockState.NONE, None, None,
)  # fmt: skip


@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1), max_size=6), st.booleans())
def test_every_run_counts_once_however_often_its_facts_are_seen(
    runs: list[list[tuple[int, int]]], forgets: bool
) -> None:
    """forgets: what was kept last is lost, as lazily kept rows are by a power cut, and counted again from the next facts."""
    wear, cycles, opens = Wear(), 0, 0
    for number, run in enumerate(runs):
        kept, seen_cycles, seen_opens = wear, 0, 0
        for place, (more, broken) in enumerate(run):
            seen_cycles, seen_opens = seen_cycles + more, seen_opens + broken
            facts = replace(FACTS, run_id=str(number), cycles=seen_cycles, under_load_opens=seen_opens)
            wear = wear.counted(facts).counted(facts)
            if forgets and place == 0:
                wear = kept.counted(facts)
        cycles, opens = cycles + seen_cycles, opens + seen_opens
        assert (wear.cycles, wear.under_load_opens) == (cycles, opens)


def test_facts_of_an_older_moment_add_nothing() -> None:
    wear = Wear().counted(replace(FACTS, cycles=5, under_load_opens=1))
    assert wear.counted(replace(FACTS, cycles=4)) is wear


def test_a_new_contactor_begins_at_zero_and_goes_on_with_the_run() -> None:
    wear = Wear().counted(replace(FACTS, cycles=5, under_load_opens=1)).replaced()
    assert (wear.cycles, wear.under_load_opens) == (0, 0)
    assert wear.counted(replace(FACTS, cycles=6, under_load_opens=1)).cycles == 1


def test_either_rating_tells_that_it_is_worn() -> None:
    assert not Wear(9, 4).is_worn(10, 5)
    assert Wear(10, 0).is_worn(10, 5) and Wear(0, 5).is_worn(10, 5)
