"""What a meter cannot truthfully say. Pure: readings in, complaints out."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.logic.values import MeterReading

_HIGHEST_V = 600.0  # line to neutral or line to line of any supply an AC station may have
_HIGHEST_A = 1000.0
_FREQUENCIES_HZ = (40.0, 70.0)
_HIGHEST_W = 250_000.0
_SLACK_WH = 1000.0  # register resolution, and the time between the poll and its stamp


def complaint_about(reading: MeterReading) -> str | None:
    """Return what is impossible in a reading by itself, or None. A dead phase (0 V) is possible, and so is 0 Hz with it."""
    for volts in reading.voltage_v:
        if not 0 <= volts <= _HIGHEST_V:
            return f"voltage {volts:g} V is outside 0..{_HIGHEST_V:g} V"
    for amps in reading.current_a:
        if abs(amps) > _HIGHEST_A:
            return f"current {amps:g} A is above {_HIGHEST_A:g} A"
    if abs(reading.power_w) > _HIGHEST_W:
        return f"power {reading.power_w:g} W is above {_HIGHEST_W:g} W"
    if reading.energy_import_wh < 0:
        return f"energy register {reading.energy_import_wh} Wh is negative"
    lowest, highest = _FREQUENCIES_HZ
    if reading.frequency_hz and not lowest <= reading.frequency_hz <= highest:
        return f"frequency {reading.frequency_hz:g} Hz is outside {lowest:g}..{highest:g} Hz"
    return None


@dataclass
class EnergyWatch:
    """Judges the import register against what it was: a fall or a leap must be confirmed by a second poll.

    One frame may be wrong. What two say is what the meter shows, an exchanged one too: whether it is believed is not decided here.
    """

    _accepted: tuple[int, float] | None = field(default=None, init=False)
    _suspect: tuple[int, float] | None = field(default=None, init=False)

    def complaint_about(self, energy_wh: int, at_s: float) -> str | None:
        """Return what is wrong with the register at that monotonic time, or None, which accepts it."""
        if self._accepted is not None:
            before_wh, _ = self._accepted
            fell, leapt = energy_wh < before_wh, energy_wh > _ceiling(self._accepted, at_s)
            if (fell or leapt) and not self._confirms(energy_wh, at_s):
                self._suspect = (energy_wh, at_s)
                return f"energy register {'fell' if fell else 'leapt'} from {before_wh} to {energy_wh} Wh"
        self._accepted = (energy_wh, at_s)
        self._suspect = None
        return None

    def _confirms(self, energy_wh: int, at_s: float) -> bool:
        return self._suspect is not None and self._suspect[0] <= energy_wh <= _ceiling(self._suspect, at_s)


def _ceiling(known: tuple[int, float], at_s: float) -> float:
    energy_wh, known_at_s = known
    return energy_wh + _SLACK_WH + _HIGHEST_W * (at_s - known_at_s) / 3600
