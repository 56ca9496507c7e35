"""Where a board file's `type = "..."` becomes a driver class.

A driver is a class with a nested frozen dataclass `Settings` (fields declared with `controller.hal.setting`) and
`__init__(self, settings, buses, where)`; a bus takes `(settings, where)`. Modules are imported when a board names them,
so a process loads only the libraries of its own devices. Drivers of third parties register themselves with an entry point
of the group `pilotline.drivers`, named `family.type`, for example

    [project.entry-points."pilotline.drivers"]
    "meter.acme" = "acme_meter:AcmeMeter"
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from controller.hal import ports
from controller.hal.errors import DeviceError
from controller.hal.settings import undeclared

if TYPE_CHECKING:
    from drivers.bus import Buses

_CO_COROUTINE = 0x80  # of a code object's flags
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


# What a driver of a third party must offer. A bus has no methods in common.
_PORTS: Mapping[str, type] = {
    "watchdog": ports.Watchdog,
    "input": ports.DigitalInput,
    "pilot_driver": ports.PilotDriver,
    "pilot_sense": ports.PilotSense,
    "proximity": ports.ProximitySense,
    "temperature": ports.TemperatureSense,
    "phase_sense": ports.PhaseSense,
    "contactor": ports.Contactor,
    "lock": ports.ConnectorLock,
    "residual": ports.ResidualCurrent,
    "meter": ports.EnergyMeter,
    "reader": ports.TokenReader,
    "indicator": ports.Indicator,
}
_CLOSED = frozenset({"adc"})  # the converters' planning of a pass is our own, and no port
_CALLERS = frozenset({"drivers.registry", "drivers.bus", "controller.wiring_guard"})
_ASK_AUTHOR = "tell its author"
_ASK_US = "please report it"


class UnknownDriver(LookupError):
    """No driver of that family and type that could be used. The message lists those there are, or says what is wrong with it."""


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
    reference = _reference(family, type)
    if reference is None:
        raise UnknownDriver(f"no {family} driver of type {type!r}; known types: {_listed(types_of(family))}")
    module_name, _, class_name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise UnknownDriver(f"{named(family, type)} cannot be loaded: {error}") from error
    except Exception as error:
        if not is_foreign(family, type):
            raise
        raise UnknownDriver(f"{named(family, type)} cannot be loaded: {told(error)}") from error


def settings_of(family: str, type: str) -> Any:
    """Return the driver's Settings dataclass; opens nothing. Raises UnknownDriver."""
    settings = getattr(driver_class(family, type), "Settings", None)
    problem = undeclared(settings) if is_foreign(family, type) else ""
    if problem:
        raise UnknownDriver(f"{named(family, type)} {problem}; {_ASK_AUTHOR}")
    return settings


def build(section: Section, buses: Buses) -> Any:
    """Return the section's driver. Raises UnknownDriver, DeviceError."""
    found = driver_class(section.family, section.type)
    with answering_for(section):
        driver = found(section.settings, buses, section.where)
    port = _PORTS.get(section.family)
    if port is not None and is_foreign(section.family, section.type):
        missing = [name for name in calls_of(section.family) if not hasattr(driver, name)]
        if missing:
            problem = f"{named(section.family, section.type)} has no {_listed(missing)}"
            raise DeviceError(section.where, problem, _ASK_AUTHOR)
        waits = [
            name
            for name, of_port in vars(port).items()
            if _is_async(getattr(driver, name, None)) and not _is_async(of_port)
        ]
        if waits:
            what = f"has an async {_listed(waits)}: the safety loop calls it, and cannot wait"
            problem = f"{named(section.family, section.type)} {what}"
            raise DeviceError(section.where, problem, _ASK_AUTHOR)
    return driver


def calls_of(family: str) -> tuple[str, ...]:
    """Return the names of what a family's port is called for."""
    port = _PORTS.get(family)
    return () if port is None else tuple(name for name in vars(port) if not name.startswith("_"))


