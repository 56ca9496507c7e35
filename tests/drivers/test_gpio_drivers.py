"""Contracts of the GPIO drivers, on a chip of the test's own and on the mock bench's page."""

from __future__ import annotations

import pytest

from controller.hal import DeviceError, LockMotion, MirrorReading
from drivers import registry
from drivers.bus import Buses
from hil.contracts.contactor import ContactorContract
from hil.contracts.safety_io import (
    ConnectorLockContract,
    DigitalInputContract,
    ResidualCurrentContract,
    SolenoidLockContract,
    WatchdogContract,
)
from tests.drivers.driver_rig import Lines, section

COIL, MIRROR, AUXILIARY, PHASES = 16, 22, 23, 26
LOCK, UNLOCK, FEEDBACK = 18, 19, 21
TRIP, TEST, ERROR = 24, 25, 27
TRIP_30 = 26
KICK, MAINS = 20, 13


class GpioContactorRig:
    """Contacts to ground with pull-ups: a closed circuit reads low."""

    def __init__(self, lines: Lines, buses: Buses, **optional: int) -> None:
        self._lines, self._buses, self._optional = lines, buses, optional
        self.contactor = registry.build(section("contactor", "gpio", pin=COIL, mirror_pin=MIRROR, **optional), buses)
        self.has_phase_relay = "phase_pin" in optional

    def coil_is_energised(self) -> bool:
        return self._lines.is_output(COIL) and self._lines.level(COIL)

    def three_phases_are_selected(self) -> bool:
        return self._lines.is_output(PHASES) and self._lines.level(PHASES)

    def main_contacts(self, closed: bool) -> None:
        self._lines.drive(MIRROR, closed)
        if "auxiliary_pin" in self._optional:
            self._lines.drive(AUXILIARY, not closed)

    def break_mirror_wire(self) -> None:
        self._lines.release(MIRROR)

    def stop(self) -> None:
        self._buses.close()


class TestGpioContactor(ContactorContract):
    @pytest.fixture(
        params=[{}, {"auxiliary_pin": AUXILIARY}, {"phase_pin": PHASES}], ids=["bare", "auxiliary", "phases"]
    )
    def rig(self, request: pytest.FixtureRequest, lines: Lines, buses: Buses) -> GpioContactorRig:
        return GpioContactorRig(lines, buses, **request.param)

    def test_contacts_that_contradict_each_other_read_unknown(self, lines: Lines, buses: Buses) -> None:
        contactor = GpioContactorRig(lines, buses, auxiliary_pin=AUXILIARY).contactor
        for level in (True, False):
            lines.drive(MIRROR, level)
            lines.drive(AUXILIARY, level)
            assert contactor.mirror() is MirrorReading.UNKNOWN


class MotorLockRig:
    def __init__(self, lines: Lines, buses: Buses) -> None:
        self._lines, self._buses = lines, buses
        settings = {"lock_pin": LOCK, "unlock_pin": UNLOCK, "feedback_pin": FEEDBACK}
        self.lock = registry.build(section("lock", "motor", **settings), buses)

    def motor(self) -> LockMotion:
        levels = self._lines.level(LOCK), self._lines.level(UNLOCK)
        return {(True, False): LockMotion.LOCK, (False, True): LockMotion.UNLOCK, (False, False): LockMotion.REST}[
            levels
        ]

    def was_ever_shorted(self) -> bool:
        high: set[int] = set()
        for pin, level in self._lines.edges(LOCK, UNLOCK):
            high = high | {pin} if level else high - {pin}
            if len(high) == 2:
                return True
        return False

    def bolt(self, locked: bool) -> None:
        self._lines.drive(FEEDBACK, not locked)

    def break_feedback_wire(self) -> None:
        self._lines.release(FEEDBACK)

    def stop(self) -> None:
        self._buses.close()


class TestMotorLock(ConnectorLockContract):
    @pytest.fixture
    def rig(self, lines: Lines, buses: Buses) -> MotorLockRig:
        return MotorLockRig(lines, buses)


