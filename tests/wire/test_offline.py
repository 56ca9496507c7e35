"""Two sessions through a time without a CSMS, then it is back: everything arrives, in order, as of when it happened."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hil.csms.csms import Csms
from hil.csms.log import Kind, Violation
from hil.csms.server import WebSocketServer
from hil.csms.transactions import Transaction
from tests.wire.rigs import (
    EAGER,
    IDENTITY,
    SUBPROTOCOLS,
    WatchedRig,
    free_port,
    judged,
    serving,
    settings_for,
    together,
)

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

INTERVAL_S = 2
RESOLUTION_WH = 10.0  # the SDM630 counts in 0.01 kWh; the register is read at both ends
CLOCK_S = 1.5  # the station takes its clock from the CSMS where they differ by more than a second
KNOWN, UNKNOWN = "04A2B3C4D5E680", "DRIVER-2"  # the one the CSMS has accepted before, and one it has never heard of
VARIABLES = {
    **EAGER,
    "SampledDataCtrlr.TxUpdatedInterval": INTERVAL_S,
    "AuthCtrlr.LocalAuthorizeOffline": True,
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": True,
}


@dataclass(slots=True)
class Times:
    """When things were done (aware UTC, of this machine). By EVSE: (just before the act, when its effect was seen)."""

    down: datetime = datetime.min
    up: datetime = datetime.max
    started: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)
    stopped: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)


@dataclass(slots=True)
class Scene:
    rig: WatchedRig
    times: Times = field(default_factory=Times)

    async def offline(self) -> None:
        await self.rig.until(lambda: not self._online(), 20, "the station knows that it is offline")

    async def delivered(self) -> None:
        """While a session runs the database shows a delivery only with the next commit: the station knows at once."""
        await self.rig.until(self._online, 30, "the station is online again")
        await self.rig.until(lambda: not self._csms()["undelivered"], 30, "nothing waits in the queue")

    async def settled(self) -> None:
        await self.delivered()
        await self.rig.until(
            lambda: self.rig.rows("SELECT sum(waiting) = 0 FROM streams")[0][0], 30, "nothing waits on the disk"
        )

    def _online(self) -> bool:
        return bool(self._csms()["online"])

    def _csms(self) -> dict[str, Any]:
        found: dict[str, Any] = self.rig.ask("status")["status"]["csms"]
        return found

    async def begins(self, evse: int, token: str) -> None:
        self.rig.bench.verb("plug_in", evse=evse, ev={"phases": 3})
        await self.rig.until(lambda: self.rig.evse(evse)["locked"], 15, "the cable is locked")
        before = _now()
        self.rig.bench.verb("swipe", token=token)
        await self._contact(evse, "closed")
        self.times.started[evse] = (before, _now())

    async def ends(self, evse: int, token: str) -> None:
        before = _now()
        self.rig.bench.verb("swipe", token=token)
        await self._contact(evse, "open")
        self.rig.bench.verb("unplug", evse=evse)
        ended = "SELECT count(*) FROM transactions WHERE evse_id = ? AND ended IS NOT NULL"
        await self.rig.until(lambda: self.rig.rows(ended, evse)[0][0], 15, "the end is committed")
        self.times.stopped[evse] = (before, _now())

    async def _contact(self, evse: int, position: str) -> None:
        await self.rig.until(lambda: self.rig.evse(evse)["contact"] == position, 20, f"contact {position}")

    async def draws(self, evse: int, more_wh: float) -> None:
        goal = self.rig.evse(evse)["energy_wh"] + more_wh
        await self.rig.until(lambda: self.rig.evse(evse)["energy_wh"] >= goal, 30, f"{more_wh} Wh more")


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_what_happened_without_a_csms_arrives_in_order_as_of_then(version: str) -> None:
    together(
        lambda directory: _absence_in_mid_session(directory, version),
        lambda directory: _another_csms_comes_back(directory, version),
    )


# --- an absence in the middle of one session and over the beginning of another ----------------------------------------------


async def _absence_in_mid_session(directory: Path, version: str) -> None:
    """1.6: the CSMS's server stops and starts. 2.0.1: the network is cut."""
    csms = Csms(subprotocols=(SUBPROTOCOLS[version],))
    async with _station_with_cut(directory, csms, version) as (scene, cut):
        await scene.begins(1, KNOWN)
        await scene.draws(1, 25)
        scene.times.down = _now()
        await cut.down()
        await scene.offline()
        await scene.begins(2, UNKNOWN)
        await scene.draws(2, 30)
        await scene.ends(1, KNOWN)
        scene.times.up = _now()
        await cut.up()
        await scene.delivered()
        await scene.draws(2, 15)
        await scene.ends(2, UNKNOWN)
        await scene.settled()
        _check(scene, csms, version)
        assert csms.violations == []


class _NetworkCut:
    def __init__(self, rig: WatchedRig) -> None:
        self._rig = rig

    async def down(self) -> None:
        assert self._rig.bench.verb("network", up=False)["forwarding"]

    async def up(self) -> None:
        self._rig.bench.verb("network", up=True)


class _ServerCut:
    def __init__(self, csms: Csms, server: WebSocketServer) -> None:
        self._server = server
        self._port = server.port

    async def down(self) -> None:
        await self._server.stop()

    async def up(self) -> None:
        await self._server.start("127.0.0.1", self._port)


