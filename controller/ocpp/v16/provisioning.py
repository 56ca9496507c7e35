"""BootNotification, Heartbeat and StatusNotification (§4.2, §4.6, §4.9)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controller.clock import Clock
from controller.logic.faults import FAULTS
from controller.logic.values import ClockQuality
from controller.ocpp.dialect import BootAnswer, Identity, Message, Registration, StatusMessage
from controller.ocpp.ports import ChargingStation, ConnectorStatus, StatusReport
from controller.ocpp.schema import as_utc, wire_time
from controller.ocpp.v16.connectors import STATION, Connectors
from controller.ocpp.v16.messages import BootNotificationResponse, HeartbeatResponse

_REGISTRATIONS = {
    "Accepted": Registration.ACCEPTED,
    "Pending": Registration.PENDING,
    "Rejected": Registration.REJECTED,
}
NO_ERROR = "NoError"
_EV_ERROR = "EVCommunicationError"
_EV_ERROR_STATUSES = {
    ConnectorStatus.PREPARING,
    ConnectorStatus.SUSPENDED_EV,
    ConnectorStatus.SUSPENDED_EVSE,
    ConnectorStatus.FINISHING,
}


def boot_request(identity: Identity) -> Message:
    """Fields keep within 1.6's lengths (§6.3): a CSMS that checks them would refuse the whole message."""
    payload = {
        "chargePointVendor": identity.vendor[:20],
        "chargePointModel": identity.model[:20],
        "chargePointSerialNumber": identity.serial[:25],
        "firmwareVersion": identity.firmware[:50],
    }
    return Message("BootNotification", {name: value for name, value in payload.items() if value})


def boot_answer(answer: BootNotificationResponse) -> BootAnswer:
    return BootAnswer(_REGISTRATIONS[answer.status], as_utc(answer.currentTime), answer.interval)


def heartbeat_answer(answer: HeartbeatResponse) -> datetime:
    return as_utc(answer.currentTime)


class Statuses:
    """What StatusNotification says now: a projection, made anew each time."""

    def __init__(self, station: ChargingStation, connectors: Connectors, clock: Clock, vendor: str) -> None:
        self._station = station
        self._connectors = connectors
        self._clock = clock
        self._vendor = vendor

    def points(self) -> tuple[tuple[int, int], ...]:
        """Connector 0 and all connectors (errata §3.22)."""
        return ((STATION, STATION), *self._connectors.places)

    def message(self, evse_id: int, connector_id: int) -> StatusMessage:
        if evse_id == STATION:
            report = StatusReport(
                ConnectorStatus.AVAILABLE if self._station.is_available(None, None) else ConnectorStatus.UNAVAILABLE
            )
        else:
            report = self._station.status(evse_id, connector_id)
        told = {"status": report.status.value, **self._error(report)}
        if report.info:
            told["info"] = report.info[:50]
        fingerprint = "|".join(f"{name}={told[name]}" for name in sorted(told))
        payload: dict[str, Any] = {"connectorId": self._connectors.number(evse_id, connector_id), **told}
        now = self._clock.now()
        if now.quality is ClockQuality.TRUSTED:
            payload["timestamp"] = wire_time(now.wall)  # optional (§6.47); a time nobody vouches for is not told
        return StatusMessage(fingerprint, Message("StatusNotification", payload))

    def _error(self, report: StatusReport) -> dict[str, str]:
        if not report.fault_id:
            return {"errorCode": NO_ERROR}
        row = FAULTS.get(report.fault_id)
        code = row.error_code if row is not None else "OtherError"
        if code == _EV_ERROR and report.status not in _EV_ERROR_STATUSES:
            code = "OtherError"  # §4.9: EVCommunicationError is a warning, only with the statuses above
        error = {"errorCode": code, "vendorErrorCode": ((row.mrec if row is not None else "") or report.fault_id)[:50]}
        return error | ({"vendorId": self._vendor[:255]} if self._vendor else {})
