"""The control-pilot and proximity circuits: resistors, a diode, and a hold circuit that a slow ADC can read.

Source: IEC 61851-1:2017 Annex A and B (unverified): generator ±12 V behind 1 kΩ; EV 2.74 kΩ behind a diode, with
1.3 kΩ (C) or 270 Ω (D) in parallel.
"""

from __future__ import annotations

import math
from enum import StrEnum

from drivers.mock.curve import Curve

GENERATOR_V = 12.0
SOURCE_OHM = 1000.0
DIODE_V = 0.7  # 0.55-0.85 V
HOLD_TAU_S = 0.047
REST_V = 0.0  # of a hold without a signal: its resistor goes to what 0 V of pilot are at the converter
SETTLED_V = 0.02  # a held plateau this close to its target has arrived
STEP_S = 0.010  # while a plateau settles, the pilot is worth a look this often
CABLE_OHM = {13: 1500.0, 20: 680.0, 32: 220.0, 63: 100.0, 70: 100.0}


class Load(StrEnum):
    """What hangs between control pilot and earth, named by the state it makes."""

    A = "A"  # nothing
    B = "B"  # 2.74 kΩ
    C = "C"  # and 1.3 kΩ: S2 closed
    D = "D"  # and 270 Ω: S2 closed, ventilation wanted


LOAD_OHM = {
    Load.A: math.inf,
    Load.B: 2740.0,
    Load.C: 1 / (1 / 2740.0 + 1 / 1300.0),
    Load.D: 1 / (1 / 2740.0 + 1 / 270.0),
}


def line_v(
    generator_v: float,
    load: Load,
    *,
    diode_shorted: bool = False,
    short_ohm: float = math.inf,
    after_diode: bool = False,
) -> float:
    """Return the volts on the pilot line at the station's end.

    short_ohm: from the line to earth. after_diode: the short is behind the EV's diode instead, at 0 Ω.
    """
    if short_ohm <= 0.0:
        return 0.0
    drop = 0.0 if diode_shorted else DIODE_V
    through_source = generator_v / SOURCE_OHM
    conductance = 1 / SOURCE_OHM + 1 / short_ohm
    without_ev = through_source / conductance
    if load is Load.A or (not diode_shorted and without_ev <= drop):
        return without_ev
    if after_diode:
        return drop
    ev = 1 / LOAD_OHM[load]
    return (through_source + drop * ev) / (conductance + ev)


class PeakHold:
    """One held plateau: follows the wave outward at once, and goes back with its time constant, towards the volts at which it rests.

    up: holds the highest volts of the wave, else the lowest. A steady line beyond the rest is not seen: at -12 V the upper one shows 0 V.
    """

    def __init__(self, up: bool, volts: float, now: float) -> None:
        self._up = up
        self._plateau_v = volts
        self.curve = Curve.steady(volts, now)

    def drive(self, plateau_v: float, now: float) -> bool:
        """The wave's outer plateau is `plateau_v` from now on. Returns whether that is news."""
        if plateau_v == self._plateau_v:
            return False
        self._plateau_v = plateau_v
        value = self.curve.value(now)
        outward = plateau_v > value if self._up else plateau_v < value
        if outward:
            self.curve = Curve(value, plateau_v, plateau_v, now, 0.0, plateau_v)
        else:
            ends_v = max(plateau_v, REST_V) if self._up else min(plateau_v, REST_V)
            self.curve = Curve(value, value, ends_v, now, HOLD_TAU_S, REST_V)
        return True

    def settled_at(self) -> float:
        """Return when the output has arrived at its target."""
        return self.curve.reaches_s(SETTLED_V)
