"""One connection with the CSMS, from its opening to its end: registration, then everything that needs it.

What must outlive the connection (is the station accepted, when may it boot again, since when is it offline) is in `Memory`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from msgspec import Struct

from controller.clock import Clock
from controller.logic.values import ClockQuality
from controller.ocpp.device_model import DeviceModel, SetOutcome
from controller.ocpp.dialect import BootAnswer, BootReason, Dialect, Message, Registration
from controller.ocpp.exc import CallError, CallTimeout, ConnectionLost, ErrorCode
from controller.ocpp.outbox import Outbox
from controller.ocpp.ports import ChargingStation, NotOnline
from controller.ocpp.rpc import Rpc
from controller.ocpp.security import SecurityEvents
from controller.ocpp.status import StatusReporter
from controller.ocpp.transport import Connection
from controller.store.exc import StorageFull
from controller.store.store import Store

_log = logging.getLogger(__name__)

_HEARTBEAT = "OCPPCommCtrlr.HeartbeatInterval"
_OWN_BOOT_WAIT_S = 60.0  # B02.FR.07, B03.FR.05
_DAY_S = 86400.0
_BOOT_NOT_BEFORE = "boot_not_before"  # boot id, CSMS, monotonic seconds
_CLOCK_TOLERANCE_S = 1.0  # smaller differences are noise, not news
_SLOW_ANSWER_S = 2.0
_MAX_SILENCES = 3


class Memory:
    """What the client knows across connections, for as long as the program runs."""

    def __init__(self, boot_reason: BootReason) -> None:
        self.registration = Registration.NONE
        self.known_to: tuple[str, str] | None = None  # protocol and CSMS that gave this registration
        self.boot_reason = boot_reason
        self.boot_not_before_s = 0.0
        self.offline_at_s: float | None = None

    def recall_interval(self, store: Store, clock: Clock, csms: str) -> None:
        """What this CSMS told a program that has ended since the machine was switched on holds for the next one, too."""
        words = (store.meta(_BOOT_NOT_BEFORE) or "").split()
        if words[:2] == [clock.boot_id, csms]:
            self.boot_not_before_s = float(words[2])

    def keep_interval(self, store: Store, clock: Clock, csms: str) -> None:
        with contextlib.suppress(StorageFull):  # then it is known as long as the program runs
            store.set_meta(_BOOT_NOT_BEFORE, f"{clock.boot_id} {csms} {self.boot_not_before_s}")

    def offline_since(self, now_s: float) -> None:
        """Note the loss of a connection; the first loss counts."""
        if self.offline_at_s is None:
            self.offline_at_s = now_s


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a conversation works with. heard: called at every valid answer. csms: names the CSMS."""

    station: ChargingStation
    model: DeviceModel
    store: Store
    clock: Clock
    random: Random
    outbox: Outbox
    security: SecurityEvents
    csms: str
    heard: Callable[[], None]
    tell_frame: Callable[[str, str], None]
    tell_link: Callable[[str, str], None]


