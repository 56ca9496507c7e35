"""Variables of the station's own, for what OCPP 2.0.1 has none. Names are those of OCPP 2.1 (E17)."""

from __future__ import annotations

from controller.ocpp.device_model import DataType, DeviceModel, Mutability, Variable

RESUMPTION_TIMEOUT = "TxCtrlr.ResumptionTimeout"
ALLOW_ENERGY_RESUMPTION = "TxCtrlr.AllowEnergyTransferResumption"

STATION_VARIABLES = (
    Variable(
        "TxCtrlr",
        "ResumptionTimeout",
        DataType.INTEGER,
        Mutability.READ_WRITE,
        "300",
        "longest interruption after which an open transaction goes on; 0 never resumes",
        unit="s",
        minimum=0,
        maximum=86400,
    ),
    Variable(
        "TxCtrlr",
        "AllowEnergyTransferResumption",
        DataType.BOOLEAN,
        Mutability.READ_WRITE,
        "true",
        "whether energy may flow again in a transaction that goes on",
    ),
)


def missing_from(model_variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    """Return those of the station's own that a registry does not have already."""
    known = {variable.key.casefold() for variable in model_variables}
    return tuple(variable for variable in STATION_VARIABLES if variable.key.casefold() not in known)


def default_of(key: str) -> str:
    """Return the default of one of the station's own variables, for a registry that was made without them."""
    return next(variable.default or "" for variable in STATION_VARIABLES if variable.key == key)


def text(model: DeviceModel, key: str) -> str:
    return model.text(key) if model.variable(key) is not None else default_of(key)
