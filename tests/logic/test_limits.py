"""Named limits: the least binds, and a shared current is never exceeded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.logic.limits import Limit, offer, share


def test_the_least_binds_and_is_named() -> None:
    found = offer([Limit("board", 32, "hardware"), Limit("cable", 20, "PP"), Limit("profile", 13.37, "CSMS")], 3)
    assert (found.current_a, found.phases, found.binding.name) == (13.3, 3, "profile")
    assert [limit.name for limit in found.limits] == ["board", "cable", "profile"]


@pytest.mark.parametrize(("amps", "expected"), [(5.99, 0.0), (0.0, 0.0), (6.0, 6.0), (6.09, 6.0), (16.0, 16.0)])
def test_below_six_nothing_is_offered(amps: float, expected: float) -> None:
    assert offer([Limit("profile", amps, "")], 1).current_a == expected


def test_the_fewest_phases_win() -> None:
    found = offer([Limit("board", 32, ""), Limit("profile", 16, "", phases=1)], 3)
    assert found.phases == 1
    assert offer([Limit("profile", 16, "", phases=3)], 1).phases == 1


def test_who_came_first_is_served_first() -> None:
    assert share(16.0, [2, 1], {1: 32, 2: 32}) == {2: 8.0, 1: 8.0}
    assert share(11.0, [2, 1], {1: 32, 2: 32}) == {2: 11.0, 1: 0.0}
    assert share(32.0, [1, 2], {1: 10, 2: 32}) == {1: 10, 2: 22.0}
    assert share(5.0, [1], {1: 32}) == {1: 0.0}


@given(st.floats(0, 100), st.lists(st.integers(1, 6), unique=True), st.lists(st.floats(6, 32), min_size=7, max_size=7))
def test_a_share_never_exceeds_the_whole(total: float, claimants: list[int], wants: list[float]) -> None:
    shares = share(total, claimants, dict(enumerate(wants)))
    assert sum(shares.values()) <= total + 1e-6
    assert all(0 <= shares[each] <= wants[each] for each in claimants)
    served = [each for each in claimants if shares[each]]
    assert all(shares[each] >= 6 - 1e-6 for each in served)
    assert served == claimants[: len(served)]
