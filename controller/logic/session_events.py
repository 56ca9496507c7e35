"""What a session machine is told (past tense) and what it asks for (imperative). Values only; the machine is `session.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from controller.logic.evse import EvseFacts
from controller.logic.records import Basis, ChargingState, EventKind, StopReason, Trigger
from controller.logic.transaction import TxPolicy
from controller.logic.values import IdToken

# --- configuration and what is carried over -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SessionRules:
    """The variables that a session obeys.

    connection_timeout_s: EVConnectionTimeOut; 0 waits for ever. max_energy_on_invalid_wh: None or 0 where it is not set.
    is_tethered: the cable is fixed to the station. fatal_faults: faults that end a transaction, and with which reason;
    suspending_faults: faults that only keep energy off. A fault in neither is a warning.
    """

    policy: TxPolicy
    connection_timeout_s: float = 60.0
    stop_on_ev_side_disconnect: bool = True
    unlock_on_ev_side_disconnect: bool = True
    stop_on_invalid_id: bool = True
    max_energy_on_invalid_wh: int | None = None
    authorization_required: bool = True
    is_tethered: bool = False
    fatal_faults: tuple[tuple[str, StopReason], ...] = ()
    suspending_faults: frozenset[str] = frozenset()

    def stops_charging(self, fault_id: str) -> bool:
        return fault_id in self.suspending_faults or any(fault_id == fatal for fatal, _ in self.fatal_faults)

    def reason_of(self, fault_id: str) -> StopReason | None:
        return next((reason for fatal, reason in self.fatal_faults if fatal == fault_id), None)


@dataclass(frozen=True, slots=True)
class Authorization:
    """Leave to charge that somebody gave. group: of the token. remote_start_id: where a CSMS asked for it."""

    id_token: IdToken
    basis: Basis
    group: str | None = None
    remote_start_id: int | None = None
    is_remote: bool = False


@dataclass(frozen=True, slots=True)
class Billed:
    """The running transaction as the machine knows it.

    id_token: who was authorised for it, None while nobody was. start_register_wh: None while the register is not known.
    reported_state: the last charging state in an event of it.
    """

    id: str
    id_token: IdToken | None = None
    group: str | None = None
    start_register_wh: int | None = None
    reported_state: ChargingState | None = None


@dataclass(frozen=True, slots=True)
class Handover:
    """A session that began without an EVSE and goes on at one."""

    session_id: str
    authorization: Authorization
    billed: Billed | None


class AskFor(StrEnum):
    START = "start"
    STOP = "stop"


# --- events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FactsSeen:
    """A snapshot from the safety process, new or unchanged."""

    facts: EvseFacts


@dataclass(frozen=True, slots=True)
class SafetyLost:
    """The safety process is gone: whatever it had closed is open within seconds, and nothing is known of the plug."""


@dataclass(frozen=True, slots=True)
class TokenPresented:
    """A token was held to a reader of this EVSE."""

    id_token: IdToken


@dataclass(frozen=True, slots=True)
class AuthorizationAnswered:
    """What came of `Authorize`. is_master: the token belongs to the master pass group. why: for people, where refused.

    is_moved: it was asked where no EVSE was known, and the EV it is for is here.
    """

    id_token: IdToken
    ask: AskFor
    is_accepted: bool
    basis: Basis = Basis.CSMS
    group: str | None = None
    is_master: bool = False
    remote_start_id: int | None = None
    is_remote: bool = False
    is_moved: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class AnswerMoved:
    """The answer to a token that was presented here is for another place, `where`."""

    id_token: IdToken
    where: str


@dataclass(frozen=True, slots=True)
class RemoteStartAsked:
    """A CSMS asks to start. authorize: check the token first (AuthorizeRemoteStart)."""

    id_token: IdToken
    remote_start_id: int | None
    group: str | None
    authorize: bool


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Somebody other than the driver's card ends the authorisation.

    ends_transaction: also where no TxStopPoint says so (a reset, an emergency, an unlock in 1.6).
    """

    trigger: Trigger
    reason: StopReason
    ends_transaction: bool = False
    id_token: IdToken | None = None


@dataclass(frozen=True, slots=True)
class TokenJudged:
    """The CSMS told in its answer to a transaction message what it thinks of the token (E05)."""

    transaction_id: str
    id_token: IdToken
    is_accepted: bool
    group: str | None = None


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """The energy register now, and the power that flows."""

    register_wh: int
    power_w: float


