"""A decoded pilot as the plateaus that mean it, so that one machine and one monitor judge both kinds of front end.

The volts are nominal and inside the strict bands: what a co-processor has decided, no hysteresis of ours softens.
"""

from __future__ import annotations

from controller.hal.ports import LowPlateau, PilotDecoded, PilotReading
from controller.logic.evse import PilotState

_NOMINAL_V: dict[PilotState, float] = {
    PilotState.A: 12.0,
    PilotState.B: 9.0,
    PilotState.C: 6.0,
    PilotState.D: 3.0,
    PilotState.E: 0.0,
    PilotState.F: -12.0,
    PilotState.INVALID: 20.0,  # in no band, and kept by none
}
_NEGATIVE_V = -12.0
_NO_DIODE_V = -8.8  # what a shorted diode leaves in state B


def plateaus_of(reading: PilotReading | PilotDecoded) -> PilotReading:
    """Return what was measured as it is, and what was decoded as nominal plateaus; low_v None where it was not looked at."""
    if isinstance(reading, PilotReading):
        return reading
    high_v = _NOMINAL_V[reading.state]
    if reading.low is LowPlateau.UNKNOWN:
        return PilotReading(high_v, reading.at_s, None, None, reading.duty_pct)
    low_v = {LowPlateau.NEGATIVE: _NEGATIVE_V, LowPlateau.NO_DIODE: _NO_DIODE_V, LowPlateau.NO_PWM: high_v}[reading.low]
    return PilotReading(high_v, reading.at_s, low_v, reading.at_s, reading.duty_pct)
