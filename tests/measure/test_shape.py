"""One figure: what it is held against, and its form in build/bench.json."""

from __future__ import annotations

import json

import pytest

from hil.measure.percentiles import Distribution
from hil.measure.safety import Run, figures
from hil.measure.shape import Shape


@pytest.mark.parametrize(
    ("shape", "ratio", "holds"),
    [
        (Shape("cost", 2.0, "s", 1.0, "bare", 2.0), 2.0, True),
        (Shape("cost", 2.1, "s", 1.0, "bare", 2.0), 2.1, False),
        (Shape("yield", 3.0, "1/s", 100.0, "bare", 0.02, at_most=False), 0.03, True),
        (Shape("yield", 1.0, "1/s", 100.0, "bare", 0.02, at_most=False), 0.01, False),
        (Shape("nothing", 1.0, "s", 0.0, "bare", 2.0), float("inf"), False),
        (Shape.within("plain", 28.0, "MiB", 28.0, "whose"), None, True),
        (Shape.within("plain", 28.1, "MiB", 28.0, "whose"), None, False),
    ],
)
def test_a_figure_holds_by_its_ratio_or_by_its_own_limit(shape: Shape, ratio: float | None, holds: bool) -> None:
    assert shape.ratio == ratio and shape.holds is holds
    assert ("ok" in shape.line()) is holds


def test_the_json_form_has_what_a_script_needs() -> None:
    ratio = Shape("a", 3.0, "s", 1.5, "a bare Python start", 20).as_json()
    plain = Shape.within("b", 26.04999, "MiB", 28.0, "locked memory", samples=7).as_json()
    assert json.loads(json.dumps(ratio)) == {
        "value": 3.0,
        "unit": "s",
        "against": 1.5,
        "against_what": "a bare Python start",
        "limit": 20,
        "at_most": True,
        "samples": None,
        "ratio": 2.0,
        "holds": True,
    }
    assert plain["against"] is None and plain["ratio"] is None and plain["limit"] == 28.0
    assert plain["value"] == 26.05 and plain["samples"] == 7


def _run(reaction_ms: Distribution, late_us: Distribution, floor_us: Distribution | None, unprompted: int = 0) -> Run:
    return Run("idle", reaction_ms, late_us, floor_us, unprompted)


def test_a_short_run_tells_what_it_supports_and_says_so() -> None:
    said: list[str] = []
    run = _run(Distribution([(20.0, 1990), (29.0, 10)]), Distribution([(50, 31_000)]), Distribution([(50, 29_000)]))
    shapes = {shape.name: shape for shape in figures(run, said.append)}
    assert list(shapes) == [
        "reaction_idle_p50_ms",
        "reaction_idle_p99_ms",
        "reaction_idle_p99_9_ms",
        "reaction_idle_max_ms",
        "lateness_idle_p99_us",  # of the floor's 29,000 only 29 lie beyond p99.9
    ]
    assert [shape.limit for shape in shapes.values()] == [30.0, 30.0, 30.0, 60.0, 1.2]
    assert all(shape.holds for shape in shapes.values())
    assert said == ["idle: 2000 openings tell p50, p99, p99.9; 31000 passes of the loops"]


def test_a_reaction_of_more_than_three_periods_does_not_hold() -> None:
    run = _run(Distribution([(20.0, 9_990), (31.0, 10)]), Distribution([(50, 100)]), None)
    failed = [shape.name for shape in figures(run, lambda _: None) if not shape.holds]
    assert failed == ["reaction_idle_p99_99_ms"]


def test_lateness_is_judged_at_the_percentile_that_both_tell_well() -> None:
    few, many = Distribution([(50, 30_000)]), Distribution([(50, 300_000)])
    reaction = Distribution([(20.0, 100)])
    for late, floor, name in ((few, many, "p99_9"), (many, few, "p99_9"), (many, many, "p99_99")):
        assert figures(_run(reaction, late, floor), lambda _: None)[-1].name == f"lateness_idle_{name}_us"


def test_a_loop_later_than_its_floor_does_not_hold() -> None:
    run = _run(
        Distribution([(20.0, 100)]),
        Distribution([(50, 9_000), (121, 1_000)]),
        Distribution([(50, 9_000), (100, 1_000)]),
    )
    [failed] = [shape for shape in figures(run, lambda _: None) if not shape.holds]
    assert failed.name == "lateness_idle_p99_us" and failed.ratio == pytest.approx(1.21)


def test_under_stress_what_leaving_allows_at_the_most_is_asked_for() -> None:
    run = Run("stress", Distribution([(20.0, 98), (95.0, 2)]), Distribution([(50, 100)]), None, 0)
    assert all(shape.holds and shape.limit == 100.0 for shape in figures(run, lambda _: None))
    late = Run("stress", Distribution([(20.0, 98), (101.0, 2)]), Distribution([(50, 100)]), None, 0)
    assert not all(shape.holds for shape in figures(late, lambda _: None))


def test_an_opening_that_nothing_asked_for_is_a_figure_of_its_own() -> None:
    run = _run(Distribution([(20.0, 100)]), Distribution([(50, 100)]), None, unprompted=1)
    assert [shape.name for shape in figures(run, lambda _: None) if not shape.holds] == ["reaction_idle_unprompted"]


def test_without_a_floor_it_is_said_what_is_missing() -> None:
    said: list[str] = []
    figures(_run(Distribution([(20.0, 100)]), Distribution([(50, 100)]), None), said.append)
    assert "gcc" in said[-1] and "rt-tests" in said[-1]


@pytest.mark.parametrize(("floor_us", "limit_ms"), [(29_000, 60.0), (50_000, 80.0), (0, 60.0)])
def test_the_longest_is_held_against_what_the_machine_allows_a_c_thread(floor_us: int, limit_ms: float) -> None:
    floor = Distribution([(50, 29_000), (floor_us, 1)]) if floor_us else None
    run = _run(Distribution([(20.0, 1_999), (79.0, 1)]), Distribution([(50, 31_000)]), floor)
    longest = next(shape for shape in figures(run, lambda _: None) if shape.name == "reaction_idle_max_ms")
    assert longest.limit == limit_ms and longest.holds is (limit_ms == 80.0)
