"""What a 1.6 central system answers, and what it finds wrong with what a station says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hil.csms.context import Context
from hil.csms.log import Kind
from hil.csms.schemas import render
from hil.csms.transactions import Reading, Transaction, moment, registers

_TOKEN_STATUSES = {"Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"}
NO_TRANSACTION_ID = -1  # what a station may use once it gave up on a StartTransaction (errata §3.18)


def timestamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Answers16:
    STATION_ACTIONS = frozenset(
        {
            "Authorize", "BootNotification", "DataTransfer", "DiagnosticsStatusNotification",
            "FirmwareStatusNotification", "Heartbeat", "LogStatusNotification", "MeterValues",
            "SecurityEventNotification", "SignCertificate", "SignedFirmwareStatusNotification", "StartTransaction",
            "StatusNotification", "StopTransaction",
        }
    )  # fmt: skip

    def answer(self, action: str, payload: dict[str, Any], context: Context) -> dict[str, Any]:
        match action:
            case "Authorize":
                return {"idTagInfo": self._token_info(payload["idTag"], context)}
            case "Heartbeat":
                return {"currentTime": timestamp(context.now)}
            case "DataTransfer":
                return {"status": "UnknownVendorId"}
            case "SignCertificate":
                return {"status": "Rejected"}
            case "StatusNotification":
                connector = payload["connectorId"]
                context.facts.statuses[(connector, connector)] = payload["status"]
                return {}
            case "StartTransaction":
                return self._start(payload, context)
            case "StopTransaction":
                return self._stop(payload, context)
            case "MeterValues":
                return self._meter_values(payload, context)
            case _:
                return {}

    def _token_info(self, id_tag: str, context: Context) -> dict[str, Any]:
        token = context.tokens.look_up(id_tag, context.now)
        info: dict[str, Any] = {"status": token.status if token.status in _TOKEN_STATUSES else "Invalid"}
        if token.group is not None:
            info["parentIdTag"] = token.group
        if token.expires is not None:
            info["expiryDate"] = timestamp(token.expires)
        return info

    def _in_order(self, at: datetime, context: Context) -> None:
        """Transaction-related messages come in chronological order (§3.7)."""
        newest = context.facts.newest_at
        if newest is not None and at < newest:
            context.report(Kind.TIME, f"{at.isoformat()} after {newest.isoformat()}")
        context.facts.newest_at = at if newest is None else max(newest, at)

    def _start(self, payload: dict[str, Any], context: Context) -> dict[str, Any]:
        started_at = moment(payload["timestamp"])
        known = next(
            (t for t in context.book if t.station == context.station and t.messages and t.messages[0] == payload), None
        )
        if known is not None:
            context.duplicated("StartTransaction", f"transaction {known.id}")
            return {"transactionId": int(known.id), "idTagInfo": self._token_info(payload["idTag"], context)}
        self._in_order(started_at, context)
        if (running := context.book.open_on(context.station, payload["connectorId"])) is not None:
            context.report(
                Kind.TRANSACTION,
                f"StartTransaction on connector {payload['connectorId']}, where {running.id} still runs",
            )
        transaction = Transaction(
            id=str(context.book.next_id()),
            station=context.station,
            evse=payload["connectorId"],
            id_token=payload["idTag"],
            started_at=started_at,
            messages=[payload],
        )
        transaction.read(Reading(started_at, payload["meterStart"]), context.report)
        context.book.add(transaction)
        return {"transactionId": int(transaction.id), "idTagInfo": self._token_info(payload["idTag"], context)}

    def _find(self, action: str, transaction_id: int, context: Context) -> Transaction | None:
        transaction = context.book.find(context.station, str(transaction_id))
        if transaction is None:
            gave_up = transaction_id == NO_TRANSACTION_ID and context.facts.failed_starts > 0
            if not gave_up:
                context.report(Kind.TRANSACTION, f"{action} for transaction {transaction_id}, which never started")
        return transaction

    def _stop(self, payload: dict[str, Any], context: Context) -> dict[str, Any]:
        response: dict[str, Any] = {}
        if "idTag" in payload:
            response["idTagInfo"] = self._token_info(payload["idTag"], context)
        at = moment(payload["timestamp"])
        transaction = self._find("StopTransaction", payload["transactionId"], context)
        if transaction is not None and not transaction.is_open:
            if transaction.messages[-1] == payload:
                context.duplicated("StopTransaction", f"transaction {transaction.id}")
            else:
                context.report(Kind.TRANSACTION, f"a second, different StopTransaction for {transaction.id}")
            return response
        self._in_order(at, context)
        if transaction is None:
            return response
        data = sorted(registers(payload.get("transactionData", [])), key=lambda reading: reading.at)
        if any(not transaction.started_at <= reading.at <= at for reading in data):
            context.report(Kind.TIME, f"transactionData outside transaction {transaction.id}")
        transaction.read(Reading(at, payload["meterStop"]), context.report)
        transaction.stopped_at = at
        transaction.reason = payload.get("reason", "Local")  # §4.10: Local is what a missing reason means
        transaction.messages.append(payload)
        return response

    def _meter_values(self, payload: dict[str, Any], context: Context) -> dict[str, Any]:
        transaction = None
        if "transactionId" in payload:
            transaction = self._find("MeterValues", payload["transactionId"], context)
        seen, text = (context.facts if transaction is None else transaction).seen, render(payload)
        if text in seen:
            context.duplicated(
                "MeterValues", f"connector {payload['connectorId']} {payload['meterValue'][0]['timestamp']}"
            )
            return {}
        seen.add(text)
        for meter_value in payload["meterValue"]:
            self._in_order(moment(meter_value["timestamp"]), context)
        if transaction is None:
            context.facts.meter_values.append(payload)
            return {}
        if not transaction.is_open:
            context.report(Kind.TRANSACTION, f"MeterValues after the end of transaction {transaction.id}")
        if transaction.evse != payload["connectorId"]:
            context.report(
                Kind.TRANSACTION, f"MeterValues of transaction {transaction.id} on connector {payload['connectorId']}"
            )
        for reading in registers(payload["meterValue"]):
            transaction.read(reading, context.report)
        transaction.messages.append(payload)
        return {}
