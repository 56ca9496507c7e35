"""One pass: what it does when ports fail, when a pass raises, and when the monitor sees a breach."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from controller.hal import DeviceError
from controller.logic.evse import FaultReset, Heartbeat, LimitContact, LockWish, Permit
from controller.logic.invariants import Breach
from controller.safety.supervisor import InvariantBroken, OnBreach
from tests.safety.safety_world import PERIOD_S, SafetyWorld


class Failing:
    """A port whose calls raise DeviceError while `methods` names them."""

    def __init__(self, port: Any) -> None:
        self.port = port
        self.methods: set[str] = set()
        self.error: Callable[[], BaseException] = lambda: DeviceError("chip", "does not answer")
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            self.calls.append((name, args))
            if name in self.methods:
                raise self.error()
            return getattr(self.port, name)(*args)

        return call


class World(SafetyWorld):
    """Every port can be made to fail."""

    def __init__(self, **options: Any) -> None:
        self.failing: dict[str, Failing] = {}

        def wrap(name: str, port: Any) -> Any:
            if port is None:
                return None
            return self.failing.setdefault(name, Failing(port))

        super().__init__(ticked=True, wrap=wrap, **options)

    def fail(self, port: str, *methods: str) -> None:
        self.failing[port].methods = set(methods)


@pytest.mark.parametrize(
    ("port", "method", "fault", "within_s"),
    [
        ("pilot_sense", "collect", "pilot_unread", 0.170),
        ("pilot_sense", "begin", "", 1.0),
        ("contactor", "mirror", "mirror_unreadable", 0.270),
        ("lock", "is_locked", "input_unreadable", 0.015),
        ("residual", "is_tripped", "input_unreadable", 0.015),
        ("residual", "has_error", "input_unreadable", 0.015),
        ("proximity", "read", "", 1.0),
    ],
)
def test_an_input_that_cannot_be_read_is_unknown_and_opens_where_it_matters(
    port: str, method: str, fault: str, within_s: float
) -> None:
    world = World()
    world.charge()
    world.fail(port, method)
    opened = world.run(within_s, lambda: not world.commanded())
    assert opened is bool(fault)
    world.run(0.2)
    assert world.facts().faults == ((fault,) if fault else ())
    assert world.supervisor.channels[1].device_errors > 0
    world.fail(port)
    if fault:
        assert world.run(60.0, world.contact_closed), world.facts()
        assert world.facts().faults == ()


def test_a_limiting_contact_that_cannot_be_read_is_told_and_opens_nothing() -> None:
    world = World()
    world.charge()
    world.fail("limit", "is_active")
    world.run(0.02)
    assert world.facts().limit_contact is LimitContact.UNREADABLE
    assert world.contact_closed() and world.facts().faults == ()


def test_mains_that_cannot_be_read_open_and_let_no_cable_go() -> None:
    world = World(unlocks_without_mains=True)
    world.charge()
    world.fail("mains", "is_active")
    world.run(60.0)
    assert not world.contact_closed() and world.plant.lock_feedback(1)


def test_a_dead_watchdog_line_does_not_stop_the_loop_and_the_one_shot_opens() -> None:
    world = World()
    world.charge()
    kick = world.watchdog.kick
    world.watchdog.kick = lambda: (_ for _ in ()).throw(DeviceError("GPIO20", "gone"))  # type: ignore[method-assign]
    world.run(0.4)
    assert not world.contact_closed()
    world.watchdog.kick = kick  # type: ignore[method-assign]


def test_a_contactor_that_cannot_be_told_to_open_gets_no_more_kicks() -> None:
    world = World()
    world.charge()
    world.trusts_contactors = False
    world.verb("ev", evse=1, pilot="B")
    world.fail("contactor", "command")
    world.run(0.5)
    assert world.commanded(), "the line is still driven"
    assert not world.contact_closed(), "the one-shot took its supply"
    assert "output_failed" in world.facts().faults
    world.fail("contactor")
    world.run(PERIOD_S * 2)
    assert not world.commanded()


def test_a_pilot_that_cannot_be_driven_opens_and_is_tried_again() -> None:
    world = World()
    world.charge()
    world.fail("pilot_driver", "pulse", "steady_high", "steady_low")
    world.permit(amps=10.0)
    world.run(PERIOD_S * 3)
    assert not world.commanded() and world.facts().faults == ("output_failed",)
    world.fail("pilot_driver")
    world.run(1.0)
    assert world.pilot_output() == "X1" and world.facts().faults == ()


def test_an_exception_in_a_pass_leaves_everything_safe_and_comes_out() -> None:
    world = World(evses=1)
    world.charge()
    world.failing["proximity"].error = lambda: ZeroDivisionError("a bug")
    world.fail("proximity", "read")
    with pytest.raises(ZeroDivisionError):
        world.supervisor.pass_(world.now)
    assert not world.commanded() and world.pilot_output() == "X1"
    assert world.supervisor.channels[1].monitor.excepted(world.now, world.commanded()) == []


@pytest.mark.parametrize("seconds", [0.1, 0.22, 0.3, 1.0])
def test_a_loop_that_stood_still_opens_before_it_kicks_again(seconds: float) -> None:
    """Else the kick would give the coil its supply back, and the contactor would close by itself."""
    world = World()
    world.charge()
    world.stall_safety(seconds)
    assert world.commanded() is (seconds < 0.2)
    world.run(1.0)
    assert world.contact_closed() is (seconds < 0.2)
    assert world.facts().faults == ()
    assert world.run(60.0, world.contact_closed) and world.facts().cycles == (1 if seconds < 0.2 else 2)


def test_a_port_that_blocks_a_pass_for_long_opens_too() -> None:
    world = World()
    world.charge()

    class Slow(Failing):
        def __getattr__(self, name: str) -> Any:
            if name == "is_locked":
                world.now += 0.3
                world.plant.advance(world.now)
            return getattr(self.port, name)

    channel = world.supervisor.channels[1]
    channel.ports = dataclasses.replace(channel.ports, lock=Slow(channel.ports.lock))
    world.supervisor.pass_(world.now)
    assert not world.commanded()
    channel.ports = dataclasses.replace(channel.ports, lock=channel.ports.lock.port)  # type: ignore[union-attr]
    assert world.run(60.0, world.contact_closed)


def test_a_contactor_that_drops_is_told_to_open_before_its_supply_comes_back() -> None:
    world = World()
    world.charge()
    world.verb("fault", evse=1, kind="mirror", value="open")
    assert world.run(0.05, lambda: not world.commanded())
    assert world.facts().faults == ("contactor_dropped",) or not world.facts().faults
    world.run(10.0)
    assert any("30 s" in reason for reason in world.facts().blocked_by)


def test_outputs_are_safe_before_anything_is_read() -> None:
    world = World()
    world.charge()
    for failing in world.failing.values():
        failing.calls.clear()
    world.restart_safety()
    writes = [name for name, _ in world.failing["contactor"].calls]
    assert writes[0] == "command" and world.failing["contactor"].calls[0][1][0] is False
    assert not world.commanded()


def test_openings_of_all_evses_are_written_before_any_other_output() -> None:
    order: list[str] = []

    def wrap(name: str, port: Any) -> Any:
        if name in ("contactor", "pilot_driver") and port is not None:
            failing = Failing(port)

            class Recording:
                def __getattr__(self, method: str) -> Any:
                    if method != "mirror":
                        order.append(f"{name}.{method}")
                    return getattr(failing, method)

            return Recording()
        return port

    world = SafetyWorld(evses=2, ticked=True, wrap=wrap)
    world.charge()
    world.charge(2)
    order.clear()
    world.plant.station_faults["estop"] = True
    world.plant.resupply()
    world.run(PERIOD_S)
    assert order[:2] == ["contactor.command", "contactor.command"]


def _plant_breach(world: SafetyWorld) -> None:
    """The monitor believes that the board may carry 10 A: what the machine does is a breach from now on."""
    monitor = world.supervisor.channels[1].monitor
    monitor._evse = dataclasses.replace(monitor._evse, hardware_max_a=10.0)


def test_a_broken_invariant_opens_latches_and_is_told() -> None:
    world = SafetyWorld(ticked=True)
    world.charge()
    told: list[Breach] = []
    world.supervisor._told = told.extend
    world.supervisor._on_breach = OnBreach.LATCH
    _plant_breach(world)
    world.run(PERIOD_S)
    assert not world.commanded() and world.pilot_output() != pytest.approx(26.66)
    assert [breach.invariant for breach in told] == [12]
    world.run(60.0)
    assert world.facts().faults == ("invariant",) and not world.commanded()
    world.supervisor.receive(FaultReset(1, "invariant"), world.now)
    world.run(PERIOD_S)
    assert world.facts().faults == ()


def test_a_kick_without_a_pass_is_told() -> None:
    world = SafetyWorld(ticked=True)
    world.run(1.0)
    told: list[Breach] = []
    world.supervisor._told = told.extend
    world.supervisor._kick(world.now)
    assert [breach.invariant for breach in told] == [23]


def test_in_a_test_a_broken_invariant_raises_with_safe_outputs() -> None:
    world = SafetyWorld(ticked=True)
    world.charge()
    _plant_breach(world)
    with pytest.raises(InvariantBroken, match="invariant 12 broken on EVSE 1"):
        world.run(PERIOD_S)
    assert not world.commanded() and world.pilot_output() == "X1"


def test_facts_are_told_on_every_change_and_twice_a_second() -> None:
    world = SafetyWorld(ticked=True)
    world.run(5.0)
    world.supervisor.outgoing(world.now)
    told = []
    for _ in range(200):
        world.run(PERIOD_S)
        told += world.supervisor.outgoing(world.now)
    assert len(told) == 4
    world.verb("plug_in", evse=1)
    world.run(0.2)
    assert len(world.supervisor.outgoing(world.now)) == 1
    world.supervisor.station_connected()
    assert len(world.supervisor.outgoing(world.now)) == 1


def test_a_station_that_is_back_is_not_told_to_be_gone() -> None:
    world = World()
    world.run(1.0)
    world.supervisor.station_lost(world.now)
    world.run(0.02)
    assert any("station process is gone" in reason for reason in world.machine().blocked_by)
    world.supervisor.station_connected()
    world.run(0.02)
    assert not any("station process is gone" in reason for reason in world.machine().blocked_by)


def test_messages_for_an_unknown_evse_are_counted_and_ignored() -> None:
    world = SafetyWorld()
    for message in (Permit(9, 16.0, 3, "r"), LockWish(9, False), FaultReset(9, "rcd_trip"), Heartbeat()):
        world.supervisor.receive(message, world.now)
    assert world.supervisor.unknown_evses == 3


def test_a_permit_is_never_believed_for_longer_than_two_seconds() -> None:
    world = SafetyWorld()
    world.charge(ignores_pwm_off=True)
    world.permit(lease_s=1000.0)
    world.hang_station()
    assert world.run(8.1, lambda: not world.contact_closed())


def test_a_quiet_evse_needs_no_passes_when_driven_by_deadlines() -> None:
    world = SafetyWorld()
    world.run(10.0)
    before = world.supervisor.passes
    world.run(3600.0)
    assert world.supervisor.passes == before and world.supervisor.deadline() is None


def test_making_safe_goes_on_whatever_a_driver_raises() -> None:
    world = World(evses=1)
    world.charge()
    for port in ("contactor", "pilot_driver", "lock"):
        world.failing[port].error = lambda: ValueError("somebody else's driver")
    world.fail("contactor", "command")
    world.fail("pilot_driver", "steady_high")
    world.fail("lock", "drive")
    for failing in world.failing.values():
        failing.calls.clear()
    channel = world.supervisor.channels[1]
    channel.make_safe()
    assert [name for port in ("contactor", "pilot_driver", "lock") for name, _ in world.failing[port].calls] == [
        "command",
        "steady_high",
        "drive",
    ]
    assert not channel.could_open and "ValueError: somebody else's driver" in str(channel.last_error)


@pytest.mark.parametrize(("port", "method"), [("estop", "is_active"), ("mains", "is_active"), ("lock", "is_locked")])
@pytest.mark.parametrize("answer", [None, 0, 1, "off"])
def test_an_input_that_says_neither_yes_nor_no_opens(port: str, method: str, answer: object) -> None:
    world = World(evses=1)
    world.charge()
    setattr(world.failing[port].port, method, lambda: answer)
    assert world.run(1.0, lambda: not world.commanded())
    assert "input_unreadable" in world.facts().faults


@pytest.mark.parametrize(
    ("port", "method", "fault"),
    [
        ("pilot_sense", "collect", "pilot_unread"),
        ("temperature", "read", "temperature_lost"),
        ("ground", "is_active", "ground_lost"),
    ],
)
@pytest.mark.parametrize("answer", [None, 25.0, "C"])
def test_a_reading_that_is_none_of_its_port_is_nothing_known(
    port: str, method: str, fault: str, answer: object
) -> None:
    world = World(evses=1, has_temperature=True, earth_monitor=True)
    world.charge()
    setattr(world.failing[port].port, method, lambda: answer)
    assert world.run(30.0, lambda: not world.commanded())
    assert {fault, "input_unreadable"} & set(world.facts().faults)
    if port != "ground":
        assert f"gave a {type(answer).__name__}, which is no " in str(world.supervisor.channels[1].last_error)
