"""B05 Set Variables, B06 Get Variables."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET

from controller.ocpp.device_model import Missing, Mutability, SetOutcome, Variable
from controller.ocpp.dialect import Context
from controller.ocpp.exc import CallError, ErrorCode
from controller.ocpp.ports import SecurityEventType
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import given
from controller.ocpp.v2 import messages201 as m
from controller.ocpp.v2.wire import place, status_info
from controller.ocpp.variables import ITEMS_PER_MESSAGE

_PASSWORD = "SecurityCtrlr.BasicAuthPassword"
_REPORTED_SIZE = 2500

Attribute = Literal["Actual", "Target", "MinSet", "MaxSet"]


class DeviceData:
    def __init__(self, context: Context) -> None:
        self._context = context

    def handlers(self) -> dict[str, Handler]:
        return {"SetVariables": self.set_variables, "GetVariables": self.get_variables}

    async def set_variables(self, request: m.SetVariablesRequest) -> Reply:
        """B05.FR.01: one result for each item, in their order."""
        _bound(request.setVariableData)
        results = [self._set(item) for item in request.setVariableData]
        credentials = any(
            result.attributeStatus == "Accepted" and _key(item.component, item.variable) == _PASSWORD.casefold()
            for item, result in zip(request.setVariableData, results, strict=True)
        )
        after = self._credentials_changed if credentials else None
        return Reply(m.SetVariablesResponse(setVariableResult=results), after)

    def _set(self, item: m.SetVariableDataType) -> m.SetVariableResultType:
        kind: Attribute = given(item.attributeType) or "Actual"
        status, detail = self._set_status(item, kind)
        return m.SetVariableResultType(
            attributeType=kind,  # B05.FR.03, B05.FR.12
            attributeStatus=status,
            component=item.component,
            variable=item.variable,
            attributeStatusInfo=status_info(*detail) if detail else UNSET,
        )

    def _set_status(
        self, item: m.SetVariableDataType, kind: Attribute
    ) -> tuple[m.SetVariableStatusEnumType, tuple[str, str] | None]:
        variable = self._find(item.component, item.variable)
        if variable is Missing.COMPONENT:
            return "UnknownComponent", None  # B05.FR.04
        if variable is Missing.VARIABLE:
            return "UnknownVariable", None  # B05.FR.05
        if kind != "Actual":
            return "NotSupportedAttributeType", None  # B05.FR.06
        result = self._context.model.set(variable.key, item.attributeValue, "csms")
        if result.outcome is SetOutcome.ACCEPTED:
            return "Accepted", None  # B05.FR.10
        if result.outcome is SetOutcome.NEEDS_REBOOT:
            return "RebootRequired", None
        if result.outcome is SetOutcome.READ_ONLY:
            return "Rejected", ("ReadOnly", result.detail)  # B05.FR.09
        if result.outcome is SetOutcome.NO_ROOM:
            return "Rejected", ("OutOfStorage", result.detail)
        return "Rejected", ("InvalidValue", result.detail)  # B05.FR.07, B05.FR.08

    async def _credentials_changed(self) -> None:
        """Connect with it. A01.FR.11/12: the change is told, the password never."""
        self._context.uplink.reconnect()
        self._context.uplink.security_event(SecurityEventType.RECONFIGURED, _PASSWORD)

    async def get_variables(self, request: m.GetVariablesRequest) -> Reply:
        """B06.FR.01: one result for each item, in their order."""
        _bound(request.getVariableData)
        return Reply(m.GetVariablesResponse(getVariableResult=[self._get(item) for item in request.getVariableData]))

    def _get(self, item: m.GetVariableDataType) -> m.GetVariableResultType:
        kind: Attribute = given(item.attributeType) or "Actual"
        status, value = self._value(item, kind)
        return m.GetVariableResultType(
            attributeStatus=status,
            attributeType=kind,  # B06.FR.03, B06.FR.11
            component=item.component,
            variable=item.variable,
            attributeValue=UNSET if value is None else value[:_REPORTED_SIZE],
        )

    def _value(self, item: m.GetVariableDataType, kind: Attribute) -> tuple[m.GetVariableStatusEnumType, str | None]:
        variable = self._find(item.component, item.variable)
        if variable is Missing.COMPONENT:
            return "UnknownComponent", None  # B06.FR.06
        if variable is Missing.VARIABLE:
            return "UnknownVariable", None  # B06.FR.07, B06.FR.15
        if kind != "Actual":
            return "NotSupportedAttributeType", None  # B06.FR.08
        if variable.mutability is Mutability.WRITE_ONLY:
            return "Rejected", None  # B06.FR.09
        return "Accepted", self._context.model.value(variable)  # B06.FR.10

    def _find(self, component: m.ComponentType, variable: m.VariableType) -> Variable | Missing:
        if given(component.instance):
            return Missing.COMPONENT  # no component here comes in instances
        evse_id, connector_id = place(component.evse)
        return self._context.model.find(
            component.name,
            variable.name,
            instance=given(variable.instance),
            evse_id=evse_id,
            connector_id=connector_id,
        )


def _bound(items: list[m.GetVariableDataType] | list[m.SetVariableDataType]) -> None:
    """B06.FR.16. Raises CallError."""
    if len(items) > ITEMS_PER_MESSAGE:
        raise CallError(ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, f"at most {ITEMS_PER_MESSAGE} items in a request")


def _key(component: m.ComponentType, variable: m.VariableType) -> str:
    return f"{component.name}.{variable.name}".casefold()
