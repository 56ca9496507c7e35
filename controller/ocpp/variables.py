"""Every component and variable this station has: those of OCPP 2.0.1 it can honestly serve.

Names, types and mutability follow Part 2 chapter 2 (referenced components and variables) and the appendices' list; a functional block that is
not implemented reports `Available` false and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from controller.logic.values import Measurand
from controller.ocpp.device_model import DataType, Mutability, Variable
from controller.ocpp.ports import EvseInfo

_RO, _RW, _WO = Mutability.READ_ONLY, Mutability.READ_WRITE, Mutability.WRITE_ONLY
_MEASURANDS = tuple(measurand.value for measurand in Measurand)
_REGISTER = Measurand.ENERGY_IMPORT.value
_USUAL = ",".join((_REGISTER, Measurand.POWER_IMPORT, Measurand.CURRENT_IMPORT, Measurand.VOLTAGE))
_TX_POINTS = ("Authorized", "EVConnected", "PowerPathClosed", "EnergyTransfer")
_FILE_PROTOCOLS = ("FTP", "FTPS", "HTTP", "HTTPS", "SFTP")  # a list without its possible members is none (TC_B_53)
_STATES = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")

MAX_PROFILES = 100
MAX_PERIODS = 1024  # ChargingScheduleType.chargingSchedulePeriod
MAX_STACK_LEVEL = 100
ITEMS_PER_MESSAGE = 100
NOMINAL_VOLTAGE_V = 230


def station_variables(
    evses: Sequence[EvseInfo], *, vendor: str, model: str, serial: str, firmware: str, identity: str
) -> tuple[Variable, ...]:
    """Return the registry's rows for a station with these EVSEs."""
    return (
        *_communication(),
        *_device_data(),
        *_security(identity),
        *_authorization(),
        *_transactions(),
        *_metering(),
        *_smart_charging(),
        *_absent_blocks(),
        *_station(evses, vendor, model, serial, firmware),
        *(row for evse in evses for row in _evse(evse)),
    )


def _integer(
    component: str,
    name: str,
    default: int,
    help: str,
    *,
    instance: str | None = None,
    unit: str | None = None,
    low: int | None = 0,
    high: int | None = None,
    mutability: Mutability = _RW,
) -> Variable:
    return Variable(
        component,
        name,
        DataType.INTEGER,
        mutability,
        str(default),
        help,
        instance=instance,
        unit=unit,
        minimum=low,
        maximum=high,
    )


def _boolean(component: str, name: str, default: bool, help: str, *, mutability: Mutability = _RW) -> Variable:
    return Variable(component, name, DataType.BOOLEAN, mutability, str(default).lower(), help)


def _fact(
    component: str,
    name: str,
    data_type: DataType,
    value: str | None,
    help: str,
    *,
    instance: str | None = None,
    unit: str | None = None,
    maximum: float | None = None,
    values: tuple[str, ...] = (),
) -> Variable:
    """A read-only fact of the product (value None: read live)."""
    return Variable(
        component,
        name,
        data_type,
        _RO,
        value,
        help,
        instance=instance,
        unit=unit,
        maximum=maximum,
        values=values,
        is_fixed=True,
    )


def _members(component: str, name: str, default: str, values: tuple[str, ...], help: str) -> Variable:
    return Variable(component, name, DataType.MEMBER_LIST, _RW, default, help, values=values, may_be_empty=True)


