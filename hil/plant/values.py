"""What the plant is made of, what it saw, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass

NOMINAL_V = 230.0
FREQUENCY_HZ = 50.0


class PlantError(ValueError):
    """A verb that makes no sense. The message names the verb and the key; nothing was changed."""


@dataclass(frozen=True, slots=True)
class PlantEvse:
    """One EVSE as it is built. id: 1... cable_a: what a tethered cable carries; of no meaning with a socket.

    phases: 1 or 3. has_phase_relay: L2 and L3 go through a relay of their own. meter_start_wh: what the meter's import
    register shows in the beginning. bolt_rests: of the lock, see `BoltModel`. rcd_outputs: trip outputs of its monitor, 1 or 2.
    """

    id: int
    tethered: bool = False
    phases: int = 3
    has_phase_relay: bool = False
    cable_a: int | None = None
    meter_start_wh: float = 1_000_000.0
    bolt_rests: int = 0
    rcd_outputs: int = 1


@dataclass(frozen=True, slots=True)
class PlantReader:
    """A card reader. kind: `uid` (a PN532, sees 4, 7 or 10 byte UIDs) or `line` (gets any text). evse: None for all."""

    name: str
    kind: str
    evse: int | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """Something changed at the plant at monotonic time at_s.

    what: `command, relay_supply, coil, contact, mirror, pilot, advertising, ev, locked, rcd, current`.
    value: what it became, in words or numbers (JSON values only).
    """

    at_s: float
    what: str
    value: str | float | bool | None
