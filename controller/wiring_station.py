"""Builds the station's devices from a board file: the only place in it that names drivers, through the registry and behind a guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.hal import EnergyMeter, Indicator, TokenReader
from controller.wiring_guard import build_indicator, build_meter, build_reader
from drivers.bus import Buses

if TYPE_CHECKING:
    from controller.config import BoardConfig


@dataclass(frozen=True, slots=True)
class StationDevices:
    """Meters by EVSE id; readers and indicators with the EVSE each belongs to, None for all.

    `buses.close()` lets go of shared ports.
    """

    meters: dict[int, EnergyMeter]
    readers: tuple[tuple[TokenReader, int | None], ...]
    buses: Buses
    indicators: tuple[tuple[Indicator, int | None], ...] = ()


def build_station_devices(board: BoardConfig) -> StationDevices:
    """Make the devices; each opens its port at first use. Raises DeviceError, UnknownDriver."""
    buses = Buses(board.buses, board.adcs)
    try:
        meters = {evse.id: build_meter(evse.meter, buses) for evse in board.evses if evse.meter is not None}
        readers = tuple((build_reader(section, buses), section.evse) for section in board.readers)
        indicators = tuple((build_indicator(section, buses), section.evse) for section in board.indicators)
    except BaseException:
        buses.close()
        raise
    return StationDevices(meters, readers, buses, indicators)
