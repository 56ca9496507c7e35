"""Configuration keys of 1.6, on the wire and in the configuration file."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from controller.ocpp.exc import ConfigurationError
from controller.ocpp.v16.keys import KEYS, Access, initial_values
from controller.ocpp.variables import station_variables
from tests.ocpp_v16.station16 import EVSES, NAME, World, play

REQUIRED = {  # §9.1 and §9.4, those marked required
    "AuthorizeRemoteTxRequests", "ClockAlignedDataInterval", "ConnectionTimeOut", "ConnectorPhaseRotation",
    "GetConfigurationMaxKeys", "HeartbeatInterval", "LocalAuthorizeOffline", "LocalPreAuthorize",
    "MeterValuesAlignedData", "MeterValuesSampledData", "MeterValueSampleInterval", "NumberOfConnectors",
    "ResetRetries", "StopTransactionOnInvalidId", "StopTxnAlignedData", "StopTxnSampledData",
    "SupportedFeatureProfiles", "TransactionMessageAttempts", "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect", "ChargeProfileMaxStackLevel", "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods", "MaxChargingProfilesInstalled",
}  # fmt: skip


async def read(world: World, *names: str) -> dict[str, dict[str, Any]]:
    answer = await world.command("GetConfiguration", {"key": list(names)} if names else {})
    return {entry["key"]: entry for entry in answer.get("configurationKey", [])}


async def change(world: World, key: str, value: str) -> str:
    return str((await world.command("ChangeConfiguration", {"key": key, "value": value}))["status"])


@pytest.mark.ocpp("1.6", "§5.8", "§9.1", "§9.4", "GetConfiguration")
def test_all_required_keys_are_told_with_values_and_policy(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        told = await read(world)
        assert set(told) >= REQUIRED
        assert set(await read(world, *told)) == set(told)
        assert told["NumberOfConnectors"] == {"key": "NumberOfConnectors", "readonly": True, "value": "2"}
        assert told["HeartbeatInterval"] == {"key": "HeartbeatInterval", "readonly": False, "value": "300"}
        assert told["SupportedFeatureProfiles"]["value"] == "Core,SmartCharging,RemoteTrigger"
        assert told["ChargingScheduleAllowedChargingRateUnit"]["value"] == "Current,Power"
        assert told["MaxChargingProfilesInstalled"]["value"] == "100"
        assert told["ConnectorPhaseRotation"]["value"] == "1.RST,2.NotApplicable"
        assert told["MeterValuesSampledDataMaxLength"]["value"] == "9"
        assert "value" not in told["AuthorizationKey"]

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.8", "GetConfiguration")
def test_unknown_keys_are_listed_apart_and_case_does_not_matter(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        answer = await world.command("GetConfiguration", {"key": ["heartbeatinterval", "Nonsense", "BlinkRepeat"]})
        assert answer == {
            "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
            "unknownKey": ["Nonsense", "BlinkRepeat"],
        }
        assert await world.command("GetConfiguration", {"key": ["Nonsense"]}) == {"unknownKey": ["Nonsense"]}
        assert len(await read(world)) == len((await world.command("GetConfiguration", {"key": []}))["configurationKey"])

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.3", "§3.16.4", "ChangeConfiguration")
@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "15", "Accepted"),
        ("meterValueSampleInterval", "15", "Accepted"),
        ("MeterValueSampleInterval", "-1", "Rejected"),
        ("MeterValueSampleInterval", "often", "Rejected"),
        ("MeterValueSampleInterval", "1.5", "Rejected"),
        ("MeterValueSampleInterval", "", "Rejected"),
        ("MeterValueSampleInterval", "9" * 12, "Rejected"),
        ("LocalPreAuthorize", "TRUE", "Accepted"),
        ("LocalPreAuthorize", "1", "Rejected"),
        ("MeterValuesSampledData", "Voltage,Current.Import", "Accepted"),
        ("MeterValuesSampledData", "", "Accepted"),
        ("MeterValuesSampledData", "Voltage,SoC", "Rejected"),
        ("MeterValuesSampledData", "Voltage,Voltage", "Rejected"),
        ("WebSocketPingInterval", "-1", "Rejected"),
        ("NumberOfConnectors", "5", "Rejected"),
        ("NumberOfConnectors", "1.TSR", "Rejected"),
        ("SupportedFeatureProfiles", "Core", "Rejected"),
        ("ConnectorPhaseRotation", "1.RTS", "Accepted"),
        ("ConnectorPhaseRotation", "2.tsr,1.RST", "Accepted"),
        ("ConnectorPhaseRotation", "3.RST", "Rejected"),
        ("ConnectorPhaseRotation", "RST", "Rejected"),
        ("ConnectorPhaseRotation", "1.ABC", "Rejected"),
        ("Nonsense", "1", "NotSupported"),
        ("BlinkRepeat", "1", "NotSupported"),
    ],
)
def test_a_change_is_accepted_rejected_or_not_supported(tmp_path: Path, key: str, value: str, status: str) -> None:
    async def script(world: World) -> None:
        before = await read(world)
        assert await change(world, key, value) == status
        if status != "Accepted":
            assert await read(world) == before

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "§5.3", "§9.1.7", "ChangeConfiguration", "ConnectorPhaseRotation")
def test_what_is_changed_is_in_force_told_and_kept(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        await change(world, "MeterValuesSampledData", "voltage")
        await change(world, "ConnectorPhaseRotation", "2.TSR")
        assert world.model.members("SampledDataCtrlr.TxUpdatedMeasurands") == ("Voltage",)
        await check(world)

    async def check(world: World) -> None:
        told = await read(world, "MeterValuesSampledData", "ConnectorPhaseRotation")
        assert told["MeterValuesSampledData"]["value"] == "Voltage"
        assert told["ConnectorPhaseRotation"]["value"] == "1.RST,2.TSR"

    play(tmp_path, script)
    play(tmp_path, check)


@pytest.mark.ocpp("1.6", "HeartbeatInterval", "Heartbeat", "§4.6", "§4.2")
def test_the_boots_interval_is_the_heartbeats_and_a_change_takes_effect_at_once(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        await change(world, "HeartbeatInterval", "50")
        before = len(world.sent("Heartbeat"))
        await asyncio.sleep(501)
        assert len(world.sent("Heartbeat")) - before == 10

    play(tmp_path, script)


@pytest.mark.ocpp("1.6", "J §6.2.2", "AuthorizationKey")
def test_a_new_authorization_key_is_used_at_once_and_never_told(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        assert await change(world, "AuthorizationKey", "short") == "Rejected"
        assert await change(world, "AuthorizationKey", "0123456789abcdef0123") == "Accepted"
        await asyncio.sleep(60)
        headers = world.network.attempts[-1].headers
        expected = base64.b64encode(f"{NAME}:0123456789abcdef0123".encode()).decode()
        assert headers["Authorization"] == f"Basic {expected}"
        assert len(world.network.attempts) == 2
        told = await world.command("GetConfiguration", {"key": ["AuthorizationKey"]})
        assert told == {"configurationKey": [{"key": "AuthorizationKey", "readonly": False}]}

    play(tmp_path, script)


# --- the configuration file ---


@pytest.mark.ocpp("1.6", "§9.1")
def test_keys_of_the_configuration_file_are_the_initial_values(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        told = await read(world, "MeterValueSampleInterval", "ConnectorPhaseRotation")
        assert told["MeterValueSampleInterval"]["value"] == "15"
        assert told["ConnectorPhaseRotation"]["value"] == "1.RTS,2.NotApplicable"
        await change(world, "ConnectorPhaseRotation", "1.STR")
        assert (await read(world, "ConnectorPhaseRotation"))["ConnectorPhaseRotation"][
            "value"
        ] == "1.STR,2.NotApplicable"

    play(tmp_path, script, keys={"metervaluesampleinterval": "15", "ConnectorPhaseRotation": "1.rts"})


def test_every_mistake_in_the_keys_is_told_at_once_by_the_name_of_the_key() -> None:
    variables = station_variables(EVSES, vendor="V", model="M", serial="", firmware="1", identity=NAME)
    keys = {
        "Nonsense": "1",
        "NumberOfConnectors": "2",
        "MeterValueSampleInterval": "-1",
        "ConnectorPhaseRotation": "9.RST",
    }
    with pytest.raises(ConfigurationError) as error:
        initial_values(keys, variables, EVSES)
    lines = error.value.mistakes
    assert [line.partition('"')[2].partition('"')[0] for line in lines] == list(keys)
    assert "at least 0 s" in lines[2] and "connectors 1 to 2" in lines[3]


def test_every_key_that_stands_for_a_variable_has_one() -> None:
    variables = station_variables(EVSES, vendor="V", model="M", serial="", firmware="1", identity=NAME)
    known = {variable.key for variable in variables}
    assert [key.name for key in KEYS if key.variable is not None and key.variable not in known] == []
    assert [key.name for key in KEYS if key.access is Access.WRITE] == ["AuthorizationKey"]
