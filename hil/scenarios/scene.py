"""One EVSE as a scenario sees it: what is done to it, what must be seen of it, and within which time.

A scenario reaches the world through `Doors` alone: the verbs of a bench, the station's local API, the commands of its CSMS. All
times are the bench's own: an edge's time stamp, or `now_s` just before a verb, which makes an interval longer than it was and
never shorter. Nothing here knows whether the bench is a simulation or a rig.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

LOOK_S = 0.1
GRACE_S = 0.5  # how long past a deadline a late edge is still waited for, so that the verdict can tell how late
STAMP_S = 0.010  # the least times are kept to a period of the safety loop: edges carry the time of their writing
SET_UP_S = 60.0
MOST_CLOSES, CLOSES_IN_S = 6, 600.0  # invariant 21: a station closes no more often


class Doors(Protocol):
    """How the world is reached. Every call may raise what its transport raises; that fails the scenario."""

    async def verb(self, name: str, /, **args: Any) -> dict[str, Any]:
        """Do a verb of the bench and return its answer."""

    async def ask(self, do: str, /, **args: Any) -> dict[str, Any]:
        """Ask the station's local API and return its answer."""

    async def command(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send the station an OCPP 2.0.1 command from its CSMS and return the answer's payload."""

    async def sleep(self, seconds: float) -> None: ...


class Failed(Exception):
    """A step did not go as it must. What was seen instead is in its verdict."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A time and where it comes from."""

    seconds: float
    cite: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One step. took_s: of a step with a limit, as the bench's time stamps say. cite: where the limit comes from."""

    text: str
    ok: bool
    seen: str = ""
    took_s: float | None = None
    limit: str = ""
    cite: str = ""


@dataclass(slots=True)
class Scene:
    """evse: the number at this bench. token: names this scenario's driver at the CSMS. verdicts: of the steps so far."""

    doors: Doors
    evse: int
    token: str = "SCENARIO"
    tell: Callable[[Verdict], None] = lambda verdict: None
    verdicts: list[Verdict] = field(default_factory=list)
    _faults: set[tuple[str, bool]] = field(default_factory=set)
    _has_struck_station: bool = False  # what it left latched may be latched at every EVSE
    _requests: int = 0
    duty_slack_pct: float = 0.0  # how exactly the bench measures a duty

    # --- what is done ---------------------------------------------------------------------------------------------------

    async def now(self) -> float:
        """Return the bench's time."""
        return float((await self.doors.verb("state", since_s=1e12))["now_s"])

    async def verb(self, name: str, /, **args: Any) -> float:
        """Do a verb at this EVSE. Returns the bench's time just before."""
        at = await self.now()
        await self.doors.verb(name, evse=self.evse, **args)
        return at

    async def fault(self, kind: str, value: Any = None, *, of_station: bool = False) -> float:
        """Break something. What was broken is mended at the end. Returns the bench's time just before."""
        self._faults.add((kind, of_station))
        self._has_struck_station |= of_station
        return await self._fault(kind, of_station, {} if value is None else {"value": value})

    async def mend(self, kind: str, *, of_station: bool = False) -> float:
        self._faults.discard((kind, of_station))
        return await self._fault(kind, of_station, {"clear": True})

    async def _fault(self, kind: str, of_station: bool, args: dict[str, Any]) -> float:
        at = await self.now()
        where = {} if of_station else {"evse": self.evse}
        await self.doors.verb("fault", kind=kind, **where, **args)
        return at

    async def authorise(self) -> float:
        """Start from the CSMS. Returns the bench's time just before."""
        at = await self.now()
        await self._answered("RequestStartTransaction", self._start(), "Accepted")
        return at

    async def refused(self) -> None:
        """A start from the CSMS is refused."""
        await self._answered("RequestStartTransaction", self._start(), "Rejected")

    def _start(self) -> dict[str, Any]:
        self._requests += 1
        token = {"idToken": f"{self.token}-{self._requests}"[-36:], "type": "Central"}
        return {"idToken": token, "evseId": self.evse, "remoteStartId": self._requests}

    async def stop(self) -> float:
        """Stop the transaction from the CSMS. Returns the bench's time just before."""
        transaction = (await self.status())["transaction"]
        if transaction is None:
            self._judge(Verdict("the CSMS stops the transaction", False, "the station knows of none"))
        at = await self.now()
        await self._answered("RequestStopTransaction", {"transactionId": transaction}, "Accepted")
        return at

    async def profile(self, amps: float, phases: int = 3) -> float:
        """Limit this EVSE from the CSMS. Returns the bench's time just before."""
        at = await self.now()
        period = {"startPeriod": 0, "limit": amps, "numberPhases": phases}
        schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
        profile = {
            "id": self.evse,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [schedule],
        }
        await self._answered("SetChargingProfile", {"evseId": self.evse, "chargingProfile": profile}, "Accepted")
        return at

    async def limit(self, amps: float | None) -> float:
        """Limit this EVSE at the station itself. Returns the bench's time just before."""
        at = await self.now()
        await self.doors.ask("set_local_limit", evse=self.evse, limit_a=amps)
        return at

    async def acknowledge(self, fault: str) -> float:
        """Somebody has looked and resets a latched fault."""
        at = await self.now()
        await self.doors.ask("clear_fault", evse=self.evse, fault=fault)
        return at

    async def _answered(self, action: str, payload: dict[str, Any], wanted: str) -> None:
        reply = await self.doors.command(action, payload)
        if reply.get("status") != wanted:
            self._judge(Verdict(f"{action} is answered {wanted}", False, str(reply)))
        elif wanted != "Accepted":
            self._judge(Verdict(f"{action} is answered {wanted}", True, str(reply)))

    # --- what is looked for ---------------------------------------------------------------------------------------------

    async def sees(
        self,
        text: str,
        what: str,
        value: Any,
        *,
        since: float,
        within: Limit,
        after: Limit | None = None,
    ) -> float:
        """Wait for an edge (`value`: what it becomes, or a predicate) and judge its time. Returns the time of the edge."""
        while True:
            state = await self.doors.verb("state", since_s=since)
            edge = next((each for each in self._edges(state, since) if _is(each, what, value)), None)
            if edge is not None or state["now_s"] - since > within.seconds + GRACE_S:
                break
            await self.doors.sleep(LOOK_S)
        cite = within.cite if after is None or after.cite == within.cite else f"{after.cite}; {within.cite}"
        bounds = f"<= {within.seconds:g} s" if after is None else f"{after.seconds:g} .. {within.seconds:g} s"
        if edge is None:
            self._judge(Verdict(text, False, "not seen", None, bounds, cite))
            raise AssertionError("a verdict that is not ok ends the scenario")
        took_s = edge["at_s"] - since
        in_time = took_s <= within.seconds and (after is None or took_s >= after.seconds - STAMP_S)
        self._judge(Verdict(text, in_time, f"{what} {edge['value']}", round(took_s, 4), bounds, cite))
        return float(edge["at_s"])

    async def never(self, text: str, what: str, value: Any, *, since: float, during: Limit) -> None:
        """Let a time pass in which this edge must not come."""
        while (state := await self.doors.verb("state", since_s=since))["now_s"] - since < during.seconds:
            await self.doors.sleep(min(1.0, during.seconds - (state["now_s"] - since) + 0.001))
        edge = next((each for each in self._edges(state, since) if _is(each, what, value)), None)
        seen = "" if edge is None else f"{what} {edge['value']} after {edge['at_s'] - since:.3f} s"
        self._judge(Verdict(text, edge is None, seen, None, f"for {during.seconds:g} s", during.cite))

    async def edges(self, what: str, since: float) -> list[dict[str, Any]]:
        """Return what the bench saw of one thing since then."""
        state = await self.doors.verb("state", since_s=since)
        return [each for each in self._edges(state, since) if each["what"] == what]

    def _edges(self, state: dict[str, Any], since: float) -> Iterable[dict[str, Any]]:
        return (each for each in _evse(state, self.evse)["edges"] if each["at_s"] >= since)

    async def state(self) -> dict[str, Any]:
        """What the bench sees of this EVSE now."""
        return _evse(await self.doors.verb("state", since_s=1e12), self.evse)

    async def shows(self, text: str, within_s: float = 5.0, **values: Any) -> dict[str, Any]:
        """Wait until the bench's state has these values (or satisfies these predicates)."""
        began = await self.now()
        while True:
            report = await self.doors.verb("state", since_s=1e12)
            evse = _evse(report, self.evse)
            wrong = {key: evse[key] for key, value in values.items() if not _fits(evse[key], value)}
            if not wrong or report["now_s"] - began > within_s:
                break
            await self.doors.sleep(LOOK_S)
        self._judge(Verdict(text, not wrong, ", ".join(f"{key} {evse[key]}" for key in values), cite=""))
        return evse

    async def faults(self, text: str, *ids: str, within_s: float = 3.0) -> None:
        """Wait until the station tells of just these faults of its EVSE."""
        await self._said(text, lambda status: set(status["faults"]) == set(ids), within_s, lambda s: str(s["faults"]))

    async def reason(self, word: str, within_s: float = 3.0) -> None:
        """Wait until the station says, with this word, why its contactor is open."""
        began, reasons = await self.now(), [""]
        while await self.now() - began <= within_s:
            why = _evse((await self.doors.ask("why"))["why"], self.evse)
            reasons = [*why["contactor_open_because"], *why["not_charging"]]
            if any(word in reason for reason in reasons):
                break
            await self.doors.sleep(LOOK_S)
        found = next((reason for reason in reasons if word in reason), "")
        self._judge(Verdict(f"the station says why: '{word}'", bool(found), found or str(reasons)))

    async def status(self) -> dict[str, Any]:
        """What the station says of this EVSE."""
        return _evse((await self.doors.ask("status"))["status"], self.evse)

    async def _said(
        self, text: str, holds: Callable[[dict[str, Any]], bool], within_s: float, show: Callable[[dict[str, Any]], str]
    ) -> None:
        began = await self.now()
        while not holds(status := await self.status()) and await self.now() - began <= within_s:
            await self.doors.sleep(LOOK_S)
        self._judge(Verdict(text, holds(status), show(status)))

    def holds(self, text: str, is_so: bool, seen: str = "", cite: str = "") -> None:
        """Judge something that is known already."""
        self._judge(Verdict(text, is_so, seen, cite=cite))

    def _judge(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)
        self.tell(verdict)
        if not verdict.ok:
            raise Failed(verdict.text)

    # --- beginning and end ----------------------------------------------------------------------------------------------

    async def charging(self, cable_a: int | None = None, **ev: Any) -> float:
        """Plug in, start from the CSMS, and wait until the contact is closed. Returns the bench's time just before."""
        at = await self.plugged(cable_a, **ev)
        await self.authorise()
        await self.shows("it charges", SET_UP_S, contact="closed", current_a=any)
        return at

    async def plugged(self, cable_a: int | None = None, **ev: Any) -> float:
        cable = {} if cable_a is None else {"cable_a": cable_a}
        return await self.verb("plug_in", ev=ev, **cable)

    async def prepare(self, closes: int = 2, within_s: float = 700.0) -> None:
        """Wait until the station is up and nothing of earlier scenarios delays so many closes: faults, lockouts, a due self-test."""
        self.duty_slack_pct = (await self.doors.verb("state", since_s=1e12)).get("duty_tolerance_pct", 0.0)
        began = await self.now()
        while (waits_for := await self._waits_for(closes)) and await self.now() - began < within_s:
            await self.doors.sleep(LOOK_S)
        if waits_for:
            self._judge(Verdict("the EVSE is ready", False, waits_for))

    async def _waits_for(self, closes: int) -> str:
        status = await self.status()
        if status["pilot"] != "A" or status["faults"] or status["transaction"] is not None:
            return f"pilot {status['pilot']}, faults {status['faults']}, transaction {status['transaction']}"
        why = _evse((await self.doors.ask("why"))["why"], self.evse)
        recent = [each for each in await self.edges("command", await self.now() - CLOSES_IN_S) if each["value"]]
        if len(recent) + closes > MOST_CLOSES:
            return f"{len(recent)} closes in the last ten minutes"
        delays = ("waiting 30 s", "to spare it", "self-test", "not yet proven")
        return next((each for each in why["contactor_open_because"] if any(word in each for word in delays)), "")

    async def tidy(self) -> None:
        """Mend what was broken, take the EV away, lift limits, and acknowledge what is latched."""
        for kind, of_station in tuple(self._faults):
            await self.mend(kind, of_station=of_station)
        if (await self.state())["plugged"]:
            await self.verb("unplug")
        await self.limit(None)
        await self.doors.command("ClearChargingProfile", {"chargingProfileId": self.evse})
        await self.doors.sleep(1.0)
        for evse in (await self.doors.ask("status"))["status"]["evses"]:
            if evse["id"] == self.evse or self._has_struck_station:
                for fault in evse["faults"]:
                    await self.doors.ask("clear_fault", evse=evse["id"], fault=fault)


def _evse(report: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in report["evses"] if each["id"] == number)
    return found


def _is(edge: dict[str, Any], what: str, value: Any) -> bool:
    return bool(edge["what"] == what and _fits(edge["value"], value))


def _fits(seen: Any, wanted: Any) -> bool:
    return bool(wanted(seen)) if callable(wanted) else bool(seen == wanted and type(seen) is type(wanted))
