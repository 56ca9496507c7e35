"""The walk along one EVSE: first every wire with the contactor open, then a vehicle's circuit, and only then, if all was well and a
person gave leave, the contactor.

Until then nothing here can close it: the coil is never driven by this module. It is the safety machine that closes it, with its
residual-current test, lock, diode check and monitor, under a permit that names a committed record; this module only watches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from controller.bringup import judge, wires
from controller.bringup.finding import Finding, failed, left_out, not_built, passed
from controller.bringup.looking import Sleep, look
from controller.bringup.person import Deed, Person
from controller.config.board import BoardConfig, EvseBoard
from controller.hal import DeviceError, EnergyMeter, LockMotion, MirrorReading
from controller.logic.evse import ContactorState, EvseFacts, Permit, PilotState
from controller.logic.faults import FAULTS
from controller.logic.inputs import Level
from controller.logic.rcd import RELEASED_BY_S, TRIPPED_BY_S, SelfTest, Step
from controller.logic.values import MeterReading
from controller.safety.ports import BoardPorts, EvsePorts
from controller.safety.supervisor import SafetySupervisor

TEST_DUTY_PCT = 50.0
LOCK_PULSE_S = 0.6
LEAST_A = 6.0
CLOSES_S = 20.0  # with the self-test of the residual-current monitor and the lock
RENEW_S = 0.25
DROPS_S = 0.300  # the one-shot's 220 ms at the most, the relay's 10 and the contactor's 40
GIVE_UP_S = 0.400
METER_S = 5.0


class _TestRun:
    """What was seen of a self-test. The judgement and its times are those of the station: `logic/rcd.py`."""

    def __init__(self, began_at: float) -> None:
        self.is_tripped = self.is_partly = False
        self.ended_in = Step.PULSING
        self._began_at = began_at
        self._tripped_at: float | None = None
        self._released_at: float | None = None

    def note(self, is_tripped: bool, is_partly: bool, now: float) -> None:
        if is_tripped and not is_partly and self._tripped_at is None:
            self._tripped_at = now
        if self.is_tripped and not is_tripped:
            self._released_at = now
        self.is_tripped, self.is_partly = is_tripped, is_partly

    def told(self) -> str:
        tripped, released = ((at or self._began_at) - self._began_at for at in (self._tripped_at, self._released_at))
        return f"trips after {tripped * 1000:.0f} ms, releases after {released * 1000:.0f} ms"


class EvseWalk:
    """meter: None where the EVSE has none. commit: makes and commits the record that a permit names. sleep, monotonic: of the loop."""

    def __init__(
        self,
        board: BoardConfig,
        evse: EvseBoard,
        ports: EvsePorts,
        shared: BoardPorts,
        meter: EnergyMeter | None,
        person: Person,
        commit: Callable[[int, int | None], str],
        *,
        monotonic: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._board = board
        self._evse = evse
        self._ports = ports
        self._shared = shared
        self._meter = meter
        self._person = person
        self._commit = commit
        self._monotonic = monotonic
        self._sleep = sleep
        self._period_s = board.period_ms / 1000.0
        self._register_wh: int | None = None
        self.findings: list[Finding] = []

    async def run(self) -> None:
        """Walk. Whatever happens, the outputs are safe at the end."""
        try:
            await self._without_vehicle()
            if await self._with_vehicle():
                await self._powered()
        finally:
            self._make_safe()

    # --- what every step uses -----------------------------------------------------------------------------------------

    def _found(self, finding: Finding) -> None:
        self.findings.append(finding)
        self._person.sees(finding)

    def _error(self, step: str, error: DeviceError) -> None:
        self._found(
            failed(step, self._evse.id, f"{error.device}: {error.problem}", "a reading", error.hint or error.device)
        )

    async def _step(self, step: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except DeviceError as error:
            self._error(step, error)

    async def _look(self) -> judge.Line:
        return await look(self._ports, self._shared, self._period_s, self._monotonic, self._sleep)

    # --- without a vehicle --------------------------------------------------------------------------------------------

    async def _without_vehicle(self) -> None:
        if not self._person.does(Deed.UNPLUG, evse=self._evse.id):
            self._found(left_out("wires without a vehicle", self._evse.id, "something stays plugged in"))
            return
        for step, work in (
            ("inputs", self._inputs),
            ("pilot +12 V", self._steady_high),
            ("pilot -12 V", self._steady_low),
            ("pilot PWM in A", self._pulsed),
            ("proximity, unplugged", self._unplugged),
            ("temperature", self._temperature),
            ("residual-current test", self._residual),
            ("lock", self._lock),
            ("meter", self._meter_read),
        ):
            await self._step(step, work)

    async def _inputs(self) -> None:
        evse, shared = self._evse, self._shared
        mirror = self._ports.contactor.mirror()
        contact = wires.line(evse.contactor, "mirror_pin", "auxiliary_pin")
        if mirror is MirrorReading.OPEN:
            self._found(passed("mirror contact", evse.id, "open, the coil is off", "open"))
        elif mirror is MirrorReading.CLOSED:
            check = f"the contactor is welded, or its contacts are swapped or inverted (contact_active_low): {contact}"
            self._found(failed("mirror contact", evse.id, "closed although the coil is off", "open", check))
        else:
            check = f"one of the two wires is broken or swapped: {contact}"
            self._found(failed("mirror contact", evse.id, "the two contacts contradict each other", "open", check))
        if shared.estop is not None:
            self._level(
                "emergency stop", shared.estop.is_active(), "pressed", "released", wires.line(self._board.estop, "pin")
            )
        if shared.mains is not None:
            self._level(
                "mains", not shared.mains.is_active(), "absent", "present", wires.line(self._board.mains, "pin")
            )
        if self._ports.ground is not None:
            self._level("earth", not self._ports.ground.is_active(), "lost", "present", wires.line(evse.ground, "pin"))

    def _level(self, step: str, is_bad: bool, bad: str, good: str, wire: str) -> None:
        if is_bad:
            self._found(failed(step, self._evse.id, bad, good, f"is it really {bad}? else {wire}"))
        else:
            self._found(passed(step, self._evse.id, good, good))

    async def _steady_high(self) -> None:
        self._ports.pilot_driver.steady_high()
        self._found(judge.steady_high(self._evse, (await self._look()).high_v))

    async def _steady_low(self) -> None:
        self._ports.pilot_driver.steady_low()
        self._found(judge.steady_low(self._evse, await self._look()))

    async def _pulsed(self) -> None:
        self._ports.pilot_driver.pulse(TEST_DUTY_PCT)
        line = await self._look()
        self._found(judge.pulsed(self._evse, PilotState.A, line))
        self._found(judge.duty(self._evse, TEST_DUTY_PCT, line))
        self._ports.pilot_driver.steady_high()

    async def _unplugged(self) -> None:
        if self._ports.proximity is None:
            return
        await self._look()  # the analogue channels take turns
        self._found(judge.unplugged_coding(self._evse, self._ports.proximity.read().resistance_ohm))

    async def _temperature(self) -> None:
        if self._ports.temperature is None:
            self._found(not_built("temperature", self._evse.id))
            return
        self._found(judge.temperature(self._evse, self._ports.temperature.read().temperature_c))

    async def _residual(self) -> None:
        step, evse, residual = "residual-current test", self._evse, self._ports.residual
        if residual is None:
            self._found(not_built(step, evse.id, f"upstream: {evse.upstream_rcd}"))
            return
        trip = wires.line(evse.residual, "trip_pin", "trip_6ma_pin", "trip_30ma_pin")
        if residual.has_error():
            where = wires.line(evse.residual, "error_pin")
            self._found(
                failed(step, evse.id, "its error output is active", "no error", f"the sensor's supply, then {where}")
            )
        if residual.is_tripped():
            check = f"is something leaking to earth? reset it; else {trip} (active_low)"
            self._found(failed(step, evse.id, "tripped already, without a test", "not tripped", check))
            return
        if getattr(evse.residual and evse.residual.settings, "test_pin", None) is None:
            self._found(not_built(step, evse.id, "no test line: press the device's own test button"))
            return
        began_at = self._monotonic()
        run, test = _TestRun(began_at), SelfTest(outputs=self._ports.config.rcd_outputs)
        test.start(began_at)
        try:
            while test.is_running:
                residual.test(test.is_line_active)
                await self._sleep(self._period_s)
                run.note(residual.is_tripped(), residual.is_partly_tripped(), self._monotonic())
                error = Level.YES if residual.has_error() else Level.NO
                run.ended_in = test.step
                partly = Level.YES if run.is_partly else Level.NO
                test.run(Level.YES if run.is_tripped else Level.NO, error, self._monotonic(), partly)
        finally:
            residual.test(False)
        outputs = wires.line(evse.residual, "trip_pin", "trip_6ma_pin", "trip_30ma_pin")
        expected = f"trips within {TRIPPED_BY_S:.2f} s, and releases by {RELEASED_BY_S:.2f} s"
        if not test.has_failed:
            self._found(passed(step, evse.id, run.told(), expected))
            return
        what, check = {
            Step.READING: ("its error output is active in the test", wires.line(evse.residual, "error_pin")),
            Step.RELEASING: ("it does not release after the test", outputs),
        }.get(
            run.ended_in,
            (
                "the test does not trip it",
                f"{wires.line(evse.residual, 'test_pin')}; {outputs}; or the monitor is dead",
            ),
        )
        if run.is_partly:
            what = "the test trips only one of its two outputs"
        self._found(failed(step, evse.id, what, expected, check))

    async def _until(self, holds: Callable[[], bool], within_s: float) -> float | None:
        """Return after how long it held; None where it did not in time."""
        began = self._monotonic()
        while not holds():
            if self._monotonic() - began > within_s:
                return None
            await self._sleep(self._period_s)
        return self._monotonic() - began

    async def _lock(self) -> None:
        lock, evse = self._ports.lock, self._evse
        if lock is None:
            return
        feedback = wires.line(evse.lock, "feedback_pin")
        for motion, wanted, key in ((LockMotion.LOCK, True, "lock_pin"), (LockMotion.UNLOCK, False, "unlock_pin")):
            lock.drive(motion)
            began = self._monotonic()
            took = await self._until(lambda wanted=wanted: lock.is_locked() is wanted, LOCK_PULSE_S)  # type: ignore[misc]
            await self._sleep(max(0.0, began + LOCK_PULSE_S - self._monotonic()))  # the bolt goes on after its switch
            lock.drive(LockMotion.REST)
            step, expected = f"lock: {motion.value}", f"feedback within {LOCK_PULSE_S:.1f} s"
            if took is None:
                check = f"the lock and its supply, {wires.line(evse.lock, key, 'pin')}, then the switch: {feedback}"
                self._found(failed(step, evse.id, "the feedback does not follow", expected, check))
                return
            self._found(passed(step, evse.id, f"after {took * 1000:.0f} ms", expected))

    async def _meter_read(self) -> None:
        if self._meter is None:
            self._found(not_built("meter", self._evse.id))
            return
        reading = await asyncio.wait_for(self._meter.read(), METER_S)
        self._register_wh = reading.energy_import_wh
        self._found(passed("meter", self._evse.id, f"{reading.energy_import_wh / 1000:.3f} kWh", "an answer"))
        self._found(judge.voltages(self._evse, reading.voltage_v))

    # --- a vehicle's circuit ------------------------------------------------------------------------------------------

    async def _with_vehicle(self) -> bool:
        """Return whether a vehicle's circuit asks for power."""
        step, evse = "a vehicle's circuit", self._evse.id
        if not self._person.does(Deed.PLUG_IN, evse=evse):
            self._found(left_out(step, evse, "no adapter or vehicle"))
            return False
        await self._step("pilot in B", self._in_b)
        if self._ports.proximity is not None:
            await self._step("proximity, plugged", self._plugged)
        if not self._person.does(Deed.ASK, evse=evse):
            self._found(left_out("pilot in C", evse, "nothing asks for power"))
            return False
        await self._step("pilot in C", self._in_c)
        return True

    async def _in_b(self) -> None:
        self._ports.pilot_driver.steady_high()
        self._found(judge.with_vehicle(self._evse, PilotState.B, (await self._look()).high_v))
        self._ports.pilot_driver.pulse(TEST_DUTY_PCT)
        self._found(judge.pulsed(self._evse, PilotState.B, await self._look()))
        self._ports.pilot_driver.steady_high()

    async def _plugged(self) -> None:
        await self._look()
        assert self._ports.proximity is not None
        self._found(judge.plugged_coding(self._evse, self._ports.proximity.read().resistance_ohm))

    async def _in_c(self) -> None:
        self._ports.pilot_driver.steady_high()
        self._found(judge.with_vehicle(self._evse, PilotState.C, (await self._look()).high_v))

    # --- the contactor ------------------------------------------------------------------------------------------------

    async def _powered(self) -> None:
        evse = self._evse.id
        bad = [finding.step for finding in self.findings if not finding.is_well]
        if bad:
            self._found(left_out("contactor", evse, f"not closed: first mend {', '.join(dict.fromkeys(bad))}"))
            return
        if not self._person.does(Deed.CLOSE, evse=evse):
            self._found(left_out("contactor", evse, "not closed: no leave was given"))
            return
        record_id = self._commit(evse, self._register_wh)
        supervisor = SafetySupervisor(
            [self._ports], self._shared, self._monotonic(), "bring-up", monotonic=self._monotonic
        )
        supervisor.station_connected()
        permit = Permit(evse, LEAST_A, self._evse.phases, record_id)
        try:
            await self._step("contactor", lambda: self._close(supervisor, permit))
        finally:
            supervisor.make_safe()
        if await self._until(lambda: self._ports.contactor.mirror() is MirrorReading.OPEN, GIVE_UP_S) is None:
            contact = wires.line(self._evse.contactor, "pin")
            check = f"ISOLATE THE SUPPLY: the contactor is welded, or its coil is held by something else: {contact}"
            self._found(failed("contactor opens", evse, "the mirror still says closed", "open", check))
        elif self._ports.lock is not None:
            self._ports.lock.drive(LockMotion.UNLOCK)
            await self._sleep(LOCK_PULSE_S)
            self._ports.lock.drive(LockMotion.REST)

    async def _close(self, supervisor: SafetySupervisor, permit: Permit) -> None:
        evse = self._evse.id
        told_at: float | None = None

        def is_over(facts: EvseFacts) -> bool:
            nonlocal told_at
            if told_at is None and facts.contactor is ContactorState.CLOSING:
                told_at = self._monotonic()
            return facts.contactor is ContactorState.CLOSED or bool(facts.faults)

        facts = await self._passes(supervisor, permit, is_over, CLOSES_S)
        if facts.contactor is not ContactorState.CLOSED:
            self._found(self._not_closed(facts))
            return
        took = self._monotonic() - (told_at if told_at is not None else self._monotonic())
        self._found(passed("contactor closes", evse, f"mirror after {took * 1000:.0f} ms", "within 350 ms"))
        await self._load(supervisor, permit)
        await self._watchdog()

    def _not_closed(self, facts: EvseFacts) -> Finding:
        coil = wires.line(self._evse.contactor, "pin")
        contact = wires.line(self._evse.contactor, "mirror_pin", "auxiliary_pin")
        hint = next((FAULTS[fault].hint for fault in facts.faults), "; ".join(facts.blocked_by))
        check = f"{hint}. Coil: {coil}; contacts: {contact}; {wires.kick(self._board)}"
        told = ", ".join(facts.faults) or "; ".join(facts.blocked_by) or "no reason"
        return failed("contactor closes", self._evse.id, told, f"closed within {CLOSES_S:.0f} s", check)

    async def _passes(
        self, supervisor: SafetySupervisor, permit: Permit, is_over: Callable[[EvseFacts], bool], within_s: float
    ) -> EvseFacts:
        """Make safety passes with a permit that is renewed; return the facts when it is over, or the last ones."""
        machine = supervisor.channels[permit.evse_id].machine
        began = renew_at = self._monotonic()
        while True:
            now = self._monotonic()
            if now >= renew_at:
                renew_at = now + RENEW_S
                supervisor.receive(permit, now)
            supervisor.pass_(now)
            facts = machine.facts(now)
            if is_over(facts) or now - began > within_s:
                return facts
            await self._sleep(self._period_s)

    async def _load(self, supervisor: SafetySupervisor, permit: Permit) -> None:
        """Read the meter while power flows; the safety passes go on meanwhile."""
        if self._meter is None:
            return
        read = asyncio.ensure_future(self._meter_under_load(self._meter))
        try:
            facts = await self._passes(supervisor, permit, lambda facts: read.done() or bool(facts.faults), 2 * METER_S)
            if facts.faults or not read.done():
                told = ", ".join(facts.faults) or "no answer"
                self._found(failed("meter currents", self._evse.id, told, "an answer", "pilotline why"))
                return
            self._found(judge.currents(self._evse, read.result().current_a))
        finally:
            read.cancel()

    async def _meter_under_load(self, meter: EnergyMeter) -> MeterReading:
        await self._sleep(3.0)  # until a vehicle draws and a meter's average has followed
        return await asyncio.wait_for(meter.read(), METER_S)

    async def _watchdog(self) -> None:
        """Stop kicking with the coil on: the hardware alone must open within its time."""
        evse, step = self._evse.id, "hardware watchdog"
        if self._shared.watchdog is None:
            check = "fit one, and name it in [watchdog]: software must never be the only thing that opens a contactor"
            self._found(failed(step, evse, "none is built", "opens by itself", check))
            return
        took = await self._until(lambda: self._ports.contactor.mirror() is MirrorReading.OPEN, GIVE_UP_S)
        expected = f"opens within {DROPS_S * 1000:.0f} ms without kicks"
        if took is not None and took <= DROPS_S + self._period_s:
            self._found(passed(step, evse, f"opened after {took * 1000:.0f} ms", expected))
            return
        told = "the contactor stays closed" if took is None else f"opened only after {took * 1000:.0f} ms"
        check = f"the one-shot (220 ms at the most) and its gate in the coil's supply: {wires.kick(self._board)}"
        self._found(failed(step, evse, told, expected, check))

    def _make_safe(self) -> None:
        """Open and advertise nothing, each whatever became of the others."""
        lock = self._ports.lock
        acts: list[Callable[[], None]] = [
            lambda: self._ports.contactor.command(False, self._evse.phases),
            self._ports.pilot_driver.steady_high,
        ]
        if lock is not None:
            acts.append(lambda: lock.drive(LockMotion.REST))
        for act in acts:
            try:
                act()
            except DeviceError as error:
                self._error("safe outputs", error)
