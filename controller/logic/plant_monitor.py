"""The invariants as the world outside sees them: fed with what the plant observed, knowing nothing of the program.

Only plain values come in: contact edges, what is advertised, what the vehicle does to the pilot, kicks, and which process died. Its
limits are those of the contact itself, so they contain the relay's and contactor's own time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.logic.invariants import INVARIANTS, TOLERANCE_S, Breach

CLOSING_S = 0.100  # a contact that was on its way when the demand arose may still close
CONTACT_S = 0.040  # relay and contactor, beside the program's own budget
KICK_S = 0.250
STATION_EOF_S = 6.5
LEASE_S = 2.0


@dataclass(frozen=True, slots=True)
class _Demand:
    """Since `since_s` the contact must be open within `open_within_s`; one that was on its way may close for `may_close_s`."""

    since_s: float
    open_within_s: float
    why: str
    may_close_s: float = CLOSING_S


class _Evse:
    """What is known of one EVSE from outside. demands: by invariant, what demands an open contact now."""

    __slots__ = ("closed", "demands", "is_advertising", "opened_at")

    def __init__(self) -> None:
        self.closed = False
        self.is_advertising = False
        self.opened_at = float("-inf")
        self.demands: dict[int, _Demand] = {}


class PlantMonitor:
    """Judges all EVSEs of a station. Call with times in order, and `check(now)` now and then and at the end."""

    def __init__(self, evse_ids: tuple[int, ...]) -> None:
        self._evses = {evse_id: _Evse() for evse_id in evse_ids}
        self._told: set[tuple[int, int]] = set()
        self._dark_at: dict[int, float] = {}
        self._is_dead = False

    # --- what the plant saw ---------------------------------------------------------------------------------------------

    def contact(self, evse_id: int, closed: bool, at_s: float) -> list[Breach]:
        """The main contact moved."""
        found = self.check(at_s)
        evse = self._evses[evse_id]
        if closed and not evse.closed and at_s - evse.opened_at < 5.0 - CONTACT_S:
            found.append(self._breach(21, evse_id, at_s, f"closed {at_s - evse.opened_at:.2f} s after it opened"))
        for number, demand in evse.demands.items() if closed else ():
            if at_s > demand.since_s + demand.may_close_s:
                found.append(self._breach(number, evse_id, at_s, f"closed although {demand.why}"))
        if evse.closed and not closed:
            evse.opened_at = at_s
        evse.closed = closed
        return found

    def advertising(self, evse_id: int, is_advertising: bool, at_s: float) -> list[Breach]:
        """The pilot that the vehicle sees tells it that it may charge, or no longer does."""
        found = self.check(at_s)
        evse = self._evses[evse_id]
        evse.is_advertising = is_advertising
        self._demand(evse, 8, not is_advertising and evse.closed, at_s, 6.5 + CONTACT_S, "PWM is off")
        return found

    def vehicle(self, evse_id: int, state: str, at_s: float) -> list[Breach]:
        """What the vehicle's circuit really is: A..E."""
        found = self.check(at_s)
        evse = self._evses[evse_id]
        self._demand(evse, 6, state in "AB", at_s, 0.100, f"the vehicle is in {state}")
        self._demand(evse, 7, state == "E", at_s, 0.500 + CONTACT_S, "the pilot is shorted")
        return found

    def residual(self, evse_id: int, tripped: bool, at_s: float) -> list[Breach]:
        return self._common((evse_id,), 19, tripped, at_s, 0.050 + CONTACT_S, "the RCD has tripped")

    def emergency(self, stands: bool, at_s: float) -> list[Breach]:
        """E-stop pressed, or mains absent."""
        return self._common(tuple(self._evses), 26, stands, at_s, 0.050 + CONTACT_S, "of e-stop or mains")

    def kicked(self, at_s: float) -> list[Breach]:
        """The one-shot was kicked: a quarter of a second without the next one must open everything."""
        found = self.check(at_s)
        for evse in self._evses.values():
            evse.demands[23] = _Demand(at_s, KICK_S + CONTACT_S, "the watchdog was last kicked", KICK_S)
        return found

    def safety_died(self, at_s: float) -> list[Breach]:
        """Killed, crashed or stopped: open and dark within 250 ms, by hardware; nobody is left who could be quicker."""
        found = self.check(at_s)
        self._is_dead = True
        for evse_id, evse in self._evses.items():
            evse.demands[24] = _Demand(at_s, KICK_S + CONTACT_S, "the safety process is dead", KICK_S)
            self._dark_at[evse_id] = at_s + KICK_S + CONTACT_S
        return found

    def safety_started(self, at_s: float) -> None:
        """It drives outputs again: whatever demands an open contact does so anew from now on."""
        self._is_dead = False
        for evse in self._evses.values():
            evse.demands.pop(24, None)
            evse.demands.pop(23, None)
            for number, demand in evse.demands.items():
                evse.demands[number] = replace(demand, since_s=at_s)
        self._dark_at.clear()

    def station_died(self, at_s: float, *, hangs: bool = False) -> list[Breach]:
        """The station's socket closed, or (hangs) it stopped renewing: its lease runs first."""
        lease_s = LEASE_S if hangs else 0.0
        found = self.check(at_s)
        demand = _Demand(at_s, STATION_EOF_S + CONTACT_S + lease_s, "the station is gone", CLOSING_S + lease_s)
        for evse in self._evses.values():
            evse.demands.setdefault(24, demand)
        return found

    def station_returned(self) -> None:
        for evse in self._evses.values():
            evse.demands.pop(24, None)

    # --- judging --------------------------------------------------------------------------------------------------------

    def check(self, now: float) -> list[Breach]:
        """Return what has become broken by now."""
        found = []
        for evse_id, evse in self._evses.items():
            for number, demand in evse.demands.items():
                lasted = now - demand.since_s
                if self._is_dead and number not in (23, 24):
                    continue
                if evse.closed and lasted > demand.open_within_s + TOLERANCE_S:
                    found += self._once(number, evse_id, now, f"contact closed {lasted:.3f} s after {demand.why}")
            dark_at = self._dark_at.get(evse_id)
            if dark_at is not None and evse.is_advertising and now > dark_at + TOLERANCE_S:
                found += self._once(24, evse_id, now, "the pilot still advertises")
        return found

    def _common(
        self, evse_ids: tuple[int, ...], number: int, stands: bool, at_s: float, limit_s: float, why: str
    ) -> list[Breach]:
        found = self.check(at_s)
        for evse_id in evse_ids:
            self._demand(self._evses[evse_id], number, stands, at_s, limit_s, why)
        return found

    def _demand(self, evse: _Evse, number: int, stands: bool, at_s: float, limit_s: float, why: str) -> None:
        if stands:
            evse.demands.setdefault(number, _Demand(at_s, limit_s, why))
        else:
            evse.demands.pop(number, None)

    def _once(self, number: int, evse_id: int, at_s: float, detail: str) -> list[Breach]:
        if (number, evse_id) in self._told:
            return []
        self._told.add((number, evse_id))
        return [self._breach(number, evse_id, at_s, detail)]

    def _breach(self, number: int, evse_id: int, at_s: float, detail: str) -> Breach:
        return Breach(number, evse_id, at_s, f"{INVARIANTS[number]}; {detail}")
