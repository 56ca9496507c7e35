"""Meters for a technician's commands, outside the station: the only place of them that names the meters' own parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.config import BoardConfig
from controller.config.board import DeviceSection
from controller.logic.values import MeterReading
from controller.wiring_guard import build_meter
from drivers import registry
from drivers.bus import Buses
from drivers.meter.modbus_line import LineFormat
from drivers.meter.model import MeterModel, ModelError, known_models, load_model
from drivers.meter.port_trouble import PortBusy
from drivers.meter.scan import FoundMeter, formats_of, scan

__all__ = [
    "FoundMeter",
    "LineFormat",
    "ModelError",
    "PortBusy",
    "check_model",
    "line_formats",
    "read_meter",
    "scan",
    "section_for",
    "serial_ports",
]

_PORTS = ("serial/by-path/*", "serial0")  # USB adapters by their socket, and the Pi's own port
_OTHER_PORTS = ("ttyUSB*", "ttyACM*", "ttyAMA*")  # where udev makes no names


def serial_ports(devices: Path = Path("/dev")) -> tuple[str, ...]:
    """Return the serial ports a meter may be at, by the names a board file should use."""
    for patterns in (_PORTS, _OTHER_PORTS):
        found = sorted(str(path) for pattern in patterns for path in devices.glob(pattern))
        if found:
            return tuple(found)
    return ()


def check_model(path: Path) -> str:
    """Return in words what a register map without mistake reads. Raises ModelError with all its mistakes."""
    model = load_model(str(path.absolute()))
    return "\n".join([model.name, *(f"  {line}" for line in _told(model))])


def _told(model: MeterModel) -> list[str]:
    requests = list(model.requests())
    line_format = LineFormat(model.baud, model.parity, model.stop_bits)
    lines = [f"{len(requests)} requests a poll, about {model.poll_s:.1f} s at {line_format}"]
    if "current_a" not in model.quantities:
        lines.append("no currents: over-current is not watched by this meter")
    if "voltage_v" not in model.quantities:
        lines.append("no voltages: over- and under-voltage are not watched by this meter")
    if "energy_export_wh" not in model.quantities:
        lines.append("no export register")
    return lines


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
        meter = build_meter(section, buses)
        try:
            return await meter.read()
        finally:
            await meter.close()
    finally:
        buses.close()
