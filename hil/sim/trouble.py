"""What goes wrong around a station: the network, the CSMS, our own processes, the power, the hardware. All of it can be put right."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from datetime import timedelta
from typing import Any

from hil.csms.schemas import Version
from hil.memory import Direction, Fate, calls
from hil.sim.chance import CROWDED, Dice, Pace
from hil.sim.world import IDENTITY, SUBPROTOCOLS, SimWorld

KINDS = {
    "network down": 14,
    "network stalls": 5,
    "connection cut": 6,
    "reply lost": 12,
    "frame lost": 4,
    "CSMS refuses": 4,
    "CSMS errs": 8,
    "CSMS silent": 5,
    "CSMS slow": 5,
    "CSMS hesitates": 3,
    "station killed": 7,
    "station stopped": 3,
    "station hangs": 3,
    "safety killed": 6,
    "power cut": 5,
    "fault": 16,
    "meter silent": 7,
    "reader gone": 2,
    "meter jumps": 3,
    "bad frame": 5,
    "clock steps": 4,
}
_BAD_FRAMES = (  # none of which deserves an answer
    "", "nonsense", "{}", "[]", "[2]", '[3,"never asked",{}]', '[4,"never asked","GenericError","",{}]', '[2,"3","Reset",',
    '[2,"4","Reset",[' + "[" * 3000, "\u0000\ufeff", "[2," + "9" * 5000 + "]",
)  # fmt: skip
# How the `fault` verb is used: kinds of an EVSE with their likelihood, and values to choose from.
_FAULTS: Mapping[str, tuple[float, tuple[Any, ...]]] = {
    "diode": (2, (None,)),
    "cp_short": (3, (0, 500, "after_diode")),
    "pp_ohm": (2, (50, 900, "open")),
    "rcd": (3, ("trip", "error", "dead")),
    "weld": (1, (None,)),
    "stuck_open": (2, (None,)),
    "over_current": (3, (None, 40)),
    "under_voltage": (2, (180,)),
    "over_voltage": (2, (265,)),
    "ground": (2, (None,)),
    "mirror": (2, ("open", "closed", "inverted", "contradictory")),
    "lock_jam": (2, (None,)),
    "over_temperature": (1, (75,)),
    "meter_garbage": (2, (None,)),
}
_OF_STATION = {"mains": 4.0, "estop": 3.0, "adc": 3.0}
_ACTIONS = {
    Version.V16: ("StartTransaction", "StopTransaction", "MeterValues", "Authorize", "StatusNotification", "Heartbeat"),
    Version.V201: ("TransactionEvent", "TransactionEvent", "Authorize", "StatusNotification", "Heartbeat"),
}


class Trouble:
    """note: told of everything that is done. without: kinds that are left out; the others happen when and as they would with them.

    `made`: how often each kind happened.
    """

    def __init__(
        self,
        world: SimWorld,
        seed: int,
        note: Callable[[str], None],
        without: Collection[str] = frozenset(),
        pace: Pace = CROWDED,
    ) -> None:
        self._world = world
        self._seed = seed
        self._dice = Dice(seed, "trouble")
        self._note = note
        self._without = without
        self._pace = pace
        self._tasks: set[asyncio.Task[None]] = set()
        self.processes = asyncio.Lock()  # one thing at a time is done to them
        self.made: Counter[str] = Counter()

    async def run(self) -> None:
        """Make trouble now and then, for ever; it may come on top of what is still wrong."""
        for number in itertools.count():
            await self._world.sleep(self._pace.until_next(self._dice, 20, 7200))
            kind = self._dice.weighed(KINDS)
            if kind in self._without:
                continue
            self.made[kind] += 1
            happening = _Happening(self._world, Dice(self._seed, f"trouble {number}"), self._note, self)
            self._spawn(happening.run(kind))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._world.fail(error)

    async def put_right(self) -> None:
        """Let what is under way come to its end, and mend everything."""
        async with self.processes:  # whoever is dead is being started again
            for task in tuple(self._tasks):
                task.cancel()
        world, behaviour = self._world, self._world.csms.behaviour
        world.network.resume()
        world.network.admit_again()
        world.network.forget_plans()
        world.verb("network", up=True)
        behaviour.boot_statuses.clear()
        behaviour.errors.clear()
        behaviour.silences.clear()
        behaviour.delays_s.clear()
        for model in world.plant.evses.values():
            for kind in tuple(model.faults):
                world.verb("fault", evse=model.built.id, kind=kind, clear=True)
        for kind in tuple(world.plant.station_faults):
            world.verb("fault", kind=kind, clear=True)
        for name in world.plant.readers:
            world.verb("fault", kind="reader_gone", value=name, clear=True)
        if world.safety is None:
            world.start_safety()
        world.start_station()

    async def reset_faults(self) -> None:
        """What a technician does who has looked."""
        for evse in self._world.plant.evses:
            shown = self._world.station_or_fail.snapshot()["evses"][evse - 1]
            for fault in shown["faults"]:
                self._note(f"EVSE {evse}: the technician resets {fault}")
                self._world.station_or_fail.clear_fault(evse, fault)
        await self._world.sleep(60)


class _Happening:
    """One thing that goes wrong. dice: its own, so that nothing else changes where another one is left out."""

    def __init__(self, world: SimWorld, dice: Dice, note: Callable[[str], None], trouble: Trouble) -> None:
        self._world = world
        self._dice = dice
        self._note = note
        self._trouble = trouble
        self._processes = trouble.processes
        self._actions = _ACTIONS[SUBPROTOCOLS[world.version]]

    async def run(self, kind: str) -> None:
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "network down": self._network_down,
            "network stalls": self._network_stalls,
            "connection cut": self._cut,
            "reply lost": self._lose_reply,
            "frame lost": self._lose_frame,
            "CSMS refuses": self._refuse,
            "CSMS errs": self._err,
            "CSMS silent": self._silence,
            "CSMS slow": self._slow,
            "CSMS hesitates": self._hesitate,
            "station killed": self._kill_station,
            "station stopped": self._stop_station,
            "station hangs": self._hang_station,
            "safety killed": self._kill_safety,
            "power cut": self._power_cut,
            "fault": self._fault,
            "meter silent": self._meter_silent,
            "reader gone": self._reader_gone,
            "meter jumps": self._meter_jumps,
            "bad frame": self._bad_frame,
            "clock steps": self._step_clock,
        }
        await kinds[kind]()

    async def _network_down(self) -> None:
        self._world.verb("network", up=False)
        await self._lasts("the network is down", 20, 6 * 3600)
        self._world.verb("network", up=True)

    async def _network_stalls(self) -> None:
        self._world.network.stall()
        await self._lasts("the network stalls", 1, 300)
        self._world.network.resume()

    async def _cut(self) -> None:
        still = self._dice.happens(0.5)
        self._note("the connection is cut")
        self._world.network.cut(
            server_still_gets=still, server_notices_after_s=0 if still else self._dice.one_of(0, 20)
        )

    async def _lose_reply(self) -> None:
        action = self._dice.one_of(*self._actions)
        self._note(f"the next reply to {action} is lost")
        self._world.network.lose_reply_to(action)

    async def _lose_frame(self) -> None:
        action, direction = self._dice.one_of(*self._actions), self._dice.one_of(*Direction)
        fate = self._dice.one_of(Fate.LOSE, Fate.LOSE_AND_CUT, Fate.DELIVER_AND_CUT)
        self._note(f"a frame {direction.value} ({action}) meets its fate: {fate.value}")
        matches = calls(action) if direction is Direction.UP else lambda text: text.startswith("[3")
        self._world.network.plan(direction, matches, fate)

    async def _refuse(self) -> None:
        self._world.network.refuse("service unavailable", status=self._dice.one_of(None, 503, 502))
        self._world.network.cut()
        await self._lasts("the CSMS refuses connections", 10, 1800)
        self._world.network.admit_again()

    async def _err(self) -> None:
        action, code = self._dice.one_of(*self._actions), self._dice.one_of("InternalError", "GenericError")
        self._note(f"the CSMS answers the next {action} with {code}")
        self._world.csms.behaviour.fail(action, self._dice.one_of(1, 2), code=code)

    async def _silence(self) -> None:
        action = self._dice.one_of(*self._actions)
        self._note(f"the CSMS does not answer the next {action}")
        self._world.csms.behaviour.ignore(action)

    async def _slow(self) -> None:
        delays = self._world.csms.behaviour.delays_s
        action = self._dice.one_of(*self._actions)
        delays[action] = self._dice.lasting(0.2, 25)
        await self._lasts(f"the CSMS takes {delays[action]:.1f} s for {action}", 30, 1800)
        delays.pop(action, None)

    async def _hesitate(self) -> None:
        answers = [self._dice.one_of("Pending", "Rejected") for _ in range(self._dice.one_of(1, 3))]
        self._note(f"the CSMS answers the next BootNotifications: {answers}")
        self._world.csms.behaviour.boot(*answers)

    async def _kill_station(self) -> None:
        async with self._processes:
            dead_s = self._dice.lasting(0.25, 300)
            self._note(f"the station is killed for {dead_s:.1f} s")
            await self._world.restart_station(dead_s)

    async def _stop_station(self) -> None:
        async with self._processes:
            dead_s = self._dice.lasting(0.25, 300)
            self._note(f"the station is stopped for {dead_s:.1f} s")
            await self._world.stop_station()
            await self._world.sleep(dead_s)
            self._world.start_station()

    async def _hang_station(self) -> None:
        async with self._processes:
            self._world.freeze_station(True)
            await self._lasts("the station hangs", 0.5, 60)
            self._world.freeze_station(False)

    async def _kill_safety(self) -> None:
        async with self._processes:
            dead_s = self._dice.lasting(0.25, 60)
            self._note(f"the safety process is killed for {dead_s:.1f} s")
            await self._world.restart_safety(dead_s)

    async def _power_cut(self) -> None:
        async with self._processes:
            dark_s, trusted = self._dice.lasting(0.5, 3600), self._dice.happens(0.3)
            wall_error = timedelta()
            if not trusted:  # no clock of its own: 1970, or what it knew when it went dark
                to_1970 = timedelta(seconds=-self._world.clock.true_wall().timestamp())
                wall_error = self._dice.one_of(to_1970, timedelta(seconds=-dark_s), timedelta(days=-3))
            self._note(f"power is cut for {dark_s:.1f} s; then the clock is {wall_error} off")
            await self._world.watch(self._world.power_cut(dark_s, wall_error=wall_error, trusted=trusted))

    async def _fault(self) -> None:
        weights = {kind: weight for kind, (weight, _) in _FAULTS.items()} | _OF_STATION
        kind, evse = self._dice.weighed(weights), self._dice.one_of(1, 2)
        where = {} if kind in _OF_STATION else {"evse": evse}
        value = None if kind in _OF_STATION else self._dice.one_of(*_FAULTS[kind][1])
        self._world.verb("fault", kind=kind, value=value, **where)
        await self._lasts(f"fault {kind} {value or ''} {where}", 0.1, 900)
        self._world.verb("fault", kind=kind, clear=True, **where)
        await self._world.sleep(self._dice.lasting(5, 600))
        if self._world.station is not None:
            await self._trouble.reset_faults()

    async def _meter_silent(self) -> None:
        evse = self._dice.one_of(1, 2)
        self._world.verb("fault", kind="meter_silent", evse=evse)
        await self._lasts(f"the meter of EVSE {evse} is silent", 0.5, 1800)
        self._world.verb("fault", kind="meter_silent", evse=evse, clear=True)

    async def _meter_jumps(self) -> None:
        evse, wh = self._dice.one_of(1, 2), self._dice.one_of(0, 17, 5_000_000, 4_294_967_295)
        self._world.verb("fault", kind="meter_value", evse=evse, value={"energy_wh": wh})
        await self._lasts(f"the register of EVSE {evse} shows {wh} Wh", 0.5, 600)
        self._world.verb("fault", kind="meter_value", evse=evse, clear=True)

    async def _bad_frame(self) -> None:
        text = self._dice.one_of(*_BAD_FRAMES)
        self._note(f"the CSMS sends {text[:40]!r}")
        if IDENTITY in self._world.csms.connected:
            await self._world.csms.send_raw(IDENTITY, text)

    async def _step_clock(self) -> None:
        by = timedelta(seconds=self._dice.one_of(-1, 1) * self._dice.lasting(0.5, 400 * 86400))
        if not self._world.clock.is_kept:
            return  # nobody can tell yet which of the two times is right
        self._note(f"the station's wall clock is stepped by {by}")
        self._world.clock.step(by)

    async def _reader_gone(self) -> None:
        name = self._dice.one_of(*self._world.plant.readers)
        self._world.verb("fault", kind="reader_gone", value=name)
        await self._lasts(f"reader {name} is gone", 1, 600)
        self._world.verb("fault", kind="reader_gone", value=name, clear=True)

    async def _lasts(self, what: str, low_s: float, high_s: float) -> None:
        duration_s = self._dice.lasting(low_s, high_s)
        self._note(f"{what} for {duration_s:.1f} s")
        await self._world.sleep(duration_s)
        self._note(f"no longer: {what}")
