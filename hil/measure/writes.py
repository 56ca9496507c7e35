"""What the store costs a card: bytes and flushes of simulated days of the whole station, and how long it takes to open.

Counted where SQLite hands its writes to the operating system (`hil.cuts.vfs`). Device bytes are whole blocks of 4 KiB, each counted once between
two flushes of its file: on ext4 within 6 % of what the block device counts, once the log has its full length and flushing it changes
no size any more.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from controller.clock import SystemClock
from controller.logic.records import EventKind, StopReason, TransactionEvent, Trigger
from controller.logic.values import Measurand, Sample, SampleContext
from controller.store.codec import encode_event
from controller.store.database import StoreLimits
from controller.store.rows import Frozen
from controller.store.store import DATABASE, Store
from hil.cuts.disk import Synced, Traffic, traffic
from hil.cuts.vfs import Recorder, Unwatchable
from hil.measure.shape import Shape
from hil.processes import RigError
from hil.sim.world import SimWorld
from hil.virtual import run_virtual

MIB = 1 << 20
HOUR_S = 3600.0
SETTLE_S = 120.0  # after a start or a plug-in, before what goes on is counted
SESSIONS, SESSION_S, DAY_S = 4, 2 * HOUR_S, 24 * HOUR_S
SAMPLE_S, OFFLINE_S = 10, HOUR_S
RECORDS, RECORDS_EACH, OPENS = 100_000, 100, 3
# Every 1,000 pages SQLite copies the log into the database: it syncs the log, the database, and then the head of the log begun anew.
CHECKPOINT_FLUSHES = 3

MOST_SAMPLE_RATIO, MOST_SAMPLE_FLUSHES, MOST_UPDATE_FLUSHES = 6.0, 0.2, 1.0
MOST_CHECKPOINT_FLUSHES = 0.05
MOST_MINUTE_FLUSHES = 1.1
MOST_SESSION_MIB, MOST_SESSION_FLUSHES = 4.0, 160.0
MOST_DAY_MIB, MOST_DAY_FLUSHES = 16.0, 640.0
MOST_OPEN_S = 1.0

Say = Callable[[str], None]
Script = Callable[["Meter"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a stretch of time cost. samples: updates that the store took in meanwhile; sample_bytes: their bodies."""

    traffic: Traffic
    checkpoints: int
    samples: int
    sample_bytes: int

    @property
    def committing(self) -> int:
        """Flushes without those of copying the log."""
        return self.traffic.flushes - CHECKPOINT_FLUSHES * self.checkpoints


class Meter:
    """Measures stretches of a simulated station's life, as the disk sees them."""

    def __init__(self, world: SimWorld, recorder: Recorder) -> None:
        self.world = world
        self._operations = recorder.operations

    async def during(self, seconds: float) -> Stretch:
        """Let time pass and tell what that took."""
        mark = self.mark()
        await self.world.sleep(seconds)
        return self.since(mark)

    def mark(self) -> tuple[int, int]:
        """Return an instant for `since`."""
        return len(self._operations), self.world.store_or_fail.last_position()

    def since(self, mark: tuple[int, int]) -> Stretch:
        done, position = self._operations[mark[0] :], mark[1]
        events = [
            message.event
            for one in self.world.store_or_fail.archive()
            for message in one.messages
            if message.position > position and isinstance(message.event, TransactionEvent)
        ]
        sizes = [len(encode_event(event)) for event in events if event.kind is EventKind.UPDATED]
        checkpoints = sum(isinstance(each, Synced) and each.name == DATABASE for each in done)
        return Stretch(traffic(done), checkpoints, len(sizes), sum(sizes))


def writes(directory: Path, say: Say) -> list[Shape]:
    """Live through a day and through an hour without a CSMS; open a store of 100,000 records. Raises RigError."""
    try:
        say("store: a day of four sessions, in virtual time")
        shapes = day(directory / "day")
        say("store: an hour of samples without a CSMS")
        shapes += offline(directory / "offline")
    except Unwatchable as error:
        raise RigError(str(error)) from error
    say(f"store: {RECORDS} records are written, to be opened")
    return [*shapes, opening(directory / "records")]


def _live(directory: Path, script: Script, limits: StoreLimits | None = None, **settings: Any) -> None:
    """Run a script in a station whose disk is watched."""
    state = directory / "state"
    state.mkdir(parents=True)

    async def main(recorder: Recorder) -> None:
        free = {"authorization_required": False}
        async with SimWorld(directory, limits=limits or StoreLimits(), station=free, keeps=100, **settings) as world:
            await world.sleep(SETTLE_S)
            await script(Meter(world, recorder))

    log = logging.getLogger("controller")
    level = log.level
    log.setLevel(logging.CRITICAL)  # that there is no CSMS is meant
    try:
        with Recorder(state) as recorder:
            run_virtual(main(recorder))
    finally:
        log.setLevel(level)


