"""From plateau voltages to a confirmed pilot state: strict bands to enter, wider ones to stay, a time for each change.

Rules
1. A state is entered on its strict band only, and kept while readings stay in its wider band (hysteresis 0.3 V beyond the
   mid-points 10.5 / 7.5 / 4.5 / 1.5 V).
2. A change is confirmed by readings of the new band over the time in `confirm_s`; "two readings" are two different samples.
   That the vehicle left C or D, to A or B, must open within 60 ms: two readings need not agree on which, and where the second
   does not come within 45 ms the first is believed.
3. Readings between the bands are held for 200 ms; then the state is INVALID. The same when readings leave C or D and agree
   on nothing for 200 ms.
4. Without a sample younger than 150 ms the state is INVALID at once.
5. While F or E is driven the line says nothing of the vehicle: `blind` forgets what was seen, and infers nothing.

Bands: IEC 61851-1:2017 Annex A (unverified).
"""

from __future__ import annotations

from controller.logic.evse import PilotState

A, B, C, D = PilotState.A, PilotState.B, PilotState.C, PilotState.D
E, F, INVALID = PilotState.E, PilotState.F, PilotState.INVALID

STRICT_V: dict[PilotState, tuple[float, float]] = {
    A: (11.0, 13.0),
    B: (8.0, 10.0),
    C: (5.0, 7.0),
    D: (2.0, 4.0),
    E: (-1.0, 1.0),
    F: (-13.0, -11.0),
}
HOLD_V: dict[PilotState, tuple[float, float]] = {
    A: (10.2, 13.3),
    B: (7.2, 10.8),
    C: (4.2, 7.8),
    D: (1.2, 4.8),
    E: (-1.3, 1.8),
    F: (-13.3, -10.7),
    INVALID: (float("inf"), float("-inf")),  # nothing keeps it
}
LOW_PLATEAU_V = (-13.0, -11.0)  # with PWM and a diode in the vehicle

TWO_READINGS_S = 0.005  # two samples at least this far apart: two passes of the loop
SECOND_READING_S = 0.045
ASKING_S = 0.500  # B to C: shorter is a BCB toggle or a bounce
PLUGGING_S = 0.100  # a plug bounces
SHORT_S = 0.100
INVALID_S = 0.200
UNSETTLED_S = 0.700  # outside C and D: readings that agree on nothing
STALE_S = 0.150
TOLERANCE_S = 1e-6  # times are sums of floats


def band_of(high_v: float) -> PilotState:
    """Return the state whose strict band holds the voltage; INVALID between the bands and for NaN."""
    for state, (low, high) in STRICT_V.items():
        if low <= high_v <= high:
            return state
    return INVALID


def confirm_s(current: PilotState, seen: PilotState) -> float:
    """Return how long readings of `seen` must last before it replaces `current`."""
    if seen is A:
        return TWO_READINGS_S
    if seen is B:
        return TWO_READINGS_S if current in (C, D) else PLUGGING_S
    if seen is C or seen is D:
        return TWO_READINGS_S if current in (C, D) else ASKING_S
    return INVALID_S if seen is INVALID else SHORT_S


_CONFIRM_S = {(current, seen): confirm_s(current, seen) for current in PilotState for seen in PilotState}
_UNSETTLED_S = {state: INVALID_S if state in (C, D) else UNSETTLED_S for state in PilotState}


