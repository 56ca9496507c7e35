"""One station as the CSMS sees it, across its connections: OCPP-J framing, registration, order. No I/O, no clock of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hil.csms import schemas
from hil.csms.behaviour import Behaviour
from hil.csms.context import Answers, Context, Facts
from hil.csms.log import Duplicate, Frame, Kind, Log, Party, Violation
from hil.csms.schemas import Direction, Version
from hil.csms.tokens import Tokens
from hil.csms.transactions import Book, moment
from hil.csms.v16 import Answers16, timestamp
from hil.csms.v201 import Answers201

_EARLIEST_YEAR = 2020
_MOST_IDS = 100_000  # remembered, where the log is bounded
_FUTURE_TOLERANCE = timedelta(seconds=120)
_ANSWERS: Mapping[Version, Answers] = {Version.V16: Answers16(), Version.V201: Answers201()}
_TRIGGERED_BY = {
    "GetBaseReport": "NotifyReport",
    "GetReport": "NotifyReport",
    "GetMonitoringReport": "NotifyMonitoringReport",
    "GetLog": "LogStatusNotification",
    "GetDiagnostics": "DiagnosticsStatusNotification",
    "UpdateFirmware": "FirmwareStatusNotification",
}


@dataclass(frozen=True, slots=True)
class Send:
    """Send a frame, `after_s` seconds from now."""

    text: str
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Close:
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The station answered a CALL of ours. error: (code, description) of a CALLERROR, then reply is None."""

    message_id: str
    reply: dict[str, Any] | None
    error: tuple[str, str] | None = None


Effect = Send | Close | Answered


@dataclass(frozen=True, slots=True)
class Instant:
    """monotonic_s for durations, wall (aware UTC) for what the station reads."""

    monotonic_s: float
    wall: datetime


@dataclass(slots=True)
class Settings:
    """call_timeout_s: how long a station is taken to wait for an answer before it may send its next CALL.

    assume_registered: take a station that does not begin with a BootNotification for one that was accepted before this
    CSMS started (OCPP-J §5.4: it must not boot again on a reconnect). id_prefix: begins our message ids, at most 20
    characters; unique to this run where that matters.
    """

    call_timeout_s: float = 30.0
    id_prefix: str = "csms"
    assume_registered: bool = False