def _communication() -> tuple[Variable, ...]:
    c = "OCPPCommCtrlr"
    return (
        _integer(c, "HeartbeatInterval", 300, "silence after which a Heartbeat is sent", unit="s", low=1, high=86400),
        _integer(
            c,
            "MessageTimeout",
            30,
            "wait for the CSMS's answer",
            instance="Default",
            unit="s",
            low=1,
            high=600,
            mutability=_RO,
        ),
        _integer(
            c,
            "MessageAttempts",
            5,
            "tries for a transaction message the CSMS refuses",
            instance="TransactionEvent",
            low=1,
            high=100,
        ),
        _integer(
            c,
            "MessageAttemptInterval",
            30,
            "wait between those tries, times the tries made",
            instance="TransactionEvent",
            unit="s",
            high=3600,
        ),
        _integer(c, "OfflineThreshold", 300, "offline longer: report every connector afterwards", unit="s"),
        _integer(c, "RetryBackOffWaitMinimum", 10, "first wait before reconnecting", unit="s", low=1, high=3600),
        _integer(c, "RetryBackOffRandomRange", 10, "random part of each wait", unit="s", high=3600),
        _integer(c, "RetryBackOffRepeatTimes", 5, "how often the wait doubles", high=16),
        _integer(c, "WebSocketPingInterval", 20, "between pings; 0 sends none", unit="s", high=3600),
        _integer(c, "ResetRetries", 1, "tries to reset", high=10),
        _integer(c, "NetworkProfileConnectionAttempts", 3, "tries on one network profile", low=1, high=1000),
        Variable(
            c,
            "NetworkConfigurationPriority",
            DataType.SEQUENCE_LIST,
            _RW,
            "1",
            "order of network profiles",
            values=("1",),
            needs_reboot=True,
        ),
        _fact(c, "ActiveNetworkProfile", DataType.INTEGER, "1", "network profile in use"),
        replace(
            _fact(c, "FileTransferProtocols", DataType.MEMBER_LIST, "", "protocols for files", values=_FILE_PROTOCOLS),
            may_be_empty=True,
        ),
        _boolean(c, "UnlockOnEVSideDisconnect", True, "unlock our end when the EV's end is unplugged"),
        Variable(
            "ClockCtrlr",
            "TimeSource",
            DataType.SEQUENCE_LIST,
            _RW,
            "Heartbeat",
            "where the time comes from, best first",
            values=("Heartbeat", "NTP", "RealTimeClock"),
        ),
        _fact("ClockCtrlr", "DateTime", DataType.DATE_TIME, None, "date and time now"),
    )


def _device_data() -> tuple[Variable, ...]:
    c = "DeviceDataCtrlr"
    rows = []
    for action in ("GetReport", "GetVariables", "SetVariables"):
        rows.append(
            _fact(c, "ItemsPerMessage", DataType.INTEGER, str(ITEMS_PER_MESSAGE), "items in a request", instance=action)
        )
        rows.append(_fact(c, "BytesPerMessage", DataType.INTEGER, "65536", "bytes in a request", instance=action))
    return (
        *rows,
        _fact(c, "ConfigurationValueSize", DataType.INTEGER, "1000", "longest value that can be set", maximum=1000),
        _fact(c, "ReportingValueSize", DataType.INTEGER, "2500", "longest value reported", maximum=2500),
    )


def _security(identity: str) -> tuple[Variable, ...]:
    c = "SecurityCtrlr"
    return (
        Variable(
            c,
            "BasicAuthPassword",
            DataType.STRING,
            _WO,
            "",
            "password for the CSMS",
            minimum=16,
            maximum=40,
            may_be_empty=True,
        ),
        _fact(c, "Identity", DataType.STRING, identity, "the station's identity", maximum=48),
        Variable(
            c,
            "OrganizationName",
            DataType.STRING,
            _RW,
            "",
            "organisation in the certificate",
            maximum=64,
            may_be_empty=True,
        ),
        _fact(c, "CertificateEntries", DataType.INTEGER, "0", "certificates installed", maximum=0),
        _fact(c, "SecurityProfile", DataType.INTEGER, None, "security profile in use"),
    )


