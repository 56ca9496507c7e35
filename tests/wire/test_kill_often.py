"""The station process is killed again and again, at any instant, while vehicles come, charge and go and the CSMS is there or not.

What the CSMS got and what the store still has make up everything that was begun. `make cuts` kills many more times.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from controller.clock import SystemClock
from controller.store.rows import ArchivedTransaction, Fate
from controller.store.store import DATABASE, Store
from hil.csms.csms import Csms
from hil.csms.log import Frame, Party
from hil.csms.transactions import Transaction
from hil.processes import RigError, RigSettings
from tests.wire.rigs import EAGER, IDENTITY, SUBPROTOCOLS, WatchedRig, free_port, judged, serving, short_directory

KILLS = int(os.environ.get("CUTS", "0")) * 10 or 4
ANY_INSTANT_S = 1.5  # covers a start, and a sample
RESOLUTION_WH = 10.0  # the SDM630 counts in 0.01 kWh; the register is read at both ends
VARIABLES = {**EAGER, "SampledDataCtrlr.TxUpdatedInterval": 1}

pytestmark = [pytest.mark.wire, pytest.mark.cuts, pytest.mark.timeout(60 + 30 * KILLS)]


@pytest.mark.parametrize("seed", [1])
def test_station_killed_often_while_it_charges_loses_nothing_that_was_begun(seed: int) -> None:
    with short_directory() as directory:
        asyncio.run(_killed_often(directory, Random(seed)))


async def _killed_often(directory: Path, random: Random) -> None:
    csms, port = Csms(subprotocols=(SUBPROTOCOLS["2.0.1"],)), free_port()
    settings = RigSettings(
        csms_url=f"ws://127.0.0.1:{port}/ocpp",
        protocols=[SUBPROTOCOLS["2.0.1"].value],
        identity=IDENTITY,
        variables=VARIABLES,
        station={"authorization_required": False},
    )
    async with judged(WatchedRig(directory, settings)) as rig:
        plugged = {1: True, 2: True}
        async with serving(csms, port):
            await rig.until(rig.is_whole, 20, "a registered station")
            for evse in plugged:
                rig.bench.verb("plug_in", evse=evse)
            await rig.until(lambda: all(_is_charging(rig, evse) for evse in plugged), 30, "both charge")
            while_charging = await _kill(rig, random, plugged, KILLS // 2)
        while_charging += await _kill(rig, random, plugged, KILLS - KILLS // 2)
        assert while_charging >= 2
        _compare(csms, _archive(rig, directory / "copy"))
        for evse, is_plugged in plugged.items():
            if is_plugged:
                rig.bench.verb("unplug", evse=evse)
        await rig.until(lambda: not _open(rig), 30, "every transaction has ended")
        async with serving(csms, port):
            await rig.until(lambda: _waiting(rig) == 0, 60, "nothing waits on the disk")
        found = _archive(rig, directory / "copy")
        _compare(csms, found)
        said = [line.split("transaction ")[1].split()[0] for line in rig.said(r"EVSE \d: transaction \S+ Started")]
        assert said
        assert set(said) <= {each.transaction.id for each in found} == {each.id for each in csms.transactions}
        assert all(not each.is_open and not each.gaps for each in csms.transactions)
        assert csms.violations == []
        # A short run charges too little for this to tell much; a long one does.
        through_wh = sum(rig.evse(evse)["energy_wh"] for evse in plugged)
        billed_wh = sum(each.energy_wh for each in csms.transactions)
        assert abs(through_wh - billed_wh) <= RESOLUTION_WH * len(found), (
            f"{billed_wh} of {through_wh:.1f} Wh are billed"
        )
        assert sum(len(each.messages) for each in found) > KILLS


async def _kill(rig: WatchedRig, random: Random, plugged: dict[int, bool], times: int) -> int:
    """Kill at any instant, every other time while energy flows if it soon does; now and then a vehicle comes or goes. Return how often one charged."""
    while_charging = 0
    for number in range(times):
        for evse, other in ((1, 2), (2, 1)):
            if random.random() < 0.2 and plugged[other]:
                rig.bench.verb("unplug" if plugged[evse] else "plug_in", evse=evse)
                plugged[evse] = not plugged[evse]
        if number % 2 == 0:
            # Not for ever: who begins too often is made to wait, to spare the contactor (6 closings in 10 minutes).
            with contextlib.suppress(RigError):
                await rig.until(lambda: any(_is_charging(rig, evse) for evse in plugged), 15, "a vehicle charges")
        await asyncio.sleep(random.uniform(0.0, ANY_INSTANT_S))
        while_charging += any(_is_charging(rig, evse) for evse in plugged)
        old_pid = rig.pid("station")
        rig.kill("station")
        await rig.until(lambda old=old_pid: rig.pid("station") not in (None, old), 30, "the station restarted")
    return while_charging


def _is_charging(rig: WatchedRig, evse: int) -> bool:
    return bool(rig.evse(evse)["contact"] == "closed")


def _open(rig: WatchedRig) -> int:
    return int(rig.rows("SELECT count(*) FROM transactions WHERE ended IS NULL")[0][0])


def _waiting(rig: WatchedRig) -> int:
    return int(rig.rows("SELECT coalesce(sum(waiting), 0) FROM streams")[0][0])


def _archive(rig: WatchedRig, directory: Path) -> list[ArchivedTransaction]:
    """Everything the store has, read in a copy of it."""
    directory.mkdir(exist_ok=True)
    (directory / DATABASE).unlink(missing_ok=True)
    rig.rows("VACUUM INTO ?", str(directory / DATABASE))
    store = Store.open(directory / DATABASE, SystemClock())
    try:
        return list(store.archive())
    finally:
        store.close()


def _compare(csms: Csms, ours: list[ArchivedTransaction]) -> None:
    """Each message that was begun is at the CSMS or waits in the store; neither has one that the other contradicts."""
    theirs: dict[str, Transaction] = {each.id: each for each in csms.transactions}
    assert set(theirs) <= {each.transaction.id for each in ours}, "the CSMS knows what the station does not"
    for one in ours:
        got = theirs[one.transaction.id].by_seq_no if one.transaction.id in theirs else {}
        numbers = [each.frozen.seq_no for each in one.messages if each.frozen is not None]
        assert numbers == list(range(len(numbers)))
        assert set(got) <= set(numbers), f"{one.transaction.id}: sent without being kept"
        for message in one.messages:
            assert message.fate in (Fate.DELIVERED, Fate.WAITING), (
                f"{one.transaction.id}: {message.fate}: {message.why}"
            )
            if message.fate is Fate.DELIVERED:
                assert message.frozen is not None and message.frozen.seq_no in got, "delivered, but not there"
    assert set(_started(csms.frames)) <= {each.transaction.id for each in ours}


def _started(frames: list[Frame]) -> Iterator[str]:
    for frame in frames:
        if frame.sender is Party.STATION and frame.kind == "call" and frame.action == "TransactionEvent":
            yield frame.payload["transactionInfo"]["transactionId"]