class SolenoidLockRig:
    def __init__(self, lines: Lines, buses: Buses, energised: str) -> None:
        self._lines, self._buses = lines, buses
        self.is_locked_by_current = energised == "locked"
        settings = {"pin": LOCK, "energised": energised, "feedback_pin": FEEDBACK}
        self.lock = registry.build(section("lock", "solenoid", **settings), buses)

    def is_energised(self) -> bool:
        return self._lines.is_output(LOCK) and self._lines.level(LOCK)

    def bolt(self, locked: bool) -> None:
        self._lines.drive(FEEDBACK, not locked)

    def break_feedback_wire(self) -> None:
        self._lines.release(FEEDBACK)

    def stop(self) -> None:
        self._buses.close()


class TestSolenoidLock(SolenoidLockContract):
    @pytest.fixture(params=["locked", "unlocked"])
    def rig(self, request: pytest.FixtureRequest, lines: Lines, buses: Buses) -> SolenoidLockRig:
        return SolenoidLockRig(lines, buses, request.param)

    def test_an_end_opens_the_contactor_before_it_lets_the_plug_go(self, lines: Lines, buses: Buses) -> None:
        rig = SolenoidLockRig(lines, buses, "locked")
        contactor = GpioContactorRig(lines, buses).contactor
        rig.lock.drive(LockMotion.LOCK)
        contactor.command(True, 3)
        rig.stop()
        assert lines.edges(LOCK, COIL)[-2:] == [(COIL, False), (LOCK, False)]


class GpioResidualRig:
    def __init__(self, lines: Lines, buses: Buses) -> None:
        self._lines = lines
        settings = {"trip_pin": TRIP, "test_pin": TEST, "error_pin": ERROR}
        self.residual = registry.build(section("residual", "gpio", **settings), buses)

    def trip(self, tripped: bool) -> None:
        self._lines.drive(TRIP, tripped)

    def error(self, error: bool) -> None:
        self._lines.drive(ERROR, error)

    def test_input_is_high(self) -> bool:
        return self._lines.level(TEST)

    def break_trip_wire(self) -> None:
        self._lines.release(TRIP)


class TestGpioResidual(ResidualCurrentContract):
    @pytest.fixture
    def rig(self, lines: Lines, buses: Buses) -> GpioResidualRig:
        return GpioResidualRig(lines, buses)

    def test_a_monitor_without_error_line_never_has_an_error(self, lines: Lines, buses: Buses) -> None:
        residual = registry.build(section("residual", "gpio", trip_pin=TRIP, test_pin=TEST), buses)
        assert residual.has_error() is False

    def test_a_monitor_without_test_input_refuses_a_test_and_takes_its_end(self, lines: Lines, buses: Buses) -> None:
        residual = registry.build(section("residual", "gpio", trip_pin=TRIP), buses)
        residual.test(False)
        with pytest.raises(DeviceError, match="has no test input"):
            residual.test(True)

    @pytest.mark.parametrize("active_low", [True, False])
    def test_a_test_input_may_be_active_low(self, lines: Lines, buses: Buses, active_low: bool) -> None:
        settings = {"trip_pin": TRIP, "test_pin": TEST, "test_active_low": active_low}
        residual = registry.build(section("residual", "gpio", **settings), buses)
        levels = [lines.level(TEST)]
        for active in (True, False):
            residual.test(active)
            levels.append(lines.level(TEST))
        assert levels == ([True, False, True] if active_low else [False, True, False])

    @pytest.mark.parametrize("error_active_low", [True, False])
    def test_the_error_line_may_have_a_level_of_its_own(
        self, lines: Lines, buses: Buses, error_active_low: bool
    ) -> None:
        settings = {"trip_pin": TRIP, "error_pin": ERROR, "error_active_low": error_active_low}
        residual = registry.build(section("residual", "gpio", **settings), buses)
        for error in (True, False):
            lines.drive(ERROR, error is not error_active_low)
            assert residual.has_error() is error

    @pytest.mark.parametrize(("active_low", "pull"), [(False, "down"), (True, "up")])
    @pytest.mark.parametrize("kind", ["gpio", "rdc_dd"])
    def test_a_pull_that_hides_a_broken_trip_wire_is_refused(self, kind: str, active_low: bool, pull: str) -> None:
        pins = {"trip_pin": TRIP} if kind == "gpio" else {"trip_6ma_pin": TRIP, "trip_30ma_pin": TRIP_30}
        with pytest.raises(ValueError, match="a broken trip wire would read as healthy"):
            section("residual", kind, active_low=active_low, pull=pull, **pins)


