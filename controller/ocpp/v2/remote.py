"""F. Remote control: start, stop, unlock. Triggers have a module of their own."""

from __future__ import annotations

from msgspec import UNSET

from controller.logic.profiles import ChargingProfile
from controller.logic.values import IdTokenType
from controller.ocpp.dialect import Context, Registration
from controller.ocpp.ports import StartRequest, UnlockOutcome
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import given
from controller.ocpp.v2 import messages201 as m
from controller.ocpp.v2.profiles import ProfileRefused, profile_from_wire
from controller.ocpp.v2.wire import has_evse, id_token, info_of, status_info

_NOT_ASKED_ABOUT = (IdTokenType.CENTRAL, IdTokenType.NO_AUTHORIZATION)
_UNLOCKED: dict[UnlockOutcome, tuple[m.UnlockStatusEnumType, str]] = {
    UnlockOutcome.UNLOCKED: ("Unlocked", ""),
    UnlockOutcome.UNLOCK_FAILED: ("UnlockFailed", ""),  # F05.FR.05
    UnlockOutcome.ONGOING_AUTHORIZED_TRANSACTION: ("OngoingAuthorizedTransaction", ""),  # F05.FR.02
    UnlockOutcome.UNKNOWN_CONNECTOR: ("UnknownConnector", ""),  # F05.FR.03
    UnlockOutcome.NOT_SUPPORTED: ("UnlockFailed", "FixedCable"),
}


class RemoteControl:
    def __init__(self, context: Context) -> None:
        self._context = context

    def handlers(self) -> dict[str, Handler]:
        return {
            "RequestStartTransaction": self.request_start,
            "RequestStopTransaction": self.request_stop,
            "UnlockConnector": self.unlock_connector,
        }

    def _is_registered(self) -> bool:
        return self._context.uplink.registration is Registration.ACCEPTED

    async def request_start(self, request: m.RequestStartTransactionRequest) -> Reply:
        """F01, F02."""
        if not self._is_registered():  # B02.FR.05
            return _start_refused("CSNotAccepted")
        evse_id = given(request.evseId)
        if evse_id is not None and not has_evse(self._context.station, evse_id):
            return _start_refused("UnknownEvse")
        try:
            profile = self._profile(request)
        except ProfileRefused as refused:
            return _start_refused(refused.reason_code, refused.detail)  # F01.FR.26
        token, group = id_token(request.idToken), given(request.groupIdToken)
        must_ask = self._context.model.bool("AuthCtrlr.AuthorizeRemoteStart")  # F01.FR.01, F01.FR.02
        decision = self._context.station.request_start(
            StartRequest(
                token,
                evse_id,
                request.remoteStartId,
                group.idToken if group is not None else None,
                profile,
                authorize=must_ask and token.kind not in _NOT_ASKED_ABOUT,  # C03.FR.01, C05.FR.01
            )
        )
        if not decision.accepted:
            return _start_refused(decision.reason_code, decision.detail)
        joined = decision.transaction_id or UNSET  # F01.FR.13
        return Reply(m.RequestStartTransactionResponse(status="Accepted", transactionId=joined))

    def _profile(self, request: m.RequestStartTransactionRequest) -> ChargingProfile | None:
        """Raises ProfileRefused."""
        wire = given(request.chargingProfile)
        if wire is None or not self._context.model.bool("SmartChargingCtrlr.Enabled"):
            return None  # F01.FR.12
        if wire.chargingProfilePurpose != "TxProfile":
            raise ProfileRefused("InvalidProfile", "a remote start can only bring a TxProfile")  # F01.FR.09
        if given(wire.transactionId) is not None:
            raise ProfileRefused("InvalidProfile", "there is no transaction yet to name")  # F01.FR.11
        return profile_from_wire(wire)

    async def request_stop(self, request: m.RequestStopTransactionRequest) -> Reply:
        """F03.FR.07, F03.FR.08."""
        if not self._is_registered():  # B02.FR.05
            return Reply(m.RequestStopTransactionResponse(status="Rejected", statusInfo=status_info("CSNotAccepted")))
        decision = self._context.station.request_stop(request.transactionId)
        if decision.accepted:
            return Reply(m.RequestStopTransactionResponse(status="Accepted"))
        return Reply(m.RequestStopTransactionResponse(status="Rejected", statusInfo=info_of(decision)))

    async def unlock_connector(self, request: m.UnlockConnectorRequest) -> Reply:
        """F05."""
        if not has_evse(self._context.station, request.evseId, request.connectorId):
            return Reply(m.UnlockConnectorResponse(status="UnknownConnector"))  # F05.FR.03
        outcome = await self._context.station.unlock(request.evseId, request.connectorId, stops_transaction=False)
        status, reason_code = _UNLOCKED[outcome]
        return Reply(m.UnlockConnectorResponse(status=status, statusInfo=status_info(reason_code)))


def _start_refused(reason_code: str, detail: str = "") -> Reply:
    info = status_info(reason_code, detail)
    return Reply(m.RequestStartTransactionResponse(status="Rejected", statusInfo=info))
