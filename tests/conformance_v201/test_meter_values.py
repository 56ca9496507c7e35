"""J01, J02: meter values by the clock and by the transaction: where they go, what is in them, when they were taken."""

from __future__ import annotations

import itertools
from datetime import datetime

import pytest

from tests.conformance_v201.octt import Octt, Payload, octt, registers
from tests.conformance_v201.states import Run

REGISTER = "Energy.Active.Import.Register"
CHOSEN = [REGISTER, "Power.Active.Import", "Voltage", "Current.Import", "Frequency", "Power.Factor", "Current.Offered"]
ALL = ",".join(CHOSEN)
PHASED = {"Voltage": {"L1-N", "L2-N", "L3-N"}, "Current.Import": {"L1", "L2", "L3"}}


def at(payload: Payload) -> datetime:
    return datetime.fromisoformat(payload["timestamp"])


def assert_complete(meter_value: Payload, measurands: list[str], context: str) -> None:
    """One instant: every measurand, for every phase that the meter knows, in one context."""
    samples = meter_value["sampledValue"]
    assert {sample["context"] for sample in samples} == {context}
    assert {sample.get("measurand", REGISTER) for sample in samples} == set(measurands)
    for measurand, phases in PHASED.items():
        if measurand in measurands:
            assert {s["phase"] for s in samples if s["measurand"] == measurand} == phases
    assert all(sample.get("location") != "EV" for sample in samples)


def intervals(times: list[datetime]) -> set[float]:
    return {(later - earlier).total_seconds() for earlier, later in itertools.pairwise(sorted(set(times)))}


@pytest.mark.ocpp("2.0.1", "TC_J_01_CS", "J01.FR.01", "J01.FR.02", "J01.FR.06", "J01.FR.07", "J01.FR.08", "J01.FR.10")
@pytest.mark.ocpp("2.0.1", "J01.FR.14", "J01.FR.17")
@octt({"AlignedDataCtrlr.Interval": "30", "AlignedDataCtrlr.Measurands": ALL})
async def test_the_clock_brings_meter_values_of_every_evse(o: Octt) -> None:
    o.forget()
    await o.sleep(121)
    values = o.payloads("MeterValues")
    assert len(values) == 8
    for evse in (1, 2):
        mine = [value["meterValue"][0] for value in values if value["evseId"] == evse]
        assert all(moment.second % 30 == 0 and moment.microsecond < 50_000 for moment in map(at, mine))
        assert {round(each) for each in intervals([at(each) for each in mine])} == {30}
        for each in mine:
            assert_complete(each, CHOSEN, "Sample.Clock")


@pytest.mark.ocpp("2.0.1", "TC_J_02_CS", "J01.FR.22", "J01.FR.14", "J02.FR.22")
@octt(
    {
        "AlignedDataCtrlr.Interval": "30",
        "AlignedDataCtrlr.Measurands": ALL,
        "AlignedDataCtrlr.SendDuringIdle": "false",
        "SampledDataCtrlr.TxUpdatedInterval": "0",
    }
)
async def test_the_clock_brings_events_where_a_transaction_runs(o: Octt) -> None:
    run = Run(o)
    await run.charging(5)
    o.forget()
    await o.sleep(121)
    events = o.payloads("TransactionEvent", {"triggerReason": "MeterValueClock"})
    assert len(events) == 4
    for event in events:
        assert event["evse"]["id"] == 1
        assert_complete(event["meterValue"][0], CHOSEN, "Sample.Clock")
    assert {round(each) for each in intervals([at(event["meterValue"][0]) for event in events])} == {30}
    assert {value["evseId"] for value in o.payloads("MeterValues")} == {2}


