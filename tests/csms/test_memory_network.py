"""The in-memory line keeps order and misbehaves exactly as ordered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest

from controller.ocpp.transport import ConnectFailed, ConnectionLost
from hil.csms.peer import Admission, Peer, PeerGone
from hil.memory import Direction, Fate, MemoryNetwork, calls
from hil.virtual import START_S, run_virtual

URL = "ws://csms/ocpp/CS-1"


class Echo:
    """Answers every text with `re:` and the text; notes what it got and when it noticed the end."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.ended_at_s: float | None = None
        self.why = ""

    def admit(self, path: str, subprotocols: tuple[str, ...], headers: Mapping[str, str]) -> Admission:
        if path.endswith("unknown"):
            return Admission(404, reason="HTTP 404: unknown station")
        return Admission(101, subprotocols[0] if subprotocols else None)

    async def serve(self, path: str, peer: Peer) -> None:
        try:
            while True:
                text = await peer.recv()
                self.got.append(text)
                await peer.send(
                    f"re:{text}" if not text.startswith("[") else f"[3,{json.dumps(json.loads(text)[1])},{{}}]"
                )
        except PeerGone as gone:
            self.why = str(gone)
            self.ended_at_s = asyncio.get_running_loop().time()


def now() -> float:
    return asyncio.get_running_loop().time() - START_S


def test_messages_arrive_in_order_after_the_latency_of_each_direction() -> None:
    async def main() -> None:
        network = MemoryNetwork(Echo(), latency_up_s=0.3, latency_down_s=0.1)
        connection = await network.connect(URL, ["ocpp1.6"], {})
        start_s = now()
        await connection.send("a")
        await connection.send("b")
        assert [await connection.recv(), await connection.recv()] == ["re:a", "re:b"]
        assert now() - start_s == pytest.approx(0.4)
        assert connection.subprotocol == "ocpp1.6"

    run_virtual(main())


def test_a_slow_message_holds_back_the_ones_behind_it() -> None:
    async def main() -> None:
        server = Echo()
        network = MemoryNetwork(server)
        connection = await network.connect(URL, ["ocpp1.6"], {})
        network.plan(Direction.UP, lambda text: text == "slow", Fate.DELIVER, delay_s=5)
        await connection.send("slow")
        await connection.send("fast")
        assert [await connection.recv(), await connection.recv()] == ["re:slow", "re:fast"]
        assert now() == pytest.approx(5)

    run_virtual(main())


def test_refusals_come_as_connect_failures_with_their_status() -> None:
    async def main() -> None:
        network = MemoryNetwork(Echo())
        network.refuse("HTTP 503", status=503, times=1)
        with pytest.raises(ConnectFailed) as refused:
            await network.connect(URL, ["ocpp1.6"], {})
        assert refused.value.status == 503
        with pytest.raises(ConnectFailed) as unknown:
            await network.connect("ws://csms/ocpp/unknown", ["ocpp1.6"], {})
        assert unknown.value.status == 404
        network.take_down()
        with pytest.raises(ConnectFailed) as unreachable:
            await network.connect(URL, ["ocpp1.6"], {})
        assert unreachable.value.status is None
        network.bring_up()
        await network.connect(URL, ["ocpp1.6"], {})
        assert [attempt.outcome == "open" for attempt in network.attempts] == [False, False, False, True]

    run_virtual(main())


def test_a_server_can_be_made_to_pick_no_or_a_wrong_subprotocol() -> None:
    async def main() -> None:
        network = MemoryNetwork(Echo())
        network.pick(None, "mqtt")
        picked = [(await network.connect(URL, ["ocpp1.6"], {})).subprotocol for _ in range(3)]
        assert picked == [None, "mqtt", "ocpp1.6"]

    run_virtual(main())


def test_accept_and_close_ends_the_connection_without_a_word() -> None:
    async def main() -> None:
        network = MemoryNetwork(Echo())
        network.accept_and_close(after_s=2, reason="go away")
        connection = await network.connect(URL, ["ocpp1.6"], {})
        with pytest.raises(ConnectionLost, match="go away"):
            await connection.recv()
        assert now() == pytest.approx(2)

    run_virtual(main())


