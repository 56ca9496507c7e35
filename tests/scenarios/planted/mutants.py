"""Mistakes to plant in the safety machine, so that every scenario is seen to fail. Each is a function that patches.

In a simulation `patch` is pytest's; in a real process `sitecustomize` beside this file plants what the environment names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.logic import contactor, invariants, lock, metering, pilot, plateau, protection, rcd, thermal
from controller.logic.evse import PilotOutput, PilotState
from controller.logic.faults import FaultBook
from controller.logic.lock import Wanted
from controller.logic.pilot import Event, PilotMachine

Patch = Callable[[Any, str, Any], None]
Mutant = Callable[[Patch], None]

A, B, C, D, E = PilotState.A, PilotState.B, PilotState.C, PilotState.D, PilotState.E


SLOW_TO_OPEN = {(state, seen): 0.2 for state in (C, D) for seen in (A, B)}


def set_to(module: Any, **values: Any) -> Mutant:
    def plant(patch: Patch) -> None:
        for name, value in values.items():
            patch(module, name, value)

    return plant


def slow(changes: dict[tuple[PilotState, PilotState], float]) -> Mutant:
    """These changes of the pilot take so long to be confirmed."""
    return lambda patch: patch(plateau, "_CONFIRM_S", plateau._CONFIRM_S | changes)


def deaf(*ids: str) -> Mutant:
    """These faults are never reported."""
    report = FaultBook.report

    def hears(self: FaultBook, fault_id: str, stands: bool) -> None:
        report(self, fault_id, stands and fault_id not in ids)

    return lambda patch: patch(FaultBook, "report", hears)


def eager(patch: Patch) -> None:
    """The contactor is on whenever the pilot says C or D, whatever else."""
    step = PilotMachine.step

    def eagerly(self: PilotMachine, inputs: Any, now: float) -> Any:
        out = step(self, inputs, now)
        out.closed = out.closed or self.plateau.state in (C, D)
        return out

    patch(PilotMachine, "step", eagerly)


def vented(patch: Patch) -> None:
    """D is taken for C."""
    seen = PilotMachine._vehicle
    patch(PilotMachine, "_vehicle", lambda self: Event.ASKING if self.plateau.state is D else seen(self))


def first_duty_for_ever(patch: Patch) -> None:
    steer = PilotMachine._steer_duty

    def once(self: PilotMachine, now: float) -> None:
        if self.outputs.duty_pct is None:
            steer(self, now)

    patch(PilotMachine, "_steer_duty", once)


def untested(patch: Patch) -> None:
    """The self-test is believed to have passed from the beginning."""

    begin = rcd.SelfTest.__init__

    def passed(self: rcd.SelfTest, started_at_s: float | None = None, outputs: int = 1) -> None:
        begin(self, None, outputs)
        self.passed_at_s = started_at_s

    patch(rcd.SelfTest, "__init__", passed)


def any_cable(patch: Patch) -> None:
    patch(PilotMachine, "cable_a", property(lambda self: 32))


def trusts_lock(patch: Patch) -> None:
    deaf("lock_jammed")(patch)
    patch(PilotMachine, "_is_locked", lambda self: True)


def half_read_mirror(patch: Patch) -> None:
    """A mirror that contradicts itself counts as open."""
    observed = contactor.MirrorWatch.observed

    def as_open(self: contactor.MirrorWatch, mirror: contactor.Mirror, now: float) -> None:
        observed(self, contactor.Mirror.OPEN if mirror is contactor.Mirror.UNKNOWN else mirror, now)

    patch(contactor.MirrorWatch, "observed", as_open)


def never_unlocks(patch: Patch) -> None:
    """Whatever was plugged in once stays locked."""
    wanted = PilotMachine._lock_wanted
    patch(PilotMachine, "_lock_wanted", lambda self, now: Wanted.LOCKED if self.plug_count else wanted(self, now))


def patient_with_shorts(patch: Patch) -> None:
    """The plateau of a short falls through D, and then agrees on E: neither is hurried."""
    slow({(C, D): 2.0, (C, E): 2.0, (D, E): 2.0})(patch)
    patch(plateau, "_UNSETTLED_S", dict.fromkeys(PilotState, 3.0))


def both(*mutants: Mutant) -> Mutant:
    def plant(patch: Patch) -> None:
        for mutant in mutants:
            mutant(patch)

    return plant


def silent_f(patch: Patch) -> None:
    """F is never shown."""
    drive = PilotMachine._drive

    def without(self: PilotMachine, inputs: Any, now: float) -> None:
        drive(self, inputs, now)
        if self.outputs.pilot is PilotOutput.F:
            self.outputs.pilot = PilotOutput.X1

    patch(PilotMachine, "_drive", without)


def unwatched(patch: Patch) -> None:
    """The monitors inside the safety process see nothing, so that the mistake reaches the contact."""
    patch(invariants.Monitor, "observe", lambda self, point: [])
    patch(invariants.Monitor, "kicked", lambda self, at_s: [])


MUTANTS: dict[str, Mutant] = {
    "the lock is dead": lambda patch: patch(lock.LockMachine, "step", lambda self, *_: None),
    "eager": eager,
    "any cable is 32 A": any_cable,
    "C counts at once": both(set_to(pilot, ASKING_S=0.05), slow({(B, C): 0.05})),
    "first duty for ever": first_duty_for_ever,
    "raises at once": set_to(pilot, UPWARD_S=1.0),
    "slow to open": slow(SLOW_TO_OPEN),
    "slow, and deaf to the earth": both(slow(SLOW_TO_OPEN), deaf("proximity_changed", "ground_lost")),
    "never warm": set_to(thermal, DERATE_C=200.0, STOP_C=300.0),
    "lets them sleep": set_to(pilot, DROWSY_S=1e9),
    "switches no phases": lambda patch: patch(PilotMachine, "_switch_phases", lambda self, now: None),
    "closes again at once": set_to(pilot, RECLOSE_S=1.0),
    "never unlocks": never_unlocks,
    "forced open late": set_to(pilot, FORCED_OPEN_S=8.0),
    "closes without counting": set_to(pilot, CLOSES_PER_S=0.0),
    "D is C": vented,
    "untested": untested,
    "slow mirror": set_to(contactor, MISMATCH_S=2.0),
    "half-read mirror": half_read_mirror,
    "deaf to a drop": deaf("contactor_dropped"),
    "deaf to the RCD": deaf("rcd_trip", "rcd_error", "rcd_self_test"),
    "deaf to the whole station": deaf("emergency_stop", "mains_lost"),
    "silent F": silent_f,
    "patient with current": set_to(protection, OVER_S=20.0, FAR_OVER_S=20.0),
    "patient with voltage": set_to(protection, VOLTAGE_S=20.0),
    "sells without a meter": lambda patch: patch(metering.MeterHealth, "limit_a", lambda self, now, **_: None),
    "believes old samples": set_to(plateau, STALE_S=1.0),
    "patient with shorts": patient_with_shorts,
    "needs no diode": set_to(pilot, LOW_PLATEAU_V=(-13.0, 13.0)),
    "deaf to the coding": deaf("proximity_changed"),
    "trusts the lock": trusts_lock,
    "forgives at once": set_to(pilot, AFTER_ERROR_S=1.0),
    "unwatched": unwatched,
}