def _authorization() -> tuple[Variable, ...]:
    return (
        _boolean("AuthCtrlr", "Enabled", True, "charging needs authorisation"),
        _boolean("AuthCtrlr", "AuthorizeRemoteStart", False, "check the token of a remote start first"),
        _boolean("AuthCtrlr", "LocalAuthorizeOffline", True, "offline: known tokens may charge"),
        _boolean("AuthCtrlr", "LocalPreAuthorize", False, "online: known tokens start at once"),
        _boolean("AuthCtrlr", "OfflineTxForUnknownIdEnabled", False, "offline: unknown tokens may charge"),
        Variable(
            "AuthCtrlr",
            "MasterPassGroupId",
            DataType.STRING,
            _RW,
            "",
            "group that stops any transaction and starts none",
            maximum=36,
            may_be_empty=True,
        ),
        _boolean("AuthCtrlr", "DisableRemoteAuthorization", False, "never ask the CSMS: known tokens only"),
        _fact("AuthCacheCtrlr", "Available", DataType.BOOLEAN, "true", "there is an authorization cache"),
        _boolean("AuthCacheCtrlr", "Enabled", True, "remember what the CSMS said of tokens"),
        _boolean(
            "AuthCacheCtrlr", "DisablePostAuthorize", False, "do not ask again about tokens known as not accepted"
        ),
        _integer("AuthCacheCtrlr", "LifeTime", 2592000, "how long it is remembered", unit="s", low=1),
    )


def _transactions() -> tuple[Variable, ...]:
    def points(name: str, default: str, help: str) -> Variable:
        return Variable("TxCtrlr", name, DataType.MEMBER_LIST, _RW, default, help, values=_TX_POINTS)

    return (
        points("TxStartPoint", "PowerPathClosed", "what begins a transaction"),
        points("TxStopPoint", "Authorized,EVConnected", "whose end ends a transaction"),
        _integer("TxCtrlr", "EVConnectionTimeOut", 60, "from authorisation to plug", unit="s", low=1, high=86400),
        _boolean("TxCtrlr", "StopTxOnEVSideDisconnect", True, "unplugging at the EV ends the authorisation"),
        _boolean("TxCtrlr", "StopTxOnInvalidId", True, "a token the CSMS refuses ends the authorisation"),
        _integer("TxCtrlr", "MaxEnergyOnInvalidId", 0, "energy such a token may still have", unit="Wh"),
        _boolean("TxCtrlr", "TxBeforeAcceptedEnabled", True, "charge before the CSMS has accepted the station"),
    )


def _metering() -> tuple[Variable, ...]:
    s, a = "SampledDataCtrlr", "AlignedDataCtrlr"
    return (
        _fact(s, "Available", DataType.BOOLEAN, "true", "sampled meter values exist"),
        _boolean(s, "Enabled", True, "send sampled meter values"),
        _members(s, "TxStartedMeasurands", _REGISTER, _MEASURANDS, "in the first message"),
        _members(s, "TxUpdatedMeasurands", _USUAL, _MEASURANDS, "in the periodic ones"),
        _members(s, "TxEndedMeasurands", _REGISTER, _MEASURANDS, "in the last"),
        _integer(s, "TxUpdatedInterval", 60, "between periodic ones; 0 sends none", unit="s", high=86400),
        _integer(s, "TxEndedInterval", 0, "between those kept for the last; 0 keeps none", unit="s", high=86400),
        _fact(a, "Available", DataType.BOOLEAN, "true", "clock-aligned meter values exist"),
        _boolean(a, "Enabled", True, "send clock-aligned meter values"),
        _members(a, "Measurands", _USUAL, _MEASURANDS, "in clock-aligned messages"),
        _integer(a, "Interval", 0, "between clock-aligned ones; 0 sends none", unit="s", high=86400),
        _boolean(a, "SendDuringIdle", False, "only while nobody charges"),
        _members(a, "TxEndedMeasurands", "", _MEASURANDS, "clock-aligned, kept for the last message"),
        _integer(a, "TxEndedInterval", 0, "between those; 0 keeps none", unit="s", high=86400),
    )


