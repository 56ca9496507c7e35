"""OCPP 1.6 as the client uses it: the subjects put together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from controller.logic.values import IdToken, TokenInfo
from controller.ocpp.delivery import RetryPolicy
from controller.ocpp.dialect import (
    SILENCE,
    BootAnswer,
    BootReason,
    Context,
    Message,
    Registration,
    StatusMessage,
)
from controller.ocpp.exc import CallError
from controller.ocpp.ports import TokenUnfit
from controller.ocpp.rpc import Handler
from controller.ocpp.schema import Codec
from controller.ocpp.v16 import provisioning
from controller.ocpp.v16.commands import Commands
from controller.ocpp.v16.configuration import Configuration
from controller.ocpp.v16.connectors import Connectors
from controller.ocpp.v16.keys import Keys
from controller.ocpp.v16.messages import ACTIONS
from controller.ocpp.v16.profiles import Profiles
from controller.ocpp.v16.tokens import MAX_LENGTH, token_info
from controller.ocpp.v16.transactions import Encoder16
from controller.ocpp.v16.trigger import Triggers

PROTOCOL = "ocpp1.6"


class Dialect16:
    """A `Dialect`. Requests of profiles that are not built have no handler: the link answers NotSupported, and
    NotImplemented for what 1.6 does not know (OCPP-J §4.2.3).
    """

    def __init__(self, context: Context, own_keys: Mapping[str, str]) -> None:
        station, model, store = context.station, context.model, context.store
        connectors = Connectors(station.evses)
        profiles = Profiles(station, model, store, connectors, context.clock)
        self._model = model
        self._identity = context.identity
        self._statuses = provisioning.Statuses(station, connectors, context.clock, context.identity.vendor)
        self.codec = Codec(PROTOCOL, ACTIONS)
        self.encoder = Encoder16(model, connectors)
        self.handlers: Mapping[str, Handler] = {
            **Commands(station, model, store, context.uplink, connectors, profiles).handlers(),
            **Configuration(Keys(model, store, station.evses, own_keys), context.uplink, store.cache_clear).handlers(),
            **profiles.handlers(),
            **Triggers(station, model, context.uplink, connectors, context.clock).handlers(),
        }

    def refusal(self, registration: Registration, action: str) -> CallError | None:
        """While Rejected, the station does not answer at all (§4.2)."""
        return SILENCE if registration is Registration.REJECTED else None

    def retry_policy(self) -> RetryPolicy:
        """TransactionMessageAttempts and TransactionMessageRetryInterval (§3.7.1)."""
        return RetryPolicy(
            self._model.int("OCPPCommCtrlr.MessageAttempts[TransactionEvent]"),
            self._model.int("OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]"),
        )

    def boot_request(self, reason: BootReason) -> Message:
        return provisioning.boot_request(self._identity)

    def boot_answer(self, answer: Any) -> BootAnswer:
        return provisioning.boot_answer(answer)

    def heartbeat_request(self) -> Message:
        return Message("Heartbeat", {})

    def heartbeat_answer(self, answer: Any) -> datetime:
        return provisioning.heartbeat_answer(answer)

    def status_points(self) -> tuple[tuple[int, int], ...]:
        return self._statuses.points()

    def status(self, evse_id: int, connector_id: int) -> StatusMessage:
        return self._statuses.message(evse_id, connector_id)

    def authorize_request(self, id_token: IdToken, evse_id: int | None) -> Message:
        """A token longer than an idTag is not cut: half of it is another token. Raises TokenUnfit."""
        if len(id_token.value) > MAX_LENGTH:
            raise TokenUnfit(
                f"the token has {len(id_token.value)} characters, an idTag of OCPP 1.6 at most {MAX_LENGTH} "
                "(the reader's `prefix` and `radix` make it longer)"
            )
        return Message("Authorize", {"idTag": id_token.value})

    def authorize_answer(self, answer: Any) -> TokenInfo:
        return token_info(answer.idTagInfo)
