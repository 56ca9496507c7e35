"""What the driver tests stand on: lines, converters and clocks that obey the rules of the real ones."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from drivers import registry
from drivers.bus import Buses, Edge
from drivers.mock.pages import GpioPage


@dataclass(frozen=True)
class Section:
    """A board file's section, as the registry sees it."""

    family: str
    type: str
    name: str
    settings: Any
    where: str = "test.toml"


def section(family: str, type: str, /, *, section_name: str = "", **settings: Any) -> Section:
    where = f"test.toml [{section_name or family}]"
    return Section(family, type, section_name or family, registry.settings_of(family, type)(**settings), where)


class HandClock:
    """Monotonic time that passes when it is told to, or when somebody sleeps on it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class AheadClock:
    """The machine's monotonic clock, which a test can set ahead."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


def install_entry_points(directory: Path, monkeypatch: pytest.MonkeyPatch, points: Mapping[str, str]) -> None:
    """Put a distribution with driver entry points on the path, as pip would."""
    info = directory / "somebodys_drivers-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-drivers\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {target}" for name, target in points.items())
    (info / "entry_points.txt").write_text(f"[{registry.ENTRY_POINT_GROUP}]\n{lines}\n")
    monkeypatch.syspath_prepend(str(directory))


# --- GPIO ----------------------------------------------------------------------------------------------------------------


class HandPin:
    """A line by the rules of `drivers.bus.GpioPin`, with a history of every level it drove and of what the world did to it."""

    def __init__(self, number: int, edges: list[tuple[int, bool]], clock: Callable[[], float]) -> None:
        self._number = number
        self._driven = edges
        self._clock = clock
        self._kept: list[Edge] | None = None
        self.level = False
        self.is_output = False
        self.is_taken = False
        self.pull = "none"
        self.outside: bool | None = None
        self.fails: OSError | None = None

    def read(self) -> bool:
        if self.fails is not None:
            raise self.fails
        if self.is_output:
            return self.level
        return self.outside if self.outside is not None else self.pull == "up"

    def write(self, high: bool) -> None:
        if self.fails is not None:
            raise self.fails
        assert self.is_output, "an input is not driven"
        if high is not self.level:
            self._driven.append((self._number, high))
        self.level = high

    def edges(self) -> list[Edge]:
        if self.fails is not None:
            raise self.fails
        assert self._kept is not None
        found, self._kept = self._kept, []
        return found

    def close(self) -> None:
        self.is_output = self.level = self.is_taken = False
        self.pull, self._kept = "none", None

    # --- the world's side

    def drive(self, high: bool | None) -> None:
        before, self.outside = self.read(), high
        if self._kept is not None and self.read() is not before:
            self._kept.append(Edge(self.read(), self._clock()))

    def take(self, pull: str, *, is_output: bool, edges: bool = False) -> HandPin:
        if self.is_taken:
            raise OSError(errno.EBUSY, "Device or resource busy")
        self.is_taken, self.is_output, self.pull = True, is_output, pull
        self._kept = [] if edges else None
        return self


class HandChip:
    """A chip of 54 lines, as a Pi's, by the rules of `drivers.bus.GpioChip`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.driven: list[tuple[int, bool]] = []
        self.pins = [HandPin(number, self.driven, clock) for number in range(54)]

    def output(self, line: int) -> HandPin:
        return self._pin(line).take("none", is_output=True)

    def input(self, line: int, pull: str, *, edges: bool = False) -> HandPin:
        return self._pin(line).take(pull, is_output=False, edges=edges)

    def _pin(self, line: int) -> HandPin:
        if not 0 <= line < len(self.pins):
            raise OSError(errno.EINVAL, "no such line")
        return self.pins[line]

    def close(self) -> None: ...

    def forget(self) -> None:
        """The process that held the lines is gone."""
        for pin in self.pins:
            pin.close()


@dataclass(frozen=True)
class HandChipSettings:
    chip: HandChip


class HandChipBus:
    """A bus driver (installed by entry point) over a chip of the test's own."""

    Settings = HandChipSettings

    def __init__(self, settings: HandChipSettings, where: str) -> None:
        self._settings = settings

    def chip(self) -> HandChip:
        return self._settings.chip


class Lines(Protocol):
    """The far end of the GPIO lines."""

    bus: Section

    def level(self, pin: int) -> bool: ...
    def is_output(self, pin: int) -> bool: ...
    def drive(self, pin: int, high: bool) -> None: ...
    def release(self, pin: int) -> None:
        """Let go of an input, as a broken wire does."""

    def edges(self, *pins: int) -> list[tuple[int, bool]]:
        """Every change of level that the program made on those lines, in order."""


