"""The connector lock: a motor that is pulsed, and a feedback switch that says where the bolt is.

Rules
1. A pulse lasts at least 300 ms and at most 600 ms; between the two it ends when the feedback agrees.
2. A try that the feedback does not confirm is repeated after a rest, five tries in all; then the lock is JAMMED until it is told
   something else, or the fault is reset.
3. At most 10 moves in 60 s, whatever is wanted.
4. Nothing unlocks unless the caller says so (`may_unlock`): the contactor is proven open. It is judged during the whole pulse.
5. Only the feedback makes LOCKED or UNLOCKED. An unreadable feedback is neither.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from controller.logic.evse import LockState
from controller.logic.inputs import Level

PULSE_LEAST_S = 0.300
PULSE_MOST_S = 0.600
REST_S = 0.500
TRIES = 5
MOVES = 10
MOVES_PER_S = 60.0
TOLERANCE_S = 1e-6


class Motion(Enum):
    """What the motor is told."""

    LOCK = "lock"
    UNLOCK = "unlock"
    REST = "rest"


class Wanted(Enum):
    """What the caller wants of the lock."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    AS_IT_IS = "as it is"  # the vehicle cannot be seen: move nothing


class LockMachine:
    """One lock. motion: what the motor must be told now. state: as the feedback shows it."""

    __slots__ = ("_moves", "_pulse_at", "_rest_until", "_tries", "_wanted", "motion", "state")

    def __init__(self) -> None:
        self._wanted = Wanted.AS_IT_IS
        self._tries = 0
        self._pulse_at = float("-inf")
        self._rest_until = float("-inf")
        self._moves: deque[float] = deque(maxlen=MOVES)
        self.motion = Motion.REST
        self.state = LockState.UNLOCKED

    def retry(self) -> None:
        """Somebody has looked at a jammed lock: count its tries anew."""
        self._tries = 0

    def step(self, wanted: Wanted, feedback: Level, may_unlock: bool, now: float) -> None:
        if wanted is not self._wanted:
            self._wanted = wanted
            self._tries = 0
            self._rest_until = float("-inf")
        if self.motion is not Motion.REST:
            self._continue_pulse(feedback, may_unlock, now)
        if self.motion is Motion.REST:
            self._consider_pulse(feedback, may_unlock, now)
        self._judge(feedback)

    def _target(self) -> tuple[Motion, Level]:
        if self._wanted is Wanted.LOCKED:
            return Motion.LOCK, Level.YES
        return Motion.UNLOCK, Level.NO

    def _continue_pulse(self, feedback: Level, may_unlock: bool, now: float) -> None:
        motion, reached = self._target()
        lasted = now - self._pulse_at + TOLERANCE_S
        turned = motion is not self.motion or self._wanted is Wanted.AS_IT_IS
        forbidden = self.motion is Motion.UNLOCK and not may_unlock
        done = feedback is reached and lasted >= PULSE_LEAST_S
        if forbidden or done or lasted >= PULSE_MOST_S or (turned and lasted >= PULSE_LEAST_S):
            self.motion = Motion.REST
            self._rest_until = now + (0.0 if done else REST_S)

    def _consider_pulse(self, feedback: Level, may_unlock: bool, now: float) -> None:
        motion, reached = self._target()
        if self._wanted is Wanted.AS_IT_IS:
            return
        if feedback is reached:
            self._tries = 0
            return
        if self._tries >= TRIES or now < self._rest_until - TOLERANCE_S:
            return
        if motion is Motion.UNLOCK and not may_unlock:
            return
        if len(self._moves) == MOVES and now < self._moves[0] + MOVES_PER_S - TOLERANCE_S:
            return
        self._moves.append(now)
        self._tries += 1
        self._pulse_at = now
        self.motion = motion

    def _judge(self, feedback: Level) -> None:
        if self.motion is not Motion.REST:
            self.state = LockState.LOCKING if self.motion is Motion.LOCK else LockState.UNLOCKING
        elif self._tries >= TRIES and feedback is not self._target()[1]:
            self.state = LockState.JAMMED
        elif feedback is Level.YES:
            self.state = LockState.LOCKED
        elif self._wanted is Wanted.LOCKED:
            self.state = LockState.LOCKING
        elif feedback is Level.NO:
            self.state = LockState.UNLOCKED
        else:
            self.state = LockState.UNLOCKING

    def deadline(self, feedback: Level, may_unlock: bool, now: float) -> float | None:
        """Return when something here would next change with an unchanged feedback and the same wish."""
        motion, reached = self._target()
        if self.motion is not Motion.REST:
            ends_early = feedback is reached or motion is not self.motion or self._wanted is Wanted.AS_IT_IS
            return self._pulse_at + (PULSE_LEAST_S if ends_early else PULSE_MOST_S)
        if self._wanted is Wanted.AS_IT_IS or feedback is reached or self._tries >= TRIES:
            return None
        if motion is Motion.UNLOCK and not may_unlock:
            return None
        due = self._rest_until
        if len(self._moves) == MOVES:
            due = max(due, self._moves[0] + MOVES_PER_S)
        return due if due > now else now
