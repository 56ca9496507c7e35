"""The control API over a real Unix socket, with a station that answers by rule."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.local.server import LocalApi, listen

pytestmark = [pytest.mark.wire, pytest.mark.asyncio]


class Subscribed:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def next(self) -> dict[str, Any]:
        return await self.queue.get()


class FakeEvents:
    def __init__(self) -> None:
        self.subscribed: list[Subscribed] = []
        self.left = asyncio.Event()

    @contextlib.contextmanager
    def subscribe(self) -> Iterator[Subscribed]:
        one = Subscribed()
        self.subscribed.append(one)
        try:
            yield one
        finally:
            self.subscribed.remove(one)
            self.left.set()


class FakeStation:
    """Answers like a station; refuses what a station would."""

    def __init__(self) -> None:
        self.events = FakeEvents()
        self.done: list[tuple[Any, ...]] = []

    def snapshot(self) -> dict[str, Any]:
        return {"identity": "X"}

    def why(self) -> dict[str, Any]:
        return {"evses": []}

    def faults(self) -> list[dict[str, Any]]:
        return [{"id": "weld"}]

    def contactors(self) -> list[dict[str, Any]]:
        return [{"evse": 1}]

    def contactor_replaced(self, evse: int) -> None:
        self.done.append(("contactor_replaced", evse))

    def clear_fault(self, evse: int, fault: str) -> None:
        if evse != 1:
            raise ValueError(f"there is no EVSE {evse}")
        self.done.append(("clear_fault", evse, fault))

    def set_local_limit(self, evse: int, limit_a: float | None) -> None:
        self.done.append(("set_local_limit", evse, limit_a))


class Served:
    def __init__(self, path: Path, station: FakeStation) -> None:
        self.path = path
        self.station = station

    async def ask(self, line: bytes) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(str(self.path), limit=1 << 20)
        writer.write(line + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline())
        writer.close()
        return answer


@contextlib.asynccontextmanager
async def serving(path: Path) -> AsyncIterator[Served]:
    station = FakeStation()
    api = LocalApi(station, {"station.identity": "X"})
    await api.start(path)
    try:
        yield Served(path, station)
    finally:
        await api.stop()


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        (b'{"id": 7, "do": "status"}', {"id": 7, "ok": True, "status": {"identity": "X"}}),
        (b'{"id": "a", "do": "why"}', {"id": "a", "ok": True, "why": {"evses": []}}),
        (b'{"do": "config"}', {"id": None, "ok": True, "config": {"station.identity": "X"}}),
        (b'{"do": "faults"}', {"id": None, "ok": True, "faults": [{"id": "weld"}], "contactors": [{"evse": 1}]}),
        (b'{"id": 1, "do": "contactor_replaced", "evse": 1}', {"id": 1, "ok": True}),
        (b'{"id": 1, "do": "clear_fault", "evse": 1, "fault": "weld"}', {"id": 1, "ok": True}),
        (b'{"id": 1, "do": "set_local_limit", "evse": 1, "limit_a": null}', {"id": 1, "ok": True}),
    ],
)
async def test_a_request_is_answered_with_its_id(tmp_path: Path, request_line: bytes, expected: dict[str, Any]) -> None:
    async with serving(tmp_path / "api.sock") as served:
        assert await served.ask(request_line) == expected


@pytest.mark.parametrize(
    ("request_line", "error"),
    [
        (b"hello", "a request is one JSON object on one line"),
        (b"[1]", "a request is a JSON object with the key 'do'"),
        (b"\xff\xfe", "a request is one JSON object on one line"),
        (b"[" * 5000, "a request is one JSON object on one line"),
        (
            b'{"id": 1}',
            "'do' is missing; known: status, why, watch, config, faults, clear_fault, set_local_limit, contactor_replaced",
        ),
        (b'{"do": "statsu"}', "'do': unknown request 'statsu' - did you mean 'status'?"),
        (
            b'{"do": 5}',
            "'do': unknown request 5; known: status, why, watch, config, faults, clear_fault, set_local_limit, contactor_replaced",
        ),
        (b'{"do": "status", "evse": 1}', "'evse': status has no such key; known: none"),
        (b'{"do": "clear_fault", "evse": 1}', "'fault' is missing: a text"),
        (
            b'{"do": "clear_fault", "evse": true, "fault": "x"}',
            "'evse': must be the number of an EVSE, from 1, not true",
        ),
        (b'{"do": "clear_fault", "evse": 9, "fault": "x"}', "there is no EVSE 9"),
        (b'{"do": "set_local_limit", "evse": 1, "limit_a": -1}', "'limit_a': must be 0 to 1000 or null, not -1"),
        (b'{"do": "set_local_limit", "evse": 1, "limit_a": NaN}', "'limit_a': must be 0 to 1000 or null, not NaN"),
        (b'{"do": "' + b"x" * 70000 + b'"}', "a request is at most 65536 bytes long"),
    ],
)
async def test_a_bad_request_is_answered_with_an_error_that_names_the_key(
    tmp_path: Path, request_line: bytes, error: str
) -> None:
    async with serving(tmp_path / "api.sock") as served:
        answer = await served.ask(request_line)
        assert (answer["ok"], answer["error"]) == (False, error)
        assert served.station.done == []
        assert (await served.ask(b'{"do": "status"}'))["ok"]


async def test_watch_gives_the_status_then_events_until_the_client_leaves(tmp_path: Path) -> None:
    async with serving(tmp_path / "api.sock") as served:
        reader, writer = await asyncio.open_unix_connection(str(served.path))
        writer.write(b'{"id": 3, "do": "watch"}\n')
        assert json.loads(await reader.readline())["status"] == {"identity": "X"}
        served.station.events.subscribed[0].queue.put_nowait({"kind": "pilot", "state": "B"})
        assert json.loads(await reader.readline()) == {"id": 3, "event": {"kind": "pilot", "state": "B"}}
        writer.close()
        await served.station.events.left.wait()
        assert served.station.events.subscribed == []


async def test_a_client_that_leaves_amid_a_line_disturbs_nobody(tmp_path: Path) -> None:
    async with serving(tmp_path / "api.sock") as served:
        _, writer = await asyncio.open_unix_connection(str(served.path))
        writer.write(b'{"id": 1, "do"')
        writer.close()
        assert (await served.ask(b'{"do": "status"}'))["ok"]


async def test_the_socket_is_for_owner_and_group_and_gone_after_stop(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    async with serving(path):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    assert not path.exists()


async def test_a_socket_left_by_a_dead_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with serving(path) as served:
        assert (await served.ask(b'{"do": "status"}'))["ok"]


async def test_a_socket_that_is_served_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    async with serving(path) as served:
        with pytest.raises(OSError, match=r"another process serves this socket: '.*/api\.sock'"):
            listen(path)
        assert (await served.ask(b'{"do": "status"}'))["ok"]


async def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone/api\.sock"):
        listen(tmp_path / "gone" / "api.sock")
