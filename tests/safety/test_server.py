"""The safety process' end of the socket, over a real socket, and the loop around it on a clock of its own."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.ipc import decode, encode
from controller.logic.evse import EvseFacts, Heartbeat, Permit, PermitWithdrawn
from controller.safety.loop import SafetyLoop
from controller.safety.server import PACKETS_PER_PASS, StationServer
from tests.safety.safety_world import SafetyWorld

PERMIT = Permit(1, 16.0, 3, "r1")


class Wired:
    """A supervisor on the plant behind a real listening socket; a pass when it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.world = SafetyWorld(ticked=True)
        self.supervisor = self.world.supervisor
        self.server = StationServer(path)

    def connect(self) -> socket.socket:
        station = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        station.connect(str(self.path))
        station.setblocking(False)
        return station

    def receive(self) -> None:
        self.server.receive(self.supervisor, self.world.now)

    @property
    def permit(self) -> Permit | None:
        permit: Permit | None = self.world.machine().permit
        return permit


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Wired]:
    wired = Wired(tmp_path / "safety.sock")
    yield wired
    wired.server.close()


def facts_in(station: socket.socket) -> list[EvseFacts]:
    found = []
    while True:
        try:
            packet = station.recv(8192)
        except BlockingIOError:
            return found
        message = decode(packet)
        assert isinstance(message, EvseFacts)
        found.append(message)


def test_only_owner_and_group_may_connect_and_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "safety.sock"
    for _ in range(2):  # the first leaves its file behind, as after SIGKILL
        server = StationServer(path)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        server._listener.close()
    StationServer(path).close()
    assert not path.exists()


def test_a_path_that_cannot_be_bound_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "safety.sock", tmp_path / ("x" * 200)):
        with pytest.raises(OSError) as caught:
            StationServer(path)
        assert caught.value.filename == str(path)


def test_permits_come_in_and_facts_go_out(wired: Wired) -> None:
    station = wired.connect()
    station.send(encode(PERMIT))
    wired.receive()
    assert wired.permit is None, "the connection is taken at the end of the first turn"
    wired.receive()
    assert wired.permit == PERMIT
    wired.server.send(wired.supervisor.outgoing(wired.world.now))
    assert [facts.record_id for facts in facts_in(station)] == ["r1"]
    station.send(encode(PermitWithdrawn(1)))
    wired.receive()
    assert wired.permit is None


def test_end_of_file_withdraws_every_permit_at_once_and_the_next_station_is_let_in(wired: Wired) -> None:
    station = wired.connect()
    station.send(encode(PERMIT))
    wired.receive()
    wired.receive()
    station.close()
    other = wired.connect()
    wired.receive()
    assert wired.permit is None and wired.server.is_connected
    wired.server.send(wired.supervisor.outgoing(wired.world.now))
    assert len(facts_in(other)) == 1, "it is told the present facts at once"


def test_messages_sent_just_before_the_end_do_not_outlive_it(wired: Wired) -> None:
    station = wired.connect()
    wired.receive()
    station.send(encode(PERMIT))
    station.close()
    wired.receive()
    assert wired.permit is None


def test_a_second_station_is_refused_while_the_first_is_alive(wired: Wired) -> None:
    first = wired.connect()
    wired.receive()
    first.send(encode(PERMIT))
    second = wired.connect()
    wired.receive()
    assert second.recv(100) == b"" and wired.permit == PERMIT and wired.server.refused == 1


def test_a_second_station_replaces_one_that_was_silent_for_longer_than_its_lease(wired: Wired) -> None:
    first = wired.connect()
    wired.receive()
    first.send(encode(Heartbeat()))
    wired.receive()
    wired.world.now += 2.1
    second = wired.connect()
    wired.receive()
    assert first.recv(100) == b""
    second.send(encode(PERMIT))
    wired.receive()
    assert wired.permit == PERMIT