@pytest.mark.ocpp("2.0.1", "TC_J_06_CS", "J01.FR.20")
@octt(
    {
        "AlignedDataCtrlr.Interval": "30",
        "AlignedDataCtrlr.SendDuringIdle": "true",
        "SampledDataCtrlr.TxUpdatedInterval": "0",
        "SampledDataCtrlr.TxStartedMeasurands": "",
        "SampledDataCtrlr.TxEndedMeasurands": "",
    }
)
async def test_the_clock_is_silent_while_anybody_charges(o: Octt) -> None:
    await o.expect("MeterValues", {"evseId": 1}, within_s=31)
    run = Run(o)
    await run.charging(5)
    o.forget()
    await o.silence(70, "MeterValues")
    await run.stop_authorized()
    await run.ev_disconnected()
    assert not any("meterValue" in event for event in o.payloads("TransactionEvent"))
    await o.expect("MeterValues", {"evseId": 1}, within_s=35)


@pytest.mark.ocpp("2.0.1", "TC_J_03_CS", "J01.FR.06", "E06.FR.11")
@octt(
    {
        "AlignedDataCtrlr.TxEndedInterval": "30",
        "AlignedDataCtrlr.TxEndedMeasurands": f"{REGISTER},Voltage",
        "SampledDataCtrlr.TxEndedMeasurands": "",
        "SampledDataCtrlr.TxUpdatedInterval": "0",
    }
)
async def test_the_end_brings_what_the_clock_took(o: Octt) -> None:
    run = Run(o)
    await run.charging(125)
    ended = await run.stop_authorized()
    values = ended["meterValue"]
    assert len(values) == 4
    for value in values:
        assert_complete(value, [REGISTER, "Voltage"], "Sample.Clock")
    assert {round(each) for each in intervals([at(value) for value in values])} == {30}
    assert sorted(registers(ended)) == registers(ended)


@pytest.mark.ocpp("2.0.1", "TC_J_10_CS", "J02.FR.04", "E06.FR.11", "E07.FR.08")
@octt(
    {
        "SampledDataCtrlr.TxEndedInterval": "30",
        "SampledDataCtrlr.TxEndedMeasurands": f"{REGISTER},Power.Active.Import",
        "AlignedDataCtrlr.TxEndedMeasurands": "",
        "SampledDataCtrlr.TxUpdatedInterval": "0",
    }
)
async def test_the_end_brings_what_was_sampled(o: Octt) -> None:
    run = Run(o)
    await run.charging(125)
    ended = await run.stop_authorized()
    *sampled, last = ended["meterValue"]
    assert len(sampled) == 4
    for value in sampled:
        assert_complete(value, [REGISTER, "Power.Active.Import"], "Sample.Periodic")
    assert {round(each) for each in intervals([at(value) for value in sampled])} == {30}
    assert_complete(last, [REGISTER, "Power.Active.Import"], "Transaction.End")
    assert sorted(registers(ended)) == registers(ended)


@pytest.mark.ocpp("2.0.1", "TC_J_07_CS", "E01.FR.09", "E02.FR.09", "J02.FR.02", "J02.FR.03")
@pytest.mark.parametrize("point", ["EVConnected", "PowerPathClosed", "EnergyTransfer"])
@octt({"SampledDataCtrlr.TxStartedMeasurands": f"{REGISTER},Voltage,Current.Import"})
async def test_the_begin_has_what_is_configured(o: Octt, point: str) -> None:
    run = await Run.configured(o, point)
    await run.ev_connected()
    await run.energy_started()
    started = o.transactions[0].messages[0]
    (value,) = started["meterValue"]
    assert_complete(value, [REGISTER, "Voltage", "Current.Import"], "Transaction.Begin")


@pytest.mark.ocpp("2.0.1", "TC_J_08_CS", "E01.FR.16", "E01.FR.17", "E02.FR.21", "E03.FR.11", "E04.FR.11", "E05.FR.08")
@octt({"SampledDataCtrlr.TxStartedMeasurands": f"{REGISTER},Voltage"})
async def test_a_begin_without_an_evse_is_made_up_for(o: Octt) -> None:
    run = await Run.configured(o, "Authorized")
    started = await run.authorized()
    assert started is not None and "meterValue" not in started and "evse" not in started
    plugged = await run.ev_connected()
    assert plugged is not None
    assert_complete(plugged["meterValue"][0], [REGISTER, "Voltage"], "Transaction.Begin")
    charging = await run.energy_started()
    assert_complete(charging["meterValue"][0], [REGISTER, "Voltage"], "Transaction.Begin")


