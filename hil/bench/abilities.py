"""What a bench can do at each of its EVSEs, in the words that a scenario's needs are written in.

A rig that answers the same verbs says the same of itself; what it does not name is skipped there.
"""

from __future__ import annotations

from controller.config.board import BoardConfig, EvseBoard
from hil.plant.faults import KINDS


def abilities(board: BoardConfig) -> dict[str, list[str]]:
    """Return, by the EVSE's number as JSON has it, how the EVSE is built and what can be done to it."""
    return {str(evse.id): [*_built(evse), "power cut", *(f"fault {kind}" for kind in KINDS)] for evse in board.evses}


def _built(evse: EvseBoard) -> list[str]:
    built = ["tethered" if evse.tethered else "socket", "ventilation" if evse.ventilation else "no ventilation"]
    if evse.residual is not None:
        built.append("rcd")
        if getattr(evse.residual.settings, "test_pin", None) is not None:
            built.append("self-test")
    if evse.temperature is not None:
        built.append("temperature")
    if evse.phase_sense is not None:
        built.append("phase sense")
    if evse.wake_up != "off":
        built.append("wake-up")
    if evse.phase_switching:
        built.append("phase switching")
    if evse.meter is not None:
        built.append("meter")
    return built
