"""Fixtures of the driver tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.hal import DeviceError
from drivers.bus import Buses
from tests.drivers.driver_rig import TEST_BUSES, HandLines, Lines, PageLines, install_entry_points


@pytest.fixture
def test_buses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The buses that only tests have, installed as a third party's drivers are."""
    install_entry_points(tmp_path / "site", monkeypatch, TEST_BUSES)


@pytest.fixture(params=["hand chip", "gpio page"])
def lines(request: pytest.FixtureRequest, tmp_path: Path, test_buses: None) -> Lines:
    """The same lines on a chip of the test's own and on the mock bench's page."""
    return HandLines() if request.param == "hand chip" else PageLines(tmp_path / "gpio.page")


@pytest.fixture
def buses(lines: Lines) -> Iterator[Buses]:
    buses = Buses((lines.bus,), ())
    yield buses
    with contextlib.suppress(DeviceError):
        buses.close()
