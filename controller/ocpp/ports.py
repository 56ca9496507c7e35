"""What the OCPP side needs of the station, and what the station needs of the OCPP side. Neither knows the other's insides.

`ChargingStation` is implemented by `controller/station`, `Csms` by `controller/ocpp/client.py`. Everything runs in one
event loop. The methods of `ChargingStation` that are not `async` only decide and note: what follows from them (a
transaction that starts, a status that changes) happens in a later turn of the loop, so that the answer goes out first (F06.FR.04).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from controller.logic.profiles import ChargingProfile
from controller.logic.records import Trigger
from controller.logic.status import ConnectorStatus as ConnectorStatus  # part of this interface
from controller.logic.values import IdToken, Measurand, Sample, SampleContext, TokenInfo


class NotOnline(Exception):
    """There is no accepted registration on a live connection, or it went away before the answer came."""


class TokenUnfit(Exception):
    """The protocol of the CSMS has no room for this token, so it cannot be asked about it. The message is for a technician."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Status of a connector now. fault_id, info: of the worst active fault, for 1.6's errorCode and info; empty if none.

    is_vacant: business goes on, but the EV has left and taken nothing of the connector with it (a fixed cable).
    """

    status: ConnectorStatus
    fault_id: str = ""
    info: str = ""
    is_vacant: bool = False


@dataclass(frozen=True, slots=True)
class EvseInfo:
    """connectors: number of connectors (numbered from 1). connector_types: ConnectorEnumType of each."""

    id: int
    connectors: int
    connector_types: tuple[str, ...]
    max_current_a: float
    phases: int


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A remote start. evse_id None: the station picks one. authorize: check the token first (AuthorizeRemoteStart)."""

    id_token: IdToken
    evse_id: int | None = None
    remote_start_id: int | None = None
    group: str | None = None
    profile: ChargingProfile | None = None
    authorize: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Answer to a command. reason_code, detail: for 2.x statusInfo; transaction_id: one already open that it joins (F01.FR.13)."""

    accepted: bool
    scheduled: bool = False
    reason_code: str = ""
    detail: str = ""
    transaction_id: str | None = None


class ResetKind(StrEnum):
    IMMEDIATE = "Immediate"  # 2.x Immediate, 1.6 Hard: transactions end first with ImmediateReset / HardReset
    ON_IDLE = "OnIdle"  # 2.x OnIdle: wait for transactions to end
    SOFT = "Soft"  # 1.6 Soft: transactions are stopped in good order with SoftReset, then restart


class UnlockOutcome(StrEnum):
    UNLOCKED = "Unlocked"
    UNLOCK_FAILED = "UnlockFailed"
    ONGOING_AUTHORIZED_TRANSACTION = "OngoingAuthorizedTransaction"
    UNKNOWN_CONNECTOR = "UnknownConnector"
    NOT_SUPPORTED = "NotSupported"  # tethered cable


class SecurityEventType(StrEnum):
    """Those of the specification's list that this station knows of itself (Part 2, Appendix 1)."""

    RECONFIGURED = "ReconfigurationOfSecurityParameters"
    MEMORY_EXHAUSTION = "MemoryExhaustion"
    STARTUP = "StartupOfTheDevice"
    RESET = "ResetOrReboot"


class ChargingStation(Protocol):
    """The station as a CSMS sees it."""

    @property
    def evses(self) -> tuple[EvseInfo, ...]: ...

    def request_start(self, request: StartRequest) -> Decision: ...

    def request_stop(self, transaction_id: str) -> Decision:
        """Stop by our own transaction id (1.6 looks it up by its wire id first)."""

    def request_reset(self, kind: ResetKind, evse_id: int | None) -> Decision: ...

    def change_availability(self, operative: bool, evse_id: int | None, connector_id: int | None) -> Decision:
        """evse_id None: the whole station. scheduled: after the running transaction. Persistent (B01.FR.07)."""

    async def unlock(self, evse_id: int, connector_id: int, *, stops_transaction: bool) -> UnlockOutcome:
        """stops_transaction: 1.6 ends a transaction first (§5.18), 2.x refuses (F05.FR.02)."""

    def set_profile(self, evse_id: int, profile: ChargingProfile) -> Decision:
        """evse_id 0: the station. A TxProfile names its transaction by our id, or None for the running one (1.6)."""

    def clear_profiles(
        self, *, profile_id: int | None, evse_id: int | None, purpose: str | None, stack_level: int | None
    ) -> bool:
        """Return whether any profile matched."""

    def is_available(self, evse_id: int | None, connector_id: int | None) -> bool:
        """Operative (not the same as free): the persistent setting, not a fault."""

    def status(self, evse_id: int, connector_id: int) -> StatusReport: ...

    def transaction_on(self, evse_id: int) -> str | None:
        """Id of the open transaction on an EVSE, or None."""

    def samples(self, evse_id: int, measurands: tuple[Measurand, ...], context: SampleContext) -> tuple[Sample, ...]:
        """What the meter last said, for TriggerMessage and clock-aligned values; empty when there is nothing to say."""

    def report_transaction(self, evse_id: int | None, trigger: Trigger) -> bool:
        """Queue an UPDATED event now (TriggerMessage TransactionEvent / MeterValues). False: no transaction there."""

    def token_learned(self, id_token: IdToken, info: TokenInfo, transaction_id: str | None) -> None:
        """The CSMS told of a token outside an Authorize: in an answer to a transaction message (E05, C10.FR.04/05)."""

    def registered(self, at: datetime | None) -> None:
        """A BootNotification was accepted. at: the CSMS's time."""

    async def settled(self) -> None:
        """Return once it is known what every connector is doing after a start, so that no status is told that is not true."""

    def link_lost(self) -> None: ...


class Csms(Protocol):
    """The CSMS as the station sees it: perhaps there, perhaps not."""

    @property
    def is_online(self) -> bool:
        """Registered (Accepted) and connected."""

    @property
    def problem(self) -> str:
        """Why it is not online, in plain words; empty while it is."""

    @property
    def protocol(self) -> str:
        """`ocpp1.6` or `ocpp2.0.1`: of the live connection, else of the last one, else the first configured."""

    async def authorize(self, id_token: IdToken, evse_id: int | None) -> TokenInfo:
        """Ask. Raises NotOnline when there is nobody to answer in time, TokenUnfit."""

    def status_changed(self, evse_id: int, connector_id: int) -> None:
        """The projection may have changed: compare with what was last reported and report (B04, G01)."""

    def records_added(self) -> None:
        """There is something new in the outbox."""

    def security_event(self, type: SecurityEventType, tech_info: str) -> None:
        """Keep a security event, and tell it as soon as there is somebody to tell (A04)."""
