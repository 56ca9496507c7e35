"""Transactions in the words of 1.6: StartTransaction, MeterValues, StopTransaction (§4.7, §4.8, §4.10)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from controller.logic.records import EventKind, MeterSampled, OpenTransaction, StopReason, TransactionEvent, Trigger
from controller.logic.values import Measurand, Sample, SampleContext
from controller.ocpp.delivery import Delivered
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.schema import given, wire_time
from controller.ocpp.signed import signed_meter_value
from controller.ocpp.v16.connectors import Connectors
from controller.ocpp.v16.messages import StartTransactionResponse, StopTransactionResponse
from controller.ocpp.v16.tokens import token_info, told_id_tag

Event = TransactionEvent | MeterSampled

UNKNOWN_TRANSACTION = -1  # only once the start itself could not be delivered (errata §3.18)
STOP_MEASURANDS = "SampledDataCtrlr.TxEndedMeasurands"  # StopTxnSampledData
ALIGNED_STOP_MEASURANDS = "AlignedDataCtrlr.TxEndedMeasurands"  # StopTxnAlignedData

_UNITS = {"Wh", "kWh", "varh", "kvarh", "W", "kW", "VA", "kVA", "var", "kvar", "A", "V", "K", "Percent"}  # §7.45

# §7.36 has eleven reasons; what it has no word for is Other. HardReset and SoftReset exist only here.
_REASONS: Mapping[StopReason, str] = {
    StopReason.DE_AUTHORIZED: "DeAuthorized",
    StopReason.EMERGENCY_STOP: "EmergencyStop",
    StopReason.EV_DISCONNECTED: "EVDisconnected",
    StopReason.IMMEDIATE_RESET: "HardReset",
    StopReason.LOCAL: "Local",
    StopReason.MASTER_PASS: "Local",
    StopReason.POWER_LOSS: "PowerLoss",
    StopReason.REBOOT: "Reboot",
    StopReason.REMOTE: "Remote",
    StopReason.TIMEOUT: "EVDisconnected",  # a transaction begins with the plug here: its EV has left and not come back
}


def reason(event: TransactionEvent) -> str:
    """Return the Reason of StopTransaction. A missing reason means Local (§4.10); many peers want it told."""
    if event.trigger is Trigger.UNLOCK_COMMAND:
        return "UnlockCommand"
    stopped = event.stopped_reason or StopReason.LOCAL
    if stopped is StopReason.REBOOT and event.trigger is Trigger.RESET_COMMAND:
        return "SoftReset"  # §5.14: stopped in good order because a CSMS asked for a soft reset
    return _REASONS.get(stopped, "Other")


def sampled_value(sample: Sample) -> dict[str, str]:
    """Return a SampledValue (§7.43). What equals a default is still told where peers are known to need it."""
    told = {"value": number(sample), "context": sample.context.value, "measurand": sample.measurand.value}
    if sample.phase is not None:
        told["phase"] = sample.phase
    if sample.unit in _UNITS:  # frequency and power factor have no unit in 1.6 (errata §3.86)
        told["unit"] = sample.unit
    return told


def sampled_values(sample: Sample) -> list[dict[str, str]]:
    """Return the SampledValue and, where the meter signed it, a second one (Signed Meter Values in OCPP, 3.2.1)."""
    told = sampled_value(sample)
    signed = None if sample.signed is None else signed_meter_value(sample.signed)
    return [told] if signed is None else [told, {**told, "format": "SignedData", "value": json.dumps(signed)}]


def number(sample: Sample) -> str:
    """Energy in whole units, anything else with up to three decimals and no more than it has."""
    if sample.measurand in (Measurand.ENERGY_IMPORT, Measurand.ENERGY_EXPORT):
        return str(round(sample.value))
    return f"{sample.value:.3f}".rstrip("0").rstrip(".") if sample.value else "0"


def meter_value(at: datetime, samples: Iterable[Sample]) -> dict[str, Any]:
    return {
        "timestamp": wire_time(at),
        "sampledValue": [value for sample in samples for value in sampled_values(sample)],
    }


class Encoder16:
    """Words events for a 1.6 CSMS; see `delivery.Encoder`."""

    def __init__(self, model: DeviceModel, connectors: Connectors) -> None:
        self._model = model
        self._connectors = connectors

    def encode(
        self, event: Event, transaction: OpenTransaction | None, seq_no: int | None, offline: bool, at: datetime
    ) -> tuple[str, Mapping[str, Any]] | None:
        """1.6 has no sequence number and no offline flag: the original time tells both (§3.7)."""
        if isinstance(event, MeterSampled):
            return self._meter_values(event.evse_id, None, None, event.samples, at)
        if event.kind is EventKind.STARTED:
            return "StartTransaction", self._start(event, transaction, at)
        wire_id = UNKNOWN_TRANSACTION
        if transaction is not None and transaction.wire_id is not None:
            wire_id = transaction.wire_id
        if event.kind is EventKind.ENDED:
            return "StopTransaction", self._stop(event, transaction, wire_id, at)
        evse_id = event.evse_id or (transaction.evse_id if transaction is not None else None)
        return self._meter_values(evse_id, event.connector_id, wire_id, event.samples, at)

    def accept(self, event: Event, reply: Any) -> Delivered:
        if isinstance(reply, StartTransactionResponse):
            return Delivered(wire_id=reply.transactionId, token_info=token_info(reply.idTagInfo))
        if isinstance(reply, StopTransactionResponse):
            info = given(reply.idTagInfo)
            return Delivered(token_info=None if info is None else token_info(info))
        return Delivered()

    def _meter_values(
        self,
        evse_id: int | None,
        connector_id: int | None,
        wire_id: int | None,
        samples: tuple[Sample, ...],
        at: datetime,
    ) -> tuple[str, Mapping[str, Any]] | None:
        """Without samples there is nothing to say: a change of state is told by StatusNotification."""
        if not samples:
            return None
        payload: dict[str, Any] = {
            "connectorId": self._connectors.number(evse_id, connector_id),
            "meterValue": [meter_value(at, samples)],
        }
        if wire_id is not None:  # §4.7, errata §3.16: the transaction running when the sample was taken
            payload["transactionId"] = wire_id
        return "MeterValues", payload

    def _start(self, event: TransactionEvent, transaction: OpenTransaction | None, at: datetime) -> dict[str, Any]:
        evse_id, connector_id, token = event.evse_id, event.connector_id, event.id_token
        if transaction is not None:
            # Begun before anything was plugged in: by now the connector may be known, and 1.6 wants it (§6.45).
            if evse_id is None:
                evse_id, connector_id = transaction.evse_id, transaction.connector_id
            token = token or transaction.id_token
        return {
            "connectorId": self._connectors.number(evse_id, connector_id),
            "idTag": told_id_tag(token),
            "meterStart": _register(event.register_wh, transaction.start_register_wh if transaction else None),
            "timestamp": wire_time(at),
        }

    def _stop(
        self, event: TransactionEvent, transaction: OpenTransaction | None, wire_id: int, at: datetime
    ) -> dict[str, Any]:
        start_wh = transaction.start_register_wh if transaction is not None else None
        last_wh = transaction.last_register_wh if transaction is not None else None
        meter_stop = max(_register(event.register_wh, last_wh, start_wh), start_wh or 0)
        payload: dict[str, Any] = {
            "transactionId": wire_id,
            "meterStop": meter_stop,
            "timestamp": wire_time(at),
            "reason": reason(event),
        }
        if event.id_token is not None:  # §4.10: left out when nobody stopped it with a token
            payload["idTag"] = told_id_tag(event.id_token)
        data = self._transaction_data(event, transaction, meter_stop, at)
        if data:
            payload["transactionData"] = data
        return payload

    def _transaction_data(
        self, event: TransactionEvent, transaction: OpenTransaction | None, meter_stop: int, at: datetime
    ) -> list[dict[str, Any]]:
        """What StopTxnSampledData and StopTxnAlignedData name: begin, what was kept in between, end (§3.16, errata §3.14)."""
        wanted = {*self._model.members(STOP_MEASURANDS), *self._model.members(ALIGNED_STOP_MEASURANDS)}
        found = [(each.stamp.wall, [s for s in each.samples if s.measurand in wanted]) for each in event.kept]
        ending = [sample for sample in event.samples if sample.measurand in wanted]
        if Measurand.ENERGY_IMPORT in wanted:
            has_begin = any(s.context is SampleContext.TRANSACTION_BEGIN for _, samples in found for s in samples)
            if not has_begin and transaction is not None and transaction.start_register_wh is not None:
                begin = _energy(transaction.start_register_wh, SampleContext.TRANSACTION_BEGIN)
                found.insert(0, (transaction.started.wall, [begin]))
            if not any(sample.measurand is Measurand.ENERGY_IMPORT for sample in ending):
                ending.insert(0, _energy(meter_stop, SampleContext.TRANSACTION_END))
        return [meter_value(when, samples) for when, samples in (*found, (at, ending)) if samples]


def _register(*candidates: int | None) -> int:
    """Return the first register that is known; 0 only for a station without a meter."""
    return next((register for register in candidates if register is not None), 0)


def _energy(register_wh: int, context: SampleContext) -> Sample:
    return Sample(Measurand.ENERGY_IMPORT, register_wh, "Wh", context)
