"""Small pieces that several blocks put into their messages."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from controller.logic.values import IdToken, IdTokenType
from controller.ocpp.ports import ChargingStation, Decision
from controller.ocpp.schema import given
from controller.ocpp.v2 import messages201 as m


def status_info(reason_code: str, detail: str = "") -> m.StatusInfoType | UnsetType:
    """Return a statusInfo, or nothing without a reason code."""
    if not reason_code:
        return UNSET
    return m.StatusInfoType(reasonCode=reason_code[:20], additionalInfo=detail[:512] or UNSET)


def info_of(decision: Decision) -> m.StatusInfoType | UnsetType:
    return status_info(decision.reason_code, decision.detail)


def id_token(token: m.IdTokenType) -> IdToken:
    return IdToken(token.idToken, IdTokenType(token.type))


def wire_token(token: IdToken) -> dict[str, str]:
    """C02.FR.01: a start without identification has an empty token."""
    value = "" if token.kind is IdTokenType.NO_AUTHORIZATION else token.value
    return {"idToken": value, "type": token.kind.value}


def place(evse: m.EVSEType | UnsetType) -> tuple[int | None, int | None]:
    """Return (evse_id, connector_id) of an optional EVSE."""
    known = given(evse)
    return (None, None) if known is None else (known.id, given(known.connectorId))


def has_evse(station: ChargingStation, evse_id: int, connector_id: int | None = None) -> bool:
    """Whether there is such an EVSE and, if one is named, such a connector."""
    for evse in station.evses:
        if evse.id == evse_id:
            return connector_id is None or 1 <= connector_id <= evse.connectors
    return False
