"""The 40-pin header of a Raspberry Pi, and what a board puts on each of its pins. Pure: nothing is opened.

Sources: Raspberry Pi documentation, "GPIO and the 40-pin header" (lines, supplies, 1.8 kohm on GPIO2 and 3); README of the kernel's
overlays (which lines i2c1, spi0, spi1, pwm, w1-gpio and the UARTs have); that the pulls at reset are those of earlier models on a Pi 5
too: `pinctrl` listings in raspberrypi/linux #6035.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from controller.config.board import BoardConfig, DeviceSection

# Physical pin -> GPIO line (BCM number), or the supply that is there.
LINES: Mapping[int, int] = {
    3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9, 22: 25, 23: 11, 24: 8,
    26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21,
}  # fmt: skip
SUPPLIES: Mapping[int, str] = {
    1: "3.3 V", 2: "5 V", 4: "5 V", 6: "GND", 9: "GND", 14: "GND", 17: "3.3 V", 20: "GND", 25: "GND", 30: "GND", 34: "GND",
    39: "GND",
}  # fmt: skip
PIN_OF: Mapping[int, int] = {line: pin for pin, line in LINES.items()}

FIXED_PULL_UPS = (2, 3)  # 1.8 kohm to 3.3 V on the Pi itself
ID_LINES = (0, 1)  # the firmware looks for a HAT's EEPROM there at boot
CONSOLE_TXD = 14  # a serial console drives it high

# The name behind a PWM chip's `device` link -> whose it is, and the channel that each line can have.
PWM_CHIPS: Mapping[str, tuple[str, Mapping[int, int]]] = {
    "3f20c000.pwm": ("Pi 3 or Zero 2 W", {12: 0, 18: 0, 13: 1, 19: 1}),
    "fe20c000.pwm": ("Pi 4", {12: 0, 18: 0, 13: 1, 19: 1}),
    "1f00098000.pwm": ("Pi 5", {12: 0, 13: 1, 18: 2, 19: 3}),
}
_USUAL_PWM_LINES = {0: 12, 1: 13, 2: 18, 3: 19}  # of a channel, where the board file does not say

I2C_LINES: Mapping[str, Mapping[int, str]] = {
    "/dev/i2c-0": {0: "SDA", 1: "SCL"},
    "/dev/i2c-1": {2: "SDA", 3: "SCL"},
}
_SPI: Mapping[str, tuple[Mapping[int, str], tuple[int, ...]]] = {  # lines of the bus, then of its chip selects
    "/dev/spidev0.": ({9: "MISO", 10: "MOSI", 11: "SCLK"}, (8, 7)),
    "/dev/spidev1.": ({19: "MISO", 20: "MOSI", 21: "SCLK"}, (18, 17, 16)),
}
_UART_PORTS = ("/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0")
UART = "UART"  # begins the owner of the lines of a serial port
_UART = {14: "TXD", 15: "RXD"}
_INPUTS = ("SDA", "MISO", "RXD", "1-Wire")  # of the functions above: what the Pi (also) reads
ONE_WIRE = 4  # unless dtoverlay=w1-gpio names another with gpiopin=

CP_PWM = "CP_PWM"
_WIRES = {
    ("pilot_driver", "enable_pin"): "CP_EN",
    ("contactor", "pin"): "contactor K1",
    ("contactor", "phase_pin"): "phases K2",
    ("contactor", "mirror_pin"): "mirror contact",
    ("contactor", "auxiliary_pin"): "auxiliary contact",
    ("lock", "lock_pin"): "lock",
    ("lock", "unlock_pin"): "unlock",
    ("watchdog", "pin"): "watchdog kick",
    ("residual", "trip_pin"): "RCD trip",
    ("residual", "trip_6ma_pin"): "RCD trip 6 mA",
    ("residual", "trip_30ma_pin"): "RCD trip 30 mA",
    ("residual", "test_pin"): "RCD test",
    ("residual", "error_pin"): "RCD error",
}
HEADER_CHIPS = ("auto", "pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a line. what: for people, short. where: section and key. owner: who has the line; the same one may be named twice.

    chip: name of the GPIO bus, "" for lines that the kernel drives. on_header: whether the line is known to be on the Pi's header.
    """

    line: int
    what: str
    where: str
    is_output: bool
    owner: str
    chip: str = ""
    on_header: bool = True


