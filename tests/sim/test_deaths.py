"""Either process, or both with the power, die at every step of a session: it goes on or ends rightly, and nothing is lost.

That the contact opens in time is judged by the monitors that watch every simulated run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from controller.logic.records import TransactionEvent
from controller.store.rows import ArchivedTransaction
from tests.sim.sim_tools import ANNA, BERT, Scene, both_versions, play

STEPS = (
    "idle",
    "plugged",
    "card presented",
    "PWM",
    "contactor closing",
    "charging",
    "suspended",
    "card presented to stop",
    "contactor opening",
    "ended",
    "left",
)
LONG_S = 1000.0  # more than TxCtrlr.ResumptionTimeout
Strike = Callable[[], Awaitable[None]]


async def _session(scene: Scene, step: str, strike: Strike, **ev: object) -> None:
    """Play a session and strike at one of STEPS; whoever notices that nothing happens presents the card again."""
    world, plant = scene.world, scene.world.plant.evses[1]

    async def reached(name: str) -> None:
        if name == step:
            await strike()

    await reached("idle")
    world.verb("plug_in", evse=1, ev={"phases": 3, **ev})
    await reached("plugged")
    await world.sleep(3)
    world.verb("swipe", token=ANNA)
    await world.sleep(0.05)
    await reached("card presented")
    await _insist(scene, lambda: plant.is_advertising)
    await reached("PWM")
    await _insist(scene, lambda: plant.contactor.coil)
    await reached("contactor closing")
    await _insist(scene, lambda: sum(plant.current_a) > 3)
    await world.sleep(30)
    await reached("charging")
    await _insist(scene, lambda: world.station is not None and plant.is_advertising and sum(plant.current_a) > 3)
    world.station_or_fail.set_local_limit(1, 0.0)
    await world.until(lambda: not plant.contactor.is_closed, 20, "suspended")
    await reached("suspended")
    await world.until(lambda: world.station is not None, 10, "the station runs")
    world.station_or_fail.set_local_limit(1, None)
    await _insist(scene, lambda: sum(plant.current_a) > 3)
    world.verb("swipe", token=ANNA)
    await world.sleep(0.05)
    await reached("card presented to stop")
    await world.until(lambda: not plant.is_advertising, 10, "the EV is told to stop")
    await reached("contactor opening")
    await _insist(scene, lambda: world.store is not None and not world.store.open_transactions())
    await reached("ended")
    world.verb("unplug", evse=1)
    await reached("left")
    await world.sleep(600)  # a contactor closes six times in ten minutes and no more


async def _insist(scene: Scene, holds: Callable[[], bool]) -> None:
    for _ in range(4):
        for _ in range(150):
            if holds():
                return
            await scene.world.sleep(0.1)
        if not holds():
            scene.world.verb("swipe", token=ANNA)
    raise AssertionError(f"nothing helps: {scene.world.station_or_fail.why()}")


@pytest.mark.parametrize(
    ("version", "victim", "stubborn"),
    [
        ("1.6", "station", True),
        ("2.0.1", "station", False),
        ("1.6", "safety", False),
        ("2.0.1", "safety", True),
        ("1.6", "both", True),
        ("2.0.1", "both", False),
    ],
)
def test_a_process_killed_at_each_step_loses_nothing(version: str, victim: str, stubborn: bool, tmp_path: Path) -> None:
    """stubborn: the EV ignores that the PWM stops."""

    async def script(scene: Scene) -> None:
        world = scene.world
        strikes: dict[str, Strike] = {
            "station": world.restart_station,
            "safety": world.restart_safety,
            "both": lambda: world.watch(world.power_cut(3.0)),
        }
        for step in STEPS:
            await _session(scene, step, strikes[victim], ignores_pwm_off=stubborn)
        await scene.delivered()
        billed_wh = sum(each.energy_wh for each in scene.transactions)
        assert abs(billed_wh - scene.energy_wh(1)) <= len(scene.transactions)
        assert len(scene.transactions) >= len(STEPS)
        assert {each.reason for each in scene.transactions} <= {"Local", "PowerLoss", "Other", "EVDisconnected"}

    play(tmp_path, version, script)


@both_versions
def test_a_station_that_hangs_is_suspended_and_goes_on_in_the_same_transaction(version: str, tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin(ignores_pwm_off=True)
        await world.sleep(60)
        world.freeze_station(True)
        await world.sleep(8.5)
        assert not scene.is_closed()
        await world.sleep(20)
        world.freeze_station(False)
        await scene.flows()
        await scene.end()
        await scene.delivered()
        assert scene.only.reason == "Local"
        assert abs(scene.only.energy_wh - scene.energy_wh()) <= 1

    play(tmp_path, version, script)


# --- the power ------------------------------------------------------------------------------------------------------------


@both_versions
def test_a_short_power_cut_is_an_interruption_of_the_same_transaction(version: str, tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin()
        await world.sleep(300)
        await world.watch(world.power_cut(30))
        await scene.flows()
        await world.sleep(300)
        await scene.end()
        await scene.delivered()
        assert scene.only.reason == "Local"
        assert abs(scene.only.energy_wh - scene.energy_wh()) <= 1

    play(tmp_path, version, script)


@both_versions
def test_a_long_power_cut_ends_the_transaction_for_it_with_the_register_it_had(version: str, tmp_path: Path) -> None:
    """Also with a clock that is back in 1970 after the cut, and a CSMS that answers only later."""

    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin()
        await world.sleep(300)
        world.network.refuse()
        to_1970 = timedelta(seconds=-world.clock.true_wall().timestamp())
        await world.watch(world.power_cut(LONG_S, wall_error=to_1970, trusted=False))
        flowed_wh = scene.energy_wh()
        await world.sleep(200)
        world.network.admit_again()
        await world.until(lambda: len(scene.transactions) == 1 and not scene.only.is_open, 60, "its end is told")
        assert scene.only.reason == "PowerLoss"
        assert abs(scene.only.energy_wh - flowed_wh) <= 1 and scene.energy_wh() == flowed_wh
        assert not scene.is_closed(), "the car that is still plugged in needs a new authorisation"
        world.verb("unplug", evse=1)
        await world.sleep(10)
        await scene.begin(1, BERT)
        await scene.end(1, BERT)
        await scene.delivered()
        assert [each.reason for each in scene.transactions] == ["PowerLoss", "Local"]

    play(tmp_path, version, script)


@both_versions
def test_an_ev_that_leaves_in_the_dark_ends_its_transaction(version: str, tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin()
        await world.sleep(120)
        flowed_wh = scene.energy_wh()
        world.verb("power_cut")
        await world.sleep(1)
        world.verb("unplug", evse=1)
        await world.until(lambda: len(scene.transactions) == 1 and not scene.only.is_open, 60, "its end is told")
        assert scene.only.reason == "EVDisconnected"
        assert abs(scene.only.energy_wh - flowed_wh) <= 1

    play(tmp_path, version, script)


def test_a_dead_meter_at_the_end_leaves_the_last_register_and_says_so(tmp_path: Path) -> None:
    """The meter falls silent, the power fails, the transaction ends: billed is what was last read, never 0."""

    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin()
        await world.sleep(300)
        world.verb("fault", kind="meter_silent", evse=1)
        read_wh = scene.energy_wh()
        await world.watch(world.power_cut(LONG_S))
        await world.sleep(60)
        world.verb("unplug", evse=1)
        await scene.delivered()
        (archived,) = world.store_or_fail.archive()
        a_minute_wh = 22_080 / 60
        assert read_wh - a_minute_wh < scene.only.energy_wh <= read_wh, "no more than a minute's worth is lost"
        assert _ended(archived).register_is_stale
        world.verb("fault", kind="meter_silent", evse=1, clear=True)
        await world.sleep(30)

    play(tmp_path, "2.0.1", script)


def _ended(archived: ArchivedTransaction) -> TransactionEvent:
    event = archived.messages[-1].event
    assert isinstance(event, TransactionEvent)
    return event


@both_versions
@pytest.mark.ocpp("2.0.1", "B02.FR.04", "B03.FR.05")
def test_the_interval_of_a_csms_that_waits_holds_for_the_next_program_too(version: str, tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        world = scene.world
        world.csms.behaviour.boot("Rejected")
        world.network.cut()
        await world.restart_station(1.0)
        await world.sleep(2)
        await world.restart_station(1.0)
        await world.sleep(20)
        assert [call.action for call in world.csms.frames if call.at_s > world.now - 20] == []
        await world.until(lambda: world.station_or_fail.csms.is_online, 30, "it is accepted")
        assert world.csms.violations == []

    play(tmp_path, version, script)


def test_who_waits_for_an_ev_while_nobody_knows_the_time_keeps_nobody_busy(tmp_path: Path) -> None:
    """A livelock would end the run."""

    async def script(scene: Scene) -> None:
        world = scene.world
        world.verb("swipe", token=ANNA)
        await world.sleep(5)
        assert scene.only.is_open
        world.verb("network", up=False)
        await world.power_cut(20, wall_error=timedelta(seconds=-20), trusted=False)
        await world.sleep(200)
        world.verb("network", up=True)
        await scene.delivered()
        assert not scene.only.is_open

    variables = {"TxCtrlr.TxStartPoint": "Authorized", "TxCtrlr.TxStopPoint": "Authorized"}
    play(tmp_path, "2.0.1", script, variables=variables)