def _is_async(function: object) -> bool:
    """As inspect.iscoroutinefunction, which is a large module for a small question."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE)


# --- drivers of third parties --------------------------------------------------------------------------------------------


def is_foreign(family: str, type: str) -> bool:
    return type not in _BUILT_IN.get(family, {})


def named(family: str, type: str) -> str:
    """Return how messages name a driver: what it is, and where its code is."""
    reference = _reference(family, type)
    entry = f"entry point {family}.{type} = " if is_foreign(family, type) else ""
    return f"{family} driver {type!r} ({entry}{reference})"


def told(error: BaseException) -> str:
    """Return an exception in one line: its type, its text, and for the driver's author the line that raised it."""
    text = " ".join(str(error).split())
    return type(error).__name__ + (f": {text}" if text else "") + _place(error.__traceback__)


def mistake(section: Section, error: BaseException) -> tuple[str, str]:
    """Return what a driver did that is no DeviceError, without its section, and what the reader is to do about it."""
    ask = _ASK_AUTHOR if is_foreign(section.family, section.type) else _ASK_US
    return f"{named(section.family, section.type)} failed: {told(error)}", ask


@contextlib.contextmanager
def answering_for(section: Section) -> Iterator[None]:
    """Turn whatever a third party's driver raises into a DeviceError of its section; what ours raise stays as it is."""
    try:
        yield
    except (DeviceError, UnknownDriver):
        raise
    except Exception as error:
        if not is_foreign(section.family, section.type):
            raise
        problem, ask = mistake(section, error)
        raise DeviceError(section.where, problem, ask) from error


def ignored() -> tuple[str, ...]:
    """Return why entry points of installed packages are no drivers, one line each."""
    lines = []
    seen: dict[str, str] = {}
    for name, value in sorted(_entry_points()):
        family, dot, type = name.partition(".")
        point = f"entry point {name} = {value}"
        if not dot or not type:
            lines.append(f"{point}: ignored: its name must be family.type, for example input.{family}")
        elif family not in _BUILT_IN:
            lines.append(f"{point}: ignored: no family {family!r}; known families: {_listed(_BUILT_IN)}")
        elif family in _CLOSED:
            lines.append(f"{point}: ignored: the family {family} is not open to other packages' drivers")
        elif type in _BUILT_IN[family]:
            lines.append(f"{point}: ignored: {family}.{type} is built in and cannot be replaced; choose another type")
        elif seen.setdefault(name, value) != value:
            lines.append(f"{point}: there is another of that name, {seen[name]}; which one is used is not certain")
    return tuple(lines)


def _place(trace: TracebackType | None) -> str:
    """Return where it was raised, unless that is who called the driver, or the import of it."""
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_code.co_filename
    if name.startswith("<") or trace.tb_frame.f_globals.get("__name__") in _CALLERS:
        return ""
    return f" at {PurePath(name).name} line {trace.tb_lineno}"


def _reference(family: str, type: str) -> str | None:
    return _BUILT_IN.get(family, {}).get(type) or _references(family).get(type)


def _references(family: str) -> dict[str, str]:
    if family not in _BUILT_IN:
        raise UnknownDriver(f"no driver family {family!r}; known families: {_listed(_BUILT_IN)}")
    if family in _CLOSED:
        return dict(_BUILT_IN[family])
    installed = {
        name.removeprefix(f"{family}."): value for name, value in _entry_points() if name.startswith(f"{family}.")
    }
    return installed | dict(_BUILT_IN[family])  # a third party adds types, it does not replace ours


def _entry_points() -> list[tuple[str, str]]:
    # Reading what is installed costs 30 ms and some memory, which a board of built-in types need not pay.
    from importlib.metadata import entry_points

    return [(point.name, point.value) for point in entry_points(group=ENTRY_POINT_GROUP)]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
