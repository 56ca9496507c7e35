"""`pilotline config`: check the files before a start, show what is in force."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from controller.cli.options import Commands, add_config, add_json, command, config_path, print_json
from controller.config import BoardConfig, ConfigError, StationConfig, calibrated, load_board
from controller.config.station import board_named_in, explain_station
from controller.exits import ExitCode

_EPILOG = """\
examples:
  pilotline config check --config pilotline.toml   every mistake, one a line
  pilotline config show                            every value and its source
  pilotline config show --explain                  and what each one means
"""


def add(commands: Commands) -> None:
    parser = command(commands, "config", "check or show the configuration", _EPILOG)
    actions = parser.add_subparsers(metavar="check|show", required=True)
    check = command(
        actions,
        "check",
        "check the station's file and its board file, without opening any device",
        "exit code: 0 when a start would accept them, 3 when there are mistakes: all are\nlisted\n",
        _check,
    )
    show = command(actions, "show", "show every value in force and where it comes from", "", _show)
    for each in (check, show):
        add_config(each)
        add_json(each)
    show.add_argument("--explain", action="store_true", help="say what each value means")


def _check(args: argparse.Namespace) -> int:
    path = config_path(args)
    mistakes: list[str] = []
    summary = ""
    station, board = None, None
    try:
        station, _ = explain_station(path)
    except ConfigError as error:
        mistakes += error.mistakes
    try:
        name = station.board if station is not None else board_named_in(path)
        board = load_board(name, station.run_dir if station is not None else Path("/run")) if name else None
        if station is not None and board is not None:
            calibrated(board, station)
    except ConfigError as error:
        mistakes += error.mistakes
    if station is not None:
        mistakes += _variable_mistakes(station, board, str(path))
    if station is not None and board is not None:
        evses = f"{len(board.evses)} EVSE" + "s" * (len(board.evses) != 1)
        summary = f"{station.identity} on board {board.name} ({evses}), CSMS {station.csms_url}"
    if args.json:
        print_json({"ok": not mistakes, "file": None if path is None else str(path), "mistakes": mistakes})
    elif mistakes:
        raise ConfigError(mistakes)
    else:
        print(f"OK: {path or 'built-in defaults'}: {summary}")
        print("next: pilotline run" + (f" --config {path}" if path else ""))
    return ExitCode.CONFIG if mistakes else ExitCode.OK


class _NoOverlay:
    """A store in which nobody has changed anything yet."""

    def variables(self) -> dict[str, object]:
        return {}

    def set_variable(self, key: str, value: str, source: str) -> None:
        raise AssertionError("checking a configuration sets nothing")


def _variable_mistakes(station: StationConfig, board: BoardConfig | None, file: str) -> list[str]:
    """Judge `[ocpp.variables]` and `[ocpp.keys]` by the device model, as the start would.

    Without a board nothing is known of its EVSEs: then their variables are left out.
    """
    from controller.ocpp.ports import EvseInfo
    from controller.station.main import make_model
    from controller.station.power import apply_power

    try:
        if board is not None:
            station, board = apply_power(station, board)
        else:
            others = {key: value for key, value in station.ocpp_variables.items() if "@" not in key}
            station = dataclasses.replace(station, ocpp_variables=others)
        evses = [
            EvseInfo(evse.id, 1, (evse.connector_type,), evse.hardware_max_a, evse.phases)
            for evse in (board.evses if board is not None else ())
        ]
        make_model(station, evses, _NoOverlay())  # type: ignore[arg-type]
    except ConfigError as error:
        return [f"{file} {mistake}" for mistake in error.mistakes]
    return []


def _show(args: argparse.Namespace) -> int:
    path = config_path(args)
    rows = explain_station(path)[1]
    if args.json:
        print_json([dataclasses.asdict(row) for row in rows])
        return ExitCode.OK
    print(f"# {path or 'built-in defaults (no file named, none at /etc/pilotline/pilotline.toml)'}")
    for section in dict.fromkeys(row.section for row in rows):
        print(f"\n[{section}]")
        of_section = [row for row in rows if row.section == section]
        width = max(len(row.key) for row in of_section)
        for row in of_section:
            source = "  (default)" if row.source == "default" else ""
            print(f"{row.key:<{width}} = {row.value or '(none)'}{source}")
            if args.explain and row.help:
                print(f"{'':<{width}}   {row.help}")
    return ExitCode.OK
