"""What a client of the control API may ask, and the answers. No sockets here.

status                                  what the station and every EVSE are doing
why                                     every active limit and which binds; every reason why an EVSE is not charging
watch                                   status once, then every event
config                                  the configuration in force, secrets hidden
faults                                  the faults there were and those that stand, newest first; each contactor's use
clear_fault {evse, fault}               acknowledge a latched fault whose cause is gone
set_local_limit {evse, limit_a}         limit an EVSE from here; limit_a null lifts it
contactor_replaced {evse}               a new contactor was fitted: its use counts from zero
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol


class Subscription(Protocol):
    async def next(self) -> dict[str, Any]:
        """Wait for the next event. Cancellation-safe."""


class Events(Protocol):
    def subscribe(self) -> AbstractContextManager[Subscription]: ...


class StationApi(Protocol):
    """What the API needs of the station. Commands raise ValueError in one line when they cannot be done."""

    @property
    def events(self) -> Events: ...

    def snapshot(self) -> dict[str, Any]: ...

    def why(self) -> dict[str, Any]: ...

    def faults(self) -> list[dict[str, Any]]: ...

    def contactors(self) -> list[dict[str, Any]]: ...

    def clear_fault(self, evse: int, fault: str) -> None: ...

    def set_local_limit(self, evse: int, limit_a: float | None) -> None: ...

    def contactor_replaced(self, evse: int) -> None: ...


class BadRequest(Exception):
    """The request cannot be answered. id: the request's own, where it had one."""

    def __init__(self, id: Any, problem: str) -> None:
        self.id = id
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class Request:
    id: Any
    do: str
    arguments: Mapping[str, Any]


# Request -> its arguments and what each must be.
_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "status": {},
    "why": {},
    "watch": {},
    "config": {},
    "faults": {},
    "clear_fault": {"evse": "number", "fault": "text"},
    "set_local_limit": {"evse": "number", "limit_a": "amperes"},
    "contactor_replaced": {"evse": "number"},
}

_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "number": (lambda value: type(value) is int and value >= 1, "the number of an EVSE, from 1"),
    "text": (lambda value: isinstance(value, str) and bool(value), "a text"),
    "amperes": (
        lambda value: value is None or (type(value) in (int, float) and 0 <= value <= 1000),
        "0 to 1000 or null",
    ),
}


def parse(line: bytes) -> Request:
    """Return a well-formed request. Raises BadRequest that names the key."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRequest(None, "a request is one JSON object on one line") from None
    if not isinstance(message, dict):
        raise BadRequest(None, "a request is a JSON object with the key 'do'")
    id = message.get("id")
    do = message.get("do")
    if do is None:
        raise BadRequest(id, f"'do' is missing; known: {', '.join(_ARGUMENTS)}")
    if not isinstance(do, str) or do not in _ARGUMENTS:
        close = get_close_matches(str(do), _ARGUMENTS, n=1)
        raise BadRequest(id, f"'do': unknown request {do!r}" + _meant(close, _ARGUMENTS))
    wanted = _ARGUMENTS[do]
    arguments = {key: value for key, value in message.items() if key not in ("id", "do")}
    for key in arguments:
        if key not in wanted:
            raise BadRequest(id, f"'{key}': {do} has no such key" + _meant(get_close_matches(key, wanted, n=1), wanted))
    for key, kind in wanted.items():
        if key not in arguments:
            raise BadRequest(id, f"'{key}' is missing: {_CHECKS[kind][1]}")
        check, text = _CHECKS[kind]
        if not check(arguments[key]):
            raise BadRequest(id, f"'{key}': must be {text}, not {json.dumps(arguments[key])[:40]}")
    return Request(id, do, arguments)


def _meant(close: list[str], known: Mapping[str, Any]) -> str:
    return f" - did you mean '{close[0]}'?" if close else f"; known: {', '.join(known) or 'none'}"


def answer(request: Request, station: StationApi, config: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a request and return the answer's own keys. Raises BadRequest when the station refuses."""
    try:
        match request.do:
            case "status" | "watch":
                return {"status": station.snapshot()}
            case "why":
                return {"why": station.why()}
            case "config":
                return {"config": dict(config)}
            case "faults":
                return {"faults": station.faults(), "contactors": station.contactors()}
            case "clear_fault":
                station.clear_fault(request.arguments["evse"], request.arguments["fault"])
            case "set_local_limit":
                station.set_local_limit(request.arguments["evse"], request.arguments["limit_a"])
            case "contactor_replaced":
                station.contactor_replaced(request.arguments["evse"])
    except ValueError as error:
        raise BadRequest(request.id, str(error)) from error
    return {}
