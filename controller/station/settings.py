"""The variables that the station obeys, read from the device model into the values its rules take."""

from __future__ import annotations

from dataclasses import dataclass

from controller.config import StationConfig
from controller.config.board import EvseBoard
from controller.logic.authorization import AuthorizationRules
from controller.logic.faults import FAULTS, Stop
from controller.logic.profiles import NOMINAL_VOLTAGE_V
from controller.logic.records import StopReason
from controller.logic.resumption import ResumptionRules
from controller.logic.session_events import SessionRules
from controller.logic.transaction import TxPoint, TxPolicy, ocpp16_policy
from controller.logic.values import Measurand
from controller.ocpp.device_model import DeviceModel
from controller.station import variables

OCPP16 = "ocpp1.6"

_REASONS = {
    "rcd_trip": StopReason.GROUND_FAULT,
    "rcd_self_test": StopReason.GROUND_FAULT,
    "emergency_stop": StopReason.EMERGENCY_STOP,
    "over_current": StopReason.OVERCURRENT_FAULT,
    "over_current_high": StopReason.OVERCURRENT_FAULT,
}
# What latches can clear only once the EV has left or somebody has looked: the transaction has no future.
FATAL_FAULTS = tuple(
    (fault.id, _REASONS.get(fault.id, StopReason.OTHER))
    for fault in FAULTS.values()
    if fault.is_latching and fault.stops is not Stop.NOTHING
)
SUSPENDING_FAULTS = frozenset(
    fault.id for fault in FAULTS.values() if not fault.is_latching and fault.stops is not Stop.NOTHING
)


@dataclass(frozen=True, slots=True)
class MeterRules:
    """Which measurands go where and how often; an interval of 0 sends nothing."""

    started: tuple[Measurand, ...]
    updated: tuple[Measurand, ...]
    ended: tuple[Measurand, ...]
    updated_interval_s: int
    aligned: tuple[Measurand, ...]
    aligned_interval_s: int
    aligned_only_idle: bool


@dataclass(frozen=True, slots=True)
class KeptRules:
    """What is kept for the last message of a transaction. keeps_begin: the values at its beginning, too."""

    sampled: tuple[Measurand, ...]
    sampled_interval_s: int
    aligned: tuple[Measurand, ...]
    aligned_interval_s: int
    keeps_begin: bool

    @property
    def all(self) -> tuple[Measurand, ...]:
        return tuple(dict.fromkeys(self.sampled + self.aligned))


