"""The configuration keys of 1.6 (§9) as rows over the device model, each with 1.6's own type and read/write policy.

A key whose meaning has a variable is that variable under another name. A key without one is kept in the store under its own
name. Keys compare without regard to case (CiString50Type). What the station does not do has no key: for an optional boolean
key its absence says so (§9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import partial

from controller.ocpp.device_model import DeviceModel, Mutability, SetOutcome, Variable
from controller.ocpp.exc import ConfigurationError
from controller.ocpp.ports import EvseInfo
from controller.ocpp.storage import VariableStorage
from controller.ocpp.v16.connectors import STATION, Connectors
from controller.store.kept import MOST_KEPT

MAX_VALUE = 500  # KeyValue.value and ChangeConfiguration.value are CiString500Type
FEATURE_PROFILES = "Core,SmartCharging,RemoteTrigger"
_ROTATIONS = ("NotApplicable", "Unknown", "RST", "RTS", "SRT", "STR", "TRS", "TSR")  # §9.1.7
PHASE_ROTATION = "ConnectorPhaseRotation"


class KeyType(StrEnum):
    BOOLEAN = "boolean"
    INTEGER = "integer"
    CSL = "CSL"
    STRING = "string"


class Access(Enum):
    READ = "R"
    READ_WRITE = "RW"
    WRITE = "W"


@dataclass(frozen=True, slots=True)
class Key:
    """One key. variable: the device model's key text it stands for, None where `Keys` answers it itself."""

    name: str
    type: KeyType
    access: Access
    variable: str | None = None
    unit: str = ""


