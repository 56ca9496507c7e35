"""Where a board file's `type = "..."` becomes a driver class.

A driver is a class with a nested frozen dataclass `Settings` (fields declared with `controller.hal.setting`) and
`__init__(self, settings, buses, where)`; a bus takes `(settings, where)`. Modules are imported when a board names them,
so a process loads only the libraries of its own devices. Drivers of third parties register themselves with an entry point
of the group `pilotline.drivers`, named `family.type`, for example

    [project.entry-points."pilotline.drivers"]
    "meter.acme" = "acme_meter:AcmeMeter"
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from drivers.bus import Buses

ENTRY_POINT_GROUP = "pilotline.drivers"

_BUILT_IN: Mapping[str, Mapping[str, str]] = {
    "bus": {
        "gpiochip": "drivers.bus.gpio:GpiochipBus",
        "gpio_page": "drivers.mock.gpio_page:GpioPageBus",
        "smbus": "drivers.bus.i2c:SmbusBus",
        "i2c_page": "drivers.mock.i2c_page:I2cPageBus",
        "spidev": "drivers.bus.spi:SpidevBus",
    },
    "adc": {"ads1115": "drivers.bus.ads1115:Ads1115", "ads1015": "drivers.bus.ads1115:Ads1015"},
    "watchdog": {"one_shot": "drivers.watchdog.one_shot:OneShot"},
    "input": {"gpio": "drivers.input.gpio:GpioInput"},
    "pilot_driver": {"sysfs_pwm": "drivers.pilot.sysfs_pwm:SysfsPwm"},
    "pilot_sense": {
        "held": "drivers.pilot.held:HeldPilot",
        "coprocessor": "drivers.pilot.coprocessor:Coprocessor",
        "sar_burst": "drivers.pilot.sar_burst:SarBurst",
    },
    "proximity": {"divider": "drivers.pilot.proximity_divider:ProximityDivider"},
    "temperature": {"ntc": "drivers.temperature.ntc:Ntc", "w1": "drivers.temperature.w1:W1"},
    "phase_sense": {"rms": "drivers.phase_sense.rms:RmsPhaseSense"},
    "contactor": {"gpio": "drivers.contactor.gpio:GpioContactor"},
    "lock": {"motor": "drivers.lock.motor:MotorLock", "solenoid": "drivers.lock.solenoid:SolenoidLock"},
    "residual": {"gpio": "drivers.residual.gpio:GpioResidual", "rdc_dd": "drivers.residual.rdc_dd:RdcDd"},
    "meter": {"modbus": "drivers.meter.modbus:ModbusMeter", "pulse": "drivers.meter.pulse:PulseMeter"},
    "reader": {
        "pn532": "drivers.rfid.pn532:Pn532",
        "ascii_line": "drivers.rfid.ascii_line:AsciiLine",
        "rdm6300": "drivers.rfid.rdm6300:Rdm6300",
        "twn4": "drivers.rfid.twn4:Twn4",
        "keyboard": "drivers.rfid.evdev:KeyboardReader",
    },
    "indicator": {
        "leds": "drivers.indicator.leds:Leds",
        "ws281x": "drivers.indicator.ws281x:Ws281x",
        "hd44780": "drivers.indicator.hd44780:Hd44780",
        "ssd1306": "drivers.indicator.ssd1306:Ssd1306",
    },
}


class UnknownDriver(LookupError):
    """No driver of that family and type. The message lists those there are."""


class Section(Protocol):
    """What the registry needs of a board file's section."""

    @property
    def family(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def where(self) -> str: ...
    @property
    def settings(self) -> Any: ...


def families() -> tuple[str, ...]:
    return tuple(_BUILT_IN)


def types_of(family: str) -> tuple[str, ...]:
    """Return the known types of a family, built in and installed. Raises UnknownDriver for an unknown family."""
    return tuple(sorted(_references(family)))


def driver_class(family: str, type: str) -> Any:
    """Import and return the driver's class. Raises UnknownDriver, also when its module cannot be imported."""
    reference = _BUILT_IN.get(family, {}).get(type) or _references(family).get(type)
    if reference is None:
        raise UnknownDriver(f"no {family} driver of type {type!r}; known types: {_listed(types_of(family))}")
    module_name, _, class_name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise UnknownDriver(f"{family} driver {type!r} ({reference}) cannot be loaded: {error}") from error


def settings_of(family: str, type: str) -> Any:
    """Return the driver's Settings dataclass; opens nothing. Raises UnknownDriver."""
    return driver_class(family, type).Settings


def build(section: Section, buses: Buses) -> Any:
    """Return the section's driver. Raises UnknownDriver, DeviceError."""
    return driver_class(section.family, section.type)(section.settings, buses, section.where)


def _references(family: str) -> dict[str, str]:
    if family not in _BUILT_IN:
        raise UnknownDriver(f"no driver family {family!r}; known families: {_listed(_BUILT_IN)}")
    # Reading what is installed costs 30 ms and some memory, which a board of built-in types need not pay.
    from importlib.metadata import entry_points

    installed = {
        point.name.removeprefix(f"{family}."): point.value
        for point in entry_points(group=ENTRY_POINT_GROUP)
        if point.name.startswith(f"{family}.")
    }
    return installed | dict(_BUILT_IN[family])  # a third party adds types, it does not replace ours


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