def _smart_charging() -> tuple[Variable, ...]:
    c = "SmartChargingCtrlr"
    return (
        _fact(c, "Available", DataType.BOOLEAN, "true", "charging profiles are obeyed"),
        _boolean(c, "Enabled", True, "obey charging profiles"),
        _fact(
            c,
            "Entries",
            DataType.INTEGER,
            None,
            "profiles stored",
            instance="ChargingProfiles",
            maximum=MAX_PROFILES,
        ),
        _fact(c, "PeriodsPerSchedule", DataType.INTEGER, str(MAX_PERIODS), "periods in a schedule"),
        _fact(c, "ProfileStackLevel", DataType.INTEGER, str(MAX_STACK_LEVEL), "highest stackLevel"),
        _fact(c, "RateUnit", DataType.MEMBER_LIST, "A,W", "units of limits", values=("A", "W")),
        _fact(c, "ACPhaseSwitchingSupported", DataType.BOOLEAN, "false", "the phase can be chosen"),
        _fact(c, "ExternalControlSignalsEnabled", DataType.BOOLEAN, "false", "external signals are obeyed"),
        Variable(
            c,
            "LimitChangeSignificance",
            DataType.DECIMAL,
            _RW,
            "1",
            "change of a limit worth a message",
            unit="Percent",
            minimum=0,
            maximum=100,
        ),
    )


def _absent_blocks() -> tuple[Variable, ...]:
    absent = ("LocalAuthListCtrlr", "ReservationCtrlr", "MonitoringCtrlr", "DisplayMessageCtrlr")
    no = "not implemented"
    return (
        *(_fact(component, "Available", DataType.BOOLEAN, "false", no) for component in absent),
        _fact("TariffCostCtrlr", "Available", DataType.BOOLEAN, "false", no, instance="Tariff"),
        _fact("TariffCostCtrlr", "Available", DataType.BOOLEAN, "false", no, instance="Cost"),
    )


def _station(evses: Sequence[EvseInfo], vendor: str, model: str, serial: str, firmware: str) -> tuple[Variable, ...]:
    c = "ChargingStation"
    phases = max((evse.phases for evse in evses), default=1)
    known = (("VendorName", vendor), ("Model", model), ("SerialNumber", serial), ("FirmwareVersion", firmware))
    return (
        _fact(c, "Available", DataType.BOOLEAN, "true", "exists"),
        _fact(c, "AvailabilityState", DataType.OPTION_LIST, None, "state", values=_STATES),
        _fact(c, "Problem", DataType.BOOLEAN, None, "something keeps it from charging"),
        _fact(c, "SupplyPhases", DataType.INTEGER, str(phases), "phases connected"),
        *(_fact(c, name, DataType.STRING, value, "as in BootNotification") for name, value in known if value),
    )


def _evse(evse: EvseInfo) -> tuple[Variable, ...]:
    power_w = evse.max_current_a * evse.phases * NOMINAL_VOLTAGE_V
    phases = str(evse.phases)
    shared = (
        ("Available", DataType.BOOLEAN, "true", "exists", ()),
        ("AvailabilityState", DataType.OPTION_LIST, None, "state", _STATES),
        ("SupplyPhases", DataType.INTEGER, phases, "phases connected", ()),
    )
    power = _fact("EVSE", "Power", DataType.DECIMAL, None, "power now, and at most", unit="W", maximum=power_w)
    rows = [
        *(_fact("EVSE", name, kind, value, text, values=values) for name, kind, value, text, values in shared),
        power,
        _fact("EVSE", "AllowReset", DataType.BOOLEAN, "true", "can be reset by itself"),  # B11.FR.10
        _fact("EVSE", "Problem", DataType.BOOLEAN, None, "something keeps it from charging"),
    ]
    placed = [replace(row, evse_id=evse.id) for row in rows]
    for connector_id, connector_type in enumerate(evse.connector_types, 1):
        rows = [
            *(_fact("Connector", name, kind, value, text, values=values) for name, kind, value, text, values in shared),
            _fact("Connector", "ConnectorType", DataType.STRING, connector_type, "kind of connector"),
        ]
        placed += [replace(row, evse_id=evse.id, connector_id=connector_id) for row in rows]
    return tuple(placed)
