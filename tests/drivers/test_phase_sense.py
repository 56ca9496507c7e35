"""Phase currents and voltages on a converter's channels, on a chip by the data sheet."""

from __future__ import annotations

import pytest

from controller.hal import DeviceSilent, ImplausibleReading
from drivers import registry
from hil.contracts.phase_sense import PhaseSenseContract
from tests.drivers.driver_rig import HandClock, SimulatedAds1115, chip_buses, section


class RmsRig:
    """SCT-013-like transformers behind RMS-to-DC converters: 1 V for 16 A, on a foot of 0.2 V."""

    def __init__(self, phases: int, has_voltage: bool) -> None:
        self.phases, self.has_voltage, self.full_scale_a = phases, has_voltage, 50.0
        self._chip = SimulatedAds1115(HandClock(), transfer_s=0.0004)
        self.monotonic = self._chip.clock
        settings = {"adc": "one", "amps_per_volt": 16.0, "zero_v": 0.2, "current_channels": tuple(range(phases))}
        if has_voltage:
            settings |= {"voltage_channels": (3,), "volts_per_volt": 100.0}
        self.phase_sense = registry.build(section("phase_sense", "rms", **settings), chip_buses(self._chip))

    def flow(self, current_a: tuple[float, ...], voltage_v: tuple[float, ...]) -> None:
        for channel, amps in enumerate(current_a):
            self._chip.volts[channel] = 0.2 + amps / 16.0
        if self.has_voltage:
            self._chip.volts[3] = voltage_v[0] / 100.0

    def reverse(self) -> None:
        self._chip.volts[0] = -0.3

    def next_period(self) -> None:
        for _ in range(4):
            before = self._chip.clock.now
            try:
                self.phase_sense.read()
            except DeviceSilent:
                continue
            finally:
                assert self._chip.clock.now - before <= 0.005  # a port of the safety loop
                self._chip.clock.sleep(0.006)


class TestRmsPhaseSense(PhaseSenseContract):
    @pytest.fixture(params=[(3, False), (1, True), (1, False)], ids=["three phases", "with voltage", "one phase"])
    def rig(self, request: pytest.FixtureRequest, test_buses: None) -> RmsRig:
        return RmsRig(*request.param)

    def test_before_every_channel_had_its_turn_there_is_no_reading(self, test_buses: None) -> None:
        rig = RmsRig(3, False)
        rig.flow((1.0, 1.0, 1.0), ())
        with pytest.raises(DeviceSilent, match="has not sampled every channel yet"):
            rig.phase_sense.read()

    def test_a_channel_that_cannot_be_is_named(self, rig: RmsRig) -> None:
        rig.flow((1.0,) * rig.phases, (230.0,))
        rig.next_period()
        rig.reverse()
        with pytest.raises(
            ImplausibleReading, match=r"channel 0 is at -0\.300 V, below its zero \(check the rectifier"
        ):
            rig.next_period()
