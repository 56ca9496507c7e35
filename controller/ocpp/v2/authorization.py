"""C. Authorization: asking the CSMS, reading what it says of a token, the cache."""

from __future__ import annotations

from controller.logic.values import AuthorizationStatus, IdToken, TokenInfo
from controller.ocpp.dialect import Context, Message
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import given
from controller.ocpp.v2 import messages201 as m
from controller.ocpp.v2.wire import status_info, wire_token
from controller.store.exc import StoreError


def authorize_request(id_token: IdToken) -> Message:
    return Message("Authorize", {"idToken": wire_token(id_token)})


def token_info(info: m.IdTokenInfoType) -> TokenInfo:
    """expires: of the cache entry (C10.FR.13)."""
    group = given(info.groupIdToken)
    return TokenInfo(
        AuthorizationStatus(info.status),
        group.idToken if group is not None and group.idToken else None,
        given(info.cacheExpiryDateTime),
        tuple(given(info.evseId) or ()),
    )


class Authorization:
    def __init__(self, context: Context) -> None:
        self._context = context

    def handlers(self) -> dict[str, Handler]:
        return {"ClearCache": self.clear_cache, "GetLocalListVersion": self.local_list_version}

    async def clear_cache(self, request: m.ClearCacheRequest) -> Reply:
        """C11."""
        if not self._context.model.bool("AuthCacheCtrlr.Enabled"):
            return Reply(m.ClearCacheResponse(status="Rejected", statusInfo=status_info("NotEnabled")))  # C11.FR.04
        try:
            self._context.store.cache_clear()
        except StoreError as error:
            return Reply(m.ClearCacheResponse(status="Rejected", statusInfo=status_info("InternalError", str(error))))
        return Reply(m.ClearCacheResponse(status="Accepted"))

    async def local_list_version(self, request: m.GetLocalListVersionRequest) -> Reply:
        """D02.FR.03: there is no list here, which is version 0."""
        return Reply(m.GetLocalListVersionResponse(versionNumber=0))