def test_what_is_malformed_is_counted_and_ignored_and_the_old_lease_runs_on(wired: Wired) -> None:
    station = wired.connect()
    wired.receive()
    station.send(encode(PERMIT))
    wired.receive()
    until = wired.world.machine().permit_until_s
    wired.world.now += 1.0
    for packet in (
        b"{",
        b"[]",
        b"\xff" * 10,
        b'{"t":"permit"}',
        encode(PERMIT)[:-2],
        wired.world.facts and b"x" * 8192,
    ):
        station.send(packet)
    station.send(encode(wired.world.facts()))
    wired.receive()
    assert wired.server.malformed == 7
    assert wired.permit == PERMIT and wired.world.machine().permit_until_s == until


def test_an_empty_packet_is_the_end(wired: Wired) -> None:
    station = wired.connect()
    wired.receive()
    station.send(encode(PERMIT))
    station.send(b"")
    wired.receive()
    assert wired.permit is None and not wired.server.is_connected


def test_a_flood_costs_a_bounded_number_of_packets_a_pass(wired: Wired) -> None:
    station = wired.connect()
    wired.receive()
    sent = 0
    while True:
        try:
            station.send(b"nonsense")
            sent += 1
        except BlockingIOError:
            break
    assert sent > 2 * PACKETS_PER_PASS
    wired.receive()
    assert wired.server.malformed == PACKETS_PER_PASS


def test_a_station_that_does_not_read_never_blocks_the_loop(wired: Wired) -> None:
    station = wired.connect()
    wired.receive()
    for _ in range(2000):
        wired.server.send([wired.world.facts()])
    assert wired.server.dropped > 0
    station.close()
    wired.server.send([wired.world.facts()])
    wired.receive()
    assert not wired.server.is_connected


# --- the loop -----------------------------------------------------------------------------------------------------------


class HandClock:
    """Time that passes only by sleeping, and by what a pass is said to take."""

    def __init__(self, loop_ends_after: int) -> None:
        self.now = 100.0
        self.naps: list[float] = []
        self.loop: SafetyLoop | None = None
        self._left = loop_ends_after
        self.oversleep = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds + self.oversleep
        self.oversleep = 0.0
        self._left -= 1
        if self._left == 0 and self.loop is not None:
            self.loop.stop = True


def looped(wired: Wired, clock: HandClock) -> tuple[SafetyLoop, list[str]]:
    happened: list[str] = []
    loop = SafetyLoop(
        wired.supervisor,
        wired.server,
        0.010,
        alive=lambda: happened.append("alive"),
        alive_s=0.05,
        monotonic=clock.monotonic,
        sleep=clock.sleep,
    )
    clock.loop = loop
    return loop, happened


def test_the_loop_says_ready_after_its_first_complete_pass_and_alive_after_others(wired: Wired) -> None:
    clock = HandClock(20)
    loop, happened = looped(wired, clock)
    passes = wired.supervisor.passes
    ready_at: list[int] = []
    loop.run(lambda: ready_at.append(wired.supervisor.passes - passes))
    assert ready_at == [1] and 3 <= len(happened) <= 6
    assert wired.supervisor.passes - passes == 20
    assert all(nap == pytest.approx(0.010) for nap in clock.naps) and loop.overruns == 0


def test_a_late_wake_up_is_counted_and_its_slots_are_not_made_up_for(wired: Wired) -> None:
    clock = HandClock(10)
    loop, _ = looped(wired, clock)
    clock.oversleep = 0.100
    loop.run(lambda: None)
    assert loop.overruns == 1 and wired.supervisor.passes <= 12
    # what the late reading saw is confirmed soon, and then the loop has its pace again
    assert clock.naps[1] == pytest.approx(0.005) and all(nap == pytest.approx(0.010) for nap in clock.naps[2:])


def test_the_loop_takes_permits_from_the_socket(wired: Wired) -> None:
    clock = HandClock(5)
    loop, _ = looped(wired, clock)
    station = wired.connect()
    station.send(encode(PERMIT))
    loop.run(lambda: None)
    assert [facts.record_id for facts in facts_in(station)][-1] == "r1"
