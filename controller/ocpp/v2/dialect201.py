"""OCPP 2.0.1 as the client uses it: the blocks put together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from controller.logic.values import IdToken, TokenInfo
from controller.ocpp.delivery import RetryPolicy
from controller.ocpp.dialect import BootAnswer, BootReason, Context, Message, Registration, StatusMessage
from controller.ocpp.exc import CallError, ErrorCode
from controller.ocpp.rpc import Handler
from controller.ocpp.schema import Codec
from controller.ocpp.v2 import authorization, availability, provisioning
from controller.ocpp.v2 import messages201 as m
from controller.ocpp.v2.authorization import Authorization
from controller.ocpp.v2.availability import Availability
from controller.ocpp.v2.data_transfer import DataTransfer
from controller.ocpp.v2.device_data import DeviceData
from controller.ocpp.v2.provisioning import Provisioning
from controller.ocpp.v2.remote import RemoteControl
from controller.ocpp.v2.reporting import Reporting
from controller.ocpp.v2.smart_charging import SmartCharging
from controller.ocpp.v2.transactions import Encoder201, Transactions
from controller.ocpp.v2.trigger import Triggers

PROTOCOL = "ocpp2.0.1"


class Dialect201:
    """Implements `dialect.Dialect`. What has no handler here is answered NotSupported by the RPC layer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.codec = Codec(PROTOCOL, m.ACTIONS)
        self.encoder = Encoder201(context.model)
        blocks = (
            Provisioning(context),
            DeviceData(context),
            Reporting(context),
            Authorization(context),
            Transactions(context),
            RemoteControl(context),
            Triggers(context),
            Availability(context),
            SmartCharging(context),
            DataTransfer(),
        )
        self.handlers: Mapping[str, Handler] = {
            action: handler for block in blocks for action, handler in block.handlers().items()
        }

    def retry_policy(self) -> RetryPolicy:
        """E13.FR.01."""
        model = self._context.model
        return RetryPolicy(
            model.int("OCPPCommCtrlr.MessageAttempts[TransactionEvent]"),
            model.float("OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]"),
        )

    def refusal(self, registration: Registration, action: str) -> CallError | None:
        if registration is Registration.REJECTED:  # B03.FR.08
            return CallError(ErrorCode.SECURITY_ERROR, "the station is not accepted by this CSMS")
        return None

    def boot_request(self, reason: BootReason) -> Message:
        return provisioning.boot_request(self._context.identity, reason)

    def boot_answer(self, answer: m.BootNotificationResponse) -> BootAnswer:
        return provisioning.boot_answer(answer)

    def heartbeat_request(self) -> Message:
        return availability.heartbeat_request()

    def heartbeat_answer(self, answer: m.HeartbeatResponse) -> datetime:
        return answer.currentTime

    def status_points(self) -> tuple[tuple[int, int], ...]:
        return availability.status_points(self._context.station)

    def status(self, evse_id: int, connector_id: int) -> StatusMessage:
        return availability.status(self._context.station, self._context.clock, evse_id, connector_id)

    def authorize_request(self, id_token: IdToken, evse_id: int | None) -> Message:
        return authorization.authorize_request(id_token)

    def authorize_answer(self, answer: m.AuthorizeResponse) -> TokenInfo:
        return authorization.token_info(answer.idTokenInfo)


def dialect(context: Context) -> Dialect201:
    """The factory that `client` wants."""
    return Dialect201(context)
