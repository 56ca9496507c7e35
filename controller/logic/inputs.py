"""What the safety machines are told on each pass: levels as the ports read them, with an Enum where a port may not know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """A digital input as it was read."""

    NO = "no"  # the named condition does not hold
    YES = "yes"  # the named condition holds
    UNKNOWN = "unknown"  # the device could not be read: act as if the worse were true


class Mirror(Enum):
    """The mirror contact, which moves with the main contacts whatever the coil is told."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"  # the lines contradict each other, or could not be read


@dataclass(slots=True)
class Inputs:
    """One EVSE's levels. Kept and refreshed in place: one object for the life of the process.

    Plateaus and resistance keep their last value when a read fails; their time stamps then grow old, which is what the
    machine judges. A device that the board does not have keeps the value given here. *_at_s: monotonic, when sampled.
    """

    high_v: float = 0.0
    high_at_s: float = float("-inf")
    low_v: float | None = None
    low_at_s: float | None = None
    duty_pct: float | None = None  # measured with the high plateau; None: steady, or the front end cannot tell
    proximity_ohm: float = float("inf")
    proximity_at_s: float = float("-inf")
    mirror: Mirror = Mirror.UNKNOWN
    locked: Level = Level.NO
    rcd_tripped: Level = Level.NO
    rcd_partly_tripped: Level = Level.NO  # of two trip outputs one is active, the other is not
    rcd_error: Level = Level.NO
    estop_pressed: Level = Level.NO
    mains_absent: Level = Level.NO
    ground_lost: Level = Level.NO
    temperature_c: float = 0.0
    temperature_at_s: float = float("-inf")
    current_a: tuple[float, ...] = ()  # sensed by the board itself, not what a permit carries
    voltage_v: tuple[float, ...] = ()
    phases_at_s: float = float("-inf")
    limit_active: Level = Level.NO  # the contact by which somebody else limits the current
    outputs_failed: Level = Level.NO  # a write to this EVSE's pilot, contactor or lock raised in the last pass
