"""Configuration: TOML read into frozen, checked values. Stdlib only, because the safety process reads it too."""

from controller.config.board import BoardConfig, DeviceSection, EvseBoard, board_names, find_board, load_board
from controller.config.calibration import calibrated
from controller.config.reader import ConfigError
from controller.config.station import StationConfig, default_path, load_station

__all__ = [
    "BoardConfig",
    "ConfigError",
    "DeviceSection",
    "EvseBoard",
    "StationConfig",
    "board_names",
    "calibrated",
    "default_path",
    "find_board",
    "load_board",
    "load_station",
]
