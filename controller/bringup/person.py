"""Who stands at the charger: does what is asked of the hands, and gives leave for what is dangerous."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from controller.bringup.finding import Finding


class Deed(Enum):
    """What only a person can do. value: the request."""

    UNPLUG = "Unplug everything from EVSE {evse}."
    PLUG_IN = (
        "Plug a cable with a test adapter (or a vehicle) into EVSE {evse}, adapter in state B: connected, not asking."
    )
    ASK = "Turn the adapter to state C: the vehicle asks for power."
    CLOSE = "EVSE {evse}: the contactor is about to close. THE SOCKET WILL BE LIVE for some seconds. All covers on? Nobody touches it?"
    CARD = "Hold a card to {reader}."
    MEASURE = "EVSE {evse}, nothing plugged in: the pilot is at {nominal_v:+.0f} V now. What does a multimeter show from CP to PE, in volts?"
    SIGN = "Who signs the report?"


class Person(Protocol):
    def does(self, deed: Deed, **what: object) -> bool:
        """Ask for a deed; return whether it was done. False leaves out what depends on it."""

    def measures(self, evse: int, nominal_v: float) -> float | None:
        """Return the volts that a meter of one's own shows from CP to PE; None to leave it out."""

    def signs(self) -> str:
        """Return the name for the report; empty for none."""

    def sees(self, finding: Finding) -> None:
        """Show a finding as soon as it is made."""