def day(directory: Path) -> list[Shape]:
    """The intervals that are the default (a sample a minute), the CSMS always there."""
    sessions, charging, idle, whole = list[Stretch](), list[Stretch](), list[Stretch](), list[Stretch]()

    async def script(meter: Meter) -> None:
        world, morning = meter.world, meter.mark()
        for _ in range(SESSIONS):
            plugged = meter.mark()
            world.verb("plug_in", evse=1, ev={"phases": 3})
            await world.sleep(SETTLE_S)
            charging.append(await meter.during(SESSION_S - 2 * SETTLE_S))
            world.verb("unplug", evse=1)
            await world.sleep(SETTLE_S)
            sessions.append(meter.since(plugged))
            idle.append(await meter.during(DAY_S / SESSIONS - SESSION_S))
        whole.append(meter.since(morning))

    _live(directory, script)
    [all_day] = whole
    updates = sum(each.samples for each in charging)
    committing = sum(each.committing for each in charging)
    copying = sum(each.traffic.flushes for each in charging) - committing
    session_mib = mean(each.traffic.block_bytes for each in sessions) / MIB
    session_flushes = mean(each.traffic.flushes for each in sessions)
    of_session, of_day = f"of {SESSION_S / HOUR_S:g} h", f"{SESSIONS} sessions"
    return [
        Shape.within(
            "store_update_flushes",
            committing / updates,
            "",
            MOST_UPDATE_FLUSHES,
            "to commit an update sent online",
            samples=updates,
        ),
        Shape.within(
            "store_update_copy_flushes",
            copying / updates,
            "",
            MOST_CHECKPOINT_FLUSHES,
            "to copy the log, for each of them",
            samples=updates,
        ),
        Shape.within("store_session_mib", session_mib, "MiB", MOST_SESSION_MIB, of_session, samples=SESSIONS),
        Shape.within("store_session_flushes", session_flushes, "", MOST_SESSION_FLUSHES, of_session, samples=SESSIONS),
        Shape.within("store_day_mib", all_day.traffic.block_bytes / MIB, "MiB", MOST_DAY_MIB, of_day),
        Shape.within("store_day_flushes", all_day.traffic.flushes, "", MOST_DAY_FLUSHES, of_day),
        Shape.within(
            "store_idle_flushes",
            sum(each.traffic.flushes for each in idle),
            "",
            0,
            "nothing happens, nothing is written",
        ),
    ]


def offline(directory: Path, seconds: float = OFFLINE_S, limits: StoreLimits | None = None) -> list[Shape]:
    """Samples that are only stored. limits: of the store, those of the product by default."""
    found = list[Stretch]()

    async def script(meter: Meter) -> None:
        meter.world.verb("network", up=False)
        meter.world.verb("plug_in", evse=1, ev={"phases": 3})
        await meter.world.sleep(SETTLE_S)
        found.append(await meter.during(seconds))

    _live(directory, script, limits, variables={"SampledDataCtrlr.TxUpdatedInterval": SAMPLE_S})
    [stored] = found
    count, minutes = stored.samples, seconds / 60.0
    return [
        Shape(
            "store_sample_bytes",
            stored.traffic.block_bytes / count,
            "B",
            stored.sample_bytes / count,
            "its own bytes",
            MOST_SAMPLE_RATIO,
            samples=count,
        ),
        Shape.within(
            "store_sample_flushes",
            stored.traffic.flushes / count,
            "",
            MOST_SAMPLE_FLUSHES,
            f"a sample every {SAMPLE_S} s",
            samples=count,
        ),
        Shape.within(
            "store_minute_flushes",
            stored.traffic.flushes / minutes,
            "",
            MOST_MINUTE_FLUSHES,
            "whatever the interval, while offline",
        ),
    ]


def opening(directory: Path) -> Shape:
    """As after a boot: nothing of the file is in the system's cache. It is only written to be there, so without a flush."""
    directory.mkdir(parents=True)
    path, clock = directory / DATABASE, SystemClock(lambda: True)
    store = Store.open(path, clock, StoreLimits(durable=False))
    for _ in range(RECORDS // RECORDS_EACH):
        _transaction(store, clock)
    store.close()
    taken = []
    for _ in range(OPENS):
        _forget(path)
        began = time.perf_counter()
        store = Store.open(path, clock)
        store.open_transactions()
        store.waiting(1)
        taken.append(time.perf_counter() - began)
        store.close()
    what = f"{RECORDS} records, {path.stat().st_size // MIB} MiB, not in the cache"
    return Shape.within("store_open_s", median(taken), "s", MOST_OPEN_S, what)


def _forget(path: Path) -> None:
    """Have the system drop a file from its cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())  # what is not written yet cannot be dropped
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _transaction(store: Store, clock: SystemClock) -> None:
    """Begin, update, end and deliver one, with messages of a usual size."""
    transaction_id = store.new_transaction_id()
    samples = tuple(Sample(each, 1234.5, "", SampleContext.SAMPLE_PERIODIC) for each in list(Measurand)[:10])
    for number in range(RECORDS_EACH):
        kind = EventKind.STARTED if not number else EventKind.UPDATED
        if number == RECORDS_EACH - 1:
            kind = EventKind.ENDED
        event = TransactionEvent(
            transaction_id,
            kind,
            Trigger.METER_VALUE_PERIODIC,
            clock.now(),
            True,
            evse_id=1,
            stopped_reason=StopReason.LOCAL if kind is EventKind.ENDED else None,
            register_wh=number,
            samples=samples,
            may_drop=kind is EventKind.UPDATED,
        )
        if kind is EventKind.STARTED:
            store.begin_transaction(event, protocol="ocpp2.0.1", csms="csms")
        else:
            store.add_event(event)
        position = store.last_position()
        store.freeze(position, Frozen("ocpp2.0.1", "TransactionEvent", encode_event(event), number), more_follow=True)
        store.delivered(position)
