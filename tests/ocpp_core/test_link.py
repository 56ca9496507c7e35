"""The WebSocket itself, on loopback: what a technician reads when it fails, and that nothing wrong on the line ever hangs us."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from controller.ocpp.exc import ConnectFailed, ConnectionLost
from controller.ocpp.link import WebSocketConnection, WebSocketConnector
from controller.ocpp.transport import connection_url

pytestmark = pytest.mark.wire

OFFER = ("ocpp2.0.1", "ocpp1.6")
Handler = Callable[[ServerConnection], Awaitable[None]]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def connector(ping_s: float = 0.0, *, open_s: float = 2.0, pong_s: float = 0.3) -> WebSocketConnector:
    return WebSocketConnector(lambda: ping_s, open_timeout_s=open_s, pong_timeout_s=pong_s)


@contextlib.asynccontextmanager
async def server(handler: Handler, **options: object) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0, **options) as running:  # type: ignore[arg-type]
        port = next(iter(running.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/ocpp/CS1"


@contextlib.asynccontextmanager
async def raw_server(handler: Raw) -> AsyncIterator[str]:
    running = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with running:
        yield f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/ocpp/CS1"


async def connect(url: str, **options: float) -> WebSocketConnection:
    return await connector(**options).connect(url, OFFER, {"Authorization": "Basic eA=="})


async def failure(url: str, **options: float) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as caught:
        await connect(url, **options)
    assert "\n" not in str(caught.value)
    return caught.value


async def hold(websocket: ServerConnection) -> None:
    await websocket.wait_closed()


@pytest.mark.ocpp("2.0.1", "Part4 §3.1.1")
def test_the_identity_is_percent_encoded_and_slashes_are_tolerated() -> None:
    assert connection_url("ws://h/ocpp", "RDAM 123") == "ws://h/ocpp/RDAM%20123"
    assert connection_url("ws://h/ocpp//", "a/b?ü") == "ws://h/ocpp/a%2Fb%3F%C3%BC"


@pytest.mark.ocpp("2.0.1", "Part4 §3.1.2", "A00.FR.204")
@pytest.mark.asyncio
async def test_versions_are_offered_in_order_and_the_headers_sent() -> None:
    seen: list[Request] = []

    async def note(websocket: ServerConnection) -> None:
        assert websocket.request is not None
        seen.append(websocket.request)
        await websocket.send("hello")
        assert await websocket.recv() == "grüezi"
        await websocket.close(4321, "enough")

    async with server(note, subprotocols=["ocpp2.0.1"]) as url:
        connection = await connect(url)
        assert connection.subprotocol == "ocpp2.0.1"
        assert await connection.recv() == "hello"
        await connection.send("grüezi")
        with pytest.raises(ConnectionLost, match=r"closed the connection with code 4321 \(enough\)"):
            await connection.recv()
        with pytest.raises(ConnectionLost):
            await connection.send("more")
        await connection.close()
        await connection.close()
    assert seen[0].headers["Sec-WebSocket-Protocol"].replace(" ", "") == "ocpp2.0.1,ocpp1.6"
    assert seen[0].headers["Authorization"] == "Basic eA=="


@pytest.mark.asyncio
async def test_no_or_a_foreign_subprotocol_is_seen() -> None:
    async with server(hold) as url:
        connection = await connect(url)
        assert connection.subprotocol is None
        await connection.close()
    async with server(hold, select_subprotocol=lambda websocket, offered: "ocpp1.5") as url:
        assert "not offered" in str(await failure(url))


@pytest.mark.parametrize(("status", "said"), [(401, "password"), (404, "identity"), (503, "HTTP 503"), (429, "fewer")])
@pytest.mark.asyncio
async def test_an_http_refusal_is_one_sentence_with_its_status(status: int, said: str) -> None:
    def refuse(websocket: ServerConnection, request: Request) -> Response:
        return websocket.respond(status, "no")  # type: ignore[arg-type]

    async with server(hold, process_request=refuse) as url:
        error = await failure(url)
        assert error.status == status
        assert said in str(error)


@pytest.mark.asyncio
async def test_a_redirect_is_told_and_not_followed() -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: ws://other.example/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with raw_server(redirect) as url:
        error = await failure(url)
        assert error.status == 302
        assert "ws://other.example/" in str(error)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ws://127.0.0.1:1/x", "nobody listens at 127.0.0.1:1"),
        ("ws://no-such-host.invalid/x", "no-such-host.invalid cannot be resolved"),
    ],
)
@pytest.mark.asyncio
async def test_where_nobody_is_the_place_is_named(url: str, said: str) -> None:
    assert said in str(await failure(url))


@pytest.mark.asyncio
async def test_a_silent_server_a_web_page_and_plain_text_under_tls_are_told_apart() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async def noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example ESMTP\r\n" * 10)
        await writer.drain()
        writer.close()

    async with raw_server(silent) as url:
        assert "did not answer within 0.5 s" in str(await failure(url, open_s=0.5))
    async with raw_server(portal) as url:
        assert (await failure(url)).status == 200
    async with raw_server(noise) as url:
        assert "does not speak WebSocket" in str(await failure(url))
    async with raw_server(noise) as url:
        assert "no TLS with" in str(await failure(url.replace("ws:", "wss:")))


@pytest.mark.asyncio
async def test_accept_then_close_is_a_lost_connection() -> None:
    async def slam(websocket: ServerConnection) -> None:
        await websocket.close()

    async with server(slam, subprotocols=["ocpp1.6"]) as url:
        connection = await connect(url)
        with pytest.raises(ConnectionLost):
            await connection.recv()


@pytest.mark.asyncio
async def test_a_cut_in_the_middle_of_a_frame_is_a_lost_connection() -> None:
    async def cut(websocket: ServerConnection) -> None:
        websocket.transport.write(b"\x81\x7e\x01\x00half")  # a text frame of 256 bytes, of which 4 come
        websocket.transport.abort()

    async with server(cut, subprotocols=["ocpp1.6"]) as url:
        connection = await connect(url)
        with pytest.raises(ConnectionLost, match="broke"):
            await connection.recv()


@pytest.mark.asyncio
async def test_an_oversized_message_and_text_that_is_not_utf8_end_the_connection_and_say_why() -> None:
    async def huge(websocket: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            await websocket.send("x" * (2 << 20))
            await websocket.wait_closed()

    async def garbled(websocket: ServerConnection) -> None:
        websocket.transport.write(b"\x81\x04\xff\xfe\xfd\xfc")
        await websocket.wait_closed()

    async with server(huge, subprotocols=["ocpp1.6"]) as url:
        connection = await connect(url)
        with pytest.raises(ConnectionLost, match="1009"):
            await connection.recv()
    async with server(garbled, subprotocols=["ocpp1.6"]) as url:
        connection = await connect(url)
        with pytest.raises(ConnectionLost, match="1007"):
            await connection.recv()


@pytest.mark.asyncio
async def test_a_binary_message_is_judged_as_text() -> None:
    async def binary(websocket: ServerConnection) -> None:
        await websocket.send(b"\xff[2]")
        await websocket.wait_closed()

    async with server(binary, subprotocols=["ocpp1.6"]) as url:
        connection = await connect(url)
        assert await connection.recv() == "\ufffd[2]"
        await connection.close()


@pytest.mark.asyncio
async def test_pings_find_out_that_nobody_is_there_any_more() -> None:
    over = asyncio.Event()

    async def deaf(websocket: ServerConnection) -> None:
        websocket.transport.pause_reading()
        await over.wait()
        websocket.transport.abort()

    async with server(deaf, subprotocols=["ocpp1.6"], close_timeout=0.1) as url:
        connection = await connect(url, ping_s=0.2)
        async with asyncio.timeout(10):
            with pytest.raises(ConnectionLost, match="1011"):
                await connection.recv()
        over.set()


@pytest.mark.asyncio
async def test_closing_a_dead_line_takes_no_longer_than_an_orderly_stop_allows() -> None:
    over = asyncio.Event()

    async def deaf(websocket: ServerConnection) -> None:
        websocket.transport.pause_reading()
        await over.wait()
        websocket.transport.abort()

    async with server(deaf, subprotocols=["ocpp1.6"], close_timeout=0.1) as url:
        connection = await connect(url)
        async with asyncio.timeout(3.5):
            await connection.close(1001, "station stops")
        over.set()
