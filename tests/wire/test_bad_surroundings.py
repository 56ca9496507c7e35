"""A CSMS that is not there, not one, hangs, or talks nonsense: the station says what is wrong, goes on, and comes back."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hil.csms.csms import Csms
from hil.csms.log import Kind, Party
from hil.script import EVSE, World
from tests.wire.line import accepts_and_closes, line_to, picks, says, text_frame
from tests.wire.rigs import (
    EAGER,
    IDENTITY,
    SUBPROTOCOLS,
    WatchedRig,
    free_port,
    judged,
    play,
    serving,
    settings_for,
    together,
    world_of,
)

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

SHORTEST_WAIT_S = 1.0  # of EAGER


def test_whatever_listens_at_the_csms_or_says_nonsense_or_hangs_the_station_copes() -> None:
    together(
        _whatever_listens,
        _dead_line,
        lambda directory: _nonsense(directory, "1.6"),
        lambda directory: _nonsense(directory, "2.0.1"),
    )


# --- what listens -----------------------------------------------------------------------------------------------------------


async def _whatever_listens(directory: Path) -> None:
    port = free_port()
    async with judged(WatchedRig(directory, settings_for(port, "2.0.1", "1.6", variables=EAGER))) as rig:
        await rig.hears(rf"WARNING no connection to the CSMS: nobody listens at 127\.0\.0\.1:{port}")
        await _never_in_a_tight_loop(rig, port)
        refused = {
            "the CSMS picked no OCPP version, offered were ocpp2.0.1, ocpp1.6: check csms.protocols": picks(None),
            "chose something that was not offered": picks("ocpp2.1"),
            "does not speak WebSocket: check csms.url": says("SSH-2.0-OpenSSH_9.2\r\n"),
            r"sends elsewhere \(HTTP 302, http://portal/\): set csms.url": says(
                "HTTP/1.1 302 Found\r\nLocation: http://portal/\r\nContent-Length: 0\r\n\r\n"
            ),
        }
        for reason, pretender in refused.items():
            async with pretender.listening(port):
                await rig.hears(rf"WARNING no connection to the CSMS: .*{reason}")
        async with serving(Csms(stations=["SOMEBODY-ELSE"]), port):
            await rig.hears(r"WARNING no connection to the CSMS: the CSMS does not know this station \(HTTP 404\)")
        csms = Csms()
        async with serving(csms, port):
            await rig.until(rig.is_whole, 15, "the station is registered")
            assert [boot["reason"] for boot in _boots(csms)] == ["PowerUp"], "the first that anybody heard of it"
            assert csms.station(IDENTITY).version == "ocpp2.0.1"
            await play(world_of(rig, csms, "2.0.1"), "plug_in", "swipe", "energise")
            assert csms.violations == []
        await _goes_on_with_a_csms_that_forgot(rig, port)


async def _goes_on_with_a_csms_that_forgot(rig: WatchedRig, port: int) -> None:
    """In mid-transaction the CSMS is exchanged for one that has heard neither of the station nor of the transaction."""
    await rig.hears("connection to the CSMS ended: the CSMS closed the connection with code 1001")
    csms = Csms()
    async with serving(csms, port):
        world = world_of(rig, csms, "2.0.1")
        boot = await rig.until(lambda: _boots(csms), 15, "the station learns that it must boot again")
        assert [each["reason"] for each in boot] == ["Unknown"], "nothing has restarted here"
        assert rig.evse(EVSE)["contact"] == "closed", "charging goes on all the while"
        await play(world, "stop", "unplug", "delivered")
        assert {v.kind for v in csms.violations} == {Kind.NOT_REGISTERED, Kind.TRANSACTION, Kind.GAP}, "what it forgot"


async def _never_in_a_tight_loop(rig: WatchedRig, port: int) -> None:
    """A handshake alone sets no back-off back: nothing that works has been heard."""
    async with accepts_and_closes("ocpp2.0.1").listening(port) as pretender:
        await rig.until(lambda: len(pretender.accepted_s) >= 3, 30, "three connections")
    gaps = [after - before for before, after in pairwise(pretender.accepted_s)]
    assert gaps[0] >= SHORTEST_WAIT_S and gaps[1] >= 2 * SHORTEST_WAIT_S, f"it waits, and longer each time: {gaps}"


def _boots(csms: Csms) -> list[dict[str, Any]]:
    return [f.payload for f in csms.frames if f.sender is Party.STATION and f.action == "BootNotification"]


# --- a line gone dead ---------------------------------------------------------------------------------------------------------


async def _dead_line(directory: Path) -> None:
    """Half-open: no byte passes and nobody hangs up. Pings notice; a session that ends meanwhile ends at once."""
    csms = Csms(subprotocols=(SUBPROTOCOLS["2.0.1"],))
    variables = {**EAGER, "OCPPCommCtrlr.WebSocketPingInterval": 1}
    async with serving(csms) as csms_port, line_to(csms_port) as (line, port):
        settings = settings_for(port, "2.0.1", variables=variables)
        async with judged(WatchedRig(directory, settings)) as rig:
            world = world_of(rig, csms, "2.0.1")
            await rig.until(rig.is_whole, 15, "the station is registered")
            await play(world, "boot", "plug_in", "swipe", "energise")
            line.stall()
            rig.bench.verb("swipe", token="04A2B3C4D5E680")
            await rig.until(lambda: world.evse()["contact"] == "open", 8, "the contact opens without the CSMS")
            rig.bench.verb("unplug", evse=EVSE)
            assert _status(rig)["csms"]["online"], "nobody can know yet"
            await rig.until(lambda: not _status(rig)["csms"]["online"], 35, "the dead line is noticed")
            await rig.hears("connection to the CSMS ended: closed by the station with code 1011")
            line.flow()
            await rig.until(rig.is_whole, 30, "the station is back")
            await rig.until(lambda: not _status(rig)["csms"]["undelivered"], 15, "everything is delivered")
            (transaction,) = csms.transactions
            assert transaction.reason == "Local" and not transaction.gaps
            assert csms.violations == []
            line.stall()  # and so it stops in good order on a dead line, too


def _status(rig: WatchedRig) -> dict[str, Any]:
    answer = rig.status()
    assert answer is not None, "the local API answers"
    status: dict[str, Any] = answer["status"]
    return status


# --- nonsense on the line -------------------------------------------------------------------------------------------------------

NESTED = "[" * 5000 + "]" * 5000
# A frame, and id and code of the CALLERROR that answers it, by version; None: no answer.
NONSENSE: tuple[tuple[str, dict[str, tuple[str, str] | None]], ...] = (
    ("hello", {"1.6": None, "2.0.1": ("-1", "RpcFrameworkError")}),
    (f'[2,"n0","DataTransfer",{{"vendorId":"v","data":{NESTED}}}]', {"1.6": None, "2.0.1": ("-1", "RpcFrameworkError")}),
    ('[2,"n1","Reset"]', {"1.6": ("n1", "GenericError"), "2.0.1": ("n1", "RpcFrameworkError")}),
    ('[2,"n2","MakeCoffee",{}]', dict.fromkeys(("1.6", "2.0.1"), ("n2", "NotImplemented"))),
    ('[2,"n3","BootNotification",{}]', dict.fromkeys(("1.6", "2.0.1"), ("n3", "NotSupported"))),
    ('[2,"n4","Reset",{"type":1}]', dict.fromkeys(("1.6", "2.0.1"), ("n4", "TypeConstraintViolation"))),
    ('[2,"n5","Reset",{"type":"Now"}]', dict.fromkeys(("1.6", "2.0.1"), ("n5", "PropertyConstraintViolation"))),
    ('[2,"n6","Reset",{}]', {"1.6": ("n6", "ProtocolError"), "2.0.1": ("n6", "OccurrenceConstraintViolation")}),
    ('[9,"n7","Reset",{}]', {"1.6": None, "2.0.1": ("n7", "MessageTypeNotSupported")}),
    ('[3,"nobody",{"status":"Accepted"}]', {"1.6": None, "2.0.1": None}),
    ('[4,"nobody","InternalError","",{}]', {"1.6": None, "2.0.1": None}),
)  # fmt: skip
# What RFC 6455 has the link fail for: the station closes with this code, and comes back.
KILLERS = {1007: text_frame(b'[2,"k","Reset",{"type":"\xff\xfe"}]'), 1009: text_frame(b"x" * ((1 << 20) + 1))}


async def _nonsense(directory: Path, version: str) -> None:
    csms = Csms(subprotocols=(SUBPROTOCOLS[version],))
    async with serving(csms) as csms_port, line_to(csms_port) as (line, port):
        settings = settings_for(port, version, variables=EAGER)
        async with judged(WatchedRig(directory, settings)) as rig:
            world = world_of(rig, csms, version)
            await rig.until(rig.is_whole, 15, "the station is registered")
            await play(world, "boot", "plug_in", "swipe", "energise")
            before = _what_must_not_change(world)
            for frame, answers in NONSENSE:
                await _send_nonsense(world, frame, answers[version])
            assert line.connections == 1, "no frame of these took the link down"
            for code, frame in KILLERS.items():
                known = line.connections
                line.inject(frame)
                await rig.hears(f"connection to the CSMS ended: closed by the station with code {code}")
                await rig.until(lambda known=known: line.connections > known, 10, "the station comes back")
                await rig.until(rig.is_whole, 10, "the station is registered")
            assert _what_must_not_change(world) == before
            await play(world, "stop", "unplug", "delivered")
            assert [v for v in csms.violations if v.kind is not Kind.UNASKED] == []
            assert len(_boots(csms)) == 1, "whoever knows us needs no second boot"
            (transaction,) = csms.transactions
            assert abs(transaction.energy_wh - world.evse()["energy_wh"]) <= 10.0


def _what_must_not_change(world: World) -> dict[str, Any]:
    evse = world.evse()
    status = _status(world.rig)["evses"][EVSE - 1]
    return {name: evse[name] for name in ("contact", "pilot_output", "duty_pct", "locked", "advertising")} | {
        name: status[name] for name in ("status", "stage", "charging_state", "transaction", "offered_a", "faults")
    }


async def _send_nonsense(world: World, frame: str, expected: tuple[str, str] | None) -> None:
    """Send it, then something right: its answer proves that the one before had all the answer it gets."""
    csms = world.csms
    assert csms is not None
    mark = len(csms.frames)
    await csms.send_raw(IDENTITY, frame)
    action = ("GetConfiguration", {}) if world.is_v16 else ("ClearCache", {})
    await csms.command(IDENTITY, *action)
    answers = [f for f in csms.frames[mark:] if f.sender is Party.STATION and f.kind == "error"]
    found = [tuple(json.loads(f.text)[1:3]) for f in answers]
    assert found == ([expected] if expected else []), frame[:60]