class Conversation:
    """`run` it once. `call` is for whoever may send now; who may is the caller's business."""

    def __init__(
        self, connection: Connection, protocol: str, dialect: Dialect, memory: Memory, surroundings: Surroundings
    ) -> None:
        self._protocol = protocol
        self.dialect = dialect
        self._memory = memory
        self._around = surroundings
        self._boot_wanted = asyncio.Event()
        self._revoked = asyncio.Event()
        self._was_revoked = False
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._rearm = asyncio.Event()
        self._last_heartbeat_s = surroundings.clock.monotonic()
        self._silences = 0
        self._greets = False  # nothing has been said on this connection yet that proves the CSMS is there
        self._is_online = False
        self.statuses = StatusReporter(dialect, protocol, surroundings.store, self.call)
        self._rpc = Rpc(
            connection,
            dialect.codec,
            dialect.handlers,
            gate=lambda action: dialect.refusal(memory.registration, action),
            call_timeout_s=lambda: surroundings.model.float("OCPPCommCtrlr.MessageTimeout[Default]"),
            random=surroundings.random,
            on_frame=surroundings.tell_frame,
            heard=surroundings.heard,
        )

    @property
    def is_online(self) -> bool:
        """Whether the CSMS has accepted us and can hear us."""
        return self._is_online and self._rpc.is_open

    async def run(self) -> str:
        """Converse until the connection ends; return how it did."""
        self._around.model.subscribe(self._variable_changed)
        reading = asyncio.create_task(self._rpc.run())
        working = asyncio.create_task(self._work())
        try:
            ends: set[asyncio.Future[Any]] = {reading, working, self._ended}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return self._how(reading, working)
        finally:
            self._is_online = False
            self._around.model.unsubscribe(self._variable_changed)
            for task in (reading, working):
                task.cancel()
            await asyncio.gather(reading, working, return_exceptions=True)

    def _how(self, reading: asyncio.Task[ConnectionLost], working: asyncio.Task[None]) -> str:
        if self._ended.done():
            return self._ended.result()
        if reading.done():
            return str(reading.result())
        error = working.exception()
        if isinstance(error, ConnectionLost):
            return str(error)
        _log.error("the conversation with the CSMS failed", exc_info=error)
        return f"internal error: {error}"

    def leave(self, why: str) -> None:
        """End the connection from our side."""
        if not self._ended.done():
            self._ended.set_result(why)

    def boot_now(self) -> None:
        """Send BootNotification at once (TriggerMessage, B02.FR.04)."""
        self._memory.boot_reason = BootReason.TRIGGERED
        self._memory.boot_not_before_s = 0.0
        self._boot_wanted.set()

    async def call(self, message: Message, sent: Callable[[], None] = lambda: None) -> Struct:
        """Send a message in its turn and return the answer. sent: as `Rpc.call` has it.

        Raises ConnectionLost, CallTimeout, CallError, PayloadError; NotOnline when the CSMS has just forgotten us, or we leave.
        """
        if self._ended.done():
            raise NotOnline("the connection is being closed")
        try:
            answer = await self._rpc.call(message.action, message.payload, sent)
        except CallTimeout:
            self._unanswered()
            raise
        except CallError as error:
            if error.code == ErrorCode.SECURITY_ERROR and self.is_online and not self._was_revoked:
                # B01.FR.10: the CSMS does not know that it accepted us (it was restarted). Once per connection.
                _log.warning("the CSMS takes us for unregistered: booting again")
                self._was_revoked = True
                self._revoked.set()
                raise NotOnline("the CSMS takes us for unregistered") from error  # the message itself was not judged
            raise
        self._silences = 0
        return answer

    def _unanswered(self) -> None:
        """Without pings nothing else would ever notice a dead line."""
        self._silences += 1
        if self._silences >= _MAX_SILENCES and self._around.model.int("OCPPCommCtrlr.WebSocketPingInterval") == 0:
            self.leave(f"{self._silences} calls in a row were not answered")

    async def heartbeat(self) -> None:
        """Raises ConnectionLost, CallTimeout, CallError."""
        self._last_heartbeat_s = asked_s = self._around.clock.monotonic()
        answer = await self.call(self.dialect.heartbeat_request())
        self._believe(self.dialect.heartbeat_answer(answer), asked_s)

    # --- registration ---

    async def _work(self) -> None:
        while True:
            await self._register()
            await self._stay_online()
            self._revoked.clear()
            self._memory.registration = Registration.NONE

    async def _register(self) -> None:
        """Return once accepted; a reconnection to whom accepted us needs no boot (Part 4 §5.3)."""
        memory = self._memory
        if memory.known_to != self._peer:
            memory.registration = Registration.NONE
        if memory.registration is Registration.ACCEPTED:
            self._go_online(None)
            return
        while not await self._boot():
            pass

    @property
    def _peer(self) -> tuple[str, str]:
        return (self._protocol, self._around.csms)

    async def _wait_for_boot_time(self) -> None:
        wait_s = self._memory.boot_not_before_s - self._around.clock.monotonic()
        if wait_s > 0:
            try:
                async with asyncio.timeout(wait_s):
                    await self._boot_wanted.wait()
            except TimeoutError:
                pass

    async def _boot(self) -> bool:
        """Boot when it is time; return whether that got us accepted."""
        memory = self._memory
        self._boot_wanted.clear()
        await self._wait_for_boot_time()
        asked_s = self._around.clock.monotonic()
        try:
            reply = await self.call(self.dialect.boot_request(memory.boot_reason))
            answer = self.dialect.boot_answer(reply)
        except (CallTimeout, CallError) as error:
            _log.warning("BootNotification got no usable answer: %s", error)
            self._boot_later(0)
            return False
        memory.registration = answer.registration
        memory.known_to = self._peer
        self._around.tell_link(answer.registration.value, f"interval {answer.interval_s} s")
        _log.info("the CSMS answered BootNotification: %s", answer.registration.value)
        is_slow = self._around.clock.monotonic() - asked_s > _SLOW_ANSWER_S
        if not is_slow:
            self._believe(answer.at, asked_s)  # B01.FR.06
        if answer.registration is not Registration.ACCEPTED:
            self._boot_later(answer.interval_s)
            return False
        self._obey_interval(answer.interval_s)
        if is_slow:
            await self._ask_time_again(answer.at, asked_s)
        memory.boot_reason = BootReason.UNKNOWN  # should it be asked again: nothing has restarted since
        self._go_online(answer)
        return True

    def _boot_later(self, interval_s: int) -> None:
        """B02.FR.04/07/08, B03.FR.05/06."""
        wait_s = float(interval_s) if interval_s > 0 else _OWN_BOOT_WAIT_S * self._around.random.uniform(0.8, 1.2)
        self._memory.boot_not_before_s = self._around.clock.monotonic() + wait_s
        if interval_s > 0:
            self._memory.keep_interval(self._around.store, self._around.clock, self._around.csms)

    def _obey_interval(self, interval_s: int) -> None:
        """B01.FR.04, G02.FR.01."""
        interval_s = min(interval_s, int(_DAY_S))
        if interval_s > 0 and interval_s != self._around.model.int(_HEARTBEAT):
            result = self._around.model.set(_HEARTBEAT, str(interval_s), "csms")
            if result.outcome is not SetOutcome.ACCEPTED:
                _log.warning("the CSMS's interval is not obeyed: %s", result.detail)

    async def _ask_time_again(self, told: datetime, asked_s: float) -> None:
        """A slow answer tells the time only roughly: find it out better before anything is dated by it."""
        try:
            await self.heartbeat()
        except (CallTimeout, CallError, ConnectionLost) as error:
            self._believe(told, asked_s)
            if isinstance(error, ConnectionLost):
                raise

    # --- online ---

    def _go_online(self, boot: BootAnswer | None) -> None:
        """Everything that was held back may go now; the statuses go first, some CSMS need them before a transaction."""
        memory, around = self._memory, self._around
        self._greets = boot is None
        offline_s = 0.0 if memory.offline_at_s is None else around.clock.monotonic() - memory.offline_at_s
        memory.offline_at_s = None
        self._is_online = True
        around.station.registered(boot.at if boot is not None else None)
        if boot is not None or offline_s > around.model.int("OCPPCommCtrlr.OfflineThreshold"):
            self.statuses.report_all()
        else:
            self.statuses.report_changed()
        around.tell_link("online", self._protocol)

    async def _stay_online(self) -> None:
        """Until the registration is revoked or the connection ends."""
        greeted = asyncio.Event()
        works = (
            self._report_and_deliver(greeted),
            self._tell_security_events(greeted),
            self._keep_alive(),
            self._revoked.wait(),
        )
        duties = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.wait(duties, return_when=asyncio.FIRST_COMPLETED)
            for duty in duties:
                error = duty.exception() if duty.done() else None
                if error is not None and not (isinstance(error, NotOnline) and self._revoked.is_set()):
                    raise error
        finally:
            self._is_online = False
            self._around.outbox.link_down()
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*duties, return_exceptions=True)

    async def _report_and_deliver(self, greeted: asyncio.Event) -> None:
        await self.statuses.flush()
        if self._greets:
            await self._beat()  # B04, step 5
        self._around.outbox.link_up(self._protocol, self._around.csms)
        greeted.set()
        await self.statuses.run()

    async def _tell_security_events(self, greeted: asyncio.Event) -> None:
        await greeted.wait()
        await self._around.security.run(self.call, self._protocol)

    async def _keep_alive(self) -> None:
        """A Heartbeat after each silence of HeartbeatInterval, and one a day for the clock (G02.FR.02/05/07)."""
        while True:
            self._rearm.clear()
            due_s = self._rpc.last_sent_s + self._around.model.int(_HEARTBEAT)
            wait_s = min(due_s, self._last_heartbeat_s + _DAY_S) - self._around.clock.monotonic()
            if wait_s > 0:
                await self._pause(wait_s)
                continue
            await self._beat()

    async def _beat(self) -> None:
        try:
            await self.heartbeat()
        except (CallTimeout, CallError) as error:
            _log.warning("Heartbeat got no answer: %s", error)

    async def _pause(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._rearm.wait()
        except TimeoutError:
            pass

    def _variable_changed(self, key: str) -> None:
        if key == _HEARTBEAT:
            self._rearm.set()

    def _believe(self, told: datetime, asked_s: float) -> None:
        """Take the CSMS's time where the configuration says so (G02.FR.06, ClockCtrlr.TimeSource).

        It was that time somewhere between the question and the answer: a trusted clock that agrees with this is kept as it is.
        """
        if "Heartbeat" not in self._around.model.members("ClockCtrlr.TimeSource"):
            return
        now = self._around.clock.now()
        trip_s = self._around.clock.monotonic() - asked_s
        ahead_s = (now.wall - told).total_seconds()
        agrees = -_CLOCK_TOLERANCE_S <= ahead_s <= trip_s + _CLOCK_TOLERANCE_S
        if now.quality is ClockQuality.UNTRUSTED or not agrees:
            self._around.clock.set_wall(told + timedelta(seconds=trip_s / 2))
            self._around.store.learn_wall_clock()
        else:
            self._around.clock.keep_wall()
