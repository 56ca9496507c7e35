"""What the safety process and the station say to each other of one EVSE: facts up, permits and wishes down.

Values only. The codec and the socket are in `controller/ipc.py`; the machine that makes the facts is `logic/pilot.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PilotState(StrEnum):
    """What the control pilot's high plateau says of the EV (IEC 61851-1:2017 Annex A), confirmed."""

    A = "A"  # nothing plugged in
    B = "B"  # plugged, the EV is not ready
    C = "C"  # the EV asks for energy
    D = "D"  # the EV asks for energy with ventilation
    E = "E"  # the line is shorted or the supply is off
    F = "F"  # -12 V seen although we do not drive it
    INVALID = "invalid"  # between the bands, stale or contradictory


class PilotOutput(StrEnum):
    """What we drive on the pilot."""

    X1 = "X1"  # steady +12 V: no current offered
    X2 = "X2"  # PWM: the duty says how much
    E = "E"  # CP_EN open: line disconnected
    F = "F"  # steady -12 V: station fault


class PlugState(StrEnum):
    UNPLUGGED = "unplugged"
    PLUGGED = "plugged"
    UNKNOWN = "unknown"  # we drive E or F, or no valid sample yet: the last state is held elsewhere


class ContactorState(StrEnum):
    OPEN = "open"  # commanded open and the mirror proves it
    CLOSING = "closing"  # commanded closed, mirror not yet settled
    CLOSED = "closed"  # commanded closed and the mirror agrees
    OPENING = "opening"  # commanded open, mirror not yet settled
    WELDED = "welded"  # commanded open, the mirror says closed
    STUCK_OPEN = "stuck open"  # commanded closed, the mirror says open
    UNKNOWN = "unknown"  # not yet checked since start


class LockState(StrEnum):
    NONE = "none"  # tethered cable: there is no lock
    UNLOCKED = "unlocked"
    LOCKING = "locking"
    LOCKED = "locked"
    UNLOCKING = "unlocking"
    JAMMED = "jammed"


class LimitContact(StrEnum):
    """The contact by which somebody else, such as the grid's operator, limits the station."""

    INACTIVE = "inactive"  # or the board has none
    ACTIVE = "active"
    UNREADABLE = "unreadable"  # counts as active


@dataclass(frozen=True, slots=True)
class EvseFacts:
    """Everything the station may know of one EVSE: a snapshot, sent on every change and at least twice a second.

    evse_id: 1... at_s: monotonic time of the pass that made it. plug_count: number of plug-ins seen since this safety
    process started; together with `run_id` (new at each start of the safety process) it shows a replug that happened
    unseen. high_v, low_v: last plateaus, volts. duty_pct: None unless output is X2. signalled_a: amperes that the duty
    tells the EV; 0 when it tells none. cable_a: cable rating latched for this plug-in (tethered: the board's), None when
    unknown. record_id: charging record of the permit in force, or None. faults: ids of active or latched faults
    (rows of `logic/faults.py`). blocked_by: why the contactor is not closed, plain words, most important first; empty
    when closed. cycles: closes counted since start. under_load_opens: forced breaks under load since start.
    temperature_c: of the enclosure, None without a sensor or a credible reading. thermal_a: what warmth allows, None while it
    limits nothing. limit_contact: of the whole board.
    """

    evse_id: int
    run_id: str
    at_s: float
    pilot: PilotState
    plug: PlugState
    plug_count: int
    output: PilotOutput
    duty_pct: float | None
    signalled_a: float
    high_v: float | None
    low_v: float | None
    contactor: ContactorState
    lock: LockState
    cable_a: int | None
    record_id: str | None
    faults: tuple[str, ...] = ()
    blocked_by: tuple[str, ...] = ()
    cycles: int = 0
    under_load_opens: int = 0
    temperature_c: float | None = None
    thermal_a: float | None = None
    limit_contact: LimitContact = LimitContact.INACTIVE

    @property
    def is_energised(self) -> bool:
        """Whether current may flow: anything but a proven open contactor counts as closed."""
        return self.contactor not in (ContactorState.OPEN, ContactorState.STUCK_OPEN)


@dataclass(frozen=True, slots=True)
class Measurements:
    """Phase currents (A) and voltages (V) as the energy meter last gave them, and how old they were when sent (s)."""

    current_a: tuple[float, ...]
    voltage_v: tuple[float, ...]
    age_s: float


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to energise one EVSE, for `lease_s` seconds from its arrival. Renewed several times a second, never assumed.

    max_current_a: < 6 means: stay plugged in and wait (X1), the permit itself stands. phases: 1 or 3.
    charging_record_id: a record the station has committed; never empty.
    """

    evse_id: int
    max_current_a: float
    phases: int
    charging_record_id: str
    lease_s: float = 2.0
    measurements: Measurements | None = None


@dataclass(frozen=True, slots=True)
class PermitWithdrawn:
    """The station ends its permit in good order: X1 at once, the EV gets its time to stop, then open."""

    evse_id: int


@dataclass(frozen=True, slots=True)
class LockWish:
    """What the station wants of the cable lock. Unlocking happens only once the contactor is proven open.

    Without a wish the safety process locks at plug-in and unlocks when the EV has left (state A). A wish holds until the
    next plug-in.
    """

    evse_id: int
    lock: bool


@dataclass(frozen=True, slots=True)
class FaultReset:
    """A technician or the CSMS clears a latched fault; it comes back if its cause still stands."""

    evse_id: int
    fault_id: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing to say; the sender is alive. Sent when no permit is to be renewed."""


StationMessage = Permit | PermitWithdrawn | LockWish | FaultReset | Heartbeat
