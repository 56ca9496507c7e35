"""The scripted charging session: what is done to the station, and what must be seen of it in the world.

Every sight is looked for outside the station's own word: on the bench (pin, plateau, contact, current), in the frames that
reached the CSMS, and in the database file. The demo plays it, the wire tests repeat and disturb it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from hil.csms.csms import CommandFailed, Csms
from hil.csms.log import Frame, Party
from hil.processes import Rig

EVSE = 1
TOKEN = "04A2B3C4D5E680"
LIMIT_A = 10.0
FIRST_DUTY_PCT = 32.0 / 0.6  # the rating of board and cable, 32 A, as a duty (IEC 61851-1 Table A.8)
LIMIT_DUTY_PCT = LIMIT_A / 0.6

# What makes a session short enough to watch (1.6 knows it as MeterValueSampleInterval). All else is the default.
VARIABLES = {"SampledDataCtrlr.TxUpdatedInterval": 3}


@dataclass(slots=True)
class World:
    """Where the session is played and what it remembers. csms: None when a foreign CSMS is connected (no frames to see)."""

    rig: Rig
    csms: Csms | None
    version: str
    command: Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
    identity: str
    session_mark: int = 0
    step_mark: int = 0
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def is_v16(self) -> bool:
        return self.version == "1.6"

    def evse(self) -> dict[str, Any]:
        return self.rig.evse(EVSE)

    def call(self, action: str, *, since_session: bool = False, **expected: Any) -> Frame | None:
        """Return the first CALL of the station with these payload fields since this step (or this session) began."""
        if self.csms is None:
            return None
        mark = self.session_mark if since_session else self.step_mark
        for frame in self.csms.frames[mark:]:
            is_it = frame.sender is Party.STATION and frame.kind == "call" and frame.action == action
            if is_it and all(frame.payload.get(key) == value for key, value in expected.items()):
                return frame
        return None

    def result(self, action: str) -> Frame | None:
        """Return the first CALLRESULT the CSMS gave to `action` since this step began."""
        if self.csms is None:
            return None
        frames = self.csms.frames[self.step_mark :]
        return next((f for f in frames if f.sender is Party.CSMS and f.kind == "result" and f.action == action), None)


@dataclass(frozen=True, slots=True)
class Sight:
    """One thing to be seen. kind: plateau, pin, contact, current, frame, row. look: returns the evidence, or None."""

    kind: str
    what: str
    look: Callable[[World], str | None]
    within_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    title: str
    act: Callable[[World], Awaitable[None]]
    sights: tuple[Sight, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A sight that was looked for. evidence None: not seen in time. after_s: since the step began."""

    kind: str
    what: str
    evidence: str | None
    after_s: float


@dataclass(frozen=True, slots=True)
class Played:
    step: Step
    seen: tuple[Seen, ...]
    problem: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem and all(seen.evidence is not None for seen in self.seen)


async def play_step(world: World, step: Step) -> Played:
    """Do one step and look for all its sights. Never raises for what the station does or fails to do."""
    world.step_mark = len(world.csms.frames) if world.csms is not None else 0
    began = time.monotonic()
    try:
        await step.act(world)
    except CommandFailed as error:
        return Played(step, (), str(error))
    seen = []
    for sight in step.sights:
        if world.csms is None and sight.kind == "frame":
            continue
        seen.append(await _look(world, sight, began))
    return Played(step, tuple(seen))


async def _look(world: World, sight: Sight, began: float) -> Seen:
    while True:
        evidence = sight.look(world)
        waited = time.monotonic() - began
        if evidence is not None or waited > sight.within_s:
            return Seen(sight.kind, sight.what, evidence, round(waited, 3))
        await asyncio.sleep(0.05)


# --- what is looked for ---------------------------------------------------------------------------------------------------


def plateau(volts: float) -> Sight:
    def look(world: World) -> str | None:
        high = world.evse()["pilot_high_v"]
        return f"{high:.2f} V" if abs(high - volts) <= 1.0 else None

    return Sight("plateau", f"pilot high plateau {volts:.0f} V ±1", look)


