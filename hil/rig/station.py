"""The station that a rig stands at: where it is asked, and how the EVSE is built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.config import (
    BoardConfig,
    DeviceSection,
    EvseBoard,
    StationConfig,
    default_path,
    load_board,
    load_station,
)
from controller.exits import ExitCode
from hil.bench.abilities import abilities
from hil.bench.layout import BenchError

PLAYED_LOCK = "motor"
PLAYED_RESIDUAL = "gpio"


@dataclass(frozen=True, slots=True)
class RigStation:
    """built: how the EVSE is built, in the words of hil.bench.abilities."""

    config: StationConfig
    board: BoardConfig
    built: list[str]

    @property
    def api(self) -> Path:
        return self.config.api_socket


def station_of(config_path: Path | None, evse: int) -> RigStation:
    """Read the station's file (None: as `pilotline` finds it) and its board. Raises ConfigError, BenchError."""
    config = load_station(config_path or default_path())
    board = load_board(config.board, config.run_dir)
    built = abilities(board)
    if str(evse) not in built:
        raise BenchError(f"board {board.name} has no EVSE {evse} (but: {', '.join(built)})", ExitCode.USAGE)
    for device in _not_played(next(each for each in board.evses if each.id == evse)):
        raise BenchError(
            f"{device.where}: a rig stands for no {device.family} of type {device.type!r}", ExitCode.CONFIG
        )
    return RigStation(config, board, built[str(evse)])


def _not_played(evse: EvseBoard) -> list[DeviceSection]:
    """Return the devices that the rig would have to stand for, and is not made for."""
    wanted = ((evse.lock, PLAYED_LOCK), (evse.residual, PLAYED_RESIDUAL))
    return [section for section, kind in wanted if section is not None and section.type != kind]
