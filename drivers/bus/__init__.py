"""The buses of a board: opened when first needed, each pin reserved for one user, closed in a safe order."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from controller.hal import DeviceError
from drivers import registry

if TYPE_CHECKING:
    from drivers.bus.ads1115 import Ads1115
    from drivers.bus.lines import InputLine, OutputLine

PULLS = ("up", "down", "none")  # the internal pulls an input line may have

_T = TypeVar("_T")
_PULLED_UP_AT_BOOT = range(0, 9)  # GPIO0-8 of a Raspberry Pi are high until a program runs: never for an actuator


class PinTaken(DeviceError):
    """Two users for one line. The message names both."""


class NoSuchBus(DeviceError):
    """A section names a bus or converter that the board file does not have."""


class I2cBus(Protocol):
    """The part of smbus2's SMBus that drivers use. Every call raises OSError on a bus error."""

    def read_word_data(self, i2c_addr: int, register: int) -> int: ...
    def write_word_data(self, i2c_addr: int, register: int, value: int) -> None: ...
    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        """Write `register` and up to 32 bytes after it in one transfer."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Edge:
    """A change of an input line. at_s: monotonic, stamped by who saw it."""

    is_high: bool
    at_s: float


class GpioPin(Protocol):
    """One line of a chip, held by us alone. Every call raises OSError on an error of the kernel's."""

    def read(self) -> bool:
        """Return whether the line is high."""

    def write(self, high: bool) -> None: ...
    def edges(self) -> list[Edge]:
        """Return what changed since the last call. Raises OSError (EOVERFLOW) when some were lost."""

    def close(self) -> None:
        """Make it an input and let go of it."""


class GpioChip(Protocol):
    """Lines by their number. Raises OSError: EINVAL for a line that is not there, EBUSY for one in use, EOPNOTSUPP for edges that cannot be had."""

    def output(self, line: int) -> GpioPin:
        """Take the line and drive it low."""

    def input(self, line: int, pull: str, *, edges: bool = False) -> GpioPin:
        """Take the line. pull: of PULLS. edges: whether its changes are kept."""

    def close(self) -> None: ...


class SpiDevice(Protocol):
    """A chip select of an SPI bus. Every call raises OSError on an error of the kernel's."""

    def write(self, data: bytes) -> None:
        """Shift out up to 4096 bytes without a pause."""

    def burst(self, frame: bytes, times: int) -> bytes:
        """Exchange the same frame again and again, chip select released in between. Returns all answers, one after the other."""

    def close(self) -> None: ...


class CloseStage(IntEnum):
    """The order in which `Buses.close` lets go."""

    POWER = 0  # contactors, locks: de-energised first
    PILOT = 1  # the pilot stops advertising
    LINES = 2  # remaining lines become inputs again
    DEVICES = 3  # converters, shared ports
    BUSES = 4