class Plateau:
    """The confirmed state of one pilot line.

    state: confirmed. since_s: sample time of the first reading of it. held_since_s: of the first since when every reading was of
    it: a wild one, too short to change the state, begins it anew. is_stale: INVALID for want of samples.
    is_steady: the last reading confirmed the state, nothing else is in the making. is_blind: nothing confirmed since F or
    E was driven or since the start.
    """

    __slots__ = (
        "_candidate",
        "_candidate_at",
        "_last_at",
        "_last_v",
        "_left_at",
        "_period_s",
        "_valid_from",
        "held_since_s",
        "is_blind",
        "is_stale",
        "is_steady",
        "since_s",
        "state",
    )

    def __init__(self, now: float, period_s: float = 0.010) -> None:
        self._period_s = period_s
        self._last_at = float("-inf")
        self._last_v = 0.0
        self._valid_from = now
        self._candidate: PilotState | None = None
        self._candidate_at = now
        self._left_at = now
        self.state = INVALID
        self.since_s = now
        self.held_since_s = now
        self.is_stale = False
        self.is_steady = False
        self.is_blind = True

    def sampled(self, high_v: float, at_s: float, now: float) -> None:
        """Take the newest reading (the same one again is no second reading) and judge its age."""
        if now - at_s > STALE_S + TOLERANCE_S:
            if not self.is_stale:
                self._confirm(INVALID, now)
                self.is_stale = True
            return
        self.is_stale = False
        if at_s < self._last_at or (at_s == self._last_at and high_v == self._last_v):
            self._miss_second(now)
            return  # the same reading again (where time is simulated, one instant may show two voltages)
        if at_s < self._valid_from - TOLERANCE_S:
            return
        self._last_at = at_s
        self._last_v = high_v
        low, high = HOLD_V[self.state]
        if low < high_v < high:
            if not self.is_steady:
                self.held_since_s = at_s
            self._candidate = None
            self.is_steady = True
            return
        self._departed(band_of(high_v), at_s)

    def _departed(self, seen: PilotState, at_s: float) -> None:
        self.is_steady = False
        if seen is self.state:  # INVALID again: nothing new
            self._candidate = None
            return
        if self._candidate is None:
            self._left_at = at_s
        if seen is not self._candidate:
            if not (self._says_left(seen) and self._says_left(self._candidate)):
                self._candidate_at = at_s
            self._candidate = seen
        if at_s - self._candidate_at >= _CONFIRM_S[self.state, seen] - TOLERANCE_S:
            self._confirm(seen, self._candidate_at)
            self.is_blind = False
        elif at_s - self._left_at >= _UNSETTLED_S[self.state] - TOLERANCE_S:
            self._confirm(INVALID, at_s)
            self.is_blind = False
            if seen is not INVALID:  # begins anew with this reading, not with whichever comes next
                self._candidate = seen
                self._candidate_at = self._left_at = at_s

    def _says_left(self, seen: PilotState | None) -> bool:
        """The vehicle left C or D, be it to A or B."""
        return seen in (A, B) and self.state in (C, D)

    def _miss_second(self, now: float) -> None:
        if self._says_left(self._candidate) and now >= self._last_at + SECOND_READING_S - TOLERANCE_S:
            self._confirm(band_of(self._last_v), self._candidate_at)

    def _confirm(self, state: PilotState, since_s: float) -> None:
        if state is not self.state:
            self.state = state
            self.since_s = self.held_since_s = since_s
        self._candidate = None
        self.is_steady = state is not INVALID

    def blind(self, valid_from_s: float) -> None:
        """Forget the vehicle: what is sampled before `valid_from_s` shows our own F or E."""
        self.state = INVALID
        self.since_s = self.held_since_s = valid_from_s
        self.is_blind = True
        self.is_stale = False
        self.is_steady = False
        self._candidate = None
        self._valid_from = valid_from_s

    def deadline(self, sample_at_s: float, now: float) -> float | None:
        """Return when the state would next change with an unchanged line; `sample_at_s`: the newest sample's time."""
        if sample_at_s < now - TOLERANCE_S and not self.is_stale:
            # the sense has stopped giving new samples
            missed = self._last_at + SECOND_READING_S if self._says_left(self._candidate) else float("inf")
            return min(sample_at_s + STALE_S + 2 * TOLERANCE_S, missed)
        if now < self._valid_from - TOLERANCE_S:
            return self._valid_from
        if self._candidate is None:
            return None
        confirmed = self._candidate_at + max(self._period_s, _CONFIRM_S[self.state, self._candidate])
        return min(confirmed, self._left_at + _UNSETTLED_S[self.state])