class Settings:
    """Follows the model: what a CSMS changes is in force at once."""

    def __init__(self, config: StationConfig, model: DeviceModel) -> None:
        self._config = config
        self._model = model
        self._metering: MeterRules | None = None  # asked for at every reading, so kept until something changes
        self._kept: dict[str, KeptRules] = {}
        model.subscribe(self._forget)

    def _forget(self, key: str) -> None:
        self._metering = None
        self._kept.clear()

    def session(self, board: EvseBoard | None, protocol: str) -> SessionRules:
        """board: None for those who authorise before any EVSE is known. protocol: spoken with the CSMS."""
        model = self._model
        return SessionRules(
            policy=self.policy(protocol),
            connection_timeout_s=model.float("TxCtrlr.EVConnectionTimeOut"),
            stop_on_ev_side_disconnect=self.stops_on_ev_side_disconnect,
            unlock_on_ev_side_disconnect=model.bool("OCPPCommCtrlr.UnlockOnEVSideDisconnect"),
            stop_on_invalid_id=model.bool("TxCtrlr.StopTxOnInvalidId"),
            max_energy_on_invalid_wh=model.int("TxCtrlr.MaxEnergyOnInvalidId") or None,
            authorization_required=self.authorization_required,
            is_tethered=board is not None and (board.tethered or board.lock is None),
            fatal_faults=FATAL_FAULTS,
            suspending_faults=SUSPENDING_FAULTS,
        )

    def policy(self, protocol: str) -> TxPolicy:
        if protocol == OCPP16:
            return ocpp16_policy(stop_on_ev_side_disconnect=self.stops_on_ev_side_disconnect)
        points = (
            frozenset(map(TxPoint, self._model.members(f"TxCtrlr.Tx{which}Point"))) for which in ("Start", "Stop")
        )
        return TxPolicy(*points)

    @property
    def stops_on_ev_side_disconnect(self) -> bool:
        return self._model.bool("TxCtrlr.StopTxOnEVSideDisconnect")

    @property
    def authorization_required(self) -> bool:
        return self._config.authorization_required and self._model.bool("AuthCtrlr.Enabled")

    @property
    def authorization(self) -> AuthorizationRules:
        model = self._model
        return AuthorizationRules(
            enabled=self.authorization_required,
            local_authorize_offline=model.bool("AuthCtrlr.LocalAuthorizeOffline"),
            local_pre_authorize=model.bool("AuthCtrlr.LocalPreAuthorize"),
            offline_unknown=model.bool("AuthCtrlr.OfflineTxForUnknownIdEnabled"),
            cache_enabled=model.bool("AuthCacheCtrlr.Enabled"),
            cache_lifetime_s=model.int("AuthCacheCtrlr.LifeTime") or None,
            master_pass_group=model.text("AuthCtrlr.MasterPassGroupId") or None,
            remote_disabled=model.bool("AuthCtrlr.DisableRemoteAuthorization"),
            post_authorize=not model.bool("AuthCacheCtrlr.DisablePostAuthorize"),
        )

    @property
    def charges_before_accepted(self) -> bool:
        return self._model.bool("TxCtrlr.TxBeforeAcceptedEnabled")

    @property
    def obeys_profiles(self) -> bool:
        return self._model.bool("SmartChargingCtrlr.Enabled")

    def resumption(self, board: EvseBoard | None, protocol: str) -> ResumptionRules:
        policy = self.policy(protocol)
        return ResumptionRules(
            timeout_s=float(variables.text(self._model, variables.RESUMPTION_TIMEOUT)),
            allows_energy=variables.text(self._model, variables.ALLOW_ENERGY_RESUMPTION) == "true",
            ends_with_plug=policy.ends_with_plug or self.stops_on_ev_side_disconnect,
            max_power_w=board.hardware_max_a * board.phases * NOMINAL_VOLTAGE_V * 1.2 if board is not None else 0.0,
        )

    @property
    def metering(self) -> MeterRules:
        if self._metering is None:
            self._metering = self._read_metering()
        return self._metering

    def _read_metering(self) -> MeterRules:
        model, sampled, aligned = self._model, "SampledDataCtrlr", "AlignedDataCtrlr"
        takes, aligns = model.bool(f"{sampled}.Enabled"), model.bool(f"{aligned}.Enabled")
        return MeterRules(
            started=self._measurands(f"{sampled}.TxStartedMeasurands") if takes else (),
            updated=self._measurands(f"{sampled}.TxUpdatedMeasurands"),
            ended=self._measurands(f"{sampled}.TxEndedMeasurands") if takes else (),
            updated_interval_s=model.int(f"{sampled}.TxUpdatedInterval") if takes else 0,
            aligned=self._measurands(f"{aligned}.Measurands"),
            aligned_interval_s=model.int(f"{aligned}.Interval") if aligns else 0,
            aligned_only_idle=model.bool(f"{aligned}.SendDuringIdle"),
        )

    def kept(self, protocol: str) -> KeptRules:
        """In 1.6 the intervals are those of the values that are sent at once (§3.16.1, §3.16.2)."""
        if protocol not in self._kept:
            self._kept[protocol] = self._read_kept(protocol)
        return self._kept[protocol]

    def _read_kept(self, protocol: str) -> KeptRules:
        model, sampled, aligned = self._model, "SampledDataCtrlr", "AlignedDataCtrlr"
        takes, aligns = model.bool(f"{sampled}.Enabled"), model.bool(f"{aligned}.Enabled")
        is_16 = protocol == OCPP16
        every, every_aligned = ("TxUpdatedInterval", "Interval") if is_16 else ("TxEndedInterval", "TxEndedInterval")
        return KeptRules(
            sampled=self._measurands(f"{sampled}.TxEndedMeasurands") if takes else (),
            sampled_interval_s=model.int(f"{sampled}.{every}"),
            aligned=self._measurands(f"{aligned}.TxEndedMeasurands") if aligns else (),
            aligned_interval_s=model.int(f"{aligned}.{every_aligned}"),
            keeps_begin=is_16,
        )

    def _measurands(self, key: str) -> tuple[Measurand, ...]:
        return tuple(map(Measurand, self._model.members(key)))
