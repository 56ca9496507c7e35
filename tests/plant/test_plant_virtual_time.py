"""The plant on a virtual loop: it wakes only when something changes, and the fake ports obey the drivers' rules."""

import asyncio
import math

import pytest

from controller.hal import (
    DeviceError,
    DeviceGone,
    DeviceSilent,
    ImplausibleReading,
    LockMotion,
    MirrorReading,
)
from drivers.mock.ports import (
    SimContactor,
    SimInput,
    SimLock,
    SimMeter,
    SimPilotDriver,
    SimPilotSense,
    SimProximity,
    SimReader,
    SimResidual,
    SimWatchdog,
)
from hil.plant import Plant, PlantEvse, PlantReader
from hil.plant.one_shot import HOLD_S
from hil.sim.plant_time import PlantTime
from hil.virtual import run_virtual


def simulated(test):
    """Run an async test on a virtual loop with a plant that lives on it."""

    def run():
        async def main():
            loop = asyncio.get_running_loop()
            readers = (PlantReader("pn532", "uid"), PlantReader("line", "line"))
            plant = Plant([PlantEvse(1, has_phase_relay=True)], loop.time(), readers=readers, clock=loop.time)
            timer = PlantTime(plant, loop)
            await test(plant)
            timer.stop()

        run_virtual(main())

    run.__name__ = test.__name__
    return run


def charge(plant: Plant) -> None:
    SimWatchdog(plant).kick()
    SimPilotDriver(plant, 1).pulse(50.0)
    plant.verb("plug_in", evse=1)
    SimContactor(plant, 1).command(True, 1)


@simulated
async def test_timer_advances_the_plant_when_something_changes_and_not_in_between(plant):
    wakes = []
    plant.subscribe(lambda: wakes.append(plant.now))
    charge(plant)
    await asyncio.sleep(3600.0)
    settled = len(wakes)
    await asyncio.sleep(30 * 24 * 3600.0)
    assert settled < 120  # of an hour with a plug-in, a close and a draw
    assert len(wakes) == settled
    hours = 30 * 24 + 1
    assert plant.observed.evses[1].energy_wh == pytest.approx(230 * 30 * hours, rel=1e-3)


@simulated
async def test_watchdog_implies_kicks_until_the_loop_is_stopped(plant):
    watchdog = SimWatchdog(plant)
    watchdog.kick()
    await asyncio.sleep(1000.0)
    assert plant.observed.one_shot_alive
    watchdog.stop()
    await asyncio.sleep(HOLD_S - 0.001)
    assert plant.observed.one_shot_alive
    await asyncio.sleep(0.002)
    assert not plant.observed.one_shot_alive


@simulated
async def test_watchdog_without_implied_kicks_must_be_kicked(plant):
    watchdog = SimWatchdog(plant, implied=False)
    for _ in range(20):
        watchdog.kick()
        await asyncio.sleep(0.2)
    assert plant.observed.drops == 0
    await asyncio.sleep(0.1)
    assert plant.observed.drops == 1


@simulated
async def test_pilot_ports_drive_and_read_the_line(plant):
    SimWatchdog(plant).kick()
    driver, sense = SimPilotDriver(plant, 1), SimPilotSense(plant, 1)
    driver.steady_high()
    await asyncio.sleep(1)
    sense.begin()
    reading = sense.collect()
    assert (reading.high_v, reading.high_at_s) == (12.0, asyncio.get_running_loop().time())
    driver.steady_low()
    await asyncio.sleep(1)
    assert sense.collect().low_v == pytest.approx(-12, abs=0.05)
    assert sense.collect().high_v == pytest.approx(0, abs=0.05)  # where the hold rests
    driver.disconnect()
    await asyncio.sleep(1)
    assert sense.collect().high_v == pytest.approx(0, abs=0.05)
    with pytest.raises(ValueError, match=r"10\.\.97"):
        driver.pulse(5.0)
    plant.verb("fault", kind="adc")
    with pytest.raises(DeviceError):
        sense.collect()
    with pytest.raises(DeviceError):
        SimProximity(plant, 1).read()


