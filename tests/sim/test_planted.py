"""Every oracle is seen to fail: the same lives, with a mistake planted in the product, are found wrong. All of them: `python -m hil.sim.planted`."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.sim.lives import Play, live
from hil.sim.planted import PLANTED, Planted, caught

QUICK = ("bills too much", "gives up after a try", "numbers every message 0", "opens late")


@pytest.mark.parametrize("each", [each for each in PLANTED if each.name in QUICK], ids=lambda each: each.name)
def test_a_planted_mistake_is_found(each: Planted) -> None:
    is_caught, outcome = caught(each, each.seed, each.ocpp)
    assert is_caught, outcome.wrong


def test_what_was_planted_is_gone_afterwards() -> None:
    outcome = live(Play(PLANTED[0].seed, PLANTED[0].ocpp, 3))
    assert outcome.wrong == []


def test_each_was_caught_in_a_seed_of_its_own_words() -> None:
    assert len({each.name for each in PLANTED}) == len(PLANTED) and all(each.seed and each.by for each in PLANTED)


def test_the_page_lists_each_with_its_seed() -> None:
    page = (Path(__file__).parents[2] / "docs/simulation.md").read_text()
    rows = [f"| {each.name} | {each.seed} ({each.ocpp}) |" for each in PLANTED]
    assert [line for line in page.splitlines() if line.endswith(("(1.6) |", "(2.0.1) |"))] == rows
