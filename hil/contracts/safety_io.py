"""What every lock, residual-current monitor, watchdog and digital input driver must do."""

from __future__ import annotations

from typing import Protocol

import pytest

from controller.hal import ConnectorLock, DigitalInput, LockMotion, ResidualCurrent, Watchdog


class LockRig(Protocol):
    lock: ConnectorLock

    def bolt(self, locked: bool) -> None: ...
    def break_feedback_wire(self) -> None: ...
    def stop(self) -> None: ...


class MotorRig(LockRig, Protocol):
    def motor(self) -> LockMotion: ...
    def was_ever_shorted(self) -> bool:
        """Both drive lines were high at one time."""


class SolenoidRig(LockRig, Protocol):
    is_locked_by_current: bool

    def is_energised(self) -> bool: ...


class LockFeedbackContract:
    """Of every lock."""

    @pytest.mark.parametrize("locked", [True, False])
    def test_is_locked_tells_the_bolt_not_the_drive(self, rig: LockRig, locked: bool) -> None:
        rig.lock.drive(LockMotion.UNLOCK if locked else LockMotion.LOCK)
        rig.bolt(locked)
        assert rig.lock.is_locked() is locked

    def test_a_broken_feedback_wire_reads_not_locked(self, rig: LockRig) -> None:
        rig.bolt(True)
        rig.break_feedback_wire()
        assert not rig.lock.is_locked()


class ConnectorLockContract(LockFeedbackContract):
    """Of a motor, which is pulsed."""

    def test_the_motor_starts_at_rest(self, rig: MotorRig) -> None:
        assert rig.motor() is LockMotion.REST

    @pytest.mark.parametrize("motion", list(LockMotion))
    def test_drive_turns_the_motor_as_told(self, rig: MotorRig, motion: LockMotion) -> None:
        rig.lock.drive(motion)
        assert rig.motor() is motion

    def test_no_change_of_motion_ever_drives_both_ways(self, rig: MotorRig) -> None:
        for first in LockMotion:
            for second in LockMotion:
                rig.lock.drive(first)
                rig.lock.drive(second)
                assert rig.motor() is second
        assert not rig.was_ever_shorted()

    def test_an_orderly_end_stops_the_motor(self, rig: MotorRig) -> None:
        rig.lock.drive(LockMotion.LOCK)
        rig.stop()
        assert rig.motor() is LockMotion.REST


class SolenoidLockContract(LockFeedbackContract):
    """Of a solenoid, which is held."""

    def test_it_starts_without_current(self, rig: SolenoidRig) -> None:
        assert not rig.is_energised()

    @pytest.mark.parametrize("motion", [LockMotion.LOCK, LockMotion.UNLOCK])
    def test_a_motion_is_held_at_rest_and_whatever_the_bolt_does(self, rig: SolenoidRig, motion: LockMotion) -> None:
        energised = (motion is LockMotion.LOCK) is rig.is_locked_by_current
        rig.lock.drive(motion)
        for locked in (True, False, True):
            rig.bolt(locked)
            rig.lock.drive(LockMotion.REST)
            assert rig.is_energised() is energised

    def test_a_motion_ends_the_one_before(self, rig: SolenoidRig) -> None:
        for motion in (LockMotion.LOCK, LockMotion.UNLOCK, LockMotion.LOCK):
            rig.lock.drive(motion)
            assert rig.is_energised() is ((motion is LockMotion.LOCK) is rig.is_locked_by_current)

    def test_an_orderly_end_leaves_it_without_current(self, rig: SolenoidRig) -> None:
        for motion in (LockMotion.LOCK, LockMotion.UNLOCK):
            rig.lock.drive(motion)
        rig.stop()
        assert not rig.is_energised()


class ResidualRig(Protocol):
    residual: ResidualCurrent

    def trip(self, tripped: bool) -> None: ...
    def error(self, error: bool) -> None: ...
    def test_input_is_high(self) -> bool: ...
    def break_trip_wire(self) -> None: ...


class ResidualCurrentContract:
    @pytest.mark.parametrize("tripped", [True, False])
    def test_is_tripped_follows_the_monitor(self, rig: ResidualRig, tripped: bool) -> None:
        rig.trip(tripped)
        assert rig.residual.is_tripped() is tripped

    @pytest.mark.parametrize("error", [True, False])
    def test_has_error_follows_the_monitor(self, rig: ResidualRig, error: bool) -> None:
        rig.error(error)
        assert rig.residual.has_error() is error

    def test_a_broken_trip_wire_reads_tripped(self, rig: ResidualRig) -> None:
        rig.trip(False)
        rig.break_trip_wire()
        assert rig.residual.is_tripped()

    def test_the_test_input_rests_until_a_test(self, rig: ResidualRig) -> None:
        assert not rig.test_input_is_high()
        rig.residual.test(True)
        assert rig.test_input_is_high()
        rig.residual.test(False)
        assert not rig.test_input_is_high()


class WatchdogRig(Protocol):
    watchdog: Watchdog

    def edges(self) -> list[bool]:
        """Levels of the kick line after each of its changes."""


class WatchdogContract:
    def test_no_kick_no_edge(self, rig: WatchdogRig) -> None:
        assert rig.edges() == []

    def test_each_kick_is_an_edge(self, rig: WatchdogRig) -> None:
        for _ in range(4):
            rig.watchdog.kick()
        assert rig.edges() == [True, False, True, False]


class InputRig(Protocol):
    input: DigitalInput

    def condition(self, holds: bool) -> None: ...


class DigitalInputContract:
    @pytest.mark.parametrize("holds", [True, False])
    def test_is_active_tells_the_condition(self, rig: InputRig, holds: bool) -> None:
        rig.condition(holds)
        assert rig.input.is_active() is holds

    def test_is_active_follows_changes(self, rig: InputRig) -> None:
        for holds in (True, False, True):
            rig.condition(holds)
            assert rig.input.is_active() is holds