def test_a_half_open_line_is_noticed_by_the_keepalive_of_both_sides() -> None:
    async def main() -> None:
        server = Echo()
        network = MemoryNetwork(server, keepalive_s=40)
        connection = await network.connect(URL, ["ocpp1.6"], {})
        network.stall()
        await connection.send("lost")
        with pytest.raises(ConnectionLost):
            await connection.recv()
        assert now() == pytest.approx(40)
        await asyncio.sleep(0.1)
        assert server.got == [] and server.ended_at_s == pytest.approx(START_S + 40)
        with pytest.raises(ConnectFailed, match="timed out"):
            await network.connect(URL, ["ocpp1.6"], {})
        assert now() == pytest.approx(50.1)

    run_virtual(main())


def test_a_stall_that_ends_in_time_delivers_what_was_held_in_order() -> None:
    async def main() -> None:
        network = MemoryNetwork(Echo(), keepalive_s=40)
        connection = await network.connect(URL, ["ocpp1.6"], {})
        network.stall()
        await connection.send("a")
        await connection.send("b")
        await asyncio.sleep(30)
        network.resume()
        assert [await connection.recv(), await connection.recv()] == ["re:a", "re:b"]
        await asyncio.sleep(60)
        assert network.is_connected

    run_virtual(main())


def test_a_cut_takes_away_what_is_under_way() -> None:
    async def main() -> None:
        server = Echo()
        network = MemoryNetwork(server, latency_up_s=1)
        connection = await network.connect(URL, ["ocpp1.6"], {})
        await connection.send("lost")
        network.cut()
        with pytest.raises(ConnectionLost):
            await connection.recv()
        with pytest.raises(ConnectionLost):
            await connection.send("late")
        await asyncio.sleep(5)
        assert server.got == []

    run_virtual(main())


def test_a_cut_can_leave_the_server_with_what_was_under_way_and_no_way_to_answer() -> None:
    async def main() -> None:
        server = Echo()
        network = MemoryNetwork(server, latency_up_s=1)
        connection = await network.connect(URL, ["ocpp1.6"], {})
        await connection.send("arrives late")
        network.cut(server_still_gets=True)
        with pytest.raises(ConnectionLost):
            await connection.recv()
        assert server.got == []
        await asyncio.sleep(2)
        assert server.got == ["arrives late"]
        assert server.why

    run_virtual(main())


def test_a_server_can_believe_in_a_cut_connection_for_longer() -> None:
    async def main() -> None:
        server = Echo()
        network = MemoryNetwork(server)
        await network.connect(URL, ["ocpp1.6"], {})
        await asyncio.sleep(1)
        network.cut(server_notices_after_s=30)
        await asyncio.sleep(29)
        assert server.ended_at_s is None
        await asyncio.sleep(2)
        assert server.ended_at_s is not None

    run_virtual(main())


def test_the_lost_reply_reaches_the_server_and_cuts_before_the_answer() -> None:
    async def main() -> None:
        server = Echo()
        network = MemoryNetwork(server)
        connection = await network.connect(URL, ["ocpp1.6"], {})
        network.lose_reply_to("StartTransaction")
        await connection.send('[2,"1","Heartbeat",{}]')
        assert await connection.recv() == '[3,"1",{}]'
        await connection.send('[2,"2","StartTransaction",{}]')
        with pytest.raises(ConnectionLost):
            await connection.recv()
        assert server.got[-1] == '[2,"2","StartTransaction",{}]'
        assert network.journal[-1].fate is Fate.LOSE_AND_CUT

    run_virtual(main())


def test_a_planned_message_can_be_the_last_that_arrives() -> None:
    async def main() -> None:
        server = Echo()
        network = MemoryNetwork(server, latency_down_s=1)
        connection = await network.connect(URL, ["ocpp1.6"], {})
        network.plan(Direction.UP, calls("StopTransaction"), Fate.DELIVER_AND_CUT)
        await connection.send('[2,"1","StopTransaction",{}]')
        with pytest.raises(ConnectionLost):
            await connection.recv()
        assert server.got == ['[2,"1","StopTransaction",{}]']

    run_virtual(main())


def test_a_lost_message_leaves_the_connection_standing() -> None:
    async def main() -> None:
        network = MemoryNetwork(Echo())
        connection = await network.connect(URL, ["ocpp1.6"], {})
        network.plan(Direction.UP, lambda text: True, Fate.LOSE, times=2)
        for text in ("a", "b", "c"):
            await connection.send(text)
        assert await connection.recv() == "re:c"

    run_virtual(main())
