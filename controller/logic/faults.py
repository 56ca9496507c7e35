"""Faults as data: what each stops, how it clears, the codes it carries on the wire, and the hint a technician reads.

MREC codes: the ChargeX consortium's Minimum Required Error Codes. error_code: ChargePointErrorCode of OCPP 1.6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Stop(Enum):
    """What a standing fault does to the supply."""

    OPEN = "open"  # the contactor opens at once
    SUSPEND = "suspend"  # X1, the vehicle gets its time to stop, then open; nothing is offered meanwhile
    NOTHING = "nothing"  # reported only


class Clears(Enum):
    BY_ITSELF = "by itself"  # once the cause is gone
    UNPLUG = "unplug"  # once the cause is gone and the vehicle has left
    RESET = "reset"  # once the cause is gone and somebody has looked and reset it


class Severity(Enum):
    DANGER = "danger"  # somebody may be hurt
    FAULT = "fault"  # no charging until it clears
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Fault:
    """One row. shows_f: the vehicle is told by F (300 ms). locks_out: nothing closes for 30 s after it cleared."""

    id: str
    mrec: str
    error_code: str
    severity: Severity
    stops: Stop
    clears: Clears
    shows_f: bool
    locks_out: bool
    title: str
    hint: str

    @property
    def is_latching(self) -> bool:
        return self.clears is not Clears.BY_ITSELF


def _row(
    id: str,
    mrec: str,
    error_code: str,
    severity: Severity,
    stops: Stop,
    clears: Clears,
    title: str,
    hint: str,
    *,
    shows_f: bool = False,
    locks_out: bool = True,
) -> Fault:
    return Fault(id, mrec, error_code, severity, stops, clears, shows_f, locks_out, title, hint)


_DANGER, _FAULT, _NOTICE = Severity.DANGER, Severity.FAULT, Severity.NOTICE
_OPEN, _SUSPEND, _NOTHING = Stop.OPEN, Stop.SUSPEND, Stop.NOTHING
_SELF, _UNPLUG, _RESET = Clears.BY_ITSELF, Clears.UNPLUG, Clears.RESET

# fmt: off
ROWS: tuple[Fault, ...] = (
    _row("contactor_welded", "CX017", "PowerSwitchFailure", _DANGER, _OPEN, _RESET, "contactor welded",
         "the mirror contact says closed although the coil is off: isolate the supply, replace the contactor, check the "
         "mirror wiring, then reset", shows_f=True),
    _row("contactor_stuck_open", "CX017", "PowerSwitchFailure", _FAULT, _OPEN, _RESET, "contactor does not close",
         "check coil voltage, the interposing relay, the watchdog one-shot and the mirror wiring, then reset", shows_f=True),
    _row("contactor_dropped", "CX017", "PowerSwitchFailure", _FAULT, _OPEN, _SELF, "contactor opened by itself",
         "its coil lost its supply under power: check the coil circuit (RCD latch, e-stop, watchdog one-shot, line fuse)"),
    _row("mirror_unreadable", "CX017", "PowerSwitchFailure", _FAULT, _OPEN, _SELF, "mirror contact not readable",
         "the mirror lines contradict each other or cannot be read: check both wires and the GPIO chip"),
    _row("rcd_trip", "CX002", "GroundFailure", _DANGER, _OPEN, _RESET, "residual current tripped",
         "current leaks to earth: check vehicle, cable and moisture in the connector, then reset the RCD and this fault",
         shows_f=True),
    _row("rcd_error", "CX002", "GroundFailure", _DANGER, _OPEN, _SELF, "residual-current monitor reports an error",
         "check the sensor's supply and its ERR line", shows_f=True),
    _row("rcd_self_test", "CX002", "GroundFailure", _DANGER, _SUSPEND, _RESET, "residual-current self-test failed",
         "the monitor did not trip or did not release on its test line: check TEST and TRIP wiring or replace the sensor"),
    _row("ground_lost", "CX002", "GroundFailure", _DANGER, _OPEN, _SELF, "protective earth lost",
         "the earth monitor sees no protective conductor: isolate the supply and check PE from the board to the socket",
         shows_f=True),
    _row("over_temperature", "CX003", "HighTemperature", _FAULT, _SUSPEND, _SELF, "too warm inside",
         "71 degC or more: it charges again below 68; check ventilation, terminals and contactor for heat", locks_out=False),
    _row("temperature_lost", "CX003", "HighTemperature", _FAULT, _SUSPEND, _SELF, "temperature sensor gives no credible reading",
         "for 10 s: check the sensor's wires for a break or a short, and its converter", locks_out=False),
    _row("emergency_stop", "CX008", "OtherError", _DANGER, _OPEN, _RESET, "emergency stop pressed",
         "release the button after the danger is over, then reset", shows_f=True),
    _row("mains_lost", "CX015", "OtherError", _FAULT, _OPEN, _SELF, "mains absent",
         "check the supply, the line fuse and the mains-present input"),
    _row("input_unreadable", "", "InternalError", _FAULT, _OPEN, _SELF, "a protection input cannot be read",
         "an emergency-stop, mains, RCD or lock input raised an error: check the GPIO chip and the board file's pins"),
    _row("output_failed", "", "InternalError", _DANGER, _OPEN, _SELF, "an output cannot be written",
         "the pilot, contactor or lock output raised an error: check the GPIO and PWM overlays of the board"),
    _row("loop_stalled", "", "InternalError", _FAULT, _OPEN, _SELF, "the safety loop stood still",
         "it was away for 200 ms, so the watchdog may have dropped the contactor: the safety process' log names a driver that took long; else "
         "check the load and power supply of the Pi"),
    _row("pilot_short", "CX014", "OtherError", _FAULT, _OPEN, _SELF, "control pilot shorted to earth",
         "state E: check the cable and the CP wire for a short to PE, and the pilot supply"),
    _row("pilot_reversed", "CX014", "OtherError", _FAULT, _OPEN, _SELF, "control pilot at -12 V without being driven there",
         "state F seen: check the pilot driver and its PWM line"),
    _row("pilot_invalid", "CX014", "EVCommunicationError", _FAULT, _OPEN, _SELF, "control pilot between its bands",
         "check CP and PE contacts, a corroded plug, the divider and its calibration"),
    _row("pilot_unread", "CX014", "InternalError", _FAULT, _OPEN, _SELF, "control pilot not sampled",
         "no new pilot sample arrives: check the ADC, its address and the I2C bus"),
    _row("pilot_diode", "CX014", "EVCommunicationError", _FAULT, _OPEN, _UNPLUG, "no diode in the vehicle's pilot circuit",
         "the low plateau is not -12 V: the vehicle or the cable is damaged, or something else is plugged in", shows_f=True),
    _row("pilot_pwm", "CX014", "InternalError", _FAULT, _OPEN, _SELF, "pilot PWM missing",
         "PWM is on but the line does not go low: check the PWM overlay, the pin and the pilot driver"),
    _row("pilot_duty", "CX014", "InternalError", _FAULT, _OPEN, _UNPLUG, "pilot PWM with a duty that is not driven",
         "the vehicle is told another current than meant: check the pilot driver's polarity, the PWM pin, and what else writes that channel"),
    _row("lock_jammed", "CX001", "ConnectorLockFailure", _FAULT, _SUSPEND, _UNPLUG, "connector lock does not move",
         "check that the plug is fully inserted, the lock motor and its feedback switch", locks_out=False),
    _row("lock_lost", "CX001", "ConnectorLockFailure", _DANGER, _OPEN, _UNPLUG, "connector lock opened by itself",
         "the feedback said unlocked while energised: check the lock and its feedback switch", shows_f=True),
    _row("proximity", "CX023", "OtherError", _FAULT, _SUSPEND, _SELF, "cable coding not readable",
         "the PP resistance is outside every band: check the cable, its plug and the PP contact", locks_out=False),
    _row("proximity_changed", "CX023", "OtherError", _DANGER, _OPEN, _UNPLUG, "cable coding changed while locked",
         "the plug moved or was exchanged while locked: check the lock and the PP contact", shows_f=True),
    _row("over_current", "CX004", "OverCurrentFailure", _FAULT, _SUSPEND, _UNPLUG, "vehicle draws more than it was told",
         "drawn current stayed above the signalled one for 7 s: the vehicle does not follow the pilot"),
    _row("over_current_high", "CX004", "OverCurrentFailure", _DANGER, _OPEN, _UNPLUG, "vehicle draws far too much",
         "drawn current was above 1.5 times the signalled one for 1 s", shows_f=True),
    _row("over_voltage", "CX005", "OverVoltage", _FAULT, _SUSPEND, _SELF, "mains voltage too high",
         "above 1.10 of nominal for 5 s: check the supply, a lost neutral and the meter wiring"),
    _row("under_voltage", "CX006", "UnderVoltage", _FAULT, _SUSPEND, _SELF, "mains voltage too low",
         "below 0.85 of nominal for 5 s: check the supply, the cable cross-section and the meter wiring"),
    _row("invariant", "", "InternalError", _DANGER, _OPEN, _RESET, "the safety monitor saw a broken invariant",
         "keep the log and report it; reset only after the cause is understood", shows_f=True),
    # raised by the station, of things the safety process does not see
    _row("safety_lost", "", "InternalError", _DANGER, _NOTHING, _SELF, "no facts from the safety process",
         "the safety process is down or restarting: its outputs are off by the hardware watchdog"),
    _row("meter_lost", "", "PowerMeterFailure", _FAULT, _NOTHING, _SELF, "energy meter silent",
         "check the meter's wiring, address, speed and parity"),
    _row("storage_full", "", "InternalError", _FAULT, _NOTHING, _SELF, "storage full: nothing new begins",
         "what charges goes on; free some space on the file system of the state directory, or use a larger card"),
    _row("contactor_worn", "", "OtherError", _NOTICE, _NOTHING, _SELF, "contactor has reached its rated life",
         "it still works: plan its replacement, then tell it with `pilotline contactor EVSE --replaced`"),
    _row("reader_lost", "", "ReaderFailure", _NOTICE, _NOTHING, _SELF, "card reader not reachable",
         "check the reader's port and supply"),
)
# fmt: on

FAULTS: dict[str, Fault] = {row.id: row for row in ROWS}


class FaultBook:
    """The faults of one EVSE: which causes stand now, which faults are active because of them or latched since.

    `version` grows with every change of `active`.
    """

    __slots__ = ("_active", "_standing", "ids", "is_open_demanded", "is_suspended", "locks_out", "shows_f", "version")

    def __init__(self) -> None:
        self._active: dict[str, Fault] = {}
        self._standing: set[str] = set()
        self.version = 0
        self._summarise()

    def report(self, fault_id: str, stands: bool) -> None:
        """Tell whether a fault's cause stands now. Called on every pass; cheap when nothing changes."""
        if stands:
            if fault_id not in self._standing:
                self._standing.add(fault_id)
                if fault_id not in self._active:
                    self._active[fault_id] = FAULTS[fault_id]
                    self._summarise()
        elif fault_id in self._standing:
            self._standing.discard(fault_id)
            if FAULTS[fault_id].clears is Clears.BY_ITSELF:
                self._drop(fault_id)

    def restore(self, fault_ids: Iterable[str]) -> None:
        """Take over what an earlier process had latched. An id that the table does not know is ignored."""
        for fault_id in fault_ids:
            if fault_id in FAULTS and FAULTS[fault_id].is_latching:
                self._active[fault_id] = FAULTS[fault_id]
        self._summarise()

    @property
    def latched(self) -> tuple[str, ...]:
        return tuple(row.id for row in self._active.values() if row.is_latching)

    def has(self, fault_id: str) -> bool:
        return fault_id in self._active

    def reset(self, fault_id: str) -> bool:
        """Clear a latched fault whose cause is gone; return whether it was cleared."""
        if fault_id in self._standing or fault_id not in self._active:
            return False
        self._drop(fault_id)
        return True

    def unplugged(self) -> None:
        """The vehicle has left: what was its fault goes with it."""
        for fault in [row for row in self._active.values() if row.clears is Clears.UNPLUG]:
            if fault.id not in self._standing:
                self._drop(fault.id)

    def _drop(self, fault_id: str) -> None:
        if self._active.pop(fault_id, None) is not None:
            self._summarise()

    def _summarise(self) -> None:
        rows = tuple(self._active.values())
        self.version += 1
        self.ids: tuple[str, ...] = tuple(self._active)
        self.is_open_demanded = any(row.stops is Stop.OPEN for row in rows)
        self.is_suspended = any(row.stops is Stop.SUSPEND for row in rows)
        self.shows_f = any(row.stops is Stop.OPEN and row.shows_f for row in rows)
        self.locks_out = any(row.locks_out and row.stops is not Stop.NOTHING for row in rows)
