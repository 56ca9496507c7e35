"""One EVSE inside the loop: its ports, its machine, its monitor. Reads levels in, writes what changed out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from controller.hal import (
    DeviceError,
    LockMotion,
    MirrorReading,
    PhaseReading,
    PilotDecoded,
    PilotReading,
    ProximityReading,
    TemperatureReading,
    plateaus_of,
)
from controller.logic.evse import Measurements, PilotOutput
from controller.logic.inputs import Inputs, Level, Mirror
from controller.logic.invariants import Breach, Monitor, TracePoint, Watched
from controller.logic.lock import Motion
from controller.logic.pilot import PilotMachine
from controller.logic.rcd import Step
from controller.safety.ports import EvsePorts

_MIRRORS = {
    MirrorReading.OPEN: Mirror.OPEN,
    MirrorReading.CLOSED: Mirror.CLOSED,
    MirrorReading.UNKNOWN: Mirror.UNKNOWN,
}
_MOTIONS = {Motion.LOCK: LockMotion.LOCK, Motion.UNLOCK: LockMotion.UNLOCK, Motion.REST: LockMotion.REST}
_FRESH_S = 10.0
_R = TypeVar("_R")


def level(holds: bool) -> Level:
    """Return what a port said; UNKNOWN for what is neither True nor False, as of a driver that forgets to return."""
    return Level.YES if holds is True else Level.NO if holds is False else Level.UNKNOWN


OTHER = {Level.YES: Level.NO, Level.NO: Level.YES, Level.UNKNOWN: Level.UNKNOWN}


def given(port: object, reading: _R, kind: type[_R] | tuple[type, ...]) -> _R:
    """Return what a port gave. Raises DeviceError where that is something else: nothing is known then."""
    if isinstance(reading, kind):
        return reading
    kinds = kind if isinstance(kind, tuple) else (kind,)
    wanted = " or ".join(each.__name__ for each in kinds)
    raise DeviceError(
        type(port).__name__, f"gave a {type(reading).__name__}, which is no {wanted}", "ask the driver's author"
    )


class EvseChannel:
    """Per pass: `begin`, `read`, `decide`, `write_openings`, `write`, `judge`, in this order for all EVSEs together."""

    def __init__(self, ports: EvsePorts, now: float, run_id: str) -> None:
        self.ports = ports
        self.config = ports.config
        self.machine = PilotMachine(ports.config, now, run_id)
        self.inputs = Inputs()
        self.point = TracePoint()
        self.monitor = Monitor(
            Watched(
                ports.config.evse_id,
                ports.config.hardware_max_a,
                ports.config.has_lock,
                ports.config.has_ventilation,
                ports.config.has_rcd_test,
            )
        )
        self.device_errors = 0
        self.last_error: DeviceError | None = None
        self.could_open = True  # the last write that opens the contactor succeeded
        self._contactor: tuple[bool, int] | None = None  # as last written; None: unknown
        self._pilot: tuple[PilotOutput, float | None] | None = None
        self._motion: Motion | None = None
        self._rcd_test: bool | None = None
        self._drawn: Measurements | None = None
        self._drawn_a: float | None = None
        self._drawn_at = float("-inf")

    # --- reading --------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start this pass's conversions."""
        try:
            self.ports.pilot_sense.begin()
        except DeviceError as error:
            self._failed(error)

    def read(self, estop_pressed: Level, mains_absent: Level, limit_active: Level) -> None:
        """Refresh the inputs. What cannot be read is unknown, or grows old."""
        inputs, ports = self.inputs, self.ports
        inputs.estop_pressed = estop_pressed
        inputs.mains_absent = mains_absent
        inputs.limit_active = limit_active
        try:
            inputs.mirror = _MIRRORS[ports.contactor.mirror()]
        except DeviceError as error:
            inputs.mirror = Mirror.UNKNOWN
            self._failed(error)
        self._read_lock()
        self._read_residual()
        self._read_ground()
        self._read_analogue()

    def _read_lock(self) -> None:
        if self.ports.lock is not None:
            self.inputs.locked = self._level(self.ports.lock.is_locked)

    def _level(self, read: Callable[[], bool]) -> Level:
        try:
            return level(read())
        except DeviceError as error:
            self._failed(error)
            return Level.UNKNOWN

    def _read_residual(self) -> None:
        inputs, residual = self.inputs, self.ports.residual
        if residual is None:
            return
        try:
            inputs.rcd_tripped = level(residual.is_tripped())
            inputs.rcd_partly_tripped = level(residual.is_partly_tripped())
            inputs.rcd_error = level(residual.has_error())
        except DeviceError as error:
            inputs.rcd_tripped = Level.UNKNOWN
            self._failed(error)

    def _read_ground(self) -> None:
        ground = self.ports.ground
        if ground is not None:
            self.inputs.ground_lost = OTHER[self._level(ground.is_active)]

    def _read_analogue(self) -> None:
        inputs, ports = self.inputs, self.ports
        try:
            seen = given(ports.pilot_sense, ports.pilot_sense.collect(), (PilotReading, PilotDecoded))
            reading = plateaus_of(seen)
            inputs.high_v, inputs.high_at_s, inputs.duty_pct = reading.high_v, reading.high_at_s, reading.duty_pct
            if reading.low_v is not None:  # where it was not looked at, what was seen last grows old
                inputs.low_v, inputs.low_at_s = reading.low_v, reading.low_at_s
        except DeviceError as error:
            self._failed(error)
        if ports.proximity is not None:
            try:
                proximity = given(ports.proximity, ports.proximity.read(), ProximityReading)
                inputs.proximity_ohm, inputs.proximity_at_s = proximity.resistance_ohm, proximity.at_s
            except DeviceError as error:
                self._failed(error)
        if ports.temperature is not None:
            try:
                warmth = given(ports.temperature, ports.temperature.read(), TemperatureReading)
                inputs.temperature_c, inputs.temperature_at_s = warmth.temperature_c, warmth.at_s
            except DeviceError as error:
                self._failed(error)
        if ports.phase_sense is not None:
            try:
                phases = given(ports.phase_sense, ports.phase_sense.read(), PhaseReading)
                inputs.current_a, inputs.voltage_v, inputs.phases_at_s = phases.current_a, phases.voltage_v, phases.at_s
                self._drew(phases.current_a, phases.at_s)
            except DeviceError as error:
                self._failed(error)

    # --- deciding and writing -------------------------------------------------------------------------------------------

    def decide(self, now: float) -> None:
        self.machine.step(self.inputs, now)

    def write_openings(self) -> None:
        """What makes safe goes out first, for every EVSE, before anything else is written."""
        self.inputs.outputs_failed = Level.NO
        if not self.machine.outputs.closed:
            self._write_contactor()

    def write(self) -> None:
        """Write the rest: the pilot, then the lock, the test line, and last a contactor that closes."""
        out = self.machine.outputs
        self._write_pilot()
        try:
            if self.ports.lock is not None and out.motion is not self._motion:
                self._motion = None
                self.ports.lock.drive(_MOTIONS[out.motion])
                self._motion = out.motion
            if self.ports.residual is not None and out.rcd_test is not self._rcd_test:
                self._rcd_test = None
                if self.config.has_rcd_test:
                    self.ports.residual.test(out.rcd_test)
                self._rcd_test = out.rcd_test
        except DeviceError as error:
            self._write_failed(error)
        if out.closed:
            self._write_contactor()

    def _write_contactor(self) -> None:
        out = self.machine.outputs
        wanted = (out.closed, out.phases)
        if wanted == self._contactor:
            return
        self._contactor = None
        try:
            self.ports.contactor.command(out.closed, out.phases)
            self._contactor = wanted
            self.could_open = True
        except DeviceError as error:
            self.could_open = out.closed
            self._write_failed(error)

    def _write_pilot(self) -> None:
        out = self.machine.outputs
        wanted = (out.pilot, out.duty_pct)
        if wanted == self._pilot:
            return
        self._pilot = None
        try:
            self._drive_pilot(out.pilot, out.duty_pct)
            self._pilot = wanted
        except DeviceError as error:
            self._write_failed(error)

    def _drive_pilot(self, output: PilotOutput, duty_pct: float | None) -> None:
        driver = self.ports.pilot_driver
        if output is PilotOutput.X2 and duty_pct is not None:
            driver.pulse(duty_pct)
        elif output is PilotOutput.F:
            driver.steady_low()
        elif output is PilotOutput.E:
            driver.disconnect()
        else:
            driver.steady_high()

    def make_safe(self) -> None:
        """Open, stop advertising, let the lock rest: each whatever became of the others. Nothing is assumed written."""
        self._contactor = self._pilot = self._motion = self._rcd_test = None
        ports = self.ports
        self.could_open = self._tried(lambda: ports.contactor.command(False, self.machine.outputs.phases))
        self._tried(ports.pilot_driver.steady_high)
        if ports.lock is not None:
            self._tried(partial(ports.lock.drive, LockMotion.REST))
        if ports.residual is not None and self.config.has_rcd_test:
            self._tried(partial(ports.residual.test, False))

    def _tried(self, write: Callable[[], None]) -> bool:
        """Write, whatever comes of it; return whether it succeeded."""
        try:
            write()
        except DeviceError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - the others are still to be made safe
            self._failed(DeviceError("a driver", f"raised {type(error).__name__}: {error}"))
        else:
            return True
        return False

    def _failed(self, error: DeviceError) -> None:
        self.device_errors += 1
        self.last_error = error

    def _write_failed(self, error: DeviceError) -> None:
        self.inputs.outputs_failed = Level.YES
        self._failed(error)

    # --- judging --------------------------------------------------------------------------------------------------------

    def measured(self, measurements: Measurements, now: float) -> None:
        """A permit brought measurements: the monitor judges them beside the machine."""
        if measurements.age_s <= _FRESH_S:
            self._drew(measurements.current_a, now - measurements.age_s)

    def _drew(self, current_a: tuple[float, ...], at_s: float) -> None:
        if current_a and at_s >= self._drawn_at:
            self._drawn_a = max(current_a[: self.config.phases])
            self._drawn_at = at_s

    def judge(self, now: float) -> list[Breach]:
        """Show the monitor what this pass read and drove."""
        machine, inputs, point = self.machine, self.inputs, self.point
        out, permit = machine.outputs, machine.permit
        point.at_s = now
        point.closed, point.phases = out.closed, out.phases
        point.output, point.duty_pct, point.signalled_a = out.pilot, out.duty_pct, machine.signalled_a
        point.motion = out.motion
        point.pilot = machine.plateau.state
        point.high_v, point.high_at_s = inputs.high_v, inputs.high_at_s
        point.low_v, point.low_at_s = inputs.low_v, inputs.low_at_s
        point.mirror, point.locked = inputs.mirror, inputs.locked
        point.rcd_tripped = inputs.rcd_tripped
        point.estop_pressed, point.mains_absent = inputs.estop_pressed, inputs.mains_absent
        point.is_testing = machine.self_test.step is not Step.RESTING
        point.tested_at_s = machine.self_test.passed_at_s
        point.cable_a, point.thermal_a = machine.cable_a, machine.thermal_a
        point.faults = machine.faults.ids
        point.is_explained = out.closed or machine.against != 0
        point.permit_until_s = machine.permit_until_s
        point.permit_a = permit.max_current_a if permit is not None else 0.0
        point.record_id = permit.charging_record_id if permit is not None else ""
        point.drawn_a = self._drawn_a if now - self._drawn_at < _FRESH_S else None
        return self.monitor.observe(point)
