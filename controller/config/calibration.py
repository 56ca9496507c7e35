"""What was measured of one unit's pilot dividers, in the place of what its board file says of every unit of its kind.

`calibration.toml` beside the station's configuration file, written by `pilotline board calibrate`:

    board = "reference"             # the [board] name it was measured with
    serial = "0007"                 # of [station]

    [evse.1]
    scale = 8.0613                  # pilot volts for one volt at the converter
    offset_v = 13.1782              # subtracted from it
    at = "2026-11-27T10:00:00Z"

Resistors of 1 % and the rail they hang on explain little: what is further from the board file than that is no calibration, and refused.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from controller.config.board import BoardConfig, EvseBoard
from controller.config.reader import Mistakes, Table, check_keys, read_section, read_toml, shown, subtable
from controller.config.station import StationConfig
from controller.hal.settings import setting

GAIN_OFF = 0.10  # of the board file's scale
ZERO_OFF_V = 1.0  # at the pilot, where it is 0 V
GENERATOR_OFF_V = 0.6  # of IEC 61851-1's +12 and -12 V


@dataclass(frozen=True, slots=True)
class Scaling:
    """A divider: pilot = converter volts x scale - offset_v."""

    scale: float
    offset_v: float


@dataclass(frozen=True, slots=True)
class _Section:
    """`[evse.N]`"""

    scale: float = setting("Pilot volts for one volt at the converter.", low=1, high=100)
    offset_v: float = setting("What is subtracted.", low=-50, high=50, unit="V")
    at: str = setting("When it was measured.", default="")


class Miscalibrated(ValueError):
    """The volts are not those of a pilot behind this divider. The message says which, and what to mend."""


def scaling_of(evse: EvseBoard) -> Scaling | None:
    """Return the divider in force; None where the front end has none that can be calibrated."""
    settings = evse.pilot_sense.settings
    if not (hasattr(settings, "scale") and hasattr(settings, "offset_v")):
        return None
    return Scaling(settings.scale, settings.offset_v)


def fitted(now: Scaling, read_v: tuple[float, float], true_v: tuple[float, float]) -> Scaling:
    """Return the divider by which what `now` reads as read_v is true_v; each the line at +12 V and at -12 V. Raises Miscalibrated."""
    for name, nominal, volts in (("+12 V", 12.0, true_v[0]), ("-12 V", -12.0, true_v[1])):
        if not abs(volts - nominal) <= GENERATOR_OFF_V:
            raise Miscalibrated(
                f"{volts:+.2f} V at {name}: more than {GENERATOR_OFF_V} V off; mend the supply or the pilot driver first"
            )
    if not read_v[0] - read_v[1] > 1.0:
        raise Miscalibrated(
            f"the converter reads {read_v[0]:+.2f} V and {read_v[1]:+.2f} V: the line or its divider does not follow the pilot driver"
        )
    gain = (true_v[0] - true_v[1]) / (read_v[0] - read_v[1])
    shift = true_v[1] - gain * read_v[1]
    found = Scaling(now.scale * gain, now.offset_v * gain - shift)
    problem = _far_off(found, now)
    if problem:
        raise Miscalibrated(f"{problem}: the divider is not the one of the board file")
    return found


def _far_off(found: Scaling, board: Scaling) -> str:
    gain = found.scale / board.scale
    zero_v = board.offset_v * gain - found.offset_v
    if abs(gain - 1.0) > GAIN_OFF:
        return f"scale {found.scale:.3f} is more than {GAIN_OFF:.0%} from the board file's {board.scale:g}"
    if abs(zero_v) > ZERO_OFF_V:
        return f"offset_v {found.offset_v:.3f} moves zero by {zero_v:+.2f} V, more than {ZERO_OFF_V:g} V"
    return ""


def calibrated(board: BoardConfig, station: StationConfig) -> BoardConfig:
    """Return the board with this unit's dividers; as it is where nothing was measured. Raises ConfigError with every mistake."""
    path = station.calibration
    if path is None or not path.exists():
        return board
    table, mistakes = read_toml(path), Mistakes(str(path))
    check_keys(table, ("board", "serial", "evse"), "", mistakes)
    for key, here in (("board", board.name), ("serial", station.serial)):
        if table.get(key) != here:
            rule = f"was measured on another one than {shown(here)}: run `pilotline board calibrate` again, or remove the file"
            mistakes.add_value("", key, table.get(key), rule)
    sections = subtable(table, "evse", "", mistakes)
    known = [str(evse.id) for evse in board.evses]
    check_keys(sections, known, "evse", mistakes)
    evses = tuple(
        _with(evse, subtable(sections, str(evse.id), "evse", mistakes), mistakes) if str(evse.id) in sections else evse
        for evse in board.evses
    )
    mistakes.raise_if_any()
    return dataclasses.replace(board, evses=evses)


def _with(evse: EvseBoard, table: Table, mistakes: Mistakes) -> EvseBoard:
    section = f"evse.{evse.id}"
    found, of_board = read_section(_Section, table, section, mistakes), scaling_of(evse)
    if of_board is None:
        mistakes.add(section, f"the front end {evse.pilot_sense.type} of the board has no divider")
        return evse
    if found is None:
        return evse
    problem = _far_off(Scaling(found.scale, found.offset_v), of_board)
    if problem:
        mistakes.add(section, problem)
        return evse
    settings = dataclasses.replace(evse.pilot_sense.settings, scale=found.scale, offset_v=found.offset_v)
    return dataclasses.replace(evse, pilot_sense=dataclasses.replace(evse.pilot_sense, settings=settings))
