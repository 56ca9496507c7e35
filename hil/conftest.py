"""`pytest hil --rig PORT`: the same scenarios and contracts as on the mock bench, on a rig of hardware and the station at it.

Scenarios want the station to run, contracts want its pins: whichever is not so now is skipped, and says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.config import ConfigError
from hil.bench.layout import BenchError
from hil.rig.standing import StandingRig
from hil.rig.station import RigStation, station_of

pytest.register_assert_rewrite("hil.contracts")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rig")
    group.addoption("--rig", metavar="PORT", help="the serial port of an RP2040 with hil/rig/firmware")
    group.addoption("--evse", type=int, default=1, help="the EVSE that it stands at (default 1)")
    group.addoption(
        "--station", type=Path, metavar="FILE", help="the station's file (default: as `pilotline` finds it)"
    )
    group.addoption("--csms", default="0.0.0.0:9180", metavar="HOST:PORT", help="where the station finds its CSMS: us")


@pytest.fixture(scope="session")
def rig_station(request: pytest.FixtureRequest) -> RigStation:
    """The station at the rig. Without `--rig`, whatever needs it is skipped."""
    if request.config.getoption("--rig") is None:
        pytest.skip("no rig: pytest hil --rig PORT")
    try:
        return station_of(request.config.getoption("--station"), request.config.getoption("--evse"))
    except (ConfigError, BenchError) as error:
        pytest.exit(f"rig: {error}", returncode=2)


@pytest.fixture(scope="session")
def standing_rig(request: pytest.FixtureRequest, rig_station: RigStation) -> Iterator[StandingRig]:
    """The rig, for the whole run."""
    port, evse = request.config.getoption("--rig"), request.config.getoption("--evse")
    rig = StandingRig(port, evse, rig_station, request.config.getoption("--csms"))
    try:
        rig.open()
    except (BenchError, OSError) as error:
        pytest.exit(f"rig: {error}", returncode=2)
    yield rig
    rig.close()
