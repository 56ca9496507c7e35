"""The lines of config.txt that a board needs, for every Raspberry Pi that its file names. Pure: nothing is read or written.

Sources: Raspberry Pi documentation, "config.txt" (gpio=, conditional filters) and "Configure UARTs"; README of the kernel's overlays
(pwm, pwm-2chan, disable-bt, spi0-1cs, w1-gpio). That uart0_console gives a Pi 5's header the name serial0 is known from users' reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from controller.config.header import CP_PWM, ID_LINES, PWM_CHIPS, UART, Use, is_header, pwm_chips, sections_of, uses_of

if TYPE_CHECKING:
    from controller.config.board import BoardConfig, DeviceSection

I2C_BAUD = 100_000  # what the rules for conversions in a period count with
# The filters of config.txt for the chips of `device`, and whether the model has Bluetooth on the UART and analogue sound on the PWM.
_FILTERS = {
    "3f20c000.pwm": (("pi3", "pi02"), True),
    "fe20c000.pwm": (("pi4",), True),
    "1f00098000.pwm": (("pi5",), False),
}
_PWM_FUNCTIONS = {12: 4, 13: 4, 18: 2, 19: 2}  # alternate function of the line; ignored on a Pi 5


def boot_lines(board: BoardConfig) -> list[str]:
    """Return the lines, in the order of the file. Empty for a board that is not on the header of a Pi."""
    sections = sections_of(board)
    if not any(is_header(section) for section in sections):
        return []
    uses = [use for use in uses_of(sections) if use.on_header]
    lines = [f"# {board.name}: /boot/firmware/config.txt", "[all]"]
    lines += _levels(uses, sections)
    lines += _buses(uses)
    lines += _pwm(sections)
    lines += ["dtparam=strict_gpiod", "dtparam=watchdog=on"]
    chips = {chip for section in sections for chip in pwm_chips(section.settings)} or set(PWM_CHIPS)
    has_uart = any(use.owner.startswith(UART) for use in uses)
    for chip, (filters, is_older) in _FILTERS.items():
        for each in filters if chip in chips else ():
            lines += [f"[{each}]", *_of_model(is_older, has_uart)]
    lines.append("[all]")
    if has_uart:
        lines.append("# and in cmdline.txt no console=serial0,115200: the console would talk to the device")
    return lines


def _of_model(is_older: bool, has_uart: bool) -> Iterator[str]:
    if is_older:
        yield "dtparam=audio=off"
    if has_uart:
        yield from ("dtoverlay=disable-bt", "enable_uart=1") if is_older else ("dtparam=uart0_console",)


def _levels(uses: list[Use], sections: list[DeviceSection]) -> Iterator[str]:
    """Every output at its rest before any program runs, the pilot's PWM low: that is F."""
    rests_high = {
        section.settings.test_pin for section in sections if getattr(section.settings, "test_active_low", False)
    }
    driven = sorted({use.line for use in uses if use.is_output and (use.chip or use.what.endswith(CP_PWM))})
    for lines, level in (([n for n in driven if n not in rests_high], "dl"), (sorted(rests_high & {*driven}), "dh")):
        if lines:
            yield f"gpio={','.join(map(str, lines))}=op,{level}"


def _buses(uses: list[Use]) -> Iterator[str]:
    owners = {use.owner for use in uses}
    if "/dev/i2c-1" in owners:
        yield f"dtparam=i2c_arm=on,i2c_arm_baudrate={I2C_BAUD}"
    if "/dev/i2c-0" in owners:
        yield "dtparam=i2c_vc=on"
    if "/dev/spidev0." in owners:
        selects = {use.what.rpartition(" ")[2] for use in uses if use.owner == "/dev/spidev0."}
        yield "dtparam=spi=on" if "CE1" in selects else "dtoverlay=spi0-1cs"  # with one select, GPIO7 stays free
    if "1-Wire" in owners:
        yield "dtoverlay=w1-gpio"
    if any(use.line in ID_LINES for use in uses):
        yield "force_eeprom_read=0"


def _pwm(sections: list[DeviceSection]) -> Iterator[str]:
    found = [use.line for use in uses_of(sections) if use.what.endswith(CP_PWM)]
    numbered = [(line, "" if index == 0 else "2") for index, line in enumerate(sorted(found)[:2])]
    words = [f"pin{n}={line},func{n}={_PWM_FUNCTIONS[line]}" for line, n in numbered if line in _PWM_FUNCTIONS]
    if words:
        yield f"dtoverlay=pwm{'-2chan' if len(words) == 2 else ''},{','.join(words)}"
