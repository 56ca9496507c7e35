"""What people see of a whole station on its lights and displays, and that a dead one disturbs nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from controller.hal import DeviceGone
from controller.logic.indication import Indication, Shown
from controller.logic.values import AuthorizationStatus, TokenInfo
from controller.ocpp.ports import ResetKind
from tests.station.station_world import ANNA, BERT, World, in_world

In = Indication


class Panel:
    """Obeys the port: notes when what is to be seen of an EVSE changed. blinks_s: how often it wants to be called."""

    def __init__(self, blinks_s: float | None = None) -> None:
        self.seen: dict[int, list[Indication]] = {}
        self.last: tuple[Shown, ...] = ()
        self.calls: list[float] = []
        self.is_there = True
        self.is_closed = False
        self._blinks_s = blinks_s

    async def show(self, shown: Sequence[Shown], now: float) -> float | None:
        self.calls.append(now)
        if not self.is_there:
            raise DeviceGone("panel of EVSE 1", "does not acknowledge")
        self.last = tuple(shown)
        for each in shown:
            seen = self.seen.setdefault(each.evse_id, [])
            if not seen or seen[-1] is not each.indication:
                seen.append(each.indication)
        return None if self._blinks_s is None else now + self._blinks_s

    async def close(self) -> None:
        self.is_closed = True
        if not self.is_there:
            raise DeviceGone("panel of EVSE 1", "does not acknowledge")


async def with_panels(world: World, *panels: tuple[Panel, int | None]) -> None:
    await world.stop_station()
    world.indicators[:] = panels
    await world.start_station()


@in_world()
async def test_a_session_is_shown_from_card_to_unplug(world: World) -> None:
    panel = Panel()
    await with_panels(world, (panel, 1))
    await world.charge()
    await asyncio.sleep(5)
    assert panel.last[0].power_w == pytest.approx(7360.0, rel=0.02)
    world.verb("pause", evse=1)
    await asyncio.sleep(10)
    world.verb("resume", evse=1)
    await asyncio.sleep(10)
    world.station.set_local_limit(1, 5.0)
    await asyncio.sleep(10)
    world.station.set_local_limit(1, None)
    await asyncio.sleep(30)
    await world.swipe()
    await asyncio.sleep(5)
    world.verb("unplug", evse=1)
    await asyncio.sleep(5)
    seen = panel.seen[1][panel.seen[1].index(In.WAITING_FOR_CARD) :]
    assert seen == [
        In.WAITING_FOR_CARD, In.CHECKING, In.CARD_ACCEPTED, In.CHARGING, In.PAUSED_BY_VEHICLE, In.CHARGING, In.PAUSED,
        In.CHARGING, In.CARD_ACCEPTED, In.FINISHED, In.AVAILABLE,
    ]  # fmt: skip


@in_world()
async def test_a_refused_card_a_fault_a_lost_csms_and_a_reset_are_shown(world: World) -> None:
    panel = Panel()
    await with_panels(world, (panel, None))
    world.csms.tokens[BERT] = TokenInfo(AuthorizationStatus.BLOCKED)
    await world.swipe(BERT)
    await asyncio.sleep(5)
    assert panel.seen[1][-2:] == [In.CARD_REFUSED, In.AVAILABLE]
    world.verb("fault", kind="estop")
    await asyncio.sleep(2)
    assert panel.seen[1][-1] is In.FAULT
    world.verb("fault", kind="estop", clear=True)
    await asyncio.sleep(1)
    world.station.clear_fault(1, "emergency_stop")
    world.csms.is_online = False
    await asyncio.sleep(3)
    assert panel.seen[1][-1] is In.OFFLINE
    world.csms.is_online = True
    world.station.change_availability(False, 1, None)
    await asyncio.sleep(3)
    assert panel.seen[1][-1] is In.UNAVAILABLE
    world.station.change_availability(True, 1, None)
    world.station.request_reset(ResetKind.SOFT, None)
    await asyncio.sleep(3)
    assert panel.seen[1][-1] is In.UPDATING and panel.is_closed
    await world.start_station()


@in_world(evses=2)
async def test_each_shows_its_own_and_one_for_all_shows_all_and_who_comes_first_is_told_to_plug_in(
    world: World,
) -> None:
    own, all_ = Panel(), Panel()
    await with_panels(world, (own, 2), (all_, None))
    await world.charge(1, ANNA)
    await world.swipe(BERT)
    assert [each.evse_id for each in own.last] == [2] and [each.evse_id for each in all_.last] == [1, 2]
    assert own.seen[2][-1] in (In.PLUG_IN, In.CARD_ACCEPTED)
    await asyncio.sleep(3)
    assert own.seen[2][-1] is In.PLUG_IN and all_.seen[1][-1] is In.CHARGING


@in_world()
async def test_an_indicator_that_vanished_is_told_once_and_opened_again_and_disturbs_nothing(world: World) -> None:
    panel, told = Panel(), []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("controller.station.indicators")
    logger.addHandler(handler)
    try:
        await with_panels(world, (panel, 1))
        panel.is_there = False
        await world.charge()
        await asyncio.sleep(60)
        assert told == ["panel of EVSE 1: does not acknowledge"]
        assert len(panel.calls) < 40, "it is not tried all the time"
        panel.is_there = True
        await asyncio.sleep(6)
        assert panel.seen[1][-1] is In.CHARGING
        panel.is_there = False
        await asyncio.sleep(6)
        await world.stop_station()
        assert panel.is_closed
    finally:
        logger.removeHandler(handler)
    await world.start_station()


@in_world()
async def test_a_light_that_blinks_is_called_when_it_asks(world: World) -> None:
    panel = Panel(blinks_s=0.5)
    await with_panels(world, (panel, 1))
    await asyncio.sleep(10)
    steps = [later - earlier for earlier, later in zip(panel.calls[-10:], panel.calls[-9:], strict=False)]
    assert all(step <= 0.5 + 0.06 for step in steps) and len(panel.calls) < 60
