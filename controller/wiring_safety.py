"""Builds the safety process' ports from a board file: the only place in it that names drivers, through the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.logic.evse import PilotOutput
from controller.logic.pilot import EvseConfig
from controller.safety.ports import BoardPorts, EvsePorts
from drivers import registry
from drivers.bus import Buses

if TYPE_CHECKING:
    from controller.config import BoardConfig
    from controller.config.board import DeviceSection, EvseBoard


@dataclass(frozen=True, slots=True)
class SafetyWiring:
    """Everything the safety process drives and reads. `buses.close()` de-energises and lets go."""

    evses: tuple[EvsePorts, ...]
    board: BoardPorts
    buses: Buses


def build_safety(board: BoardConfig) -> SafetyWiring:
    """Open the devices. Raises DeviceError; then everything opened before is released again."""
    buses = Buses(board.buses, board.adcs)
    try:
        evses = tuple(_evse(each, board.period_ms / 1000.0, buses) for each in board.evses)
        shared = BoardPorts(
            watchdog=_build(board.watchdog, buses),
            mains=_build(board.mains, buses),
            estop=_build(board.estop, buses),
            limit=_build(board.limit.contact if board.limit is not None else None, buses),
        )
    except BaseException:
        buses.close()
        raise
    return SafetyWiring(evses, shared, buses)


def evse_config(evse: EvseBoard, period_s: float) -> EvseConfig:
    """Return what the machine needs of a board file's EVSE."""
    residual = evse.residual
    return EvseConfig(
        evse_id=evse.id,
        phases=evse.phases,
        hardware_max_a=evse.hardware_max_a,
        cable_a=evse.cable_a if evse.tethered else None,
        has_lock=evse.lock is not None,
        has_ventilation=evse.ventilation,
        has_rcd=residual is not None,
        has_rcd_test=residual is not None and getattr(residual.settings, "test_pin", None) is not None,
        upstream_rcd=evse.upstream_rcd,
        period_s=period_s,
        has_temperature=evse.temperature is not None,
        has_phase_sense=evse.phase_sense is not None,
        switches_phases=evse.phase_switching,
        phase_wait_s=float(evse.phase_wait_s),
        wake_up=None if evse.wake_up == "off" else PilotOutput(evse.wake_up),
        unlocks_without_mains=evse.unlock_on_mains_loss,
        rcd_outputs=1 if residual is None or getattr(residual.settings, "trip_30ma_pin", None) is None else 2,
    )


def _evse(evse: EvseBoard, period_s: float, buses: Buses) -> EvsePorts:
    # The contactor's output is opened first: from here on the coil is off, whatever fails later.
    contactor = registry.build(evse.contactor, buses)
    return EvsePorts(
        config=evse_config(evse, period_s),
        contactor=contactor,
        pilot_driver=registry.build(evse.pilot_driver, buses),
        pilot_sense=registry.build(evse.pilot_sense, buses),
        proximity=_build(evse.proximity, buses),
        lock=_build(evse.lock, buses),
        residual=_build(evse.residual, buses),
        temperature=_build(evse.temperature, buses),
        ground=_build(evse.ground, buses),
        phase_sense=_build(evse.phase_sense, buses),
    )


def _build(section: DeviceSection | None, buses: Buses) -> Any:
    return None if section is None else registry.build(section, buses)
