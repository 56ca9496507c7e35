"""The 40-pin header of a Raspberry Pi and what a board puts on each of its pins. Pure: nothing is opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.config.board import BoardConfig, DeviceSection

# Physical pin -> GPIO line (BCM number) or the supply that is there. Raspberry Pi documentation, "GPIO and the 40-pin header".
LINES: dict[int, int] = {
    3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9, 22: 25, 23: 11, 24: 8,
    26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21,
}  # fmt: skip
SUPPLIES: dict[int, str] = {
    1: "3.3 V", 2: "5 V", 4: "5 V", 6: "GND", 9: "GND", 14: "GND", 17: "3.3 V", 20: "GND", 25: "GND", 30: "GND", 34: "GND",
    39: "GND",
}  # fmt: skip

_I2C1, _SPI0, _UART0 = (2, 3), (7, 8, 9, 10, 11), (14, 15)
_PWM_LINES = {0: (12, 18), 1: (13, 19), 2: (18,), 3: (19,)}  # 2 and 3: on a Pi 5, where 18 and 19 are not 0 and 1
_ON_HEADER = ("/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0")


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a line. what: for people, short. where: section and key."""

    line: int
    what: str
    where: str
    is_output: bool


def uses_of(board: BoardConfig) -> list[Use]:
    """Return every line of the header that the board uses, those of its buses, PWM and serial port among them."""
    found = [use for section in sections_of(board) for use in _pins(section)]
    taken = {use.line for use in found}
    for section in sections_of(board):
        found += _bus_lines(section)
        found += _pwm_line(section, taken)
    return found


def sections_of(board: BoardConfig) -> Iterator[DeviceSection]:
    """Yield every device and bus of a board that is on real lines, in the file's order of things."""
    shared = [*board.buses, *board.adcs, board.watchdog, board.mains, board.estop]
    limit = board.limit.contact if board.limit is not None else None
    yield from (section for section in (*shared, limit) if section is not None)
    for evse in board.evses:
        for field in dataclasses.fields(evse):
            section = getattr(evse, field.name)
            if hasattr(section, "settings"):
                yield section
    yield from (*board.readers, *board.indicators)


def _pins(section: DeviceSection) -> Iterator[Use]:
    for field in dataclasses.fields(section.settings):
        direction = field.metadata.get("pin")
        line = getattr(section.settings, field.name)
        if direction and line is not None:
            key = field.name.removesuffix("_pin").replace("_", " ")
            what = section.name if key == "pin" else f"{section.name} {key}"
            yield Use(line, what, f"{section.where} {field.name}", direction == "out")


def _bus_lines(section: DeviceSection) -> Iterator[Use]:
    path = str(getattr(section.settings, "path", ""))
    port = str(getattr(section.settings, "port", ""))
    if section.type == "smbus" and path == "/dev/i2c-1":
        yield from _named(section, zip(_I2C1, ("SDA", "SCL"), strict=True))
    elif section.type == "spidev" and path.startswith("/dev/spidev0."):
        yield from _named(section, zip(_SPI0, ("CE1", "CE0", "MISO", "MOSI", "SCLK"), strict=True))
    elif port in _ON_HEADER:
        yield from _named(section, zip(_UART0, ("TXD", "RXD"), strict=True))


def _named(section: DeviceSection, lines: Iterable[tuple[int, str]]) -> Iterator[Use]:
    for line, name in lines:
        yield Use(line, f"{section.name} {name}", section.where, name in ("TXD", "MOSI", "SCLK", "SCL", "CE0", "CE1"))


def _pwm_line(section: DeviceSection, taken: set[int]) -> Iterator[Use]:
    """The pilot's PWM is on one of two lines, whichever the overlay names: the one that nothing else has."""
    if section.type != "sysfs_pwm":
        return
    free = [line for line in _PWM_LINES.get(section.settings.channel, ()) if line not in taken]
    if free:
        yield Use(free[0], f"{section.name} PWM", f"{section.where} channel", True)


def wiring_mistakes(board: BoardConfig) -> list[str]:
    """Return what is wrong with a board of real lines beyond its single keys: each names both users and what to do."""
    if not any(section.type == "gpiozero" for section in board.buses):
        return []
    return [*_lines_taken_twice(board), *_pwm_without_line(board), *_pilots_in_series(board)]


def _lines_taken_twice(board: BoardConfig) -> Iterator[str]:
    owners: dict[int, Use] = {}
    for use in uses_of(board):
        other = owners.setdefault(use.line, use)
        if other.where != use.where:
            yield f"GPIO{use.line}: {use.where} has it, and {other.where} too: move one of them to another line"


def _pwm_without_line(board: BoardConfig) -> Iterator[str]:
    taken = {use.line for section in sections_of(board) for use in _pins(section)}
    for section in sections_of(board):
        if section.type == "sysfs_pwm" and not list(_pwm_line(section, taken)):
            lines = " and ".join(f"GPIO{line}" for line in _PWM_LINES.get(section.settings.channel, ()))
            problem = f"its lines {lines} are taken" if lines else "the header has no such channel"
            yield f"{section.where} channel = {section.settings.channel}: {problem}; the pilot's PWM needs one of them"


def _pilots_in_series(board: BoardConfig) -> Iterator[str]:
    owners: dict[str, str] = {}
    for sense in (evse.pilot_sense for evse in board.evses):
        adc = getattr(sense.settings, "adc", None)
        if isinstance(adc, str) and (other := owners.setdefault(adc, sense.where)) != sense.where:
            rule = "two pilots in series take longer than a period: give each a converter of its own"
            yield f'{sense.where} adc = "{adc}": it is that of {other}; {rule}'
