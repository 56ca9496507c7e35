"""The RPC framework of OCPP-J, without I/O: text to frames and back, and what a bad frame deserves (Part 4 §4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from controller.ocpp.exc import ErrorCode
from controller.ocpp.schema import is_nested_too_deep

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
UNREADABLE_ID = "-1"  # Part 4 §4.2.3
MAX_ID_LENGTH = 36  # Part 4 §4.1.4
_MAX_DESCRIPTION = 255


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    action: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class CallResult:
    id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class CallFailure:
    """A CALLERROR."""

    id: str
    code: str
    description: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadFrame:
    """Something that is no frame. code: the CALLERROR it deserves, None where an answer would only feed a loop."""

    id: str
    code: ErrorCode | None
    why: str


Frame = Call | CallResult | CallFailure | BadFrame


def parse(text: str) -> Frame:
    """Return what a message is. Never raises, whatever the text."""
    if is_nested_too_deep(text):
        return BadFrame(UNREADABLE_ID, ErrorCode.RPC_FRAMEWORK_ERROR, "nested too deep")
    try:
        elements = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return BadFrame(UNREADABLE_ID, ErrorCode.RPC_FRAMEWORK_ERROR, f"not a JSON array: {error}")
    kind = _as(int, elements[0]) if elements else None
    identity = _as(str, elements[1]) if len(elements) > 1 else None
    if kind in (CALL_RESULT, CALL_ERROR):
        return _parse_answer(kind, identity, elements)
    if identity is None or not 0 < len(identity) <= MAX_ID_LENGTH:
        return BadFrame(UNREADABLE_ID, ErrorCode.RPC_FRAMEWORK_ERROR, "no message id of 1 to 36 characters")
    if kind is None:
        return BadFrame(identity, ErrorCode.RPC_FRAMEWORK_ERROR, "no message type number")
    if kind != CALL:
        # Part 4 §4.4: the payload is ignored, the sender is told.
        return BadFrame(identity, ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED, f"message type {kind} is not supported")
    return _parse_call(identity, elements)


def _parse_call(identity: str, elements: list[msgspec.Raw]) -> Frame:
    if len(elements) != 4:
        return BadFrame(identity, ErrorCode.RPC_FRAMEWORK_ERROR, f"a CALL has 4 elements, not {len(elements)}")
    action = _as(str, elements[2])
    if action is None:
        return BadFrame(identity, ErrorCode.RPC_FRAMEWORK_ERROR, "the action is not a string")
    return Call(identity, action, _payload(elements[3]))


def _parse_answer(kind: int, identity: str | None, elements: list[msgspec.Raw]) -> Frame:
    if identity is None:
        return BadFrame(UNREADABLE_ID, None, "an answer without a message id")
    if kind == CALL_RESULT:
        if len(elements) != 3:
            return BadFrame(identity, None, f"a CALLRESULT has 3 elements, not {len(elements)}")
        return CallResult(identity, _payload(elements[2]))
    code = _as(str, elements[2]) if len(elements) > 2 else None
    if code is None:
        return BadFrame(identity, None, "a CALLERROR without an error code")
    # Peers leave out the description or the details; what they mean is clear.
    description = _as(str, elements[3]) if len(elements) > 3 else None
    details = _as(dict, elements[4]) if len(elements) > 4 else None
    return CallFailure(identity, code, description or "", details or {})


def _payload(raw: msgspec.Raw) -> bytes:
    """`null` stands for an empty payload (Part 4 §4.1.5)."""
    payload = bytes(raw).strip()
    return b"{}" if payload == b"null" else payload


def _as(kind: type, raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None


def call_text(identity: str, action: str, payload: bytes) -> str:
    return f"[{CALL},{_text(identity)},{_text(action)},{payload.decode()}]"


def result_text(identity: str, payload: bytes) -> str:
    return f"[{CALL_RESULT},{_text(identity)},{payload.decode()}]"


def error_text(identity: str, code: str, description: str, details: Mapping[str, Any]) -> str:
    short = description[:_MAX_DESCRIPTION]
    return msgspec.json.encode([CALL_ERROR, identity, code, short, details]).decode()


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()