def sections_of(board: BoardConfig) -> list[DeviceSection]:
    """Return every bus and device of a board: shared ones, then those of each EVSE, then readers and indicators."""
    limit = board.limit.contact if board.limit is not None else None
    found = [*board.buses, *board.adcs, board.watchdog, board.mains, board.estop, limit]
    for evse in board.evses:
        devices = (getattr(evse, field.name) for field in dataclasses.fields(evse))
        found += [device for device in devices if hasattr(device, "settings")]
    return [section for section in (*found, *board.readers, *board.indicators) if section is not None]


def uses_of(sections: Iterable[DeviceSection]) -> list[Use]:
    """Return every line that is used: pins first, then PWM, then those of buses and serial ports."""
    listed = list(sections)
    chips = {each.name: each for each in listed if each.family == "bus"}
    found = [use for section in listed for use in _pins(section, chips)]
    found += [use for section in listed for use in _pwm(section)]
    for section in listed:
        for use in _peripheral(section):
            if use not in found:
                found.append(use)
    return found


def pwm_line(settings: Any) -> int | None:
    """Return the line of a pilot's PWM channel: the one named, else the usual one. None where no chip of a Pi is named."""
    if not pwm_chips(settings):
        return None
    named: int | None = settings.pwm_pin
    return named if named is not None else _USUAL_PWM_LINES.get(settings.channel)


def pwm_chips(settings: Any) -> list[str]:
    """Return those of the alternatives in `device` that are chips of a Raspberry Pi."""
    named = [name.strip() for name in str(getattr(settings, "device", "")).split("|")]
    return [name for name in named if name in PWM_CHIPS]


def is_header(section: DeviceSection | None) -> bool:
    """Whether a GPIO bus is that of a Pi's header, and not simulated or on another chip."""
    if section is None or section.type != "gpiochip":
        return False
    return section.settings.chip_label in HEADER_CHIPS


def _pins(section: DeviceSection, chips: Mapping[str, DeviceSection]) -> Iterator[Use]:
    chip = str(getattr(section.settings, "gpio", ""))
    for field in dataclasses.fields(section.settings):
        direction = field.metadata.get("pin")
        line = getattr(section.settings, field.name)
        if not direction or line is None or field.name == "pwm_pin":
            continue
        where = f"{section.where} {field.name}"
        yield Use(
            line, _called(section, field.name), where, direction == "out", where, chip, is_header(chips.get(chip))
        )


def _called(section: DeviceSection, key: str) -> str:
    """Return the wire's name: that of the reference wiring where it has one, else made of section and key."""
    if name := _WIRES.get((section.family, key)):
        return f"EVSE {section.evse} {name}" if section.evse is not None else name
    part = key.removesuffix("pin").strip("_").replace("_", " ")
    return f"{section.name} {part}".strip()


def _pwm(section: DeviceSection) -> Iterator[Use]:
    if section.type == "sysfs_pwm" and (line := pwm_line(section.settings)) is not None:
        is_named = section.settings.pwm_pin is not None
        where = f"{section.where} {'pwm_pin' if is_named else 'channel'}"
        chip = section.settings.gpio if is_named else ""
        yield Use(line, f"EVSE {section.evse} {CP_PWM}", where, True, where, chip)


def _peripheral(section: DeviceSection) -> Iterator[Use]:
    path, port = str(getattr(section.settings, "path", "")), str(getattr(section.settings, "port", ""))
    if section.type == "smbus" and path in I2C_LINES:
        yield from _functions(section, I2C_LINES[path], path, "path")
    elif section.type == "spidev":
        for start, (lines, selects) in _SPI.items():
            number = path.removeprefix(start)
            if number != path and number.isdigit() and int(number) < len(selects):
                yield from _functions(section, {**lines, selects[int(number)]: f"CE{number}"}, start, "path")
    elif port in _UART_PORTS:
        yield from _functions(section, _UART, f"{UART} {port}", "port")
    elif section.family == "temperature" and section.type == "w1":
        yield from _functions(section, {ONE_WIRE: "1-Wire"}, "1-Wire", "type")


def _functions(section: DeviceSection, lines: Mapping[int, str], owner: str, key: str) -> Iterator[Use]:
    for line, name in lines.items():
        bus = f"{section.family} {section.name}" if section.family == "bus" else section.name
        yield Use(line, f"{bus} {name}", f"{section.where} {key}", name not in _INPUTS, owner)
