"""E. Transactions: how an event is worded, what its answer says, and the status of a transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controller.logic.records import EventKind, MeterSampled, OpenTransaction, TransactionEvent
from controller.logic.values import Measurand, Sample, SampleContext
from controller.ocpp.delivery import Delivered
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.dialect import Context
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import given, wire_time
from controller.ocpp.v2 import messages201 as m
from controller.ocpp.v2.authorization import token_info
from controller.ocpp.v2.metering import meter_value, meter_values
from controller.ocpp.v2.wire import wire_token

# Where a register belongs that has no sample: (measurands configured for it, context).
_EDGES = {
    EventKind.STARTED: ("SampledDataCtrlr.TxStartedMeasurands", SampleContext.TRANSACTION_BEGIN),
    EventKind.ENDED: ("SampledDataCtrlr.TxEndedMeasurands", SampleContext.TRANSACTION_END),
}


class Encoder201:
    """Implements `outbox.Encoder`."""

    def __init__(self, model: DeviceModel) -> None:
        self._model = model

    def encode(
        self,
        event: TransactionEvent | MeterSampled,
        transaction: OpenTransaction | None,
        seq_no: int | None,
        offline: bool,
        at: datetime,
    ) -> tuple[str, dict[str, Any]] | None:
        if isinstance(event, TransactionEvent):
            return "TransactionEvent", self._transaction_event(event, seq_no, offline, at)
        if not event.samples:
            return None
        return "MeterValues", meter_values(event.evse_id, event.samples, at)

    def accept(self, event: TransactionEvent | MeterSampled, reply: Any) -> Delivered:
        """E05, C10.FR.05: the CSMS may change its mind about a token at every event."""
        if not isinstance(reply, m.TransactionEventResponse):
            return Delivered()
        info = given(reply.idTokenInfo)
        return Delivered(token_info=token_info(info) if info is not None else None)

    def _transaction_event(
        self, event: TransactionEvent, seq_no: int | None, offline: bool, at: datetime
    ) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "eventType": event.kind.value,
            "timestamp": wire_time(at),
            "triggerReason": event.trigger.value,  # E01.FR.15
            "seqNo": seq_no,  # E01.FR.07
            "transactionInfo": _transaction_info(event),
        }
        if offline:
            payload["offline"] = True  # E04.FR.03, E11.FR.07
        if event.phases_used is not None:
            payload["numberOfPhasesUsed"] = event.phases_used  # E02.FR.18
        if event.cable_max_current_a is not None:
            payload["cableMaxCurrent"] = event.cable_max_current_a
        if event.id_token is not None:
            payload["idToken"] = wire_token(event.id_token)  # E01.FR.10
        if event.evse_id is not None:
            # E01.FR.16 wants it in the first event after the EV is connected; in all, it survives what is dropped or refused.
            connector = {} if event.connector_id is None else {"connectorId": event.connector_id}
            payload["evse"] = {"id": event.evse_id, **connector}
        told = [(each.samples, each.stamp.wall) for each in event.kept]  # TxEndedInterval
        found = [meter_value(samples, when) for samples, when in (*told, (self._samples(event), at)) if samples]
        if found:
            payload["meterValue"] = found
        return payload

    def _samples(self, event: TransactionEvent) -> tuple[Sample, ...]:
        """The event's samples; a begin or end that has none of the register gets the last committed one (E06.FR.11)."""
        if event.kind not in _EDGES or event.register_wh is None:
            return event.samples
        key, context = _EDGES[event.kind]
        if any(sample.measurand is Measurand.ENERGY_IMPORT for sample in event.samples):
            return event.samples
        if Measurand.ENERGY_IMPORT not in self._model.members(key):
            return event.samples
        return (Sample(Measurand.ENERGY_IMPORT, event.register_wh, "Wh", context), *event.samples)


def _transaction_info(event: TransactionEvent) -> dict[str, Any]:
    info: dict[str, Any] = {"transactionId": event.transaction_id}
    if event.charging_state is not None:
        info["chargingState"] = event.charging_state.value  # E01.FR.18
    if event.stopped_reason is not None:
        info["stoppedReason"] = event.stopped_reason.value  # E06.FR.08
    if event.remote_start_id is not None:
        info["remoteStartId"] = event.remote_start_id  # F01.FR.25, F02.FR.01
    return info


class Transactions:
    def __init__(self, context: Context) -> None:
        self._context = context

    def handlers(self) -> dict[str, Handler]:
        return {"GetTransactionStatus": self.get_transaction_status}

    async def get_transaction_status(self, request: m.GetTransactionStatusRequest) -> Reply:
        """E14."""
        store, transaction_id = self._context.store, given(request.transactionId)
        waits = store.queued_count(transaction_id) > 0
        if transaction_id is None:
            return Reply(m.GetTransactionStatusResponse(messagesInQueue=waits))  # E14.FR.06
        return Reply(
            m.GetTransactionStatusResponse(messagesInQueue=waits, ongoingIndicator=store.is_open(transaction_id))
        )
