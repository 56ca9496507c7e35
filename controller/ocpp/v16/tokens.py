"""Tokens as 1.6 has them: a string of at most 20 characters and a status (§3.9, §7.2, §7.27)."""

from __future__ import annotations

from controller.logic.values import AuthorizationStatus, IdToken, TokenInfo
from controller.ocpp.schema import as_utc, given
from controller.ocpp.v16.messages import IdTagInfo

MAX_LENGTH = 20  # CiString20Type (§7.15, errata §3.58)
NO_TOKEN = "NoAuthorization"  # what a transaction without any token is told as; 1.6 has no word of its own

_STATUSES = {
    "Accepted": AuthorizationStatus.ACCEPTED,
    "Blocked": AuthorizationStatus.BLOCKED,
    "Expired": AuthorizationStatus.EXPIRED,
    "Invalid": AuthorizationStatus.INVALID,
    "ConcurrentTx": AuthorizationStatus.CONCURRENT_TX,
}


def told_id_tag(token: IdToken | None) -> str:
    """Return the idTag to report a transaction with. It happened, so it is told even where the token does not fit whole."""
    return token.value[:MAX_LENGTH] if token is not None and token.value else NO_TOKEN


def token_info(info: IdTagInfo) -> TokenInfo:
    expiry = given(info.expiryDate)
    return TokenInfo(
        _STATUSES[info.status],
        group=given(info.parentIdTag) or None,
        expires=None if expiry is None else as_utc(expiry),
    )
