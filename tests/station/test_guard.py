"""A station device whose driver does what no driver may: it is a DeviceError of that device, in one line, and nothing else."""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from controller import wiring_guard
from controller.hal import DeviceError, DeviceGone, ImplausibleReading, MeterReading, TokenRead, TokenRefused, setting
from controller.logic.indication import Indication, Shown
from drivers.bus import Buses
from tests.drivers.driver_rig import install_entry_points, section

pytestmark = pytest.mark.asyncio

READING = MeterReading(1.0, (230.0,), (16,), 3680.0, 1000)
SHOWN = (Shown(1, Indication.AVAILABLE),)


class Stranger:
    """A meter, reader and indicator in one. does: the exception it raises, or what it gives."""

    does: Any = None
    closes: Exception | None = None

    @dataclass(frozen=True)
    class Settings:
        port: str = setting("A port.", default="x")

    def __init__(self, settings: Settings, buses: Buses, where: str) -> None: ...

    async def read(self) -> Any:
        if isinstance(self.does, BaseException):
            raise self.does
        return self.does

    async def show(self, shown: Any, now: float) -> Any:
        return await self.read()

    async def close(self) -> None:
        if self.closes is not None:
            raise self.closes


class NotAsynchronous(Stranger):
    def read(self) -> Any:  # type: ignore[override]
        return READING


@pytest.fixture(autouse=True)
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = __name__
    points = {f"{family}.stranger": f"{here}:Stranger" for family in ("meter", "reader", "indicator")}
    install_entry_points(tmp_path, monkeypatch, {**points, "meter.sync": f"{here}:NotAsynchronous"})
    monkeypatch.setattr(Stranger, "does", None)
    monkeypatch.setattr(Stranger, "closes", None)


async def ask(family: str, does: Any, type: str = "stranger") -> Any:
    Stranger.does = does
    made = getattr(wiring_guard, f"build_{family}")(section(family, type), Buses((), ()))
    return await (made.show(SHOWN, 0.0) if family == "indicator" else made.read())


@pytest.mark.parametrize("family", ["meter", "reader", "indicator"])
async def test_what_a_stranger_raises_is_an_error_of_its_device(family: str) -> None:
    with pytest.raises(DeviceError) as told:
        await ask(family, ValueError("no\ngood"))
    line = str(told.value)
    entry = f"{family} driver 'stranger' (entry point {family}.stranger = {__name__}:Stranger)"
    assert line.startswith(f"test.toml [{family}]: {entry} failed: ValueError: no good at test_guard.py line ")
    assert line.endswith(" (tell its author)") and "\n" not in line


@pytest.mark.parametrize("family", ["meter", "reader", "indicator"])
async def test_a_device_error_and_a_cancellation_pass_as_they_are(family: str) -> None:
    error = DeviceGone("it", "is gone")
    with pytest.raises(DeviceGone) as told:
        await ask(family, error)
    assert told.value is error
    with pytest.raises(asyncio.CancelledError):
        await ask(family, asyncio.CancelledError())


async def test_a_read_that_is_not_asynchronous_is_told() -> None:
    with pytest.raises(DeviceError, match=r"meter driver 'sync' .* failed: TypeError: .*await"):
        await ask("meter", None, "sync")


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        (None, "read returned NoneType, no MeterReading"),
        (replace(READING, voltage_v=(math.nan,)), r"its voltage_v is \(nan,\), not a tuple of finite numbers"),
        (replace(READING, current_a=[1.0]), r"its current_a is \[1.0\], not a tuple"),
        (replace(READING, power_w=None), "its power_w is None, not a finite number"),
        (replace(READING, energy_import_wh=1000.5), "its energy_import_wh is 1000.5, not a whole number of Wh"),
    ],
)
async def test_a_reading_of_another_form_is_refused(gives: Any, says: str) -> None:
    with pytest.raises(ImplausibleReading, match=f"^test.toml \\[meter\\]: meter driver 'stranger' .*: {says}"):
        await ask("meter", gives)


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        (None, "read returned NoneType, neither"),
        (TokenRead("", "ISO14443", 0.0), "its token is not a text of 1 to 36 characters"),
        (TokenRead("a\nb", "ISO14443", 0.0), "not printable ASCII"),
        (TokenRead("04A2", "Mifare", 0.0), "its kind of token is 'Mifare', not one of Central, "),
    ],
)
async def test_a_token_of_another_form_is_refused(gives: Any, says: str) -> None:
    with pytest.raises(ImplausibleReading, match=says):
        await ask("reader", gives)


async def test_an_indicator_that_asks_for_no_time_is_refused() -> None:
    with pytest.raises(ImplausibleReading, match="show returned str, neither a time nor None"):
        await ask("indicator", "soon")


async def test_what_is_right_comes_through() -> None:
    assert await ask("meter", READING) is READING
    for event in (TokenRead("04A2B3C4", "ISO14443", 0.0), TokenRefused("a random UID", 0.0)):
        assert await ask("reader", event) is event
    assert (await ask("indicator", None), await ask("indicator", 7.5)) == (None, 7.5)


async def test_a_device_that_cannot_be_closed_is_told_and_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    Stranger.closes = RuntimeError("stuck")
    with caplog.at_level(logging.WARNING):
        await wiring_guard.build_meter(section("meter", "stranger"), Buses((), ())).close()
    assert "test.toml [meter] could not be closed: RuntimeError: stuck" in caplog.text