class HandLines:
    """Lines of a chip of the test's own."""

    def __init__(self) -> None:
        self.chip = HandChip()
        self.bus = Section("bus", "hand_chip", "gpio", HandChipSettings(self.chip))

    def level(self, pin: int) -> bool:
        return self.chip.pins[pin].read()

    def is_output(self, pin: int) -> bool:
        return self.chip.pins[pin].is_output

    def drive(self, pin: int, high: bool) -> None:
        self.chip.pins[pin].drive(high)

    def release(self, pin: int) -> None:
        self.chip.pins[pin].drive(None)

    def edges(self, *pins: int) -> list[tuple[int, bool]]:
        return [edge for edge in self.chip.driven if edge[0] in pins]


class PageLines:
    """Lines of the mock bench's page, seen from the bench's side."""

    def __init__(self, path: Path) -> None:
        self._page = GpioPage.create(path)
        self._since = self._page.head
        self.bus = section("bus", "gpio_page", section_name="gpio", page=str(path))

    def level(self, pin: int) -> bool:
        return self._page.line(pin).level

    def is_output(self, pin: int) -> bool:
        return self._page.line(pin).is_output

    def drive(self, pin: int, high: bool) -> None:
        self._page.drive(pin, high)

    def release(self, pin: int) -> None:
        self._page.release(pin)

    def edges(self, *pins: int) -> list[tuple[int, bool]]:
        found: list[tuple[int, bool]] = []
        levels = dict.fromkeys(pins, False)
        for edge in self._page.edges(self._since):
            if edge.line in levels and edge.level is not levels[edge.line]:
                levels[edge.line] = edge.level
                found.append((edge.line, edge.level))
        return found


# --- I2C -----------------------------------------------------------------------------------------------------------------


@dataclass
class SimulatedAds1115:
    """An ADS1115 by its data sheet, on a hand clock. volts: of its four inputs, read when a conversion begins.

    transfer_s: what one SMBus transfer takes; log: channel and time of each conversion.
    """

    clock: HandClock
    volts: list[float] = field(default_factory=lambda: [0.0] * 4)
    conversion_s: float = 1 / 860
    transfer_s: float = 0.0
    hangs: bool = False
    answers: bool = True
    log: list[tuple[int, float]] = field(default_factory=list)
    rate_code: int = 0x00E0
    result_mask: int = 0xFFFF
    _config: int = 0x8583
    _done_at: float = 0.0
    _result: int = 0
    _pending: int | None = None

    def read_word_data(self, i2c_addr: int, register: int) -> int:
        self._transfer(i2c_addr)
        value = self._result if register == 0 else self._config & 0x7FFF | (0x8000 if self._pending is None else 0)
        return int.from_bytes(value.to_bytes(2, "big"), "little")

    def write_word_data(self, i2c_addr: int, register: int, value: int) -> None:
        self._transfer(i2c_addr)
        assert register == 1, "only the configuration is ever written"
        config = int.from_bytes(value.to_bytes(2, "little"), "big")
        assert config & 0x0100, "single-shot mode"
        assert config & 0x00E0 == self.rate_code, "the quickest rate"
        if config & 0x8000 and self._pending is None:
            self._config = config
            channel = (config >> 12 & 7) - 4
            full_scale = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256)[config >> 9 & 7]
            counts = max(-32768, min(32767, round(self.volts[channel] / full_scale * 32768)))
            self._pending = counts & self.result_mask
            self._done_at = self.clock() + self.conversion_s
            self.log.append((channel, self.clock()))

    def power_cycle(self) -> None:
        self._config, self._pending, self._result = 0x8583, None, 0

    def close(self) -> None:
        self.answers = False

    def _transfer(self, address: int) -> None:
        self.clock.sleep(self.transfer_s)
        if not self.answers or address != 0x48:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        if self._pending is not None and self.clock() >= self._done_at and not self.hangs:
            self._result, self._pending = self._pending, None


@dataclass(frozen=True)
class ChipBusSettings:
    chip: Any


class ChipBus:
    """A bus driver (installed by entry point) with one simulated chip."""

    Settings = ChipBusSettings

    def __init__(self, settings: ChipBusSettings, where: str) -> None:
        self._settings = settings

    def bus(self) -> Any:
        return self._settings.chip

    def device(self, speed_hz: int) -> Any:
        self._settings.chip.speed_hz = speed_hz
        return self._settings.chip


def simulated_ads1015(clock: HandClock, **more: Any) -> SimulatedAds1115:
    """Return an ADS1015 by its data sheet: code 110 is 3300 samples a second, 12 bits at the upper end of the word."""
    return SimulatedAds1115(clock, conversion_s=1 / 3300, rate_code=0x00C0, result_mask=0xFFF0, **more)


def chip_buses(chip: SimulatedAds1115, type: str = "ads1115") -> Buses:
    """Return buses with the converter `one` on the chip, on the chip's clock."""
    return Buses(
        (Section("bus", "chip", "i2c", ChipBusSettings(chip)),),
        (section("adc", type, section_name="one"),),
        monotonic=chip.clock,
        sleep=chip.clock.sleep,
    )


TEST_BUSES = {"bus.hand_chip": "tests.drivers.driver_rig:HandChipBus", "bus.chip": "tests.drivers.driver_rig:ChipBus"}

Make = Callable[..., Any]
