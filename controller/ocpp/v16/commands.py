"""What a central system tells the station to do: start, stop, reset, availability, unlock (§5.11, §5.12, §5.14, §5.2, §5.18)."""

from __future__ import annotations

from controller.logic.profiles import ChargingProfile, ProfilePurpose
from controller.logic.values import IdToken, IdTokenType
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.dialect import Registration, Uplink
from controller.ocpp.ports import ChargingStation, ResetKind, StartRequest, UnlockOutcome
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import given
from controller.ocpp.v16.connectors import STATION, Connectors
from controller.ocpp.v16.messages import (
    ChangeAvailabilityRequest,
    RemoteStartTransactionRequest,
    RemoteStopTransactionRequest,
    ResetRequest,
    UnlockConnectorRequest,
)
from controller.ocpp.v16.profiles import BadProfile, Profiles
from controller.store.store import Store

_UNLOCK_STATUSES = {
    UnlockOutcome.UNLOCKED: "Unlocked",
    UnlockOutcome.UNLOCK_FAILED: "UnlockFailed",
    UnlockOutcome.ONGOING_AUTHORIZED_TRANSACTION: "UnlockFailed",
    UnlockOutcome.UNKNOWN_CONNECTOR: "NotSupported",  # errata §3.87
    UnlockOutcome.NOT_SUPPORTED: "NotSupported",
}
_RESETS = {"Hard": ResetKind.IMMEDIATE, "Soft": ResetKind.SOFT}


def _answer(accepted: bool) -> Reply:
    return Reply({"status": "Accepted" if accepted else "Rejected"})


class Commands:
    def __init__(
        self,
        station: ChargingStation,
        model: DeviceModel,
        store: Store,
        uplink: Uplink,
        connectors: Connectors,
        profiles: Profiles,
    ) -> None:
        self._station = station
        self._model = model
        self._store = store
        self._uplink = uplink
        self._connectors = connectors
        self._profiles = profiles

    def handlers(self) -> dict[str, Handler]:
        return {
            "RemoteStartTransaction": self.start,
            "RemoteStopTransaction": self.stop,
            "Reset": self.reset,
            "ChangeAvailability": self.change_availability,
            "UnlockConnector": self.unlock,
        }

    async def start(self, request: RemoteStartTransactionRequest) -> Reply:
        number = given(request.connectorId)
        place = None if number is None else self._connectors.place(number)
        if not self._is_accepted() or (number is not None and place is None):
            return _answer(False)
        try:
            profile = self._start_profile(request)
        except BadProfile:
            return _answer(False)
        decision = self._station.request_start(
            StartRequest(
                IdToken(request.idTag, IdTokenType.CENTRAL),
                evse_id=None if place is None else place[0],
                profile=profile,
                authorize=self._model.bool("AuthCtrlr.AuthorizeRemoteStart"),  # AuthorizeRemoteTxRequests (§5.11)
            )
        )
        return _answer(decision.accepted)

    def _start_profile(self, request: RemoteStartTransactionRequest) -> ChargingProfile | None:
        wire = given(request.chargingProfile)
        if wire is None:
            return None
        profile = self._profiles.read(wire)
        if profile.purpose is not ProfilePurpose.TX or given(wire.transactionId) is not None:
            raise BadProfile("a remote start takes a TxProfile without a transactionId")  # §5.16.2
        return profile

    async def stop(self, request: RemoteStopTransactionRequest) -> Reply:
        transaction = self._store.transaction_by_wire_id(request.transactionId)
        if not self._is_accepted() or transaction is None or not self._store.is_open(transaction.id):
            return _answer(False)
        return _answer(self._station.request_stop(transaction.id).accepted)

    def _is_accepted(self) -> bool:
        """Remote start and stop are not allowed while Pending (§4.2)."""
        return self._uplink.registration is Registration.ACCEPTED

    async def reset(self, request: ResetRequest) -> Reply:
        return _answer(self._station.request_reset(_RESETS[request.type], None).accepted)

    async def change_availability(self, request: ChangeAvailabilityRequest) -> Reply:
        """Each connector has its own setting; 0 sets them all and the station's own (§5.2)."""
        place, operative = self._connectors.place(request.connectorId), request.type == "Operative"
        change = self._station.change_availability
        if place is None and request.connectorId != STATION:
            return _answer(False)
        if place is None:
            decisions = [change(operative, *each) for each in (*self._connectors.places, (None, None))]
        else:
            if operative and not self._station.is_available(None, None):
                self._let_connectors_decide()
            decisions = [change(operative, *place)]
        accepted = all(decision.accepted for decision in decisions)
        if accepted and any(decision.scheduled for decision in decisions):  # a transaction runs
            return Reply({"status": "Scheduled"})
        return _answer(accepted)

    def _let_connectors_decide(self) -> None:
        """One connector of a station out of service comes back: the station does, too, and the others stay as they are."""
        for each in self._connectors.places:
            self._station.change_availability(False, *each)
        self._station.change_availability(True, None, None)

    async def unlock(self, request: UnlockConnectorRequest) -> Reply:
        place = self._connectors.place(request.connectorId)
        if place is None:
            return Reply({"status": "NotSupported"})  # errata §3.87
        outcome = await self._station.unlock(*place, stops_transaction=True)  # §5.18: it ends first
        return Reply({"status": _UNLOCK_STATUSES[outcome]})
