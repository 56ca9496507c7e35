"""`EVSE@1.Power` in the station's file: the installation allows an EVSE less than its board."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from controller.config import ConfigError, load_board, load_station
from controller.station.power import apply_power
from hil.sim.world import SimWorld
from hil.virtual import run_virtual


def applied(tmp_path: Path, **variables: str) -> dict[int, float]:
    config = dataclasses.replace(load_station(None), ocpp_variables=variables)
    _, board = apply_power(config, load_board("mock", tmp_path))
    return {evse.id: evse.hardware_max_a for evse in board.evses}


def test_power_lowers_the_current_of_its_evse_alone(tmp_path: Path) -> None:
    assert applied(tmp_path, **{"EVSE@1.Power": "11040"}) == {1: pytest.approx(16.0), 2: 32.0}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("EVSE@7.Power", "11040", "no EVSE 7"),
        ("EVSE@1.Power", "much", "must be a power from 1 to 22080 W"),
        ("EVSE@1.Power", "0", "must be a power"),
        ("EVSE@1.Power", "30000", "must be a power"),
        ("EVSE@1.Power", "nan", "must be a power"),
    ],
)
def test_wrong_power_is_refused_by_its_key(tmp_path: Path, key: str, value: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        applied(tmp_path, **{key: value})
    assert len(caught.value.mistakes) == 1
    assert key in caught.value.mistakes[0] and says in caught.value.mistakes[0]


def test_configured_power_is_what_the_pilot_offers_and_the_model_reports(tmp_path: Path) -> None:
    async def run() -> None:
        async with SimWorld(tmp_path, variables={"EVSE@1.Power": 11040}) as world:
            await world.sleep(10)
            world.verb("plug_in", evse=1, ev={"phases": 3})
            await world.sleep(3)
            world.verb("swipe", token="04A2B3C4D5E680")
            await world.until(lambda: world.evse(1)["contact"] == "closed", 30, "charging")
            assert world.evse(1)["duty_pct"] == pytest.approx(26.66, abs=0.02)
            command = {"requestId": 1, "reportBase": "FullInventory"}
            assert (await world.csms.command("SIM-1", "GetBaseReport", command))["status"] == "Accepted"
            await world.sleep(30)
            reported = [data for part in world.csms.station("SIM-1").facts.reports[1] for data in part["reportData"]]
            evse = {"name": "EVSE", "evse": {"id": 1}}
            power = next(d for d in reported if d["component"] == evse and d["variable"]["name"] == "Power")
            assert float(power["variableCharacteristics"]["maxLimit"]) == pytest.approx(11040)

    run_virtual(run())
