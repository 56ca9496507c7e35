"""Transactions of a 1.6 station, on the wire: from the store through the outbox to what the CSMS books."""

from __future__ import annotations

import asyncio
import itertools
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from controller.logic.records import MeterSampled, StopReason, Trigger
from controller.logic.values import AuthorizationStatus, IdToken, Measurand, Sample, SampleContext
from hil.virtual import EPOCH
from tests.ocpp_v16.station16 import World, energy, play

PERIODIC = SampleContext.SAMPLE_PERIODIC


@pytest.mark.ocpp("1.6", "§4.8", "§4.7", "§4.10", "StartTransaction", "MeterValues", "StopTransaction")
def test_a_session_is_told_in_16s_three_messages(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        transaction_id = world.begin()
        await asyncio.sleep(60)
        world.update(
            transaction_id,
            energy(1200),
            Sample(Measurand.VOLTAGE, 230.04, "V", PERIODIC, "L1-N"),
            Sample(Measurand.CURRENT_IMPORT, 15.9996, "A", PERIODIC, "L1"),
            Sample(Measurand.FREQUENCY, 50.0, "Hz", PERIODIC),
            Sample(Measurand.POWER_FACTOR, 0.0, "", PERIODIC),
        )
        world.update(transaction_id)
        await asyncio.sleep(60)
        world.end(transaction_id, 1500, id_token=IdToken("CAFE0002"))
        await world.settle()
        (start,), (values,), (stop,) = map(world.sent, ("StartTransaction", "MeterValues", "StopTransaction"))
        assert start == {
            "connectorId": 1,
            "idTag": "CAFE0001",
            "meterStart": 1000,
            "timestamp": "2026-01-05T06:00:06.000Z",
        }
        assert (values["connectorId"], values["transactionId"]) == (1, 1)
        assert values["meterValue"][0]["sampledValue"] == [
            {"value": "1200", "context": "Sample.Periodic", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
            {"value": "230.04", "context": "Sample.Periodic", "measurand": "Voltage", "phase": "L1-N", "unit": "V"},
            {"value": "16", "context": "Sample.Periodic", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
            {"value": "50", "context": "Sample.Periodic", "measurand": "Frequency"},
            {"value": "0", "context": "Sample.Periodic", "measurand": "Power.Factor"},
        ]
        assert (stop["idTag"], stop["meterStop"], stop["reason"]) == ("CAFE0002", 1500, "Local")
        assert world.csms.energy_wh("1") == 500

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§4.10", "§7.36", "StopTransaction")
@pytest.mark.parametrize(
    ("stopped", "trigger", "told"),
    [
        (StopReason.LOCAL, Trigger.STOP_AUTHORIZED, "Local"),
        (StopReason.REMOTE, Trigger.REMOTE_STOP, "Remote"),
        (StopReason.EV_DISCONNECTED, Trigger.EV_DEPARTED, "EVDisconnected"),
        (StopReason.DE_AUTHORIZED, Trigger.DEAUTHORIZED, "DeAuthorized"),
        (StopReason.EMERGENCY_STOP, Trigger.ABNORMAL_CONDITION, "EmergencyStop"),
        (StopReason.POWER_LOSS, Trigger.ABNORMAL_CONDITION, "PowerLoss"),
        (StopReason.IMMEDIATE_RESET, Trigger.RESET_COMMAND, "HardReset"),
        (StopReason.REBOOT, Trigger.RESET_COMMAND, "SoftReset"),
        (StopReason.REBOOT, Trigger.ABNORMAL_CONDITION, "Reboot"),
        (StopReason.OTHER, Trigger.UNLOCK_COMMAND, "UnlockCommand"),
        (StopReason.GROUND_FAULT, Trigger.ABNORMAL_CONDITION, "Other"),
        (StopReason.ENERGY_LIMIT_REACHED, Trigger.ENERGY_LIMIT_REACHED, "Other"),
        (StopReason.TIMEOUT, Trigger.EV_CONNECT_TIMEOUT, "EVDisconnected"),
        (StopReason.MASTER_PASS, Trigger.STOP_AUTHORIZED, "Local"),
    ],
)
def test_the_reason_is_the_nearest_16_has(tmp_path: Path, stopped: StopReason, trigger: Trigger, told: str) -> None:
    async def script(world: World) -> None:
        transaction_id = world.begin()
        world.end(transaction_id, 1100, stopped, trigger=trigger)
        await world.settle()
        (stop,) = world.sent("StopTransaction")
        assert stop["reason"] == told
        assert "idTag" not in stop

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§3.16.5", "StopTxnSampledData", "StopTransaction")
@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("", None),
        ("Energy.Active.Import.Register", [("Transaction.Begin", "1000"), ("Transaction.End", "1500")]),
        ("Voltage", [("Transaction.End", "231")]),
    ],
)
def test_transaction_data_holds_begin_and_end_of_what_is_configured(
    tmp_path: Path, listed: str, expected: list[tuple[str, str]] | None
) -> None:
    async def script(world: World) -> None:
        transaction_id = world.begin()
        await asyncio.sleep(60)
        voltage = Sample(Measurand.VOLTAGE, 231, "V", SampleContext.TRANSACTION_END)
        world.end(transaction_id, 1500, samples=(energy(1500, SampleContext.TRANSACTION_END), voltage))
        await world.settle()
        (start,), (stop,) = world.sent("StartTransaction"), world.sent("StopTransaction")
        if expected is None:
            assert "transactionData" not in stop
            return
        values = [(v["context"], v["value"]) for each in stop["transactionData"] for v in each["sampledValue"]]
        assert values == expected
        if len(expected) == 2:
            times = [each["timestamp"] for each in stop["transactionData"]]
            assert times == [start["timestamp"], stop["timestamp"]]

    play(tmp_path, script, keys={"StopTxnSampledData": listed})


@pytest.mark.ocpp("1.6", "§3.7", "StartTransaction", "MeterValues", "StopTransaction")
def test_an_hour_offline_is_told_in_order_with_original_times_and_the_real_id(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.network.take_down()
        await asyncio.sleep(10)
        began = []
        for _ in range(2):
            began.append(world.clock.true_wall())
            transaction_id = world.begin(token=IdToken("CAFE0001"))
            await asyncio.sleep(600)
            world.update(transaction_id, energy(1500))
            await asyncio.sleep(600)
            world.end(transaction_id, 2000)
            await asyncio.sleep(600)
        world.network.bring_up()
        await asyncio.sleep(700)
        assert [t.energy_wh for t in world.csms.transactions] == [1000, 1000]
        assert [t.started_at for t in world.csms.transactions] == began
        actions = ("StartTransaction", "MeterValues", "StopTransaction")
        sent = [f.action for f in world.csms.frames if f.kind == "call" and f.action in actions]
        assert sent == [*actions, *actions]
        assert [each["transactionId"] for each in world.sent("MeterValues")] == [1, 2]
        assert world.csms.duplicates == []

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "StopTransaction")
def test_the_begin_value_of_a_stop_has_the_time_that_the_start_told(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        transaction_id = world.begin(token=IdToken("CAFE0001"))
        await asyncio.sleep(60)
        world.clock.step(
            timedelta(milliseconds=-200)
        )  # the next run of the program learns the time a little differently
        world.end(transaction_id, 2000)
        await asyncio.sleep(10)
        (start,), (stop,) = world.sent("StartTransaction"), world.sent("StopTransaction")
        assert stop["transactionData"][0]["timestamp"] == start["timestamp"]

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§4.8", "StartTransaction")
def test_a_lost_answer_to_a_start_is_repeated_the_same_and_reported(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.network.lose_reply_to("StartTransaction")
        transaction_id = world.begin()
        world.update(transaction_id, energy(1100))
        await asyncio.sleep(120)
        world.end(transaction_id, 1200)
        await world.settle()
        first, second = world.sent("StartTransaction")
        assert first == second
        assert [duplicate.action for duplicate in world.csms.duplicates] == ["StartTransaction"]
        assert len(world.csms.transactions) == 1
        assert world.csms.energy_wh("1") == 200
        told = [event["trouble"] for event in world.link_events if event["kind"] == "delivery"]
        assert told == ["may be doubled"]

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§3.7.1", "TransactionMessageAttempts", "TransactionMessageRetryInterval", "StopTransaction")
def test_a_refused_message_is_retried_as_configured_and_holds_back_the_queue(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.csms.behaviour.fail("StopTransaction", 2)
        transaction_id = world.begin()
        world.end(transaction_id, 1100)
        world.begin(token=IdToken("CAFE0002"))
        await asyncio.sleep(200)
        times = [f.at_s for f in world.csms.frames if f.action == "StopTransaction" and f.kind == "call"]
        assert [round(b - a) for a, b in itertools.pairwise(times)] == [60, 120]
        starts = [f.at_s for f in world.csms.frames if f.action == "StartTransaction" and f.kind == "call"]
        assert starts[1] > times[-1]

    keys = {"TransactionMessageAttempts": "3", "TransactionMessageRetryInterval": "60"}
    play(tmp_path, script, keys=keys)


@pytest.mark.ocpp("1.6", "§3.7.1", "§4.8", "StartTransaction", "StopTransaction")
def test_minus_one_is_the_id_only_after_the_start_was_given_up(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.csms.behaviour.fail("StartTransaction", 2)
        transaction_id = world.begin()
        await asyncio.sleep(5)
        world.update(transaction_id, energy(1100))
        world.end(transaction_id, 1200)
        await asyncio.sleep(5)
        assert world.sent("StopTransaction") == []
        await asyncio.sleep(60)
        assert [each["transactionId"] for each in world.sent("MeterValues")] == [-1]
        assert [each["transactionId"] for each in world.sent("StopTransaction")] == [-1]

    play(tmp_path, script, keys={"TransactionMessageAttempts": "2", "TransactionMessageRetryInterval": "10"})


@pytest.mark.ocpp("1.6", "§4.10", "StopTransaction")
@pytest.mark.parametrize(("register", "told"), [(None, 1300), (900, 1000), (1500, 1500)])
def test_meter_stop_is_never_0_and_never_below_the_start(tmp_path: Path, register: int | None, told: int) -> None:
    async def script(world: World) -> None:
        transaction_id = world.begin()
        world.store.note_register(transaction_id, 1300, world.clock.now())
        world.end(transaction_id, register, StopReason.POWER_LOSS)
        await world.settle()
        assert world.sent("StopTransaction")[0]["meterStop"] == told

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§7.15", "StartTransaction")
@pytest.mark.parametrize(
    ("token", "told"),
    [(IdToken("A" * 36), "A" * 20), (None, "NoAuthorization"), (IdToken(""), "NoAuthorization")],
)
def test_a_start_fits_16s_field_whatever_the_token(tmp_path: Path, token: IdToken | None, told: str) -> None:
    async def script(world: World) -> None:
        world.begin(token=token)
        await world.settle()
        assert world.sent("StartTransaction")[0]["idTag"] == told

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§4.8", "§4.10", "StartTransaction", "StopTransaction")
def test_what_the_csms_says_of_a_token_in_its_answers_reaches_the_station(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.csms.tokens.add("CAFE0001", "Blocked")
        world.csms.tokens.add("CAFE0002", "Accepted", group="FAMILY")
        transaction_id = world.begin()
        world.end(transaction_id, 1000, id_token=IdToken("CAFE0002"))
        await world.settle()
        learned = [(token.value, info.status, info.group) for token, info, _ in world.station.tokens]
        assert learned == [
            ("CAFE0001", AuthorizationStatus.BLOCKED, None),
            ("CAFE0002", AuthorizationStatus.ACCEPTED, "FAMILY"),
        ]

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§4.7", "§3.16.2", "MeterValues")
def test_meter_values_outside_a_transaction_carry_no_id(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        samples = (energy(7000, SampleContext.SAMPLE_CLOCK),)
        world.store.add_event(MeterSampled(2, world.clock.now(), True, samples))
        world.client.records_added()
        await world.settle()
        (values,) = world.sent("MeterValues")
        assert values["connectorId"] == 2 and "transactionId" not in values

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§3.15", "§4.8", "StartTransaction", "StopTransaction")
def test_times_taken_before_the_clock_was_right_are_mended(tmp_path: Path) -> None:
    """A Pi without a clock wakes in 1970, charges offline, and learns the time an hour later."""

    async def script(world: World) -> None:
        transaction_id = world.begin()
        await asyncio.sleep(1800)
        world.end(transaction_id, 2000)
        world.network.bring_up()
        await asyncio.sleep(1800)
        (start,), (stop,) = world.sent("StartTransaction"), world.sent("StopTransaction")
        assert abs(datetime.fromisoformat(start["timestamp"]) - EPOCH) < timedelta(seconds=0.2)
        assert abs(datetime.fromisoformat(stop["timestamp"]) - EPOCH - timedelta(minutes=30)) < timedelta(seconds=0.2)
        data = [each["timestamp"] for each in stop["transactionData"]]
        assert data == [start["timestamp"], stop["timestamp"]]

    async def offline(world: World) -> None:
        world.network.take_down()
        await script(world)

    wrong = EPOCH.replace(year=1970) - EPOCH
    play(tmp_path, offline, connects=False, wall_error=wrong, trusted=False)
