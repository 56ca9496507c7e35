"""What every energy meter driver must do.

A rig's meter is taken to have three phases and a register of 1 Wh; one that differs has the attributes `phases` (0: it shows neither
voltages nor currents) and `step_wh`.
"""

from __future__ import annotations

import contextlib
from typing import Protocol

import pytest

from controller.hal import DeviceError, DeviceGone, DeviceSilent, EnergyMeter, ImplausibleReading


class MeterRig(Protocol):
    meter: EnergyMeter

    def shows(self, volts: tuple[float, ...], amps: tuple[float, ...], watts: float, wh: int) -> None: ...
    def silence(self, silent: bool) -> None: ...
    def unplug(self) -> None: ...
    def plug(self) -> None: ...
    def monotonic(self) -> float: ...


def phases_of(rig: MeterRig) -> int:
    return int(getattr(rig, "phases", 3))


def resolved_wh(rig: MeterRig, wh: int) -> int:
    """Return an energy as the rig's register can show it."""
    step_wh = int(getattr(rig, "step_wh", 1))
    return wh // step_wh * step_wh


@pytest.mark.asyncio
class EnergyMeterContract:
    async def test_a_reading_is_what_the_meter_shows(self, rig: MeterRig) -> None:
        rig.shows((230.0, 231.0, 229.0), (16.0, 15.5, 16.5), 11_040.0, 1_234_560)
        before_s = rig.monotonic()
        reading = await rig.meter.read()
        phases = phases_of(rig)
        assert reading.voltage_v == pytest.approx((230, 231, 229)[:phases])
        assert reading.current_a == pytest.approx((16, 15.5, 16.5)[:phases])
        assert reading.power_w == pytest.approx(11_040)
        assert reading.energy_import_wh == resolved_wh(rig, 1_234_560)
        assert before_s <= reading.taken_at_s <= rig.monotonic()

    async def test_readings_follow_the_meter(self, rig: MeterRig) -> None:
        for wh in (1000, 1000, 1001, 1500):
            rig.shows((230.0,) * 3, (16.0,) * 3, 11_040.0, wh)
            assert (await rig.meter.read()).energy_import_wh == resolved_wh(rig, wh)

    async def test_a_silent_meter_is_silent_and_recovers(self, rig: MeterRig) -> None:
        rig.shows((230.0,) * 3, (0.0,) * 3, 0.0, 1000)
        rig.silence(True)
        with pytest.raises(DeviceSilent):
            await rig.meter.read()
        rig.silence(False)
        assert (await rig.meter.read()).energy_import_wh == 1000

    async def test_a_meter_that_vanishes_is_gone_and_recovers(self, rig: MeterRig) -> None:
        rig.shows((230.0,) * 3, (0.0,) * 3, 0.0, 1000)
        await rig.meter.read()
        rig.unplug()
        for _ in range(2):
            with pytest.raises(DeviceGone):
                await rig.meter.read()
        rig.plug()
        assert (await rig.meter.read()).energy_import_wh == 1000

    async def test_an_energy_register_that_falls_is_told_as_it_is(self, rig: MeterRig) -> None:
        """Or refused, but never told as it was before. A meter may have been exchanged: what is billed meanwhile is the station's care."""
        rig.shows((230.0,) * 3, (0.0,) * 3, 0.0, 5000)
        await rig.meter.read()
        rig.shows((230.0,) * 3, (0.0,) * 3, 0.0, 4000)
        for _ in range(3):
            with contextlib.suppress(ImplausibleReading):
                assert (await rig.meter.read()).energy_import_wh == 4000

    async def test_an_impossible_voltage_is_refused(self, rig: MeterRig) -> None:
        if not phases_of(rig):
            pytest.skip("this meter shows no voltages")
        rig.shows((9000.0, 230.0, 230.0), (0.0,) * 3, 0.0, 5000)
        with pytest.raises(ImplausibleReading, match="9000 V"):
            await rig.meter.read()

    async def test_a_closed_meter_may_be_closed_again(self, rig: MeterRig) -> None:
        rig.shows((230.0,) * 3, (0.0,) * 3, 0.0, 5000)
        await rig.meter.read()
        await rig.meter.close()
        await rig.meter.close()

    async def test_every_error_is_one_line_that_names_the_device(self, rig: MeterRig) -> None:
        rig.unplug()
        with pytest.raises(DeviceError) as caught:
            await rig.meter.read()
        assert caught.value.device and "\n" not in str(caught.value)