def output(name: str) -> Sight:
    return Sight("pin", f"pilot output {name}", lambda w: name if w.evse()["pilot_output"] == name else None)


def duty(percent: float) -> Sight:
    def look(world: World) -> str | None:
        seen = world.evse()["duty_pct"]
        return f"{seen:.2f} %" if seen is not None and percent - 0.15 <= seen <= percent + 0.01 else None

    return Sight("pin", f"PWM duty {percent:.1f} %", look)


def contact(position: str) -> Sight:
    def look(world: World) -> str | None:
        evse = world.evse()
        agrees = evse["contact"] == position and evse["mirror"] == position
        return f"contact and mirror {position}" if agrees else None

    return Sight("contact", f"contactor {position}, proven by its mirror", look)


def locked(is_locked: bool) -> Sight:
    word = "locked" if is_locked else "unlocked"
    return Sight("pin", f"cable {word}", lambda w: word if w.evse()["locked"] is is_locked else None)


def drawing(low_a: float, high_a: float) -> Sight:
    def look(world: World) -> str | None:
        amps = max(world.evse()["current_a"])
        return f"{amps:.2f} A" if low_a <= amps <= high_a else None

    return Sight("current", f"the EV draws {low_a:.0f} to {high_a:.1f} A", look)


def status(v16: str, v201: str) -> Sight:
    def look(world: World) -> str | None:
        if world.is_v16:
            frame = world.call("StatusNotification", connectorId=EVSE, status=v16)
        else:
            frame = world.call("StatusNotification", evseId=EVSE, connectorStatus=v201)
        return frame.text if frame else None

    return Sight("frame", f"StatusNotification {v16} (2.0.1: {v201})", look)


def calls(
    what: str, v16: tuple[str, dict[str, Any]], v201: tuple[str, dict[str, Any]], since_session: bool = False
) -> Sight:
    def look(world: World) -> str | None:
        action, fields = v16 if world.is_v16 else v201
        frame = world.call(action, since_session=since_session, **fields)
        return frame.text if frame else None

    return Sight("frame", what, look)


def row(what: str, query: str) -> Sight:
    """A query of the station's database; seen when its first column is true in SQL's sense. The last is the evidence."""

    def look(world: World) -> str | None:
        rows = world.rig.rows(query)
        return str(rows[0][-1]) if rows and rows[0][0] else None

    return Sight("row", what, look)


def _energy_counts(world: World) -> str | None:
    """The meter's register has moved on since the step began, and the plant agrees with it."""
    evse = world.evse()
    moved = evse["energy_wh"] - world.memory["energy_wh"]
    return f"{moved:.1f} Wh more" if moved >= 2.0 else None


def _energy_frame(world: World) -> str | None:
    if world.is_v16:
        frame = world.call("MeterValues", connectorId=EVSE)
    else:
        frame = world.call("TransactionEvent", eventType="Updated", triggerReason="MeterValuePeriodic")
    return frame.text if frame else None


def _authorized(world: World) -> str | None:
    frame = world.result("Authorize")
    if frame is None:
        return None
    info = frame.payload.get("idTagInfo") or frame.payload.get("idTokenInfo")
    return frame.text if info["status"] == "Accepted" else None


# --- what is done ---------------------------------------------------------------------------------------------------------


async def _plug_in(world: World) -> None:
    world.rig.bench.verb("plug_in", evse=EVSE, ev={"phases": 3, **world.memory.get("ev", {})})


async def _swipe(world: World) -> None:
    world.rig.bench.verb("swipe", token=TOKEN)


async def _wait(world: World) -> None:
    world.memory["energy_wh"] = world.evse()["energy_wh"]


async def _limit(world: World) -> None:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": LIMIT_A}]}
    profile: dict[str, Any] = {"stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile"}
    if world.is_v16:
        profile |= {"chargingProfileId": 1, "chargingProfileKind": "Relative", "chargingSchedule": schedule}
        payload = {"connectorId": EVSE, "csChargingProfiles": profile}
    else:
        profile |= {"id": 1, "chargingProfileKind": "Relative", "chargingSchedule": [{"id": 1, **schedule}]}
        payload = {"evseId": EVSE, "chargingProfile": profile}
    reply = await world.command("SetChargingProfile", payload)
    if reply.get("status") != "Accepted":
        raise CommandFailed("Refused", f"SetChargingProfile was answered {reply}")


