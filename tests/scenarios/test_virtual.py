"""Every scenario passes in virtual time, and every scenario is seen to fail on a mistake planted in the machine."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from hil.scenarios.__main__ import SCENARIOS
from hil.scenarios.benches import BOARDS
from hil.scenarios.runner import arrange, play_all
from hil.scenarios.scenario import End, Outcome, Scenario
from hil.scenarios.scene import Doors
from hil.scenarios.virtual import SimSource
from hil.sim.site import Site
from hil.virtual import run_virtual
from tests.scenarios.planted.mutants import MUTANTS, unwatched

BY_NAME = {each.name: each for each in SCENARIOS}

# Scenario, a mistake, and the begin of the step that finds it: by the bench's own time stamps, with the monitors blinded.
FOUND_BY: tuple[tuple[str, str, str], ...] = (
    ("1.1-plug", "the lock is dead", "the socket locks"),
    ("1.2-no-s2", "eager", "no power in C1"),
    ("3.1-offer-4-close", "any cable is 32 A", "PWM begins, and tells no more"),
    ("3.1-offer-4-close", "C counts at once", "not before C has stood"),
    ("11-toggles", "C counts at once", "one close, no chatter"),
    ("5-lower-duty", "first duty for ever", "the duty falls"),
    ("6-external-limit", "first duty for ever", "the CSMS's 8 A"),
    ("6-external-limit", "raises at once", "and further up"),
    ("8-leaves-c", "slow to open", "the contact opens"),
    ("8-leaves-c", "closes again at once", "it closes again"),
    ("2.1-unplug-b", "never unlocks", "the socket unlocks"),
    ("2.2-unplug-c", "slow to open", "the contact opens"),
    ("2.2-unplug-d", "slow to open", "the contact opens"),
    ("10.1-willing-stop", "slow to open", "then the contact opens"),
    ("10.2-ignored-stop", "forced open late", "the EV goes on"),
    ("six-closes", "closes without counting", "and waits"),
    ("d-refused", "D is C", "no power in D"),
    ("d-turns", "D is C", "an EV that turns to D"),
    ("boot-under-load", "untested", "and after a new self-test"),
    ("boot-in-c", "eager", "nothing closes on a state seen at boot"),
    ("weld", "slow mirror", "F is shown"),
    ("weld", "never unlocks", "somebody has looked"),
    ("stuck-open", "slow mirror", "and given up"),
    ("mirror-contradictory", "half-read mirror", "no close without a mirror"),
    ("mirror-drops", "deaf to a drop", "a contact that reads open"),
    ("rcd-trip", "silent F", "F is shown"),
    ("rcd-trip", "forgives at once", "it closes again"),
    ("rcd-error", "deaf to the RCD", "a monitor that reports an error"),
    ("rcd-dead", "deaf to the RCD", "the dead monitor is found"),
    ("over-current", "patient with current", "40 A at 32 A"),
    ("over-current-high", "patient with current", "60 A at 32 A"),
    ("over-current-sensed", "patient with current", "60 A while"),
    ("under-voltage", "patient with voltage", "190 V"),
    ("over-voltage", "patient with voltage", "258 V"),
    ("meter-silent", "sells without a meter", "nothing is sold"),
    ("estop", "deaf to the whole station", "F is shown"),
    ("mains", "deaf to the whole station", "it is told"),
    ("mains", "forgives at once", "mains are back"),
    ("adc", "believes old samples", "without samples"),
    ("12-cp-short", "patient with shorts", "CP to PE"),
    ("12-cp-short", "forgives at once", "it closes again"),
    ("12-cp-short-behind-diode", "patient with shorts", "the low plateau stays"),
    ("4-no-diode", "needs no diode", "no power to what has no diode"),
    ("diode-fails", "needs no diode", "a diode that fails"),
    ("ground", "slow, and deaf to the earth", "earth is lost"),
    ("warm", "never warm", "68 °C"),
    ("wake-up", "lets them sleep", "an EV that does not ask"),
    ("phases", "switches no phases", "PWM after the pause"),
    ("proximity-changes", "deaf to the coding", "another cable"),
    ("proximity-wrong", "any cable is 32 A", "a cable of unknown rating"),
    ("lock-jam", "trusts the lock", "no power to a plug"),
    ("tethered", "slow to open", "the contact opens"),
)


def play(*scenarios: Scenario) -> list[Outcome]:
    return run_virtual(play_all(scenarios, [SimSource(board) for board in BOARDS], 1, lambda outcome: None))


@pytest.mark.parametrize("half", [0, 1])
def test_every_scenario_passes(half: int) -> None:
    outcomes = play(*SCENARIOS[half::2])
    wrong = {
        each.name: (each.why, [step for step in each.steps if not step.ok])
        for each in outcomes
        if each.end is not End.PASSED
    }
    assert wrong == {}


@pytest.mark.parametrize(("name", "mutant", "step"), FOUND_BY)
def test_a_planted_mistake_is_found(name: str, mutant: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unwatched(monkeypatch.setattr)
    monkeypatch.setattr(Site, "_fail_by", lambda self, breaches: None)
    MUTANTS[mutant](monkeypatch.setattr)
    (outcome,) = play(BY_NAME[name])
    assert outcome.end is End.FAILED and outcome.why.startswith(step), (outcome.why, outcome.steps)


class Standing(SimSource):
    """A simulated bench that is used again and again."""

    is_fresh = False

    def __init__(self, doors: Doors) -> None:
        super().__init__("mock")
        self._doors = doors

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Doors]:
        yield self._doors


def test_a_bench_that_is_used_again_is_tidied_at_every_evse() -> None:
    async def played() -> list[Outcome]:
        async with SimSource("mock").open() as doors:
            names = ("estop", "lock-jam", "weld", "6-external-limit", "3.1-offer-4-close", "2.2-unplug-c")
            return await play_all([BY_NAME[name] for name in names], [Standing(doors)], 1, lambda outcome: None)

    assert [(each.name, each.why) for each in run_virtual(played()) if each.end is not End.PASSED] == []


def test_what_strikes_the_whole_station_runs_alone_and_the_rest_side_by_side() -> None:
    async def arranged() -> list[list[str]]:
        sources = [SimSource(board) for board in BOARDS]
        batches, homeless = arrange(SCENARIOS, [(source, await source.abilities()) for source in sources])
        assert homeless == []
        return [[each.name for _, each in batch.places] for batch in batches]

    found = run_virtual(arranged())
    assert sorted(name for names in found for name in names) == sorted(BY_NAME)
    assert all(len(names) == 1 for names in found if any(BY_NAME[name].whole for name in names))
    assert ["1.1-plug", "1.2-no-s2"] in found and any("phases" in names and len(names) == 2 for names in found)


def test_every_scenario_is_seen_to_fail_and_every_mistake_is_found() -> None:
    assert {name for name, _, _ in FOUND_BY} == set(BY_NAME)
    assert {mutant for _, mutant, _ in FOUND_BY} == set(MUTANTS) - {"unwatched"}
