"""`pilotline meter`: find meters on a line, read one, check a register map."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.cli.options import Commands, add_config, add_json, command, print_json, station_of
from controller.config import load_board
from controller.exits import CommandFailed, ExitCode

if TYPE_CHECKING:
    from controller.wiring_meter import FoundMeter, LineFormat

_EPILOG = """\
examples:
  pilotline meter scan                      every serial port, addresses 1-16
  pilotline meter scan --port /dev/ttyUSB0 --to 247
  pilotline meter read                      the meters of the station
  pilotline meter read --port /dev/ttyUSB0 --model sdm630 --address 2
  pilotline meter check ./my-meter.toml     a register map of your own

A station that runs has its ports: stop it first
(`systemctl stop pilotline-station`).
"""


def add(commands: Commands) -> None:
    parser = command(commands, "meter", "find energy meters on a line, read one, check a register map", _EPILOG)
    actions = parser.add_subparsers(metavar="scan|read|check", required=True)
    found = command(actions, "scan", "find address, speed, parity and model of meters", "", _scan)
    found.add_argument("--port", action="append", help="serial port (may be given more than once; default: all)")
    found.add_argument("--from", dest="first", type=int, default=1, metavar="N", help="first address (default: 1)")
    found.add_argument("--to", dest="last", type=int, default=16, metavar="N", help="last address (default: 16)")
    _add_line(found)
    add_json(found)
    read = command(actions, "read", "read the station's meters, or one named here", "", _read)
    add_config(read)
    read.add_argument("--evse", type=int, metavar="N", help="only the meter of this EVSE")
    read.add_argument("--port", help="read the meter at this port instead")
    read.add_argument("--model", default="sdm630", help="its register map: a name, or a path (default: sdm630)")
    read.add_argument("--address", type=int, default=1, help="its address (default: 1)")
    _add_line(read)
    add_json(read)
    check = command(actions, "check", "tell every mistake in a register map", "", _check)
    check.add_argument("file", type=Path, help="the map, ending in .toml")


def _add_line(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--baud", type=int, help="line speed (default: the model's, or all)")
    parser.add_argument("--parity", choices=("N", "E", "O"), help="parity (default: the model's, or all)")


# --- scan -----------------------------------------------------------------------------------------------------------------


def _scan(args: argparse.Namespace) -> int:
    if not 1 <= args.first <= args.last <= 247:
        raise CommandFailed(f"--from {args.first} --to {args.last}: addresses are 1 to 247, ascending", ExitCode.USAGE)
    ports = args.port or _all_ports()
    meters: list[tuple[str, FoundMeter]] = []
    failures: list[CommandFailed] = []
    for port in ports:
        try:
            meters += [(port, meter) for meter in _run(_find(args, port))]
        except CommandFailed as failure:
            failures.append(failure)
            if len(ports) > 1:
                print(f"pilotline: {failure}", file=sys.stderr)
    if failures and len(failures) == len(ports):
        raise failures[-1] if len(ports) == 1 else CommandFailed("no port could be searched", ExitCode.DEVICE)
    if args.json:
        print_json([_as_json(port, meter) for port, meter in meters])
    elif not meters:
        hint = "check wires A and B (swap them once), the meter's supply and its Modbus setting"
        where = f"on {', '.join(ports)}, addresses {args.first} to {args.last}"
        raise CommandFailed(f"nothing answers {where}: {hint}")
    return ExitCode.OK if meters else ExitCode.FAILED


def _all_ports() -> tuple[str, ...]:
    from controller.wiring_meter import serial_ports

    ports = serial_ports()
    if not ports:
        raise CommandFailed("there is no serial port: is the adapter plugged in? name one with --port", ExitCode.DEVICE)
    return ports


async def _find(args: argparse.Namespace, port: str) -> list[FoundMeter]:
    from controller.wiring_meter import scan

    progress = _Progress(port, is_shown=not args.json)
    meters = []
    try:
        async for meter in scan(port, range(args.first, args.last + 1), _formats(args), progress.tell):
            progress.clear()
            meters.append(meter)
            if not args.json:
                print(rendered(meter, port), flush=True)
    finally:
        progress.clear()
    return meters


def _formats(args: argparse.Namespace) -> list[LineFormat] | None:
    from controller.wiring_meter import LineFormat, line_formats

    if args.baud is None and args.parity is None:
        return None
    bauds = [args.baud] if args.baud is not None else list(dict.fromkeys(each.baud for each in line_formats()))
    parities = [args.parity] if args.parity is not None else ["N", "E", "O"]
    return [LineFormat(baud, parity, 1) for baud in bauds for parity in parities]


class _Progress:
    """One line on a terminal, rewritten; nothing elsewhere."""

    def __init__(self, port: str, is_shown: bool) -> None:
        self._port = port
        self._is_shown = is_shown and sys.stderr.isatty()
        self._began = time.monotonic()

    def tell(self, done: int, whole: int, where: str) -> None:
        if self._is_shown:
            left_s = (time.monotonic() - self._began) / done * (whole - done) if done else 0.0
            text = f"{self._port}  {done + 1}/{whole}  {where}  {left_s:.0f} s to go"
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._is_shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def rendered(meter: FoundMeter, port: str) -> str:
    """Return what was found, and the lines for the board file."""
    serial = f", serial number {meter.serial_number}" if meter.serial_number else ""
    head = f"{port} address {meter.address} at {meter.format}: "
    if not meter.models:
        return f"{head}something answers, but no shipped register map fits{serial}"
    others = f" (also fits: {', '.join(meter.models[1:])})" if len(meter.models) > 1 else ""
    lines = [
        f"{head}{meter.models[0]}{serial}{others}",
        *_values(meter.reading),
        "  for the board file:",
        "    [evse.meter]",
        '    type = "modbus"',
        f'    model = "{meter.models[0]}"',
        f'    port = "{port}"',
        f"    address = {meter.address}",
        f"    baud = {meter.format.baud}",
        f'    parity = "{meter.format.parity}"',
    ]
    return "\n".join(lines)


def _as_json(port: str, meter: FoundMeter) -> dict[str, Any]:
    return {
        "port": port,
        "address": meter.address,
        "baud": meter.format.baud,
        "parity": meter.format.parity,
        "stop_bits": meter.format.stop_bits,
        "models": list(meter.models),
        "serial_number": meter.serial_number or None,
        "reading": _reading_json(meter.reading),
    }


# --- read and check -------------------------------------------------------------------------------------------------------


def _read(args: argparse.Namespace) -> int:
    from controller.wiring_meter import read_meter

    sections, board = _sections(args)
    told: dict[str, Any] = {}
    code = ExitCode.OK
    for name, section in sections.items():
        try:
            reading = _run(read_meter(section, board))
        except CommandFailed as failure:
            told[name], code = {"error": str(failure)}, failure.code
            print(f"pilotline: {failure}", file=sys.stderr)
            continue
        told[name] = _reading_json(reading)
        if not args.json:
            print("\n".join([name, *_values(reading)]), flush=True)
    if args.json:
        print_json(told)
    return code


def _sections(args: argparse.Namespace) -> tuple[dict[str, Any], Any]:
    from controller.wiring_meter import section_for

    if args.port is not None:
        try:
            section = section_for(
                port=args.port, model=args.model, address=args.address, baud=args.baud, parity=args.parity
            )
        except ValueError as error:
            raise CommandFailed(str(error), ExitCode.USAGE) from error
        return {f"{args.model} on {args.port} address {args.address}": section}, None
    station = station_of(args)
    board = load_board(station.board, station.run_dir)
    metered = {evse.id: evse.meter for evse in board.evses if evse.meter is not None}
    if args.evse is not None and args.evse not in metered:
        known = ", ".join(map(str, metered)) or "none"
        raise CommandFailed(
            f"EVSE {args.evse} has no meter in {board.path.name}; those with one: {known}", ExitCode.USAGE
        )
    if not metered:
        raise CommandFailed(f"{board.path.name} has no [evse.meter]", ExitCode.FAILED)
    chosen = {evse: section for evse, section in metered.items() if args.evse in (None, evse)}
    return {f"EVSE {evse}: {section.where}": section for evse, section in chosen.items()}, board


def _check(args: argparse.Namespace) -> int:
    from controller.wiring_meter import ModelError, check_model

    try:
        print(f"OK: {args.file}: {check_model(args.file)}")
    except ModelError as error:
        for line in str(error).splitlines():
            print(f"pilotline: {line}", file=sys.stderr)
        return ExitCode.CONFIG
    return ExitCode.OK


def _reading_json(reading: Any) -> dict[str, Any] | None:
    if reading is None:
        return None
    found = dataclasses.asdict(reading)
    del found["taken_at_s"]
    if reading.signed is not None:
        found["signed"] = {
            **found["signed"],
            "data": reading.signed.data.hex(),
            "public_key": reading.signed.public_key.hex(),
        }
    return found


def _values(reading: Any) -> list[str]:
    rows = [
        ("voltage", " / ".join(f"{volts:.1f}" for volts in reading.voltage_v), "V"),
        ("current", " / ".join(f"{amps:.2f}" for amps in reading.current_a), "A"),
        ("power", f"{reading.power_w:.0f}", "W"),
        ("energy", f"{reading.energy_import_wh / 1000:.3f}", "kWh"),
        ("exported", "" if reading.energy_export_wh is None else f"{reading.energy_export_wh / 1000:.3f}", "kWh"),
        ("frequency", "" if reading.frequency_hz is None else f"{reading.frequency_hz:.2f}", "Hz"),
        ("power factor", "" if reading.power_factor is None else f"{reading.power_factor:.3f}", ""),
        (
            "signed",
            "" if reading.signed is None else f"{reading.signed.encoding}, {len(reading.signed.data)} bytes",
            "",
        ),
    ]
    return [f"  {name:<12} {value} {unit}".rstrip() for name, value, unit in rows if value]


def _run(work: Any) -> Any:
    """Run it. A device that cannot be used is one line that says what to do."""
    import asyncio

    from controller.hal import DeviceError
    from controller.wiring_meter import PortBusy

    try:
        return asyncio.run(work)
    except PortBusy as error:
        hint = "a running station has its ports: `systemctl stop pilotline-station`, or ask it with `pilotline status`"
        raise CommandFailed(f"{error} - {hint}", ExitCode.BUSY) from error
    except DeviceError as error:
        raise CommandFailed(str(error), ExitCode.DEVICE) from error
