"""Which OCPP versions there are, and the device model made from a configuration that may speak of either.

A version is imported when it is configured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from controller.ocpp.device_model import DeviceModel, Variable
from controller.ocpp.dialect import DialectFactory
from controller.ocpp.exc import ConfigurationError
from controller.ocpp.ports import EvseInfo
from controller.ocpp.storage import VariableStorage

V16, V201 = "ocpp1.6", "ocpp2.0.1"


def dialect_factories(protocols: Iterable[str], own_keys: Mapping[str, str]) -> dict[str, DialectFactory]:
    """Return the factories of the configured versions. own_keys: as `build_model` returned them."""
    return {protocol: _factory(protocol, own_keys) for protocol in protocols}


def _factory(protocol: str, own_keys: Mapping[str, str]) -> DialectFactory:
    if protocol == V201:
        from controller.ocpp import v2

        return v2.dialect
    if protocol == V16:
        from controller.ocpp import v16

        return partial(v16.dialect, own_keys=own_keys)
    raise ValueError(f"unknown OCPP version {protocol!r}")


def build_model(
    rows: Sequence[Variable],
    evses: Sequence[EvseInfo],
    variables: Mapping[str, str],
    keys: Mapping[str, str],
    storage: VariableStorage,
) -> tuple[DeviceModel, dict[str, str]]:
    """Return the model, and the initial values of 1.6 keys that have no variable.

    variables: `[ocpp.variables]`; keys: `[ocpp.keys]`. Raises ConfigurationError with the mistakes of both.
    """
    mistakes: list[str] = []
    translated: dict[str, str] = {}
    own_keys: dict[str, str] = {}
    if keys:
        from controller.ocpp.v16.keys import initial_values

        try:
            translated, own_keys = initial_values(keys, rows, evses)
        except ConfigurationError as error:
            mistakes += error.mistakes
    by_keys = {key.casefold() for key in translated}
    mistakes += [
        f'"{key}": is set here and by its 1.6 key in [ocpp.keys], one of them has to go'
        for key in variables
        if key.casefold() in by_keys
    ]
    try:
        model = DeviceModel(rows, {**translated, **variables}, storage)
    except ConfigurationError as error:
        raise ConfigurationError([*mistakes, *error.mistakes]) from error
    if mistakes:
        raise ConfigurationError(mistakes)
    return model, own_keys
