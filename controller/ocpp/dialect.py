"""What differs between OCPP versions, as the client uses it: the words, not the rules of the link.

A dialect is made once by `v16.dialect(context)` or `v2.dialect(context)` and lives as long as the client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from controller.clock import Clock
from controller.logic.values import IdToken, TokenInfo
from controller.ocpp.delivery import Encoder, RetryPolicy
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.exc import CallError
from controller.ocpp.ports import ChargingStation, SecurityEventType
from controller.ocpp.rpc import Handler, Payload
from controller.ocpp.schema import Codec
from controller.store.store import Store

SILENCE = CallError("", "no answer at all")


class Registration(StrEnum):
    NONE = "none"  # BootNotification not yet answered
    ACCEPTED = "accepted"
    PENDING = "pending"
    REJECTED = "rejected"


class BootReason(StrEnum):
    """BootReasonEnumType; 1.6 does not tell it."""

    APPLICATION_RESET = "ApplicationReset"
    FIRMWARE_UPDATE = "FirmwareUpdate"
    LOCAL_RESET = "LocalReset"
    POWER_UP = "PowerUp"
    REMOTE_RESET = "RemoteReset"
    SCHEDULED_RESET = "ScheduledReset"
    TRIGGERED = "Triggered"
    UNKNOWN = "Unknown"
    WATCHDOG = "Watchdog"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the station says it is in BootNotification. serial and firmware may be empty."""

    vendor: str
    model: str
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A request to be sent. payload: a struct of the version, or a dict that is validated when it is sent."""

    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class BootAnswer:
    """at: aware UTC. interval_s: as told; what 0 means is the client's business (B02.FR.07)."""

    registration: Registration
    at: datetime
    interval_s: int


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """fingerprint: what makes two reports the same in this version (2.x: `Occupied`; 1.6: status, error and info)."""

    fingerprint: str
    message: Message


class Uplink(Protocol):
    """What handlers may do towards the CSMS, always as `Reply.after`. Implemented by the client."""

    @property
    def registration(self) -> Registration: ...

    async def send(self, message: Message) -> Struct:
        """Send what the CSMS asked for; allowed while Pending (B02.FR.02). Raises NotOnline, CallError, CallTimeout."""

    async def heartbeat(self) -> None:
        """Send a Heartbeat now and believe its time."""

    async def report_status(self, evse_id: int, connector_id: int) -> None:
        """Report a connector's status now, changed or not."""

    def boot_again(self) -> None:
        """Send BootNotification without waiting for the interval (B02.FR.04)."""

    def security_event(self, type: SecurityEventType, tech_info: str) -> None:
        """Keep a security event, and tell it as soon as there is somebody to tell (A04)."""

    def reconnect(self) -> None:
        """Close and connect again, with the credentials as they are now (A01)."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a dialect is made from."""

    station: ChargingStation
    model: DeviceModel
    store: Store
    clock: Clock
    uplink: Uplink
    identity: Identity


class Dialect(Protocol):
    """One OCPP version."""

    @property
    def codec(self) -> Codec: ...

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Action to handler. A handler gets the decoded request struct, raises CallError to answer a CALLERROR."""

    @property
    def encoder(self) -> Encoder: ...

    def retry_policy(self) -> RetryPolicy:
        """How often and how far apart a transaction message is repeated that the CSMS fails to process."""

    def refusal(self, registration: Registration, action: str) -> CallError | None:
        """Return why a request is not even looked at in this state of registration, or SILENCE, or None."""

    def boot_request(self, reason: BootReason) -> Message: ...

    def boot_answer(self, answer: Any) -> BootAnswer: ...

    def heartbeat_request(self) -> Message: ...

    def heartbeat_answer(self, answer: Any) -> datetime: ...

    def status_points(self) -> tuple[tuple[int, int], ...]:
        """Return every (evse_id, connector_id) this version reports, in order. (0, 0) is the station itself."""

    def status(self, evse_id: int, connector_id: int) -> StatusMessage:
        """Return the report of what is true now."""

    def authorize_request(self, id_token: IdToken, evse_id: int | None) -> Message: ...

    def authorize_answer(self, answer: Any) -> TokenInfo: ...


DialectFactory = Callable[[Context], Dialect]
