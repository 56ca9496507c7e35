"""TriggerMessage (§5.17): the answer goes out first, then what was asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from controller.clock import Clock
from controller.logic.records import Trigger
from controller.logic.values import Measurand, SampleContext
from controller.ocpp.device_model import DeviceModel
from controller.ocpp.dialect import Message, Registration, Uplink
from controller.ocpp.ports import ChargingStation
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import given
from controller.ocpp.v16.connectors import STATION, Connectors
from controller.ocpp.v16.messages import TriggerMessageRequest
from controller.ocpp.v16.transactions import meter_value

_SAMPLED = "SampledDataCtrlr.TxUpdatedMeasurands"  # MeterValuesSampledData

After = Callable[[], Awaitable[None]]


class Triggers:
    def __init__(
        self, station: ChargingStation, model: DeviceModel, uplink: Uplink, connectors: Connectors, clock: Clock
    ) -> None:
        self._station = station
        self._model = model
        self._uplink = uplink
        self._connectors = connectors
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        return {"TriggerMessage": self.trigger}

    async def trigger(self, request: TriggerMessageRequest) -> Reply:
        number = given(request.connectorId)
        after: After | None
        match request.requestedMessage:
            case "BootNotification":
                after = self._boot()
            case "Heartbeat":
                after = self._uplink.heartbeat
            case "StatusNotification":
                after = self._status(number)
            case "MeterValues":
                after = self._meter_values(number)
            case _:  # firmware and diagnostics are not implemented
                return Reply({"status": "NotImplemented"})
        return Reply({"status": "Rejected" if after is None else "Accepted"}, after)

    def _boot(self) -> After | None:
        """Once accepted, a triggered BootNotification is refused (errata §3.35, §3.40)."""
        if self._uplink.registration is Registration.ACCEPTED:
            return None

        async def boot() -> None:
            self._uplink.boot_again()

        return boot

    def _status(self, number: int | None) -> After | None:
        """Without a connectorId: the station and each of its connectors."""
        if number is None:
            points: tuple[tuple[int, int], ...] = ((STATION, STATION), *self._connectors.places)
        elif number == STATION:
            points = ((STATION, STATION),)
        elif (place := self._connectors.place(number)) is not None:
            points = (place,)
        else:
            return None

        async def report() -> None:
            for evse_id, connector_id in points:
                await self._uplink.report_status(evse_id, connector_id)

        return report

    def _meter_values(self, number: int | None) -> After | None:
        """The latest values of what MeterValuesSampledData names; there is no main meter to ask for connector 0."""
        numbers = list(self._connectors.numbers) if number is None else [number]
        places = [(each, place) for each in numbers if (place := self._connectors.place(each)) is not None]
        measurands = tuple(Measurand(name) for name in self._model.members(_SAMPLED))
        places = [
            (each, place)
            for each, place in places
            if self._station.samples(place[0], measurands, SampleContext.TRIGGER)
        ]
        if not places:
            return None

        async def report() -> None:
            for each, (evse_id, _) in places:
                await self._report_meter(each, evse_id, measurands)

        return report

    async def _report_meter(self, number: int, evse_id: int, measurands: tuple[Measurand, ...]) -> None:
        """Those of a transaction take their place in the queue: its id may not be known before (§3.7)."""
        if self._station.transaction_on(evse_id) is not None:
            self._station.report_transaction(evse_id, Trigger.TRIGGER)
            return
        samples = self._station.samples(evse_id, measurands, SampleContext.TRIGGER)
        if samples:
            values = [meter_value(self._clock.now().wall, samples)]
            await self._uplink.send(Message("MeterValues", {"connectorId": number, "meterValue": values}))