class Buses:
    """Opens buses by the names of the board file and hands out lines, converters and shared ports.

    One object for each process. monotonic, sleep: the clock drivers use to stamp samples and to bound waits.
    """

    def __init__(
        self,
        bus_sections: Iterable[registry.Section],
        adc_sections: Iterable[registry.Section],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.monotonic = monotonic
        self.sleep = sleep
        self._sections = {
            **{("bus", section.name): section for section in bus_sections},
            **{("adc", section.name): section for section in adc_sections},
        }
        self._users: dict[tuple[str, int], str] = {}
        self._shared: dict[Hashable, Any] = {}
        self._closers: list[tuple[CloseStage, Callable[[], None]]] = []

    # --- lines ---------------------------------------------------------------------------------------------------------

    def output(self, bus: str, pin: int, where: str, *, stage: CloseStage = CloseStage.LINES) -> OutputLine:
        """Reserve and open an output, driven low. Raises PinTaken, NoSuchBus, DeviceGone.

        where: section and key, for example `mock.toml [evse.1.contactor] pin`.
        """
        from drivers.bus.lines import OutputLine

        if pin in _PULLED_UP_AT_BOOT:
            raise DeviceError(f"GPIO{pin} of {where}", "is pulled up at boot", "use GPIO9-27 for an output")
        self._reserve(bus, pin, where)
        line = OutputLine(self._chip(bus, where), pin, where)
        self.at_close(stage, line.release)
        return line

    def input(self, bus: str, pin: int, where: str, *, active_low: bool, pull: str, edges: bool = False) -> InputLine:
        """Reserve and open an input. pull: of PULLS. edges: its changes are kept too. Raises PinTaken, NoSuchBus, DeviceGone."""
        from drivers.bus.lines import InputLine

        self._reserve(bus, pin, where)
        line = InputLine(self._chip(bus, where), pin, where, active_low=active_low, pull=pull, edges=edges)
        self.at_close(CloseStage.LINES, line.release)
        return line

    def _reserve(self, bus: str, pin: int, where: str) -> None:
        other = self._users.get((bus, pin))
        if other is not None and other != where:  # its own user may open a line again that it could not open before
            raise PinTaken(f"GPIO{pin}", f"is used by both {other} and {where}", "give one of them another line")
        self._users[bus, pin] = where

    def _chip(self, name: str, where: str) -> GpioChip:
        return self.shared(("gpio", name), lambda: self._open_gpio(name, where))

    def _open_gpio(self, name: str, where: str) -> GpioChip:
        chip: GpioChip = self._open_bus(name, where, "chip")
        self.at_close(CloseStage.BUSES, chip.close)
        return chip

    # --- converters and shared ports -----------------------------------------------------------------------------------

    def i2c(self, name: str, where: str) -> I2cBus:
        """Return the I2C bus of that name. Raises NoSuchBus, DeviceGone."""
        bus: I2cBus = self.shared(("i2c", name), lambda: self._open_i2c(name, where))
        return bus

    def _open_i2c(self, name: str, where: str) -> I2cBus:
        bus: I2cBus = self._open_bus(name, where, "bus")
        self.at_close(CloseStage.BUSES, bus.close)
        return bus

    def spi(self, name: str, where: str, speed_hz: int) -> SpiDevice:
        """Return the SPI device of that name, clocked so fast. Raises NoSuchBus, DeviceGone."""

        def opened() -> SpiDevice:
            device: SpiDevice = self._open_bus(name, where, "device", speed_hz)
            self.at_close(CloseStage.BUSES, device.close)
            return device

        device: SpiDevice = self.shared(("spi", name), opened)
        return device

    def adc(self, name: str, where: str) -> Ads1115:
        """Return the converter of that name, one object for all its users. Raises NoSuchBus, DeviceGone."""
        adc: Ads1115 = self.shared(("adc", name), lambda: registry.build(self._section("adc", name, where), self))
        return adc

    def shared(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return the one object of this key, made by the first who asks (a serial line with several meters)."""
        if key not in self._shared:
            self._shared[key] = make()
        found: _T = self._shared[key]
        return found

    def _open_bus(self, name: str, where: str, give: str, *arguments: object) -> Any:
        """Return what the bus driver's method `give` gives. Raises NoSuchBus, DeviceGone."""
        section = self._section("bus", name, where)
        bus = registry.driver_class("bus", section.type)
        with registry.answering_for(section):
            return getattr(bus(section.settings, section.where), give)(*arguments)

    def _section(self, family: str, name: str, where: str) -> registry.Section:
        section = self._sections.get((family, name))
        if section is None:
            known = ", ".join(sorted(n for f, n in self._sections if f == family)) or "none"
            raise NoSuchBus(where, f"there is no [{family}.{name}]", f"the board file has: {known}")
        return section

    # --- the end -------------------------------------------------------------------------------------------------------

    def at_close(self, stage: CloseStage, closer: Callable[[], None]) -> None:
        """Have `closer` called by `close`: of one stage, the last first. It may raise DeviceError."""
        self._closers.append((stage, closer))

    def close(self) -> None:
        """De-energise, then let go of everything, also when single devices fail. Raises the first failure at the end."""
        closers, self._closers = sorted(reversed(self._closers), key=lambda entry: entry[0]), []
        failures: list[Exception] = []
        for _, closer in closers:
            try:
                closer()
            except Exception as failure:  # noqa: BLE001 - raised below, once everything else was let go
                failures.append(failure)
        self._shared.clear()
        self._users.clear()
        if failures:
            raise failures[0]