@simulated
async def test_contactor_port_refuses_to_move_the_phase_relay_under_load(plant):
    SimWatchdog(plant).kick()
    contactor = SimContactor(plant, 1)
    assert contactor.mirror() is MirrorReading.OPEN
    contactor.command(True, 3)
    await asyncio.sleep(0.1)
    assert contactor.mirror() is MirrorReading.CLOSED
    with pytest.raises(DeviceError, match="phase relay"):
        contactor.command(True, 1)
    contactor.command(False, 1)
    await asyncio.sleep(0.1)
    contactor.command(True, 1)
    plant.verb("fault", evse=1, kind="mirror", value="contradictory")
    assert contactor.mirror() is MirrorReading.UNKNOWN


@simulated
async def test_lock_residual_proximity_and_inputs_follow_the_plant(plant):
    lock, residual = SimLock(plant, 1), SimResidual(plant, 1)
    lock.drive(LockMotion.LOCK)
    await asyncio.sleep(0.5)
    assert lock.is_locked()
    assert SimProximity(plant, 1).read().resistance_ohm == math.inf
    residual.test(True)
    await asyncio.sleep(0.25)
    residual.test(False)
    await asyncio.sleep(0.6)
    assert residual.is_tripped() and not residual.has_error()
    assert (SimInput(plant, "mains").is_active(), SimInput(plant, "estop").is_active()) == (True, False)
    plant.verb("fault", kind="mains")
    plant.verb("fault", kind="estop")
    assert (SimInput(plant, "mains").is_active(), SimInput(plant, "estop").is_active()) == (False, True)


@simulated
async def test_meter_port_reads_the_register_and_fails_as_the_driver_would(plant):
    charge(plant)
    meter = SimMeter(plant, 1)
    await asyncio.sleep(3600)
    reading = await meter.read()
    assert reading.taken_at_s == asyncio.get_running_loop().time()
    assert reading.energy_import_wh == 1_000_000 + int(plant.observed.evses[1].energy_wh)
    assert reading.power_w == pytest.approx(6900) and reading.current_a[0] == pytest.approx(30)
    for value, error in [({"voltage_v": "nan"}, "not a number"), (5, "fell"), (9e9, "leapt")]:
        plant.verb("fault", evse=1, kind="meter_value", value=value)
        with pytest.raises(ImplausibleReading, match=error):
            await meter.read()
    plant.verb("fault", evse=1, kind="meter_value", clear=True)
    assert (await meter.read()).energy_import_wh >= reading.energy_import_wh
    plant.verb("fault", evse=1, kind="meter_silent")
    begun = asyncio.get_running_loop().time()
    with pytest.raises(DeviceSilent):
        await meter.read()
    assert asyncio.get_running_loop().time() - begun == pytest.approx(1.2)


@simulated
async def test_reader_port_gives_one_event_for_each_presentation(plant):
    reader = SimReader(plant, "pn532")
    waiting = asyncio.ensure_future(reader.read())
    await asyncio.sleep(1)
    plant.verb("swipe", token="04a2b3c4")
    token = await waiting
    assert (token.value, token.kind) == ("04A2B3C4", "ISO14443")
    again = asyncio.ensure_future(reader.read())
    plant.verb("swipe", token="04a2b3c4")  # still in the field: no new presentation
    await asyncio.sleep(2)
    assert not again.done()
    await asyncio.sleep(1)
    plant.verb("swipe", token="04a2b3c4")
    assert (await again).value == "04A2B3C4"


@simulated
async def test_reader_port_tells_that_the_reader_vanished_and_works_again_after(plant):
    reader = SimReader(plant, "line", "Local")
    waiting = asyncio.ensure_future(reader.read())
    await asyncio.sleep(1)
    plant.verb("fault", kind="reader_gone", value="line")
    with pytest.raises(DeviceGone):
        await waiting
    plant.verb("fault", kind="reader_gone", value="line", clear=True)
    waiting = asyncio.ensure_future(reader.read())
    await asyncio.sleep(1)
    plant.verb("swipe", token="HELLO", reader="line")
    assert (await waiting).kind == "Local"