@dataclass(frozen=True, slots=True)
class OfferChanged:
    """The least of all limits is now so many amperes; below 6 nothing is offered."""

    current_a: float


@dataclass(frozen=True, slots=True)
class GateChanged:
    """Whether something new may begin here (operative, room in the store, meter answers, registered...), and why not.

    is_brief: it will soon be open again or closed for good. Whoever comes meanwhile is let in, and has to wait a moment.
    """

    is_open: bool
    why: str = ""
    is_brief: bool = False

    @property
    def refuses(self) -> bool:
        return not self.is_open and not self.is_brief


@dataclass(frozen=True, slots=True)
class BayChanged:
    is_occupied: bool


@dataclass(frozen=True, slots=True)
class CableReleased:
    """Somebody who may (the CSMS) lets go of a cable that is kept for its owner."""


@dataclass(frozen=True, slots=True)
class RulesChanged:
    rules: SessionRules


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The EV of a driver who had authorised before any EVSE was known has come to this one."""

    handover: Handover


@dataclass(frozen=True, slots=True)
class Resumed:
    """After a restart: this transaction goes on, continuity is proven.

    is_authorized: its authorisation had not been ended. allows_energy: configuration lets energy flow again.
    facts: of the plug as it is; it counts as having been plugged in all along.
    """

    session_id: str
    billed: Billed
    is_authorized: bool
    allows_energy: bool
    facts: EvseFacts | None


@dataclass(frozen=True, slots=True)
class PlugSpent:
    """After a restart: this plug-in has already had its transaction; it starts no other by itself."""

    facts: EvseFacts


SessionEvent = (
    FactsSeen
    | SafetyLost
    | TokenPresented
    | AuthorizationAnswered
    | AnswerMoved
    | RemoteStartAsked
    | StopAsked
    | TokenJudged
    | RegisterRead
    | OfferChanged
    | GateChanged
    | BayChanged
    | CableReleased
    | RulesChanged
    | HandedOver
    | Resumed
    | PlugSpent
)

# --- effects -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenSession:
    session_id: str


@dataclass(frozen=True, slots=True)
class CloseSession:
    session_id: str


@dataclass(frozen=True, slots=True)
class Authorize:
    """Find out whether the token may, and tell by `AuthorizationAnswered`. group: of who charges, where this may stop it."""

    id_token: IdToken
    ask: AskFor
    group: str | None = None
    remote_start_id: int | None = None
    is_remote: bool = False


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """Commit a charging record. The permit that follows in the list must not go out before.

    transaction_id: the one that was already running; one that begins with this record names it in its STARTED event.
    """

    record_id: str
    session_id: str
    basis: Basis
    id_token: IdToken
    transaction_id: str | None


@dataclass(frozen=True, slots=True)
class GrantPermit:
    """Send permits that name this record, and renew them until `WithdrawPermit`."""

    record_id: str


@dataclass(frozen=True, slots=True)
class WithdrawPermit:
    why: str


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Commit one event of a transaction.

    id_token: only where it is told for the first time, or stops the transaction. record_id, group: only with STARTED, where
    there are such.
    """

    transaction_id: str
    session_id: str
    kind: EventKind
    trigger: Trigger
    charging_state: ChargingState
    id_token: IdToken | None = None
    group: str | None = None
    record_id: str | None = None
    remote_start_id: int | None = None
    stopped_reason: StopReason | None = None


@dataclass(frozen=True, slots=True)
class NoteAuthorizationEnded:
    """Remember across a restart that this open transaction is no longer authorised."""

    transaction_id: str


@dataclass(frozen=True, slots=True)
class WishLock:
    lock: bool


@dataclass(frozen=True, slots=True)
class StopEverywhere:
    """A master pass without a user interface stops every transaction (C16.FR.02)."""

    id_token: IdToken


@dataclass(frozen=True, slots=True)
class Tell:
    """Something a person at the station may want to know. kind: `token`, `transaction`, `session`. is_refusal: of the token."""

    kind: str
    text: str
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class ReportStatus:
    """The projection of the connector's status may have changed."""


SessionEffect = (
    OpenSession
    | CloseSession
    | Authorize
    | CommitRecord
    | GrantPermit
    | WithdrawPermit
    | RecordEvent
    | NoteAuthorizationEnded
    | WishLock
    | StopEverywhere
    | Tell
    | ReportStatus
)
