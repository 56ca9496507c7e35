"""What every temperature sensor's driver must do."""

from __future__ import annotations

from typing import Protocol

import pytest

from controller.hal import DeviceError, TemperatureSense


class TemperatureRig(Protocol):
    temperature: TemperatureSense

    def warm(self, temperature_c: float) -> None: ...
    def break_wire(self) -> None: ...
    def short(self) -> None: ...
    def next_period(self) -> None:
        """Let the safety loop make passes until every channel had its turn."""

    def monotonic(self) -> float: ...


class TemperatureSenseContract:
    @pytest.mark.parametrize("temperature_c", [-20, 0, 25, 64, 65, 71, 90])
    def test_it_reads_within_half_a_degree(self, rig: TemperatureRig, temperature_c: float) -> None:
        rig.warm(temperature_c)
        rig.next_period()
        assert rig.temperature.read().temperature_c == pytest.approx(temperature_c, abs=0.5)

    def test_a_reading_is_stamped_when_it_was_sampled(self, rig: TemperatureRig) -> None:
        rig.warm(25)
        before_s = rig.monotonic()
        rig.next_period()
        assert before_s <= rig.temperature.read().at_s <= rig.monotonic()

    def test_a_broken_wire_is_no_cold_enclosure(self, rig: TemperatureRig) -> None:
        rig.break_wire()
        rig.next_period()
        with pytest.raises(DeviceError, match="broken wire"):
            rig.temperature.read()

    def test_a_short_is_told_as_one(self, rig: TemperatureRig) -> None:
        rig.short()
        rig.next_period()
        with pytest.raises(DeviceError, match="short"):
            rig.temperature.read()
