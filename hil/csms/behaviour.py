"""How a CSMS misbehaves when told to."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Failure:
    """code: a CALLERROR code."""

    code: str = "InternalError"
    description: str = "told to fail"


@dataclass(slots=True)
class Behaviour:
    """A script. Everything in it is used up as it is applied; an empty script is a polite CSMS.

    boot_statuses: answers to the next BootNotifications, then Accepted. boot_interval_s: heartbeat interval when
    accepted. retry_interval_s: the interval with Pending and Rejected. errors: CALLERRORs by action, one per CALL.
    silences: CALLs left without any answer, by action. delays_s: slow answers, by action, until removed.
    instead: payloads sent in place of the proper answer, unchecked, one per CALL. close_after: frames from the station
    until the connection is closed.
    """

    boot_statuses: deque[str] = field(default_factory=deque)
    boot_interval_s: int = 300
    retry_interval_s: int = 30
    errors: dict[str, deque[Failure]] = field(default_factory=dict)
    silences: dict[str, int] = field(default_factory=dict)
    delays_s: dict[str, float] = field(default_factory=dict)
    instead: dict[str, deque[object]] = field(default_factory=dict)
    close_after: int | None = None

    def boot(self, *statuses: str) -> None:
        self.boot_statuses.extend(statuses)

    def fail(
        self, action: str, times: int = 1, *, code: str = "InternalError", description: str = "told to fail"
    ) -> None:
        self.errors.setdefault(action, deque()).extend([Failure(code, description)] * times)

    def ignore(self, action: str, times: int = 1) -> None:
        self.silences[action] = self.silences.get(action, 0) + times

    def answer(self, action: str, payload: object, times: int = 1) -> None:
        self.instead.setdefault(action, deque()).extend([payload] * times)

    def take_failure(self, action: str) -> Failure | None:
        waiting = self.errors.get(action)
        return waiting.popleft() if waiting else None

    def take_silence(self, action: str) -> bool:
        left = self.silences.get(action, 0)
        if left:
            self.silences[action] = left - 1
        return left > 0

    def take_instead(self, action: str) -> object | None:
        waiting = self.instead.get(action)
        return waiting.popleft() if waiting else None

    def take_frame(self) -> bool:
        """Count a frame; return whether it is the last before the close."""
        if self.close_after is None:
            return False
        self.close_after -= 1
        if self.close_after > 0:
            return False
        self.close_after = None
        return True
