"""What a CSMS writes down: every frame, and everything in it that breaks a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What sort of rule was broken."""

    SCHEMA = "schema"
    FRAME = "frame"  # not an OCPP-J message at all, or a message id that is not allowed
    SUBPROTOCOL = "subprotocol"
    IN_FLIGHT = "second CALL in flight"
    NOT_REGISTERED = "message before BootNotification was accepted"
    TOO_EARLY = "BootNotification before its interval"
    UNASKED = "answer to nothing"
    TRANSACTION = "transaction event out of order"
    GAP = "gap in seqNo"
    METER = "meter going backwards"
    TIME = "time going backwards"
    FUTURE = "time in the future"
    YEAR = "impossible year"


class Party(StrEnum):
    STATION = "station"
    CSMS = "csms"


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it passed. sender: who sent it. kind: call, result, error or broken. action: of the CALL it belongs to."""

    at: datetime
    at_s: float
    station: str
    sender: Party
    kind: str
    text: str
    message_id: str = ""
    action: str = ""
    payload: Any = None


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule. guilty: whose fault it is. text: the frame, empty where there is none."""

    at: datetime
    station: str
    guilty: Party
    kind: Kind
    detail: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.station} {self.guilty}: {self.kind}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A transaction message that came again, recognised as the same. key: what it was recognised by."""

    at: datetime
    station: str
    action: str
    key: str


@dataclass(slots=True)
class Log:
    """Everything in the order it happened. Observers are called at once, in the order of subscription.

    keeps: how many of the newest frames are kept at least, None for all; what runs for years needs a bound.
    """

    keeps: int | None = None
    frames: list[Frame] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    frame_observers: list[Callable[[Frame], None]] = field(default_factory=list)
    violation_observers: list[Callable[[Violation], None]] = field(default_factory=list)

    def frame(self, frame: Frame) -> None:
        self.frames.append(frame)
        if self.keeps is not None and len(self.frames) >= 2 * self.keeps:
            del self.frames[: -self.keeps]
        for observer in self.frame_observers:
            observer(frame)

    def violation(self, violation: Violation) -> None:
        self.violations.append(violation)
        for observer in self.violation_observers:
            observer(violation)
