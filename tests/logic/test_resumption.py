"""Which open transactions go on after a restart."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from controller.logic.evse import EvseFacts, PilotState, PlugState
from controller.logic.records import ChargingState, OpenTransaction, StopReason, Trigger
from controller.logic.resumption import End, Resume, ResumptionRules, decide
from controller.logic.values import ClockQuality, Stamp
from hil.virtual import EPOCH
from tests.logic.driving import ANNA, FREE

RULES = ResumptionRules(timeout_s=300.0, allows_energy=True, ends_with_plug=True, max_power_w=22_000.0)
PLUGGED = dataclasses.replace(FREE, plug=PlugState.PLUGGED, pilot=PilotState.B, plug_count=3)
GONE = dataclasses.replace(FREE, plug_count=3)


def stamp(seconds: float, boot: str = "boot-1") -> Stamp:
    return Stamp(boot, 1000.0 + seconds, EPOCH + timedelta(seconds=seconds), ClockQuality.TRUSTED)


OPEN = OpenTransaction(
    id="tx-1",
    protocol="ocpp2.0.1",
    evse_id=1,
    connector_id=1,
    id_token=ANNA,
    group=None,
    started=stamp(-1000),
    start_register_wh=5000,
    last_register_wh=6000,
    last_stamp=stamp(0),
    charging_state=ChargingState.CHARGING,
    session_id="session-1",
    record_id="record-1",
    remote_start_id=None,
    wire_id=None,
    plug_run_id="run-1",
    plug_count=3,
)


def decided(
    facts: EvseFacts | None = PLUGGED,
    register: int | None = 6001,
    now: Stamp | None = None,
    transaction: OpenTransaction = OPEN,
    rules: ResumptionRules = RULES,
    was_orderly: bool = False,
) -> Resume | End:
    return decide(transaction, facts, register, now or stamp(5), rules, was_orderly=was_orderly)


def test_the_same_plug_in_goes_on() -> None:
    assert decided() == Resume(plug_is_known=True)


def test_after_a_power_cut_a_plug_that_is_in_must_do() -> None:
    other = dataclasses.replace(PLUGGED, run_id="run-2", plug_count=1)
    assert decided(other, now=stamp(200, "boot-2")) == Resume(plug_is_known=True)


@pytest.mark.parametrize(
    ("now", "orderly", "reason"),
    [
        (stamp(301), False, StopReason.REBOOT),
        (stamp(301, "boot-2"), False, StopReason.POWER_LOSS),
        (stamp(301, "boot-2"), True, StopReason.REBOOT),
        (stamp(-5, "boot-2"), False, StopReason.POWER_LOSS),
    ],
)
def test_too_late_ends_with_the_right_reason(now: Stamp, orderly: bool, reason: StopReason) -> None:
    assert decided(now=now, was_orderly=orderly) == End(Trigger.ABNORMAL_CONDITION, reason, 6001, False)


@pytest.mark.parametrize("which", ["before", "after"])
def test_a_power_cut_is_only_as_short_as_a_clock_that_somebody_vouched_for_says(which: str) -> None:
    last, now = stamp(0), stamp(20, "boot-2")
    doubtful = dataclasses.replace(last if which == "before" else now, quality=ClockQuality.UNTRUSTED)
    transaction = dataclasses.replace(OPEN, last_stamp=doubtful if which == "before" else last)
    found = decided(transaction=transaction, now=now if which == "before" else doubtful)
    assert isinstance(found, End) and found.reason is StopReason.POWER_LOSS


def test_never_where_configuration_forbids_it() -> None:
    found = decided(rules=dataclasses.replace(RULES, timeout_s=0.0))
    assert isinstance(found, End) and found.reason is StopReason.REBOOT


def test_another_plug_in_ends_it() -> None:
    found = decided(dataclasses.replace(PLUGGED, plug_count=4))
    assert found == End(Trigger.EV_COMMUNICATION_LOST, StopReason.EV_DISCONNECTED, 6001, False)


def test_an_ev_that_has_left_ends_it_unless_it_may_outlive_the_plug() -> None:
    assert decided(GONE) == End(Trigger.EV_COMMUNICATION_LOST, StopReason.EV_DISCONNECTED, 6001, False)
    outlives = dataclasses.replace(RULES, ends_with_plug=False)
    assert decided(GONE, rules=outlives) == Resume(plug_is_known=False)


def test_one_that_was_not_plugged_in_yet_waits_on() -> None:
    waiting = dataclasses.replace(OPEN, plug_run_id=None, plug_count=None, evse_id=None)
    assert decided(None, None, transaction=waiting) == Resume(plug_is_known=False)


@pytest.mark.parametrize(
    ("register", "expected", "stale"),
    [(None, 6000, True), (5999, 6000, True), (6000, 6000, False), (6459, 6459, False), (6500, 6000, True)],
)
def test_the_last_register_is_never_zero_never_lower_never_invented(
    register: int | None, expected: int, stale: bool
) -> None:
    found = decided(register=register, now=stamp(1000))
    assert isinstance(found, End) and (found.register_wh, found.is_stale) == (expected, stale)


def test_a_lower_register_breaks_continuity() -> None:
    assert isinstance(decided(register=5999), End)


def test_without_any_register_there_is_none() -> None:
    bare = dataclasses.replace(OPEN, start_register_wh=None, last_register_wh=None)
    found = decided(GONE, None, transaction=bare)
    assert isinstance(found, End) and found.register_wh is None
