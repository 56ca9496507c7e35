"""`EVSE@1.Power` in `[ocpp.variables]`: the most an EVSE may draw here, where the installation allows less than the board."""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType

from controller.config import BoardConfig, ConfigError, StationConfig
from controller.logic.profiles import NOMINAL_VOLTAGE_V

_KEY = re.compile(r"EVSE@(\d+)\.Power", re.IGNORECASE)


def apply_power(config: StationConfig, board: BoardConfig) -> tuple[StationConfig, BoardConfig]:
    """Return the board with every EVSE's current lowered to its configured power (W), and the other variables.

    Raises ConfigError naming the key of an EVSE that is not there or of a power that the board cannot have.
    """
    left, mistakes = dict(config.ocpp_variables), []
    evses = {evse.id: evse for evse in board.evses}
    for key, value in config.ocpp_variables.items():
        match = _KEY.fullmatch(key.strip())
        if match is None:
            continue
        del left[key]
        evse = evses.get(int(match[1]))
        if evse is None:
            mistakes.append(f'[ocpp.variables] "{key}": board {board.name} has no EVSE {match[1]}')
            continue
        board_w = evse.hardware_max_a * evse.phases * NOMINAL_VOLTAGE_V
        power_w = _number(value)
        if power_w is None or not 0 < power_w <= board_w:
            mistakes.append(f'[ocpp.variables] "{key}" = "{value}": must be a power from 1 to {board_w:g} W')
            continue
        amps = power_w / evse.phases / NOMINAL_VOLTAGE_V
        evses[evse.id] = replace(evse, hardware_max_a=amps)
    if mistakes:
        raise ConfigError(mistakes)
    return replace(config, ocpp_variables=MappingProxyType(left)), replace(board, evses=tuple(evses.values()))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
