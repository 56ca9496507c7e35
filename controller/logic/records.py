"""What happened, told once and neutrally: the facts that are committed before anybody acts on them or sends them.

The 1.6 or 2.x message is made from these at its first sending. Names follow OCPP 2.0.1, which is the richer vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controller.logic.values import IdToken, Sample, Stamp


class Basis(StrEnum):
    """On whose word energy may flow."""

    CSMS = "csms"  # the CSMS accepted the token
    CACHE = "cache"  # a remembered acceptance
    OFFLINE = "offline"  # unknown token, allowed while offline by configuration
    REMOTE = "remote"  # a remote start that needs no authorisation
    RESUMED = "resumed"  # an earlier record of the same transaction, continuity proven
    FREE = "free"  # the station is configured to need no authorisation
    TEST = "test"  # a technician tries the charger, with everybody clear of it


@dataclass(frozen=True, slots=True)
class ChargingRecord:
    """Why energy may flow on an EVSE: committed before the first permit that names it.

    register_wh: energy register of the EVSE's meter at that moment; None only where the EVSE has no meter.
    """

    id: str
    session_id: str
    evse_id: int
    basis: Basis
    id_token: IdToken | None
    register_wh: int | None
    stamp: Stamp


class EventKind(StrEnum):
    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


class Trigger(StrEnum):
    """TriggerReasonEnumType: the real cause of an event (E01.FR.15, E02.FR.15)."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TRIGGER = "Trigger"
    UNLOCK_COMMAND = "UnlockCommand"
    STOP_AUTHORIZED = "StopAuthorized"
    EV_DEPARTED = "EVDeparted"
    EV_DETECTED = "EVDetected"
    REMOTE_STOP = "RemoteStop"
    REMOTE_START = "RemoteStart"
    ABNORMAL_CONDITION = "AbnormalCondition"
    SIGNED_DATA_RECEIVED = "SignedDataReceived"
    RESET_COMMAND = "ResetCommand"


class StopReason(StrEnum):
    """ReasonEnumType of 2.0.1; 1.6's HardReset and SoftReset are IMMEDIATE_RESET and REBOOT there (see the 1.6 encoder)."""

    DE_AUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_DISCONNECTED = "EVDisconnected"
    GROUND_FAULT = "GroundFault"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    LOCAL_OUT_OF_CREDIT = "LocalOutOfCredit"
    MASTER_PASS = "MasterPass"
    OTHER = "Other"
    OVERCURRENT_FAULT = "OvercurrentFault"
    POWER_LOSS = "PowerLoss"
    POWER_QUALITY = "PowerQuality"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOC_LIMIT_REACHED = "SOCLimitReached"
    STOPPED_BY_EV = "StoppedByEV"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TIMEOUT = "Timeout"


class ChargingState(StrEnum):
    """ChargingStateEnumType."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


@dataclass(frozen=True, slots=True)
class Kept:
    """Meter values of one moment that are told in the last message of their transaction."""

    stamp: Stamp
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class TransactionEvent:
    """One step of a transaction, as it happened.

    evse_id, connector_id: None while no EVSE is known (E02.FR.21). register_wh: energy register then, the last committed one
    where `register_is_stale` (no live meter; never 0, never invented). id_token: only on the event in which it was first
    used. online: the station was registered and connected when it happened. stopped_reason: only on ENDED.
    may_drop: a mere periodic update that E12.FR.04 allows to thin out. kept: only on ENDED, values taken before it, oldest first.
    """

    transaction_id: str
    kind: EventKind
    trigger: Trigger
    stamp: Stamp
    online: bool
    charging_state: ChargingState | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    id_token: IdToken | None = None
    remote_start_id: int | None = None
    stopped_reason: StopReason | None = None
    register_wh: int | None = None
    register_is_stale: bool = False
    samples: tuple[Sample, ...] = ()
    cable_max_current_a: int | None = None
    phases_used: int | None = None
    may_drop: bool = False
    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class MeterSampled:
    """Meter values outside any transaction (J01): delivered like an event, in its place in the queue."""

    evse_id: int
    stamp: Stamp
    online: bool
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that has begun and not ended, as the store knows it after a restart.

    last_register_wh: the newest committed register of it. wire_id: the integer a 1.6 CSMS gave, None until it did.
    plug_run_id, plug_count: the safety process run and its plug counter when it was last seen plugged (see EvseFacts).
    """

    id: str
    protocol: str
    evse_id: int | None
    connector_id: int | None
    id_token: IdToken | None
    group: str | None
    started: Stamp
    start_register_wh: int | None
    last_register_wh: int | None
    last_stamp: Stamp
    charging_state: ChargingState | None
    session_id: str | None
    record_id: str | None
    remote_start_id: int | None
    wire_id: int | None
    plug_run_id: str | None
    plug_count: int | None
