"""G. Availability: status reports, Change Availability, Heartbeat."""

from __future__ import annotations

from controller.clock import Clock
from controller.ocpp.dialect import Context, Message, StatusMessage
from controller.ocpp.live import availability_state
from controller.ocpp.ports import ChargingStation
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import wire_time
from controller.ocpp.v2 import messages201 as m
from controller.ocpp.v2.wire import has_evse, info_of, place, status_info


def heartbeat_request() -> Message:
    return Message("Heartbeat", m.HeartbeatRequest())


def status_points(station: ChargingStation) -> tuple[tuple[int, int], ...]:
    """Every connector; the station and the EVSEs have no status of their own on this wire."""
    return tuple((evse.id, number) for evse in station.evses for number in range(1, evse.connectors + 1))


def status(station: ChargingStation, clock: Clock, evse_id: int, connector_id: int) -> StatusMessage:
    """G01.FR.01."""
    state = availability_state(station, evse_id, connector_id)
    payload = {
        "timestamp": wire_time(clock.now().wall),
        "connectorStatus": state,
        "evseId": evse_id,
        "connectorId": connector_id,
    }
    return StatusMessage(state, Message("StatusNotification", payload))


class Availability:
    def __init__(self, context: Context) -> None:
        self._context = context

    def handlers(self) -> dict[str, Handler]:
        return {"ChangeAvailability": self.change_availability}

    async def change_availability(self, request: m.ChangeAvailabilityRequest) -> Reply:
        """G03, G04. The status that follows is reported by projection (G03.FR.04)."""
        evse_id, connector_id = place(request.evse)
        if evse_id is not None and not has_evse(self._context.station, evse_id, connector_id):
            known = has_evse(self._context.station, evse_id)
            info = status_info("UnknownConnectorId" if known else "UnknownEvse")
            return Reply(m.ChangeAvailabilityResponse(status="Rejected", statusInfo=info))
        operative = request.operationalStatus == "Operative"
        decision = self._context.station.change_availability(operative, evse_id, connector_id)
        if not decision.accepted:
            return Reply(m.ChangeAvailabilityResponse(status="Rejected", statusInfo=info_of(decision)))
        return Reply({"status": "Scheduled" if decision.scheduled else "Accepted"})  # G03.FR.05
