"""The rate at which a backlog leaves, beside a bare loop: what is counted, and that both sides are held to the same."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from controller.store.store import Store
from hil.csms.csms import Csms
from hil.csms.schemas import Version
from hil.measure import backlog
from hil.measure.drain import Counter, Turnstile, check, drain
from hil.processes import RigError
from hil.virtual import VirtualClock, run_virtual

V16 = Version.V16


class Station:
    """A peer of the CSMS that sends a boot and then starts of transactions, each as soon as the one before is answered."""

    subprotocol = V16.value

    def __init__(self, loop: asyncio.AbstractEventLoop, starts: int) -> None:
        self._loop = loop
        boot = {"chargePointVendor": "v", "chargePointModel": "m"}
        start = {"idTag": "T", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
        calls = [
            ("BootNotification", boot),
            *(("StartTransaction", {"connectorId": n + 1, **start}) for n in range(starts)),
        ]
        self._frames = deque(json.dumps([2, str(n), *call]) for n, call in enumerate(calls))
        self._answered = asyncio.Event()
        self._answered.set()
        self.answers: list[float] = []

    async def recv(self) -> str:
        await self._answered.wait()
        self._answered.clear()
        if not self._frames:
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)
        return self._frames.popleft()

    async def send(self, text: str) -> None:
        assert text.startswith("[3,")
        self.answers.append(self._loop.time())
        self._answered.set()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        return


def test_the_answer_to_the_last_of_a_stretch_waits_and_the_time_it_waits_does_not_count() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        csms = Csms(wall=VirtualClock(loop).true_wall)
        counter = Counter(csms, 5, loop.time)
        turnstile = Turnstile(csms, counter)
        station = Station(loop, 15)
        serving = asyncio.create_task(turnstile.serve("/S", station))
        for stretch in range(1, 4):
            await counter.is_full.wait()
            assert (len(counter.frames), counter.count) == (5, 5 * stretch)
            await asyncio.sleep(100)  # the bare loop's turn
            assert len(station.answers) == 5 * stretch  # the boot's, and all but the last
            turnstile.release()
        await asyncio.sleep(1)
        assert len(station.answers) == 16
        assert counter.per_s == pytest.approx(100.0)
        serving.cancel()

    run_virtual(main())


def test_what_was_not_all_of_it_once_and_in_order_is_no_figure() -> None:
    csms = Csms()
    check(csms, 10, 10, waiting=0)
    for count, waiting in ((9, 0), (11, 0), (10, 1)):
        with pytest.raises(RigError, match=f"10 messages: {count} came, 0 again, {waiting} still wait"):
            check(csms, count, 10, waiting=waiting)


@pytest.mark.parametrize("protocol", [version.value for version in Version])
def test_the_backlog_is_made_of_whole_transactions_of_the_size_that_is_usual(tmp_path: Path, protocol: str) -> None:
    path = tmp_path / "state" / "station.db"
    backlog.write(path, 2 * backlog.EACH, protocol=protocol, csms="ws://csms/")
    store = Store.open(path, backlog.clock())
    assert store.queued_count() == 2 * backlog.EACH and store.open_transactions() == [] and store.open_sessions() == []
    assert store.lanes() == [(protocol, "ws://csms/")]
    kinds: list[Any] = [getattr(each.event, "kind", None) for each in store.waiting(backlog.EACH)]
    assert kinds == ["Started", *["Updated"] * (backlog.EACH - 2), "Ended"]
    assert (
        len(store.waiting(2)[1].event.samples) == 11
    )  # register, power and three phases of power, current and voltage
    store.close()


@pytest.mark.parametrize("version", list(Version))
def test_a_real_station_delivers_beside_a_bare_loop_with_the_same_frames(tmp_path: Path, version: Version) -> None:
    rate, growth = asyncio.run(drain(tmp_path, version, lambda _: None, messages=400, stretch=100))
    assert (rate.samples, rate.limit, rate.at_most) == (400, 0.8, False)
    assert rate.ratio is not None and 0.1 < rate.ratio < 2.0  # how much it is, the bench judges
    assert growth.value < 10.0
