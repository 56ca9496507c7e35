"""F06 Trigger Message: the answer goes out first, then what was asked for (F06.FR.04)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from controller.logic.records import Trigger
from controller.logic.values import Measurand, SampleContext
from controller.ocpp.dialect import Context, Message, Registration
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.v2 import messages201 as m
from controller.ocpp.v2.metering import meter_values
from controller.ocpp.v2.wire import has_evse, place, status_info

After = Callable[[], Awaitable[None]]


class Triggers:
    """An entry of `_kinds` returns what to do, or the reason code of a refusal."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kinds: dict[str, Callable[[m.TriggerMessageRequest], After | str]] = {
            "BootNotification": self._boot,
            "Heartbeat": self._heartbeat,
            "StatusNotification": self._status,
            "MeterValues": self._meter_values,
            "TransactionEvent": self._transaction_event,
            "LogStatusNotification": lambda request: self._idle("LogStatusNotification"),  # F06.FR.15
            "FirmwareStatusNotification": lambda request: self._idle("FirmwareStatusNotification"),  # F06.FR.16
        }

    def handlers(self) -> dict[str, Handler]:
        return {"TriggerMessage": self.trigger_message}

    async def trigger_message(self, request: m.TriggerMessageRequest) -> Reply:
        kind = self._kinds.get(request.requestedMessage)
        if kind is None:
            return Reply(m.TriggerMessageResponse(status="NotImplemented"))  # F06.FR.08
        what = kind(request)
        if isinstance(what, str):
            return Reply(m.TriggerMessageResponse(status="Rejected", statusInfo=status_info(what)))
        return Reply(m.TriggerMessageResponse(status="Accepted"), what)

    def _boot(self, request: m.TriggerMessageRequest) -> After | str:
        if self._context.uplink.registration is Registration.ACCEPTED:
            return "InvalidMessageSeq"  # F06.FR.17

        async def boot() -> None:
            self._context.uplink.boot_again()

        return boot

    def _heartbeat(self, request: m.TriggerMessageRequest) -> After | str:
        return self._context.uplink.heartbeat

    def _status(self, request: m.TriggerMessageRequest) -> After | str:
        evse_id, connector_id = place(request.evse)
        if evse_id is None or connector_id is None:
            return "MissingParam"  # F06.FR.12
        if not has_evse(self._context.station, evse_id, connector_id):
            return "UnknownConnectorId"
        return partial(self._context.uplink.report_status, evse_id, connector_id)

    def _evses(self, request: m.TriggerMessageRequest) -> list[int]:
        """F06.FR.11: none named means all."""
        evse_id, _ = place(request.evse)
        return [evse.id for evse in self._context.station.evses if evse_id in (None, evse.id)]

    def _meter_values(self, request: m.TriggerMessageRequest) -> After | str:
        """F06.FR.06."""
        names = self._context.model.members("AlignedDataCtrlr.Measurands")
        measurands = tuple(Measurand(name) for name in names)
        messages = []
        for evse_id in self._evses(request):
            samples = self._context.station.samples(evse_id, measurands, SampleContext.TRIGGER)
            if samples:
                messages.append(Message("MeterValues", meter_values(evse_id, samples, self._context.clock.now().wall)))
        if not messages:
            return "NotFound"

        async def send() -> None:
            for message in messages:
                await self._context.uplink.send(message)

        return send

    def _transaction_event(self, request: m.TriggerMessageRequest) -> After | str:
        """F06.FR.07: queued like any other event, so it waits for the registration."""
        if self._context.uplink.registration is not Registration.ACCEPTED:
            return "CSNotAccepted"
        running = [each for each in self._evses(request) if self._context.station.transaction_on(each) is not None]
        if not running:
            return "TxNotFound"

        async def report() -> None:
            for evse_id in running:
                self._context.station.report_transaction(evse_id, Trigger.TRIGGER)

        return report

    def _idle(self, action: str) -> After | str:
        """Neither log nor firmware is ever under way here."""

        async def send() -> None:
            await self._context.uplink.send(Message(action, {"status": "Idle"}))

        return send
