"""The registry: what may be set to what, where a value comes from, and what is said when it does not fit."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from controller.ocpp.device_model import DataType, DeviceModel, Missing, Mutability, SetOutcome, Variable
from controller.ocpp.exc import ConfigurationError
from controller.ocpp.variables import station_variables
from controller.ocpp.versions import build_model, dialect_factories
from controller.store.overlays import StoredVariable
from tests.ocpp_core.ocpp_rig import EVSES


@dataclass
class Kept:
    """Storage in memory."""

    stored: dict[str, StoredVariable] = field(default_factory=dict)

    def variables(self) -> dict[str, StoredVariable]:
        return dict(self.stored)

    def set_variable(self, key: str, value: str, source: str) -> None:
        self.stored[key] = StoredVariable(value, source)


def model(initial: dict[str, str] | None = None, kept: Kept | None = None) -> DeviceModel:
    rows = station_variables(EVSES, vendor="V", model="M", serial="", firmware="1", identity="CS1")
    return DeviceModel(rows, initial or {}, kept or Kept())


def test_typed_getters_give_the_defaults() -> None:
    m = model()
    assert m.bool("AuthCtrlr.Enabled") is True
    assert m.int("OCPPCommCtrlr.MessageTimeout[Default]") == 30
    assert m.members("TxCtrlr.TxStopPoint") == ("Authorized", "EVConnected")
    assert m.text("SecurityCtrlr.Identity") == "CS1"
    assert m.float("SmartChargingCtrlr.LimitChangeSignificance") == 1.0


def test_the_file_beats_the_default_and_what_was_set_beats_the_file() -> None:
    kept = Kept()
    m = model({"txctrlr.evconnectiontimeout": "20"}, kept)
    assert m.int("TxCtrlr.EVConnectionTimeOut") == 20
    assert m.set("TxCtrlr.EVConnectionTimeOut", "+30", "csms").outcome is SetOutcome.ACCEPTED
    assert kept.stored == {"TxCtrlr.EVConnectionTimeOut": StoredVariable("30", "csms")}
    assert model({"TxCtrlr.EVConnectionTimeOut": "20"}, kept).int("TxCtrlr.EVConnectionTimeOut") == 30


def test_all_mistakes_of_the_file_are_told_at_once_each_with_its_key() -> None:
    with pytest.raises(ConfigurationError) as caught:
        model(
            {
                "TxCtrlr.EVConnectionTimeOut": "soon",
                "TxCtrlr.TxStopPoint": "Authorized,Sometime",
                "TxCtrlr.EVConectionTimeOut": "5",
                "OCPPCommCtrlr.MessageTimeout": "5",
                "OCPPCommCtrlr.RetryBackOffWaitMinimum": "0",
                "EVSE@1.Power": "5",
                "ChargingStation.Model": "X",
                "nonsense": "x",
            }
        )
    said = caught.value.mistakes
    assert len(said) == 8
    assert said[0] == '"TxCtrlr.EVConnectionTimeOut" = "soon": must be an integer'
    assert "Sometime" in said[1]
    assert "EVConnected" in said[1]
    assert "no such variable" in said[2]
    assert "OCPPCommCtrlr.MessageTimeout[Default]" in said[3]
    assert "at least 1 s" in said[4]
    assert "cannot be set" in said[5]
    assert "written as" in said[7]


@pytest.mark.ocpp("2.0.1", "B05.FR.07", "B05.FR.08", "B05.FR.09", "B05.FR.10")
@pytest.mark.parametrize(
    ("key", "value", "outcome", "stored"),
    [
        ("OCPPCommCtrlr.HeartbeatInterval", "10", SetOutcome.ACCEPTED, "10"),
        ("OCPPCommCtrlr.HeartbeatInterval", "0", SetOutcome.INVALID, None),
        ("OCPPCommCtrlr.HeartbeatInterval", "1.5", SetOutcome.INVALID, None),
        ("OCPPCommCtrlr.HeartbeatInterval", "", SetOutcome.INVALID, None),
        ("OCPPCommCtrlr.HeartbeatInterval", "99999999999", SetOutcome.INVALID, None),
        ("OCPPCommCtrlr.HeartbeatInterval", "٣", SetOutcome.INVALID, None),
        ("OCPPCommCtrlr.WebSocketPingInterval", "-1", SetOutcome.INVALID, None),
        ("OCPPCommCtrlr.MessageTimeout[Default]", "5", SetOutcome.READ_ONLY, None),
        ("AuthCtrlr.Enabled", "TRUE", SetOutcome.ACCEPTED, "true"),
        ("AuthCtrlr.Enabled", "yes", SetOutcome.INVALID, None),
        ("TxCtrlr.TxStartPoint", "authorized, evconnected", SetOutcome.ACCEPTED, "Authorized,EVConnected"),
        ("TxCtrlr.TxStartPoint", "", SetOutcome.INVALID, None),
        ("TxCtrlr.TxStartPoint", "Authorized,Authorized", SetOutcome.INVALID, None),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "", SetOutcome.ACCEPTED, ""),
        ("SmartChargingCtrlr.LimitChangeSignificance", "2.5", SetOutcome.ACCEPTED, "2.5"),
        ("SmartChargingCtrlr.LimitChangeSignificance", "NaN", SetOutcome.INVALID, None),
        ("SmartChargingCtrlr.LimitChangeSignificance", "101", SetOutcome.INVALID, None),
        ("AuthCtrlr.MasterPassGroupId", "x" * 37, SetOutcome.INVALID, None),
        ("SecurityCtrlr.BasicAuthPassword", "short", SetOutcome.INVALID, None),
        ("OCPPCommCtrlr.NetworkConfigurationPriority", "1", SetOutcome.NEEDS_REBOOT, "1"),
        ("SecurityCtrlr.OrganizationName", "x" * 1001, SetOutcome.INVALID, None),
        ("EVSE@1.AvailabilityState", "Available", SetOutcome.READ_ONLY, None),
    ],
)
def test_a_value_is_judged_by_its_type_and_bounds(
    key: str, value: str, outcome: SetOutcome, stored: str | None
) -> None:
    kept = Kept()
    result = model(kept=kept).set(key, value, "csms")
    assert result.outcome is outcome
    assert (result.detail == "") == (outcome in (SetOutcome.ACCEPTED, SetOutcome.NEEDS_REBOOT))
    assert [each.value for each in kept.stored.values()] == ([] if stored is None else [stored])


def test_what_an_other_release_stored_and_does_not_fit_is_left_out() -> None:
    kept = Kept(
        {"TxCtrlr.EVConnectionTimeOut": StoredVariable("soon", "csms"), "Gone.Variable": StoredVariable("1", "csms")}
    )
    kept.stored["MinimumStatusDuration"] = StoredVariable("3", "csms")
    assert model(kept=kept).int("TxCtrlr.EVConnectionTimeOut") == 60


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (
            "TxCtrlr.TxStopPoints",
            "Authorized",
            '"TxCtrlr.TxStopPoints": there is no such variable; did you mean TxCtrlr.TxStopPoint?',
        ),
        ("EVSE@1.Powr", "11040", '"EVSE@1.Powr": there is no such variable; did you mean EVSE@1.Power?'),
        (
            "TxCtrlr.EVConnectionTimeOut",
            "99999999999999999999",
            '"TxCtrlr.EVConnectionTimeOut" = "99999999999999999999": must fit in 32 bits',
        ),
        (
            "SecurityCtrlr.BasicAuthPassword",
            "hunter2",
            '"SecurityCtrlr.BasicAuthPassword": must have at least 16 characters',
        ),
    ],
)
def test_a_wrong_initial_value_is_told_and_a_secret_is_not(key: str, value: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        model({key: value})
    assert caught.value.mistakes == (says,) or list(caught.value.mistakes) == [says]


def test_a_secret_given_as_a_16_key_is_not_told_either() -> None:
    rows = station_variables(EVSES, vendor="V", model="M", serial="", firmware="1", identity="CS1")
    with pytest.raises(ConfigurationError) as caught:
        build_model(rows, EVSES, {}, {"AuthorizationKey": "hunter2"}, Kept())
    assert "hunter2" not in str(caught.value.mistakes) and "AuthorizationKey" in str(caught.value.mistakes)


def test_changes_are_told_and_variables_found_without_regard_to_case() -> None:
    m, told = model(), list[str]()
    m.subscribe(told.append)
    m.set("txctrlr.STOPTXONINVALIDID", "false", "technician")
    assert told == ["TxCtrlr.StopTxOnInvalidId"]
    found = m.find("connector", "connectortype", instance="", evse_id=1, connector_id=1)
    assert not isinstance(found, Missing)
    assert m.value(found) == "sType2"
    assert m.find("Connector", "ConnectorType", instance=None, evse_id=1, connector_id=2) is Missing.COMPONENT
    assert m.find("Nothing", "X", instance=None, evse_id=None, connector_id=None) is Missing.COMPONENT
    assert m.find("OCPPCommCtrlr", "MessageTimeout", instance=None, evse_id=None, connector_id=None) is Missing.VARIABLE


def test_every_key_is_unique_and_every_default_fits_its_own_bounds() -> None:
    rows = model().variables()
    assert len({row.key.casefold() for row in rows}) == len(rows)
    for row in rows:
        if row.default:
            assert row.checked(row.default) == row.default, row.key
        assert row.help


def test_the_model_takes_16_keys_too_and_tells_the_mistakes_of_both() -> None:
    rows = station_variables(EVSES, vendor="V", model="M", serial="", firmware="1", identity="CS1")
    made, own_keys = build_model(rows, EVSES, {"AuthCtrlr.Enabled": "false"}, {"HeartbeatInterval": "50"}, Kept())
    assert (made.int("OCPPCommCtrlr.HeartbeatInterval"), made.bool("AuthCtrlr.Enabled"), own_keys) == (50, False, {})
    with pytest.raises(ConfigurationError) as caught:
        build_model(
            rows,
            EVSES,
            {"OCPPCommCtrlr.HeartbeatInterval": "20", "No.Thing": "1"},
            {"HeartbeatInterval": "50", "NumberOfConnectors": "3"},
            Kept(),
        )
    assert [mistake.split(":")[0] for mistake in caught.value.mistakes] == ['"NumberOfConnectors"', '"No.Thing"']
    with pytest.raises(ConfigurationError, match=r'^"OCPPCommCtrlr.HeartbeatInterval": is set here and by its 1.6 key'):
        build_model(rows, EVSES, {"OCPPCommCtrlr.HeartbeatInterval": "20"}, {"HeartbeatInterval": "50"}, Kept())


@pytest.mark.parametrize(("protocols", "names"), [(("ocpp2.0.1", "ocpp1.6"), ["ocpp2.0.1", "ocpp1.6"]), ((), [])])
def test_every_configured_version_has_its_factory(protocols: tuple[str, ...], names: list[str]) -> None:
    assert list(dialect_factories(protocols, {})) == names
    with pytest.raises(ValueError, match=r"ocpp3"):
        dialect_factories(["ocpp3"], {})


def test_a_value_that_needs_a_reboot_is_in_force_after_it() -> None:
    row = Variable("X", "Y", DataType.INTEGER, Mutability.READ_WRITE, "1", needs_reboot=True)
    kept = Kept()
    made = DeviceModel([row], {}, kept)
    assert made.set("X.Y", "2", "csms").outcome is SetOutcome.NEEDS_REBOOT
    assert (made.int("X.Y"), made.value(row)) == (1, "2")
    assert DeviceModel([row], {}, kept).int("X.Y") == 2
