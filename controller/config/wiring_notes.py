"""What to know of a board that its file cannot settle: not mistakes, but told by `pilotline board check`. Sources: `header.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from controller.config.header import CONSOLE_TXD, I2C_LINES, ID_LINES, ONE_WIRE, Use, is_header, sections_of, uses_of
from controller.config.reader import shown

if TYPE_CHECKING:
    from controller.config.board import BoardConfig, DeviceSection

ID_I2C = "/dev/i2c-0"
# What the shipped systemd units do not let in by themselves: family and type (None: any) -> the drop-in that does.
DROP_INS: tuple[tuple[str, str | None, str], ...] = (
    ("pilot_sense", "sar_burst", "safety-spi.conf"),
    ("pilot_sense", "coprocessor", "safety-serial.conf"),
    ("meter", "pulse", "station-pulse.conf"),
    ("indicator", None, "station-panel.conf"),
    ("reader", "keyboard", "station-keyboard.conf"),
)


def wiring_notes(board: BoardConfig) -> list[str]:
    """Return what to know of a board of real lines that its file cannot settle: one line each."""
    sections = sections_of(board)
    if not any(is_header(section) for section in sections):
        return []
    uses = uses_of(sections)
    return [*_missing(board), *_line_notes(uses), *_port_notes(sections), *_unit_notes(sections)]


def _unit_notes(sections: Iterable[DeviceSection]) -> Iterator[str]:
    told: set[str] = set()
    for section in sections:
        for family, type, file in DROP_INS:
            if section.family == family and type in (None, section.type) and file not in told:
                told.add(file)
                yield f"{section.where}: as a service it needs systemd/{file} (the README's installation)"


def _missing(board: BoardConfig) -> Iterator[str]:
    if board.watchdog is None:
        yield (
            "there is no [watchdog]: after a crash nothing opens the contactor. Build the one-shot of hw/docs/safety-gate.md, or do "
            "not energise this board"
        )
    if board.estop is None:
        yield "there is no [estop]: an emergency stop in the coil's circuit works, but nobody is told why it opened"
    if board.mains is None:
        yield "there is no [mains]: a power cut is seen only when the Pi goes dark, and the session ends as interrupted"
    for evse in board.evses:
        if getattr(evse.contactor.settings, "auxiliary_pin", 0) is None:
            yield f"{evse.contactor.where}: no 'auxiliary_pin': a broken wire of the mirror contact looks like a weld"
        if evse.meter is None:
            judged = "" if evse.phase_sense is not None else ", and an EV that draws too much is not seen"
            yield f"EVSE {evse.id} has no meter: no energy is told{judged}"


def _line_notes(uses: list[Use]) -> Iterator[str]:
    pins = [use for use in uses if use.on_header and use.chip]
    for use in pins:
        if use.line == CONSOLE_TXD and use.is_output:
            rule = "a serial console drives it high at boot: enable_uart=0, and no console=serial0 in cmdline.txt"
            yield f"{use.where} = {use.line}: {rule}"
        if use.line in ID_LINES:
            yield f"{use.where} = {use.line}: the firmware looks for a HAT there at boot; force_eeprom_read=0 in config.txt"
    if any(use.owner == "1-Wire" for use in uses):
        for use in (use for use in pins if use.line == ONE_WIRE):
            rule = "is the usual line of 1-Wire: dtoverlay=w1-gpio,gpiopin=N names another"
            yield f"{use.where} = {use.line}: GPIO{use.line} {rule}"


def _port_notes(sections: Iterable[DeviceSection]) -> Iterator[str]:
    for section in sections:
        path = str(getattr(section.settings, "path", ""))
        if path == ID_I2C:
            rule = "on GPIO0 and GPIO1 the firmware looks for a HAT at boot; force_eeprom_read=0 in config.txt"
            yield f"{section.where} path = {shown(path)}: config.txt has to make that bus, as by dtparam=i2c_vc=on; {rule}"
        elif path.startswith("/dev/i2c-") and path not in I2C_LINES:
            bus = path.removeprefix("/dev/i2c-")
            line = f"dtoverlay=i2c-gpio,bus={bus},i2c_gpio_sda=6,i2c_gpio_scl=7"
            yield f"{section.where} path = {shown(path)}: config.txt has to make that bus, as by {line}; its lines are not checked here"
        port = str(getattr(section.settings, "port", ""))
        if port == "/dev/serial0":
            yield f"{section.where} port = {shown(port)}: on a Pi 5 it is the debug connector, not the header, without dtparam=uart0_console"
        if port.startswith(("/dev/ttyUSB", "/dev/ttyACM")):
            yield f"{section.where} port = {shown(port)}: adapters may change places; name it as in /dev/serial/by-path"
