"""A card reader that vanishes, a meter that falls silent, the mains that fail: on real processes and the bytes of real drivers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from hil.bench.client import BenchRefused
from hil.csms.csms import Csms
from hil.csms.transactions import Transaction
from hil.script import EVSE, TOKEN, World, check_books
from tests.wire.rigs import SUBPROTOCOLS, WatchedRig, judged, play, serving, settings_for, together, world_of

pytestmark = [pytest.mark.wire, pytest.mark.timeout(300)]

RESOLUTION_WH = 10.0
BACK_S = 45.0  # a restart, its self-test, and the 30 s after an error


def test_reader_gone_and_back_and_a_meter_that_falls_silent() -> None:
    together(
        lambda directory: _devices_fail(directory, "1.6"),
        lambda directory: _devices_fail(directory, "2.0.1"),
    )


async def _devices_fail(directory: Path, version: str) -> None:
    csms = Csms(subprotocols=(SUBPROTOCOLS[version],))
    async with serving(csms) as port, judged(WatchedRig(directory, settings_for(port, version))) as rig:
        world = world_of(rig, csms, version)
        await rig.until(rig.is_whole, 15, "the station is registered")
        await play(world, "boot", "plug_in", "swipe", "energise")
        await _reader_vanishes(rig)
        await play(world, "stop", "unplug", "delivered")
        assert check_books(world) == []
        await rig.until(lambda: not _shown(rig)["transaction"], 10, "the session is over")
        await play(world, "plug_in", "swipe", "energise")
        await _meter_falls_silent(world)
        assert csms.violations == []


# --- the card reader ----------------------------------------------------------------------------------------------------------


async def _reader_vanishes(rig: WatchedRig) -> None:
    """A session is running: nothing of it depends on the reader, and its card is read again as soon as it is back."""
    state = rig.bench.verb("state")
    reader = next(each["name"] for each in state["readers"] if each["kind"] == "uid")
    rig.bench.verb("fault", kind="reader_gone", value=reader)
    line = await rig.hears(r"station WARNING PN532 on \S+/pn532 of .*: .*(vanished|is not there)")
    assert "; " in line or "?" in line, "it says what to look at"
    with pytest.raises(BenchRefused, match="is unplugged"):
        rig.bench.verb("swipe", token=TOKEN)
    assert rig.evse(EVSE)["contact"] == "closed"
    rig.bench.verb("fault", kind="reader_gone", value=reader, clear=True)
    await rig.hears(r"station PN532 on \S+/pn532 of .* is ready", times=2)


# --- the meter ------------------------------------------------------------------------------------------------------------------


async def _meter_falls_silent(world: World) -> None:
    rig, csms = world.rig, world.csms
    assert isinstance(rig, WatchedRig) and csms is not None
    rig.expect(r"station ERROR EVSE 1: meter lost: ")
    before_wh = world.evse()["meter"]["energy_wh"]
    at = time.monotonic()
    rig.bench.verb("fault", evse=EVSE, kind="meter_silent")
    await rig.until(lambda: world.evse()["pilot_output"] == "X1", 25, "a billed session without a meter gets nothing")
    took_s = time.monotonic() - at
    assert took_s >= 8.5, f"one bad poll changes nothing; it took {took_s:.1f} s"
    assert took_s <= 16.0, f"3 failed polls or 10 s, whichever is later; it took {took_s:.1f} s"
    await rig.until(lambda: world.evse()["contact"] == "open", 8, "the EV stops, or is stopped")
    _check_why(rig)
    assert _shown(rig)["transaction"], "a limit of 0 suspends and does not end"
    transaction = csms.transactions[-1]
    assert transaction.is_open
    await play(world, "stop", "unplug")
    await rig.until(lambda: not transaction.is_open, 15, "the CSMS knows the end")
    last_wh = int(transaction.readings[-1].wh)
    assert before_wh - RESOLUTION_WH <= last_wh <= before_wh + RESOLUTION_WH, "the last register, nothing invented"
    rig.bench.verb("fault", evse=EVSE, kind="meter_silent", clear=True)
    await rig.hears("EVSE 1: the meter answers again")
    await rig.until(lambda: "meter loss" not in _limits(rig), 10, "the limit is lifted")


def _check_why(rig: WatchedRig) -> None:
    """What a technician reads names the wire and the address."""
    why = _why(rig)
    assert why["binding"] == "meter loss"
    (limit,) = [each for each in why["limits"] if each["name"] == "meter loss"]
    assert limit["current_a"] == 0.0 and limit["binds"]
    assert "/meter1" in limit["why"] and "address 1" in limit["why"], limit["why"]
    assert any("meter loss" in reason for reason in why["not_charging"])
    assert "meter_lost" in [fault["id"] for fault in why["faults"]]


def _why(rig: WatchedRig) -> dict[str, Any]:
    found: dict[str, Any] = rig.ask("why")["why"]["evses"][EVSE - 1]
    return found


def _limits(rig: WatchedRig) -> list[str]:
    return [each["name"] for each in _why(rig)["limits"]]


def _shown(rig: WatchedRig) -> dict[str, Any]:
    found: dict[str, Any] = rig.ask("status")["status"]["evses"][EVSE - 1]
    return found


# --- the mains --------------------------------------------------------------------------------------------------------------------


def test_after_a_power_cut_the_transaction_goes_on_or_ends_once_with_its_register() -> None:
    together(
        lambda directory: _goes_on_then_ends_with_the_plug(directory, "2.0.1"),
        lambda directory: _ends_where_it_may_not_go_on(directory, "1.6"),
    )


async def _cut_power(world: World) -> None:
    """The contact is open at once and stays so until somebody is there again; the station comes back."""
    rig = world.rig
    assert isinstance(rig, WatchedRig)
    old = {name: rig.pid(name) for name in ("safety", "station")}
    at = rig.power_cut()
    await rig.until(lambda: world.evse()["contact"] == "open", 2, "contact open")
    edges = rig.bench.verb("state", since_s=at)["evses"][EVSE - 1]["edges"]
    opened = [edge["at_s"] - at for edge in edges if edge["what"] == "contact" and not edge["value"]]
    assert opened and opened[0] <= 0.250, f"opened {opened} s after the cut"
    for name, pid in old.items():
        await rig.until(lambda name=name, pid=pid: rig.pid(name) not in (None, pid), 15, f"{name} is started again")
    await rig.until(rig.is_whole, 20, "the station is whole again")


async def _goes_on_then_ends_with_the_plug(directory: Path, version: str) -> None:
    csms = Csms(subprotocols=(SUBPROTOCOLS[version],))
    async with serving(csms) as port, judged(WatchedRig(directory, settings_for(port, version))) as rig:
        world = world_of(rig, csms, version)
        await rig.until(rig.is_whole, 15, "the station is registered")
        await play(world, "boot", "plug_in", "swipe", "energise")
        await _cut_power(world)
        await rig.until(lambda: world.evse()["contact"] == "closed", BACK_S, "the same transaction goes on")
        await play(world, "energy", "stop", "unplug", "delivered")
        assert check_books(world) == []
        _check_one(csms, "Local")
        await play(world, "plug_in", "swipe", "energise")
        await _leave_in_the_dark(world)
        await play(world, "delivered")
        assert check_books(world) == []
        first, second = csms.transactions
        assert first.id != second.id
        assert second.reason == "EVDisconnected"


async def _leave_in_the_dark(world: World) -> None:
    """The EV leaves while nobody is there to see it."""
    rig = world.rig
    assert isinstance(rig, WatchedRig)
    rig.power_cut()
    rig.bench.verb("unplug", evse=EVSE)
    await rig.hears("transaction .* does not go on: EVDisconnected", 20)
    await rig.until(rig.is_whole, 20, "the station is whole again")
    assert world.evse()["contact"] == "open"


async def _ends_where_it_may_not_go_on(directory: Path, version: str) -> None:
    csms = Csms(subprotocols=(SUBPROTOCOLS[version],))
    async with serving(csms) as port:
        settings = settings_for(port, version, variables={"TxCtrlr.ResumptionTimeout": 0})
        async with judged(WatchedRig(directory, settings)) as rig:
            world = world_of(rig, csms, version)
            await rig.until(rig.is_whole, 15, "the station is registered")
            await play(world, "boot", "plug_in", "swipe", "energise")
            await _cut_power(world)
            await play(world, "delivered")
            # The kernel has not restarted under this cut: to the station its program has, not the machine.
            _check_one(csms, "Reboot")
            assert check_books(world) == [], "the meter was there all along: its register is the last"
            assert world.evse()["contact"] == "open" and not world.evse()["advertising"]
            assert _shown(rig)["status"] == "Finishing", "the EV is still there, and nobody may charge it on that card"
            await play(world, "unplug")
            await play(world, "plug_in", "swipe", "energise", "stop", "unplug", "delivered")
            assert check_books(world) == []


def _check_one(csms: Csms, reason: str) -> None:
    (transaction,) = csms.transactions
    assert _said(transaction) == (False, reason)
    assert not transaction.gaps


def _said(transaction: Transaction) -> tuple[bool, str | None]:
    return transaction.is_open, transaction.reason
