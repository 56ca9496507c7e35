"""B07 Get Base Report, B08 Get Custom Report: the device model, in as many NotifyReports as it takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from msgspec import UNSET

from controller.ocpp.device_model import DataType, Mutability, Variable
from controller.ocpp.dialect import Context, Message
from controller.ocpp.exc import CallError, ErrorCode
from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.schema import given
from controller.ocpp.v2 import messages201 as m
from controller.ocpp.v2.wire import place
from controller.ocpp.variables import ITEMS_PER_MESSAGE

_PER_MESSAGE = 30
_VALUES_SIZE = 1000


class Reporting:
    def __init__(self, context: Context) -> None:
        self._context = context

    def handlers(self) -> dict[str, Handler]:
        return {"GetBaseReport": self.get_base_report, "GetReport": self.get_report}

    async def get_base_report(self, request: m.GetBaseReportRequest) -> Reply:
        variables = self._context.model.variables()
        if request.reportBase == "ConfigurationInventory":  # B07.FR.07
            variables = tuple(each for each in variables if each.mutability is not Mutability.READ_ONLY)
        elif request.reportBase == "SummaryInventory":  # B07.FR.09
            variables = tuple(each for each in variables if self._is_of_summary(each))
        return Reply(m.GetBaseReportResponse(status="Accepted"), partial(self._notify, request.requestId, variables))

    def _is_of_summary(self, variable: Variable) -> bool:
        """What is available, and what is wrong, if anything."""
        is_problem = variable.name == "Problem" and self._context.model.value(variable) == "true"
        return is_problem or variable.name == "AvailabilityState"

    async def get_report(self, request: m.GetReportRequest) -> Reply:
        wanted = given(request.componentVariable) or []
        if len(wanted) > ITEMS_PER_MESSAGE:  # B08.FR.17
            raise CallError(
                ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, f"at most {ITEMS_PER_MESSAGE} items in a request"
            )
        criteria = given(request.componentCriteria) or []
        chosen = [
            variable
            for variable in self._context.model.variables()
            if (not wanted or any(_is_wanted(variable, each) for each in wanted))
            and (not criteria or any(self._meets(variable, criterion) for criterion in criteria))  # B08.FR.13
        ]
        if not chosen:
            return Reply(m.GetReportResponse(status="EmptyResultSet"))  # B08.FR.15
        return Reply(m.GetReportResponse(status="Accepted"), partial(self._notify, request.requestId, chosen))

    def _meets(self, variable: Variable, criterion: str) -> bool:
        """B08.FR.07-10: of the variable's component."""
        model = self._context.model
        found = model.find(
            variable.component, criterion, instance=None, evse_id=variable.evse_id, connector_id=variable.connector_id
        )
        if not isinstance(found, Variable):
            return criterion != "Problem"
        return model.value(found) == "true"

    async def _notify(self, request_id: int, variables: Sequence[Variable]) -> None:
        """B07.FR.03/04/10."""
        parts = [variables[start : start + _PER_MESSAGE] for start in range(0, len(variables), _PER_MESSAGE)] or [()]
        now = self._context.clock.now().wall
        for seq_no, part in enumerate(parts):
            report = m.NotifyReportRequest(
                requestId=request_id,
                generatedAt=now.replace(microsecond=now.microsecond // 1000 * 1000),  # three decimals at most
                seqNo=seq_no,
                tbc=seq_no + 1 < len(parts),
                reportData=[self._entry(variable) for variable in part] or UNSET,
            )
            await self._context.uplink.send(Message("NotifyReport", report))

    def _entry(self, variable: Variable) -> m.ReportDataType:
        return m.ReportDataType(
            component=_component(variable),
            variable=m.VariableType(name=variable.name, instance=variable.instance or UNSET),
            variableAttribute=[self._attribute(variable)],
            variableCharacteristics=_characteristics(variable),  # B08.FR.12
        )

    def _attribute(self, variable: Variable) -> m.VariableAttributeType:
        is_secret = variable.mutability is Mutability.WRITE_ONLY
        return m.VariableAttributeType(
            type="Actual",
            value=UNSET if is_secret else self._context.model.value(variable),
            mutability=variable.mutability.value,
            persistent=variable.default is not None,
            constant=variable.is_fixed and variable.default is not None,
        )


def _component(variable: Variable) -> m.ComponentType:
    if variable.evse_id is None:
        return m.ComponentType(name=variable.component)
    connector_id = UNSET if variable.connector_id is None else variable.connector_id
    return m.ComponentType(name=variable.component, evse=m.EVSEType(id=variable.evse_id, connectorId=connector_id))


def _characteristics(variable: Variable) -> m.VariableCharacteristicsType:
    is_list = variable.data_type in (DataType.OPTION_LIST, DataType.MEMBER_LIST, DataType.SEQUENCE_LIST)
    return m.VariableCharacteristicsType(
        dataType=variable.data_type.value,
        supportsMonitoring=False,
        unit=variable.unit or UNSET,
        minLimit=UNSET if variable.minimum is None else float(variable.minimum),
        maxLimit=UNSET if variable.maximum is None else float(variable.maximum),
        valuesList=_joined(variable.values) if is_list and variable.values else UNSET,
    )


def _joined(values: Iterable[str]) -> str:
    return ",".join(values)[:_VALUES_SIZE]


def _is_wanted(variable: Variable, wanted: m.ComponentVariableType) -> bool:
    """B08.FR.20-25: what is left out matches everything."""
    component, name = wanted.component, given(wanted.variable)
    evse_id, connector_id = place(component.evse)
    if given(component.instance) or component.name.casefold() != variable.component.casefold():
        return False
    if evse_id is not None and evse_id != variable.evse_id:
        return False
    if connector_id is not None and connector_id != variable.connector_id:
        return False
    if name is None:
        return True
    instance = given(name.instance)
    if name.name.casefold() != variable.name.casefold():
        return False
    return not instance or instance.casefold() == (variable.instance or "").casefold()
