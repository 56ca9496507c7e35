"""One card reader for a technician's command, outside the station."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from controller.config import BoardConfig
from controller.config.board import DeviceSection
from controller.hal import Presented
from controller.wiring_guard import build_reader
from drivers.bus import Buses


async def presentations(section: DeviceSection, board: BoardConfig) -> AsyncGenerator[Presented, None]:
    """Open the reader and yield what is held to it; close it in the end. Raises DeviceError."""
    buses = Buses(board.buses, board.adcs)
    try:
        reader = build_reader(section, buses)
        try:
            while True:
                yield await reader.read()
        finally:
            await reader.close()
    finally:
        buses.close()