@contextlib.asynccontextmanager
async def _station_with_cut(
    directory: Path, csms: Csms, version: str
) -> AsyncIterator[tuple[Scene, _NetworkCut | _ServerCut]]:
    server = WebSocketServer(csms)
    await server.start("127.0.0.1", 0)
    port, environment = server.port, {}
    if version == "2.0.1":
        port = free_port()
        environment = {"PILOTLINE_CSMS_FORWARD": f"{port}:127.0.0.1:{server.port}"}
    try:
        rig = WatchedRig(directory, settings_for(port, version, variables=VARIABLES), environment)
        async with judged(rig):
            await rig.until(rig.is_whole, 15, "the station is registered")
            yield Scene(rig), _NetworkCut(rig) if environment else _ServerCut(csms, server)
    finally:
        await server.stop()


# --- a CSMS that has forgotten everything comes back ------------------------------------------------------------------------


async def _another_csms_comes_back(directory: Path, version: str) -> None:
    """Both sessions begin and end while nobody listens; who then listens has never heard of this station."""
    async with contextlib.AsyncExitStack() as stack:
        first = Csms(subprotocols=(SUBPROTOCOLS[version],))
        async with serving(first) as port:
            rig = WatchedRig(directory, settings_for(port, version, variables=VARIABLES))
            scene = Scene(await stack.enter_async_context(judged(rig)))
            await rig.until(rig.is_whole, 15, "the station is registered")
            scene.times.down = _now()
        await scene.offline()
        await scene.begins(1, UNKNOWN)
        await scene.begins(2, KNOWN)
        await scene.draws(2, 30)
        await scene.ends(2, KNOWN)
        await scene.ends(1, UNKNOWN)
        await asyncio.sleep(1.5)  # the time of delivery must differ from that of what is delivered
        scene.times.up = _now()
        second = Csms(subprotocols=(SUBPROTOCOLS[version],), first_transaction_id=500)
        await stack.enter_async_context(serving(second, port))
        await scene.settled()
        _check(scene, second, version)
        assert first.violations == []
        assert first.transactions == []
        # It takes one message to learn that nobody knows us any more: a reconnection needs no boot (Part 4 §5.3, B01.FR.10).
        assert [v.kind for v in second.violations] == [Kind.NOT_REGISTERED], _texts(second.violations)


def _texts(violations: list[Violation]) -> str:
    return "\n".join(map(str, violations))


# --- what the CSMS must know at the end ---------------------------------------------------------------------------------------


def _check(scene: Scene, csms: Csms, version: str) -> None:
    transactions = {t.evse: t for t in csms.transactions if t.station == IDENTITY}
    assert sorted(transactions) == [1, 2], "one transaction for each EVSE, none lost, none doubled"
    assert len(csms.transactions) == 2
    for evse, transaction in transactions.items():
        plant_wh = scene.rig.evse(evse)["energy_wh"]
        assert abs(transaction.energy_wh - plant_wh) <= RESOLUTION_WH, f"EVSE {evse}: plant {plant_wh:.1f} Wh"
        assert not transaction.is_open and transaction.reason == "Local"
        assert not transaction.gaps
        _check_moment(transaction.started_at, scene.times.started[evse])
        assert transaction.stopped_at is not None
        _check_moment(transaction.stopped_at, scene.times.stopped[evse])
        if version == "2.0.1":
            _check_flags(transaction, scene.times)
    _check_archive(scene, transactions)


def _check_moment(told: datetime, seen: tuple[datetime, datetime]) -> None:
    margin = timedelta(seconds=CLOCK_S)
    assert seen[0] - margin <= told <= seen[1] + margin, f"told {told}, it was between {seen[0]} and {seen[1]}"


def _check_flags(transaction: Transaction, times: Times) -> None:
    """E04.FR.03: what could not be sent at its time says so; what could, does not."""
    margin = timedelta(seconds=CLOCK_S)
    offline = online = 0
    for message in transaction.messages:
        at = datetime.fromisoformat(message["timestamp"])
        if times.down + margin < at < times.up - margin:
            assert message.get("offline") is True, message
            offline += 1
        elif at < times.down - margin or at > times.up + timedelta(seconds=8):  # back-off and reconnection are over
            assert not message.get("offline"), message
            online += 1
    assert offline >= 3, "an absence worth the name"


def _check_archive(scene: Scene, transactions: dict[int | None, Transaction]) -> None:
    """Every event of the database had its message, that message arrived, and it told the event's own time."""
    rows = scene.rig.rows(
        "SELECT t.evse_id, e.kind, e.body, e.position <= s.settled_through, o.fate, m.payload FROM events e "
        "JOIN streams s ON s.id = e.stream JOIN transactions t ON t.stream = e.stream LEFT JOIN outcomes o ON o.position = e.position LEFT JOIN messages m ON m.position = e.position "
        "ORDER BY e.position"
    )
    sent: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    to_wall = _now() - timedelta(seconds=time.monotonic())
    for evse, kind, body, is_settled, fate, payload in rows:
        assert is_settled and (fate in (None, "delivered") or (fate == "skipped" and kind == "Updated")), (fate, body)
        if payload is None:
            continue
        message = json.loads(payload)
        sent[evse].append(message)
        happened = to_wall + timedelta(seconds=json.loads(body)["stamp"]["monotonic_s"])
        _check_moment(_time_of(message), (happened, happened))
    for evse, messages in sent.items():
        assert [_time_of(m) for m in transactions[evse].messages] == [_time_of(m) for m in messages]
        values = sum("meterValue" in m for m in messages)
        duration_s = (scene.times.stopped[evse][0] - scene.times.started[evse][1]).total_seconds()
        assert values >= duration_s / INTERVAL_S - 1, f"EVSE {evse}: {values} meter values in {duration_s:.0f} s"


def _time_of(message: dict[str, Any]) -> datetime:
    text: str = message["timestamp"] if "timestamp" in message else message["meterValue"][0]["timestamp"]
    return datetime.fromisoformat(text)
