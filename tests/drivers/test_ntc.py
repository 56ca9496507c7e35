"""The thermistor on a converter's channel, on a chip by the data sheet."""

from __future__ import annotations

import math

import pytest

from controller.hal import DeviceSilent
from drivers import registry
from hil.contracts.temperature import TemperatureSenseContract
from tests.drivers.driver_rig import HandClock, SimulatedAds1115, chip_buses, section

CHANNEL = 3
# Resistance/temperature table of a 10 k, B = 3950 thermistor (B25/50), as its makers print it.
TABLE_OHM = {-20: 105305, 0: 33620, 25: 10000, 64: 2160, 65: 2085, 71: 1690, 90: 935}


class NtcRig:
    def __init__(self) -> None:
        self._chip = SimulatedAds1115(HandClock(), transfer_s=0.0004)
        self.monotonic = self._chip.clock
        buses = chip_buses(self._chip)
        self._sense = registry.build(section("pilot_sense", "held", adc="one", high_channel=0, low_channel=1), buses)
        self.temperature = registry.build(section("temperature", "ntc", adc="one", channel=CHANNEL), buses)

    def warm(self, temperature_c: float) -> None:
        ohms = TABLE_OHM[int(temperature_c)]
        self._chip.volts[CHANNEL] = 3.3 * ohms / (ohms + 10000)

    def break_wire(self) -> None:
        self._chip.volts[CHANNEL] = 3.3

    def short(self) -> None:
        self._chip.volts[CHANNEL] = 0.0

    def next_period(self) -> None:
        for _ in range(4):
            self._sense.begin()
            self._sense.collect()
            self._chip.clock.sleep(0.006)


class TestNtc(TemperatureSenseContract):
    @pytest.fixture
    def rig(self, test_buses: None) -> NtcRig:
        return NtcRig()

    def test_before_the_first_turn_there_is_no_reading(self, rig: NtcRig) -> None:
        with pytest.raises(DeviceSilent, match="has not been sampled yet"):
            rig.temperature.read()

    def test_the_thermistor_of_the_board_file_is_used(self, test_buses: None) -> None:
        chip = SimulatedAds1115(HandClock(), volts=[0, 0, 0, 1.65])
        settings = {"adc": "one", "channel": CHANNEL, "pull_up_ohm": 47000, "nominal_ohm": 47000, "beta_k": 4000}
        sensor = registry.build(section("temperature", "ntc", **settings), chip_buses(chip))
        assert math.isclose(sensor.read().temperature_c, 25.0, abs_tol=0.1)
