"""Why the contactor is not closed, in words that a technician can act on."""

from __future__ import annotations

from enum import Enum

from controller.logic.faults import FAULTS


class Reason(Enum):
    """One reason against offering or closing. value: its bit and its text; the order is that of importance."""

    FAULT = 0, ""  # told by the faults themselves
    NO_VEHICLE = 1, "no vehicle is plugged in (pilot state A)"
    PILOT_UNUSABLE = 2, "the control pilot cannot be judged (short, between its bands, or no new samples)"
    NO_PERMIT = 3, "the station has given no permit: not authorised, or stopped"
    LEASE_EXPIRED = 4, "the station stopped renewing its permit: it hangs or is overloaded"
    STATION_LOST = 5, "the station process is gone; waiting for it and for a fresh permit"
    PERMIT_BELOW_6_A = 6, "a limit below 6 A is in force: waiting (see the station's limits)"
    CABLE_OR_BOARD_BELOW_6_A = 7, "cable or board allows less than 6 A"
    CABLE_UNKNOWN = 8, "the cable's rating is not yet read from proximity pilot"
    UNLOCK_WISHED = 9, "the connector is to be unlocked"
    AFTER_ERROR = 10, "waiting 30 s after an error"
    TOO_MANY_CLOSES = 11, "the contactor closed 6 times in 10 minutes: waiting to spare it"
    SELF_TEST = 12, "the residual-current self-test is running or due"
    NOT_PROVEN_OPEN = 13, "the mirror contact has not yet proven the contactor open"
    DUTY_PACED = 14, "waiting 5 s between two increases of the signalled current"
    NO_VENTILATION = 15, "the vehicle asks for ventilation (pilot state D) and this EVSE has none"
    VEHICLE_NOT_ASKING = 16, "the vehicle does not ask for energy (pilot state B)"
    ASKING_TOO_SHORT = 17, "the vehicle has not yet asked for 500 ms without a break"
    DIODE_NOT_SEEN = 18, "the vehicle's pilot diode is not yet seen good (low plateau -12 V)"
    NOT_LOCKED = 19, "the connector is not locked"
    RECLOSE_PACED = 20, "waiting 5 s after the contactor opened, or after the start"
    TOO_WARM = 21, "it is too warm inside to offer 6 A: waiting for it to cool"
    WAKING = 22, "waking up the vehicle, which was offered current and did not ask for it"
    SWITCHING_PHASES = 23, "switching between one phase and three, and waiting as the board file says"
    DUTY_WRONG = 24, "the duty measured on the pilot is not the one that is driven"

    def __init__(self, position: int, text: str) -> None:
        self.bit = 1 << position
        self.text = text


def texts_of(against: int, fault_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the faults and reasons as text, most important first."""
    faults = tuple(f"{FAULTS[id].title}: {FAULTS[id].hint}" for id in fault_ids)
    return faults + tuple(reason.text for reason in Reason if against & reason.bit and reason.text)
