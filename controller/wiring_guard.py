"""The station's devices behind a guard: whatever a driver raises or gives is a reading or a DeviceError of its device.

A stranger's mistake in one meter or reader would else end the station, and with it what everybody else is charging.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from controller.hal import (
    DeviceError,
    EnergyMeter,
    ImplausibleReading,
    Indicator,
    MeterReading,
    Presented,
    TokenRead,
    TokenReader,
    TokenRefused,
)
from controller.logic.values import IdTokenType
from drivers import registry

if TYPE_CHECKING:
    from controller.logic.indication import Shown
    from drivers.bus import Buses

__all__ = ["build_indicator", "build_meter", "build_reader"]

_log = logging.getLogger(__name__)

_LONGEST_TOKEN = 36


def build_meter(section: registry.Section, buses: Buses) -> EnergyMeter:
    """Raises UnknownDriver, DeviceError."""
    return _Meter(registry.build(section, buses), section)


def build_reader(section: registry.Section, buses: Buses) -> TokenReader:
    """Raises UnknownDriver, DeviceError."""
    return _Reader(registry.build(section, buses), section)


def build_indicator(section: registry.Section, buses: Buses) -> Indicator:
    """Raises UnknownDriver, DeviceError."""
    return _Indicator(registry.build(section, buses), section)


class _Meter:
    def __init__(self, meter: EnergyMeter, section: registry.Section) -> None:
        self._meter = meter
        self._section = section

    async def read(self) -> MeterReading:
        with _guarded(self._section):
            reading = await self._meter.read()
            if problem := _meter_problem(reading):
                raise _not_a_reading(self._section, problem)
            return reading

    async def close(self) -> None:
        with _told_only(self._section):
            await self._meter.close()


class _Reader:
    def __init__(self, reader: TokenReader, section: registry.Section) -> None:
        self._reader = reader
        self._section = section

    async def read(self) -> Presented:
        with _guarded(self._section):
            event = await self._reader.read()
            if problem := _token_problem(event):
                raise _not_a_reading(self._section, problem)
            return event

    async def close(self) -> None:
        with _told_only(self._section):
            await self._reader.close()


class _Indicator:
    def __init__(self, indicator: Indicator, section: registry.Section) -> None:
        self._indicator = indicator
        self._section = section

    async def show(self, shown: Sequence[Shown], now: float) -> float | None:
        with _guarded(self._section):
            due = await self._indicator.show(shown, now)
            if due is not None and not _is_number(due):
                raise _not_a_reading(self._section, f"show returned {type(due).__name__}, neither a time nor None")
            return due

    async def close(self) -> None:
        with _told_only(self._section):
            await self._indicator.close()


@contextlib.contextmanager
def _guarded(section: registry.Section) -> Iterator[None]:
    try:
        yield
    except DeviceError:
        raise
    except Exception as error:
        raise DeviceError(section.where, *registry.mistake(section, error)) from error


@contextlib.contextmanager
def _told_only(section: registry.Section) -> Iterator[None]:
    """Nobody can do anything about a device that cannot be closed."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see this module's docstring
        _log.warning("%s could not be closed: %s", section.where, registry.told(error))


def _not_a_reading(section: registry.Section, problem: str) -> ImplausibleReading:
    return ImplausibleReading(section.where, f"{registry.named(section.family, section.type)}: {problem}")


def _meter_problem(reading: object) -> str:
    """Return what is wrong with the form of what a meter's driver gave; empty when nothing is."""
    if not isinstance(reading, MeterReading):
        return f"read returned {type(reading).__name__}, no MeterReading"
    for name in ("voltage_v", "current_a", "phase_power_w"):
        values = getattr(reading, name)
        if not isinstance(values, tuple) or not all(map(_is_number, values)):
            return f"its {name} is {values!r}, not a tuple of finite numbers"
    for name in ("taken_at_s", "power_w", "frequency_hz", "power_factor"):
        value = getattr(reading, name)
        may_be_none = name not in ("taken_at_s", "power_w")
        if not (_is_number(value) or (value is None and may_be_none)):
            return f"its {name} is {value!r}, not a finite number"
    for name in ("energy_import_wh", "energy_export_wh"):
        value = getattr(reading, name)
        if type(value) is not int and not (value is None and name == "energy_export_wh"):
            return f"its {name} is {value!r}, not a whole number of Wh"
    return ""


def _token_problem(event: object) -> str:
    """Return what is wrong with the form of what a reader's driver gave; empty when nothing is. It does not tell the token."""
    if isinstance(event, TokenRefused):
        return "" if isinstance(event.why, str) else "its refusal does not say why"
    if not isinstance(event, TokenRead):
        return f"read returned {type(event).__name__}, neither TokenRead nor TokenRefused"
    value = event.value
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TOKEN:
        return f"its token is not a text of 1 to {_LONGEST_TOKEN} characters"
    if not (value.isascii() and value.isprintable()):
        return "its token has characters that are not printable ASCII"
    if event.kind not in list(IdTokenType):
        return f"its kind of token is {event.kind!r}, not one of {', '.join(IdTokenType)}"
    return ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
