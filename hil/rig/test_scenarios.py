"""Every scenario on the rig. What the rig or its station cannot do is skipped, with the reason."""

from __future__ import annotations

import pytest

from hil.rig.standing import StandingRig
from hil.scenarios.__main__ import SCENARIOS, lines_of
from hil.scenarios.runner import LONGEST_TIDIED_S
from hil.scenarios.scenario import End, Scenario


@pytest.mark.rig
@pytest.mark.timeout(LONGEST_TIDIED_S + 60)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_scenario(scenario: Scenario, standing_rig: StandingRig) -> None:
    if not standing_rig.station_runs():
        pytest.skip(f"no station answers at {standing_rig.station.api}: start it to play scenarios")
    outcome = standing_rig.play(scenario)
    if outcome.end is End.SKIPPED:
        pytest.skip(outcome.why)
    assert outcome.end is End.PASSED, "\n".join(lines_of(outcome))