class SetStatus(StrEnum):
    """ConfigurationStatus (§7.22)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


@dataclass(frozen=True, slots=True)
class KeyValue:
    """value: None where the key may not be read."""

    name: str
    is_read_only: bool
    value: str | None


_B, _I, _L, _S = KeyType.BOOLEAN, KeyType.INTEGER, KeyType.CSL, KeyType.STRING
_R, _RW, _W = Access.READ, Access.READ_WRITE, Access.WRITE

# fmt: off
KEYS: tuple[Key, ...] = (
    # §9.1 Core
    Key("AllowOfflineTxForUnknownId", _B, _RW, "AuthCtrlr.OfflineTxForUnknownIdEnabled"),
    Key("AuthorizationCacheEnabled", _B, _RW, "AuthCacheCtrlr.Enabled"),
    Key("AuthorizeRemoteTxRequests", _B, _RW, "AuthCtrlr.AuthorizeRemoteStart"),
    Key("ClockAlignedDataInterval", _I, _RW, "AlignedDataCtrlr.Interval", "s"),
    Key("ConnectionTimeOut", _I, _RW, "TxCtrlr.EVConnectionTimeOut", "s"),
    Key(PHASE_ROTATION, _L, _RW),
    Key("ConnectorPhaseRotationMaxLength", _I, _R),
    Key("GetConfigurationMaxKeys", _I, _R, "DeviceDataCtrlr.ItemsPerMessage[GetVariables]"),
    Key("HeartbeatInterval", _I, _RW, "OCPPCommCtrlr.HeartbeatInterval", "s"),
    Key("LocalAuthorizeOffline", _B, _RW, "AuthCtrlr.LocalAuthorizeOffline"),
    Key("LocalPreAuthorize", _B, _RW, "AuthCtrlr.LocalPreAuthorize"),
    Key("MaxEnergyOnInvalidId", _I, _RW, "TxCtrlr.MaxEnergyOnInvalidId", "Wh"),
    Key("MessageTimeout", _I, _R, "OCPPCommCtrlr.MessageTimeout[Default]", "s"),  # errata §3.83
    Key("MeterValuesAlignedData", _L, _RW, "AlignedDataCtrlr.Measurands"),
    Key("MeterValuesAlignedDataMaxLength", _I, _R),
    Key("MeterValuesSampledData", _L, _RW, "SampledDataCtrlr.TxUpdatedMeasurands"),
    Key("MeterValuesSampledDataMaxLength", _I, _R),
    Key("MeterValueSampleInterval", _I, _RW, "SampledDataCtrlr.TxUpdatedInterval", "s"),
    Key("NumberOfConnectors", _I, _R),
    Key("ResetRetries", _I, _RW, "OCPPCommCtrlr.ResetRetries"),
    Key("StopTransactionOnEVSideDisconnect", _B, _RW, "TxCtrlr.StopTxOnEVSideDisconnect"),
    Key("StopTransactionOnInvalidId", _B, _RW, "TxCtrlr.StopTxOnInvalidId"),
    Key("StopTransactionMaxMeterValues", _I, _R),  # errata §3.91
    Key("StopTxnAlignedData", _L, _RW, "AlignedDataCtrlr.TxEndedMeasurands"),
    Key("StopTxnAlignedDataMaxLength", _I, _R),
    Key("StopTxnSampledData", _L, _RW, "SampledDataCtrlr.TxEndedMeasurands"),
    Key("StopTxnSampledDataMaxLength", _I, _R),
    Key("SupportedFeatureProfiles", _L, _R),
    Key("TransactionMessageAttempts", _I, _RW, "OCPPCommCtrlr.MessageAttempts[TransactionEvent]"),
    Key("TransactionMessageRetryInterval", _I, _RW, "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]", "s"),
    Key("UnlockConnectorOnEVSideDisconnect", _B, _RW, "OCPPCommCtrlr.UnlockOnEVSideDisconnect"),
    Key("WebSocketPingInterval", _I, _RW, "OCPPCommCtrlr.WebSocketPingInterval", "s"),  # OCPP-J §7
    # §9.4 Smart Charging
    Key("ChargeProfileMaxStackLevel", _I, _R, "SmartChargingCtrlr.ProfileStackLevel"),
    Key("ChargingScheduleAllowedChargingRateUnit", _L, _R),
    Key("ChargingScheduleMaxPeriods", _I, _R, "SmartChargingCtrlr.PeriodsPerSchedule"),
    Key("MaxChargingProfilesInstalled", _I, _R),
    # OCPP-J §6.2.2, errata §3.12, security whitepaper: never read back
    Key("AuthorizationKey", _S, _W, "SecurityCtrlr.BasicAuthPassword"),
)
# fmt: on

_BY_NAME = {key.name.casefold(): key for key in KEYS}
_LENGTH_OF = {
    "MeterValuesAlignedDataMaxLength": "AlignedDataCtrlr.Measurands",
    "MeterValuesSampledDataMaxLength": "SampledDataCtrlr.TxUpdatedMeasurands",
    "StopTxnAlignedDataMaxLength": "AlignedDataCtrlr.TxEndedMeasurands",
    "StopTxnSampledDataMaxLength": "SampledDataCtrlr.TxEndedMeasurands",
}


class Keys:
    """The keys of this station, read and set. initial: values of keys without a variable, from the configuration file."""

    def __init__(
        self, model: DeviceModel, store: VariableStorage, evses: Sequence[EvseInfo], initial: Mapping[str, str]
    ) -> None:
        self._model = model
        self._store = store
        self._evses = evses
        self._connectors = Connectors(evses)
        self._initial = {name.casefold(): value for name, value in initial.items()}
        self._own: dict[str, Callable[[], str]] = {
            PHASE_ROTATION: self._phase_rotation,
            "ConnectorPhaseRotationMaxLength": lambda: str(len(self._connectors.places) + 1),  # and the main meter's
            "NumberOfConnectors": lambda: str(len(self._connectors.places)),
            "StopTransactionMaxMeterValues": lambda: str(MOST_KEPT + 2),  # with the begin and the end
            "SupportedFeatureProfiles": lambda: FEATURE_PROFILES,
            "ChargingScheduleAllowedChargingRateUnit": lambda: "Current,Power",  # errata §3.88
            "MaxChargingProfilesInstalled": self._most_profiles,
            **{name: partial(self._most_members, listed) for name, listed in _LENGTH_OF.items()},
        }

    def get(self, name: str) -> KeyValue | None:
        """Return a key with its value, None for a key there is not."""
        key = _BY_NAME.get(name.casefold())
        if key is None or not self._exists(key):
            return None
        value = None if key.access is Access.WRITE else self._value(key)[:MAX_VALUE]
        return KeyValue(key.name, key.access is Access.READ, value)

    def all(self) -> list[KeyValue]:
        return [found for key in KEYS if (found := self.get(key.name)) is not None]

    def set(self, name: str, value: str) -> SetStatus:
        """Change a key for good (§5.3)."""
        key = _BY_NAME.get(name.casefold())
        if key is None or not self._exists(key):
            return SetStatus.NOT_SUPPORTED
        if key.access is Access.READ:
            return SetStatus.REJECTED
        if key.variable is None:
            return self._set_phase_rotation(value)
        outcome = self._model.set(key.variable, value, "csms").outcome
        if outcome is SetOutcome.NEEDS_REBOOT:
            return SetStatus.REBOOT_REQUIRED
        return SetStatus.ACCEPTED if outcome is SetOutcome.ACCEPTED else SetStatus.REJECTED

    def _exists(self, key: Key) -> bool:
        return key.variable is None or self._model.variable(key.variable) is not None

    def _value(self, key: Key) -> str:
        if key.variable is None:
            return self._own[key.name]()
        variable = self._model.variable(key.variable)
        return "" if variable is None else self._model.value(variable)

    def _set_phase_rotation(self, value: str) -> SetStatus:
        try:
            checked = checked_phase_rotation(value, self._connectors.numbers)
        except ValueError:
            return SetStatus.REJECTED
        self._store.set_variable(PHASE_ROTATION, checked, "csms")
        return SetStatus.ACCEPTED

    def _phase_rotation(self) -> str:
        """What is said of each connector now, what nobody ever said as it leaves the factory."""
        overlay = self._store.variables().get(PHASE_ROTATION)
        told = overlay.value if overlay is not None else self._initial.get(PHASE_ROTATION.casefold(), "")
        known = dict(item.split(".", 1) for item in told.split(",") if item)
        phases = {self._connectors.number(evse.id): evse.phases for evse in self._evses}
        for number in self._connectors.numbers:
            known.setdefault(str(number), "RST" if phases.get(number, 3) == 3 else "NotApplicable")
        return ",".join(f"{number}.{known[number]}" for number in sorted(known, key=int))

    def _most_members(self, listed: str) -> str:
        variable = self._model.variable(listed)
        return str(len(variable.values) if variable is not None else 0)

    def _most_profiles(self) -> str:
        variable = self._model.variable("SmartChargingCtrlr.Entries[ChargingProfiles]")
        return str(int(variable.maximum)) if variable is not None and variable.maximum is not None else "1"


def checked_phase_rotation(value: str, numbers: range) -> str:
    """Return `1.RST,2.RTS` in its canonical form (§9.1.7). Raises ValueError."""
    found: dict[int, str] = {}
    for item in value.split(","):
        number, _, rotation = item.strip().partition(".")
        known = {each.casefold(): each for each in _ROTATIONS}.get(rotation.casefold())
        is_place = number.isdecimal() and (int(number) in numbers or int(number) == STATION)  # 0: the main meter
        if not is_place or known is None or int(number) in found:
            raise ValueError(
                f"must be like 1.RST,2.RTS with connectors {numbers[0]} to {numbers[-1]}, 0 for the main meter, "
                f"and rotations of {', '.join(_ROTATIONS)}"
            )
        found[int(number)] = known
    return ",".join(f"{number}.{rotation}" for number, rotation in sorted(found.items()))


def initial_values(
    keys: Mapping[str, str], variables: Iterable[Variable], evses: Sequence[EvseInfo]
) -> tuple[dict[str, str], dict[str, str]]:
    """Translate `[ocpp.keys]` into initial values of variables, and of the keys that have no variable (for `Keys`).

    Raises ConfigurationError with every mistake, each naming its key.
    """
    by_key = {variable.key.casefold(): variable for variable in variables}
    found: dict[str, str] = {}
    own: dict[str, str] = {}
    mistakes = []
    for name, value in keys.items():
        key = _BY_NAME.get(name.casefold())
        if key is None:
            mistakes.append(f'"{name}": OCPP 1.6 has no such key here')
        elif key.access is Access.READ:
            mistakes.append(f'"{name}": is read-only')
        else:
            try:
                if key.variable is None:
                    own[key.name] = checked_phase_rotation(value, Connectors(evses).numbers)
                else:
                    found[key.variable] = by_key[key.variable.casefold()].checked(value)
            except ValueError as error:
                of = by_key.get(key.variable.casefold()) if key.variable is not None else None
                is_secret = of is not None and of.mutability is Mutability.WRITE_ONLY
                mistakes.append(f'"{name}": {error}' if is_secret else f'"{name}" = "{value}": {error}')
    if mistakes:
        raise ConfigurationError(mistakes)
    return found, own