async def _unplug(world: World) -> None:
    world.rig.bench.verb("unplug", evse=EVSE)


async def _nothing(world: World) -> None:
    await asyncio.sleep(0)


STEPS = (
    Step(
        "boot",
        "The station starts, registers and reports its connectors",
        _nothing,
        (
            plateau(12),
            output("X1"),
            contact("open"),
            calls("BootNotification", ("BootNotification", {}), ("BootNotification", {}), since_session=True),
            calls(
                "StatusNotification Available",
                ("StatusNotification", {"connectorId": EVSE, "status": "Available"}),
                ("StatusNotification", {"evseId": EVSE, "connectorStatus": "Available"}),
                since_session=True,
            ),
        ),
    ),
    Step("plug_in", "An EV is plugged in", _plug_in, (plateau(9), locked(True), status("Preparing", "Occupied"))),
    Step(
        "swipe",
        "The driver holds a card to the reader; the CSMS accepts it",
        _swipe,
        (
            Sight("frame", "Authorize answered Accepted", _authorized),
            row("charging record committed", "SELECT count(*), max(id) FROM charging_records"),
            row("transaction committed", "SELECT count(*), max(id) FROM transactions WHERE ended IS NULL"),
            duty(FIRST_DUTY_PCT),
        ),
    ),
    Step(
        "energise",
        "The EV asks for energy and the contactor closes",
        _nothing,
        (
            plateau(6),
            contact("closed"),
            calls(
                "the transaction starts",
                ("StartTransaction", {"idTag": TOKEN}),
                ("TransactionEvent", {"eventType": "Started"}),
                since_session=True,
            ),
            drawing(20, 32.05),
        ),
    ),
    Step(
        "limit",
        f"The CSMS sends a limit of {LIMIT_A:.0f} A; the duty follows, then the EV",
        _limit,
        (duty(LIMIT_DUTY_PCT), drawing(6, LIMIT_A + 0.05)),
    ),
    Step(
        "energy",
        "Energy counts",
        _wait,
        (
            Sight("current", "the register moves", _energy_counts),
            Sight("frame", "meter values reach the CSMS", _energy_frame),
        ),
    ),
    Step(
        "stop",
        "The same card again: the session ends and the contactor opens",
        _swipe,
        (
            contact("open"),
            output("X1"),
            drawing(0, 0),
            row(
                "transaction ended with its reason",
                "SELECT count(*), max(stopped_reason) FROM transactions WHERE stopped_reason = 'Local'",
            ),
            calls(
                "the transaction ends",
                ("StopTransaction", {}),
                ("TransactionEvent", {"eventType": "Ended"}),
            ),
        ),
    ),
    Step("unplug", "The driver unplugs", _unplug, (plateau(12), locked(False), status("Available", "Available"))),
    Step(
        "delivered",
        "Everything is delivered",
        _nothing,
        (row("nothing waits in the queue", "SELECT sum(waiting) = 0, sum(waiting) || ' waiting' FROM streams"),),
    ),
)


def check_books(world: World) -> list[str]:
    """Return what does not add up at the end: energy at the CSMS against the plant's own integral, and rules broken."""
    if world.csms is None:
        return []
    problems = [str(violation) for violation in world.csms.violations]
    billed_wh = sum(t.energy_wh for t in world.csms.transactions if t.station == world.identity)
    plant_wh = world.evse()["energy_wh"]
    resolution_wh = 10.0  # the SDM630 counts in 0.01 kWh; the register is read at both ends
    if abs(billed_wh - plant_wh) > resolution_wh:
        problems.append(f"the CSMS knows of {billed_wh} Wh, through the contact went {plant_wh:.1f} Wh")
    still_open = [t.id for t in world.csms.transactions if t.is_open]
    if still_open:
        problems.append(f"transactions left open at the CSMS: {', '.join(still_open)}")
    return problems
