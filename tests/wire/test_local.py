"""The technician's side of a running station: the command line and the local API, through a whole session, right and wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hil.csms.csms import Csms
from hil.script import EVSE, TOKEN, World
from tests.wire.rigs import SUBPROTOCOLS, WatchedRig, judged, play, serving, settings_for, together, world_of

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

WITHIN_S = 30.0


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


class Watch:
    """A running `pilotline watch --json`. events: what it printed, each line a JSON object."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []

    async def read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.events.append(json.loads(line))

    def saw(self, kind: str, **fields: Any) -> bool:
        return any(e["kind"] == kind and all(e.get(k) == v for k, v in fields.items()) for e in self.events)


async def _start(rig: WatchedRig, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "controller", *words, "--config", str(rig.config),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def _run(rig: WatchedRig, *words: str) -> Result:
    process = await _start(rig, *words)
    out, err = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert process.returncode is not None
    return Result(process.returncode, out.decode(), err.decode())


async def _json(rig: WatchedRig, *words: str) -> Any:
    result = await _run(rig, *words, "--json")
    assert (result.code, result.err) == (0, ""), result
    assert result.out.count("\n") == 1, "one JSON value on one line"
    return json.loads(result.out)


def test_command_line_and_local_api_serve_a_technician_through_a_session() -> None:
    together(_session)


async def _session(directory: Path) -> None:
    csms = Csms(subprotocols=(SUBPROTOCOLS["2.0.1"],))
    async with serving(csms) as port:
        rig = WatchedRig(directory, settings_for(port, "2.0.1"))
        async with judged(rig), _watching(rig) as watch:
            world = world_of(rig, csms, "2.0.1")
            await rig.until(rig.is_whole, 15, "the station is registered")
            await _look_while_idle(rig)
            await _be_the_ev_and_the_driver(world)
            await _look_while_charging(world)
            await _do_wrong(rig)
            await play(world, "stop", "unplug", "delivered")
            await _check_events(rig, watch)
            await _watch_ends_well_on_ctrl_c(rig)
            await rig.stop()
            await asyncio.wait_for(watch.process.wait(), WITHIN_S)
            assert watch.process.returncode == 4, "the station went away"
            assert watch.process.stderr is not None
            assert (await watch.process.stderr.read()).decode().count("\n") == 1
            gone = await _run(rig, "status")
            assert gone.code == 4 and "is not running" in gone.err and gone.err.count("\n") == 1


@contextlib.asynccontextmanager
async def _watching(rig: WatchedRig) -> AsyncIterator[Watch]:
    watch = Watch(await _start(rig, "watch", "--json"))
    reading = asyncio.create_task(watch.read())
    try:
        await _until_it_shows_something(rig, watch)
        yield watch
    finally:
        with contextlib.suppress(ProcessLookupError):
            watch.process.kill()
        await watch.process.wait()
        await reading


async def _until_it_shows_something(rig: WatchedRig, watch: Watch) -> None:
    """It has connected once it tells of something that we do over and over."""
    limit_a = 20.0
    async with asyncio.timeout(WITHIN_S):
        while not watch.saw("limit", evse=2):
            limit_a = 36.0 - limit_a
            rig.ask("set_local_limit", evse=2, limit_a=limit_a)
            await asyncio.sleep(0.1)
    rig.ask("set_local_limit", evse=2, limit_a=None)


# --- looking ----------------------------------------------------------------------------------------------------------------


async def _look_while_idle(rig: WatchedRig) -> None:
    status, why, shown, checked, state = await asyncio.gather(
        _json(rig, "status"),
        _json(rig, "why"),
        _json(rig, "config", "show"),
        _json(rig, "config", "check"),
        _json(rig, "bench", "state"),
    )
    assert status["identity"] == "WIRE-1" and status["csms"]["online"] and status["csms"]["undelivered"] == 0
    assert [evse["id"] for evse in status["evses"]] == [1, 2]
    assert {evse["status"] for evse in status["evses"]} == {"Available"}
    for evse in why["evses"]:
        assert evse["not_charging"], "nobody charges, and there is a reason"
        (binding,) = [limit for limit in evse["limits"] if limit["binds"]]
        assert binding["name"] == evse["binding"]
    values = {(row["section"], row["key"]): row for row in shown}
    assert values["station", "identity"]["value"] == "WIRE-1"
    assert values["station", "identity"]["source"] == str(rig.config)
    assert values["station", "vendor"]["source"] == "default"
    assert checked["ok"] and checked["mistakes"] == []
    assert [evse["id"] for evse in state["evses"]] == [1, 2]
    assert stat.S_IMODE((rig.run_dir / "api.sock").stat().st_mode) == 0o660


async def _be_the_ev_and_the_driver(world: World) -> None:
    rig = world.rig
    assert isinstance(rig, WatchedRig)
    plugged = await _json(rig, "bench", "plug_in", "evse=1", "ev.phases=3", "ev.max_a=16")
    assert plugged["ok"]
    await rig.until(lambda: world.evse()["locked"], 10, "the cable is locked")
    swiped = await _run(rig, "bench", "swipe", f"token={TOKEN}")
    assert (swiped.code, swiped.err) == (0, "")
    await rig.until(lambda: world.evse()["contact"] == "closed", 15, "contact closed")


async def _look_while_charging(world: World) -> None:
    rig = world.rig
    assert isinstance(rig, WatchedRig)
    await rig.until(lambda: max(world.evse()["current_a"]) > 10, 15, "the EV draws")
    rig.ask("set_local_limit", evse=EVSE, limit_a=8)
    status, text, why, why_text = await asyncio.gather(
        _json(rig, "status"), _run(rig, "status"), _json(rig, "why"), _run(rig, "why")
    )
    shown = status["evses"][EVSE - 1]
    assert (shown["pilot"], shown["contactor"], shown["offered_a"]) == ("C", "closed", 8.0)
    assert shown["transaction"] and status["evses"][1]["transaction"] is None
    assert text.code == why_text.code == 0
    assert "EVSE 1" in text.out and "8.0 A offered" in text.out and shown["transaction"] in text.out
    explained = why["evses"][EVSE - 1]
    assert explained["binding"] == "local" and explained["not_charging"] == []
    assert "local" in why_text.out
    for line in (text.out + why_text.out).splitlines():
        assert len(line) <= 80 or "ws://" in line, line
    rig.ask("set_local_limit", evse=EVSE, limit_a=None)


async def _check_events(rig: WatchedRig, watch: Watch) -> None:
    wanted: tuple[tuple[str, dict[str, Any]], ...] = (
        ("pilot", {"evse": 1, "state": "B"}),
        ("lock", {"evse": 1, "state": "locked"}),
        ("token", {}),
        ("transaction", {"evse": 1, "event": "Started"}),
        ("pilot", {"evse": 1, "state": "C", "output": "X2"}),
        ("contactor", {"evse": 1, "state": "closed"}),
        ("limit", {"evse": 1, "offered_a": 8.0, "binding": "local"}),
        ("frame", {"direction": "out"}),
        ("contactor", {"evse": 1, "state": "open"}),
        ("transaction", {"evse": 1, "event": "Ended", "reason": "Local"}),
    )
    for kind, fields in wanted:
        await rig.until(lambda k=kind, f=fields: watch.saw(k, **f), 10, f"watch tells of {kind} {fields}")
    assert not any(TOKEN in json.dumps(event) for event in watch.events if event["kind"] == "token")


async def _watch_ends_well_on_ctrl_c(rig: WatchedRig) -> None:
    second = await _start(rig, "watch", "--kind", "limit")
    assert second.stdout is not None
    line = asyncio.ensure_future(second.stdout.readline())
    limit_a = 20.0
    async with asyncio.timeout(WITHIN_S):
        while not line.done():
            limit_a = 36.0 - limit_a
            rig.ask("set_local_limit", evse=2, limit_a=limit_a)
            await asyncio.sleep(0.1)
    assert "limit" in line.result().decode() and "EVSE 2" in line.result().decode()
    second.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(second.communicate(), WITHIN_S)
    assert (second.returncode, err) == (0, b"")


# --- wrong use ----------------------------------------------------------------------------------------------------------------

WRONG: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("bench", "plug_in"), 1, "`evse` is missing"),
    (("bench", "plug_in", "evse=7"), 1, "`evse` must be one of 1, 2, not 7"),
    (("bench", "plug_in", "evse=1"), 1, "an EV is already plugged in at `evse` 1"),
    (("bench", "plug_in", "evse=2", "ev.colour=red"), 1, "unknown key `ev.colour`"),
    (("bench", "swipe", "token=", "reader=1"), 1, "`token` must be printable text"),
    (("bench", "fault", "evse=1", "kind=moon"), 1, "unknown `kind` 'moon'"),
    (("bench", "unplug", "evse"), 2, "'evse': write it as key=value"),
    (("run",), 6, "already running"),
    (("run", "--only", "safety"), 6, "already running"),
    (("run", "--only", "station"), 6, "already running"),
)
WRONG_REQUESTS: tuple[tuple[bytes, str], ...] = (
    (b"hello\n", "a request is one JSON object on one line"),
    (b"[]\n", "a request is a JSON object with the key 'do'"),
    (b"{}\n", "'do' is missing"),
    (b'{"do": "statsu"}\n', "did you mean 'status'?"),
    (b'{"do": "status", "evse": 1}\n', "'evse': status has no such key"),
    (b'{"do": "set_local_limit", "evse": 9, "limit_a": 6}\n', "there is no EVSE 9; known: 1, 2"),
    (b'{"do": "set_local_limit", "evse": 1, "limit_a": -1}\n', "'limit_a': must be 0 to 1000 or null"),
    (b'{"do": "clear_fault", "evse": 1, "fault": "weld"}\n', "EVSE 1 has no fault 'weld'; active: none"),
    (b'{"do": "status", "id": ' + b"[" * 20000 + b"\n", "a request is one JSON object on one line"),
    (b"x" * 70000 + b"\n", "a request is at most 65536 bytes long"),
)


async def _do_wrong(rig: WatchedRig) -> None:
    """One line that says what is wrong, the documented exit code, and the session does not notice."""
    results = [await _run(rig, *words) for words, _, _ in WRONG]
    for (words, code, said), result in zip(WRONG, results, strict=True):
        assert (result.code, result.out) == (code, ""), (words, result)
        assert said in result.err and result.err.count("\n") == 1, (words, result)
    for request, said in WRONG_REQUESTS:
        answer = _raw(rig.run_dir / "api.sock", request)
        assert answer["ok"] is False and said in answer["error"] and "\n" not in answer["error"], (request[:60], answer)
    assert rig.evse(EVSE)["contact"] == "closed"


def _raw(path: Path, request: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(request)
        with connection.makefile("rb") as lines:
            answer: dict[str, Any] = json.loads(lines.readline())
            return answer
