"""What can go wrong between the station and its CSMS.

OcppError
├── ConnectFailed     no connection could be opened (HTTP refusal, DNS, TLS, no common subprotocol)
├── ConnectionLost    an open connection ended, from either side or by itself
├── CallTimeout       the CSMS did not answer a CALL within MessageTimeout
├── CallError         a CALL was answered with a CALLERROR, or must be
├── PayloadError      a payload does not conform to its schema
└── ConfigurationError  initial values of variables are wrong (all mistakes at once)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """RPC framework error codes of OCPP 2.0.1 (Part 4 §4.3). How 1.6 spells them is the codec's business."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


class OcppError(Exception):
    pass


class ConnectFailed(OcppError):
    """No connection could be opened. The message is one plain sentence for a technician.

    status: the HTTP status the server refused with, None where it gave none.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        self.reason = reason
        self.status = status
        super().__init__(reason)


class ConnectionLost(OcppError):
    """The connection is gone; what was under way may or may not have arrived."""


class CallTimeout(OcppError):
    """The other side did not answer in time."""


class CallError(OcppError):
    """An answer to a CALL that is not a result. code: as on the wire or an ErrorCode; description: at most 255 characters."""

    def __init__(self, code: str, description: str = "", details: Mapping[str, Any] | None = None) -> None:
        self.code = code
        self.description = description
        self.details = dict(details or {})
        super().__init__(f"{code}: {description}" if description else code)


class PayloadError(OcppError):
    """A payload does not conform to the schema of its action. code: which CALLERROR says so."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        self.code = code
        self.description = description
        super().__init__(f"{code}: {description}")


class ConfigurationError(OcppError):
    """Initial values that cannot be used; one line per mistake, each naming its key."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))