@pytest.mark.ocpp("2.0.1", "TC_J_09_CS", "J02.FR.10", "J02.FR.11", "E02.FR.10", "J02.FR.16")
@octt({"SampledDataCtrlr.TxUpdatedInterval": "15", "SampledDataCtrlr.TxUpdatedMeasurands": ALL})
async def test_periodic_values_come_at_their_interval(o: Octt) -> None:
    run = Run(o)
    await run.charging(92)
    events = o.payloads("TransactionEvent", {"triggerReason": "MeterValuePeriodic"})
    assert len(events) == 6
    for event in events:
        assert_complete(event["meterValue"][0], CHOSEN, "Sample.Periodic")
        assert at(event["meterValue"][0]) == at(event)
    assert {round(each) for each in intervals([at(event) for event in events])} == {15}
    taken = [register for event in o.transactions[0].messages for register in registers(event)]
    assert taken == sorted(taken)
    power = [s["value"] for s in events[-1]["meterValue"][0]["sampledValue"] if s["measurand"] == "Power.Active.Import"]
    assert float(max(power)) == pytest.approx(3 * 230 * 32, rel=0.01)


@pytest.mark.ocpp("2.0.1", "J02.FR.11")
@pytest.mark.parametrize(
    "settings",
    [{"SampledDataCtrlr.TxUpdatedInterval": "0"}, {"SampledDataCtrlr.Enabled": "false"}],
    ids=["interval 0", "not enabled"],
)
@octt()
async def test_no_periodic_values_where_none_are_wanted(o: Octt, settings: dict[str, str]) -> None:
    await o.configure(settings)
    run = Run(o)
    await run.charging(150)
    assert not o.payloads("TransactionEvent", {"triggerReason": "MeterValuePeriodic"})
    await run.stop_authorized()


@pytest.mark.ocpp("2.0.1", "J01.FR.14")
@pytest.mark.parametrize(
    "settings",
    [{"AlignedDataCtrlr.Interval": "0"}, {"AlignedDataCtrlr.Interval": "30", "AlignedDataCtrlr.Enabled": "false"}],
    ids=["interval 0", "not enabled"],
)
@octt()
async def test_no_aligned_values_where_none_are_wanted(o: Octt, settings: dict[str, str]) -> None:
    await o.configure(settings)
    await o.silence(100, "MeterValues")


@pytest.mark.ocpp("2.0.1", "J02.FR.11")
@octt({"SampledDataCtrlr.TxUpdatedInterval": "0"})
async def test_a_new_interval_counts_in_a_running_transaction(o: Octt) -> None:
    run = Run(o)
    await run.charging(30)
    await o.configure({"SampledDataCtrlr.TxUpdatedInterval": "20"})
    await o.event({"triggerReason": "MeterValuePeriodic"}, within_s=25)


@pytest.mark.ocpp("2.0.1", "J01.FR.14", "J02.FR.16", "J02.FR.17")
@octt({"AlignedDataCtrlr.Interval": "20", "SampledDataCtrlr.TxUpdatedInterval": "0"})
async def test_a_lost_meter_reports_nothing_instead_of_something(o: Octt) -> None:
    o.world.verb("fault", evse=1, kind="meter_silent")
    await o.sleep(40)
    o.forget()
    await o.sleep(60)
    assert {value["evseId"] for value in o.payloads("MeterValues")} == {2}
    o.world.verb("fault", evse=1, kind="meter_silent", clear=True)
    await o.expect("MeterValues", {"evseId": 1}, within_s=40)