class RdcDdRig(GpioResidualRig):
    """The contract's trip is that of one line, the other rests."""

    def __init__(self, lines: Lines, buses: Buses, tripping: int) -> None:
        self._lines, self._tripping = lines, tripping
        settings = {"trip_6ma_pin": TRIP, "trip_30ma_pin": TRIP_30, "test_pin": TEST, "error_pin": ERROR}
        self.residual = registry.build(section("residual", "rdc_dd", **settings), buses)
        for pin in (TRIP, TRIP_30):
            lines.drive(pin, False)

    def trip(self, tripped: bool) -> None:
        self._lines.drive(self._tripping, tripped)

    def break_trip_wire(self) -> None:
        self._lines.release(self._tripping)


class TestRdcDd(ResidualCurrentContract):
    @pytest.fixture(params=[TRIP, TRIP_30], ids=["6 mA", "30 mA"])
    def rig(self, request: pytest.FixtureRequest, lines: Lines, buses: Buses) -> RdcDdRig:
        return RdcDdRig(lines, buses, request.param)

    @pytest.mark.parametrize(
        ("six", "thirty", "partly"),
        [(False, False, False), (True, False, True), (False, True, True), (True, True, False)],
    )
    def test_one_line_of_two_is_part_of_a_trip(
        self, lines: Lines, buses: Buses, six: bool, thirty: bool, partly: bool
    ) -> None:
        residual = RdcDdRig(lines, buses, TRIP).residual
        lines.drive(TRIP, six)
        lines.drive(TRIP_30, thirty)
        assert (residual.is_tripped(), residual.is_partly_tripped()) == (six or thirty, partly)


class OneShotRig:
    def __init__(self, lines: Lines, buses: Buses) -> None:
        self._lines = lines
        self.watchdog = registry.build(section("watchdog", "one_shot", pin=KICK), buses)

    def edges(self) -> list[bool]:
        return [level for _, level in self._lines.edges(KICK)]


class TestOneShot(WatchdogContract):
    @pytest.fixture
    def rig(self, lines: Lines, buses: Buses) -> OneShotRig:
        return OneShotRig(lines, buses)


class GpioInputRig:
    def __init__(self, lines: Lines, buses: Buses, active_low: bool, pull: str) -> None:
        self._lines, self._active_low = lines, active_low
        self.input = registry.build(section("input", "gpio", pin=MAINS, active_low=active_low, pull=pull), buses)

    def condition(self, holds: bool) -> None:
        self._lines.drive(MAINS, holds is not self._active_low)


class TestGpioInput(DigitalInputContract):
    @pytest.fixture(params=[(low, pull) for low in (True, False) for pull in ("up", "down", "none")], ids=str)
    def rig(self, request: pytest.FixtureRequest, lines: Lines, buses: Buses) -> GpioInputRig:
        return GpioInputRig(lines, buses, *request.param)

    @pytest.mark.parametrize(
        ("active_low", "pull", "reads"),
        [(False, "down", False), (False, "up", True), (True, "up", False), (True, "down", True)],
    )
    def test_a_broken_wire_reads_as_the_pull_says(
        self, lines: Lines, buses: Buses, active_low: bool, pull: str, reads: bool
    ) -> None:
        rig = GpioInputRig(lines, buses, active_low, pull)
        lines.release(MAINS)
        assert rig.input.is_active() is reads
