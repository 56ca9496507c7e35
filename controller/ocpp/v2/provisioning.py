"""B. Provisioning: boot, reset, network profiles. Variables and reports have modules of their own."""

from __future__ import annotations

from msgspec import UNSET

from controller.ocpp.dialect import BootAnswer, BootReason, Context, Identity, Message, Registration
from controller.ocpp.ports import ResetKind
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import given
from controller.ocpp.v2 import messages201 as m
from controller.ocpp.v2.wire import has_evse, info_of, status_info

_REGISTRATIONS = {
    "Accepted": Registration.ACCEPTED,
    "Pending": Registration.PENDING,
    "Rejected": Registration.REJECTED,
}
_KINDS = {"Immediate": ResetKind.IMMEDIATE, "OnIdle": ResetKind.ON_IDLE}


def boot_request(identity: Identity, reason: BootReason) -> Message:
    """B01.FR.01, B01.FR.09."""
    station = m.ChargingStationType(
        vendorName=identity.vendor,
        model=identity.model,
        serialNumber=identity.serial or UNSET,
        firmwareVersion=identity.firmware or UNSET,
    )
    return Message("BootNotification", m.BootNotificationRequest(chargingStation=station, reason=reason.value))


def boot_answer(answer: m.BootNotificationResponse) -> BootAnswer:
    return BootAnswer(_REGISTRATIONS[answer.status], answer.currentTime, answer.interval)


class Provisioning:
    def __init__(self, context: Context) -> None:
        self._context = context

    def handlers(self) -> dict[str, Handler]:
        return {"Reset": self.reset, "SetNetworkProfile": self.set_network_profile}

    async def reset(self, request: m.ResetRequest) -> Reply:
        """B11, B12: the station decides; Scheduled where transactions are waited for (B12.FR.01)."""
        evse_id = given(request.evseId)
        if evse_id is not None and not has_evse(self._context.station, evse_id):
            return Reply(m.ResetResponse(status="Rejected", statusInfo=status_info("UnknownEvse")))
        decision = self._context.station.request_reset(_KINDS[request.type], evse_id)
        if not decision.accepted:
            return Reply(m.ResetResponse(status="Rejected", statusInfo=info_of(decision)))  # B11.FR.06/09
        status = "Scheduled" if decision.scheduled else "Accepted"
        return Reply({"status": status})

    async def set_network_profile(self, request: m.SetNetworkProfileRequest) -> Reply:
        """The one slot there is belongs to the configuration file (B09.FR.02, B09.FR.05)."""
        slots = self._context.model.variable("OCPPCommCtrlr.NetworkConfigurationPriority")
        known = slots is not None and str(request.configurationSlot) in slots.values
        info = (
            status_info("InvalidNetworkConf", "this profile is set at the station only")
            if known
            else status_info("InvalidConfSlot")
        )
        return Reply(m.SetNetworkProfileResponse(status="Rejected", statusInfo=info))
