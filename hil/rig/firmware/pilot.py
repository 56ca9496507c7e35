"""What the station drives the control pilot with, from the length of its pulses and from samples of its volts."""

try:
    from typing import Any
except ImportError:
    pass

STEADY_AFTER_US = 3_000  # without a whole period for so long, the pilot is steady
LEAST_PERIOD_NS = 900_000
MOST_PERIOD_NS = 1_100_000
DUTY_STEP_MPCT = (
    250  # what a duty must change by to be a new one: 2.5 us, half of what the standard lets a pulse be off
)
LEAST_STEADY_MV = 1_500  # beyond it a steady line is driven
LEAST_SHORTED_MV = 400  # the same while the rig's own 80 ohm pull it down: +-12 V are +-0.89 V there
SPLIT_MV = 1_000  # plateaus that differ by less are one, with noise
ADVERTISING_MPCT = (3_000, 97_000)


def plateaus(samples_mv: list[int]) -> tuple[int, int]:
    """Return the high and the low plateau of a burst over at least a period, each the median of its samples.

    A steady line has both the same. samples_mv: not empty; a sample on a slope does no harm while most are not.
    """
    ordered = sorted(samples_mv)
    least, most = ordered[0], ordered[-1]
    if most - least < SPLIT_MV:
        middle = ordered[len(ordered) // 2]
        return (middle, middle)
    half = (most + least) // 2
    above = [each for each in ordered if each > half]
    below = [each for each in ordered if each <= half]
    return (above[len(above) // 2], below[len(below) // 2])


class PilotSense:
    """output: `E` (nothing drives the line), `F` (-12 V), `X1` (+12 V), or the duty of the PWM in thousandths of a percent."""

    def __init__(self) -> None:
        self.output: Any = "E"
        self.frequency_mhz = 0  # millihertz of the last period; 0: steady
        self._pulse_at: int | None = None
        self._candidate: Any = None
        self._candidate_at = 0

    def see(self, now: int, pulse: Any, volts_mv: tuple[int, int], is_shorted: bool) -> int | None:
        """Take what was measured; return since when the output is another one, None if it is the same.

        pulse: (when it ended, high ns, period ns) of the newest whole period since the last call, or None.
        volts_mv: the plateaus. is_shorted: the rig itself shorts the pilot. A change counts when it is seen twice.
        """
        if pulse is not None and LEAST_PERIOD_NS <= pulse[2] <= MOST_PERIOD_NS:
            self._pulse_at = pulse[0]
            self.frequency_mhz = 1_000_000_000_000 // pulse[2]
            return self._becomes(pulse[1] * 100_000 // pulse[2], pulse[0])
        if self._pulse_at is not None:
            if now - self._pulse_at < STEADY_AFTER_US:
                return None
            self.frequency_mhz = 0
        begun, self._pulse_at = self._pulse_at, None
        return self._becomes(_steady(volts_mv[0], is_shorted), now if begun is None else begun)

    def _becomes(self, output: Any, at: int) -> int | None:
        if _is_same(output, self.output):
            self._candidate = None
            return None
        if self._candidate is None or not _is_same(output, self._candidate):
            self._candidate, self._candidate_at = output, at
            return None
        self.output, self._candidate = output, None
        return self._candidate_at


def is_advertising(output: Any) -> bool:
    """Whether an EV is told that it may charge, or talk."""
    return isinstance(output, int) and ADVERTISING_MPCT[0] <= output <= ADVERTISING_MPCT[1]


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, int) and isinstance(other, int):
        return abs(one - other) < DUTY_STEP_MPCT
    return bool(one == other)


def _steady(volts_mv: int, is_shorted: bool) -> str:
    least = LEAST_SHORTED_MV if is_shorted else LEAST_STEADY_MV
    if volts_mv > least:
        return "X1"
    return "F" if volts_mv < -least else "E"
