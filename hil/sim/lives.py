"""Random lives of one station from one seed: visitors at both EVSEs, an operator at the CSMS, and everything that can go wrong.

When the visits are over all is put right, and then the books must agree (`books`).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hil.csms.log import Frame, Violation
from hil.sim.books import Books
from hil.sim.chance import CROWDED, Dice, Pace
from hil.sim.driver import Driver, know_cards
from hil.sim.operator import Operator
from hil.sim.timeline import Timeline
from hil.sim.trouble import Trouble
from hil.sim.world import IDENTITY, SimWorld
from hil.virtual import START_S, run_virtual

_KEEPS_FRAMES = 2000
_SETTLES_EVERY = 20  # visits
_REMEMBERED = 60  # happenings told when something is wrong
_HEALS_WITHIN_S = 6 * 3600.0
_PROGRESS_S = 5.0
_STORED_BYTES = 1 << 20
_STORED_BYTES_A_MESSAGE = 4096
_MOST_GROWTH_MB = 24.0

Tell = Callable[[str], None]


OPERATOR = "operator"  # what can be left out beside the kinds of trouble: the whims of who sits at the CSMS


@dataclass(frozen=True, slots=True)
class Play:
    """What decides a run, to the last frame. visits: how many begin, at `pace`. without: kinds of trouble (or OPERATOR) left out."""

    seed: int
    ocpp: str
    visits: int
    without: frozenset[str] = frozenset()
    pace: Pace = CROWDED


@dataclass(slots=True)
class Outcome:
    """What came of one run. sessions: visits. frames: how many passed the CSMS; digest: of all of them, with their times.

    stored_bytes: of the station's database in the end. grown_mb: what the process grew by
    in the second half of the visits, where there are enough of them to tell. wrong: the first thing that was, at wrong_at_s of virtual time, after these happenings.
    """

    ocpp: str
    seed: int
    sessions: int = 0
    transactions: int = 0
    messages: int = 0
    energy_kwh: float = 0.0
    compared: int = 0
    duplicates: int = 0
    frames: int = 0
    digest: str = ""
    commands: int = 0
    boots: int = 0
    stored_bytes: int = 0
    grown_mb: float = 0.0
    troubles: dict[str, int] = field(default_factory=dict)
    virtual_s: float = 0.0
    real_s: float = 0.0
    cpu_s: float = 0.0
    speed: float = 0.0
    wrong: list[str] = field(default_factory=list)
    wrong_at_s: float | None = None
    happenings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def live(
    play: Play,
    tell: Tell = lambda line: None,
    *,
    every: bool = False,
    timeline: Timeline | None = None,
    implies: bool = True,
    on_frame: Callable[[Frame], None] = lambda frame: None,
) -> Outcome:
    """Let it happen and return what came of it. every: tell of every happening, not only of progress. timeline: gets all of it.

    implies: see `SimWorld`. on_frame: gets what passes the CSMS.
    """
    outcome = Outcome(play.ocpp, play.seed)
    began_s, cpu_s = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="pilotline-sim-") as directory:
        run_virtual(_Lives(Path(directory), play, outcome, tell, every, timeline, implies, on_frame).run())
    outcome.real_s = round(time.perf_counter() - began_s, 2)
    outcome.cpu_s = round(time.process_time() - cpu_s, 2)
    outcome.speed = round(outcome.virtual_s / outcome.real_s, 1)
    return outcome


def station_settings(seed: int, ocpp: str, pace: Pace = CROWDED) -> dict[str, dict[str, Any]]:
    """Return what is configured in this run: `variables` and `station` as `SimWorld` takes them."""
    dice = Dice(seed, "settings")
    variables: dict[str, Any] = {
        "AuthCtrlr.OfflineTxForUnknownIdEnabled": dice.happens(0.5),
        "AuthCtrlr.LocalPreAuthorize": dice.happens(0.4),
        "AuthCtrlr.AuthorizeRemoteStart": dice.happens(0.5),
        "TxCtrlr.StopTxOnEVSideDisconnect": dice.happens(0.8),
        "TxCtrlr.StopTxOnInvalidId": dice.happens(0.7),
        "TxCtrlr.EVConnectionTimeOut": 120,
        "TxCtrlr.ResumptionTimeout": dice.one_of(0, 300, 300, 3600),
        "TxCtrlr.AllowEnergyTransferResumption": dice.happens(0.8),
        "OCPPCommCtrlr.UnlockOnEVSideDisconnect": dice.happens(0.7),
        "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": 100,
        "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": 10,
        "SampledDataCtrlr.TxUpdatedInterval": dice.one_of(60, 300, 900),
        "AlignedDataCtrlr.Interval": dice.one_of(0, 900),
    }
    if pace.samples_s:
        variables |= {"SampledDataCtrlr.TxUpdatedInterval": pace.samples_s, "AlignedDataCtrlr.Interval": 0}
    if ocpp != "1.6":
        start, stop = dice.one_of(
            ("PowerPathClosed", "Authorized,EVConnected"),
            ("Authorized", "Authorized"),
            ("EVConnected", "EVConnected"),
            ("PowerPathClosed", "PowerPathClosed"),
            ("Authorized,EVConnected", "EVConnected"),
        )
        variables |= {"TxCtrlr.TxStartPoint": start, "TxCtrlr.TxStopPoint": stop}
    station: dict[str, Any] = {"authorization_required": dice.happens(0.9)}
    if dice.happens(0.4):
        station["site_max_a"] = 40
    return {"variables": variables, "station": station}


class _Lives:
    def __init__(
        self,
        directory: Path,
        play: Play,
        outcome: Outcome,
        tell: Tell,
        every: bool,
        timeline: Timeline | None,
        implies: bool,
        on_frame: Callable[[Frame], None],
    ) -> None:
        self._directory = directory
        self._play = play
        self._timeline = timeline
        self._outcome = outcome
        self._tell = tell
        self._every = every
        self._implies = implies
        self._on_frame = on_frame
        self._left = play.visits
        self._resident_mb: float | None = None  # half-way, of a run that is long enough
        self._happenings: deque[str] = deque(maxlen=_REMEMBERED)
        self._told_s = time.perf_counter()
        self._books: Books
        self._digest = hashlib.sha256()
        self._world: SimWorld

    async def run(self) -> None:
        outcome = self._outcome
        settings = station_settings(outcome.seed, outcome.ocpp, self._play.pace)
        self._world = world = SimWorld(
            self._directory,
            seed=outcome.seed,
            version=outcome.ocpp,
            keeps=_KEEPS_FRAMES,
            variables=settings["variables"],
            station=settings["station"],
            implies=self._implies,
        )
        world.csms.behaviour.boot_interval_s = self._play.pace.heartbeats_s
        self._books = Books(world)
        know_cards(world.csms.tokens)
        world.csms.log.violation_observers.append(self._violated)
        world.csms.log.frame_observers.append(self._count_frame)
        if self._timeline is not None:
            self._timeline.watch(world)
        handler = _Complaints(world.fail)
        logging.getLogger("controller").addHandler(handler)
        try:
            async with world:
                await self._live(world)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the run was to find
            self._went_wrong(error)
        finally:
            logging.getLogger("controller").removeHandler(handler)
        outcome.virtual_s = round(world.now - START_S, 1)
        outcome.duplicates = len(world.csms.duplicates)
        outcome.digest = self._digest.hexdigest()

    async def _live(self, world: SimWorld) -> None:
        seed, without, pace = self._play.seed, self._play.without, self._play.pace
        operator = Operator(world, Dice(seed, "operator"), self._note, pace)
        trouble = Trouble(world, seed, self._note, without, pace)
        drivers = [
            Driver(world, evse, Dice(seed, f"driver {evse}"), operator, self._note, pace) for evse in world.plant.evses
        ]
        await world.sleep(10)
        around = [asyncio.create_task(trouble.run())]
        if OPERATOR not in without:
            around.insert(0, asyncio.create_task(operator.run()))
        for task in around:
            task.add_done_callback(self._fail_if_failed)
        await world.watch(_all(*(self._visits(driver) for driver in drivers)))
        for task in around:
            task.cancel()
        if self._resident_mb is not None:
            self._outcome.grown_mb = round(_resident_mb() - self._resident_mb, 1)
        await self._heal(world, operator, trouble, drivers)
        self._outcome.commands = operator.commands.total()
        self._outcome.troubles = dict(sorted(trouble.made.items()))
        self._close(world)

    async def _visits(self, driver: Driver) -> None:
        while self._left > 0:
            self._left -= 1
            await driver.visit()
            self._outcome.sessions += 1
            if self._outcome.sessions % _SETTLES_EVERY == 0:
                self._books.settle()
            if self._resident_mb is None and self._outcome.sessions >= max(100, self._play.visits // 2):
                self._resident_mb = _resident_mb()
            self._tell_progress()

    async def _heal(self, world: SimWorld, operator: Operator, trouble: Trouble, drivers: list[Driver]) -> None:
        """Put everything right, see that each EVSE charges again, and wait for the last message to arrive."""
        self._note("everything is put right")
        await trouble.put_right()
        for driver in drivers:
            driver.leave()
        await world.until(
            lambda: IDENTITY in world.csms.connected, _HEALS_WITHIN_S, "the station is connected", step_s=5
        )
        await world.until(lambda: world.store and not world.store.queued_count(), _HEALS_WITHIN_S, "delivery", step_s=5)
        await operator.put_right()
        await world.sleep(60)
        await trouble.reset_faults()
        for driver in drivers:
            try:
                await driver.charge_once()
            except AssertionError as error:
                raise AssertionError(f"{error}\n{json.dumps(world.station_or_fail.why())}") from error
        await world.sleep(400)  # cables, tokens and authorisations that wait for somebody
        store = world.store_or_fail
        await world.until(lambda: not store.queued_count(), _HEALS_WITHIN_S, "everything is delivered", step_s=5)
        for number, model in world.plant.evses.items():
            assert not model.contactor.is_closed, f"EVSE {number}: nothing is plugged in, the contact is closed"

    def _close(self, world: SimWorld) -> None:
        outcome, books = self._outcome, self._books
        outcome.stored_bytes = world.database.stat().st_size
        problems = [*books.close(), *self._overgrown()]
        outcome.transactions, outcome.messages, outcome.compared = books.transactions, books.messages, books.compared
        outcome.energy_kwh = round(books.energy_wh / 1000, 3)
        outcome.boots = len(world.store_or_fail.boots())
        if problems:
            raise AssertionError("\n".join(problems))

    def _overgrown(self) -> list[str]:
        """Return what grew with the years although it should not."""
        outcome = self._outcome
        problems = []
        most = _STORED_BYTES + _STORED_BYTES_A_MESSAGE * self._books.messages
        if outcome.stored_bytes > most:
            problems.append(f"the database has {outcome.stored_bytes} bytes, with {self._books.messages} messages")
        if outcome.grown_mb > _MOST_GROWTH_MB:
            problems.append(f"in the second half the process grew by {outcome.grown_mb:.0f} MiB")
        return problems

    # --- what is told

    def _note(self, what: str) -> None:
        line = f"{self._world.now:12.2f} {self._world.clock.true_wall():%d.%m. %H:%M:%S} {what}"
        self._happenings.append(line)
        if self._timeline is not None:
            self._timeline.note(self._world.now, what)
        if self._every:
            self._tell(line)

    def _tell_progress(self) -> None:
        now_s = time.perf_counter()
        if now_s - self._told_s >= _PROGRESS_S:
            self._told_s = now_s
            days = (self._world.now - START_S) / 86400
            self._tell(
                f"  OCPP {self._outcome.ocpp}: {self._outcome.sessions}/{self._play.visits} visits, day {days:.1f}"
            )

    def _count_frame(self, frame: Frame) -> None:
        self._outcome.frames += 1
        self._on_frame(frame)
        self._digest.update(f"{frame.at_s:.6f} {frame.sender} {frame.text}\n".encode())

    def _violated(self, violation: Violation) -> None:
        self._world.fail(AssertionError(f"{violation}\n{violation.text}"))

    def _fail_if_failed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._world.fail(error)

    def _went_wrong(self, error: BaseException) -> None:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        text = str(error) if isinstance(error, AssertionError) and str(error) else repr(error)
        self._outcome.wrong = text.splitlines()
        self._outcome.wrong_at_s = round(self._world.now, 3)
        self._outcome.happenings = list(self._happenings)
        logging.getLogger(__name__).debug("what went wrong", exc_info=error)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class _Complaints(logging.Handler):
    """An exception that the product only logs is wrong all the same."""

    def __init__(self, fail: Callable[[BaseException], None]) -> None:
        super().__init__(logging.WARNING)
        self._fail = fail

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._fail(record.exc_info[1])


async def _all(*work: Any) -> None:
    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(each)
