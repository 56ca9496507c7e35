"""Contracts of the held pilot and of the proximity divider: on a chip by the data sheet, and on the mock bench's page."""

from __future__ import annotations

import errno
import math
import time
from pathlib import Path

import pytest

from controller.hal import DeviceSilent
from drivers import registry
from drivers.bus import Buses
from drivers.mock.curve import Curve
from drivers.mock.pages import AnalogPage
from hil.contracts.pilot import PilotSenseContract, ProximitySenseContract
from tests.drivers.driver_rig import HandClock, SimulatedAds1115, chip_buses, section

HIGH, LOW, PROXIMITY = 0, 1, 2


def adc_v(pilot_v: float) -> float:
    """The reference divider: 100k in series, 24.9k to 3.3 V, 33.2k to ground."""
    return (pilot_v + 13.2) / 8


class ChipRig:
    """The board's analogue side on a simulated chip and a hand clock."""

    tolerance_v = 0.002

    def __init__(self) -> None:
        self._chip = SimulatedAds1115(HandClock(), transfer_s=0.0004)
        self.monotonic = self._chip.clock
        self._buses = chip_buses(self._chip)
        self.sense = registry.build(
            section("pilot_sense", "held", adc="one", high_channel=HIGH, low_channel=LOW), self._buses
        )

    def add_proximity(self) -> None:
        self.proximity = registry.build(section("proximity", "divider", adc="one", channel=PROXIMITY), self._buses)

    def plateaus(self, high_v: float, low_v: float) -> None:
        self._chip.volts[HIGH], self._chip.volts[LOW] = adc_v(high_v), adc_v(low_v)

    def resistor(self, ohm: float) -> None:
        self._chip.volts[PROXIMITY] = 3.3 if math.isinf(ohm) else 3.3 * ohm / (ohm + 1000)

    def break_converter(self, broken: bool) -> None:
        self._chip.answers = not broken

    def next_period(self) -> None:
        self._chip.clock.sleep(0.006)

    def one_turn(self) -> None:
        for _ in range(4):
            self.sense.begin()
            self.sense.collect()
            self.next_period()


class PageRig(ChipRig):
    """The same on the mock bench's page, on the machine's clock."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, path: Path) -> None:
        self._page = AnalogPage.create(path, [0x48])
        bus = section("bus", "i2c_page", section_name="i2c", page=str(path))
        self._buses = Buses((bus,), (section("adc", "ads1115", section_name="one"),))
        self.sense = registry.build(
            section("pilot_sense", "held", adc="one", high_channel=HIGH, low_channel=LOW), self._buses
        )

    def plateaus(self, high_v: float, low_v: float) -> None:
        self._page.write_channel(0, HIGH, Curve.steady(adc_v(high_v)))
        self._page.write_channel(0, LOW, Curve.steady(adc_v(low_v)))

    def resistor(self, ohm: float) -> None:
        volts = 3.3 if math.isinf(ohm) else 3.3 * ohm / (ohm + 1000)
        self._page.write_channel(0, PROXIMITY, Curve.steady(volts))

    def break_converter(self, broken: bool) -> None:
        self._page.set_bus_fault(errno.EREMOTEIO if broken else 0)

    def next_period(self) -> None:
        """The converter takes its 1.2 ms of real time when it is asked."""


@pytest.fixture(params=["simulated chip", "analog page"])
def board(request: pytest.FixtureRequest, tmp_path: Path, test_buses: None) -> ChipRig:
    return ChipRig() if request.param == "simulated chip" else PageRig(tmp_path / "analog.page")


class TestHeldPilot(PilotSenseContract):
    @pytest.fixture
    def rig(self, board: ChipRig) -> ChipRig:
        return board

    def test_the_divider_of_the_board_file_is_used(self, test_buses: None) -> None:
        chip = SimulatedAds1115(HandClock(), volts=[1.0, 0.5, 0, 0])
        settings = {"adc": "one", "high_channel": 0, "low_channel": 1, "scale": 10.0, "offset_v": 12.0}
        sense = registry.build(section("pilot_sense", "held", **settings), chip_buses(chip))
        sense.begin()
        assert sense.collect().high_v == pytest.approx(-2.0, abs=0.002)


class TestProximityDivider(ProximitySenseContract):
    @pytest.fixture
    def rig(self, board: ChipRig) -> ProximityView:
        return ProximityView(board)

    def test_before_the_first_turn_there_is_no_reading(self, board: ChipRig) -> None:
        board.add_proximity()
        with pytest.raises(DeviceSilent, match="has not been sampled yet"):
            board.proximity.read()


class ProximityView:
    """The board as the proximity contract sees it: a period gives every channel its turn."""

    def __init__(self, board: ChipRig) -> None:
        board.add_proximity()
        self.proximity = board.proximity
        self.resistor = board.resistor
        self.monotonic = board.monotonic
        self.next_period = board.one_turn
