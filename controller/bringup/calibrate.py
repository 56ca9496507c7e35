"""Calibration of the pilot's dividers from a known voltage: what a person's multimeter shows at +12 V and at -12 V, with nothing plugged in.

Nothing here drives a contactor. The two readings make a straight line. Where plateaus are held, the high channel shows the one and the low
channel the other voltage, as their circuits do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from controller.bringup.judge import Line
from controller.bringup.looking import Sleep, look
from controller.bringup.main import alone, handed_over
from controller.bringup.person import Deed, Person
from controller.bringup.wires import sense
from controller.child import os_error_line, prepare_directories
from controller.config import BoardConfig, StationConfig, load_board
from controller.config.board import EvseBoard
from controller.config.calibration import Miscalibrated, Scaling, fitted, scaling_of
from controller.config.reader import read_toml
from controller.exits import CommandFailed, ExitCode
from controller.hal import DeviceError
from controller.safety.ports import BoardPorts, EvsePorts
from controller.whole_file import whole_file
from controller.wiring_safety import build_safety


def calibrate(
    config: StationConfig, config_path: Path | None, person: Person, evses: Sequence[int] = ()
) -> dict[int, Scaling]:
    """Measure, write the station's calibration file, and return what was found. evses: which; empty: all that have a divider.

    Begins from the board file's own values, not from a calibration before. Raises ConfigError, CommandFailed, DriverMistake; then nothing was written.
    """
    if config.calibration is None:
        raise CommandFailed("calibration belongs to a station: name its file with --config", ExitCode.USAGE)
    board = load_board(config.board, config.run_dir)
    prepare_directories(config)
    try:
        with handed_over(config), alone(config, config_path, board):
            found = asyncio.run(_measured(board, person, evses))
        _write(config.calibration, board, config.serial, found, datetime.now(UTC))
    except DeviceError as error:
        raise CommandFailed(str(error), ExitCode.DEVICE) from error
    except OSError as error:
        raise CommandFailed(os_error_line(error), ExitCode.DEVICE) from error
    return found


async def _measured(board: BoardConfig, person: Person, evses: Sequence[int]) -> dict[int, Scaling]:
    found = {}
    safety = build_safety(board)
    with contextlib.ExitStack() as ending:
        ending.callback(safety.buses.close)
        ending.enter_context(safety.naming_drivers())
        for evse, ports in zip(board.evses, safety.evses, strict=True):
            before = scaling_of(evse)
            if evse.id in evses or (not evses and before is not None):
                if before is None:
                    kind = evse.pilot_sense.type
                    raise CommandFailed(
                        f"EVSE {evse.id}: the front end {kind} has no divider to calibrate", ExitCode.USAGE
                    )
                walk = Calibration(evse, ports, safety.board, person, board.period_ms / 1000.0)
                found[evse.id] = await walk.run(before)
    if not found:
        raise CommandFailed(f"no front end of {board.name} has a divider to calibrate", ExitCode.USAGE)
    return found


class Calibration:
    """Of one EVSE. period_s: between two readings."""

    def __init__(
        self,
        evse: EvseBoard,
        ports: EvsePorts,
        shared: BoardPorts,
        person: Person,
        period_s: float,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._evse = evse
        self._ports = ports
        self._shared = shared
        self._person = person
        self._period_s = period_s
        self._sleep = sleep

    async def run(self, before: Scaling) -> Scaling:
        """Ask, read and fit. The pilot rests at +12 V afterwards. Raises CommandFailed, DeviceError."""
        evse, driver = self._evse, self._ports.pilot_driver
        if not self._person.does(Deed.UNPLUG, evse=evse.id):
            raise CommandFailed(f"EVSE {evse.id}: left out, nothing was calibrated", ExitCode.FAILED)
        try:
            driver.steady_high()
            true_high, high = await self._known(12.0)
            driver.steady_low()
            true_low, low = await self._known(-12.0)
        finally:
            driver.steady_high()
        try:
            found = fitted(before, (high.high_v, low.high_v if low.low_v is None else low.low_v), (true_high, true_low))
        except Miscalibrated as error:
            raise CommandFailed(f"EVSE {evse.id}, {sense(evse, 'high')}: {error}", ExitCode.FAILED) from error
        return found

    async def _known(self, nominal_v: float) -> tuple[float, Line]:
        """The volts that the person measures, and the line as it is read once they stand."""
        await self._look()
        keeping = asyncio.create_task(self._keep_alive())
        try:
            volts = await asyncio.to_thread(self._person.measures, self._evse.id, nominal_v)
        finally:
            keeping.cancel()
        if volts is None:
            raise CommandFailed(f"EVSE {self._evse.id}: no volts were given, nothing was calibrated", ExitCode.FAILED)
        return volts, await self._look()

    async def _look(self) -> Line:
        return await look(self._ports, self._shared, self._period_s, time.monotonic, self._sleep)

    async def _keep_alive(self) -> None:
        """The one-shot gates the pilot's switch: while a person looks for the probes, it must be kicked."""
        while self._shared.watchdog is not None:
            self._shared.watchdog.kick()
            await self._sleep(self._period_s)


def _write(path: Path, board: BoardConfig, serial: str, found: Mapping[int, Scaling], now: datetime) -> None:
    """Write what was measured, beside what the file already says of this unit's other EVSEs: all of it or nothing."""
    kept: dict[str, dict[str, object]] = {}
    if path.exists():
        before = read_toml(path)
        if (before.get("board"), before.get("serial")) == (board.name, serial):
            kept = dict(before.get("evse", {}))
    at = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    for evse, scaling in found.items():
        kept[str(evse)] = {"scale": round(scaling.scale, 4), "offset_v": round(scaling.offset_v, 4), "at": at}
    lines = ["# Written by `pilotline board calibrate`. Remove this file to go back to the board file's values."]
    lines += [f"board = {json.dumps(board.name)}", f"serial = {json.dumps(serial)}"]
    for name, values in sorted(kept.items()):
        lines += ["", f"[evse.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    with whole_file(path, 0o644) as file:  # no secret: both processes read it
        file.write("\n".join(lines) + "\n")
