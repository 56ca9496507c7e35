"""What a transaction tells of itself: meter values, their contexts, transactionData, the reason of its end (§4.7, §4.10)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from hil.csms.log import Kind
from hil.sim.world import IDENTITY
from tests.conformance_v16.octt import TAG, Octt, at, scenario

REGISTER = "Energy.Active.Import.Register"


def told(meter_value: dict[str, Any]) -> dict[tuple[str, str | None], str]:
    """(measurand, phase) to unit."""
    return {
        (sample["measurand"], sample.get("phase")): sample.get("unit", "") for sample in meter_value["sampledValue"]
    }


def contexts(meter_values: list[dict[str, Any]]) -> list[str]:
    return [sample["context"] for value in meter_values for sample in value["sampledValue"]]


@pytest.mark.ocpp("1.6", "§4.7", "§3.16.1", "MeterValues", "MeterValueSampleInterval", "MeterValuesSampledData")
@scenario(keys={"MeterValueSampleInterval": 30, "MeterValuesSampledData": REGISTER})
async def test_meter_values_come_every_interval_from_the_start(octt: Octt) -> None:
    transaction = await octt.charging()
    start = at(octt.transaction(transaction).messages[0]["timestamp"])
    await octt.sleep(100)
    values = octt.calls("MeterValues", connectorId=1, transactionId=transaction)
    ages = [(at(value["meterValue"][0]["timestamp"]) - start).total_seconds() for value in values]
    assert [round(age) for age in ages] == [30, 60, 90]
    assert all(contexts(value["meterValue"]) == ["Sample.Periodic"] for value in values)
    registers = [int(value["meterValue"][0]["sampledValue"][0]["value"]) for value in values]
    assert registers == sorted(registers) and registers[0] > 1_000_000


@pytest.mark.ocpp("1.6", "§4.7", "§3.16.3", "§7.31", "§7.34", "§7.45", "MeterValuesSampledData")
@scenario(keys={"MeterValueSampleInterval": 10})
async def test_every_measurand_is_told_by_phase_and_unit(octt: Octt) -> None:
    everything = (
        f"{REGISTER},Power.Active.Import,Current.Import,Voltage,Current.Offered,Power.Offered,Frequency,Power.Factor"
    )
    await octt.configured(MeterValuesSampledData=everything)
    await octt.charging()
    await octt.sees("MeterValues")
    values = await octt.sees("MeterValues")
    (meter_value,) = values["meterValue"]
    wholes = {REGISTER: "Wh", "Power.Active.Import": "W", "Current.Offered": "A", "Power.Offered": "W"}
    expected: dict[tuple[str, str | None], str] = {}
    for name, unit in (*wholes.items(), ("Frequency", ""), ("Power.Factor", "")):  # errata §3.86: no unit for those
        expected[name, None] = unit
    for phase in ("L1", "L2", "L3"):
        expected |= {
            ("Power.Active.Import", phase): "W",
            ("Current.Import", phase): "A",
            ("Voltage", f"{phase}-N"): "V",
        }
    assert told(meter_value) == expected
    sizes = {s["measurand"]: float(s["value"]) for s in meter_value["sampledValue"] if "phase" not in s}
    assert sizes["Current.Offered"] == 32 and 20_000 < sizes["Power.Active.Import"] < 23_000
    assert sizes["Frequency"] == 50


@pytest.mark.ocpp("1.6", "§3.16.1", "MeterValueSampleInterval")
@scenario(keys={"MeterValueSampleInterval": 0})
async def test_an_interval_of_zero_sends_nothing_until_it_is_changed(octt: Octt) -> None:
    await octt.charging()
    await octt.sleep(200)
    assert not octt.calls("MeterValues")
    await octt.configured(MeterValueSampleInterval="10")
    await octt.sees("MeterValues", 25)


@pytest.mark.ocpp("1.6", "§3.16.1", "MeterValuesSampledData")
@scenario(keys={"MeterValueSampleInterval": 10, "MeterValuesSampledData": ""})
async def test_without_measurands_there_are_no_meter_values(octt: Octt) -> None:
    """A meterValue needs at least one sampledValue (§7.33)."""
    await octt.charging()
    await octt.sleep(60)
    assert not octt.calls("MeterValues")


@pytest.mark.ocpp("1.6", "§3.16.2", "§4.7", "ClockAlignedDataInterval", "MeterValuesAlignedData")
@scenario(keys={"ClockAlignedDataInterval": 60, "MeterValuesAlignedData": REGISTER, "MeterValueSampleInterval": 0})
async def test_clock_aligned_values_come_on_the_minute_from_every_connector(octt: Octt) -> None:
    transaction = await octt.charging(1)
    await octt.sleep(180)
    values = octt.calls("MeterValues")
    charging = [value for value in values if value["connectorId"] == 1]
    idle = [value for value in values if value["connectorId"] == 2]
    assert len(charging) == len(idle) == 3
    assert {value.get("transactionId") for value in charging} == {transaction}
    assert not any("transactionId" in value for value in idle)  # errata §3.16
    assert all(contexts(value["meterValue"]) == ["Sample.Clock"] for value in values)
    assert {value["meterValue"][0]["timestamp"][16:] for value in values} == {":00.000Z"}


@pytest.mark.ocpp("1.6", "§3.16.2", "ClockAlignedDataInterval")
@scenario
async def test_no_clock_aligned_values_unless_asked_for(octt: Octt) -> None:
    await octt.silence(1000, "MeterValues")


@pytest.mark.ocpp("1.6", "§3.16.1", "§4.10", "§7.35", "StopTxnSampledData")
@scenario(keys={"MeterValueSampleInterval": 60, "StopTxnSampledData": f"{REGISTER},Voltage"})
async def test_transaction_data_has_begin_samples_and_end_of_each_measurand(octt: Octt) -> None:
    """Samples as §3.16.1 has it, begin and end as errata §3.14 recommends it."""
    transaction = await octt.charging()
    await octt.sleep(200)
    await octt.swipe()
    stop = await octt.sees("StopTransaction", transactionId=transaction)
    data = stop["transactionData"]
    kinds = [value["sampledValue"][0]["context"] for value in data]
    assert kinds == ["Transaction.Begin", *["Sample.Periodic"] * 3, "Transaction.End"]
    for value in data:
        assert {measurand for measurand, _ in told(value)} == {REGISTER, "Voltage"}
    times = [at(value["timestamp"]) for value in data]
    assert times == sorted(times) and times[-1] == at(stop["timestamp"])
    assert data[-1]["sampledValue"][0]["value"] == str(stop["meterStop"])


@pytest.mark.ocpp("1.6", "§3.16.2", "§4.10", "StopTxnAlignedData")
@scenario(keys={"ClockAlignedDataInterval": 60, "StopTxnAlignedData": "Voltage", "StopTxnSampledData": ""})
async def test_transaction_data_has_clock_aligned_values_where_configured(octt: Octt) -> None:
    transaction = await octt.charging()
    await octt.sleep(130)
    await octt.swipe()
    stop = await octt.sees("StopTransaction", transactionId=transaction)
    aligned = [v for v in stop["transactionData"] if v["sampledValue"][0]["context"] == "Sample.Clock"]
    assert [value["timestamp"][16:] for value in aligned] == [":00.000Z"] * 2
    assert all({measurand for measurand, _ in told(value)} == {"Voltage"} for value in aligned)


@pytest.mark.ocpp("1.6", "§3.16.5", "StopTxnSampledData", "StopTxnAlignedData")
@scenario(keys={"StopTxnSampledData": "", "StopTxnAlignedData": ""})
async def test_without_stop_measurands_there_is_no_transaction_data(octt: Octt) -> None:
    transaction = await octt.charging()
    await octt.sleep(100)
    await octt.swipe()
    stop = await octt.sees("StopTransaction", transactionId=transaction)
    assert "transactionData" not in stop


@pytest.mark.ocpp("1.6", "§3.16.1", "StopTxnSampledData")
@scenario(keys={"MeterValueSampleInterval": 10})
async def test_a_long_transactions_data_is_thinned_and_keeps_begin_and_end(octt: Octt) -> None:
    """Errata §3.91: what is dropped is in between, never the start or the stop."""
    transaction = await octt.charging()
    await octt.sleep(2500)
    await octt.swipe()
    stop = await octt.sees("StopTransaction", transactionId=transaction)
    data = stop["transactionData"]
    most = int(await octt.key("StopTransactionMaxMeterValues"))
    assert len(data) <= most and len(data) > most / 3
    assert contexts(data)[0] == "Transaction.Begin" and contexts(data)[-1] == "Transaction.End"
    gaps = [(at(b["timestamp"]) - at(a["timestamp"])).total_seconds() for a, b in itertools.pairwise(data)]
    assert max(gaps) < 200  # thinned all along, not cut off


@pytest.mark.ocpp("1.6", "§3.16.1", "§7.35")
@scenario(keys={"MeterValueSampleInterval": 60})
async def test_transaction_data_survives_a_restart_of_the_station(octt: Octt) -> None:
    transaction = await octt.charging()
    await octt.sleep(130)
    await octt.world.restart_station()
    await octt.sees("BootNotification")
    await octt.energised()
    await octt.sleep(100)
    await octt.swipe()
    stop = await octt.sees("StopTransaction", transactionId=transaction)
    kinds = [value["sampledValue"][0]["context"] for value in stop["transactionData"]]
    assert kinds[0] == "Transaction.Begin" and kinds[-1] == "Transaction.End"
    assert kinds.count("Sample.Periodic") >= 3


@pytest.mark.ocpp("1.6", "§4.7", "§5.17")
@scenario(keys={"MeterValueSampleInterval": 0})
async def test_meter_stop_is_never_below_meter_start(octt: Octt) -> None:
    """The meter dies in the middle: what it last said is what is billed."""
    transaction = await octt.charging()
    await octt.sleep(60)
    octt.world.verb("fault", evse=1, kind="meter_silent")
    await octt.sleep(20)
    await octt.swipe()
    stop = await octt.sees("StopTransaction", transactionId=transaction)
    assert stop["meterStop"] > octt.transaction(transaction).messages[0]["meterStart"] > 0


@pytest.mark.ocpp("1.6", "§4.9", "§7.6")
@scenario
async def test_a_silent_meter_is_reported_and_revoked(octt: Octt) -> None:
    octt.world.verb("fault", evse=1, kind="meter_silent")
    report = await octt.sees("StatusNotification", 60, connectorId=1, errorCode="PowerMeterFailure")
    assert report["status"] != "Faulted"  # §4.9: then it is a warning
    octt.world.verb("fault", evse=1, kind="meter_silent", clear=True)
    await octt.sees("StatusNotification", 60, connectorId=1, errorCode="NoError")


# --- reasons (§7.36); Local, EVDisconnected and EmergencyStop are in the sessions ------------------------------------------


async def stop_of(octt: Octt, transaction: int, within_s: float = 30.0) -> dict[str, Any]:
    return await octt.sees("StopTransaction", within_s, transactionId=transaction)


@pytest.mark.ocpp("1.6", "§7.36", "§5.12", "RemoteStopTransaction")
@scenario
async def test_reason_remote(octt: Octt) -> None:
    transaction = await octt.charging()
    assert await octt.told("RemoteStopTransaction", transactionId=transaction) == "Accepted"
    stop = await stop_of(octt, transaction)
    assert stop["reason"] == "Remote" and "idTag" not in stop
    await octt.dead()
    await octt.status("Finishing")
    await octt.world.until(lambda: not octt.world.evse(1)["locked"], 10, "the lock opens")


@pytest.mark.ocpp("1.6", "§7.36", "§5.18", "UnlockConnector")
@scenario
async def test_reason_unlock_command(octt: Octt) -> None:
    transaction = await octt.charging()
    assert await octt.told("UnlockConnector", connectorId=1) == "Unlocked"
    assert (await stop_of(octt, transaction))["reason"] == "UnlockCommand"
    assert octt.contact() == "open" and not octt.world.evse(1)["locked"]


@pytest.mark.ocpp("1.6", "§7.36", "§5.14", "Reset")
@pytest.mark.parametrize(("kind", "reason"), [("Soft", "SoftReset"), ("Hard", "HardReset")])
@scenario
async def test_reason_of_a_reset(octt: Octt, kind: str, reason: str) -> None:
    transaction = await octt.charging()
    assert await octt.told("Reset", type=kind) == "Accepted"
    assert (await stop_of(octt, transaction))["reason"] == reason
    await octt.sees("BootNotification", 60)
    order = octt.actions()
    assert order.index("StopTransaction") < order.index("BootNotification")  # §5.14
    assert octt.contact() == "open"
    await octt.sleep(60)
    assert len(octt.calls("StopTransaction")) == 1 and not octt.calls("StartTransaction")


@pytest.mark.ocpp("1.6", "§7.36", "§4.2.1")
@scenario(variables={"TxCtrlr.ResumptionTimeout": 0})
async def test_reason_power_loss_with_the_register_of_then(octt: Octt) -> None:
    transaction = await octt.charging()
    await octt.sleep(100)
    energy_wh = octt.world.evse(1)["energy_wh"]
    octt.world.verb("power_cut")
    await octt.sleep(1)
    assert octt.contact() == "open"
    await octt.sees("BootNotification", 60)
    stop = await stop_of(octt, transaction, 60)
    assert stop["reason"] == "PowerLoss" and abs(stop["meterStop"] - 1_000_000 - energy_wh) < 5
    await octt.sleep(30)
    assert octt.contact() == "open" and not octt.calls("StartTransaction")


@pytest.mark.ocpp("1.6", "§4.2.1", "§4.8")
@scenario
async def test_a_short_power_cut_goes_on_with_the_same_transaction(octt: Octt) -> None:
    transaction = await octt.charging()
    octt.world.verb("power_cut")
    await octt.sees("BootNotification", 60)
    await octt.energised(within_s=60)
    await octt.status("Charging")
    await octt.sleep(30)
    await octt.swipe()
    assert (await stop_of(octt, transaction))["reason"] == "Local"
    assert not octt.calls("StartTransaction")


@pytest.mark.ocpp("1.6", "§7.36")
@scenario
async def test_a_car_that_left_in_the_dark_has_disconnected(octt: Octt) -> None:
    transaction = await octt.charging()
    octt.world.verb("power_cut")
    await octt.sleep(1)
    octt.world.verb("unplug", evse=1)
    stop = await stop_of(octt, transaction, 60)
    assert stop["reason"] in ("EVDisconnected", "PowerLoss")
    assert stop["meterStop"] >= 1_000_000


# --- a token that turns out to be invalid ---------------------------------------------------------------------------------


async def start_refused(octt: Octt, status: str = "Invalid") -> int:
    """A transaction whose StartTransaction is answered by a refusal of its token."""
    answer = {"transactionId": 77, "idTagInfo": {"status": status}}
    await octt.plug()
    octt.csms.behaviour.answer("StartTransaction", answer)
    await octt.swipe()
    await octt.sees("StartTransaction")
    transaction = octt.csms.open_transaction(IDENTITY, 1)
    assert transaction is not None
    transaction.id = "77"
    octt.may_break.add(Kind.TRANSACTION)  # the CSMS itself knows it by another number
    return 77


@pytest.mark.ocpp("1.6", "§4.8", "§7.36", "StopTransactionOnInvalidId", "§9.1.24")
@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired", "ConcurrentTx"])
@scenario
async def test_reason_de_authorized_keeps_the_cable_for_its_owner(octt: Octt, status: str) -> None:
    transaction = await start_refused(octt, status)
    assert (await stop_of(octt, transaction))["reason"] == "DeAuthorized"
    await octt.dead()
    await octt.status("Finishing")
    await octt.sleep(20)
    assert octt.world.evse(1)["locked"]  # errata §3.17
    await octt.swipe(TAG)
    await octt.world.until(lambda: not octt.world.evse(1)["locked"], 10, "the lock opens for its owner")
    assert octt.contact() == "open"


@pytest.mark.ocpp("1.6", "§4.8", "§4.9", "StopTransactionOnInvalidId")
@scenario(keys={"StopTransactionOnInvalidId": False})
async def test_an_invalid_id_only_stops_the_energy_where_configured_so(octt: Octt) -> None:
    transaction = await start_refused(octt)
    await octt.status("SuspendedEVSE")
    await octt.dead()
    await octt.sleep(100)
    assert not octt.calls("StopTransaction") and octt.contact() == "open"
    await octt.unplug()
    stop = await stop_of(octt, transaction)
    assert stop["reason"] in ("DeAuthorized", "EVDisconnected")


@pytest.mark.ocpp("1.6", "§4.8", "MaxEnergyOnInvalidId", "§9.1.14")
@scenario(keys={"StopTransactionOnInvalidId": False, "MaxEnergyOnInvalidId": 300})
async def test_an_invalid_id_may_have_its_allowance(octt: Octt) -> None:
    await start_refused(octt)
    await octt.energised()
    await octt.dead(within_s=120)
    await octt.status("SuspendedEVSE")
    assert 250 <= octt.world.evse(1)["energy_wh"] <= 400
    await octt.sleep(60)
    assert octt.contact() == "open" and not octt.calls("StopTransaction")
