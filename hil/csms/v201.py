"""What a 2.0.1 CSMS answers, and what it finds wrong with what a station says."""

from __future__ import annotations

from typing import Any

from hil.csms.context import Context
from hil.csms.log import Kind
from hil.csms.transactions import Transaction, moment, registers
from hil.csms.v16 import timestamp

_FIXED: dict[str, dict[str, Any]] = {
    "DataTransfer": {"status": "UnknownVendorId"},
    "SignCertificate": {"status": "Rejected"},
    "Get15118EVCertificate": {"status": "Failed", "exiResponse": ""},
    "GetCertificateStatus": {"status": "Failed"},
    "NotifyEVChargingNeeds": {"status": "Rejected"},
    "NotifyEVChargingSchedule": {"status": "Rejected"},
}


class Answers201:
    STATION_ACTIONS = frozenset(
        {
            "Authorize", "BootNotification", "ClearedChargingLimit", "DataTransfer", "FirmwareStatusNotification",
            "Get15118EVCertificate", "GetCertificateStatus", "Heartbeat", "LogStatusNotification", "MeterValues",
            "NotifyChargingLimit", "NotifyCustomerInformation", "NotifyDisplayMessages", "NotifyEVChargingNeeds",
            "NotifyEVChargingSchedule", "NotifyEvent", "NotifyMonitoringReport", "NotifyReport",
            "PublishFirmwareStatusNotification", "ReportChargingProfiles", "ReservationStatusUpdate",
            "SecurityEventNotification", "SignCertificate", "StatusNotification", "TransactionEvent",
        }
    )  # fmt: skip

    def answer(self, action: str, payload: dict[str, Any], context: Context) -> dict[str, Any]:
        match action:
            case "Authorize":
                return {"idTokenInfo": self._token_info(payload["idToken"], context)}
            case "Heartbeat":
                return {"currentTime": timestamp(context.now)}
            case "StatusNotification":
                context.facts.statuses[(payload["evseId"], payload["connectorId"])] = payload["connectorStatus"]
                return {}
            case "MeterValues":
                context.facts.meter_values.append(payload)
                return {}
            case "NotifyReport":
                context.facts.reports.setdefault(payload["requestId"], []).append(payload)
                return {}
            case "TransactionEvent":
                return self._event(payload, context)
            case _:
                return dict(_FIXED.get(action, {}))

    def _token_info(self, id_token: dict[str, Any], context: Context) -> dict[str, Any]:
        if id_token["type"] == "NoAuthorization":
            return {"status": "Accepted"}  # C02.FR.02
        token = context.tokens.look_up(id_token["idToken"], context.now)
        info: dict[str, Any] = {"status": token.status}
        if token.group is not None:
            info["groupIdToken"] = {"idToken": token.group, "type": "Central"}
        if token.expires is not None:
            info["cacheExpiryDateTime"] = timestamp(token.expires)
        return info

    def _event(self, payload: dict[str, Any], context: Context) -> dict[str, Any]:
        response: dict[str, Any] = {}
        if "idToken" in payload:
            response["idTokenInfo"] = self._token_info(payload["idToken"], context)
        transaction = self._transaction(payload, context)
        seq_no = payload["seqNo"]
        if seq_no in transaction.by_seq_no:
            self._repeated(payload, transaction, context)
            return response
        self._in_sequence(seq_no, transaction, context)
        self._take(payload, transaction, context)
        return response

    def _transaction(self, payload: dict[str, Any], context: Context) -> Transaction:
        info = payload["transactionInfo"]
        known = context.book.find(context.station, info["transactionId"])
        if known is not None:
            return known
        if payload["eventType"] != "Started":
            context.report(
                Kind.TRANSACTION, f"{payload['eventType']} for transaction {info['transactionId']}, which never started"
            )
        transaction = Transaction(
            id=info["transactionId"],
            station=context.station,
            evse=None,
            id_token=None,
            started_at=moment(payload["timestamp"]),
        )
        context.book.add(transaction)
        return transaction

    def _repeated(self, payload: dict[str, Any], transaction: Transaction, context: Context) -> None:
        if transaction.by_seq_no[payload["seqNo"]] == payload:
            context.duplicated("TransactionEvent", f"{transaction.id} seqNo {payload['seqNo']}")
        else:
            context.report(
                Kind.TRANSACTION, f"seqNo {payload['seqNo']} of {transaction.id} again, with another content"
            )

    def _in_sequence(self, seq_no: int, transaction: Transaction, context: Context) -> None:
        """Events of a transaction come with consecutive numbers from 0 (E01.FR.07)."""
        expected = transaction.newest_seq_no + 1
        if seq_no in transaction.gaps:
            transaction.gaps.remove(seq_no)
            context.report(Kind.TRANSACTION, f"{transaction.id}: seqNo {seq_no} came after {expected - 1}")
        elif seq_no > expected:
            transaction.gaps.extend(range(expected, seq_no))
            context.report(Kind.GAP, f"{transaction.id}: seqNo {seq_no} where {expected} was due")
        transaction.newest_seq_no = max(transaction.newest_seq_no, seq_no)

    def _take(self, payload: dict[str, Any], transaction: Transaction, context: Context) -> None:
        kind = payload["eventType"]
        at = moment(payload["timestamp"])
        if not transaction.is_open:
            context.report(Kind.TRANSACTION, f"{kind} after the end of transaction {transaction.id}")
        if kind == "Started" and transaction.messages:
            context.report(Kind.TRANSACTION, f"a second Started for transaction {transaction.id}")
        transaction.advance(at, context.report)
        info = payload["transactionInfo"]
        transaction.messages.append(payload)
        transaction.by_seq_no[payload["seqNo"]] = payload
        transaction.charging_state = info.get("chargingState", transaction.charging_state)
        transaction.remote_start_id = info.get("remoteStartId", transaction.remote_start_id)
        if transaction.evse is None and "evse" in payload:
            transaction.evse, transaction.on_evse_since = payload["evse"]["id"], at
        if transaction.id_token is None and "idToken" in payload:
            transaction.id_token = payload["idToken"]["idToken"]
        for reading in registers(payload.get("meterValue", [])):
            transaction.read(reading, context.report)
        if kind == "Ended":
            transaction.stopped_at = at
            transaction.reason = info.get("stoppedReason", "Local")  # E06.FR.08: may be left out when Local
            self._alone(transaction, context)

    def _alone(self, transaction: Transaction, context: Context) -> None:
        """An EVSE has one transaction at a time; in which order two of them are told is the station's business."""
        mine = transaction.times_on_evse
        for other in context.book:
            if other is transaction or (other.station, other.evse) != (transaction.station, transaction.evse):
                continue
            theirs = other.times_on_evse
            if mine is not None and theirs is not None and mine[0] < theirs[1] and theirs[0] < mine[1]:
                context.report(
                    Kind.TRANSACTION, f"{transaction.id} and {other.id} both ran on EVSE {transaction.evse} at a time"
                )
