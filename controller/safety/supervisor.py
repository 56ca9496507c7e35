"""The loop's body: one pass reads every port, steps every machine, writes every output, then kicks the watchdog.

Production calls `pass_` every period; a simulation calls it when an input changed or `deadline` is due. It never sleeps,
logs or blocks. An exception in a pass drives the outputs safe and goes on to the caller; a port that fails is not an
exception but an unknown input, or a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from controller.hal import DeviceError, DigitalInput
from controller.logic.evse import (
    EvseFacts,
    FaultReset,
    Heartbeat,
    LockWish,
    Permit,
    PermitWithdrawn,
    StationMessage,
)
from controller.logic.inputs import Level
from controller.logic.invariants import Breach
from controller.safety.channel import OTHER, EvseChannel, level
from controller.safety.latches import Latches
from controller.safety.ports import BoardPorts, EvsePorts

HEARTBEAT_S = 0.5  # facts are told at least this often
STALLED_S = 0.200  # between kicks: the one-shot holds 250 ms, of its last rising edge


class InvariantBroken(AssertionError):
    """A test's run broke an invariant: the outputs are safe, the breaches are told."""

    def __init__(self, breaches: Sequence[Breach]) -> None:
        super().__init__("\n".join(str(breach) for breach in breaches))
        self.breaches = tuple(breaches)


class OnBreach(Enum):
    """What a broken invariant does, after it opened and latched."""

    LATCH = "latch"  # production: that is all
    RAISE = "raise"  # tests: stop right there


