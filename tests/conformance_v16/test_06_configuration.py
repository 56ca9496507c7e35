"""GetConfiguration and ChangeConfiguration, key by key (§5.3, §5.8, §9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance_v16.octt import Octt, scenario

INTEGERS = {  # to a value that is out of range
    "ClockAlignedDataInterval": "-1",
    "ConnectionTimeOut": "0",
    "HeartbeatInterval": "0",
    "MaxEnergyOnInvalidId": "-1",
    "MeterValueSampleInterval": "-1",
    "ResetRetries": "-1",
    "TransactionMessageAttempts": "0",
    "TransactionMessageRetryInterval": "-1",
    "WebSocketPingInterval": "-1",
}
BOOLEANS = (
    "AllowOfflineTxForUnknownId",
    "AuthorizationCacheEnabled",
    "AuthorizeRemoteTxRequests",
    "LocalAuthorizeOffline",
    "LocalPreAuthorize",
    "StopTransactionOnEVSideDisconnect",
    "StopTransactionOnInvalidId",
    "UnlockConnectorOnEVSideDisconnect",
)
MEASURANDS = ("MeterValuesAlignedData", "MeterValuesSampledData", "StopTxnAlignedData", "StopTxnSampledData")
READ_ONLY = {
    "ChargeProfileMaxStackLevel": "integer",
    "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
    "ChargingScheduleMaxPeriods": "integer",
    "ConnectorPhaseRotationMaxLength": "3",
    "GetConfigurationMaxKeys": "integer",
    "MaxChargingProfilesInstalled": "integer",
    "MeterValuesAlignedDataMaxLength": "integer",
    "MeterValuesSampledDataMaxLength": "integer",
    "NumberOfConnectors": "2",
    "StopTransactionMaxMeterValues": "integer",
    "StopTxnAlignedDataMaxLength": "integer",
    "StopTxnSampledDataMaxLength": "integer",
    "SupportedFeatureProfiles": "Core,SmartCharging,RemoteTrigger",
}
# Of functions that are not there: an optional key's absence says so (§9).
ABSENT = (
    "BlinkRepeat",
    "LightIntensity",
    "LocalAuthListEnabled",
    "LocalAuthListMaxLength",
    "MinimumStatusDuration",
    "ReserveConnectorZeroSupported",
    "SendLocalListMaxLength",
    "ConnectorSwitch3to1PhaseSupported",
)


async def told(octt: Octt, *keys: str) -> dict[str, dict[str, Any]]:
    reply = await octt.command("GetConfiguration", **({"key": list(keys)} if keys else {}))
    return {entry["key"]: entry for entry in reply.get("configurationKey", [])}


async def change(octt: Octt, key: str, value: str) -> str:
    return await octt.told("ChangeConfiguration", key=key, value=value)


@pytest.mark.ocpp(
    "1.6", "§5.8", "§9", "§9.1", "GetConfiguration", *READ_ONLY.keys() - {"StopTransactionMaxMeterValues"}
)
@scenario
async def test_all_keys_with_their_policy(octt: Octt) -> None:
    everything = await told(octt)
    writable = {*INTEGERS, *BOOLEANS, *MEASURANDS, "ConnectorPhaseRotation", "AuthorizationKey"}
    assert {key for key, entry in everything.items() if not entry["readonly"]} == writable
    for key, expected in READ_ONLY.items():
        entry = everything[key]
        assert entry["readonly"]
        assert int(entry["value"]) > 0 if expected == "integer" else entry["value"] == expected
    assert not set(ABSENT) & set(everything)
    assert all(len(entry.get("value", "")) <= 500 for entry in everything.values())
    assert "MessageTimeout" not in everything or everything["MessageTimeout"]["readonly"]


@pytest.mark.ocpp("1.6", "§5.8", "GetConfiguration", "GetConfigurationMaxKeys")
@scenario
async def test_known_and_unknown_keys_are_told_apart(octt: Octt) -> None:
    reply = await octt.command("GetConfiguration", key=["heartbeatInterval", "BlinkRepeat", "com.example.Thing"])
    assert [entry["key"] for entry in reply["configurationKey"]] == ["HeartbeatInterval"]
    assert reply["unknownKey"] == ["BlinkRepeat", "com.example.Thing"]
    assert "configurationKey" not in await octt.command("GetConfiguration", key=["Nothing"])
    most = int(await octt.key("GetConfigurationMaxKeys"))
    reply = await octt.command("GetConfiguration", key=[f"Key{number}" for number in range(most)])
    assert len(reply["unknownKey"]) == most


@pytest.mark.ocpp("1.6", "§5.3", "§7.22", "ChangeConfiguration", *INTEGERS)
@scenario
async def test_integers(octt: Octt) -> None:
    for key, out_of_range in INTEGERS.items():
        before = await octt.key(key)
        for bad in (out_of_range, "", "ten", "1.5", "1 0", "99999999999", "true"):
            assert await change(octt, key, bad) == "Rejected", (key, bad)
        assert await octt.key(key) == before
        assert await change(octt, key, "7") == "Accepted", key
        assert await octt.key(key) == "7"


@pytest.mark.ocpp("1.6", "§5.3", "§7.22", "ChangeConfiguration", *BOOLEANS)
@scenario
async def test_booleans(octt: Octt) -> None:
    for key in BOOLEANS:
        for bad in ("", "1", "yes", "tru"):
            assert await change(octt, key, bad) == "Rejected", (key, bad)
        for good in ("false", "true", "False", "TRUE"):
            assert await change(octt, key, good) == "Accepted", (key, good)
            assert await octt.key(key) == good.lower()


@pytest.mark.ocpp("1.6", "§5.3", "§3.16.4", "§7.22", *MEASURANDS, *(f"{key}MaxLength" for key in MEASURANDS))
@scenario
async def test_lists_of_measurands(octt: Octt) -> None:
    for key in MEASURANDS:
        most = int(await octt.key(f"{key}MaxLength"))
        assert await change(octt, key, "Voltage, Current.Import") == "Accepted"  # a space does no harm
        assert await octt.key(key) == "Voltage,Current.Import"
        for bad in ("SoC", "Voltage,RPM", "Nonsense", "Voltage,Voltage", "Voltage,"):
            assert await change(octt, key, bad) == "Rejected", (key, bad)
        assert await octt.key(key) == "Voltage,Current.Import"  # §3.16.4: no change is made
        assert await change(octt, key, "") == "Accepted"
        assert await octt.key(key) == ""
        assert most >= 1


@pytest.mark.ocpp("1.6", "§9.1.7", "ConnectorPhaseRotation", "ConnectorPhaseRotationMaxLength")
@scenario
async def test_phase_rotation(octt: Octt) -> None:
    assert await octt.key("ConnectorPhaseRotation") == "1.RST,2.RST"
    assert await change(octt, "ConnectorPhaseRotation", "1.RTS, 2.TSR") == "Accepted"
    assert await octt.key("ConnectorPhaseRotation") == "1.RTS,2.TSR"
    assert await change(octt, "ConnectorPhaseRotation", "0.RST,1.RST,2.RTS") == "Accepted"  # §9.1.7: 0 is the meter
    assert await octt.key("ConnectorPhaseRotation") == "0.RST,1.RST,2.RTS"
    for bad in ("RST", "1.XYZ", "3.RST", "1.RST,1.RTS", ""):
        assert await change(octt, "ConnectorPhaseRotation", bad) == "Rejected", bad


@pytest.mark.ocpp("1.6", "§5.3", "§7.22", "ChangeConfiguration")
@scenario
async def test_what_may_not_be_changed(octt: Octt) -> None:
    for key in READ_ONLY:
        assert await change(octt, key, "1") == "Rejected", key
    for key in (*ABSENT, "com.example.Thing"):
        assert await change(octt, key, "1") == "NotSupported", key


@pytest.mark.ocpp("1.6", "§5.3", "§5.8", "ChangeConfiguration")
@scenario
async def test_changes_outlive_restart_and_power_cut(octt: Octt) -> None:
    await octt.configured(
        ConnectionTimeOut="77", StopTxnSampledData="Voltage", LocalPreAuthorize="true", ConnectorPhaseRotation="2.SRT"
    )
    await octt.world.restart_station()
    await octt.sees("BootNotification")
    octt.world.verb("power_cut")
    await octt.sees("BootNotification", 60)
    await octt.sleep(2)
    values = await told(octt, "ConnectionTimeOut", "StopTxnSampledData", "LocalPreAuthorize", "ConnectorPhaseRotation")
    assert [entry["value"] for entry in values.values()] == ["77", "Voltage", "true", "1.RST,2.SRT"]


@pytest.mark.ocpp("1.6", "§5.3", "ChangeConfiguration", "StopTransactionOnEVSideDisconnect")
@scenario
async def test_a_change_holds_for_the_running_transaction(octt: Octt) -> None:
    transaction = await octt.charging()
    await octt.configured(StopTransactionOnEVSideDisconnect="false")
    await octt.unplug()
    await octt.status("SuspendedEV")
    assert octt.transaction(transaction).is_open


@pytest.mark.ocpp("1.6", "J §6.2.2", "AuthorizationKey", "§5.8")
@scenario
async def test_the_authorization_key_is_set_used_and_never_told(octt: Octt) -> None:
    key = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"
    attempts = len(octt.world.network.attempts)
    assert await change(octt, "AuthorizationKey", "short") == "Rejected"
    assert await change(octt, "AuthorizationKey", key) == "Accepted"
    await octt.world.until(lambda: len(octt.world.network.attempts) > attempts, 60, "a new connection")
    assert octt.world.network.attempts[-1].headers["Authorization"].startswith("Basic ")
    await octt.sleep(2)
    (entry,) = (await told(octt, "AuthorizationKey")).values()
    assert "value" not in entry
    assert not [f for f in octt.csms.frames if f.sender == "station" and key in f.text]


@pytest.mark.ocpp("1.6", "§5.3", "§4.2", "ChangeConfiguration")
@scenario(boot=False)
async def test_a_burst_of_changes_right_after_the_boot_is_answered_in_order(octt: Octt) -> None:
    """Some central systems send all their settings at once, before the statuses are through."""
    await octt.sees("BootNotification")
    keys = [("MeterValueSampleInterval", str(number)) for number in range(10, 40)]
    for number, (key, value) in enumerate(keys):
        await octt.csms.send_raw(
            "SIM-1", f'[2,"burst-{number}","ChangeConfiguration",{{"key":"{key}","value":"{value}"}}]'
        )
    answers = await octt.says([2, "burst-last", "GetConfiguration", {"key": ["MeterValueSampleInterval"]}], 5)
    statuses = [answer for answer in answers if "status" in answer[2]]
    assert [answer[1] for answer in statuses] == [f"burst-{number}" for number in range(30)]
    assert {answer[2]["status"] for answer in statuses} == {"Accepted"}
    assert answers[-1][2]["configurationKey"][0]["value"] == "39"
    await octt.status("Available", 2)
