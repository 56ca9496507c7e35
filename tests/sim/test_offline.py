"""A time without a CSMS: charging goes on, and what happened arrives afterwards, in order, as of when it happened."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hil.csms.log import Frame, Party
from hil.sim.world import IDENTITY
from hil.virtual import START_S, true_wall
from tests.sim.sim_tools import ANNA, BERT, Scene, both_versions, play

HOUR_S = 3600.0
CLOCK = timedelta(seconds=1.5)
_TRANSACTIONAL = ("TransactionEvent", "StartTransaction", "StopTransaction", "MeterValues")


def _told_at(payload: dict[str, Any]) -> datetime:
    text: str = payload["timestamp"] if "timestamp" in payload else payload["meterValue"][0]["timestamp"]
    return datetime.fromisoformat(text)


def _sent(scene: Scene) -> list[Frame]:
    frames = [f for f in scene.world.csms.frames if f.sender is Party.STATION and f.kind == "call"]
    return [frame for frame in frames if frame.action in _TRANSACTIONAL]


@pytest.mark.ocpp("2.0.1", "E04.FR.01", "E04.FR.02", "E04.FR.03", "E04.FR.04", "E11.FR.01")
@pytest.mark.ocpp("1.6", "§3.7", "§3.7.1", "§4.8")
@both_versions
def test_an_hour_offline_with_two_sessions_arrives_whole_in_order_and_as_of_then(version: str, tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin(1, ANNA)
        await world.sleep(600)
        down_s, told_before = world.now, len(_sent(scene))
        world.verb("network", up=False)
        await world.sleep(300)
        await scene.begin(2, BERT)  # begins without anybody to ask
        await world.sleep(900)
        await scene.end(1, ANNA)
        await world.sleep(HOUR_S - (world.now - down_s))
        assert len(_sent(scene)) == told_before, "nothing gets through"
        up_s = world.now
        world.verb("network", up=True)
        await scene.delivered()
        await world.sleep(300)
        await scene.end(2, BERT)
        await scene.delivered()
        first, second = sorted(scene.transactions, key=lambda each: each.started_at)
        assert [first.evse, second.evse, first.reason, second.reason] == [1, 2, "Local", "Local"]
        assert first.stopped_at is not None and second.stopped_at is not None
        for transaction, flowed_wh in ((first, scene.energy_wh(1)), (second, scene.energy_wh(2))):
            assert abs(transaction.energy_wh - flowed_wh) <= 1.0
        down, up = true_wall(down_s), true_wall(up_s)
        assert first.started_at < down < second.started_at < first.stopped_at < up < second.stopped_at
        _check_order(scene, version, down, up)

    play(tmp_path, version, script)


def _check_order(scene: Scene, version: str, down: datetime, up: datetime) -> None:
    sent = _sent(scene)
    if version == "1.6":  # one chronological queue
        told = [_told_at(frame.payload) for frame in sent]
        assert told == sorted(told)
    late = [frame for frame in sent if down + CLOCK < _told_at(frame.payload) < up - CLOCK]
    assert len(late) > 70, "two sessions' meter values of an hour"
    assert all(frame.at >= up for frame in late)
    for transaction in scene.transactions:
        told = [_told_at(payload) for payload in transaction.messages]
        assert told == sorted(told)
        if version == "2.0.1":
            assert transaction.seq_nos == list(range(len(transaction.messages)))
            for payload, at in zip(transaction.messages, told, strict=True):
                if down + CLOCK < at < up - CLOCK:
                    assert payload.get("offline") is True, payload
                elif at < down - CLOCK or at > up + timedelta(seconds=30):
                    assert not payload.get("offline"), payload


@pytest.mark.timeout(400)  # a day, on a machine that may have other work
@pytest.mark.ocpp("1.6", "§3.7.1")
def test_a_csms_that_is_absent_for_a_day_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    """It refuses connections; meanwhile the station is restarted and the power fails once."""

    async def script(scene: Scene) -> None:
        world = scene.world
        world.network.refuse("service unavailable", status=503)
        world.network.cut()
        for visit in range(4):
            evse = 1 + visit % 2
            await scene.begin(evse, BERT)
            await world.sleep(600)
            await scene.end(evse, BERT)
            if visit == 1:
                await world.restart_station()
            elif visit == 2:
                await world.watch(world.power_cut(120, trusted=False))
            await world.sleep(3600)
        await world.sleep(START_S + 86400 - world.now)
        assert scene.transactions == []
        attempts = [each.at_s for each in world.network.attempts]
        assert len(attempts) > 200, "it goes on trying"
        assert max(after - before for before, after in pairwise(attempts)) < 500, "and never leaves it for long"
        world.network.admit_again()
        await world.until(lambda: IDENTITY in world.csms.connected, 400, "the station is back", step_s=1)
        await scene.delivered()
        assert [each.reason for each in scene.transactions] == ["Local"] * 4
        for evse in (1, 2):
            billed_wh = sum(each.energy_wh for each in scene.transactions if each.evse == evse)
            assert abs(billed_wh - scene.energy_wh(evse)) <= 2.0

    play(tmp_path, "1.6", script, eager=False, variables={"SampledDataCtrlr.TxUpdatedInterval": 300})


@both_versions
def test_lost_replies_at_every_message_leave_nothing_doubled_that_cannot_be_told(version: str, tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        for action in _TRANSACTIONAL:
            scene.world.network.lose_reply_to(action, times=3)
        await scene.begin()
        await scene.world.sleep(300)
        await scene.end()
        await scene.delivered()
        assert len(scene.world.csms.duplicates) >= 3
        assert scene.only.reason == "Local"

    play(tmp_path, version, script)


def test_nothing_of_the_wire_is_forgotten_by_the_archive(tmp_path: Path) -> None:
    """What the CSMS refuses for good is kept, and told apart from what arrived."""

    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin()
        world.csms.behaviour.fail("TransactionEvent", 2)
        await world.sleep(200)
        await scene.end()
        await scene.delivered()
        (archived,) = world.store_or_fail.archive()
        fates = [message.fate.value for message in archived.messages if message.fate.value != "delivered"]
        assert fates == ["gave up"]
        lost = next(message for message in archived.messages if message.fate.value == "gave up")
        assert lost.frozen is not None and json.loads(lost.frozen.payload)["seqNo"] in scene.only.gaps

    variables = {
        "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": 2,
        "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": 1,
    }
    play(tmp_path, "2.0.1", script, closes=False, variables=variables)


@both_versions
def test_what_the_csms_refuses_for_good_is_told_by_status_and_stays_in_the_archive(
    version: str, tmp_path: Path
) -> None:
    async def script(scene: Scene) -> None:
        world = scene.world
        await scene.begin()
        await world.sleep(5)
        last = "StopTransaction" if version == "1.6" else "TransactionEvent"
        world.csms.behaviour.fail(last, 100)
        await scene.end()
        await scene.delivered(3600)
        csms = world.station_or_fail.snapshot()["csms"]
        assert csms["undelivered"] == 0 and csms["given_up"] >= 1
        [kept] = world.store_or_fail.archive(undelivered_only=True)
        assert kept.ended is not None and kept.messages[-1].fate == "gave up" and kept.messages[-1].frozen is not None

    play(tmp_path, version, script, closes=False)
