"""ChangeConfiguration and GetConfiguration (§5.3, §5.8), ClearCache (§5.4), DataTransfer (§5.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.ocpp.dialect import Uplink
from controller.ocpp.ports import SecurityEventType
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import given
from controller.ocpp.v16.keys import Keys, KeyValue, SetStatus
from controller.ocpp.v16.messages import (
    ChangeConfigurationRequest,
    ClearCacheRequest,
    DataTransferRequest,
    GetConfigurationRequest,
)

_CREDENTIAL = "AuthorizationKey"


class Configuration:
    """clear_cache: forgets every remembered token."""

    def __init__(self, keys: Keys, uplink: Uplink, clear_cache: Callable[[], None]) -> None:
        self._keys = keys
        self._uplink = uplink
        self._clear_cache = clear_cache

    def handlers(self) -> dict[str, Handler]:
        return {
            "ChangeConfiguration": self.change,
            "GetConfiguration": self.get,
            "ClearCache": self.clear_cache,
            "DataTransfer": self.data_transfer,
        }

    async def change(self, request: ChangeConfigurationRequest) -> Reply:
        status = self._keys.set(request.key, request.value)
        accepted = status is SetStatus.ACCEPTED
        after = self._reconnect if accepted and request.key.casefold() == _CREDENTIAL.casefold() else None
        return Reply({"status": status.value}, after)

    async def _reconnect(self) -> None:
        self._uplink.reconnect()
        self._uplink.security_event(SecurityEventType.RECONFIGURED, _CREDENTIAL)

    async def get(self, request: GetConfigurationRequest) -> Reply:
        """An empty list is as good as none: everything is told (§5.8)."""
        wanted = given(request.key) or []
        if not wanted:
            return Reply({"configurationKey": [_told(found) for found in self._keys.all()]})
        answers = [(name, self._keys.get(name)) for name in dict.fromkeys(wanted)]
        known = [_told(found) for _, found in answers if found is not None]
        unknown = [name for name, found in answers if found is None]
        payload: dict[str, Any] = {}
        if known:
            payload["configurationKey"] = known
        if unknown:
            payload["unknownKey"] = unknown
        return Reply(payload)

    async def clear_cache(self, request: ClearCacheRequest) -> Reply:
        self._clear_cache()
        return Reply({"status": "Accepted"})

    async def data_transfer(self, request: DataTransferRequest) -> Reply:
        """No vendor's extension is built in; then there is no data element either (§4.3)."""
        return Reply({"status": "UnknownVendorId"})


def _told(found: KeyValue) -> dict[str, Any]:
    told: dict[str, Any] = {"key": found.name, "readonly": found.is_read_only}
    return told if found.value is None else told | {"value": found.value}