class StationCore:
    """One station identity. Feed it what arrives, do what it returns."""

    def __init__(
        self, identity: str, *, log: Log, book: Book, tokens: Tokens, behaviour: Behaviour, settings: Settings
    ) -> None:
        self.identity = identity
        self.facts = Facts()
        self.version = Version.V16
        self.registration = "Accepted" if settings.assume_registered else ""
        self.is_connected = False
        self._log = log
        self._book = book
        self._tokens = tokens
        self._behaviour = behaviour
        self._settings = settings
        self._boot_allowed_at_s = 0.0
        self._asked: set[str] = set()  # what a station that is not accepted was asked for (B02.FR.02)
        self._used_ids: dict[str, int] = {}  # message id to the hash of the frame's text
        self._unanswered: tuple[str, str, float] | None = None  # the station's CALL in flight: id, action, since
        self._outgoing: dict[str, tuple[str, dict[str, Any]]] = {}  # our CALLs: id to action and payload
        self._count = 0
        self.sent_anything = False  # once something was sent past this core

    # --- connection ---

    def opened(self, version: Version) -> None:
        self.version = version
        self.is_connected = True
        self._unanswered = None

    def closed(self) -> None:
        self.is_connected = False
        self._unanswered = None
        self._outgoing.clear()

    # --- our own CALLs ---

    def call(self, action: str, payload: dict[str, Any], now: Instant) -> tuple[str, str]:
        """Make a CALL; returns (message id, frame). Raises ValueError when the payload breaks its schema."""
        payload = schemas.parse(schemas.render(payload))
        try:
            breach = schemas.breach(self.version, action, Direction.REQUEST, payload)
        except KeyError:
            raise ValueError(f"{self.version} has no message {action}") from None
        if breach is not None:
            raise ValueError(f"{action}: {breach.detail}")
        self._count += 1
        message_id = f"{self._settings.id_prefix}-{self._count}"
        self._outgoing[message_id] = (action, payload)
        if action == "TriggerMessage":
            self._asked.add(payload["requestedMessage"])
        if action in _TRIGGERED_BY:
            self._asked.add(_TRIGGERED_BY[action])
        text = schemas.render([2, message_id, action, payload])
        self._note(now, Party.CSMS, "call", text, message_id, action, payload)
        return message_id, text

    def give_up(self, message_id: str) -> None:
        """Forget a CALL of ours that was not answered in time."""
        self._outgoing.pop(message_id, None)

    # --- what arrives ---

    def received(self, text: str, now: Instant) -> list[Effect]:
        """Take in one frame of the station."""
        self.facts.last_heard_at = now.wall
        effects = self._frame(text, now)
        if self._behaviour.take_frame():
            effects.append(Close(1000, "told to close"))
        return effects

    def _frame(self, text: str, now: Instant) -> list[Effect]:
        try:
            frame = schemas.parse(text)
        except ValueError as error:
            return self._broken(text, now, f"not JSON: {error}")
        match frame:
            case [2, str() as message_id, str() as action, dict() as payload] if 0 < len(message_id) <= 36:
                self._note(now, Party.STATION, "call", text, message_id, action, payload)
                return self._called(text, message_id, action, payload, now)
            case [3, str() as message_id, dict() as payload]:
                action = self._outgoing.get(message_id, ("", {}))[0]
                self._note(now, Party.STATION, "result", text, message_id, action, payload)
                return self._answered(text, message_id, payload, now)
            case [4, str() as message_id, str() as code, str() as description, dict()]:
                action = self._outgoing.get(message_id, ("", {}))[0]
                self._note(now, Party.STATION, "error", text, message_id, action, None)
                return self._refused(text, message_id, code, description, now)
            case _:
                return self._broken(text, now, "not an OCPP-J message")

    def _broken(self, text: str, now: Instant, why: str) -> list[Effect]:
        self._note(now, Party.STATION, "broken", text, "", "", None)
        self._violation(now, Kind.FRAME, why, text)
        if self.version is Version.V16:
            return []
        return [self._error("-1", "", "RpcFrameworkError", why, now)]  # Part 4 §4.2.3

    def _answered(self, text: str, message_id: str, payload: dict[str, Any], now: Instant) -> list[Effect]:
        call = self._outgoing.pop(message_id, None)
        if call is None:
            self._violation(now, Kind.UNASKED, f"CALLRESULT for {message_id}", text)
            return []
        breach = schemas.breach(self.version, call[0], Direction.RESPONSE, payload)
        if breach is not None:
            self._violation(now, Kind.SCHEMA, f"{call[0]} response: {breach.detail}", text)
        return [Answered(message_id, payload)]

    def _refused(self, text: str, message_id: str, code: str, description: str, now: Instant) -> list[Effect]:
        if message_id == "-1" and self.sent_anything and self.version is not Version.V16:
            return []  # something of ours had no id to answer to (Part 4 §4.2.3)
        if self._outgoing.pop(message_id, None) is None:
            self._violation(now, Kind.UNASKED, f"CALLERROR {code} for {message_id}", text)
            return []
        if len(description) > 255:
            self._violation(now, Kind.SCHEMA, "errorDescription longer than 255", text)
        return [Answered(message_id, None, (code, description))]

    def _called(self, text: str, message_id: str, action: str, payload: dict[str, Any], now: Instant) -> list[Effect]:
        self._check_order(text, message_id, action, now)
        self._unanswered = (message_id, action, now.monotonic_s)
        error = self._refusal(text, action, payload, now)
        if error is not None:
            return [self._error(message_id, action, *error, now)]
        if (failure := self._behaviour.take_failure(action)) is not None:
            self._count_failed_start(action)
            return [self._error(message_id, action, failure.code, failure.description, now)]
        self._check_times(payload, text, now)
        response = self._respond(text, action, payload, now)
        if self._behaviour.take_silence(action):
            self._count_failed_start(action)
            return []
        instead = self._behaviour.take_instead(action)
        return [self._result(message_id, action, response if instead is None else instead, instead is None, now)]

    def _count_failed_start(self, action: str) -> None:
        if action == "StartTransaction":
            self.facts.failed_starts += 1

    def _check_order(self, text: str, message_id: str, action: str, now: Instant) -> None:
        """One CALL in flight per direction (Part 4 §4.1.1); message ids never come again (§4.1.4)."""
        if self._unanswered is not None and now.monotonic_s - self._unanswered[2] < self._settings.call_timeout_s:
            self._violation(now, Kind.IN_FLIGHT, f"{action} while {self._unanswered[1]} is unanswered", text)
        earlier = self._used_ids.get(message_id)
        self._used_ids[message_id] = hash(text)
        if self._log.keeps is not None and len(self._used_ids) > _MOST_IDS:
            self._used_ids = dict(list(self._used_ids.items())[-_MOST_IDS // 2 :])
        identical_retry = self.version is Version.V16 and earlier == hash(text)  # OCPP-J 1.6 errata §3.1
        if earlier is not None and not identical_retry:
            self._violation(now, Kind.FRAME, f"message id {message_id} used before", text)

    def _refusal(self, text: str, action: str, payload: dict[str, Any], now: Instant) -> tuple[str, str] | None:
        """Return CALLERROR code and description for a CALL that is not to be taken in."""
        if action not in schemas.actions(self.version):
            self._violation(now, Kind.SCHEMA, f"unknown action {action}", text)
            return "NotImplemented", f"{self.version} has no {action}"
        if action not in _ANSWERS[self.version].STATION_ACTIONS:
            self._violation(now, Kind.SCHEMA, f"{action} is not for a station to send", text)
            return "NotSupported", f"{action} goes the other way"
        if action != "BootNotification" and self.registration != "Accepted":
            if self.registration != "Pending" or action not in self._asked:
                self._violation(now, Kind.NOT_REGISTERED, f"{action} while {self.registration or 'not booted'}", text)
                return "SecurityError", "send a BootNotification first"  # B01.FR.10, OCPP-J 1.6 errata §3.10
            if not payload.get("tbc"):  # a report comes in as many parts as it takes
                self._asked.discard(action)
        breach = schemas.breach(self.version, action, Direction.REQUEST, payload)
        if breach is not None:
            self._violation(now, Kind.SCHEMA, f"{action}: {breach.detail}", text)
            return breach.code, breach.detail[:255]
        return None

    def _check_times(self, value: Any, text: str, now: Instant) -> None:
        parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, part in parts:
            if isinstance(part, dict | list):
                self._check_times(part, text, now)
            elif key in ("timestamp", "generatedAt"):
                at = moment(part)
                if at.year < _EARLIEST_YEAR:
                    self._violation(now, Kind.YEAR, f"{key} {part}", text)
                elif at > now.wall + _FUTURE_TOLERANCE:
                    self._violation(now, Kind.FUTURE, f"{key} {part}, it is {timestamp(now.wall)}", text)

    def _respond(self, text: str, action: str, payload: dict[str, Any], now: Instant) -> dict[str, Any]:
        if action == "BootNotification":
            return self._boot(payload, text, now)

        def duplicated(of: str, key: str) -> None:
            self._log.duplicates.append(Duplicate(now.wall, self.identity, of, key))

        context = Context(
            station=self.identity,
            now=now.wall,
            facts=self.facts,
            book=self._book,
            tokens=self._tokens,
            behaviour=self._behaviour,
            report=lambda kind, detail: self._violation(now, kind, detail, text),
            duplicated=duplicated,
        )
        return _ANSWERS[self.version].answer(action, payload, context)

    def _boot(self, payload: dict[str, Any], text: str, now: Instant) -> dict[str, Any]:
        triggered = "BootNotification" in self._asked
        self._asked.discard("BootNotification")
        is_waiting = self.registration in ("Pending", "Rejected")
        if is_waiting and not triggered and now.monotonic_s < self._boot_allowed_at_s - 0.5:
            self._violation(now, Kind.TOO_EARLY, f"{self._boot_allowed_at_s - now.monotonic_s:.0f} s early", text)
        self.facts.boot = payload
        statuses = self._behaviour.boot_statuses
        self.registration = statuses.popleft() if statuses else "Accepted"
        accepted = self.registration == "Accepted"
        interval_s = self._behaviour.boot_interval_s if accepted else self._behaviour.retry_interval_s
        self._boot_allowed_at_s = now.monotonic_s + interval_s
        return {"status": self.registration, "currentTime": timestamp(now.wall), "interval": interval_s}

    # --- what goes out ---

    def _result(self, message_id: str, action: str, payload: Any, check: bool, now: Instant) -> Send:
        text = schemas.render([3, message_id, payload])
        self._note(now, Party.CSMS, "result", text, message_id, action, payload)
        if check:
            breach = schemas.breach(self.version, action, Direction.RESPONSE, schemas.parse(schemas.render(payload)))
            if breach is not None:
                detail = f"{action} response: {breach.detail}"
                self._log.violation(Violation(now.wall, self.identity, Party.CSMS, Kind.SCHEMA, detail, text))
        return Send(text, self._behaviour.delays_s.get(action, 0.0))

    def _error(self, message_id: str, action: str, code: str, description: str, now: Instant) -> Send:
        text = schemas.render([4, message_id, code, description, {}])
        self._note(now, Party.CSMS, "error", text, message_id, action, None)
        return Send(text, self._behaviour.delays_s.get(action, 0.0))

    def sent(self, text: str) -> None:
        """The shell has sent an answer: the station's CALL is no longer in flight."""
        if self._unanswered is None:
            return
        frame = schemas.parse(text)
        if frame[0] in (3, 4) and frame[1] == self._unanswered[0]:
            self._unanswered = None

    def _note(
        self, now: Instant, sender: Party, kind: str, text: str, message_id: str, action: str, payload: Any
    ) -> None:
        self._log.frame(
            Frame(now.wall, now.monotonic_s, self.identity, sender, kind, text, message_id, action, payload)
        )

    def _violation(self, now: Instant, kind: Kind, detail: str, text: str) -> None:
        self._log.violation(Violation(now.wall, self.identity, Party.STATION, kind, detail, text))