class SafetySupervisor:
    """All EVSEs of a board. run_id: new at each start of the process. Outputs are driven safe before anything is read.

    told: called with breaches, for a log outside the loop. monotonic: the clock that tells a stalled loop; None in a simulation
    that passes only when something happens; stood_still: called with how long, when everything is open. latches: where faults are noted that only a reset clears, or the vehicle's leaving.
    """

    def __init__(
        self,
        evses: Sequence[EvsePorts],
        board: BoardPorts,
        now: float,
        run_id: str,
        *,
        on_breach: OnBreach = OnBreach.LATCH,
        told: Callable[[Sequence[Breach]], None] | None = None,
        monotonic: Callable[[], float] | None = None,
        stood_still: Callable[[float], None] | None = None,
        latches: Latches | None = None,
    ) -> None:
        self.channels = {ports.config.evse_id: EvseChannel(ports, now, run_id) for ports in evses}
        self._all = tuple(self.channels.values())
        self._latches = latches
        if latches is not None:
            for place, channel in enumerate(self._all):
                channel.machine.faults.restore(latches.restored(place))
        self._noted_faults = [-1] * len(self._all)  # versions of the fault books
        self._board = board
        self._on_breach = on_breach
        self._told = told
        self._monotonic = monotonic
        self._stood_still = stood_still
        self._kicked_at: float | None = None
        self._last_facts_at = dict.fromkeys(self.channels, float("-inf"))
        self._has_news = dict.fromkeys(self.channels, True)
        self._dirty = True  # something was received since the last pass
        self._now = now
        self.breaches: list[Breach] = []
        self.passes = 0
        self.unknown_evses = 0
        self.stalls = 0
        self.make_safe()

    # --- the station ----------------------------------------------------------------------------------------------------

    def receive(self, message: StationMessage, now: float) -> None:
        """Take a message; what follows from it is decided in the next pass."""
        if isinstance(message, Heartbeat):
            return
        channel = self.channels.get(message.evse_id)
        if channel is None:
            self.unknown_evses += 1
            return
        machine = channel.machine
        if isinstance(message, Permit):
            self._dirty |= machine.permit_renewed(message, now)
            if message.measurements is not None:
                channel.measured(message.measurements, now)
            return
        self._dirty = True
        if isinstance(message, PermitWithdrawn):
            machine.permit_withdrawn()
        elif isinstance(message, LockWish):
            machine.lock_wished(message.lock)
        elif isinstance(message, FaultReset):
            machine.fault_reset(message.fault_id)

    def station_lost(self, now: float) -> None:
        """The station's socket closed: every permit is gone at once."""
        for channel in self._all:
            channel.machine.station_lost()
        self._dirty = True

    def outgoing(self, now: float) -> list[EvseFacts]:
        """Return the facts that changed since they were last returned, and those due by HEARTBEAT_S."""
        due = []
        for evse_id, channel in self.channels.items():
            if self._has_news[evse_id] or now - self._last_facts_at[evse_id] >= HEARTBEAT_S - 1e-6:
                self._has_news[evse_id] = False
                self._last_facts_at[evse_id] = now
                due.append(channel.machine.facts(now))
        return due

    def station_connected(self) -> None:
        """A station has just connected: it knows nothing yet."""
        self._has_news = dict.fromkeys(self._has_news, True)
        for channel in self._all:
            channel.machine.station_returned()
        self._dirty = True

    # --- the pass -------------------------------------------------------------------------------------------------------

    def pass_(self, now: float) -> None:
        """Make one pass. Raises whatever went wrong inside, with the outputs already safe."""
        try:
            self._pass(now)
        except BaseException:
            self.make_safe()
            raise

    def _pass(self, now: float) -> None:
        channels = self._all
        self._now = now
        self._dirty = False
        for channel in channels:
            channel.begin()
        estop = self._digital(self._board.estop)
        mains = self._digital(self._board.mains)
        absent = Level.NO if self._board.mains is None else OTHER[mains]
        limit = self._digital(self._board.limit)
        for channel in channels:
            channel.read(estop, absent, limit)
            channel.decide(now)
        for channel in channels:
            channel.write_openings()
        for channel in channels:
            channel.write()
        breaches = self._judge(now)
        self._note_latches()
        self.passes += 1
        breaches += self._kick(now)
        if breaches and self._on_breach is OnBreach.RAISE:
            raise InvariantBroken(breaches)

    def _digital(self, port: DigitalInput | None) -> Level:
        if port is None:
            return Level.NO
        try:
            return level(port.is_active())
        except DeviceError:
            return Level.UNKNOWN

    def _judge(self, now: float) -> list[Breach]:
        found: list[Breach] = []
        for channel in self._all:
            breaches = channel.judge(now)
            if breaches:
                found += breaches
                self._break(channel)
            if channel.machine.has_changed:
                self._has_news[channel.config.evse_id] = True
        self._tell(found)
        return found

    def _note_latches(self) -> None:
        if self._latches is None:
            return
        for place, channel in enumerate(self._all):
            faults = channel.machine.faults
            if faults.version != self._noted_faults[place]:
                self._noted_faults[place] = faults.version
                self._latches.note(place, faults.latched)

    def _tell(self, found: list[Breach]) -> None:
        if not found:
            return
        self.breaches += found
        del self.breaches[:-100]
        if self._told is not None:
            self._told(found)

    def _break(self, channel: EvseChannel) -> None:
        """Open at once, and latch: the machine takes it from its next pass on."""
        channel.machine.invariant_broken()
        channel.make_safe()
        self._dirty = True

    def _kick(self, now: float) -> list[Breach]:
        """Only after a complete pass, and only while everything that should be open could be told so."""
        if self._board.watchdog is None or not all(channel.could_open for channel in self._all):
            return []
        self._open_after_stall()
        found = [breach for channel in self._all for breach in channel.monitor.kicked(now)]
        self._tell(found)
        try:
            self._board.watchdog.kick()
        except DeviceError as error:
            self._all[0].last_error = error
        return found

    def _open_after_stall(self) -> None:
        """A kick after a stall gives a dropped contactor its supply back: it must find the coil told to open."""
        if self._monotonic is None:
            return
        at, before = self._monotonic(), self._kicked_at
        self._kicked_at = at
        if before is not None and at - before > STALLED_S:
            self.stalls += 1
            self.make_safe()
            for channel in self._all:
                channel.machine.loop_stalled()
            if self._stood_still is not None:
                self._stood_still(at - before)

    def make_safe(self) -> None:
        """Contactors open, pilots steady, locks at rest."""
        for channel in self._all:
            channel.make_safe()

    def deadline(self) -> float | None:
        """Return when, with unchanged inputs, the next pass could do anything; None: never."""
        if self.passes == 0 or self._dirty:
            return self._now
        times = [channel.machine.deadline() for channel in self._all]
        return min((at for at in times if at is not None), default=None)
