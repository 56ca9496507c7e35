"""Shows what the station is doing, on lights and displays. One that has vanished disturbs nothing: it is opened again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from controller.clock import Clock
from controller.hal import DeviceError, Indicator
from controller.logic.indication import CardOutcome, Shown, indication
from controller.ocpp.ports import Csms, StatusReport
from controller.station.events import EventBus
from controller.station.recorder import CONNECTOR
from controller.station.runner import LastToken, Runner

_log = logging.getLogger(__name__)

FLASH_S = 2.0  # what came of a card is shown for so long
LOOK_S = 1.0  # power changes, and a card is no longer shown, without an event
TOGETHER_S = 0.05  # what happens at once is shown once
REOPEN_S = 5.0


class Told(Protocol):
    """What indicators need of the station."""

    clock: Clock
    csms: Csms
    events: EventBus
    runners: dict[int, Runner]
    lobby: Runner
    last_token: LastToken | None

    @property
    def is_restarting(self) -> bool: ...

    def status(self, evse_id: int, connector_id: int) -> StatusReport: ...


def shown_of(station: Told, evse_id: int | None) -> tuple[Shown, ...]:
    """Return what there is to show of one EVSE, or of all."""
    return tuple(_shown(station, runner) for each, runner in station.runners.items() if evse_id in (None, each))


def _shown(station: Told, runner: Runner) -> Shown:
    assert runner.feed is not None
    number, meter = runner.feed.board.id, runner.feed.meter
    found = indication(
        station.status(number, CONNECTOR).status,
        runner.session.stage,
        station.lobby.session.stage,
        _card(station, number),
        is_online=station.csms.is_online,
        is_restarting=station.is_restarting,
    )
    reading = meter.latest if not meter.is_lost else None
    return Shown(number, found, reading.power_w if reading is not None else None)


def _card(station: Told, evse_id: int) -> CardOutcome:
    last = station.last_token
    if last is None or last.evse_id not in (None, evse_id) or station.clock.monotonic() >= last.at_s + FLASH_S:
        return CardOutcome.NONE
    return CardOutcome.REFUSED if last.is_refused else CardOutcome.ACCEPTED


class IndicatorTask:
    """Keeps one indicator up to date. shown: what it is to show now."""

    def __init__(
        self, indicator: Indicator, shown: Callable[[], tuple[Shown, ...]], clock: Clock, events: EventBus
    ) -> None:
        self._indicator = indicator
        self._shown = shown
        self._clock = clock
        self._events = events
        self._is_lost = False

    async def run(self) -> None:
        try:
            with self._events.subscribe() as news:
                while True:
                    now = self._clock.monotonic()
                    due = await self._show(now)
                    try:
                        async with asyncio.timeout(max(0.0, min(due, now + LOOK_S) - self._clock.monotonic())):
                            await news.next()
                    except TimeoutError:
                        continue
                    await asyncio.sleep(TOGETHER_S)
                    news.forget()
        finally:
            await self._close()

    async def _show(self, now: float) -> float:
        """Return when to show again. A device that fails is told once, and again once it is back."""
        try:
            due = await self._indicator.show(self._shown(), now)
        except DeviceError as error:
            if not self._is_lost:
                _log.warning("%s", error)
            self._is_lost = True
            await asyncio.sleep(REOPEN_S)
            return now
        if self._is_lost:
            self._is_lost = False
            _log.info("an indicator that was lost is back")
        return now + LOOK_S if due is None else due

    async def _close(self) -> None:
        try:
            await self._indicator.close()
        except DeviceError as error:
            _log.debug("%s", error)
