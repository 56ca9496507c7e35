"""Meters for a technician's commands, outside the station: the only place of them that names the meters' own parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.config import BoardConfig
from controller.config.board import DeviceSection
from controller.logic.values import MeterReading
from drivers import registry
from drivers.bus import Buses
from drivers.meter.modbus_line import LineFormat
from drivers.meter.model import ModelError, known_models, load_model
from drivers.meter.scan import FoundMeter, formats_of, scan

__all__ = ["FoundMeter", "LineFormat", "ModelError", "check_model", "line_formats", "read_meter", "scan", "section_for"]


def check_model(path: Path) -> str:
    """Return the name of a register map that is without mistake. Raises ModelError with all of them."""
    return load_model(str(path.absolute())).name


def line_formats() -> tuple[LineFormat, ...]:
    """Return the line formats of the shipped maps, the commonest first."""
    return formats_of(load_model(name) for name in known_models())


def section_for(**settings: Any) -> DeviceSection:
    """Return a meter's section as a board file would have it. Raises ValueError in one line."""
    made = registry.settings_of("meter", "modbus")(**settings)
    return DeviceSection("meter", "modbus", "meter", "the command line", made)


async def read_meter(section: DeviceSection, board: BoardConfig | None) -> MeterReading:
    """Read it once. board: whose buses it may need. Raises DeviceError."""
    buses = Buses(board.buses, board.adcs) if board is not None else Buses((), ())
    try:
        meter = registry.build(section, buses)
        try:
            reading: MeterReading = await meter.read()
            return reading
        finally:
            await meter.close()
    finally:
        buses.close()
