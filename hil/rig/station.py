"""The station that a rig stands at: where it is asked, and how the EVSE is built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.config import BoardConfig, StationConfig, default_path, load_board, load_station
from controller.exits import ExitCode
from hil.bench.abilities import abilities
from hil.bench.layout import BenchError


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
    return RigStation(config, board, built[str(evse)])
