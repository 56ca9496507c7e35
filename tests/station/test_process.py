"""The station process at its edges: its socket to the safety process, its configuration, its database, its boots."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import time
from pathlib import Path

import pytest

from controller.clock import SystemClock
from controller.config import ConfigError, StationConfig, load_station
from controller.hal import DeviceError
from controller.ipc import decode, encode
from controller.logic.evse import Permit
from controller.ocpp.dialect import BootReason
from controller.ocpp.ports import EvseInfo
from controller.station import main
from controller.station.core import ORDERLY
from controller.station.safety_link import SafetyConnected, SafetyDisconnected, SocketSafetyLink
from controller.store.database import StoreLimits
from controller.store.exc import StorageFull
from controller.store.store import Store
from hil.virtual import VirtualClock, run_virtual
from tests.logic.driving import FREE

EVSES = [EvseInfo(1, 1, ("sType2",), 32.0, 3)]


def config(**changes: object) -> StationConfig:
    return dataclasses.replace(load_station(None), **changes)  # type: ignore[arg-type]


@pytest.mark.wire
def test_the_safety_link_connects_late_survives_garbage_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "safety.sock"

    def listen() -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(path))
        listener.listen()
        return listener

    async def run() -> None:
        link = SocketSafetyLink(path)
        link.send(Permit(1, 16.0, 3, "record-1"))  # nobody there: dropped
        news = link.news()
        coming = asyncio.ensure_future(anext(news))
        await asyncio.sleep(0.4)
        listener = listen()
        assert await asyncio.wait_for(coming, 5) == SafetyConnected()
        peer, _ = listener.accept()
        peer.send(b"no JSON")
        peer.send(encode(FREE))
        assert await asyncio.wait_for(anext(news), 5) == FREE
        link.send(Permit(1, 16.0, 3, "record-1"))
        assert decode(peer.recv(8192)) == Permit(1, 16.0, 3, "record-1")
        peer.close()
        listener.close()
        path.unlink()
        assert await asyncio.wait_for(anext(news), 5) == SafetyDisconnected()
        listener = listen()
        assert await asyncio.wait_for(anext(news), 5) == SafetyConnected()
        await news.aclose()  # type: ignore[attr-defined]
        listener.close()

    asyncio.run(run())


@pytest.mark.wire
def test_a_safety_process_that_hangs_counts_as_gone_but_our_own_hanging_does_not(tmp_path: Path) -> None:
    path = tmp_path / "safety.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    listener.listen()

    async def run() -> None:
        news = SocketSafetyLink(path, silence_s=1.0).news()
        assert await anext(news) == SafetyConnected()
        peer, _ = listener.accept()
        waiting = asyncio.ensure_future(anext(news))
        await asyncio.sleep(0)
        peer.send(encode(FREE))
        time.sleep(1.2)  # noqa: ASYNC251 - we hang, and the packet waits
        assert await waiting == FREE
        assert await asyncio.wait_for(anext(news), 5) == SafetyDisconnected()
        await news.aclose()  # type: ignore[attr-defined]
        peer.close()

    asyncio.run(run())
    listener.close()


def test_wrong_variables_and_keys_are_told_all_at_once(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s.db", SystemClock())
    wrong = config(
        ocpp_variables={"TxCtrlr.Nonsense": "1", "TxCtrlr.EVConnectionTimeOut": "soon"},
        ocpp_keys={"NoSuchKey": "1"},
    )
    with pytest.raises(ConfigError) as caught:
        main.make_model(wrong, EVSES, store)
    text = "\n".join(caught.value.mistakes)
    assert "TxCtrlr.Nonsense" in text and "EVConnectionTimeOut" in text and "NoSuchKey" in text


def test_the_resumption_variables_can_be_configured(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s.db", SystemClock())
    model, _ = main.make_model(config(ocpp_variables={"TxCtrlr.ResumptionTimeout": "0"}), EVSES, store)
    assert model.int("TxCtrlr.ResumptionTimeout") == 0
    assert model.bool("TxCtrlr.AllowEnergyTransferResumption")


def test_a_database_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "station.db").mkdir()
    with pytest.raises(DeviceError, match=r"^database: "):
        main.open_store(tmp_path / "station.db", SystemClock())


def test_a_start_on_a_full_card_is_one_line_and_no_crash(tmp_path: Path) -> None:
    clock = SystemClock()
    limits = StoreLimits(max_bytes=160 << 10, free_floor_bytes=0, durable=False)
    store = Store.open(tmp_path / "s.db", clock, limits)
    for size in (4000, 400, 4):
        with pytest.raises(StorageFull):
            while True:
                store.begin_boot("x" * size)
    with pytest.raises(DeviceError, match=r"^database: .*no room left; free space"):
        main.begin_boot(store, clock)


@pytest.mark.ocpp("2.0.1", "B01.FR.03")
def test_each_start_knows_why_it_happened(tmp_path: Path) -> None:
    async def run() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        store = Store.open(tmp_path / "s.db", clock)
        assert main.begin_boot(store, clock) is BootReason.POWER_UP
        assert main.begin_boot(store, clock) is BootReason.APPLICATION_RESET  # it died
        store.set_meta(ORDERLY, "1")
        assert main.begin_boot(store, clock) is BootReason.LOCAL_RESET
        store.set_meta("next_boot_reason", "RemoteReset")
        assert main.begin_boot(store, clock) is BootReason.REMOTE_RESET
        other = VirtualClock(asyncio.get_running_loop(), boot_id="boot-2")
        assert main.begin_boot(store, other) is BootReason.POWER_UP
        assert [boot.reason for boot in store.boots()][-2:] == ["RemoteReset", "PowerUp"]

    run_virtual(run())


def test_secrets_are_not_shown() -> None:
    values = main.shown(
        config(csms_password="s" * 16, ocpp_keys={"AuthorizationKey": "s" * 16}, ocpp_variables={"A.B": "c"})
    )
    assert "s" * 16 not in str(values) and values["ocpp_variables"] == {"A.B": "c"}
